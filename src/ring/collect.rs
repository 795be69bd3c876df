//! The collectors' side: take an outcome out of its slot, once.

use super::Ring;
use super::position::{Phase, Position};
use super::sync::Ordering;

/// What came of trying to take an outcome.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// Taken; the slot is free.
    Yes,
    /// It was looked at and left.
    Left,
    /// It is not there: not done, taken before, or being taken by another thread.
    No,
}

impl<P: Copy, O> Ring<P, O> {
    /// Shows a done item's outcome to `f`, which moves out of it what it wants and answers whether the item is taken.
    /// There is none where the item was completed by [`Ring::complete_blank`].
    ///
    /// Of several threads one at a time looks at an item, and one takes it. If `f` panics, the item is left.
    #[inline]
    pub fn take(&self, position: Position, f: impl FnOnce(Option<&mut O>) -> bool) -> Taken {
        self.taker().take(position, f)
    }

    /// [`Ring::take`] with a look at what the producer put in.
    #[inline]
    pub fn take_with(&self, position: Position, f: impl FnOnce(&P, Option<&mut O>) -> bool) -> Taken {
        self.taker().take_with(position, f)
    }

    /// To take many items in a row.
    #[inline]
    pub fn taker(&self) -> Taker<'_, P, O> {
        Taker { ring: self, first: self.fixed.start, count: 0 }
    }
}

/// Takes items like [`Ring::take`], but gives the slots of neighbours back together: the counter of free slots is
/// shared by all who collect, so touching it for each item would make them queue up there.
///
/// Slots are free at the latest when the taker is dropped.
pub struct Taker<'a, P: Copy, O> {
    ring: &'a Ring<P, O>,
    first: Position,
    count: usize,
}

impl<P: Copy, O> Taker<'_, P, O> {
    /// As [`Ring::take`].
    #[inline]
    pub fn take(&mut self, position: Position, f: impl FnOnce(Option<&mut O>) -> bool) -> Taken {
        self.take_with(position, |_, outcome| f(outcome))
    }

    /// As [`Ring::take_with`].
    #[inline]
    pub fn take_with(&mut self, position: Position, f: impl FnOnce(&P, Option<&mut O>) -> bool) -> Taken {
        let ring = self.ring;
        let stage = ring.slots().stage(position);
        let taking = position.in_phase(Phase::Taking);
        // Acquire: the outcome comes with it, and the payload.
        let start =
            |from| stage.compare_exchange(position.in_phase(from), taking, Ordering::Acquire, Ordering::Relaxed);
        let from = match start(Phase::Blank) {
            Ok(_) => Phase::Blank,
            Err(seen) if seen == position.in_phase(Phase::Done) && start(Phase::Done).is_ok() => Phase::Done,
            Err(_) => return Taken::No,
        };
        let (leave, is_blank) = (Leave { ring, position, to: from }, from == Phase::Blank);
        let wanted = match is_blank {
            true => ring.slots().inspect_blank(position, |payload| f(payload, None)),
            false => ring.slots().inspect(position, |payload, outcome| f(payload, Some(outcome))),
        };
        if !wanted {
            return Taken::Left;
        }
        std::mem::forget(leave);
        if !is_blank {
            ring.slots().discard(position);
        }
        if self.first.plus(self.count as u64) != position {
            self.give_back();
            self.first = position;
        }
        self.count += 1;
        Taken::Yes
    }

    /// Says that these items are likely to be taken after some others.
    #[inline]
    pub fn expect(&self, soon: Position, later: Position) {
        self.ring.slots().prefetch_to_take(soon, later);
    }

    fn give_back(&mut self) {
        let count = std::mem::take(&mut self.count);
        if count > 0 {
            self.ring.free(self.first, count);
        }
    }
}

impl<P: Copy, O> Drop for Taker<'_, P, O> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// Puts an item that was looked at back, also when the looking ends with a panic.
struct Leave<'a, P: Copy, O> {
    ring: &'a Ring<P, O>,
    position: Position,
    /// What it was.
    to: Phase,
}

impl<P: Copy, O> Drop for Leave<'_, P, O> {
    fn drop(&mut self) {
        self.ring.slots().pass_on(self.to, self.position, 1);
    }
}
