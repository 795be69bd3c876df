//! The CPU drain: worker threads that claim, scan and finish.

use super::Drain;
use crate::engine::{Engine, Job, Known, Lists, LoadedSet, Matches, Outcome, Owners, Tally, status_of};
use crate::ring::{Claims, Completer};
use crate::scan::{Match, Scratch};
use crate::status::{Error, Result, TRM_CANCELLED, TRM_ERR_MEMORY, TRM_ERR_PANIC, TRM_OK, trm_status};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most items of one claim: enough to make claiming cheap, few enough to leave work for the others.
const MAX_CLAIM: u64 = Completer::<Job, Outcome>::MOST as u64;
/// Waiting callers are told what is finished after this time at the latest, and at once where nothing more is queued.
/// Telling may wake a thread up, which costs as much as some dozens of items.
const TELL: Duration = Duration::from_micros(50);
/// The same while so many items are queued that ...
const DEEP: u64 = 512;
/// ... whatever is put behind them waits for longer than this anyway.
const TELL_DEEP: Duration = Duration::from_micros(500);
/// Bytes after which the clock is looked at, though the claim is not at its end. An item of more is not begun before
/// callers know what is done.
const LOOK_BYTES: u64 = 32 << 10;

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
            let thread = std::thread::Builder::new()
                .name(format!("trommel-{n}"))
                .spawn(move || Worker::new(&mine, n as usize).run());
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
    /// The item's.
    matches: Vec<Match>,
    spares: Lists,
    owners: Owners,
    tally: Tally,
    known: Known,
    untold: Untold,
}

/// What is finished and not told of.
#[derive(Default)]
struct Untold {
    /// When the first of it was seen.
    since: Option<Instant>,
    items: u64,
    /// Bytes of items since the clock was looked at.
    bytes: u64,
}

/// Claimed items on their way through a worker.
struct Batch<'a> {
    items: Completer<'a, Job, Outcome>,
    /// Whose those are that are ready to be passed on.
    owner: u32,
    /// Finished items in a row with one set, which are not counted out.
    run: u64,
}

impl<'a> Worker<'a> {
    fn new(engine: &'a Engine, n: usize) -> Self {
        Self {
            engine,
            scratch: Box::default(),
            matches: Vec::new(),
            spares: Vec::new(),
            owners: Owners::default(),
            tally: Tally::of_thread(n),
            known: Known::default(),
            untold: Untold::default(),
        }
    }

    fn run(mut self) {
        while let Some(claims) = self.next_claims() {
            self.drain(claims);
        }
    }

    /// What is done next; `None`: nothing ever.
    fn next_claims(&mut self) -> Option<Claims> {
        let engine = self.engine;
        let poll = |this: &Self| {
            if engine.is_stopping() {
                return Some(None);
            }
            engine.ring().claim(this.fair_share()).map(Some)
        };
        if self.untold.items > 0 {
            if let Some(Some(claims)) = poll(self) {
                return Some(claims);
            }
            self.tell();
        }
        // A thread that waits keeps no set that was unloaded.
        self.known = Known::default();
        engine.work().wait_until(None, || poll(self)).flatten()
    }

    /// A part of what is queued that leaves as much for each of the other workers.
    fn fair_share(&self) -> usize {
        (self.queued() / (2 * self.threads())).clamp(1, MAX_CLAIM) as usize
    }

    fn queued(&self) -> u64 {
        let ring = self.engine.ring();
        ring.head().saturating_sub(ring.tail())
    }

    fn threads(&self) -> u64 {
        u64::from(self.engine.options().cpu_threads)
    }

    fn drain(&mut self, claims: Claims) {
        let mut batch = Batch { items: self.engine.ring().completer(claims), owner: 0, run: 0 };
        // A matcher's panic ends its item, not the batch; to be ready for one costs more than a small item's scan.
        while crate::panics::guarded(|| self.scan_all(&mut batch)).is_none() {
            *self.scratch = Scratch::default();
            self.matches.clear();
            if batch.items.left() == 0 {
                break;
            }
            let job = batch.items.payload(0);
            self.finish(&mut batch, &job, TRM_ERR_PANIC, 0);
        }
    }

    fn scan_all(&mut self, batch: &mut Batch<'_>) {
        let engine = self.engine;
        while batch.items.left() > 0 {
            let (position, job) = (batch.items.position(), batch.items.payload(0));
            let is_large = u64::from(job.input_len) > LOOK_BYTES;
            if is_large || batch.owner != job.owner() {
                self.pass_on(batch);
                batch.owner = job.owner();
            }
            if is_large && self.untold.items > 0 {
                self.tell();
            }
            self.matches.clear();
            let (status, match_count) = if engine.is_off(position, &job) {
                (TRM_CANCELLED, 0)
            } else {
                let set = engine.known_set(job.set(), &mut self.known);
                let bytes = engine.arena().bytes(job.input_offset, job.input_len);
                scan(engine, set, bytes, &mut self.scratch, &mut self.matches)
            };
            self.finish(batch, &job, status, match_count);
        }
    }

    /// Finishes the batch's next item.
    #[inline(always)]
    fn finish(&mut self, batch: &mut Batch<'_>, job: &Job, status: trm_status, match_count: u64) {
        let engine = self.engine;
        let is_last = batch.items.left() == 1;
        batch.run += 1;
        // What was used and done is counted before the last item can be seen done: who has seen them all done may replace
        // their rules and finds them all counted.
        if is_last || batch.items.payload(1).set() != job.set() {
            engine.finished_with(engine.known_set(job.set(), &mut self.known), std::mem::take(&mut batch.run));
        }
        if is_last {
            self.tally.expect_last();
        }
        self.untold.items += 1;
        self.untold.bytes += u64::from(job.input_len);
        let look = is_last || self.untold.bytes >= LOOK_BYTES;
        if engine.is_plain(job) {
            engine.let_go_in_place(job);
            self.tally.add(job, status, match_count);
            if status == TRM_OK && match_count == 0 {
                batch.items.complete_blank();
            } else {
                batch.items.complete_with(|outcome| {
                    (outcome.status, outcome.match_count) = (status, match_count);
                    outcome.matches.fill(&self.matches, engine.spares(), &mut self.spares);
                });
            }
            if look {
                self.pass_on(batch);
            }
        } else {
            self.pass_on(batch);
            let Some(claim) = batch.items.split() else { unreachable!("the item was looked at") };
            let mut outcome = Outcome { status, match_count, matches: Matches::default() };
            outcome.matches.fill(&self.matches, engine.spares(), &mut self.spares);
            engine.finish(claim, job, outcome, &mut self.owners, &mut self.tally);
        }
        if look {
            self.tell_if_due();
        }
    }

    /// Passes on the items that are ready.
    #[inline]
    fn pass_on(&mut self, batch: &mut Batch<'_>) {
        if batch.items.ready() > 0 {
            self.engine.finish_run(&mut batch.items, batch.owner, &mut self.owners, &mut self.tally);
        }
    }

    /// Tells of what is done where it is time to.
    fn tell_if_due(&mut self) {
        self.untold.bytes = 0;
        // Of a small ring nothing is queued any more when much of it is done: nobody would fill it up.
        let enough = u64::from(self.engine.ring().capacity()) / (2 * self.threads());
        let now = Instant::now();
        let since = *self.untold.since.get_or_insert(now);
        let wait = if self.queued() >= DEEP { TELL_DEEP } else { TELL };
        if self.untold.items >= enough || now - since >= wait {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.untold = Untold::default();
        self.engine.flush(&mut self.owners, &mut self.tally);
    }
}

/// Scans one item on this thread: its status and the true count, and the matches of which are to be delivered.
#[inline(always)]
fn scan(
    engine: &Engine,
    set: &LoadedSet,
    bytes: &[u8],
    scratch: &mut Scratch,
    matches: &mut Vec<Match>,
) -> (trm_status, u64) {
    crate::faults::panic_if_asked();
    let count = set.rules.scan(bytes, scratch, engine.options().max_matches_per_item, matches);
    (status_of(count, matches.len()), count)
}

/// As the workers do for an item whose bytes lie elsewhere.
#[cfg(feature = "gpu")]
pub(super) fn scan_bytes(engine: &Engine, set: &LoadedSet, bytes: &[u8], scratch: &mut Scratch) -> Outcome {
    let mut matches = Vec::new();
    match crate::panics::guarded(|| scan(engine, set, bytes, scratch, &mut matches)) {
        Some((status, match_count)) => Outcome { status, match_count, matches: matches.into() },
        None => {
            *scratch = Scratch::default();
            Outcome { status: TRM_ERR_PANIC, ..Outcome::default() }
        }
    }
}
