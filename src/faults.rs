//! Faults that tests ask for. Without the feature `faults` nothing here exists in the library.

#[cfg(feature = "faults")]
mod asked {
    use std::sync::atomic::{AtomicU32, Ordering};

    static PANICS: AtomicU32 = AtomicU32::new(0);

    /// The next `n` scans of worker threads panic.
    pub fn panic_in_scans(n: u32) {
        PANICS.store(n, Ordering::SeqCst);
    }

    pub(crate) fn panic_if_asked() {
        let take = |left: u32| left.checked_sub(1);
        if PANICS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            panic!("a test asked for this panic");
        }
    }
}

#[cfg(feature = "faults")]
pub(crate) use asked::panic_if_asked;
#[cfg(feature = "faults")]
pub use asked::panic_in_scans;

#[cfg(not(feature = "faults"))]
pub(crate) fn panic_if_asked() {}
