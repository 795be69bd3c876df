//! A kernel that is none: it answers every item at once, without a match, on the thread that publishes it. What is left
//! is what the engine itself costs. In builds for tests, the adapter "echo" asks for it.

use super::kernel::Resident;
use crate::drain::{Chosen, DeviceCounters};
use crate::engine::Options;
use crate::gpu::persistent::DeviceCompletion;
use crate::gpu::{ForHost, Job, RawMatch, Run, SetKind, TableError};
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

struct Echo {
    /// As a device's completions: the low bits of the lap.
    done: Box<[AtomicU32]>,
    slots: Box<[[AtomicU64; 2]]>,
    served: AtomicU64,
}

/// The persistent drain over such a kernel.
pub(in crate::drain) fn choose(options: &Options) -> Chosen {
    let size = options.ring_size;
    let make = move |_: &_, _| Ok(Echo::new(size));
    super::chosen(Echo::new(size), Box::new(make), "echo".into(), "an echo, for tests".into(), None)
}

impl Echo {
    fn new(size: u32) -> Self {
        Self {
            done: (0..size).map(|_| AtomicU32::new(u32::MAX)).collect(),
            slots: (0..size).map(|_| Default::default()).collect(),
            served: AtomicU64::new(0),
        }
    }

    fn slot(&self, position: u64) -> usize {
        position as usize & (self.done.len() - 1)
    }

    fn lap(&self, position: u64) -> u32 {
        (position >> self.done.len().trailing_zeros()) as u32 & 0xff
    }
}

impl Resident for Echo {
    fn publish(&self, runs: impl Iterator<Item = Run> + Clone, mut jobs: impl Iterator<Item = Job>) {
        let mut served = 0;
        for run in runs {
            for (position, job) in (run.first..run.first + run.count).zip(jobs.by_ref()) {
                let slot = self.slot(position);
                self.slots[slot][0].store(u64::from(job.offset) << 32 | u64::from(job.len), Ordering::Relaxed);
                self.slots[slot][1].store(u64::from(job.set) << 32 | (position & 0xffff_ffff), Ordering::Relaxed);
                self.done[slot].store(self.lap(position), Ordering::Release);
            }
            served += run.count;
        }
        self.served.fetch_add(served, Ordering::SeqCst);
    }

    fn plain_run(&self, first: u64, max: usize) -> usize {
        (0..max as u64).take_while(|i| self.poll_done(first + i).is_some()).count()
    }

    fn open_run(&self, first: u64, max: usize) -> usize {
        (0..max as u64).take_while(|i| self.poll_done(first + i).is_none()).count()
    }

    fn poll_done(&self, position: u64) -> Option<DeviceCompletion> {
        let word = self.done[self.slot(position)].load(Ordering::Acquire);
        (word == self.lap(position)).then_some(DeviceCompletion::default())
    }

    fn take_records(&self, _: u64, _: DeviceCompletion, _: &mut Vec<RawMatch>) -> bool {
        true
    }

    fn take_for_host(&self, _: u64, _: DeviceCompletion, _: u32) -> ForHost {
        ForHost::default()
    }

    fn take_each(&self, _: u64, _: DeviceCompletion, _: &mut Vec<u32>, _: impl FnMut(RawMatch) -> bool) -> bool {
        true
    }

    fn expect(&self, _: u64, _: DeviceCompletion, _: bool) {}

    fn load(self: &Arc<Self>, _: SetKind<'_>) -> Result<(u16, Box<dyn Any + Send>), TableError> {
        Ok((1, Box::new(())))
    }

    fn host_set(&self) -> u16 {
        0
    }

    fn death(&self) -> Option<String> {
        None
    }

    fn counters(&self) -> DeviceCounters {
        DeviceCounters::default()
    }

    fn stop_moving(&self) {}

    fn stop(&self) {}
}
