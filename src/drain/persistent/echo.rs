//! A kernel that is none: it answers every item at once, without a match, on the thread that publishes it. What is left
//! is what the engine itself costs. In builds for tests, the adapter "echo" asks for it.

use super::kernel::{Posting, Resident};
use crate::drain::{Chosen, DeviceCounters};
use crate::engine::Options;
use crate::gpu::persistent::DeviceCompletion;
use crate::gpu::{ForHost, Job, RawMatch, SetKind, TableError, plain, plain_run, write_items, write_slots};
use crate::types::trm_work_item;
use std::any::Any;
use std::cell::UnsafeCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

struct Echo {
    /// As a device's completions: the low bits of the lap.
    done: Box<[AtomicU32]>,
    slots: Box<[Slot]>,
    served: AtomicU64,
}

/// A device's slot. Written only by who owns its position, and read by nobody.
#[repr(align(16))]
#[derive(Default)]
struct Slot(#[allow(dead_code)] UnsafeCell<[u32; 4]>);

// SAFETY: see the type.
unsafe impl Sync for Slot {}

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

    fn bits(&self) -> u32 {
        self.done.len().trailing_zeros()
    }
}

/// Items that are about to be answered.
struct Answering<'k> {
    echo: &'k Echo,
    served: u64,
}

impl Answering<'_> {
    fn answer(&mut self, first: u64, count: u64) {
        let (bits, size) = (self.echo.bits(), self.echo.done.len() as u64);
        let (mut at, end) = (first, first + count);
        while at < end {
            // As far as the lap goes they all have the same word.
            let here = (end - at).min(size - at % size);
            let (word, slot) = (plain(at, bits), self.echo.slot(at));
            self.echo.done[slot..][..here as usize].iter().for_each(|done| done.store(word, Ordering::Release));
            at += here;
        }
        self.served += count;
    }
}

impl Posting for Answering<'_> {
    #[inline]
    fn run(&mut self, first: u64, count: u64, jobs: impl Iterator<Item = Job>) {
        let echo = self.echo;
        // As the resident kernel's are, around the cache.
        // SAFETY: the ring has so many slots, and the positions are the caller's.
        unsafe { write_slots(echo.slots.as_ptr().cast_mut().cast(), echo.slots.len() as u64 - 1, first, jobs) };
        self.answer(first, count);
    }

    unsafe fn items(&mut self, first: u64, items: &[trm_work_item], set: u16) {
        let slots = &self.echo.slots;
        // SAFETY: as above; such an array begins a page, or the lines are only slower.
        unsafe { write_items(slots.as_ptr().cast_mut().cast(), slots.len() as u64 - 1, first, items, set) };
        self.answer(first, items.len() as u64);
    }

    fn tell(self) {
        self.echo.served.fetch_add(self.served, Ordering::SeqCst);
    }
}

impl Resident for Echo {
    type Posting<'k> = Answering<'k>;

    fn post(&self) -> Answering<'_> {
        Answering { echo: self, served: 0 }
    }

    fn plain_run(&self, first: u64, max: usize) -> usize {
        // SAFETY: the array has so many words.
        unsafe { plain_run(self.done.as_ptr().cast_mut().cast(), self.bits(), first, max) }
    }

    fn open_run(&self, first: u64, max: usize) -> usize {
        (0..max as u64).take_while(|i| self.poll_done(first + i).is_none()).count()
    }

    fn poll_done(&self, position: u64) -> Option<DeviceCompletion> {
        let word = self.done[self.slot(position)].load(Ordering::Acquire);
        (word == plain(position, self.bits())).then_some(DeviceCompletion::default())
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
