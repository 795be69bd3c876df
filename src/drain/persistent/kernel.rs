//! What the drain asks of a resident kernel.

use crate::drain::DeviceCounters;
use crate::gpu::persistent::{self, DeviceCompletion, Kernel};
use crate::gpu::{ForHost, Job, RawMatch, SetKind, SetSlot, TableError};
use crate::types::trm_work_item;
use std::any::Any;
use std::sync::{Arc, Weak};

/// A kernel that is running, or starts running when the first job comes. Positions are those of the engine's ring.
pub(super) trait Resident: Send + Sync + Sized + 'static {
    /// What takes runs of jobs.
    type Posting<'k>: Posting;

    /// Begins to publish.
    fn post(&self) -> Self::Posting<'_>;

    /// How many of the `max` published positions from `first` on are done without a match, one after the other.
    fn plain_run(&self, first: u64, max: usize) -> usize;

    /// How many are not done yet, one after the other.
    fn open_run(&self, first: u64, max: usize) -> usize;

    /// The completion of a published position, once it is there.
    fn poll_done(&self, position: u64) -> Option<DeviceCompletion>;

    /// Appends the records of a position that is done: once for each completion that is not plain. False: they can't be
    /// had.
    fn take_records(&self, position: u64, completion: DeviceCompletion, out: &mut Vec<RawMatch>) -> bool;

    /// In place of `take_records` for an item that the host has to look at: what the device knows of it.
    fn take_for_host(&self, position: u64, completion: DeviceCompletion, len: u32) -> ForHost;

    /// In place of `take_records`: shows them as long as `show` says yes. False: some are not there yet, or `show` said no,
    /// and they are still to be taken.
    fn take_each(
        &self,
        position: u64,
        completion: DeviceCompletion,
        chunks: &mut Vec<u32>,
        show: impl FnMut(RawMatch) -> bool,
    ) -> bool;

    /// Records of a position that is done will be asked for soon: those beside its completion, or the first behind those.
    fn expect(&self, position: u64, completion: DeviceCompletion, behind: bool);

    /// Loads a rule set: its index, and what keeps it loaded. Else why there is no room.
    fn load(self: &Arc<Self>, kind: SetKind<'_>) -> Result<(u16, Box<dyn Any + Send>), TableError>;

    /// The set whose items all come back unanswered.
    fn host_set(&self) -> u16;

    /// Why it counts as dead, if it does.
    fn death(&self) -> Option<String>;

    /// What it has counted.
    fn counters(&self) -> DeviceCounters;

    /// Ends what moves input to the device: after this nothing reads callers' memory for it.
    fn stop_moving(&self);

    /// Ends it. Its memory stays until it has ended.
    fn stop(&self);
}

/// Runs of jobs on their way to a kernel.
pub(super) trait Posting {
    /// `count` jobs at consecutive positions that the caller owns, oldest run first.
    fn run(&mut self, first: u64, count: u64, jobs: impl Iterator<Item = Job>);

    /// The same of items of one set, straight from where a caller has them. `padded`: what is behind their bytes up to the end
    /// of a line is theirs too.
    ///
    /// # Safety
    /// Their bytes lie in the arena.
    unsafe fn items(&mut self, first: u64, items: &[trm_work_item], set: u16, padded: bool);

    /// Tells the kernel of them.
    fn tell(self);
}

impl Posting for persistent::Posting<'_> {
    #[inline]
    fn run(&mut self, first: u64, count: u64, jobs: impl Iterator<Item = Job>) {
        persistent::Posting::run(self, first, count, jobs);
    }

    #[inline]
    unsafe fn items(&mut self, first: u64, items: &[trm_work_item], set: u16, padded: bool) {
        // SAFETY: passed on.
        unsafe { persistent::Posting::items(self, first, items, set, padded) };
    }

    #[inline]
    fn tell(self) {
        persistent::Posting::tell(self);
    }
}

impl Resident for Kernel {
    type Posting<'k> = persistent::Posting<'k>;

    #[inline]
    fn post(&self) -> Self::Posting<'_> {
        Kernel::post(self)
    }

    #[inline]
    fn plain_run(&self, first: u64, max: usize) -> usize {
        self.plain_run(first, max)
    }

    #[inline]
    fn open_run(&self, first: u64, max: usize) -> usize {
        (0..max as u64).take_while(|i| self.poll_done(first.wrapping_add(*i)).is_none()).count()
    }

    #[inline]
    fn poll_done(&self, position: u64) -> Option<DeviceCompletion> {
        self.poll_done(position)
    }

    fn take_records(&self, position: u64, completion: DeviceCompletion, out: &mut Vec<RawMatch>) -> bool {
        self.take_records(position, completion, out)
    }

    fn take_for_host(&self, position: u64, completion: DeviceCompletion, len: u32) -> ForHost {
        self.take_for_host(position, completion, len)
    }

    #[inline]
    fn take_each(
        &self,
        position: u64,
        completion: DeviceCompletion,
        chunks: &mut Vec<u32>,
        show: impl FnMut(RawMatch) -> bool,
    ) -> bool {
        self.take_each(position, completion, chunks, show)
    }

    #[inline]
    fn expect(&self, position: u64, completion: DeviceCompletion, behind: bool) {
        self.expect(position, completion, behind);
    }

    fn load(self: &Arc<Self>, kind: SetKind<'_>) -> Result<(u16, Box<dyn Any + Send>), TableError> {
        let slot = Kernel::load(self, kind)?;
        Ok((slot.index(), Box::new(Loaded { kernel: Arc::downgrade(self), slot: Some(slot) })))
    }

    fn host_set(&self) -> u16 {
        self.host_set()
    }

    fn death(&self) -> Option<String> {
        self.progress().dead.then(|| self.why_dead())
    }

    fn counters(&self) -> DeviceCounters {
        let counters = self.counters();
        DeviceCounters {
            launches: counters.leases,
            relaunches: counters.relaunches,
            polls: counters.polls,
            pumped_bytes: self.pumped_bytes(),
            longest_gap_ns: counters.longest_gap.as_nanos() as u64,
            ..DeviceCounters::default()
        }
    }

    fn stop_moving(&self) {
        Kernel::stop_moving(self);
    }

    fn stop(&self) {
        Kernel::stop(self);
    }
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
