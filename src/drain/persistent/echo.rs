//! A kernel that is none: it answers every item at once, on the thread that publishes it. What is left is what the engine
//! itself costs. In builds for tests, the adapter "echo" asks for it; "echo 40" finds 40 matches in 100 items: the first
//! string of the rule set, spread as evenly as can be. "echo mortal" dies again and again.

use super::kernel::{Posting, Resident};
use crate::drain::{Chosen, DeviceCounters};
use crate::engine::Options;
use crate::gpu::persistent::DeviceCompletion;
use crate::gpu::{
    ForHost, Job, RawMatch, SetKind, TableError, Where, plain, plain_run, seal, visit, write_items, write_slots,
};
use crate::input::{Memory, Owner};
use crate::types::trm_work_item;
use std::any::Any;
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

struct Echo {
    /// As a device's completions: the low bits of the lap.
    done: Box<[AtomicU32]>,
    slots: Box<[Slot]>,
    served: AtomicU64,
    /// Matches in 100 items.
    hits: u64,
    /// Records, sixteen a slot, as a device's; none without hits.
    records: Box<[Record]>,
    /// After so many items it answers no more, and is dead.
    life: u64,
}

/// Written by who publishes its position, read by who collects it.
#[repr(align(16))]
#[derive(Default)]
struct Record(UnsafeCell<[u32; 4]>);

// SAFETY: see the type; the completion is between the two.
unsafe impl Sync for Record {}

/// Records of a slot that can be used without chunks.
const RECORDS: u64 = 15;

/// A device's slot. Written only by who owns its position, and read by nobody.
#[repr(align(16))]
#[derive(Default)]
struct Slot(#[allow(dead_code)] UnsafeCell<[u32; 4]>);

// SAFETY: see the type.
unsafe impl Sync for Slot {}

/// The persistent drain over such a kernel.
pub(in crate::drain) fn choose(options: &Options, hits: u64, life: u64) -> Chosen {
    let size = options.ring_size;
    let make = move |_: &_, _| Ok(Echo::new(size, hits, life));
    let memory = Memory::pages(options.arena_bytes as usize).ok().map(|pages| {
        let (base, len) = (NonNull::new(pages.at(0)).expect("a mapping is somewhere"), pages.len());
        // SAFETY: the pages stay with the memory over them, and have the padding.
        unsafe { Memory::foreign(base, len, Box::new(Pages { _pages: pages })) }
    });
    super::chosen(Echo::new(size, hits, life), Box::new(make), "echo".into(), "an echo, for tests".into(), memory)
}

/// An arena that is written as a device's, around the caches.
struct Pages {
    _pages: Memory,
}

impl Owner for Pages {
    unsafe fn import(&self, _: u32, _: *const u8, _: u64) -> Result<Option<Box<dyn Any + Send + Sync>>, String> {
        Ok(None)
    }
}

impl Echo {
    fn new(size: u32, hits: u64, life: u64) -> Self {
        let hits = hits.min(RECORDS * 100);
        let records = if hits > 0 { size as usize * (RECORDS as usize + 1) } else { 0 };
        Self {
            hits,
            records: (0..records).map(|_| Record::default()).collect(),
            done: (0..size).map(|_| AtomicU32::new(u32::MAX)).collect(),
            slots: (0..size).map(|_| Default::default()).collect(),
            served: AtomicU64::new(0),
            life,
        }
    }

    fn is_dead(&self) -> bool {
        self.served.load(Ordering::Relaxed) >= self.life
    }

    fn slot(&self, position: u64) -> usize {
        position as usize & (self.done.len() - 1)
    }

    /// How many matches the item at a position has.
    fn found(&self, position: u64) -> u32 {
        ((position + 1) * self.hits / 100 - position * self.hits / 100) as u32
    }

    fn place(&self, position: u64) -> Where {
        Where { slot: self.slot(position) as u64 * (RECORDS + 1), chunks: 0, salt: position as u32 }
    }

    /// Writes the records of an item and answers its completion word.
    fn find(&self, position: u64) -> u32 {
        let (place, count) = (self.place(position), self.found(position));
        for n in 0..count {
            let [a, b, c] = [0, n * 16, n * 16 + 6];
            let record = [a, b, c, seal([a, b, c], n, place.salt)];
            // SAFETY: the position is the caller's, and nobody reads its records before its completion is there.
            unsafe { *self.records[place.slot as usize + n as usize].0.get() = record };
        }
        plain(position, self.bits()) | count
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
        if self.echo.is_dead() {
            return;
        }
        let (bits, size) = (self.echo.bits(), self.echo.done.len() as u64);
        let (mut at, end) = (first, first + count);
        while at < end {
            // As far as the lap goes they all have the same word.
            let here = (end - at).min(size - at % size);
            let (word, slot) = (plain(at, bits), self.echo.slot(at));
            let done = &self.echo.done[slot..][..here as usize];
            if cfg!(debug_assertions) {
                // A device serves each position once, and waits for every one.
                let lap = plain(u64::MAX, 0);
                let before = |done: &AtomicU32| {
                    let word = done.load(Ordering::Relaxed);
                    word == u32::MAX || word & lap == plain(at.wrapping_sub(size), bits)
                };
                assert!(done.iter().all(before), "something around {at} was published twice or never");
            }
            for (n, done) in done.iter().enumerate() {
                let word = if self.echo.hits == 0 { word } else { self.echo.find(at + n as u64) };
                done.store(word, Ordering::Release);
            }
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

    unsafe fn items(&mut self, first: u64, items: &[trm_work_item], set: u16, _: bool) {
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
        let plain = plain(position, self.bits());
        let count = word ^ plain;
        (count <= RECORDS as u32).then(|| DeviceCompletion { count, ..DeviceCompletion::default() })
    }

    fn take_records(&self, position: u64, done: DeviceCompletion, out: &mut Vec<RawMatch>) -> bool {
        self.take_each(position, done, &mut Vec::new(), |found| {
            out.push(found);
            true
        })
    }

    fn take_for_host(&self, _: u64, _: DeviceCompletion, _: u32) -> ForHost {
        ForHost::default()
    }

    fn take_each(
        &self,
        position: u64,
        done: DeviceCompletion,
        chunks: &mut Vec<u32>,
        mut show: impl FnMut(RawMatch) -> bool,
    ) -> bool {
        // SAFETY: the completion of the caller's position tells that they were written.
        let record = |at: u64| unsafe { self.records[at as usize].0.get().read_volatile() };
        visit(&self.place(position), (done.count, u32::MAX, 0), record, chunks, |_, found| show(found))
    }

    fn expect(&self, _: u64, _: DeviceCompletion, _: bool) {}

    fn load(self: &Arc<Self>, _: SetKind<'_>) -> Result<(u16, Box<dyn Any + Send>), TableError> {
        Ok((1, Box::new(())))
    }

    fn host_set(&self) -> u16 {
        0
    }

    fn death(&self) -> Option<String> {
        self.is_dead().then(|| "a test wants it to".into())
    }

    fn counters(&self) -> DeviceCounters {
        DeviceCounters::default()
    }

    fn stop_moving(&self) {}

    fn stop(&self) {}
}
