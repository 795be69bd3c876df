//! Keeping the two ends of a busy ring apart.
//!
//! Where one end has caught up with the other, both work on the same cache lines, and each item costs their way to the
//! other processor and back. So whoever catches up in full run waits for some microseconds, once, before it says that
//! nothing is there: meanwhile the other end gets on, by lines instead of by items. The idea is that of temporal slipping
//! in "FastForward for Efficient Pipeline Parallelism" (Giacomoni, Moseley, Vachharajani, PPoPP 2008).
//!
//! Who comes by more seldom, or asks again, is answered at once: an item alone does not wait for this.

use super::position::Position;
use std::sync::atomic::{AtomicU64, Ordering};

/// Catching up after fewer items than this is no full run.
const RUN: i64 = 64;
/// Pauses of the processor, each some 10 to 50 ns: time for a few hundred items.
const PAUSES: u32 = 128;

/// Where one end of a ring last caught up with the other. A hint: nothing depends on it.
pub(super) struct Slip(AtomicU64);

impl Slip {
    pub(super) fn new(start: Position) -> Self {
        Self(AtomicU64::new(start.word()))
    }

    /// This end has caught up at `position`. Waits and answers true if it should look again then.
    #[cold]
    pub(super) fn wait(&self, position: Position) -> bool {
        let run = position.distance_from(Position::of(self.0.load(Ordering::Relaxed)));
        if run != 0 {
            self.0.store(position.word(), Ordering::Relaxed);
        }
        if run < RUN || cfg!(loom) {
            return false;
        }
        (0..PAUSES).for_each(|_| std::hint::spin_loop());
        true
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_a_full_run_waits_and_only_once() {
        let start = Position::FIRST;
        let slip = Slip::new(start);
        assert!(!slip.wait(start) && !slip.wait(start.plus(1)));
        let far = start.plus(1 + RUN as u64);
        assert!(slip.wait(far) && !slip.wait(far), "asked again it answers at once");
        assert!(!slip.wait(far.plus(RUN as u64 - 1)));
        // Somebody who is late with an old position.
        assert!(!slip.wait(start));
    }
}
