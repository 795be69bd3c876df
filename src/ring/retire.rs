//! Keeps a thing until the last use of it ends: who uses it counts in and out, and after it is retired nobody new can.

use super::sync::{AtomicU64, Ordering};

const RETIRED: u64 = 1;
const USE: u64 = 2;

/// How many uses a thing has, and whether it is retired.
pub struct Uses {
    /// Twice the count, and the retired flag in the lowest bit.
    word: AtomicU64,
}

impl Default for Uses {
    fn default() -> Self {
        Self::new()
    }
}

impl Uses {
    /// In service, not used yet.
    pub fn new() -> Self {
        Self { word: AtomicU64::new(0) }
    }

    /// Counts `count` uses in; `false` if the thing is retired.
    pub fn try_add(&self, count: u64) -> bool {
        let mut word = self.word.load(Ordering::Relaxed);
        while word & RETIRED == 0 {
            // Relaxed: the caller found the thing by other means, which carried it. A retired word can't be swapped.
            match self.word.compare_exchange_weak(word, word + count * USE, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
        false
    }

    /// Counts `count` more uses in for somebody who has one: also of a thing that is retired.
    pub fn add_again(&self, count: u64) {
        // Relaxed: the use that is there already keeps the thing.
        let before = self.word.fetch_add(count * USE, Ordering::Relaxed);
        debug_assert!(before >= USE, "nobody has a use");
    }

    /// Counts `count` uses out; `true` if the thing is retired and these were the last: the caller cleans up, and no
    /// other call of [`Uses::sub`] or [`Uses::retire`] answers `true`.
    #[must_use = "the last one out cleans up"]
    pub fn sub(&self, count: u64) -> bool {
        // Release: every use happened before the cleaning up. Acquire: for the one who cleans up.
        let before = self.word.fetch_sub(count * USE, Ordering::AcqRel);
        debug_assert!(before >= count * USE, "more uses were counted out than in");
        count > 0 && before - count * USE == RETIRED
    }

    /// Lets nobody new use the thing; `true` if it is unused already: the caller cleans up.
    #[must_use = "nobody else cleans up an unused thing"]
    pub fn retire(&self) -> bool {
        // Acquire and release: as in `sub`.
        self.word.fetch_or(RETIRED, Ordering::AcqRel) == 0
    }

    /// Retires the thing only if it is unused now; `true` if so: the caller cleans up.
    #[must_use = "nobody else cleans up an unused thing"]
    pub fn retire_if_unused(&self) -> bool {
        // Acquire: every use happened before the cleaning up. Nothing to release: nobody else will clean up.
        self.word.compare_exchange(0, RETIRED, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }

    /// Whether it is retired.
    pub fn is_retired(&self) -> bool {
        self.word.load(Ordering::Relaxed) & RETIRED != 0
    }

    /// Uses counted in and not out.
    pub fn count(&self) -> u64 {
        self.word.load(Ordering::Relaxed) / USE
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_last_one_out_cleans_up() {
        let uses = Uses::new();
        assert!(uses.try_add(3));
        assert!(!uses.sub(1));
        assert!(!uses.retire());
        assert!(!uses.retire());
        assert!(!uses.try_add(1));
        uses.add_again(1);
        assert_eq!(uses.count(), 3);
        assert!(!uses.sub(0));
        assert!(uses.sub(3));
    }

    #[test]
    fn retiring_an_unused_thing_cleans_up_at_once() {
        let uses = Uses::new();
        assert!(uses.try_add(1));
        assert!(!uses.sub(1), "in service: nothing to clean up");
        assert!(uses.retire());
        assert!(!uses.retire());
        assert!(uses.is_retired());
        assert!(!uses.retire_if_unused());
        let uses = Uses::new();
        assert!(uses.try_add(1));
        assert!(!uses.retire_if_unused(), "somebody uses it");
        assert!(!uses.sub(1));
        assert!(uses.retire_if_unused() && !uses.try_add(1) && !uses.retire());
    }
}
