//! Accepting items: everything that may fail comes first, then a reservation, then publishing.

use super::bounds::Bounds;
use super::handle::Port;
use super::loans::{Common, Loans};
use super::owner::State;
use super::pieces::Piece;
use super::sets::Known;
use super::{Delivery, Engine, Job, LoadedSet};
use crate::drain::Feed;
use crate::ring::{Position, Refused, Reservation};
use crate::status::{Error, Result, *};
use crate::types::trm_work_item;

/// Checked items of one call, and the sets that they get.
pub struct Batch<'a> {
    items: &'a [trm_work_item],
    runs: &'a [Run],
    owner: u32,
    flags: u16,
    due: u64,
}

/// Items in a row that get one set.
pub(super) struct Run {
    place: u16,
    items: u64,
}

/// Whose the bytes of items are.
pub(super) enum Bytes<'a> {
    /// The caller's. Of a device's items: in the arena.
    Callers,
    /// A copy of each item that the engine made.
    Copied,
    /// In registered buffers, at these offsets, and to be moved to regions that the engine made.
    Elsewhere(&'a [u32]),
    /// As `Copied`: a piece of a stream.
    Piece(Piece),
}

impl Batch<'_> {
    #[inline(always)]
    fn common(&self, place: u16) -> Common {
        Common { of: Job::of(self.owner, place, self.flags), due: self.due }
    }

    /// The jobs, first one first; to be called with 0, 1, 2, ...
    #[inline]
    fn jobs(&self) -> impl FnMut(usize) -> Job + '_ {
        let (mut runs, mut place, mut left) = (self.runs.iter(), 0, 0);
        move |i| {
            while left == 0 {
                let Some(run) = runs.next() else { unreachable!("each item is in a run") };
                (place, left) = (run.place, run.items);
            }
            left -= 1;
            Job::new(&self.items[i], self.common(place))
        }
    }

    /// Publishes into what was reserved, claimed, and adds the items to a handle's, of which the device is to be told.
    #[inline]
    pub fn lend(&self, engine: &Engine, reservation: Reservation, loans: &mut Loans) {
        let mut items = &self.items[..reservation.count()];
        let mut kept = engine.ring.publish_kept(reservation);
        for run in self.runs {
            let (these, rest) = items.split_at(items.len().min(run.items as usize));
            if these.is_empty() {
                break;
            }
            loans.push(kept.split_to(these.len()), these, self.common(run.place));
            items = rest;
        }
    }
}

impl Port {
    /// Accepts one item.
    #[inline]
    pub fn enqueue_one(&self, item: &trm_work_item) -> Result<Position> {
        if u64::from(item.input_offset) + u64::from(item.input_len) <= self.engine.arena.len()
            && let Some(position) = self.accept_behind(item, 0)
        {
            return Ok(position);
        }
        self.enqueue(std::slice::from_ref(item)).map(|(position, _)| position)
    }

    /// Accepts an item in the arena that the device is told of later, with others. It goes the same way as any; but where
    /// nothing is to be looked up, made or told, that is a tenth of the instructions.
    #[inline]
    pub(super) fn accept_behind(&self, item: &trm_work_item, flags: u16) -> Option<Position> {
        let engine = &*self.engine;
        let mut state = self.owner.state.lock();
        let state = &mut *state;
        // Whoever takes the device away calls all in that is lent here, under this lock: something is lent, so it is there.
        if !state.loans.may_wait(1) || state.deadline.is_some() || self.check_open().is_err() {
            return None;
        }
        let place = engine.sets.use_spare(item.rule_set_id, &mut state.remembered)?;
        let Ok(reservation) = state.loans.reserve_ahead(engine, &self.owner) else {
            engine.sets.spare_again(&mut state.remembered);
            return None;
        };
        crate::faults::stall_if_asked();
        let position = reservation.first();
        let common = Common { of: Job::of(self.owner.id(), place, flags), due: 0 };
        let kept = engine.ring.publish_kept(reservation);
        if let Err(kept) = state.loans.push_behind(kept, item, common) {
            state.loans.push(kept, std::slice::from_ref(item), common);
        }
        Some(position)
    }

    /// Accepts all items or a prefix of them; answers the first one's position and how many.
    pub fn enqueue(&self, items: &[trm_work_item]) -> Result<(Position, usize)> {
        // Registered buffers are behind the arena.
        if are_in_arena(&self.engine, items) {
            return self.accept(items, Bytes::Callers);
        }
        check_ranges(&self.engine, items)?;
        if self.engine.feed().is_some() || self.engine.arena.is_devices() {
            return self.enqueue_copies(items);
        }
        // Held before they are accepted: a drain may be done with them before this goes on.
        let buffers = self.engine.arena.registered();
        let held = items.iter().filter(|item| self.is_registered(item));
        buffers.hold_all(held.map(|item| (item.input_offset, item.input_len)))?;
        let accepted = self.accept(items, Bytes::Callers);
        let count = accepted.as_ref().map_or(0, |&(_, count)| count);
        let left = items[count..].iter().filter(|item| self.is_registered(item));
        buffers.let_go_all(left.map(|item| item.input_offset));
        accepted
    }

    pub(super) fn is_registered(&self, item: &trm_work_item) -> bool {
        self.engine.arena.registered().is_here(item.input_offset)
    }

    pub(super) fn accept(&self, items: &[trm_work_item], whose: Bytes<'_>) -> Result<(Position, usize)> {
        let engine = &*self.engine;
        let mut state = self.owner.state.lock();
        let state = &mut *state;
        // Looked at under the lock that close takes too: after a close has returned, nothing more is accepted.
        self.check_open()?;
        match &whose {
            Bytes::Piece(piece) => state.count_in_again(engine, piece.set()),
            _ => state.count_in(engine, items)?,
        }
        let reservation = match self.reserve(state, items.len()) {
            Ok(reservation) => reservation,
            Err(refused) => {
                state.count_out(engine, 0);
                return Err(match refused {
                    Refused::Full => TRM_QUEUE_FULL.into(),
                    Refused::Closed => TRM_ERR_CLOSED.into(),
                });
            }
        };
        let (first, count) = (reservation.first(), reservation.count());
        crate::faults::stall_if_asked();
        let due = state.deadline.map_or(0, |time| engine.due_in(time));
        let flags = match whose {
            Bytes::Callers => 0,
            Bytes::Copied => Job::OWNS_REGION,
            Bytes::Elsewhere(sources) => {
                engine.set_sources(first, &sources[..count]);
                Job::OWNS_REGION | Job::IS_ELSEWHERE
            }
            Bytes::Piece(piece) => {
                engine.expect_piece(first, piece);
                Job::OWNS_REGION | Job::IS_PIECE
            }
        };
        let batch = Batch { items, runs: &state.runs, owner: self.owner.id(), flags, due };
        let reservation = match engine.feed() {
            None => Some(reservation),
            Some(feed) => self.lend(feed, reservation, &batch, &mut state.loans, &mut state.known).err(),
        };
        if let Some(reservation) = reservation {
            engine.ring.publish(reservation, batch.jobs());
            state.prune(engine);
            state.outstanding.insert(first, count as u64);
            match engine.feed() {
                Some(feed) => feed.queued(count),
                None => engine.work.notify(count),
            }
        }
        state.count_out(engine, count);
        Ok((first, count))
    }

    /// Publishes a batch to the device; without one the reservation comes back.
    #[inline]
    fn lend(
        &self,
        feed: &dyn Feed,
        reservation: Reservation,
        batch: &Batch<'_>,
        loans: &mut Loans,
        known: &mut Known,
    ) -> std::result::Result<(), Reservation> {
        let engine = &*self.engine;
        loans.any_apart |= batch.due != 0 || batch.flags & Job::IS_PIECE != 0;
        if !loans.is_empty() {
            // Whoever takes the device away calls in all that is lent here, under the lock that we have; so while
            // something is lent, more can be, and nobody needs to be asked.
            let waits = loans.may_wait(reservation.count());
            batch.lend(engine, reservation, loans);
            if !waits {
                feed.send(engine, loans, known);
                if engine.options.delivery == Delivery::All {
                    // Who tells the device of so many will come for them: the drain's thread need not ask for the lock.
                    self.owner.visited(loans);
                }
            }
            return Ok(());
        }
        feed.lend(engine, reservation, batch, loans, known)?;
        if self.owner.lent() {
            feed.wake();
        }
        Ok(())
    }

    fn reserve(&self, state: &mut State, want: usize) -> std::result::Result<Reservation, Refused> {
        let ring = &self.engine.ring;
        if want == 1
            && let Some(one) = state.loans.ahead.next(&self.owner)
        {
            return Ok(one);
        }
        // In order: what comes is behind all that the handle has.
        state.settle(&self.engine, &self.owner);
        match ring.reserve(want) {
            Err(Refused::Full) if self.engine.options.delivery != Delivery::All && !state.loans.is_empty() => {
                // What is done and not wanted needs nobody to collect it: its slots are free for the asking.
                let harvest = self.engine.fetch(&self.owner, state, None, None);
                self.owner.tell(harvest);
                ring.reserve(want)
            }
            other => other,
        }
    }
}

/// Whether all items' bytes lie in the arena.
fn are_in_arena(engine: &Engine, items: &[trm_work_item]) -> bool {
    let len = engine.arena.len();
    if Bounds::of(items).are_below(len) {
        return true;
    }
    let beyond = |item: &trm_work_item| len.wrapping_sub(u64::from(item.input_offset) + u64::from(item.input_len));
    // No more than 2^33 on either side: what is too much shows in the highest bit.
    items.iter().fold(0, |any, item| any | beyond(item)) >> 63 == 0
}

/// Checks that every item's bytes lie in the arena, or in a registered buffer.
fn check_ranges(engine: &Engine, items: &[trm_work_item]) -> Result<()> {
    let wrong = items.iter().position(|item| !engine.arena.contains(item.input_offset, item.input_len));
    let Some(at) = wrong else { return Ok(()) };
    let message = format!(
        "item {at}: offset {} + length {} lies outside the arena of {} bytes and outside every registered buffer",
        items[at].input_offset,
        items[at].input_len,
        engine.arena.len()
    );
    Err(Error::new(TRM_ERR_RANGE, message))
}

impl State {
    /// Looks up the sets of a batch and counts its items in.
    fn count_in(&mut self, engine: &Engine, items: &[trm_work_item]) -> Result<()> {
        self.runs.clear();
        // One set for all is the rule.
        let (mut rest, one_set) = (items, Bounds::of(items).one_set);
        while let Some(item) = rest.first() {
            let id = item.rule_set_id;
            let run = match one_set {
                true => rest.len(),
                false => rest.iter().take_while(|item| item.rule_set_id == id).count(),
            };
            match engine.sets.use_for(id, run as u64, &mut self.remembered) {
                Ok(place) => self.runs.push(Run { place, items: run as u64 }),
                Err(error) => {
                    self.count_out(engine, 0);
                    return Err(error);
                }
            }
            rest = &rest[run..];
        }
        Ok(())
    }

    /// Counts in one item of a set that the caller has a use of.
    fn count_in_again(&mut self, engine: &Engine, set: &LoadedSet) {
        engine.sets.use_again(set, 1);
        self.runs.clear();
        self.runs.push(Run { place: set.place, items: 1 });
    }

    /// Counts out again what `count_in` counted beyond the `accepted` first items.
    fn count_out(&mut self, engine: &Engine, accepted: usize) {
        let mut accepted = accepted as u64;
        for &Run { place, items } in &self.runs {
            let kept = items.min(accepted);
            accepted -= kept;
            if items > kept {
                engine.sets.give_back(place, items - kept, &mut self.remembered, &mut self.known);
            }
        }
        self.runs.clear();
    }

    /// Forgets the oldest items whose slots are free: what was not wanted is never collected, and must not pile up.
    fn prune(&mut self, engine: &Engine) {
        if engine.options.delivery == Delivery::All {
            return;
        }
        self.outstanding.sweep(|position| match engine.ring.stage(position) {
            crate::ring::Stage::Released => super::outstanding::Sweep::Forget,
            _ => super::outstanding::Sweep::Stop,
        });
    }
}
