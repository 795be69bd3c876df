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
    ///
    /// Of several threads one at a time looks at an item, and one takes it. If `f` panics, the item is left.
    #[inline]
    pub fn take(&self, position: Position, f: impl FnOnce(&mut O) -> bool) -> Taken {
        self.take_with(position, |_, outcome| f(outcome))
    }

    /// [`Ring::take`] with a look at what the producer put in.
    #[inline]
    pub fn take_with(&self, position: Position, f: impl FnOnce(&P, &mut O) -> bool) -> Taken {
        let stage = self.slots().stage(position);
        let (done, taking) = (position.in_phase(Phase::Done), position.in_phase(Phase::Taking));
        // Acquire: the outcome comes with it.
        if stage.compare_exchange(done, taking, Ordering::Acquire, Ordering::Relaxed).is_err() {
            return Taken::No;
        }
        let leave = Leave { ring: self, position };
        let wanted = self.slots().inspect(position, f);
        if !wanted {
            return Taken::Left;
        }
        std::mem::forget(leave);
        self.slots().discard(position);
        self.free(position, 1);
        Taken::Yes
    }
}

/// Puts an item that was looked at back, also when the looking ends with a panic.
struct Leave<'a, P: Copy, O> {
    ring: &'a Ring<P, O>,
    position: Position,
}

impl<P: Copy, O> Drop for Leave<'_, P, O> {
    fn drop(&mut self) {
        self.ring.slots().pass_on(Phase::Done, self.position, 1);
    }
}
