//! What callers' threads and the drain's own threads share.

use super::kernel::{Posting, Resident};
use crate::drain::DeviceCounters;
use crate::drain::feed::HostShare;
use crate::engine::{Engine, Known, Level, LoadedSet, Loans, Piece, lock};
use crate::gpu::{self, ForHost};
use crate::ring::parking::WaitList;
use crate::ring::{Claim, Position};
use crate::types::trm_work_item;
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

    /// Writes the slots of a handle's newest items on the device: those from this piece on, without so many at its start.
    #[inline]
    pub fn publish(
        &self,
        engine: &Engine,
        live: &Live<K>,
        loans: &Loans,
        pieces: std::ops::Range<usize>,
        mut skip: usize,
        known: &mut Known,
    ) {
        let mut posting = live.kernel.post();
        for piece in pieces.filter_map(|at| loans.piece(at)) {
            if piece.is_left_out() {
                // No bytes, and the set that the device knows to be empty.
                let left = piece.count() - skip;
                let first = piece.first().plus(skip as u64).ticket() - 1;
                posting.run(first, left as u64, std::iter::repeat_n(gpu::Job::default(), left));
                skip = 0;
                continue;
            }
            let set = self.set_index(engine, live, engine.known_set(piece.set(), known));
            let (head, rest) = loans.items(piece);
            let mut position = piece.first();
            for items in [head, rest] {
                let left_out = skip.min(items.len());
                skip -= left_out;
                position = position.plus(left_out as u64);
                let items = &items[left_out..];
                self.post(engine, &mut posting, piece, position, items, set);
                position = position.plus(items.len() as u64);
            }
        }
        posting.tell();
    }

    #[inline]
    fn post(
        &self,
        engine: &Engine,
        posting: &mut K::Posting<'_>,
        piece: &Piece,
        first: Position,
        items: &[trm_work_item],
        set: u16,
    ) {
        let index = first.ticket() - 1;
        if !piece.is_elsewhere() {
            // SAFETY: a device's items have their bytes in the arena.
            return unsafe { posting.items(index, items, set, piece.owns_regions()) };
        }
        let jobs = (0..).zip(items).map(|(n, item)| gpu::Job {
            offset: item.input_offset,
            len: item.input_len,
            set,
            padded: 1,
            from: engine.source(first.plus(n)),
        });
        posting.run(index, items.len() as u64, jobs);
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
