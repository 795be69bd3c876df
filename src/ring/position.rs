//! Positions and stage words: the two kinds of numbers that the protocol is made of.

/// How far a position word advances per item. The bits below it are free for a phase (in a slot) or a flag (in the head).
pub(super) const STEP: u64 = 16;
const LOW_BITS: u64 = STEP - 1;

/// The place of one item in the endless sequence of items.
///
/// A word that advances by 16 an item and wraps at 2^64, so there are 2^60 of them. Two positions have no order by
/// themselves, only a distance: the type is not `Ord` on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Position(u64);

impl Position {
    /// Where a ring starts unless told otherwise.
    pub const FIRST: Position = Position(0);

    /// The position of the n-th item, counted from 0.
    pub const fn from_index(index: u64) -> Self {
        Self(index.wrapping_mul(STEP))
    }

    /// The position that a ticket stands for; `None` for 0 and for numbers beyond the last ticket.
    pub const fn from_ticket(ticket: u64) -> Option<Self> {
        if ticket == 0 || ticket > u64::MAX / STEP + 1 {
            return None;
        }
        Some(Self::from_index(ticket - 1))
    }

    /// The ticket of this position: 1 for the first.
    pub const fn ticket(self) -> u64 {
        self.0 / STEP + 1
    }

    /// The position `items` further on.
    pub const fn plus(self, items: u64) -> Self {
        Self(self.0.wrapping_add(items.wrapping_mul(STEP)))
    }

    /// How many items this position lies behind `other` (negative: before it).
    pub const fn distance_from(self, other: Position) -> i64 {
        self.0.wrapping_sub(other.0) as i64 / STEP as i64
    }

    /// How many items were between `start` and this position, all of them counted: never negative.
    pub(super) const fn count_since(self, start: Position) -> u64 {
        self.0.wrapping_sub(start.0) / STEP
    }

    /// The position in a word that may carry low bits.
    pub(super) const fn of(word: u64) -> Self {
        Self(word & !LOW_BITS)
    }

    pub(super) const fn word(self) -> u64 {
        self.0
    }

    /// This position's number, to be masked to a slot.
    pub(super) const fn index(self) -> u64 {
        self.0 / STEP
    }

    /// The stage word of a slot that is in `phase` of this position's item.
    pub(super) const fn in_phase(self, phase: Phase) -> u64 {
        self.0 | phase as u64
    }
}

/// What goes on in a slot; the other bits of its stage word say for which position, so a word is never mistaken for
/// the same phase of an earlier or later lap.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u64)]
pub(super) enum Phase {
    /// Waits for the item of its position.
    Free = 0,
    /// The payload is written; claimed if the tail is past it.
    Queued = 1,
    /// Claimed, and whoever names the position first completes it.
    Lent = 2,
    /// Its producer claimed it at once: the tail is not past it for that.
    Held = 3,
    /// The outcome is written.
    Done = 4,
    /// One thread looks at the outcome, and takes it or puts it back.
    Taking = 5,
    /// As Queued, and the item was cancelled.
    Cancelled = 6,
    /// As Lent or Held, and the item was cancelled.
    Withdrawn = 7,
    /// Done, and no outcome was written: there is nothing to tell that the payload does not say.
    Blank = 8,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tickets_count_from_one_and_wrap_with_the_word() {
        assert_eq!(Position::from_ticket(0), None);
        assert_eq!(Position::from_ticket(1), Some(Position::FIRST));
        assert_eq!(Position::from_ticket(u64::MAX), None);
        let last = Position::from_ticket(1 << 60).unwrap();
        assert_eq!(last.word(), u64::MAX - 15);
        assert_eq!(last.plus(1), Position::FIRST);
        assert_eq!(Position::from_ticket((1 << 60) + 1), None);
        for ticket in [1, 2, 1 << 29, (1 << 32) + 5, 1 << 60] {
            assert_eq!(Position::from_ticket(ticket).unwrap().ticket(), ticket);
        }
    }

    #[test]
    fn distances_are_signed_and_cross_the_wrap() {
        let last = Position::from_ticket(1 << 60).unwrap();
        assert_eq!(last.plus(3).distance_from(last), 3);
        assert_eq!(last.distance_from(last.plus(3)), -3);
        assert_eq!(last.plus(3).count_since(last), 3);
        assert_eq!(Position::of(last.in_phase(Phase::Taking)), last);
    }
}
