//! The resident kernel as the drain sees it: publish jobs, poll completions, load rule sets, stop.

use super::completions::Completions;
pub use super::completions::DeviceCompletion;
use super::import::Imports;
use super::layout::{self, Job, RawMatch, Run};
use super::lease::{LeaseCounters, Leases, Status};
use super::memory::{Buffer, Place};
use super::records::{ForHost, Records};
use super::slots::Slots;
use super::staging::Staging;
use super::tables::{SetKind, SetSlot, TableError, Tables};
use super::tend::Keeper;
use super::{Device, GpuError, copying, stores};
use crate::types::trm_work_item;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Sizes and times of one kernel.
#[derive(Debug, Clone)]
pub struct Options {
    /// Slots of the ring, a power of two up to 2^24.
    pub ring: u32,
    /// First position. Tests start just below a wrap.
    pub start: u64,
    /// First lease number. Tests start just below a wrap.
    pub first_lease: u32,
    /// Bytes of input arena in device memory.
    pub arena_bytes: usize,
    /// Bytes for rule tables in device memory.
    pub table_bytes: usize,
    /// Lease length.
    pub lease: Duration,
    /// Idle time before the GPU is given up.
    pub idle: Duration,
    /// Time without a sign of life before the kernel counts as dead.
    pub watchdog: Duration,
    /// Workers while little comes in, and while much does.
    pub workers: (u32, u32),
    /// As many while much comes in just after the GPU had nothing to do for long: it runs at a fraction of its clock then. No
    /// fewer than the second of `workers`.
    pub workers_cold: u32,
    /// Tickets a worker may hold.
    pub held: u32,
    /// Memory for match records beyond the first ones of each item, in KiB, a power of two.
    pub spill_kib: u32,
    /// The bytes of items that the host has to look at are sent along with them, unless it has them anyway.
    pub sends_text: bool,
    /// Loop rounds of a worker after which it lets go by itself; 0: as many as the device allows.
    pub rounds: u32,
    /// When a large item is shared out.
    pub split: Split,
    /// Planted fault, for tests only.
    pub plant: u32,
}

/// When and how an item is searched by several workers.
#[derive(Debug, Clone, Copy)]
pub struct Split {
    /// Items of more bytes than this ...
    pub over: u32,
    /// ... in pieces of at least so many bytes ...
    pub least: u32,
    /// ... and at most so many, multiples of 16, by how many workers there are for them ...
    pub most: u32,
    /// ... while at least so many workers wait for something to do. Below zero: always; 0: on software devices too.
    pub idle: i32,
}

impl Default for Split {
    fn default() -> Self {
        Split { over: 16 << 10, least: 2 << 10, most: 64 << 10, idle: 1 }
    }
}

impl Default for Options {
    fn default() -> Self {
        Options {
            ring: 1 << 16,
            start: 0,
            first_lease: 1,
            arena_bytes: 64 << 20,
            table_bytes: 16 << 20,
            lease: Duration::from_millis(10),
            idle: Duration::from_millis(50),
            watchdog: Duration::from_secs(5),
            workers: (64, 264),
            workers_cold: 0,
            held: 8,
            spill_kib: 4096,
            sends_text: true,
            rounds: 0,
            split: Split::default(),
            plant: 0,
        }
    }
}

/// How far the kernel has come, for statistics and watchdogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Jobs published.
    pub published: u64,
    /// Newest lease launched.
    pub submitted: u32,
    /// Newest lease that began.
    pub started: u32,
    /// Newest lease that ended.
    pub ended: u32,
    /// Resident right now.
    pub resident: bool,
    /// Given up on; see [`Kernel::why_dead`].
    pub dead: bool,
}

/// One resident kernel with its ring, arena and tables. All methods may be called from any thread.
pub struct Kernel {
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// Input arena in device memory. It outlives kernels: callers hold pointers into it.
#[derive(Clone)]
pub struct Arena {
    pub(super) device: Arc<Buffer>,
    /// What the host writes, if that is not the device's memory itself.
    pub(super) host: Option<Arc<Buffer>>,
    /// Staged input: registered buffers that are moved from where they are, and with which device.
    pub(super) imports: Option<(Device, Arc<Imports>)>,
}

impl Arena {
    /// `bytes` of zeroed, host-mapped device memory.
    pub fn new(device: &Device, bytes: usize) -> Result<Arena, GpuError> {
        let (families, bytes) = (copying::families(device), bytes + ARENA_PAD);
        let arena = Buffer::shared(&device.wgpu, "input arena", bytes, Place::Mapped, &families)?;
        Ok(Arena { device: Arc::new(arena), host: None, imports: None })
    }

    /// The same with as much host memory before it: bytes are written there, and moved when they are published.
    pub fn staged(device: &Device, bytes: usize) -> Result<Arena, GpuError> {
        let host = Buffer::new(&device.wgpu, "staged input", bytes + ARENA_PAD, Place::Cached)?;
        let imports = Some((device.clone(), Arc::default()));
        Ok(Arena { host: Some(Arc::new(host)), imports, ..Self::new(device, bytes)? })
    }

    /// First byte for the host to write. Device memory, which it should never read, unless the input is staged.
    pub fn pointer(&self) -> *mut u8 {
        self.host.as_ref().unwrap_or(&self.device).pointer()
    }
}

/// Runs of jobs on their way to the kernel, which is to be told of them: until then it may not look.
#[must_use = "the kernel is not told by itself"]
pub struct Posting<'k> {
    shared: &'k Shared,
    end: u64,
    count: u64,
    /// Staged input: jobs and runs so far.
    to_stage: Vec<Job>,
    runs: Vec<Run>,
}

impl Posting<'_> {
    /// `count` jobs at consecutive positions that the caller owns, see [`Kernel::publish`]. Oldest run first.
    #[inline]
    pub fn run(&mut self, first: u64, count: u64, jobs: impl Iterator<Item = Job>) {
        let (limit, host) = (self.shared.arena_len as u64, self.shared.host_set.index());
        // The kernel checks nothing. Whatever lies outside goes to the host, which will say so.
        let checked = jobs.map(|job| match u64::from(job.offset) + u64::from(job.len) <= limit {
            true => job,
            false => Job { offset: 0, len: 0, set: host, ..Job::default() },
        });
        match &self.shared.staging {
            None => self.shared.slots.write(first, checked),
            Some(_) => {
                self.to_stage.extend(checked);
                self.runs.push(Run { first, count });
            }
        }
        (self.end, self.count) = (first.wrapping_add(count), self.count + count);
    }

    /// The same of items of one set, straight from where a caller has them. `padded` as in a [`Job`].
    ///
    /// # Safety
    /// Their bytes lie in the arena.
    #[inline]
    pub unsafe fn items(&mut self, first: u64, items: &[trm_work_item], set: u16, padded: bool) {
        if self.shared.staging.is_some() {
            let job = |item: &trm_work_item| Job {
                offset: item.input_offset,
                len: item.input_len,
                set,
                padded: padded.into(),
                from: 0,
            };
            return self.run(first, items.len() as u64, items.iter().map(job));
        }
        self.shared.slots.write_items(first, items, set);
        let count = items.len() as u64;
        (self.end, self.count) = (first.wrapping_add(count), self.count + count);
    }

    /// Tells the kernel.
    #[inline]
    pub fn tell(self) {
        if self.count == 0 {
            return;
        }
        if let Some(staging) = &self.shared.staging {
            staging.publish(&self.shared.slots, self.runs, &self.to_stage);
        }
        self.shared.leases.note_published(self.end, self.count);
    }
}

/// Everything of a kernel but its keeper thread.
pub(super) struct Shared {
    pub leases: Leases,
    pub slots: Slots,
    pub completions: Completions,
    pub records: Records,
    pub tables: Tables,
    pub arena: Arena,
    pub staging: Option<Staging>,
    pub arena_len: usize,
    pub host_set: SetSlot,
    pub state: wgpu::Buffer,
    pub device: Device,
}

/// Bytes behind the arena that matchers may read: a filter looks a little past an item's end.
const ARENA_PAD: usize = 256;

impl Kernel {
    /// Allocates everything and compiles the kernel; it is first launched by the first job.
    pub fn new(device: &Device, options: &Options) -> Result<Kernel, GpuError> {
        Self::over(device, options, Arena::new(device, options.arena_bytes)?)
    }

    /// The same over an arena that exists.
    pub fn over(device: &Device, options: &Options, arena: Arena) -> Result<Kernel, GpuError> {
        if !options.ring.is_power_of_two() || options.ring > 1 << 24 {
            return Err(GpuError::new(format!(
                "a ring of {} slots: it must be a power of two up to 2^24",
                options.ring
            )));
        }
        let shared = Arc::new(Shared::new(device, options, arena)?);
        let kept = shared.clone();
        let keeper = std::thread::Builder::new()
            .name("trommel-keeper".into())
            .spawn(move || keep(&kept))
            .map_err(|e| GpuError::new(format!("the kernel's keeper thread could not be started: {e}")))?;
        Ok(Kernel { shared, keeper: Mutex::new(Some(keeper)) })
    }

    /// First byte of the input arena: device memory that the host writes and should never read.
    pub fn arena(&self) -> *mut u8 {
        self.shared.arena.pointer()
    }

    /// Bytes of it.
    pub fn arena_len(&self) -> usize {
        self.shared.arena_len
    }

    /// Copies bytes into the arena at `offset`.
    ///
    /// # Safety
    /// The range lies in the arena, and no published job and no other thread uses it.
    pub unsafe fn write_arena(&self, offset: usize, bytes: &[u8]) {
        debug_assert!(offset + bytes.len() <= self.arena_len());
        // SAFETY: by this function's contract.
        unsafe { stores::bytes(self.arena().add(offset), bytes) };
    }

    /// Publishes jobs at consecutive positions from `first`. The caller owns those positions: nobody else publishes
    /// them, and the completions of their slots' previous lap have been consumed.
    pub fn publish(&self, first: u64, jobs: &[Job]) {
        let mut posting = self.post();
        posting.run(first, jobs.len() as u64, jobs.iter().copied());
        posting.tell();
    }

    /// As [`Kernel::publish`], from wherever the jobs come and in several runs. That is told to the kernel once for all of
    /// them.
    #[inline]
    pub fn post(&self) -> Posting<'_> {
        // Input first, then the slots that speak of it.
        stores::fence();
        Posting { shared: &self.shared, end: 0, count: 0, to_stage: Vec::new(), runs: Vec::new() }
    }

    /// How many of the `max` published, unconsumed positions from `first` on are done without a match, one after the
    /// other.
    #[inline]
    pub fn plain_run(&self, first: u64, max: usize) -> usize {
        self.shared.completions.plain_run(first, max)
    }

    /// The completion of a published, unconsumed position, once it is there.
    #[inline]
    pub fn poll_done(&self, position: u64) -> Option<DeviceCompletion> {
        self.shared.completions.poll(position)
    }

    /// Appends the records of a position that is done, and gives their memory back: to be called once for every completion
    /// that is not plain, before the position counts as consumed. False: they did not come, and the host has to scan the
    /// item.
    pub fn take_records(&self, position: u64, completion: DeviceCompletion, out: &mut Vec<RawMatch>) -> bool {
        self.shared.records.take(&self.shared.leases.control, position, completion, out)
    }

    /// In place of [`Kernel::take_records`] for an item of `len` bytes that the host has to look at: what the device knows of
    /// it.
    pub fn take_for_host(&self, position: u64, completion: DeviceCompletion, len: u32) -> ForHost {
        self.shared.records.take_for_host(&self.shared.leases.control, position, completion, len)
    }

    /// In place of [`Kernel::take_records`]: shows the records as long as `show` says yes. False: some are not there yet, or
    /// `show` said no, and they are still to be taken. `chunks` is anything, to be used again.
    #[inline]
    pub fn take_each(
        &self,
        position: u64,
        completion: DeviceCompletion,
        chunks: &mut Vec<u32>,
        show: impl FnMut(RawMatch) -> bool,
    ) -> bool {
        self.shared.records.take_each(&self.shared.leases.control, position, completion, chunks, show)
    }

    /// Fetches records of a position that is done: those beside its completion, or the first behind those, which are known
    /// once the former are there.
    #[inline]
    pub fn expect(&self, position: u64, completion: DeviceCompletion, behind: bool) {
        match behind {
            false => self.shared.records.expect(position, completion),
            true => self.shared.records.expect_chunk(position, completion),
        }
    }

    /// As [`Kernel::take_records`], for few items.
    pub fn matches(&self, position: u64, completion: DeviceCompletion) -> Vec<RawMatch> {
        let mut records = Vec::new();
        self.take_records(position, completion, &mut records);
        records
    }

    /// Loads a rule set while the kernel runs.
    pub fn load(&self, kind: SetKind<'_>) -> Result<SetSlot, TableError> {
        self.shared.tables.load(&self.shared.leases.control, self.shared.leases.ended(), kind)
    }

    /// The set whose items all go to the host.
    pub fn host_set(&self) -> u16 {
        self.shared.host_set.index()
    }

    /// Unloads a rule set that no unfinished job names.
    pub fn unload(&self, set: SetSlot) {
        self.shared.tables.unload(set, self.shared.leases.submitted());
    }

    /// Where the kernel is.
    pub fn progress(&self) -> Progress {
        let leases = &self.shared.leases;
        let status = leases.status();
        Progress {
            published: leases.published(),
            submitted: leases.submitted(),
            started: leases.report.get(layout::REPORT_STARTED),
            ended: leases.ended(),
            resident: status == Status::Running,
            dead: status == Status::Dead,
        }
    }

    /// Launches, hand-overs and polls so far.
    pub fn counters(&self) -> LeaseCounters {
        self.shared.leases.counters()
    }

    /// Subgroup size as the kernel found it; 0 before its first launch.
    pub fn lanes_seen(&self) -> u32 {
        self.shared.leases.report.get(layout::REPORT_LANES)
    }

    /// Why the kernel was given up; empty while it was not.
    pub fn why_dead(&self) -> String {
        self.shared.leases.why_dead()
    }

    /// Ends what moves staged input: published jobs that are not moved never will be.
    pub fn stop_moving(&self) {
        if let Some(staging) = &self.shared.staging {
            staging.stop();
        }
    }

    /// Ends the kernel within a lease. False: it does not answer; its memory is then kept for good, since it may still
    /// be written.
    pub fn stop(&self) -> bool {
        let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take() else { return true };
        self.stop_moving();
        let stopped = self.shared.leases.stop(Duration::from_secs(2));
        keeper.thread().unpark();
        let _ = keeper.join();
        if !stopped {
            std::mem::forget(self.shared.clone());
        }
        stopped
    }

    /// Bytes that copy engines moved.
    pub fn pumped_bytes(&self) -> u64 {
        self.shared.staging.as_ref().map_or(0, Staging::pumped)
    }

    /// How often each slot was served, read back after [`Kernel::stop`]: the proof of exactly once.
    pub fn served(&self) -> Result<Vec<u32>, GpuError> {
        let words = super::readback::words(&self.shared.device, &self.shared.state)?;
        let first = layout::STATE_SERVED as usize;
        Ok(words[first..first + (1 << self.shared.slots.bits())].to_vec())
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The keeper: hands leases over, lets go when idle, watches.
fn keep(shared: &Shared) {
    let mut keeper = Keeper::new();
    let _ = shared.leases.keeper.set(std::thread::current());
    loop {
        match shared.leases.status() {
            Status::Stopped | Status::Dead => return,
            // The publisher that launches the kernel again also wakes the keeper.
            Status::Idle => std::thread::park_timeout(Duration::from_millis(500)),
            Status::Running => {
                let pause = shared.leases.tend(&mut keeper, &shared.completions);
                std::thread::park_timeout(pause.min(Duration::from_millis(5)));
            }
        }
    }
}
