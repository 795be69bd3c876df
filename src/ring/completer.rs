//! Completing the items of a batch one after the other, and passing them on together.
//!
//! A stage word a time would be a cache line that goes to and fro between the drain and a collector that looks at its
//! neighbours; and what an item has to tell is written while the next one is worked on.

use super::Ring;
use super::position::Phase;
use super::position::Position;
use super::tokens::{Claim, Claims};

/// A batch whose items are completed in order, as by [`Ring::complete`] and [`Ring::complete_blank`]: nobody may cancel
/// them at the same time. Those that are ready are passed on at the latest when it is dropped.
pub struct Completer<'a, P: Copy, O> {
    ring: &'a Ring<P, O>,
    /// What is not passed on; the first `ready` of them are completed.
    claims: Claims,
    ready: usize,
    /// A bit for each of those that have an outcome, the first one's lowest.
    written: u64,
}

impl<P: Copy, O> Ring<P, O> {
    /// To complete the items of a batch.
    #[inline]
    pub fn completer(&self, claims: Claims) -> Completer<'_, P, O> {
        self.check(claims.ring);
        self.slots().prefetch_payloads(claims.first, claims.count);
        Completer { ring: self, claims, ready: 0, written: 0 }
    }
}

impl<P: Copy, O> Completer<'_, P, O> {
    /// The most items that can be ready at a time.
    pub const MOST: usize = 64;

    /// The position of the first item that is not passed on.
    #[inline]
    pub fn first(&self) -> Position {
        self.claims.first
    }

    /// How many items are ready and not passed on.
    #[inline]
    pub fn ready(&self) -> usize {
        self.ready
    }

    /// How many items are to be completed.
    #[inline(always)]
    pub fn left(&self) -> usize {
        self.claims.count - self.ready
    }

    /// The position of the next one.
    #[inline(always)]
    pub fn position(&self) -> Position {
        self.claims.first.plus(self.ready as u64)
    }

    /// What the producer put into the next one, or, with `skip`, into one behind it. There has to be one.
    #[inline(always)]
    pub fn payload(&self, skip: usize) -> P {
        assert!(skip < self.left(), "nothing is left");
        self.ring.slots().read_payload(self.position().plus(skip as u64))
    }

    /// Completes the next item with what `fill` makes of an empty outcome, in its place in the ring.
    #[inline(always)]
    pub fn complete_with(&mut self, fill: impl FnOnce(&mut O))
    where
        O: Default,
    {
        self.check();
        let position = self.position();
        self.ring.slots().write_outcome(position, O::default());
        self.ring.slots().change_outcome(position, fill);
        self.written |= 1 << self.ready;
        self.ready += 1;
    }

    /// Completes the next item, which has nothing to tell that its payload does not say.
    #[inline(always)]
    pub fn complete_blank(&mut self) {
        self.check();
        self.ready += 1;
    }

    #[inline(always)]
    fn check(&self) {
        assert!(self.left() > 0 && self.ready < Self::MOST, "nothing is left, or too much is ready");
    }

    /// Passes on what is ready.
    #[inline]
    pub fn pass_on(&mut self) {
        let ready = self.claims.split_to(std::mem::take(&mut self.ready));
        let mut written = std::mem::take(&mut self.written);
        for claim in ready {
            let phase = if written & 1 == 1 { Phase::Done } else { Phase::Blank };
            written >>= 1;
            self.ring.slots().pass_on(phase, claim.position, 1);
        }
    }

    /// The claim of the next item, to be completed by other means. What is ready is passed on first.
    #[inline]
    pub fn split(&mut self) -> Option<Claim> {
        self.pass_on();
        self.claims.next()
    }
}

impl<P: Copy, O> Drop for Completer<'_, P, O> {
    fn drop(&mut self) {
        self.pass_on();
    }
}
