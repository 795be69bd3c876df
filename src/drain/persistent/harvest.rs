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
use crate::engine::{Batch, Delivery, Engine, Job, Known, Lender, Loans, Outcome, Room, Tally, lock, put};
use crate::gpu::persistent::DeviceCompletion;
use crate::gpu::{ForHost, RawMatch};
use crate::ring::{Claim, Claims, Position, Reservation};
use crate::status::TRM_OK;
use crate::types::trm_completion;
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
    /// Items that are over and delivered, as runs, and how many were finished of the set at which place: both are counts
    /// that all callers share, so they are made known together, as seldom as can be.
    over: Vec<Claims>,
    pub used: Vec<(u16, u64)>,
    pub harvest: Harvest,
}

impl<K: Resident> Harvester<'_, '_, '_, '_, K> {
    /// Finishes one item, if it is done.
    fn one(&mut self, position: Position) {
        if let Some(done) = self.live.kernel.poll_done(position.ticket() - 1)
            && let Some(claim) = self.lender.loans.remove(position)
        {
            self.finish(claim, done);
        }
    }

    /// Finishes what is done, oldest first, until the room is full.
    fn all(&mut self) {
        let mut patience = if self.room.is_some() { LOOK_PAST } else { LOOK_FAR_PAST };
        let mut at = 0;
        while let Some((first, count)) = self.lender.loans.piece(at) {
            let index = first.ticket() - 1;
            let most = count.min(self.left());
            if most == 0 {
                break;
            }
            let plain = if self.lender.loans.any_apart { 0 } else { self.live.kernel.plain_run(index, most) };
            if plain < LONG_RUN.min(most) && self.finish_found(at, most) > 0 {
                continue;
            }
            if plain > 0 {
                let claims = self.lender.loans.take(at, plain);
                self.finish_plain(claims);
                continue;
            }
            if let Some(done) = self.live.kernel.poll_done(index) {
                if let Some(claim) = self.lender.loans.take(at, 1).next() {
                    self.finish(claim, done);
                }
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
    fn finish_plain(&mut self, claims: Claims) {
        let (engine, ring) = (self.engine, self.engine.ring());
        let (count, first) = (claims.len(), claims.first());
        let wanted = self.delivery == Delivery::All;
        let first_match = self.room.as_ref().map_or(0, |room| room.taken.matches as u32);
        let (head, rest) = ring.payload_pieces(&claims);
        let Some(alike) = head.first().map(Job::kind) else { return };
        // Whether all are of one set is found out on the way, and so is what they have in common.
        let (mut bytes, mut mixed) = (0u64, 0);
        let mut out: &mut [trm_completion] = match &mut self.room {
            Some(room) if wanted => &mut room.buffers.completions[room.taken.items..][..count],
            _ => &mut [],
        };
        let mut position = first;
        for jobs in [head, rest] {
            if out.is_empty() {
                jobs.iter()
                    .for_each(|job| (bytes, mixed) = (bytes + u64::from(job.input_len), mixed | (job.kind() ^ alike)));
                continue;
            }
            let (here, behind) = out.split_at_mut(jobs.len());
            for (job, to) in jobs.iter().zip(here) {
                bytes += u64::from(job.input_len);
                mixed |= job.kind() ^ alike;
                *to = trm_completion {
                    ticket: position.ticket(),
                    correlation: job.correlation,
                    rule_set_id: job.rule_set_id,
                    status: TRM_OK,
                    first_match,
                    match_count: 0,
                };
                position = position.plus(1);
            }
            out = behind;
        }
        if mixed == 0 {
            count_in(&mut self.used, alike as u16, count as u64);
        } else {
            head.iter().chain(rest).for_each(|job| count_in(&mut self.used, job.set(), 1));
        }
        let copies = (alike | mixed) >> 16 & u32::from(Job::OWNS_REGION) != 0;
        if copies {
            engine.let_go_all(&claims);
        }
        let mut tally = Tally::default();
        tally.add_plain(count as u64, bytes);
        self.lender.count(&mut tally);
        self.harvest.finished = true;
        match &mut self.room {
            _ if !wanted => self.hold(claims),
            Some(room) => {
                room.taken.items += count;
                self.hold(claims);
            }
            None => {
                self.release();
                self.lender.to_ring(first, count as u64);
                self.harvest.collectable = true;
                ring.complete_blank(claims);
            }
        }
    }

    /// Any done item.
    fn finish(&mut self, claim: Claim, mut done: DeviceCompletion) {
        let (engine, position) = (self.engine, claim.position());
        let job = engine.ring().payload(&claim);
        self.records.clear();
        let mut known = ForHost::default();
        match done.overflow {
            true => known = self.live.kernel.take_for_host(position.ticket() - 1, done, job.input_len),
            false => done.overflow = !self.live.kernel.take_records(position.ticket() - 1, done, &mut self.records),
        }
        let set = engine.known_set(job.set(), self.lender.known);
        let found = match engine.is_off(claim.position(), &job) {
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
            self.for_host.push(Task { claim, known });
            return;
        };
        count_in(&mut self.used, job.set(), 1);
        let mut tally = Tally::default();
        if job.is_piece() {
            // It waits for the pieces before it, and others may wait for it: they are finished into the ring.
            self.lender.to_ring(position, 1);
            self.release();
            self.harvest.collectable |= engine.finish_piece(claim, &job, outcome, self.lender.owner(), &mut tally);
            self.harvest.finished = true;
            return;
        }
        engine.let_go(position, &job);
        tally.add(&job, outcome.status, outcome.match_count);
        self.lender.count(&mut tally);
        self.harvest.finished = true;
        self.deliver(claim, &job, outcome);
    }

    fn deliver(&mut self, claim: Claim, job: &Job, outcome: Outcome) {
        let (ring, position) = (self.engine.ring(), claim.position());
        let hit = outcome.match_count > 0 || outcome.status != TRM_OK;
        if self.delivery == Delivery::None || (self.delivery == Delivery::Hits && !hit) {
            self.hold(claim.alone());
            return;
        }
        if let Some(room) = &mut self.room {
            match put(position, job, &outcome, room.buffers, room.taken) {
                Ok(()) => {
                    self.hold(claim.alone());
                    return;
                }
                Err(needed) => self.harvest.short = Some(needed),
            }
        }
        self.lender.to_ring(position, 1);
        self.harvest.collectable = true;
        self.release();
        ring.complete(claim, outcome);
    }

    /// These items are over, which is to be told with others.
    pub fn hold(&mut self, claims: Claims) {
        let apart = match self.over.last_mut() {
            Some(over) => over.join(claims).err(),
            None => Some(claims),
        };
        self.over.extend(apart);
    }

    /// Counts out what was used, and then frees the slots: what was used and done is counted before anybody can see the
    /// items done.
    fn release(&mut self) {
        for (place, items) in self.used.drain(..) {
            // It stays at its place until these are counted out.
            self.lender.used(self.engine, place, items);
        }
        self.engine.ring().finish_batches(&mut self.over);
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
        known: &mut Known,
    ) -> Result<Claims, Reservation> {
        let live = self.live();
        match &*live {
            Some(live) if reservation.first().distance_from(live.first) >= 0 => {
                let claims = batch.publish_claimed(engine, reservation);
                match batch.alike(claims.len()) {
                    Some(alike) => self.publish_alike(engine, live, claims.first(), alike, known),
                    None => self.publish(engine, live, std::iter::once((&claims, 0)), known),
                }
                Ok(claims)
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
        self.publish(engine, live, loans.send(), known);
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
            over: Vec::new(),
            used: Vec::new(),
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
