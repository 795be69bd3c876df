//! Finishing what the device has done of one handle's items, under the handle's lock: straight into a caller's arrays,
//! or into the ring.
//!
//! Most items come back without a match. Runs of those are recognised by their completion words alone, counted once,
//! and freed together.

use super::found::Reused;
use super::kernel::Resident;
use super::shared::{Live, Shared, Task};
use crate::drain::finishing::{confirmed, outcome_of};
use crate::drain::{DeviceCounters, DrainKind, Feed, Harvest, Telemetry};
use crate::engine::{Batch, Delivery, Engine, Job, Known, Lender, Loans, Outcome, Piece, Room, Tally, lock, put};
use crate::gpu::persistent::DeviceCompletion;
use crate::gpu::{ForHost, RawMatch};
use crate::ring::{Claims, Kept, Position, Reservation};
use crate::status::TRM_OK;
use crate::types::{trm_completion, trm_work_item};
use std::sync::atomic::Ordering;
use std::time::Instant;

/// Unfinished items that a harvest looks past: a device finishes about in order, so far behind what it has not finished
/// there is little to be found.
const LOOK_PAST: usize = 64;
/// The same for items that no caller picks up: nobody waits for the end of such a harvest.
const LOOK_FAR_PAST: usize = 4096;

/// So few strings and borders are looked at where they are found: handing them to another thread would cost more.
const QUICK: usize = 8;
/// In so many items of one harvest: the caller waits meanwhile.
const MANY: usize = 32;
/// So many items without a match, one after the other, are a run of their own.
const LONG_RUN: usize = 16;
/// So often a caller who waits for an item looks for it, at a nanosecond or two each, before it lets go of the locks.
const LOOKS: usize = 200;

pub(super) struct Harvester<'a, 'l, 'r, 'b, K> {
    pub shared: &'a Shared<K>,
    pub engine: &'a Engine,
    pub live: &'a Live<K>,
    pub lender: &'a mut Lender<'l>,
    pub room: Option<&'a mut Room<'r, 'b>>,
    pub delivery: Delivery,
    for_host: Vec<Task>,
    /// Items whose borders were looked at here.
    confirmed: usize,
    records: Vec<RawMatch>,
    pub reused: Reused,
    pub harvest: Harvest,
}

impl<K: Resident> Harvester<'_, '_, '_, '_, K> {
    /// Finishes one item, if it is done. Who waits for it looks some more: it comes in a few microseconds, and a look here costs
    /// a tenth of what coming again does.
    fn one(&mut self, position: Position) {
        let (kernel, index) = (&self.live.kernel, position.ticket() - 1);
        let looks = if self.room.is_some() { LOOKS } else { 1 };
        let Some(done) = (0..looks).find_map(|_| kernel.poll_done(index)) else { return };
        let plain = !self.lender.loans.any_apart && kernel.plain_run(index, 1) > 0;
        match self.lender.loans.remove(position) {
            Some(piece) if plain => self.finish_plain(piece),
            Some(piece) => self.finish(piece, done),
            None => {}
        }
    }

    /// Finishes what is done, oldest first, until the room is full.
    fn all(&mut self) {
        let mut patience = if self.room.is_some() { LOOK_PAST } else { LOOK_FAR_PAST };
        let mut at = 0;
        while let Some(piece) = self.lender.loans.piece(at) {
            let (index, count) = (piece.first().ticket() - 1, piece.count());
            let most = count.min(self.left());
            if most == 0 {
                break;
            }
            let plain = if self.lender.loans.any_apart { 0 } else { self.live.kernel.plain_run(index, most) };
            if plain < LONG_RUN.min(most) && self.finish_found(at, most) > 0 {
                continue;
            }
            if plain > 0 {
                let piece = self.lender.loans.take(at, plain);
                self.finish_plain(piece);
                continue;
            }
            if let Some(done) = self.live.kernel.poll_done(index) {
                let piece = self.lender.loans.take(at, 1);
                self.finish(piece, done);
                if self.harvest.short.is_some() {
                    break;
                }
                continue;
            }
            if patience == 0 {
                break;
            }
            let open = self.live.kernel.open_run(index, count.min(patience));
            patience -= open;
            if open == 0 {
                // It came just now.
                continue;
            }
            if open < count {
                self.lender.loans.cut(at, open);
            }
            at += 1;
        }
    }

    /// Completions that still fit.
    fn left(&self) -> usize {
        match &self.room {
            Some(room) if self.delivery != Delivery::None => room.buffers.completions.len() - room.taken.items,
            _ => usize::MAX,
        }
    }

    /// Items without a match, one after the other.
    fn finish_plain(&mut self, piece: Piece) {
        if piece.is_left_out() {
            return self.got_past(piece);
        }
        let (engine, wanted) = (self.engine, self.delivery == Delivery::All);
        let (first, count) = (piece.first(), piece.count());
        let (head, rest) = self.lender.loans.items(&piece);
        let mut bytes = 0;
        match &mut self.room {
            Some(room) if wanted => {
                let out = &mut room.buffers.completions[room.taken.items..][..count];
                let (here, behind) = out.split_at_mut(head.len());
                let first_match = room.taken.matches as u32;
                bytes += put_plain(first, head, first_match, here);
                bytes += put_plain(first.plus(head.len() as u64), rest, first_match, behind);
                room.taken.items += count;
            }
            _ => bytes += head.iter().chain(rest).map(|item| u64::from(item.input_len)).sum::<u64>(),
        }
        if piece.owns_regions() {
            engine.let_go_all(first, self.lender.loans.jobs(&piece));
        }
        count_in(&mut self.lender.lists.used, piece.set(), count as u64);
        let mut tally = Tally::default();
        tally.add_plain(count as u64, bytes);
        self.lender.count(&mut tally);
        self.harvest.finished = true;
        if self.room.is_some() || !wanted {
            return self.hold(piece.into_kept());
        }
        self.release();
        self.lender.to_ring(first, count as u64);
        self.harvest.collectable = true;
        engine.ring().complete_blank(self.fill(piece));
    }

    /// Positions without items, for which nobody waits.
    fn got_past(&mut self, piece: Piece) {
        self.lender.got_past(piece.count());
        self.harvest.finished = true;
        self.hold(piece.into_kept());
    }

    /// The ring gets what items are, for whoever goes on with them.
    fn fill(&self, piece: Piece) -> Claims {
        let jobs: Vec<Job> = self.lender.loans.jobs(&piece).collect();
        self.engine.ring().fill(piece.into_kept(), |n| jobs[n])
    }

    /// Any done item.
    fn finish(&mut self, piece: Piece, mut done: DeviceCompletion) {
        let (engine, position) = (self.engine, piece.first());
        let Some(job) = self.lender.loans.jobs(&piece).next() else { unreachable!("a piece of one item") };
        self.records.clear();
        let mut known = ForHost::default();
        match done.overflow {
            true => known = self.live.kernel.take_for_host(position.ticket() - 1, done, job.input_len),
            false => done.overflow = !self.live.kernel.take_records(position.ticket() - 1, done, &mut self.records),
        }
        if piece.is_left_out() {
            return self.got_past(piece);
        }
        let set = engine.known_set(job.set(), self.lender.known);
        let found = match engine.is_off(position, &job) {
            true => Some(Outcome::cancelled()),
            false => {
                let scratch = self.lender.scratch.get_or_insert_default();
                match (&known.found, &known.text) {
                    (Some(found), Some(text)) if found.len() <= QUICK && self.confirmed < MANY => {
                        let began = Instant::now();
                        let outcome = confirmed(engine, set, text, found, scratch);
                        self.confirmed += 1;
                        self.shared.host.add(1, text.len() as u64, began.elapsed());
                        outcome
                    }
                    _ => outcome_of(engine, set, done, &self.records, scratch),
                }
            }
        };
        let Some(outcome) = found else {
            self.lender.to_ring(position, 1);
            let claims = self.fill(piece);
            self.for_host.extend(claims.map(|claim| Task { claim, known: std::mem::take(&mut known) }));
            return;
        };
        count_in(&mut self.lender.lists.used, job.set(), 1);
        let mut tally = Tally::default();
        if job.is_piece() {
            // It waits for the pieces before it, and others may wait for it: they are finished into the ring.
            self.lender.to_ring(position, 1);
            self.release();
            if let Some(claim) = self.fill(piece).next() {
                self.harvest.collectable |= engine.finish_piece(claim, &job, outcome, self.lender.owner(), &mut tally);
            }
            self.harvest.finished = true;
            return;
        }
        engine.let_go(position, &job);
        tally.add(&job, outcome.status, outcome.match_count);
        self.lender.count(&mut tally);
        self.harvest.finished = true;
        self.deliver(piece, &job, outcome);
    }

    fn deliver(&mut self, piece: Piece, job: &Job, outcome: Outcome) {
        let (ring, position) = (self.engine.ring(), piece.first());
        let hit = outcome.match_count > 0 || outcome.status != TRM_OK;
        if self.delivery == Delivery::None || (self.delivery == Delivery::Hits && !hit) {
            self.hold(piece.into_kept());
            return;
        }
        if let Some(room) = &mut self.room {
            match put(position, job, &outcome, room.buffers, room.taken) {
                Ok(()) => {
                    self.hold(piece.into_kept());
                    return;
                }
                Err(needed) => self.harvest.short = Some(needed),
            }
        }
        self.lender.to_ring(position, 1);
        self.harvest.collectable = true;
        self.release();
        if let Some(claim) = self.fill(piece).next() {
            ring.complete(claim, outcome);
        }
    }

    /// These items are over, which is to be told with others, as seldom as can be: all callers share the counts.
    pub fn hold(&mut self, kept: Kept) {
        let apart = match self.lender.lists.over.last_mut() {
            Some(over) => over.join(kept).err(),
            None => Some(kept),
        };
        self.lender.lists.over.extend(apart);
    }

    /// Counts out what was used, and then frees the slots: what was used and done is counted before anybody can see the
    /// items done.
    fn release(&mut self) {
        while let Some((place, items)) = self.lender.lists.used.pop() {
            // It stays at its place until these are counted out.
            self.lender.used(self.engine, place, items);
        }
        self.engine.ring().finish_kept(&mut self.lender.lists.over);
    }

    fn end(mut self) -> Harvest {
        self.release();
        if self.lender.loans.is_empty() {
            self.lender.loans.any_apart = false;
        }
        if !self.for_host.is_empty() {
            self.shared.to_host(self.for_host);
        }
        self.harvest
    }
}

/// Writes the completions of items without a match, which begin at a position; answers how many bytes they have.
#[inline]
fn put_plain(first: Position, items: &[trm_work_item], first_match: u32, out: &mut [trm_completion]) -> u64 {
    let (mut bytes, mut position) = (0, first);
    for (item, to) in items.iter().zip(out) {
        bytes += u64::from(item.input_len);
        *to = trm_completion {
            ticket: position.ticket(),
            correlation: item.correlation,
            rule_set_id: item.rule_set_id,
            status: TRM_OK,
            first_match,
            match_count: 0,
        };
        position = position.plus(1);
    }
    bytes
}

/// Adds items of the set at a place.
pub(super) fn count_in(used: &mut Vec<(u16, u64)>, place: u16, items: u64) {
    if items == 0 {
        return;
    }
    match used.iter_mut().find(|(at, _)| *at == place) {
        Some((_, count)) => *count += items,
        None => used.push((place, items)),
    }
}

impl<K: Resident> Feed for Shared<K> {
    fn lend(
        &self,
        engine: &Engine,
        reservation: Reservation,
        batch: &Batch<'_>,
        loans: &mut Loans,
        known: &mut Known,
    ) -> Result<(), Reservation> {
        let live = self.live();
        match &*live {
            Some(live) if reservation.first().distance_from(live.first) >= 0 => {
                batch.lend(engine, reservation, loans);
                let (pieces, skip) = loans.send();
                self.publish(engine, live, loans, pieces, skip, known);
                Ok(())
            }
            // There is no device, or it began behind these items, which were reserved before it came.
            _ => Err(reservation),
        }
    }

    fn send(&self, engine: &Engine, loans: &mut Loans, known: &mut Known) {
        if loans.unsent() == 0 {
            return;
        }
        let live = self.live();
        // Without a device whoever took it away calls all items in.
        let Some(live) = &*live else { return };
        let (pieces, skip) = loans.send();
        self.publish(engine, live, loans, pieces, skip, known);
    }

    fn harvest(
        &self,
        engine: &Engine,
        lender: &mut Lender<'_>,
        only: Option<Position>,
        room: Option<&mut Room<'_, '_>>,
    ) -> Harvest {
        let live = self.live();
        let Some(live) = &*live else { return Harvest::default() };
        let delivery = lender.delivery(engine);
        let mut harvester = Harvester {
            shared: self,
            engine,
            live,
            lender,
            room,
            delivery,
            for_host: Vec::new(),
            confirmed: 0,
            records: Vec::new(),
            reused: Reused::default(),
            harvest: Harvest::default(),
        };
        match only {
            Some(position) => harvester.one(position),
            None => harvester.all(),
        }
        harvester.end()
    }

    fn wake(&self) {
        self.wake_keeper();
    }

    fn queued(&self, count: usize) {
        self.work.notify(count);
    }
}

impl<K: Resident> Telemetry for Shared<K> {
    fn now(&self) -> (DrainKind, String) {
        let kind = if self.live().is_some() { DrainKind::Persistent } else { DrainKind::Cpu };
        (kind, lock(&self.why).clone())
    }

    fn counters(&self) -> DeviceCounters {
        let mut sum = *lock(&self.past);
        if let Some(live) = &*self.live() {
            let counters = live.kernel.counters();
            sum.launches += counters.launches;
            sum.relaunches += counters.relaunches;
            sum.polls += counters.polls;
            sum.pumped_bytes += counters.pumped_bytes;
            sum.longest_gap_ns = sum.longest_gap_ns.max(counters.longest_gap_ns);
        }
        sum.failovers = self.failovers.load(Ordering::Relaxed);
        self.host.tell(&mut sum);
        sum
    }
}
