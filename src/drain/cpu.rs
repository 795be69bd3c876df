//! The CPU drain: worker threads that claim, scan and finish.

use super::Drain;
use crate::engine::{Engine, Job, LoadedSet, Owners, Tally};
use crate::ring::Claims;
use crate::scan::Scratch;
use crate::status::{Error, Result, TRM_ERR_MEMORY, TRM_ERR_PANIC};
use std::sync::Arc;
use std::thread::JoinHandle;

/// Most items of one claim: enough to make claiming cheap, few enough to leave work for the others.
const MAX_CLAIM: u64 = 32;
/// Bytes after which waiting callers are told what is finished, though the claim is not at its end.
const TELL_BYTES: u64 = 32 << 10;

/// Running worker threads.
pub struct Workers {
    threads: Vec<JoinHandle<()>>,
    engine: std::sync::Weak<Engine>,
}

impl Workers {
    /// Starts as many as the options say.
    pub fn start(engine: &Arc<Engine>) -> Result<Self> {
        let mut workers = Self { threads: Vec::new(), engine: Arc::downgrade(engine) };
        for n in 0..engine.options().cpu_threads {
            let mine = engine.clone();
            let thread =
                std::thread::Builder::new().name(format!("trommel-{n}")).spawn(move || Worker::new(&mine).run());
            match thread {
                Ok(thread) => workers.threads.push(thread),
                // Fewer threads than asked for still give every answer.
                Err(_) if n > 0 => break,
                Err(why) => {
                    return Err(Error::new(
                        TRM_ERR_MEMORY,
                        format!("no worker thread could be started ({why}): raise the limit of threads"),
                    ));
                }
            }
        }
        Ok(workers)
    }
}

impl Drain for Workers {
    fn stop(self: Box<Self>) {
        if let Some(engine) = self.engine.upgrade() {
            engine.work().notify_all();
        }
        for thread in self.threads {
            // A worker catches the panics of matchers; if one dies all the same there is nothing left to do for it.
            let _ = thread.join();
        }
    }
}

/// What one worker thread holds.
struct Worker<'a> {
    engine: &'a Engine,
    scratch: Box<Scratch>,
    owners: Owners,
    tally: Tally,
}

impl<'a> Worker<'a> {
    fn new(engine: &'a Engine) -> Self {
        Self { engine, scratch: Box::default(), owners: Owners::default(), tally: Tally::default() }
    }

    fn run(mut self) {
        let engine = self.engine;
        loop {
            let claims = engine.work().wait_until(None, || {
                if engine.is_stopping() {
                    return Some(None);
                }
                engine.ring().claim(self.fair_share()).map(Some)
            });
            match claims.flatten() {
                Some(claims) => self.drain(claims),
                None => return,
            }
        }
    }

    /// A part of what is queued that leaves as much for each of the other workers.
    fn fair_share(&self) -> usize {
        let ring = self.engine.ring();
        let queued = ring.head().saturating_sub(ring.tail());
        (queued / (2 * u64::from(self.engine.options().cpu_threads))).clamp(1, MAX_CLAIM) as usize
    }

    fn drain(&mut self, mut claims: Claims) {
        let engine = self.engine;
        let mut run: Option<(Arc<LoadedSet>, u64)> = None;
        let mut next = claims.next().map(|claim| (engine.ring().payload(&claim), claim));
        while let Some((job, claim)) = next {
            next = claims.next().map(|claim| (engine.ring().payload(&claim), claim));
            let (set, items) = run.get_or_insert_with(|| (engine.set_at(job.set), 0));
            *items += 1;
            let outcome = match engine.is_off(&claim, &job) {
                false => scan(engine, &job, set, &mut self.scratch),
                true => engine.cancelled(&job, set),
            };
            // What was used and done is counted before the last item can be seen done: who has seen them all done may
            // replace their rules and finds them all counted.
            if next.as_ref().is_none_or(|(next, _)| next.set != job.set) {
                engine.finished_with(set, *items);
                run = None;
            }
            if next.is_none() {
                self.tally.expect_last();
            }
            engine.finish(claim, &job, outcome, &mut self.owners, &mut self.tally);
            if self.tally.bytes() >= TELL_BYTES {
                engine.flush(&mut self.owners, &mut self.tally);
            }
        }
        engine.flush(&mut self.owners, &mut self.tally);
    }
}

/// Scans one item on this thread. A panic of a matcher becomes the item's status.
fn scan(engine: &Engine, job: &Job, set: &LoadedSet, scratch: &mut Scratch) -> crate::engine::Outcome {
    scan_bytes(engine, job, set, engine.arena().bytes(job.input_offset, job.input_len), scratch)
}

/// [`scan`] where the item's bytes lie elsewhere.
pub(super) fn scan_bytes(
    engine: &Engine,
    job: &Job,
    set: &LoadedSet,
    bytes: &[u8],
    scratch: &mut Scratch,
) -> crate::engine::Outcome {
    let mut matches = Vec::new();
    let scanned = crate::panics::guarded(|| {
        crate::faults::panic_if_asked();
        set.rules.scan(bytes, scratch, engine.options().max_matches_per_item, &mut matches)
    });
    match scanned {
        Some(count) => engine.outcome(job, set, count, matches),
        None => {
            *scratch = Scratch::default();
            let mut failed = engine.outcome(job, set, 0, Vec::new());
            failed.status = TRM_ERR_PANIC;
            failed
        }
    }
}
