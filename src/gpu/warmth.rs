//! Whether the GPU has its full clock. Nobody tells, but it follows from when it had nothing to do: an H200 that let go
//! was warm after 1.5 s, and after 3 s at a fraction of its clock for another 260 to 320 ms of work.

use std::time::{Duration, Instant};

/// A GPU that had nothing to do for so long ...
const COOLING: Duration = Duration::from_millis(1500);
/// ... has its full clock only so long after it has.
const WARMING: Duration = Duration::from_millis(400);

/// What is known of it. A new one counts as cold.
#[derive(Default)]
pub(super) struct Warmth {
    let_go: Option<Instant>,
    cold_until: Option<Instant>,
}

impl Warmth {
    /// It has nothing to do from now on.
    pub fn let_go(&mut self, now: Instant) {
        self.let_go = Some(now);
    }

    /// It gets something to do.
    pub fn wake(&mut self, now: Instant) {
        if self.let_go.is_none_or(|since| now - since > COOLING) {
            self.cold_until = Some(now + WARMING);
        }
    }

    /// Whether it runs, and not yet at its full clock.
    pub fn is_cold(&self, now: Instant) -> bool {
        self.cold_until.is_some_and(|until| until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_cold_at_first_and_after_a_long_rest_but_not_for_long() {
        let (mut gpu, begin) = (Warmth::default(), Instant::now());
        let at = |ms| begin + Duration::from_millis(ms);
        gpu.wake(at(0));
        assert!(gpu.is_cold(at(10)) && !gpu.is_cold(at(500)));
        gpu.let_go(at(600));
        gpu.wake(at(1600));
        assert!(!gpu.is_cold(at(1601)), "it rested for a second only");
        gpu.let_go(at(2000));
        gpu.wake(at(4000));
        assert!(gpu.is_cold(at(4001)) && !gpu.is_cold(at(4500)));
        // It did not get warm meanwhile.
        gpu.let_go(at(6000));
        gpu.wake(at(9000));
        gpu.let_go(at(9100));
        gpu.wake(at(9200));
        assert!(gpu.is_cold(at(9300)));
    }
}
