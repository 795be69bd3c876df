//! Faults that tests ask for. Without the feature `faults` nothing here exists in the library.

#[cfg(feature = "faults")]
mod asked {
    use std::sync::atomic::{AtomicU32, Ordering};

    static PANICS: AtomicU32 = AtomicU32::new(0);

    /// The next `n` scans of worker threads panic.
    pub fn panic_in_scans(n: u32) {
        PANICS.store(n, Ordering::SeqCst);
    }

    static PLANT: AtomicU32 = AtomicU32::new(0);

    /// Kernels made from now on have this fault planted in them (shaders/resident_bindings.wgsl lists them).
    pub fn plant_in_kernels(fault: u32) {
        PLANT.store(fault, Ordering::SeqCst);
    }

    #[cfg(feature = "gpu")]
    pub(crate) fn plant() -> u32 {
        PLANT.load(Ordering::SeqCst)
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
#[cfg(all(feature = "faults", feature = "gpu"))]
pub(crate) use asked::plant;
#[cfg(feature = "faults")]
pub use asked::{panic_in_scans, plant_in_kernels};

#[cfg(not(feature = "faults"))]
pub(crate) fn panic_if_asked() {}

#[cfg(all(not(feature = "faults"), feature = "gpu"))]
pub(crate) fn plant() -> u32 {
    0
}
