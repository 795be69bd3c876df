//! Looking after the leases: handing over, letting go when idle, noticing that the kernel died.

use super::completions::Completions;
use super::lease::{Launch, Leases, Status};
use std::time::{Duration, Instant};

/// A lease with few workers runs so long at least, and is looked at so often.
const LEAST: Duration = Duration::from_micros(250);

impl Leases {
    /// One look of the keeper. Returns how long it may sleep.
    pub fn tend(&self, keeper: &mut Keeper, completions: &Completions) -> Duration {
        if self.status() != Status::Running {
            return Duration::from_secs(3600);
        }
        if let Some(trouble) = self.device.trouble() {
            self.declare_dead(trouble);
            return Duration::ZERO;
        }
        let all_done = keeper.catch_up(completions, self.start, self.ring, self.published());
        let mut launch = self.lock();
        if self.status() != Status::Running {
            return Duration::ZERO;
        }
        let tick = (self.options.lease / 4).clamp(Duration::from_micros(250), Duration::from_millis(5));
        let submitted = self.submitted();
        if self.ended() == submitted {
            // It left by itself: a budget ran out, or it was asked to when it looked idle.
            return self.settle(&mut launch, keeper, completions);
        }
        let now = Instant::now();
        if let Some(since) = keeper.still_since(self.ended(), all_done, now)
            && now - since > self.patience()
        {
            let what = if all_done { "end its lease" } else { "serve an item" };
            self.declare_dead(format!("the resident kernel did not {what} for {:?}", now - since));
            return Duration::ZERO;
        }
        if all_done && now - keeper.busy_at > self.options.idle {
            self.stop_below(submitted.wrapping_add(1));
            if self.wait_ended(submitted, self.patience()) {
                return self.settle(&mut launch, keeper, completions);
            }
            self.declare_dead("the resident kernel did not stop".into());
            return Duration::ZERO;
        }
        self.look_for_large(&mut launch);
        let (waiting, age) = (keeper.waiting(self.published()), launch.launched_at.elapsed());
        // A flood after a trickle is to find its workers within a millisecond.
        if age >= self.options.lease || (age >= LEAST && self.wants_others(&launch, waiting)) {
            self.hand_over(&mut launch, waiting);
        } else {
            self.prepare(&mut launch);
        }
        if self.is_few(&launch) { tick.min(LEAST) } else { tick }
    }

    /// Every launched lease has ended: launch the next if anything waits, else let go.
    fn settle(&self, launch: &mut Launch, keeper: &mut Keeper, completions: &Completions) -> Duration {
        self.set_status(Status::Idle);
        launch.warmth.works(Instant::now());
        if keeper.catch_up(completions, self.start, self.ring, self.published()) {
            let _ = self.device.wgpu.poll(wgpu::PollType::Poll);
            return Duration::from_secs(3600);
        }
        self.set_status(Status::Running);
        self.resize(launch, keeper.waiting(self.published()));
        self.submit(launch);
        Duration::from_micros(100)
    }

    fn hand_over(&self, launch: &mut Launch, waiting: u64) {
        self.resize(launch, waiting);
        let old = self.submitted();
        let new = old.wrapping_add(1);
        let began = Instant::now();
        if self.device.is_software() {
            // There a submission waits for the one before it.
            self.stop_below(new);
            if !self.wait_ended(old, self.patience()) {
                self.declare_dead("the resident kernel did not stop for the hand-over".into());
                return;
            }
            self.submit(launch);
        } else {
            // Only one lease is ever queued ahead, so that everybody else's turn comes.
            if self.ended() != old.wrapping_sub(1) {
                // Until the one before has ended, this one cannot be asked to leave: nobody may hold the GPU like that.
                if launch.launched_at.elapsed() > self.options.lease + self.patience() {
                    self.declare_dead("a lease of the resident kernel did not tell that it ended".into());
                }
                return;
            }
            self.submit(launch);
            self.stop_below(new);
        }
        launch.warmth.works(Instant::now());
        launch.counters.longest_gap = launch.counters.longest_gap.max(began.elapsed());
        self.prepare(launch);
    }
}

/// The keeper's own view of how far the kernel has come.
pub(super) struct Keeper {
    /// Items, from the first, known to be done without a gap.
    done: u64,
    busy_at: Instant,
    witness: (u32, u64),
    still_since: Option<Instant>,
}

impl Keeper {
    pub fn new() -> Keeper {
        Keeper { done: 0, busy_at: Instant::now(), witness: (0, 0), still_since: None }
    }

    /// Follows the completions up to `published`; true if all that was published is done.
    fn catch_up(&mut self, completions: &Completions, start: u64, ring: u64, published: u64) -> bool {
        let before = self.done;
        // Slots that were published again are done with their earlier lap: the publisher had consumed it.
        self.done = self.done.max(published.saturating_sub(ring));
        let mut budget = 8192;
        while self.done < published && budget > 0 && completions.poll(start.wrapping_add(self.done)).is_some() {
            self.done += 1;
            budget -= 1;
        }
        let all = self.done == published;
        if self.done != before || !all {
            self.busy_at = Instant::now();
        }
        all
    }

    /// Items that were not done when it looked last.
    fn waiting(&self, published: u64) -> u64 {
        published - self.done
    }

    /// Since when nothing has moved: no lease ended and nothing was served, or nothing was served over several leases.
    fn still_since(&mut self, ended: u32, all_done: bool, now: Instant) -> Option<Instant> {
        // With nothing to serve, leases ending are the sign of life; with something to serve, serving is.
        let witness = (if all_done { ended } else { 0 }, self.done);
        if witness != self.witness || self.still_since.is_none() {
            self.witness = witness;
            self.still_since = Some(now);
        }
        self.still_since
    }
}
