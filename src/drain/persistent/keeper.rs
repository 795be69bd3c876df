//! The drain's own thread: picks up for callers that don't come by, watches the kernel, gives it up and tries it again.

use super::kernel::Resident;
use super::shared::{Live, Shared, Task};
use crate::engine::{Engine, Level, Round, lock};
use crate::ring::Position;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How often it looks while the device has items.
const TICK: Duration = Duration::from_micros(100);
/// How long it goes on looking before it sleeps until it is woken.
const LINGER: Duration = Duration::from_millis(20);
/// The longest sleep: the kernel is watched also while nothing comes.
const NAP: Duration = Duration::from_secs(1);
/// The first wait before a dead kernel is tried again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(300);

pub(super) struct Keeper {
    round: Round,
    busy_at: Instant,
    retry: Duration,
    retry_at: Instant,
    epoch: u64,
}

impl Keeper {
    pub fn new() -> Self {
        let now = Instant::now();
        Self { round: Round::default(), busy_at: now, retry: FIRST_RETRY, retry_at: now, epoch: 1 }
    }

    pub fn run<K: Resident>(mut self, shared: &Shared<K>, engine: &Engine) {
        shared.i_am_the_keeper();
        while !engine.is_stopping() {
            if engine.tend(&mut self.round) {
                self.busy_at = Instant::now();
            }
            self.watch(shared, engine);
            if self.busy_at.elapsed() < LINGER {
                std::thread::sleep(TICK);
            } else {
                let nap = if shared.live().is_some() { NAP } else { NAP / 20 };
                shared.sleep(nap, || engine.lends(&self.round) || engine.is_stopping());
            }
        }
    }

    fn watch<K: Resident>(&mut self, shared: &Shared<K>, engine: &Engine) {
        let death = shared.live().as_ref().map(|live| live.kernel.death());
        match death {
            Some(None) => {}
            Some(Some(why)) => {
                fail_over(shared, engine, &why);
                self.retry_at = Instant::now() + self.retry;
            }
            None if Instant::now() >= self.retry_at => {
                self.epoch += 1;
                self.retry = (self.retry * 2).min(LAST_RETRY);
                if revive(shared, engine, self.epoch).is_err() {
                    self.retry_at = Instant::now() + self.retry;
                }
            }
            None => {}
        }
    }
}

/// The device is given up: what it has is scanned here, and what comes too.
fn fail_over<K: Resident>(shared: &Shared<K>, engine: &Engine, why: &str) {
    // Every look at completions holds this lock, so from here on nobody looks at the old ones.
    let Some(dead) = shared.change().take() else { return };
    shared.failovers.fetch_add(1, Ordering::Relaxed);
    let message = format!("{} is given up ({why}): draining with worker threads", shared.name);
    engine.options().log.say(Level::Warn, &message);
    *lock(&shared.why) = message;
    {
        let counters = dead.kernel.counters();
        let mut past = lock(&shared.past);
        past.launches += counters.launches;
        past.relaunches += counters.relaunches;
        past.polls += counters.polls;
        past.pumped_bytes += counters.pumped_bytes;
        past.longest_gap_ns = past.longest_gap_ns.max(counters.longest_gap_ns);
    }
    // Items may be over, and the buffers that they are in gone, as soon as others have them.
    dead.kernel.stop_moving();
    // Whoever lends holds its handle's lock all the while, so this finds everything that was lent.
    engine.call_in(|claims| shared.to_host(claims.map(Task::new)));
    shared.work.notify_all();
    // The kernel may still run, or never end: its memory is let go when it has ended.
    dead.kernel.stop();
}

/// Tries the device again, over the same arena and with everything else new.
fn revive<K: Resident>(shared: &Shared<K>, engine: &Engine, epoch: u64) -> Result<(), String> {
    // The kernel waits for every position from its first on. What is reserved behind it asks only then where to publish,
    // and waits for this lock; what was reserved before goes to the worker threads whenever it is published.
    let mut live = shared.change();
    let head = engine.ring().head();
    let kernel = Arc::new((shared.make)(engine, head)?);
    *live = Some(Live { kernel, epoch, first: Position::from_index(head) });
    drop(live);
    let message = format!("resident kernel on {} again", shared.name);
    engine.options().log.say(Level::Info, &message);
    *lock(&shared.why) = message;
    Ok(())
}
