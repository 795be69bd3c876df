//! The batch drain: a thread claims what is ready, sends it to the GPU as one ordinary dispatch, and finishes the batch
//! before while the next one is on its way. Works on every backend; what the device cannot answer is scanned here.

use super::feed::{DeviceCounters, HostShare, OnDevice, Telemetry};
use super::finishing::Finishing;
use super::{Chosen, Drain, DrainKind, cpu};
use crate::engine::{Engine, Known, Level, LoadedSet, Options, Outcome, Owners, lock};
use crate::gpu::batch::{Batcher, Sets, Slot};
use crate::gpu::persistent::Arena;
use crate::gpu::{Device, GpuError, SetKind, TABLES, TableError};
use crate::input::Memory;
use crate::ring::{Claim, Claims};
use crate::scan::Scratch;
use crate::status::{Error, Result, TRM_ERR_MEMORY};
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Items of a batch, at most.
const ITEMS: u32 = 8192;
/// Bytes of a batch, at most; a larger item is scanned here.
const BYTES: u32 = 16 << 20;
/// Batches on their way at one time.
const DEPTH: usize = 3;

/// Opens the device and takes the memory: everything that can fail.
pub(super) fn choose(options: &Options) -> std::result::Result<Chosen, GpuError> {
    let device = Device::open(&super::adapter_choice(options))?;
    let name = device.info().name.clone();
    // Where the device's memory can be written directly, callers write their items there, and nothing is copied.
    let arena = match device.info().mapped {
        true => Arena::new(&device, options.arena_bytes as usize).ok(),
        false => None,
    };
    let memory = arena.as_ref().and_then(|arena| {
        let base = NonNull::new(arena.pointer())?;
        // SAFETY: the arena is mapped for as long as a clone of it lives, and has more padding than is asked for.
        Some(unsafe { Memory::foreign(base, options.arena_bytes as usize, Box::new(arena.clone())) })
    });
    let batcher = Batcher::new(&device, ITEMS, BYTES, arena)?;
    let slots = (0..DEPTH).map(|_| batcher.slot()).collect::<std::result::Result<Vec<_>, _>>()?;
    Ok(Chosen {
        kind: DrainKind::Batch,
        why: format!("batches on {name}"),
        memory,
        start: Box::new(move |engine| Ok(Box::new(Batches::start(engine, batcher, slots)?))),
    })
}

struct Batches {
    thread: JoinHandle<()>,
    engine: std::sync::Weak<Engine>,
}

/// What the statistics see of the thread.
struct Shared {
    launches: AtomicU64,
    host: HostShare,
    lost: AtomicBool,
    why: Mutex<String>,
}

impl Batches {
    fn start(engine: &Arc<Engine>, batcher: Batcher, slots: Vec<Slot>) -> Result<Self> {
        let shared = Arc::new(Shared {
            launches: AtomicU64::new(0),
            host: HostShare::default(),
            lost: AtomicBool::new(false),
            why: Mutex::new(engine.drain_kind().1.to_string()),
        });
        let (mine, counted) = (engine.clone(), shared.clone());
        let thread = std::thread::Builder::new()
            .name("trommel-batch".into())
            .spawn(move || Thread::new(&mine, &counted, batcher).run(slots))
            .map_err(|why| {
                Error::new(TRM_ERR_MEMORY, format!("no thread could be started ({why}): raise the limit of threads"))
            })?;
        engine.set_telemetry(shared);
        Ok(Self { thread, engine: Arc::downgrade(engine) })
    }
}

impl Drain for Batches {
    fn stop(self: Box<Self>) {
        if let Some(engine) = self.engine.upgrade() {
            engine.work().notify_all();
        }
        let _ = self.thread.join();
    }
}

impl Telemetry for Shared {
    fn now(&self) -> (DrainKind, String) {
        let kind = if self.lost.load(Ordering::Relaxed) { DrainKind::Cpu } else { DrainKind::Batch };
        (kind, lock(&self.why).clone())
    }

    fn counters(&self) -> DeviceCounters {
        let mut counters = DeviceCounters {
            launches: self.launches.load(Ordering::Relaxed),
            failovers: u64::from(self.lost.load(Ordering::Relaxed)),
            ..DeviceCounters::default()
        };
        self.host.tell(&mut counters);
        counters
    }
}

/// A batch on its way: the claims in the order in which they were put in.
struct Flight {
    slot: Slot,
    claims: Vec<Claims>,
}

/// The drain's thread.
struct Thread<'a> {
    engine: &'a Engine,
    shared: &'a Shared,
    batcher: Batcher,
    /// Sets that the tables in use were made of, by index; the first is the host's.
    known: Vec<Arc<LoadedSet>>,
    sets: Option<Sets>,
    epoch: u64,
    /// Sets by their places.
    looked_up: Known,
    /// The bytes of an item that is scanned here.
    bytes: Vec<u8>,
    scratch: Box<Scratch>,
    owners: Owners,
}

impl<'a> Thread<'a> {
    fn new(engine: &'a Engine, shared: &'a Shared, batcher: Batcher) -> Self {
        Self {
            engine,
            shared,
            batcher,
            known: Vec::new(),
            sets: None,
            epoch: 0,
            looked_up: Known::default(),
            bytes: Vec::new(),
            scratch: Box::default(),
            owners: Owners::default(),
        }
    }

    fn run(mut self, mut free: Vec<Slot>) {
        let mut flying: VecDeque<Flight> = VecDeque::new();
        loop {
            let engine = self.engine;
            let found = if flying.is_empty() {
                // A thread that waits keeps no set that was unloaded.
                self.looked_up = Known::default();
                // Nothing on its way: sleep until there is something to send.
                engine.work().wait_until(None, || {
                    if engine.is_stopping() {
                        return Some(None);
                    }
                    engine.ring().claim(ITEMS as usize).map(Some)
                })
            } else if free.is_empty() {
                Some(None)
            } else {
                Some(engine.ring().claim(ITEMS as usize))
            };
            match found.flatten() {
                Some(claims) => {
                    let mut claims = claims;
                    while claims.len() > 0 {
                        let Some(slot) = free.pop() else {
                            let landed = self.land(flying.pop_front().expect("all slots are on their way"));
                            free.push(landed);
                            continue;
                        };
                        match self.send(slot, &mut claims) {
                            Ok(flight) => flying.push_back(flight),
                            Err(slot) => free.push(*slot),
                        }
                    }
                }
                None => match flying.pop_front() {
                    Some(flight) => {
                        let landed = self.land(flight);
                        free.push(landed);
                    }
                    None => return,
                },
            }
        }
    }

    /// Fills a slot and sends it; the slot comes back where nothing was for the device.
    fn send(&mut self, mut slot: Slot, claims: &mut Claims) -> std::result::Result<Flight, Box<Slot>> {
        let engine = self.engine;
        // The set of the item before, and its index.
        let (mut last, mut count, mut apart) = (None, 0, Vec::new());
        for (n, job) in engine.ring().payloads(claims, 0).enumerate() {
            let index = match last {
                Some((place, index)) if place == job.set() => index,
                _ => {
                    let set = engine.known_set(job.set(), &mut self.looked_up).clone();
                    if !slot.is_empty() && set.device.known(self.epoch).is_none() {
                        // A new set may move the others' indexes: what is in the slot goes first.
                        break;
                    }
                    let index = self.index(&set);
                    last = Some((job.set(), index));
                    index
                }
            };
            let off = self.lost() || engine.is_off(claims.first().plus(n as u64), &job);
            match index {
                Some(index) if job.input_len <= BYTES && !off => {
                    let bytes = || engine.arena().bytes(job.input_offset, job.input_len);
                    if !slot.push(&self.batcher, job.input_offset, job.input_len, index, bytes) {
                        break;
                    }
                }
                _ => apart.push(n),
            }
            count = n + 1;
        }
        let (mut sent, mut here, mut at) = (Vec::new(), Vec::new(), 0);
        for n in apart.into_iter().chain([count]) {
            if n > at {
                sent.push(claims.split_to(n - at));
            }
            if n < count {
                here.extend(claims.next());
            }
            at = n + 1;
        }
        let flight = match (&self.sets, sent.is_empty()) {
            (Some(sets), false) => {
                self.batcher.submit(&mut slot, sets);
                self.shared.launches.fetch_add(1, Ordering::Relaxed);
                Ok(Flight { slot, claims: sent })
            }
            _ => Err(Box::new(slot)),
        };
        // While the batch is on its way.
        self.scan_here(here);
        flight
    }

    /// The set's index in the tables on the device; the tables are remade for a set that is new.
    fn index(&mut self, set: &Arc<LoadedSet>) -> Option<u32> {
        let place = &set.device;
        if let Some(index) = OnDevice::known(place, self.epoch) {
            return (index != 0).then_some(u32::from(index));
        }
        // Sets that nobody else holds are gone.
        self.known.retain(|known| Arc::strong_count(known) > 1);
        if !self.known.iter().any(|known| Arc::ptr_eq(known, set)) {
            self.known.push(set.clone());
        }
        self.epoch += 1;
        let mut kinds = vec![SetKind::Host];
        let mut room = TABLES as u64;
        for (i, known) in self.known.iter().enumerate() {
            let mut kind = known.rules.device_kind();
            let needed = kind.bytes();
            if needed > room {
                if Arc::ptr_eq(known, set) {
                    let why = TableError::Memory { needed, free: room, largest: room, all: TABLES as u64 };
                    let message = why.of_set(set.id, &self.batcher.device().info().name);
                    self.engine.options().log.say(Level::Warn, &message);
                }
                kind = SetKind::Host;
            }
            room -= kind.bytes();
            // Index 0 says: not for the device.
            let index = if kind == SetKind::Host { 0 } else { i as u16 + 1 };
            kinds.push(kind);
            known.device.index(self.epoch, || (index, None));
        }
        match self.batcher.sets(&kinds) {
            Ok(sets) => self.sets = Some(sets),
            Err(error) => self.lose(&error),
        }
        OnDevice::known(place, self.epoch).filter(|&index| index != 0).map(u32::from)
    }

    /// Waits for a batch and finishes it.
    fn land(&mut self, mut flight: Flight) -> Slot {
        let mut here = Vec::new();
        let claims = std::mem::take(&mut flight.claims);
        if let Err(error) =
            self.batcher.wait(&flight.slot, Duration::from_millis(self.engine.options().watchdog_ms.into()))
        {
            self.lose(&error);
            here.extend(claims.into_iter().flatten());
            // The device may still write into this slot's buffers; wgpu keeps them until it does not.
            flight.slot.reset();
        } else {
            let mut owners = std::mem::take(&mut self.owners);
            let mut finishing = Finishing::new(self.engine, &mut owners);
            let (mut n, mut found, mut claims) = (0, Vec::new(), claims.into_iter());
            let mut left = claims.next();
            let taken = self.batcher.take(&mut flight.slot, |answers| {
                while let Some(run) = &mut left {
                    let blank = finishing.finish_blank(run, answers.blank_run(n, run.len()));
                    n += blank;
                    if blank == 0
                        && let Some(claim) = run.next()
                    {
                        let done = answers.answer(n, &mut found);
                        n += 1;
                        here.extend(finishing.finish_by_device(claim, done, &found, &mut self.scratch).err());
                    }
                    if run.len() == 0 {
                        left = claims.next();
                    }
                }
            });
            finishing.end();
            self.owners = owners;
            if let Err(error) = taken {
                self.lose(&error);
                flight.slot.reset();
            }
            here.extend(left.into_iter().chain(claims).flatten());
        }
        self.scan_here(here);
        flight.slot
    }

    fn scan_here(&mut self, claims: Vec<Claim>) {
        if claims.is_empty() {
            return;
        }
        let (began, items, mut scanned) = (Instant::now(), claims.len() as u64, 0);
        let mut owners = std::mem::take(&mut self.owners);
        let mut finishing = Finishing::new(self.engine, &mut owners);
        for claim in claims {
            let job = self.engine.ring().payload(&claim);
            let set = finishing.set(job.set());
            let mut bytes = self.engine.arena().bytes(job.input_offset, job.input_len);
            if self.engine.arena().is_devices() {
                // Device memory is slow to read, so it is read once, in order.
                self.bytes.clear();
                // SAFETY: the bytes lie in the arena, which begins on a page and has more padding than a block behind it.
                unsafe { crate::gpu::stores::read(bytes.as_ptr(), bytes.len(), &mut self.bytes) };
                bytes = &self.bytes;
            }
            let outcome = match self.engine.is_off(claim.position(), &job) {
                false => cpu::scan_bytes(self.engine, set, bytes, &mut self.scratch),
                true => Outcome::cancelled(),
            };
            scanned += u64::from(job.input_len);
            finishing.finish(claim, &job, outcome);
        }
        self.shared.host.add(items, scanned, began.elapsed());
        finishing.end();
        self.owners = owners;
    }

    fn lost(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
    }

    fn lose(&self, error: &GpuError) {
        if !self.shared.lost.swap(true, Ordering::Relaxed) {
            let message = format!("{} is given up ({error}): scanning on the CPU", self.batcher.device().info().name);
            self.engine.options().log.say(Level::Warn, &message);
            *lock(&self.shared.why) = message;
        }
    }
}
