//! What a device drain gets to see of a handle, and the round that the drain's own thread makes over all handles.

use super::ahead;
use super::loans::Loans;
use super::outstanding::Outstanding;
use super::owner::{Owner, State};
use super::sets::{Known, Remembered};
use super::stats::Tally;
use super::{Buffers, Delivery, Engine, Job, Taken};
use crate::drain::Harvest;
use crate::ring::{Claims, Kept, Position};
use crate::scan::Scratch;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A handle's items with the device, under the handle's lock.
pub struct Lender<'a> {
    owner: &'a Owner,
    /// The items.
    pub loans: &'a mut Loans,
    /// Sets that were looked up before.
    pub known: &'a mut Known,
    /// For making matches of what the device found.
    pub scratch: &'a mut Option<Box<Scratch>>,
    /// Lists that are empty between two harvests, and keep their room.
    pub lists: &'a mut HarvestLists,
    outstanding: &'a mut Outstanding,
    remembered: &'a mut Remembered,
}

/// What a harvest collects on the way.
#[derive(Default)]
pub struct HarvestLists {
    /// Items that are over and delivered, as runs.
    pub over: Vec<Kept>,
    /// How many were finished of the set at which place.
    pub used: Vec<(u16, u64)>,
}

/// Where a caller wants results, and how much is there already.
pub struct Room<'a, 'b> {
    /// The caller's arrays.
    pub buffers: &'a mut Buffers<'b>,
    /// How much of them is filled.
    pub taken: &'a mut Taken,
}

impl<'a> Lender<'a> {
    pub(super) fn new(owner: &'a Owner, state: &'a mut State) -> Self {
        Self {
            owner,
            loans: &mut state.loans,
            known: &mut state.known,
            scratch: &mut state.scratch,
            lists: &mut state.lists,
            outstanding: &mut state.outstanding,
            remembered: &mut state.remembered,
        }
    }

    /// Which outcomes this handle wants: all, those with a hit, none.
    pub fn delivery(&self, engine: &Engine) -> Delivery {
        if self.owner.is_orphan() { Delivery::None } else { engine.options.delivery }
    }

    /// Whose they are.
    pub fn owner(&self) -> &'a Owner {
        self.owner
    }

    /// Counts finished items, before anybody can see them done.
    pub fn count(&self, tally: &mut Tally) {
        self.owner.share.add(tally);
    }

    /// Counts out finished items of the set at a place.
    pub fn used(&mut self, engine: &Engine, place: u16, items: u64) {
        if self.owner.is_orphan() {
            // It has no next items.
            return engine.sets.finished(engine.sets.known(place, self.known), items);
        }
        engine.sets.give_back(place, items, self.remembered, self.known);
    }

    /// Positions that are no items are over: before their slots are free.
    pub fn got_past(&self, count: usize) {
        self.owner.share.ahead.got_past(count);
    }

    /// These items' outcomes are or will be in the ring.
    pub fn to_ring(&mut self, first: Position, count: u64) {
        self.outstanding.insert(first, count);
    }
}

/// What a position of a handle's is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Item,
    /// It has no item, or not yet.
    NoItem,
}

/// What the drain's thread remembers of its last round.
#[derive(Default)]
pub struct Round {
    version: u64,
    owners: Vec<(Arc<Owner>, u64)>,
}

impl Engine {
    /// Finishes what the device has done of a handle's items, or of the one item `only`.
    pub(super) fn fetch(
        &self,
        owner: &Owner,
        state: &mut State,
        only: Option<Position>,
        room: Option<&mut Room<'_, '_>>,
    ) -> Harvest {
        let Some(feed) = self.feed() else { return Harvest::default() };
        // A caller may come often before it goes on; whoever looks after the handle for it does not.
        if state.loans.ahead.is_idle(if room.is_some() || only.is_some() { 1 } else { ahead::LOOKS / 2 }) {
            state.settle(self, owner);
        }
        if state.loans.is_empty() {
            return Harvest::default();
        }
        if state.loans.unsent() > 0 {
            feed.send(self, &mut state.loans, &mut state.known);
        }
        feed.harvest(self, &mut Lender::new(owner, state), only, room)
    }

    /// Finishes an item of a handle that the device has, if it is done. `None`: it is not this handle's, or not with the
    /// device.
    pub(super) fn look(&self, owner: &Owner, position: Position) -> Option<Seen> {
        let mut state = owner.state.lock();
        if state.loans.is_no_item(position) {
            return Some(Seen::NoItem);
        }
        if !state.loans.contains(position) {
            return None;
        }
        let harvest = self.fetch(owner, &mut state, Some(position), None);
        drop(state);
        owner.tell(harvest);
        Some(Seen::Item)
    }

    /// Finishes what is done of handles whose callers don't come by. Says whether the device has anything.
    pub fn tend(&self, round: &mut Round) -> bool {
        let version = self.owners_version.load(Ordering::SeqCst);
        if round.version != version {
            *round = Round { version, owners: self.all_owners().into_iter().map(|owner| (owner, 0)).collect() };
        }
        let mut any = false;
        for (owner, seen) in &mut round.owners {
            let pulse = owner.pulse();
            if pulse & 1 == 0 {
                continue;
            }
            any = true;
            // A caller that comes by picks up itself what is its own; but not what others sleep for.
            let comes_by = std::mem::replace(seen, pulse) != pulse;
            if comes_by && owner.done.waiting() == 0 && !owner.event.exists() && !owner.is_orphan() {
                continue;
            }
            // Whoever has the lock is a caller that comes by.
            if let Some(mut state) = owner.state.try_lock() {
                let harvest = self.fetch(owner, &mut state, None, None);
                owner.looked_after(&state.loans);
                drop(state);
                owner.tell(harvest);
            }
        }
        any
    }

    /// Whether the device has items of any handle, as far as the last round knew them.
    pub fn lends(&self, round: &Round) -> bool {
        self.owners_version.load(Ordering::SeqCst) != round.version
            || round.owners.iter().any(|(owner, _)| owner.pulse() & 1 != 0)
    }

    /// Takes all items back from a device that nobody looks at any more.
    pub fn call_in(&self, mut to: impl FnMut(Claims)) {
        for owner in self.all_owners() {
            let mut state = owner.state.lock();
            let state = &mut *state;
            state.settle(self, &owner);
            for piece in state.loans.take_all() {
                if piece.is_left_out() {
                    owner.share.ahead.got_past(piece.count());
                    self.ring.finish_kept(&mut vec![piece.into_kept()]);
                    continue;
                }
                state.outstanding.insert(piece.first(), piece.count() as u64);
                let jobs: Vec<Job> = state.loans.jobs(&piece).collect();
                to(self.ring.fill(piece.into_kept(), |n| jobs[n]));
            }
            owner.looked_after(&state.loans);
        }
    }
}
