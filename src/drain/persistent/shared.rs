//! What callers' threads and the drain's own threads share.

use super::kernel::{Posting, Resident};
use crate::drain::DeviceCounters;
use crate::drain::feed::HostShare;
use crate::engine::{Alike, Engine, Job, Known, Level, LoadedSet, lock};
use crate::gpu::{self, ForHost};
use crate::ring::parking::WaitList;
use crate::ring::{Claim, Claims, Position};
use crossbeam_utils::sync::{ShardedLock, ShardedLockReadGuard, ShardedLockWriteGuard};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Makes a kernel whose first position is this one.
pub(super) type Make<K> = Box<dyn Fn(&Engine, u64) -> Result<K, String> + Send + Sync>;

pub(super) struct Shared<K> {
    /// None: worker threads do everything. Every caller reads it, each in a shard of its own.
    live: ShardedLock<Option<Live<K>>>,
    pub make: Make<K>,
    /// The device's name, for messages.
    pub name: String,
    /// Items for the worker threads.
    pub queue: Mutex<VecDeque<Task>>,
    pub work: WaitList,
    pub why: Mutex<String>,
    keeper: OnceLock<std::thread::Thread>,
    keeper_sleeps: AtomicBool,
    /// What worker threads scan.
    pub host: HostShare,
    pub failovers: AtomicU64,
    /// Counters of kernels that are gone.
    pub past: Mutex<DeviceCounters>,
}

/// An item for worker threads, with what the device knows of it.
pub(super) struct Task {
    pub claim: Claim,
    pub known: ForHost,
}

impl Task {
    /// An item of which nothing is known.
    pub fn new(claim: Claim) -> Self {
        Self { claim, known: ForHost::default() }
    }
}

/// A kernel and where it began.
pub(super) struct Live<K> {
    pub kernel: Arc<K>,
    /// Numbers the kernels of this engine.
    pub epoch: u64,
    /// Its first position. Older items are none of its business: it waits for every position from here on.
    pub first: Position,
}

impl<K: Resident> Shared<K> {
    pub fn new(kernel: Arc<K>, make: Make<K>, name: String, why: String) -> Self {
        Self {
            live: ShardedLock::new(Some(Live { kernel, epoch: 1, first: Position::FIRST })),
            make,
            name,
            queue: Mutex::default(),
            work: WaitList::new(),
            why: Mutex::new(why),
            keeper: OnceLock::new(),
            keeper_sleeps: AtomicBool::new(false),
            host: HostShare::default(),
            failovers: AtomicU64::new(0),
            past: Mutex::default(),
        }
    }

    #[inline]
    pub fn live(&self) -> ShardedLockReadGuard<'_, Option<Live<K>>> {
        self.live.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn change(&self) -> ShardedLockWriteGuard<'_, Option<Live<K>>> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands items to the worker threads.
    pub fn to_host(&self, items: impl IntoIterator<Item = Task>) {
        let mut queue = lock(&self.queue);
        let before = queue.len();
        queue.extend(items);
        let more = queue.len() - before;
        drop(queue);
        self.work.notify(more);
    }

    /// Writes items' slots on the device: batches, oldest first, each with how many at its start to leave out.
    #[inline]
    pub fn publish<'c>(
        &self,
        engine: &Engine,
        live: &Live<K>,
        batches: impl Iterator<Item = (&'c Claims, usize)>,
        known: &mut Known,
    ) {
        let mut posting = live.kernel.post();
        for (claims, skip) in batches {
            let first = claims.first().plus(skip as u64);
            self.post(engine, live, &mut posting, first, engine.ring().payloads(claims, skip), known);
        }
        posting.tell();
    }

    /// The same of one batch of items that are alike.
    #[inline]
    pub fn publish_alike(&self, engine: &Engine, live: &Live<K>, first: Position, alike: Alike<'_>, known: &mut Known) {
        let set = self.set_index(engine, live, engine.known_set(alike.place, known));
        let mut posting = live.kernel.post();
        // SAFETY: that their bytes lie in the arena makes items alike.
        unsafe { posting.items(first.ticket() - 1, alike.items, set) };
        posting.tell();
    }

    /// Writes the slots of one batch: of each run of items that are alike by themselves, so that nothing is to be looked up
    /// for an item.
    #[inline]
    fn post(
        &self,
        engine: &Engine,
        live: &Live<K>,
        posting: &mut K::Posting<'_>,
        mut first: Position,
        mut jobs: impl Iterator<Item = Job> + Clone,
        known: &mut Known,
    ) {
        while let Some(one) = jobs.clone().next() {
            let kind = one.kind();
            let set = self.set_index(engine, live, engine.known_set(one.set(), known));
            let (mut all, mixed) =
                jobs.clone().fold((0, 0), |(all, mixed), job| (all + 1, mixed | (job.kind() ^ kind)));
            if mixed != 0 {
                all = jobs.clone().take_while(|job| job.kind() == kind).count();
            }
            let index = first.ticket() - 1;
            let plain =
                |job: Job| gpu::Job { offset: job.input_offset, len: job.input_len, set, ..gpu::Job::default() };
            if one.flags() == 0 && mixed == 0 {
                return posting.run(index, all as u64, jobs.map(plain));
            }
            let positions = (0..all as u64).map(|n| first.plus(n));
            let moved = positions.zip(jobs.by_ref()).map(|(position, job)| gpu::Job {
                padded: job.owns_region().into(),
                from: if job.is_elsewhere() { engine.source(position) } else { 0 },
                ..plain(job)
            });
            posting.run(index, all as u64, moved);
            first = first.plus(all as u64);
        }
    }

    fn set_index(&self, engine: &Engine, live: &Live<K>, set: &LoadedSet) -> u16 {
        set.device.index(live.epoch, || match live.kernel.load(set.rules.device_kind()) {
            Ok((index, keep)) => (index, Some(keep)),
            // No room there: this set's items are scanned here.
            Err(why) => {
                engine.options().log.say(Level::Warn, &why.of_set(set.id, &self.name));
                (live.kernel.host_set(), None)
            }
        })
    }

    /// The thread that `wake_keeper` is to wake is this one.
    pub fn i_am_the_keeper(&self) {
        let _ = self.keeper.set(std::thread::current());
    }

    pub fn wake_keeper(&self) {
        if self.keeper_sleeps.load(Ordering::SeqCst)
            && self.keeper_sleeps.swap(false, Ordering::SeqCst)
            && let Some(keeper) = self.keeper.get()
        {
            keeper.unpark();
        }
    }

    /// Puts the keeper to sleep unless `busy` says otherwise: whoever has work for it after that sees that it sleeps.
    pub fn sleep(&self, longest: std::time::Duration, busy: impl FnOnce() -> bool) {
        self.keeper_sleeps.store(true, Ordering::SeqCst);
        if !busy() {
            std::thread::park_timeout(longest);
        }
        self.keeper_sleeps.store(false, Ordering::SeqCst);
    }
}
