//! What anybody may ask at any time: where an item is, and the counters.

use super::Ring;
use super::position::{Phase, Position};
use super::produce::CLOSED;
use super::sync::Ordering;
use std::hint::spin_loop;

/// How far an item has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// No producer got this position.
    NeverIssued,
    /// A producer has it and has not published it yet.
    Reserved,
    /// It waits to be claimed.
    Queued,
    /// A consumer works on it, or has lent it out.
    Claimed,
    /// Its outcome waits to be taken.
    Done,
    /// It is over: taken, or finished with nobody wanting the outcome.
    Released,
}

impl<P: Copy, O> Ring<P, O> {
    /// How far the item at `position` has come. Exact for ever, however old the position is.
    ///
    /// Whoever is told `Done` or `Released` also sees what the drain had written before.
    #[inline]
    pub fn stage(&self, position: Position) -> Stage {
        // Acquire: a position below the head has its slot in its own lap, or in a later one.
        let head = Position::of(self.front.head.load(Ordering::Acquire));
        if position.count_since(self.fixed.start) >= head.count_since(self.fixed.start) {
            return Stage::NeverIssued;
        }
        self.stage_of_accepted(position)
    }

    /// [`Ring::stage`] of a position that the caller knows to be accepted: no look at the head, which producers keep
    /// writing.
    #[inline]
    pub fn stage_of_accepted(&self, position: Position) -> Stage {
        // Acquire: for the promise above.
        let word = self.slots().stage(position).load(Ordering::Acquire);
        let ahead = Position::of(word).distance_from(position);
        if cfg!(any(debug_assertions, loom)) {
            assert!(ahead >= 0, "an accepted item's slot is still in an earlier lap");
        }
        if ahead != 0 {
            return Stage::Released;
        }
        match word - position.word() {
            phase if phase == Phase::Free as u64 => Stage::Reserved,
            phase if phase == Phase::Queued as u64 || phase == Phase::Cancelled as u64 => {
                self.queued_or_claimed(position)
            }
            phase if phase == Phase::Done as u64 || phase == Phase::Blank as u64 => Stage::Done,
            phase if phase == Phase::Taking as u64 => Stage::Done,
            _ => Stage::Claimed,
        }
    }

    fn queued_or_claimed(&self, position: Position) -> Stage {
        let tail = Position::of(self.tail.load(Ordering::Relaxed));
        if tail.distance_from(position) > 0 { Stage::Claimed } else { Stage::Queued }
    }

    /// Items accepted so far.
    pub fn head(&self) -> u64 {
        Position::of(self.front.head.load(Ordering::Relaxed)).count_since(self.fixed.start)
    }

    /// Items claimed so far.
    pub fn tail(&self) -> u64 {
        Position::of(self.tail.load(Ordering::Relaxed)).count_since(self.fixed.start)
    }

    /// Items accepted whose slots were not given back yet, at one moment during the call.
    pub fn in_flight(&self) -> u64 {
        // Two counters make one snapshot if the first one stood still while the second was read. Seeing the head twice means
        // that it stood still, or that what was reserved behind it was given back: then nothing behind it was published and
        // freed meanwhile. Acquire on both: the frees that the accepted items waited for are seen, and the accepted items of
        // the frees that are seen.
        let mut head = self.front.head.load(Ordering::Acquire) & !CLOSED;
        loop {
            let freed = self.freed.load(Ordering::Acquire);
            let again = self.front.head.load(Ordering::Acquire) & !CLOSED;
            if again == head {
                return Position::of(head).count_since(Position::of(freed));
            }
            head = again;
            spin_loop();
        }
    }
}
