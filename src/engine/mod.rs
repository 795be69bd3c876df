//! The engine: one drum. It owns the ring, the arena, the rule sets and the drain; [`Handle`] is how callers reach it.
//!
//! Data moves one way: a handle accepts items into the ring, a drain claims and scans them and calls
//! [`Engine::finish`], and the handle that enqueued an item finds the outcome in the item's slot.

mod accept;
mod ahead;
mod bounds;
mod buffers;
mod cancel;
mod collect;
mod event;
mod file;
mod finish;
mod handle;
mod lender;
mod loans;
mod log;
mod matches;
mod options;
mod outstanding;
mod owner;
mod pieces;
mod publish;
mod sets;
mod signal;
mod stats;
mod stream;
mod submit;

pub use accept::Batch;
#[cfg(feature = "gpu")]
pub(crate) use collect::put;
pub use collect::{Answer, Buffers, Taken};
pub use file::DEFAULT_FILE_CARRY;
pub use finish::{Outcome, status_of};
pub use handle::Handle;
pub use lender::{Lender, Room, Round};
pub use loans::{Common, Loans, Piece};
pub use log::{Level, Log, LogCallback};
pub use matches::{Lists, Matches, Spares};
pub use options::{Delivery, Mode, Options, Processor};
pub use owner::{Owner, Owners};
pub use sets::{Known, LoadedSet};
pub use stats::{Stats, Tally};
pub use stream::{DEFAULT_CARRY, Stream};
pub use submit::{AT_ONCE, Text};

use crate::drain::{self, Drain, DrainKind, Feed, Telemetry};
use crate::input::{Arena, Memory};
use crate::ring::parking::WaitList;
use crate::ring::{Position, Ring};
use crate::rules::Rules;
use crate::scan::{Match, Scratch};
use crate::status::Result;
use crate::types::trm_work_item;
use crossbeam_utils::CachePadded;
use sets::SetTable;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Instant;

/// What a producer puts into a ring slot: two registers of 16 bytes, the caller's item and what is the same for a batch.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(16))]
pub struct Job {
    /// Where the bytes begin in the arena.
    pub input_offset: u32,
    /// How many.
    pub input_len: u32,
    /// The id of the rule set that the item was accepted with.
    pub rule_set_id: u32,
    /// The caller's number.
    pub correlation: u32,
    /// The handle that enqueued it, the rule set's place, and flags. One word, so that a batch's jobs are written by few
    /// stores.
    of: u64,
    /// When its time is up, on the engine's clock; 0: never.
    pub due: u64,
}

impl Job {
    /// The engine made the region for this item and frees it when the item is done.
    pub const OWNS_REGION: u16 = 1;
    /// It is a piece of a stream.
    pub const IS_PIECE: u16 = 2;
    /// Its bytes are in a registered buffer ([`Engine::source`]), and what it owns is where they go on the device.
    pub const IS_ELSEWHERE: u16 = 4;
    /// It is no item: a position that was reserved and is not needed, which a device has to get past.
    pub const IS_LEFT_OUT: u16 = 8;

    #[inline(always)]
    fn new(item: &trm_work_item, Common { of, due }: Common) -> Self {
        let &trm_work_item { input_offset, input_len, rule_set_id, correlation } = item;
        Self { input_offset, input_len, rule_set_id, correlation, of, due }
    }

    #[inline(always)]
    fn of(owner: u32, set: u16, flags: u16) -> u64 {
        u64::from(owner) << 32 | u64::from(flags) << 16 | u64::from(set)
    }

    /// The handle that enqueued it.
    #[inline(always)]
    pub fn owner(&self) -> u32 {
        (self.of >> 32) as u32
    }

    /// The rule set's place.
    #[inline(always)]
    pub fn set(&self) -> u16 {
        self.of as u16
    }

    /// Some of [`Job::OWNS_REGION`], [`Job::IS_PIECE`] and [`Job::IS_ELSEWHERE`].
    #[inline(always)]
    pub fn flags(&self) -> u16 {
        (self.of >> 16) as u16
    }

    /// See [`Job::OWNS_REGION`].
    #[inline(always)]
    pub fn owns_region(&self) -> bool {
        self.flags() & Self::OWNS_REGION != 0
    }

    /// See [`Job::IS_PIECE`].
    #[inline(always)]
    pub fn is_piece(&self) -> bool {
        self.flags() & Self::IS_PIECE != 0
    }

    /// See [`Job::IS_ELSEWHERE`].
    #[inline(always)]
    pub fn is_elsewhere(&self) -> bool {
        self.flags() & Self::IS_ELSEWHERE != 0
    }
}

/// One drum, shared by its handles and its drain.
pub struct Engine {
    options: Options,
    ring: Ring<Job, Outcome>,
    arena: Arena,
    sources: buffers::Sources,
    sets: SetTable,
    owners: RwLock<HashMap<u32, Arc<Owner>>>,
    next_owner: AtomicU32,
    /// Counts changes of `owners`.
    owners_version: AtomicU64,
    /// How many there are.
    owners_count: AtomicU32,
    /// Held while a handle is made.
    attaching: Mutex<()>,
    /// Cancelled items that are not taken yet, where every completion is: drains need not scan them.
    off: cancel::Off,
    /// Pieces of streams that are in the ring.
    pieces: Mutex<HashMap<Position, pieces::Piece>>,
    work: CachePadded<WaitList>,
    stopping: AtomicBool,
    stats: stats::Counters,
    spares: CachePadded<Spares>,
    #[allow(clippy::vec_box, reason = "a scratch is large, and moved under a lock")]
    scratches: Mutex<Vec<Box<Scratch>>>,
    drain: Mutex<Option<Box<dyn Drain>>>,
    feed: OnceLock<Arc<dyn Feed>>,
    telemetry: OnceLock<Arc<dyn Telemetry>>,
    publisher: Mutex<Option<publish::Publisher>>,
    kind: DrainKind,
    why: String,
    /// Where the engine's clock begins.
    born: Instant,
}

impl Engine {
    /// Makes a drum, starts its drain, and gives the handle that stands for the whole of it.
    pub fn create(options: Options) -> Result<Handle> {
        let options = options.checked()?;
        let chosen = drain::choose(&options)?;
        let memory = match chosen.memory {
            Some(memory) => memory,
            None => Memory::pages(options.arena_bytes as usize)?,
        };
        options.log.say(Level::Info, &format!("draining with {}: {}", chosen.kind.name(), chosen.why));
        let engine = Arc::new(Self {
            ring: Ring::new(options.ring_size),
            arena: Arena::new(memory, options.ring_size),
            sources: buffers::Sources::default(),
            sets: SetTable::new(options.max_rule_sets),
            owners: RwLock::default(),
            next_owner: AtomicU32::new(0),
            owners_version: AtomicU64::new(0),
            owners_count: AtomicU32::new(0),
            attaching: Mutex::default(),
            off: cancel::Off::default(),
            pieces: Mutex::default(),
            work: CachePadded::new(WaitList::new()),
            stopping: AtomicBool::new(false),
            stats: stats::Counters::default(),
            spares: CachePadded::default(),
            scratches: Mutex::default(),
            drain: Mutex::new(None),
            feed: OnceLock::new(),
            telemetry: OnceLock::new(),
            publisher: Mutex::new(None),
            kind: chosen.kind,
            why: chosen.why,
            born: Instant::now(),
            options,
        });
        let drain = (chosen.start)(&engine)?;
        *engine.drain.lock().expect("nobody else has the new engine") = Some(drain);
        *lock(&engine.publisher) = publish::Publisher::start(&engine);
        Ok(Handle::new(engine, true))
    }

    /// The options that it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// The ring.
    pub fn ring(&self) -> &Ring<Job, Outcome> {
        &self.ring
    }

    /// The input arena.
    pub fn arena(&self) -> &Arena {
        &self.arena
    }

    /// Which drain runs, and why that one.
    pub fn drain_kind(&self) -> (DrainKind, &str) {
        (self.kind, &self.why)
    }

    /// Which drain does the work now, and why: another than was chosen after a GPU was lost.
    pub fn drain_now(&self) -> (DrainKind, String) {
        self.telemetry.get().map_or_else(|| (self.kind, self.why.clone()), |telemetry| telemetry.now())
    }

    /// The drain's side that callers' threads feed, where it has one.
    #[inline]
    pub fn feed(&self) -> Option<&dyn Feed> {
        self.feed.get().map(|feed| &**feed)
    }

    /// A drain that callers feed says so when it starts.
    pub fn set_feed(&self, feed: Arc<dyn Feed>) {
        if self.feed.set(feed).is_err() {
            unreachable!("a drain is started once");
        }
    }

    /// A drain that has more to tell says so when it starts.
    pub fn set_telemetry(&self, telemetry: Arc<dyn Telemetry>) {
        if self.telemetry.set(telemetry).is_err() {
            unreachable!("a drain is started once");
        }
    }

    /// Loads a rule set; later items with this id get it.
    pub fn load_rules(&self, id: u32, rules: Arc<Rules>) -> Result<()> {
        let loaded = match self.sets.load(id, rules.clone()) {
            Err(full) if full.status == crate::status::TRM_ERR_LIMIT => {
                // A place may be kept by nothing but uses that handles have in hand.
                self.all_owners().iter().for_each(|owner| self.sets.forget(&mut owner.state.lock().remembered));
                self.sets.load(id, rules)
            }
            loaded => loaded,
        };
        self.forget_old_sets();
        loaded.map(drop)
    }

    /// Handles that don't call again must not keep a set that is unloaded.
    fn forget_old_sets(&self) {
        for owner in self.all_owners() {
            self.sets.forget_old(&mut owner.state.lock().remembered);
        }
    }

    /// Takes a rule set away from later items.
    pub fn unload_rules(&self, id: u32) -> Result<()> {
        self.sets.unload(id)?;
        self.forget_old_sets();
        Ok(())
    }

    /// The set at a job's place.
    pub fn set_at(&self, place: u16) -> Arc<LoadedSet> {
        self.sets.at(place)
    }

    /// As [`Engine::set_at`], for who looks up many.
    #[inline]
    pub fn known_set<'k>(&self, place: u16, known: &'k mut Known) -> &'k Arc<LoadedSet> {
        self.sets.known(place, known)
    }

    /// Items accepted so far.
    pub fn accepted(&self) -> u64 {
        self.less_ahead(|| self.ring.head(), |ahead| ahead.reserved + ahead.left_out)
    }

    /// Items accepted whose slots were not given back yet.
    pub fn in_flight(&self) -> u64 {
        self.less_ahead(|| self.ring.in_flight(), |ahead| ahead.reserved + ahead.left_out_now)
    }

    /// Items that the drain has claimed so far.
    pub fn claimed(&self) -> u64 {
        if self.feed.get().is_some() {
            self.ring.skip_claimed();
        }
        // What is reserved is not passed by.
        self.less_ahead(|| self.ring.tail(), |ahead| ahead.left_out)
    }

    /// Scans bytes of any length on the calling thread, with the set that is loaded under `id` now: the first `limit`
    /// matches, and how many there are in truth.
    pub fn scan_first(&self, id: u32, bytes: &[u8], limit: u64) -> Result<(Vec<Match>, u64)> {
        let set = self.sets.get(id)?;
        let mut matches = Vec::new();
        let total = self.with_scratch(|scratch| set.rules.scan(bytes, scratch, limit, &mut matches));
        Ok((matches, total))
    }

    /// All matches of bytes of any length, by the set that is loaded under `id` now.
    pub fn scan(&self, id: u32, bytes: &[u8]) -> Result<Vec<Match>> {
        self.scan_first(id, bytes, u64::MAX).map(|(matches, _)| matches)
    }

    /// Lists for matches.
    pub fn spares(&self) -> &Spares {
        &self.spares
    }

    /// Runs something with one of the engine's scratches: on threads that don't have their own.
    pub fn with_scratch<T>(&self, run: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = lock(&self.scratches).pop().unwrap_or_default();
        let result = run(&mut scratch);
        lock(&self.scratches).push(scratch);
        result
    }

    /// Counts finished items of one set out.
    pub fn finished_with(&self, set: &Arc<LoadedSet>, items: u64) {
        self.sets.finished(set, items);
    }

    /// Where drains wait for published items.
    pub fn work(&self) -> &WaitList {
        &self.work
    }

    /// Whether drains shall return, leaving what is queued.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Tickets that a caller's drain claimed and has not marked done.
    pub fn unfinished_claims(&self) -> Vec<u64> {
        let (tail, size) = (self.ring.tail(), u64::from(self.ring.capacity()));
        let oldest = tail.saturating_sub(size);
        (oldest + 1..=tail).filter(|&ticket| self.is_claimed(ticket)).collect()
    }

    fn is_claimed(&self, ticket: u64) -> bool {
        Position::from_ticket(ticket).is_some_and(|p| self.ring.stage(p) == crate::ring::Stage::Claimed)
    }

    /// Everything that is counted.
    pub fn stats(&self) -> Stats {
        self.stats.read(self)
    }

    /// Drains shall return.
    pub fn halt(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Ends the drain; called by the last handle.
    fn stop(&self) {
        drop(lock(&self.publisher).take());
        self.ring.close();
        self.halt();
        self.work.notify_all();
        if let Some(drain) = lock(&self.drain).take() {
            drain.stop();
        }
    }

    /// Takes the handles that are gone, with all of their items, out of the table.
    fn forget_gone(&self, owners: &mut HashMap<u32, Arc<Owner>>) {
        owners.retain(|_, owner| {
            let gone = owner.is_orphan() && !owner.is_pending(self);
            if gone {
                self.stats.take_over(&owner.share);
            }
            !gone
        });
        self.count_owners(owners);
    }

    /// The table of handles has changed.
    fn count_owners(&self, owners: &HashMap<u32, Arc<Owner>>) {
        self.owners_count.store(owners.len() as u32, Ordering::Relaxed);
        self.owners_version.fetch_add(1, Ordering::SeqCst);
    }

    fn all_owners(&self) -> Vec<Arc<Owner>> {
        self.owners.read().unwrap_or_else(|poisoned| poisoned.into_inner()).values().cloned().collect()
    }

    fn owner(&self, id: u32) -> Arc<Owner> {
        let owners = self.owners.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        owners.get(&id).cloned().expect("an owner stays listed while its items are in the ring")
    }
}

/// A lock whose holder panicked is still a lock: what it guards is valid between any two statements.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
