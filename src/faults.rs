//! Faults that tests ask for. Without the feature `faults` nothing here exists in the library.

#[cfg(feature = "faults")]
mod asked {
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Counts down with each look; a fault is due when it passes 1.
    struct Countdown(AtomicU32);

    impl Countdown {
        const fn new() -> Self {
            Self(AtomicU32::new(0))
        }

        fn set(&self, n: u32) {
            self.0.store(n, Ordering::SeqCst);
        }

        #[cfg(feature = "gpu")]
        fn due(&self) -> bool {
            let take = |left: u32| left.checked_sub(1);
            self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take) == Ok(1)
        }
    }

    static PANICS: AtomicU32 = AtomicU32::new(0);
    static PLANT: AtomicU32 = AtomicU32::new(0);
    static STALL_MS: AtomicU32 = AtomicU32::new(0);
    static PIECE: AtomicU32 = AtomicU32::new(0);
    static ALLOCATIONS: Countdown = Countdown::new();
    static SUBMITS: Countdown = Countdown::new();
    static READS: Countdown = Countdown::new();
    static PUMPING: AtomicU32 = AtomicU32::new(0);
    static PUMPED: Countdown = Countdown::new();
    static IMPORTS: Countdown = Countdown::new();

    /// The next `n` scans of worker threads panic.
    pub fn panic_in_scans(n: u32) {
        PANICS.store(n, Ordering::SeqCst);
    }

    /// Kernels made from now on have this fault planted in them (shaders/resident_bindings.wgsl lists them).
    pub fn plant_in_kernels(fault: u32) {
        PLANT.store(fault, Ordering::SeqCst);
    }

    /// Kernels made from now on share every item out that is longer than two pieces of this many bytes; 0: as they do.
    pub fn split_items(piece: u32) {
        PIECE.store(piece, Ordering::SeqCst);
    }

    /// The `n`-th allocation of GPU memory from now fails; 0: none.
    pub fn fail_allocation(n: u32) {
        ALLOCATIONS.set(n);
    }

    /// The device is lost at the `n`-th launch from now; 0: never.
    pub fn lose_device_at_launch(n: u32) {
        SUBMITS.set(n);
    }

    /// The `n`-th batch from now cannot be read back; 0: none.
    pub fn fail_read_back(n: u32) {
        READS.set(n);
    }

    /// Staged input goes to the copy engines with every call (1), with every other call (2), or by how much it is (0).
    pub fn pump(how: u32) {
        PUMPING.store(how, Ordering::SeqCst);
    }

    /// The copy engines are lost at the `n`-th submission to them from now; 0: never.
    pub fn lose_copy_engines(n: u32) {
        PUMPED.set(n);
    }

    /// The `n`-th buffer registered from now is not imported; 0: none.
    pub fn refuse_import(n: u32) {
        IMPORTS.set(n);
    }

    /// The next producer sleeps so long between reserving and publishing.
    pub fn stall_producer(ms: u32) {
        STALL_MS.store(ms, Ordering::SeqCst);
    }

    pub(crate) fn panic_if_asked() {
        let take = |left: u32| left.checked_sub(1);
        if PANICS.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok() {
            panic!("a test asked for this panic");
        }
    }

    pub(crate) fn stall_if_asked() {
        // Looked at first: a swap with each item would cost as much as much else of it.
        if STALL_MS.load(Ordering::Relaxed) == 0 {
            return;
        }
        let ms = STALL_MS.swap(0, Ordering::SeqCst);
        if ms > 0 {
            std::thread::sleep(std::time::Duration::from_millis(ms.into()));
        }
    }

    #[cfg(feature = "gpu")]
    pub(crate) mod gpu {
        use super::*;

        pub(crate) fn plant() -> u32 {
            PLANT.load(Ordering::SeqCst)
        }

        pub(crate) fn split() -> Option<crate::gpu::persistent::Split> {
            let piece = PIECE.load(Ordering::SeqCst);
            (piece > 0).then_some(crate::gpu::persistent::Split {
                over: 2 * piece,
                least: piece,
                most: piece,
                idle: i32::MIN,
            })
        }

        pub(crate) fn allocation_fails() -> bool {
            ALLOCATIONS.due()
        }

        pub(crate) fn launch_loses_device() -> bool {
            SUBMITS.due()
        }

        pub(crate) fn read_back_fails() -> bool {
            READS.due()
        }

        pub(crate) fn pump_fails() -> bool {
            PUMPED.due()
        }

        pub(crate) fn import_fails() -> bool {
            IMPORTS.due()
        }

        pub(crate) fn pumps_anyway() -> Option<bool> {
            static CALLS: AtomicU32 = AtomicU32::new(0);
            match PUMPING.load(Ordering::Relaxed) {
                0 => None,
                1 => Some(true),
                _ => Some(CALLS.fetch_add(1, Ordering::Relaxed).is_multiple_of(2)),
            }
        }
    }
}

#[cfg(all(feature = "faults", feature = "gpu"))]
pub(crate) use asked::gpu;
#[cfg(feature = "faults")]
pub use asked::{
    fail_allocation, fail_read_back, lose_copy_engines, lose_device_at_launch, panic_in_scans, plant_in_kernels, pump,
    refuse_import, split_items, stall_producer,
};
#[cfg(feature = "faults")]
pub(crate) use asked::{panic_if_asked, stall_if_asked};

#[cfg(not(feature = "faults"))]
pub(crate) fn panic_if_asked() {}

#[cfg(not(feature = "faults"))]
#[inline(always)]
pub(crate) fn stall_if_asked() {}

#[cfg(all(not(feature = "faults"), feature = "gpu"))]
pub(crate) mod gpu {
    pub(crate) fn plant() -> u32 {
        0
    }

    pub(crate) fn split() -> Option<crate::gpu::persistent::Split> {
        None
    }

    pub(crate) fn allocation_fails() -> bool {
        false
    }

    pub(crate) fn launch_loses_device() -> bool {
        false
    }

    pub(crate) fn read_back_fails() -> bool {
        false
    }

    pub(crate) fn pump_fails() -> bool {
        false
    }

    pub(crate) fn import_fails() -> bool {
        false
    }

    pub(crate) fn pumps_anyway() -> Option<bool> {
        None
    }
}
