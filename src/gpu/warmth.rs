//! Whether the GPU has its full clock. Nobody tells, but it follows from when it had nothing to do: an H200 that let go
//! was warm after 1.5 s, and after 3 s at a fraction of its clock for another 260 to 320 ms of work.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A GPU that had nothing to do for so long ...
const COOLING: Duration = Duration::from_millis(1500);
/// ... has its full clock only after so much work.
const WARMING: Duration = Duration::from_millis(400);

/// What is known of an adapter's clock by all kernels of this process together.
#[derive(Clone, Default)]
pub(super) struct Warmth(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    /// When it was last known to work, or to begin.
    at: Option<Instant>,
    /// So much more work and it is warm.
    left: Duration,
}

impl Warmth {
    /// Of this adapter. One that nobody has used yet counts as cold.
    pub fn of(adapter: u32) -> Warmth {
        static ALL: Mutex<Vec<(u32, Warmth)>> = Mutex::new(Vec::new());
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, warmth)) = all.iter().find(|(index, _)| *index == adapter) {
            return warmth.clone();
        }
        let warmth = Warmth::default();
        all.push((adapter, warmth.clone()));
        warmth
    }

    /// It gets something to do.
    pub fn wakes(&self, now: Instant) {
        let mut seen = self.seen();
        if seen.at.is_none_or(|at| now.saturating_duration_since(at) > COOLING) {
            seen.left = WARMING;
        }
        seen.at = Some(now);
    }

    /// It has had something to do until now.
    pub fn works(&self, now: Instant) {
        let mut seen = self.seen();
        seen.left = seen.left_at(now);
        seen.at = Some(now);
    }

    /// Whether it runs, and not yet at its full clock.
    pub fn is_cold(&self, now: Instant) -> bool {
        !self.seen().left_at(now).is_zero()
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn left_at(&self, now: Instant) -> Duration {
        self.left.saturating_sub(self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_cold_at_first_and_after_a_long_rest_until_it_has_worked_for_a_while() {
        let (gpu, begin) = (Warmth::default(), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        gpu.wakes(at(0));
        assert!(gpu.is_cold(at(10)) && !gpu.is_cold(at(500)));
        gpu.works(at(600));
        gpu.wakes(at(1600));
        assert!(!gpu.is_cold(at(1601)), "it rested for a second only");
        gpu.works(at(2000));
        gpu.wakes(at(4000));
        assert!(gpu.is_cold(at(4001)) && !gpu.is_cold(at(4500)));
        // It did not get warm: 100 ms of work, a second of rest.
        gpu.works(at(6000));
        gpu.wakes(at(9000));
        gpu.works(at(9100));
        gpu.wakes(at(10_100));
        assert!(gpu.is_cold(at(10_390)) && !gpu.is_cold(at(10_410)));
    }

    #[test]
    fn what_one_kernel_keeps_warm_is_warm_for_the_next() {
        let (first, second, begin) = (Warmth::of(u32::MAX), Warmth::of(u32::MAX), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        first.wakes(at(0));
        for ms in (10..3000).step_by(10) {
            first.works(at(ms));
        }
        second.wakes(at(3000));
        assert!(!second.is_cold(at(3001)));
        let other = Warmth::of(u32::MAX - 1);
        other.wakes(at(3000));
        assert!(other.is_cold(at(3001)));
    }
}
