//! Tokens: what a thread must have in its hands to touch a slot.
//!
//! Neither can be copied or made up, and using one up is a move, so the exclusive rights that the ring's atomics give
//! out once are used once. Each carries the number of its ring: a token shown to another ring is a panic, not a race.

use super::position::Position;
use std::sync::atomic::{AtomicU64, Ordering};

/// Which ring a token belongs to; never reused in a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct RingId(u64);

impl RingId {
    pub(super) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Consecutive positions that one producer is to publish.
///
/// Dropping it leaves a hole that nothing behind can pass: what may fail has to happen before the reservation.
#[must_use = "what is reserved has to be published: the ring waits for it"]
#[derive(Debug)]
pub struct Reservation {
    pub(super) ring: RingId,
    pub(super) first: Position,
    pub(super) count: usize,
}

impl Reservation {
    /// The first position.
    pub fn first(&self) -> Position {
        self.first
    }

    /// How many there are, at least one, unless all were split off.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes the first `count` off, to be published by themselves.
    #[inline(always)]
    pub fn split_to(&mut self, count: usize) -> Reservation {
        let count = count.min(self.count);
        let front = Reservation { ring: self.ring, first: self.first, count };
        self.first = self.first.plus(count as u64);
        self.count -= count;
        front
    }
}

/// Consecutive items that one consumer claimed: an iterator of single claims, or used up as a whole.
///
/// Dropping it, or a single claim, leaves the items claimed for ever.
#[must_use = "what is claimed has to be completed or finished"]
#[derive(Debug)]
pub struct Claims {
    pub(super) ring: RingId,
    pub(super) first: Position,
    pub(super) count: usize,
}

impl Claims {
    /// The first position that is left.
    pub fn first(&self) -> Position {
        self.first
    }

    /// Takes the first `count` off, for another thread to complete.
    pub fn split_to(&mut self, count: usize) -> Claims {
        let count = count.min(self.count);
        let front = Claims { ring: self.ring, first: self.first, count };
        self.first = self.first.plus(count as u64);
        self.count -= count;
        front
    }

    /// Puts `behind` at the end, or gives it back where it does not follow directly.
    pub fn join(&mut self, behind: Claims) -> Result<(), Claims> {
        if behind.ring != self.ring || self.first.plus(self.count as u64) != behind.first {
            return Err(behind);
        }
        self.count += behind.count;
        Ok(())
    }
}

/// Consecutive items that their producer claimed, and whose payloads it keeps: the ring has none of them. They are ended as
/// they are, or become claims when the ring is given their payloads.
///
/// Dropping it leaves the items claimed for ever.
#[must_use = "what is kept has to be finished or filled"]
#[derive(Debug)]
pub struct Kept(pub(super) Claims);

impl Kept {
    /// The first position.
    pub fn first(&self) -> Position {
        self.0.first
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.0.count
    }

    /// As [`Claims::split_to`].
    pub fn split_to(&mut self, count: usize) -> Kept {
        Kept(self.0.split_to(count))
    }

    /// As [`Claims::join`].
    pub fn join(&mut self, behind: Kept) -> Result<(), Kept> {
        self.0.join(behind.0).map_err(Kept)
    }
}

impl Iterator for Claims {
    type Item = Claim;

    #[inline]
    fn next(&mut self) -> Option<Claim> {
        if self.count == 0 {
            return None;
        }
        let claim = Claim { ring: self.ring, position: self.first };
        self.first = self.first.plus(1);
        self.count -= 1;
        Some(claim)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

impl ExactSizeIterator for Claims {}

/// The exclusive right to complete one item.
#[must_use = "what is claimed has to be completed or finished"]
#[derive(Debug)]
pub struct Claim {
    pub(super) ring: RingId,
    pub(super) position: Position,
}

impl Claim {
    /// The item's position.
    pub fn position(&self) -> Position {
        self.position
    }
}
