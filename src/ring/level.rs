//! Keeps an outside signal, such as an eventfd, level with whether something is there: raising it again while it is up
//! costs no call to the outside, and what comes while it is lowered is not lost.

use super::sync::{AtomicBool, Ordering};

/// Whether the signal was raised and not lowered since.
pub struct Level {
    raised: AtomicBool,
}

impl Default for Level {
    fn default() -> Self {
        Self::new()
    }
}

impl Level {
    /// Down.
    pub fn new() -> Self {
        Self { raised: AtomicBool::new(false) }
    }

    /// To be called when something is there; calls `set` if the signal is down.
    #[inline]
    pub fn raise(&self, set: impl FnOnce()) {
        // Release: whoever lowers the signal after this sees what is there. Acquire: the signal is set after the last
        // lowering cleared it.
        if !self.raised.swap(true, Ordering::AcqRel) {
            set();
        }
    }

    /// Takes the signal down. Whoever calls it looks afterwards whether something is there, and raises it then.
    pub fn lower(&self, clear: impl FnOnce()) {
        // Clear always, and before the flag: a raise that finds the flag down sets the signal, and were it cleared after
        // that, the flag would stay up beside a signal that is down, for ever. A raise between its swap and its `set`
        // leaves a signal up for nothing instead, until the next call.
        // Acquire, and so a swap: what was there before the raise that this takes down is seen afterwards. Release: for
        // the next raise, see there.
        clear();
        self.raised.swap(false, Ordering::AcqRel);
    }
}
