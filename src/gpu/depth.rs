//! How much is on its way to the device: it decides whether the processor stores an item's bytes or a copy engine does.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Bytes a microsecond: a third of what one thread stores into device memory. Who brings more for long is better served by
/// the copy engines, which leave the thread the time to bring it.
const DRAINS: u64 = 3_000;
/// Above this the copy engine is faster to the last byte (docs/feeding.md); below, its start costs more than it saves.
const DEEP: u64 = 512 << 10;
/// It goes on while there is this much.
const STILL_DEEP: u64 = 64 << 10;
/// A call with less than this is stored in any case: its caller is likely to wait for it.
const FEW: u64 = 8 << 10;

/// A bucket with a hole: what comes in, less what one thread could have stored meanwhile.
pub(super) struct Depth {
    began: Instant,
    /// Bytes in the bucket, and when that was, in microseconds: in one word, each in half of it. The bucket stops at 4 GiB.
    state: AtomicU64,
    pumped: AtomicU64,
}

impl Depth {
    pub fn new() -> Self {
        Self { began: Instant::now(), state: AtomicU64::new(0), pumped: AtomicU64::new(0) }
    }

    /// Counts bytes in; true: they are for the copy engine. `waiting`: bytes that it was given and has not sent yet.
    pub fn add(&self, bytes: u64, waiting: u64) -> bool {
        self.add_at(self.began.elapsed().as_micros() as u32, bytes, waiting)
    }

    /// Counts bytes that the copy engine is given.
    pub fn pumps(&self, bytes: u64) {
        self.pumped.fetch_add(bytes, Ordering::Relaxed);
    }

    /// See `add`. Two calls at one time may each miss the other's bytes: it is an estimate.
    fn add_at(&self, now: u32, bytes: u64, waiting: u64) -> bool {
        let state = self.state.load(Ordering::Relaxed);
        let (level, then) = (state >> 32, state as u32);
        let since = u64::from(now.wrapping_sub(then).min(1 << 31));
        let level = (level.saturating_sub(since * DRAINS) + bytes).min(u32::MAX.into());
        self.state.store(level << 32 | u64::from(now), Ordering::Relaxed);
        bytes >= FEW && (level > DEEP || (waiting > 0 && level > STILL_DEEP))
    }

    /// Bytes that went to the copy engine.
    pub fn pumped(&self) -> u64 {
        self.pumped.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_pumped_and_a_trickle_is_stored() {
        let depth = Depth::new();
        let mut now = u32::MAX - 50;
        for _ in 0..100 {
            assert!(!depth.add_at(now, 16 << 10, 0));
            now = now.wrapping_add(6);
        }
        let since = (0..200).position(|_| depth.add_at(now, 64 << 10, 0)).unwrap();
        assert!((4..10).contains(&since), "{since}");
        assert!(!depth.add_at(now, 1 << 10, 1 << 20), "one item is stored all the same");
        now = now.wrapping_add(180);
        assert!(depth.add_at(now, 64 << 10, 1) && !depth.add_at(now, 64 << 10, 0), "it goes on while it is at it");
        now = now.wrapping_add(1000);
        assert!(!depth.add_at(now, 16 << 10, 1), "then there is little again");
        assert!(depth.add_at(now, 1 << 20, 0), "one call with much");
    }
}
