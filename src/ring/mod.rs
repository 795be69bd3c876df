//! The ring: a bounded queue whose slots stay taken until their items' outcomes are collected.
//!
//! An item goes through its slot like this, and each arrow is made by exactly one thread:
//!
//! ```text
//!  reserve        publish          claim           complete        take
//! ────────▶ Free ────────▶ Queued ───────▶ Queued ────────▶ Done ◀─────▶ Taking ──▶ Free, next lap
//!  (head)                          (tail)  │    │                                    ▲
//!                                     lend │    │ finish: nobody wants the outcome   │
//!                                          ▼    └────────────────────────────────────┘
//!                                         Lent ── reclaim ──▶ Queued, claimed
//! ```
//!
//! An item whose outcome would say nothing new ends as `Blank` in place of `Done`, with no outcome (`complete_blank`).
//!
//! A producer that hands its items to a device itself publishes them as `Held` at once, without a payload
//! (`publish_kept`).
//!
//! An item that is not done can be cancelled: `Queued` becomes `Cancelled`, `Lent` and `Held` become `Withdrawn`. Those
//! go the same ways, and whoever completes the item (`settle`) learns of it, or the cancelling comes too late.
//!
//! - A slot's stage word is `position | phase`, so it tells which item of the endless sequence it is about. A late
//!   word of one lap can't be taken for a later one's, and "done" is exact for ever.
//! - `head` and `tail` are claimed by compare-and-swap, a whole batch at a time. What was claimed is exclusive: from
//!   there on plain stores to the stage word do, because nobody else may touch the slot.
//! - Whoever reserves many looks, behind them, for slots that are free, and leaves word of it (`seen_free`): the next one need
//!   not look while others want to move the head too.
//! - What is reserved behind all else can be given back instead of published (`unreserve`): the head moves down then.
//! - Payload and outcome are ordinary memory. Every stage store that passes them on releases, every load that lets
//!   somebody use them acquires.
//! - `freed` counts the slots given back. It is raised *before* the slots become free, so `accepted - freed` is never
//!   more than the capacity and never negative.

mod cancel;
mod collect;
mod completer;
mod direct;
mod drain;
pub mod level;
mod observe;
pub mod parking;
mod position;
mod produce;
pub mod retire;
mod slip;
mod slots;
pub(crate) mod sync;
#[cfg(all(test, not(loom)))]
mod tests;
mod tokens;

pub use collect::{Taken, Taker};
pub use completer::Completer;
pub use observe::Stage;
pub use position::Position;
pub use produce::Refused;
pub use tokens::{Claim, Claims, Kept, Reservation};

use crossbeam_utils::CachePadded;
use position::Phase;
use slip::Slip;
use slots::Slots;
use sync::{AtomicU64, Ordering};
use tokens::RingId;

/// The most slots that a ring can have.
pub const MAX_CAPACITY: u32 = 1 << 24;

/// A ring of items: `P` is what a producer puts in, `O` is what becomes of it.
pub struct Ring<P, O> {
    /// Written by producers.
    front: CachePadded<Front>,
    /// The next position to claim. Written by consumers.
    tail: CachePadded<AtomicU64>,
    /// Where producers last found the ring full.
    filled: CachePadded<Slip>,
    /// Where consumers last found it empty.
    emptied: CachePadded<Slip>,
    /// `start` and eight more for each slot that was given back. Written by whoever gives back.
    freed: CachePadded<AtomicU64>,
    /// Never written again after the ring is made.
    fixed: CachePadded<Fixed<P, O>>,
}

struct Front {
    /// The next position to reserve; its lowest bit is set once the ring is closed.
    head: AtomicU64,
    /// Slots from the head up to here, if any, were seen free.
    seen_free: AtomicU64,
}

struct Fixed<P, O> {
    id: RingId,
    start: Position,
    slots: Slots<P, O>,
}

impl<P: Copy, O> Ring<P, O> {
    /// A ring with `capacity` slots, a power of two up to [`MAX_CAPACITY`].
    pub fn new(capacity: u32) -> Self {
        Self::with_start(capacity, Position::FIRST)
    }

    /// A ring whose first item gets the position `start`: tests begin just below a wrap.
    pub fn with_start(capacity: u32, start: Position) -> Self {
        assert!((1..=MAX_CAPACITY).contains(&capacity), "a ring has 1 to 2^24 slots");
        let word = || AtomicU64::new(start.word());
        let counter = || CachePadded::new(word());
        let slots = Slots::new(capacity, start);
        Self {
            front: CachePadded::new(Front { head: word(), seen_free: word() }),
            tail: counter(),
            filled: CachePadded::new(Slip::new(start)),
            emptied: CachePadded::new(Slip::new(start)),
            freed: counter(),
            fixed: CachePadded::new(Fixed { id: RingId::next(), start, slots }),
        }
    }

    /// How many items fit.
    pub fn capacity(&self) -> u32 {
        self.slots().capacity() as u32
    }

    #[inline(always)]
    fn slots(&self) -> &Slots<P, O> {
        &self.fixed.slots
    }

    /// A token of another ring would break every exclusive right there is.
    #[inline(always)]
    fn check(&self, token: RingId) {
        assert!(token == self.fixed.id, "a token was shown to a ring that did not give it out");
    }

    /// Counts slots that are going to be free.
    #[inline(always)]
    fn count_freed(&self, count: usize) {
        // Counted before they are free. Release: whoever sees the count also sees that the items were accepted.
        self.freed.fetch_add(Position::from_index(count as u64).word(), Ordering::Release);
    }

    /// Gives `count` slots from `first` on back to the producers.
    #[inline(always)]
    fn free(&self, first: Position, count: usize) {
        self.count_freed(count);
        self.slots().pass_on(Phase::Free, first.plus(self.slots().capacity()), count);
    }
}
