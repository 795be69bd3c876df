//! The persistent drain: items go to a resident kernel, what it cannot answer goes to worker threads here, and so does
//! everything if the kernel dies.
//!
//! An item's claim is lent out while the device works on it. Whoever sees the device's completion reclaims it, which
//! one of them can; so an item is finished once, also when the drain changes under way: after a failover nobody looks
//! at the old kernel's completions any more, and every claim that is still lent goes to the worker threads.

use super::cpu;
use super::finishing::Finishing;
use super::pump::{Pump, PumpCounters};
use super::{Chosen, Drain, DrainKind};
use crate::engine::{Delivery, Engine, Level, LoadedSet, Options, Owners, Tally, lock};
use crate::gpu::persistent::{Arena, DeviceCompletion, Kernel, Options as KernelOptions};
use crate::gpu::{self, Device, GpuError, SetSlot};
use crate::input::Memory;
use crate::ring::parking::WaitList;
use crate::ring::{Claim, Claims, Position, Stage};
use crate::scan::Scratch;
use crate::status::{Error, Result, TRM_ERR_MEMORY, TRM_OK};
use crate::types::trm_completion;
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Most items of one publication.
const BATCH: usize = 256;
/// While so many items are with the device, single ones wait for company ...
const DEEP: u64 = 256;
/// ... until so many are there.
const COMPANY: u64 = 64;
/// How often the drain's own thread looks while items are with the device.
const TICK: Duration = Duration::from_micros(100);
/// How long it goes on looking before it sleeps.
const LINGER: Duration = Duration::from_millis(100);
/// The first wait before a dead kernel is tried again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(300);

/// Opens the device, tests the path, and takes the memory: everything that can fail.
pub(super) fn choose(options: &Options) -> std::result::Result<Chosen, GpuError> {
    let device = Device::open_persistent(&super::adapter_choice(options))?;
    let arena = Arena::new(&device, options.arena_bytes as usize)?;
    let kernel = Arc::new(Kernel::over(&device, &kernel_options(options, 0), arena.clone())?);
    let base = NonNull::new(arena.pointer()).ok_or_else(|| GpuError { message: "the arena was not mapped".into() })?;
    // SAFETY: the arena is mapped for as long as a clone of it lives, and has more padding than is asked for.
    let memory = unsafe { Memory::foreign(base, options.arena_bytes as usize, Box::new(arena.clone())) };
    let why = format!("resident kernel on {} ({})", device.info().name, device.info().driver);
    Ok(Chosen {
        kind: DrainKind::Persistent,
        why: why.clone(),
        memory: Some(memory),
        start: Box::new(move |engine| Ok(Box::new(Persistent::start(engine, device, arena, kernel, why)?))),
    })
}

fn kernel_options(options: &Options, start: u64) -> KernelOptions {
    KernelOptions {
        ring: options.ring_size,
        start,
        arena_bytes: options.arena_bytes as usize,
        lease: Duration::from_millis(options.lease_ms.into()),
        idle: Duration::from_millis(options.idle_ms.into()),
        watchdog: Duration::from_millis(options.watchdog_ms.into()),
        plant: crate::faults::gpu::plant(),
        ..KernelOptions::default()
    }
}

/// The running drain.
struct Persistent {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    /// None: the worker threads do everything.
    live: RwLock<Option<Live>>,
    device: Device,
    arena: Arena,
    /// Claims for the worker threads.
    queue: Mutex<VecDeque<Claim>>,
    work: WaitList,
    why: Mutex<String>,
    keeper: std::sync::OnceLock<std::thread::Thread>,
    keeper_sleeps: AtomicBool,
    host_items: AtomicU64,
    failovers: AtomicU64,
    /// Counters of kernels that are gone.
    past: Mutex<PumpCounters>,
}

/// A kernel and the epoch of its memory.
struct Live {
    kernel: Arc<Kernel>,
    epoch: u64,
}

/// Keeps a set loaded on the device.
struct Loaded {
    kernel: Weak<Kernel>,
    slot: Option<SetSlot>,
}

impl Drop for Loaded {
    fn drop(&mut self) {
        if let (Some(kernel), Some(slot)) = (self.kernel.upgrade(), self.slot.take()) {
            kernel.unload(slot);
        }
    }
}

impl Persistent {
    fn start(engine: &Arc<Engine>, device: Device, arena: Arena, kernel: Arc<Kernel>, why: String) -> Result<Self> {
        let shared = Arc::new(Shared {
            live: RwLock::new(Some(Live { kernel, epoch: 1 })),
            device,
            arena,
            queue: Mutex::default(),
            work: WaitList::new(),
            why: Mutex::new(why),
            keeper: std::sync::OnceLock::new(),
            keeper_sleeps: AtomicBool::new(false),
            host_items: AtomicU64::new(0),
            failovers: AtomicU64::new(0),
            past: Mutex::default(),
        });
        let mut drain = Self { shared: shared.clone(), threads: Vec::new() };
        let started = drain.spawn(engine, "trommel-reaper".into(), |shared, engine| Reaper::new().run(shared, engine));
        let started = started.and_then(|()| {
            (0..engine.options().cpu_threads).try_for_each(|n| {
                match drain
                    .spawn(engine, format!("trommel-{n}"), |shared, engine| Worker::default().run(shared, engine))
                {
                    Err(_) if n > 0 => Ok(()),
                    other => other,
                }
            })
        });
        if let Err(error) = started {
            engine.halt();
            Box::new(drain).stop();
            return Err(error);
        }
        engine.set_pump(shared);
        Ok(drain)
    }

    fn spawn(&mut self, engine: &Arc<Engine>, name: String, run: fn(&Shared, &Engine)) -> Result<()> {
        let (shared, engine) = (self.shared.clone(), engine.clone());
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&shared, &engine)).map_err(|why| {
            Error::new(TRM_ERR_MEMORY, format!("no worker thread could be started ({why}): raise the limit of threads"))
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl Drain for Persistent {
    fn stop(self: Box<Self>) {
        self.shared.work.notify_all();
        self.shared.wake_keeper();
        for thread in self.threads {
            // Workers catch the panics of matchers; if one dies all the same there is nothing left to do for it.
            let _ = thread.join();
        }
        let live = self.shared.live.write().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(live) = live {
            live.kernel.stop();
        }
    }
}

impl Shared {
    fn live(&self) -> RwLockReadGuard<'_, Option<Live>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_keeper(&self) {
        if self.keeper_sleeps.swap(false, Ordering::SeqCst)
            && let Some(keeper) = self.keeper.get()
        {
            keeper.unpark();
        }
    }

    /// Hands claims to the worker threads.
    fn to_host(&self, claims: impl IntoIterator<Item = Claim>) {
        let mut queue = lock(&self.queue);
        let before = queue.len();
        queue.extend(claims);
        let more = queue.len() - before;
        drop(queue);
        self.work.notify(more);
    }

    fn set_index(&self, live: &Live, set: &LoadedSet) -> u16 {
        set.device.index(live.epoch, || {
            match live.kernel.load(set.rules.device_kind()) {
                Ok(slot) => {
                    let index = slot.index();
                    (index, Some(Box::new(Loaded { kernel: Arc::downgrade(&live.kernel), slot: Some(slot) })))
                }
                // No room there: this set's items are scanned here.
                Err(_) => (live.kernel.host_set(), None),
            }
        })
    }

    fn publish(&self, engine: &Engine, live: &Live, claims: Claims) {
        let ring = engine.ring();
        let first = claims.first();
        let mut jobs = [gpu::Job::default(); BATCH];
        let mut count = 0;
        let mut known: Option<(u32, u16)> = None;
        for claim in claims {
            let job = ring.payload(&claim);
            let set = match known {
                Some((place, index)) if place == job.set => index,
                _ => {
                    let index = self.set_index(live, &engine.set_at(job.set));
                    known = Some((job.set, index));
                    index
                }
            };
            jobs[count] = gpu::Job { offset: job.input_offset, len: job.input_len, set };
            count += 1;
            ring.lend(claim);
        }
        live.kernel.publish(first.ticket() - 1, &jobs[..count]);
    }

    /// The GPU is given up: what it has is scanned here, and what comes too.
    fn fail_over(&self, engine: &Engine, why: &str) {
        let dead = self.live.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(dead) = dead else { return };
        self.failovers.fetch_add(1, Ordering::Relaxed);
        let message = format!("{} is given up ({why}): draining with worker threads", self.device.info().name);
        engine.options().log.say(Level::Warn, &message);
        *lock(&self.why) = message;
        {
            let counters = dead.kernel.counters();
            let mut past = lock(&self.past);
            past.launches += counters.leases;
            past.relaunches += counters.relaunches;
            past.polls += counters.polls;
        }
        // From here on nobody looks at the old completions, so what is lent now stays lent until it is reclaimed here.
        let tail = engine.ring().tail();
        let oldest = tail.saturating_sub(u64::from(engine.ring().capacity()));
        let lent = (oldest..tail).filter_map(|index| engine.ring().reclaim(Position::from_index(index)));
        self.to_host(lent.collect::<Vec<_>>());
        self.work.notify_all();
        // The kernel may still run, or never end: its memory is let go when it has ended.
        dead.kernel.stop();
    }

    /// Tries the GPU again, over the same arena and with everything else new.
    fn revive(&self, engine: &Engine, epoch: u64) -> std::result::Result<(), GpuError> {
        if let Some(trouble) = self.device.trouble() {
            return Err(GpuError { message: trouble });
        }
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        // Under the lock nobody claims, so the tail is where the kernel begins.
        let options = kernel_options(engine.options(), engine.ring().tail());
        let kernel = Arc::new(Kernel::over(&self.device, &options, self.arena.clone())?);
        *live = Some(Live { kernel, epoch });
        let message = format!("resident kernel on {} again", self.device.info().name);
        engine.options().log.say(Level::Info, &message);
        *lock(&self.why) = message;
        Ok(())
    }
}

impl Pump for Shared {
    fn forward(&self, engine: &Engine, urgent: bool) {
        let ring = engine.ring();
        if !urgent {
            let (head, tail) = (ring.head(), ring.tail());
            if head.saturating_sub(tail) < COMPANY && ring.in_flight() >= DEEP {
                return;
            }
        }
        let live = self.live();
        let Some(live) = &*live else {
            self.work.notify(BATCH);
            return;
        };
        while let Some(claims) = ring.claim(BATCH) {
            self.publish(engine, live, claims);
        }
        if self.keeper_sleeps.load(Ordering::SeqCst) {
            self.wake_keeper();
        }
    }

    fn harvest(
        &self,
        engine: &Engine,
        positions: &mut dyn Iterator<Item = Position>,
        patience: usize,
        owners: &mut Owners,
    ) {
        let live = self.live();
        let Some(live) = &*live else { return };
        let mut finishing = Finishing::new(engine, owners);
        let mut for_host = Vec::new();
        let mut misses = 0;
        for position in positions {
            let Some(done) = live.kernel.poll_done(position.ticket() - 1) else {
                misses += 1;
                if misses >= patience {
                    break;
                }
                continue;
            };
            let Some(claim) = engine.ring().reclaim(position) else { continue };
            if let Err(claim) =
                finishing.finish_by_device(claim, done, live.kernel.matches(position.ticket() - 1, done))
            {
                for_host.push(claim);
            }
        }
        finishing.end();
        if !for_host.is_empty() {
            self.host_items.fetch_add(for_host.len() as u64, Ordering::Relaxed);
            self.to_host(for_host);
        }
    }

    fn take_plain(&self, engine: &Engine, first: Position, out: &mut [trm_completion]) -> usize {
        let live = self.live();
        let Some(live) = &*live else { return 0 };
        let is_plain = |position: Position| {
            matches!(live.kernel.poll_done(position.ticket() - 1), Some(DeviceCompletion { count: 0, overflow: false }))
        };
        let ring = engine.ring();
        let claims = ring.reclaim_run(first, out.len(), is_plain);
        let count = claims.len();
        let mut tally = Tally::default();
        let mut run: Option<(Arc<LoadedSet>, u64)> = None;
        for (i, to) in out[..count].iter_mut().enumerate() {
            let job = ring.payload_of(&claims, i);
            if run.as_ref().is_none_or(|(set, _)| set.place != job.set) {
                if let Some((set, items)) = run.take() {
                    engine.finished_with(&set, items);
                }
                run = Some((engine.set_at(job.set), 0));
            }
            let (set, items) = run.as_mut().expect("set above");
            *items += 1;
            if job.owns_region {
                engine.arena().release_copy(job.input_offset);
            }
            tally.add_plain(1, u64::from(job.input_len));
            *to = trm_completion {
                ticket: first.plus(i as u64).ticket(),
                correlation: job.correlation,
                rule_set_id: set.id,
                status: TRM_OK,
                first_match: 0,
                match_count: 0,
            };
        }
        if count > 0 {
            engine.count(&mut tally);
        }
        ring.finish_all(claims);
        if let Some((set, items)) = run {
            engine.finished_with(&set, items);
        }
        count
    }

    fn now(&self) -> (DrainKind, String) {
        let kind = if self.live().is_some() { DrainKind::Persistent } else { DrainKind::Cpu };
        (kind, lock(&self.why).clone())
    }

    fn counters(&self) -> PumpCounters {
        let mut sum = *lock(&self.past);
        if let Some(live) = &*self.live() {
            let counters = live.kernel.counters();
            sum.launches += counters.leases;
            sum.relaunches += counters.relaunches;
            sum.polls += counters.polls;
            sum.longest_gap_ns = sum.longest_gap_ns.max(counters.longest_gap.as_nanos() as u64);
        }
        sum.failovers = self.failovers.load(Ordering::Relaxed);
        sum.host_items = self.host_items.load(Ordering::Relaxed);
        sum
    }
}

/// A worker thread: scans what the device could not, and everything while there is none.
#[derive(Default)]
struct Worker {
    scratch: Box<Scratch>,
    owners: Owners,
    bytes: Vec<u8>,
}

impl Worker {
    fn run(mut self, shared: &Shared, engine: &Engine) {
        loop {
            let found = shared.work.wait_until(None, || {
                if engine.is_stopping() {
                    return Some(None);
                }
                if let Some(claim) = lock(&shared.queue).pop_front() {
                    return Some(Some((Some(claim), None)));
                }
                let live = shared.live();
                if live.is_some() {
                    return None;
                }
                engine.ring().claim(8).map(|claims| Some((None, Some(claims))))
            });
            let Some((claim, claims)) = found.flatten() else { return };
            let mut owners = std::mem::take(&mut self.owners);
            let mut finishing = Finishing::new(engine, &mut owners);
            for claim in claim.into_iter().chain(claims.into_iter().flatten()) {
                let job = engine.ring().payload(&claim);
                let set = finishing.set(job.set);
                let there = engine.arena().bytes(job.input_offset, job.input_len);
                // Device memory is slow to read, so it is read once, in order.
                self.bytes.clear();
                self.bytes.extend_from_slice(there);
                let outcome = cpu::scan_bytes(engine, &job, &set, &self.bytes, &mut self.scratch);
                finishing.finish(claim, &job, outcome);
            }
            finishing.end();
            self.owners = owners;
        }
    }
}

/// The drain's own thread: passes on and picks up for callers that don't come by, and watches the kernel.
struct Reaper {
    /// Everything before it is past the device.
    oldest: Position,
    busy_at: Instant,
    retry: Duration,
    retry_at: Instant,
    epoch: u64,
    owners: Owners,
}

impl Reaper {
    fn new() -> Self {
        let now = Instant::now();
        Self {
            oldest: Position::FIRST,
            busy_at: now,
            retry: FIRST_RETRY,
            retry_at: now,
            epoch: 1,
            owners: Owners::default(),
        }
    }

    fn run(mut self, shared: &Shared, engine: &Engine) {
        let _ = shared.keeper.set(std::thread::current());
        while !engine.is_stopping() {
            shared.forward(engine, true);
            let (before, tail) = (self.oldest, Position::from_index(engine.ring().tail()));
            self.advance(engine, tail);
            // While callers come by and pick up, it is cheaper to leave it to them.
            if self.oldest == before || engine.options().delivery != Delivery::All {
                let oldest = self.oldest;
                let mut all = (0..tail.distance_from(oldest).max(0) as u64).map(|i| oldest.plus(i));
                shared.harvest(engine, &mut all, usize::MAX, &mut self.owners);
                self.advance(engine, tail);
            }
            self.watch(shared, engine);
            if self.oldest != before || self.oldest != tail {
                self.busy_at = Instant::now();
            }
            self.rest(shared, engine, tail);
        }
    }

    fn advance(&mut self, engine: &Engine, tail: Position) {
        while self.oldest != tail && engine.ring().stage(self.oldest) != Stage::Claimed {
            self.oldest = self.oldest.plus(1);
        }
    }

    fn watch(&mut self, shared: &Shared, engine: &Engine) {
        let dead = shared.live().as_ref().filter(|live| live.kernel.progress().dead).map(|live| live.kernel.clone());
        if let Some(kernel) = dead {
            shared.fail_over(engine, &kernel.why_dead());
            self.retry_at = Instant::now() + self.retry;
        } else if shared.live().is_none() && Instant::now() >= self.retry_at {
            self.epoch += 1;
            self.retry = (self.retry * 2).min(LAST_RETRY);
            if shared.revive(engine, self.epoch).is_err() {
                self.retry_at = Instant::now() + self.retry;
            }
        }
    }

    fn rest(&self, shared: &Shared, engine: &Engine, tail: Position) {
        if self.oldest != tail {
            std::thread::sleep(TICK);
        } else if self.busy_at.elapsed() < LINGER || shared.live().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        } else {
            shared.keeper_sleeps.store(true, Ordering::SeqCst);
            // Whoever forwards after this sees the flag; whoever forwarded before has moved the tail.
            if engine.ring().tail() == tail.ticket() - 1 && !engine.is_stopping() {
                std::thread::park_timeout(Duration::from_secs(1));
            }
            shared.keeper_sleeps.store(false, Ordering::SeqCst);
        }
    }
}
