//! Positions that a handle reserves ahead, for the items that it will get one by one.
//!
//! The ring's head is one line that all producers want, and moving it is a locked instruction, which waits until all that the
//! thread has stored before has left its processor: with a copy before each, that is most of what an item costs. So while a
//! handle has items out with a device, one move of the head is for several of its items, if it is the only handle, or the
//! engine's maker allows gaps between tickets (`Options::sparse_tickets`).
//!
//! The device waits for every position. What is not used after all is given back where nobody has reserved behind it; otherwise
//! the device gets a job without bytes there, and nobody is told of it. It is settled like that when the handle goes on in
//! another way, when nobody uses it while others look at the handle, when the device is given up, and when the handle ends.

use super::loans::{Common, Loans};
use super::owner::{Owner, State};
use super::{Engine, Job};
use crate::ring::{Position, Refused, Reservation};
use crate::types::trm_work_item;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The most at a time.
const MOST: usize = 64;
/// All handles together have no more than one of so many slots reserved.
const SHARE: usize = 16;
/// So many looks at a handle without an item between are enough.
pub(super) const LOOKS: u32 = 256;

/// What a handle has reserved.
#[derive(Default)]
pub(super) struct Ahead {
    /// Not empty.
    left: Option<Reservation>,
    /// How many were wanted last, or will be wanted next time: twice as many when all were used.
    size: usize,
    /// Looks since it was used.
    looks: u32,
}

/// What others may know of it. Written under the handle's lock.
#[derive(Default)]
pub(super) struct Shown {
    reserved: AtomicU64,
    left_out: AtomicU64,
    left_out_now: AtomicU64,
}

/// Positions that are no items.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Positions {
    /// They may be some day.
    pub reserved: u64,
    /// They never will be.
    pub left_out: u64,
    /// Of these, those whose slots are not free yet.
    pub left_out_now: u64,
}

impl Add for Positions {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            reserved: self.reserved + other.reserved,
            left_out: self.left_out + other.left_out,
            left_out_now: self.left_out_now + other.left_out_now,
        }
    }
}

impl Shown {
    pub fn read(&self) -> Positions {
        Positions {
            reserved: self.reserved.load(Relaxed),
            left_out: self.left_out.load(Relaxed),
            left_out_now: self.left_out_now.load(Relaxed),
        }
    }

    /// The device is past so many that were left out.
    pub fn got_past(&self, count: usize) {
        self.left_out_now.store(self.left_out_now.load(Relaxed) - count as u64, Relaxed);
    }

    fn leave_out(&self, count: usize) {
        for counter in [&self.left_out, &self.left_out_now] {
            counter.store(counter.load(Relaxed) + count as u64, Relaxed);
        }
    }
}

impl Ahead {
    /// Whether something is reserved.
    #[inline(always)]
    pub fn is_open(&self) -> bool {
        self.left.is_some()
    }

    /// Whether a position is reserved here.
    pub fn contains(&self, position: Position) -> bool {
        let within = |left: &Reservation| (0..left.count() as i64).contains(&position.distance_from(left.first()));
        self.left.as_ref().is_some_and(within)
    }

    /// The next position, if one is reserved.
    #[inline(always)]
    pub fn next(&mut self, owner: &Owner) -> Option<Reservation> {
        let left = self.left.as_mut()?;
        let one = left.split_to(1);
        owner.share.ahead.reserved.store(left.count() as u64, Relaxed);
        self.looks = 0;
        if left.count() == 0 {
            self.left = None;
            self.size = (self.size * 2).min(MOST);
        }
        Some(one)
    }

    /// Somebody looks at the handle, which counts for so many looks. Whether what is reserved has been idle for long.
    pub fn is_idle(&mut self, looks: u32) -> bool {
        self.looks = self.looks.saturating_add(looks);
        self.is_open() && self.looks > LOOKS
    }
}

impl Loans {
    /// Reserves the position of an item that the device is not told of yet, and perhaps those of the next ones.
    #[inline(always)]
    pub(super) fn reserve_ahead(&mut self, engine: &Engine, owner: &Owner) -> Result<Reservation, Refused> {
        match self.ahead.next(owner) {
            Some(one) => Ok(one),
            None => self.reserve_more(engine, owner),
        }
    }

    fn reserve_more(&mut self, engine: &Engine, owner: &Owner) -> Result<Reservation, Refused> {
        let handles = engine.owners_count.load(Relaxed).max(1) as usize;
        if handles > 1 && !engine.options.sparse_tickets {
            return engine.ring.reserve(1);
        }
        let share = engine.ring.capacity() as usize / SHARE / handles;
        let size = self.ahead.size.clamp(1, MOST);
        let mut left = engine.ring.reserve(size.min(share).min(self.until_told()).max(1))?;
        let one = left.split_to(1);
        self.ahead.looks = 0;
        if left.count() == 0 {
            self.ahead.size = (size * 2).min(MOST);
            return Ok(one);
        }
        self.ahead.size = size;
        owner.share.ahead.reserved.store(left.count() as u64, Relaxed);
        self.ahead.left = Some(left);
        Ok(one)
    }
}

impl State {
    /// Ends what is reserved ahead. To be called under the lock, before the handle gets positions in another way.
    #[inline]
    pub(super) fn settle(&mut self, engine: &Engine, owner: &Owner) {
        if let Some(left) = self.loans.ahead.left.take() {
            self.leave_out(engine, owner, left);
        }
    }

    #[cold]
    fn leave_out(&mut self, engine: &Engine, owner: &Owner, left: Reservation) {
        self.loans.ahead.size = (self.loans.ahead.size / 4).max(1);
        let count = left.count();
        // Counters that are read in between show rather more items than there are than less.
        owner.share.ahead.reserved.store(0, Relaxed);
        let Err(left) = engine.ring.unreserve(left) else { return };
        owner.share.ahead.leave_out(count);
        let common = Common { of: Job::of(owner.id(), 0, Job::IS_LEFT_OUT), due: 0 };
        self.loans.push(engine.ring.publish_kept(left), &[trm_work_item::default(); MOST][..count], common);
    }
}

impl Engine {
    /// Ends what the only handle has reserved ahead, before there is another: what is given back leaves no gap between tickets.
    pub(super) fn settle_the_only(&self) {
        for owner in self.all_owners() {
            owner.state.lock().settle(self, &owner);
        }
    }

    /// A counter of the ring, less what is no item.
    pub(super) fn less_ahead(&self, counter: impl Fn() -> u64, less: impl Fn(Positions) -> u64) -> u64 {
        if self.feed().is_none() {
            return counter();
        }
        let mut before = self.stats.ahead(self);
        // Where it changes all the while, one reading is as good as another.
        for _ in 0..8 {
            let count = counter();
            let after = self.stats.ahead(self);
            if after == before {
                return count.saturating_sub(less(after));
            }
            before = after;
        }
        counter().saturating_sub(less(before))
    }
}
