//! The input space: the arena, with regions that callers acquire, write, point items at, and give back; behind it the
//! callers' own registered buffers.
//!
//! Which parts are free is kept by `offset-allocator` (Aaltonen's two-level bins: constant time, any order of frees)
//! in units of 64 bytes, so that regions never share a cache line and 4 GiB fit its 32-bit sizes.

mod blocks;
mod copies;
mod copy;
mod memory;
mod pages;
mod registered;
use blocks::Blocks;
pub use copy::{around_caches, fence};
pub use memory::{Memory, Owner, TAIL_PADDING};
pub use registered::Registered;

use crate::ring::parking::WaitList;
use crate::status::{Error, Result, TRM_ERR_INVALID, TRM_ERR_RANGE};
use offset_allocator::{Allocation, Allocator};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Instant;

/// The allocator's unit, in bytes.
const UNIT: u64 = 64;
/// Regions that can be held at one time beside those of the ring's own items (the allocator's book-keeping is
/// allocated for all of them at once, so this is not simply a large number).
const CALLERS_REGIONS: u32 = 1 << 16;

/// The next arena size that can be given out as one region. The allocator's bins are eight an octave: it finds a free
/// piece by the bin that it surely fills, so a piece between two bins could not serve a request of its own size.
pub fn round_up(bytes: u64) -> u64 {
    let units = bytes.div_ceil(UNIT).max(1);
    let step = 1u64 << units.ilog2().saturating_sub(3);
    units.next_multiple_of(step) * UNIT
}

/// The engine's input space.
pub struct Arena {
    memory: Memory,
    regions: Mutex<Regions>,
    freed: WaitList,
    registered: Registered,
    blocks: Blocks,
}

struct Regions {
    allocator: Allocator,
    held: HashMap<u32, Held>,
    used_units: u64,
}

struct Held {
    allocation: Allocation,
    units: u32,
    by_engine: bool,
}

/// A piece of the arena that its acquirer may write.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    /// From the start of the input space, in bytes.
    pub offset: u32,
    /// Bytes asked for.
    pub len: u32,
    /// Where to write.
    pub bytes: *mut u8,
}

impl Arena {
    /// An arena over `memory`, all of it free, beside a ring of `ring_size` items.
    pub fn new(memory: Memory, ring_size: u32) -> Self {
        let units = (memory.len() as u64 / UNIT) as u32;
        let memory_len = memory.len() as u64;
        let registered = Registered::behind(memory_len);
        let allocator = Allocator::with_max_allocs(units, (ring_size + CALLERS_REGIONS).min(units.max(16) + 2));
        Self {
            memory,
            regions: Mutex::new(Regions { allocator, held: HashMap::new(), used_units: 0 }),
            freed: WaitList::new(),
            registered,
            blocks: Blocks::new(memory_len),
        }
    }

    /// Bytes in all.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> u64 {
        self.memory.len() as u64
    }

    /// Whether a device reads the arena: items that lie in registered buffers are to be copied there.
    pub fn is_devices(&self) -> bool {
        self.memory.is_devices()
    }

    /// Bytes held in regions, rounded up to whole units.
    pub fn used(&self) -> u64 {
        self.lock().used_units * UNIT
    }

    /// A region of `len` bytes; `None` when the deadline came first or `give_up` says so.
    pub fn acquire(&self, len: u32, deadline: Option<Instant>, give_up: impl Fn() -> bool) -> Result<Option<Region>> {
        if u64::from(len) > self.len() {
            return Err(Error::new(
                TRM_ERR_RANGE,
                format!("a region of {len} bytes can never fit an arena of {}: raise arena_bytes", self.len()),
            ));
        }
        let wait = || match self.try_acquire(len, false) {
            Some(region) => Some(Some(region)),
            None => give_up().then_some(None),
        };
        Ok(self.freed.wait_until(deadline, wait).flatten())
    }

    /// See [`Owner::import`].
    ///
    /// # Safety
    /// As there.
    pub unsafe fn import(
        &self,
        begin: u32,
        base: *const u8,
        len: u64,
    ) -> std::result::Result<Option<Box<dyn Any + Send + Sync>>, String> {
        // SAFETY: passed on.
        unsafe { self.memory.import(begin, base, len) }
    }

    /// Writes the start of a region that the caller acquired.
    pub fn write(&self, region: &Region, source: &[u8]) {
        assert!(source.len() <= region.len as usize, "the region is too small");
        self.memory.write(region.offset, source);
    }

    fn try_acquire(&self, len: u32, by_engine: bool) -> Option<Region> {
        // An empty region still gets a unit: its offset has to be its own, since releases name it.
        let units = u64::from(len).div_ceil(UNIT).max(1) as u32;
        let mut regions = self.lock();
        let mut found = regions.allocator.allocate(units);
        if found.is_none() {
            // Blocks of copies that are only kept for more of them may be in the way.
            drop(regions);
            self.blocks.give_back(|block| self.free_block(block));
            regions = self.lock();
            found = regions.allocator.allocate(units);
        }
        let allocation = found?;
        let offset = (u64::from(allocation.offset) * UNIT) as u32;
        regions.used_units += u64::from(units);
        regions.held.insert(offset, Held { allocation, units, by_engine });
        Some(Region { offset, len, bytes: self.memory.at(offset) })
    }

    /// Gives back the caller's region that starts at `offset`.
    pub fn release(&self, offset: u32) -> Result<()> {
        self.free(offset, false)
    }

    fn free(&self, offset: u32, by_engine: bool) -> Result<()> {
        let mut regions = self.lock();
        match regions.held.get(&offset) {
            Some(held) if held.by_engine == by_engine => {}
            _ => {
                return Err(Error::new(
                    TRM_ERR_INVALID,
                    format!(
                        "no region acquired by the caller starts at offset {offset}: it was released before, or never acquired"
                    ),
                ));
            }
        }
        let held = regions.held.remove(&offset).expect("looked up above");
        regions.used_units -= u64::from(held.units);
        regions.allocator.free(held.allocation);
        drop(regions);
        self.freed.notify_all();
        Ok(())
    }

    /// Whether `[offset, offset + len)` lies in the input space.
    pub fn contains(&self, offset: u32, len: u32) -> bool {
        u64::from(offset) + u64::from(len) <= self.len() || self.registered.contains(offset, len)
    }

    /// An item's bytes.
    #[inline]
    pub fn bytes(&self, offset: u32, len: u32) -> &[u8] {
        match self.registered.is_here(offset) {
            false => self.memory.bytes(offset, len),
            true => self.registered.bytes(offset, len),
        }
    }

    /// The callers' own memory.
    pub fn registered(&self) -> &Registered {
        &self.registered
    }

    /// Wakes those who wait for room, so that they look at their engine's state again.
    pub fn wake(&self) {
        self.freed.notify_all();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Regions> {
        self.regions.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn arena(len: usize) -> Arena {
        Arena::new(Memory::pages(len).unwrap(), 16)
    }

    #[test]
    fn regions_recycle_in_any_order() {
        let arena = arena(1 << 16);
        for round in 0..200u32 {
            let mut held: Vec<Region> =
                (0..16).map(|_| arena.acquire(4096, Some(Instant::now()), || false).unwrap().unwrap()).collect();
            assert!(arena.acquire(1, Some(Instant::now()), || false).unwrap().is_none(), "the arena is full");
            held.rotate_left((round % 16) as usize);
            for region in held {
                arena.release(region.offset).unwrap();
            }
            assert_eq!(arena.used(), 0);
        }
    }

    #[test]
    fn a_release_wakes_a_waiting_acquire() {
        let arena = arena(4096);
        let region = arena.acquire(4096, None, || false).unwrap().unwrap();
        let deadline = Some(Instant::now() + Duration::from_secs(20));
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| arena.acquire(64, deadline, || false).unwrap().is_some());
            std::thread::sleep(Duration::from_millis(20));
            arena.release(region.offset).unwrap();
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn copies_leave_the_whole_arena_when_they_are_done() {
        let arena = arena(16 << 20);
        let whole = || arena.acquire(16 << 20, Some(Instant::now()), || false).unwrap();
        let copies: Vec<_> =
            (0..9000usize).map(|n| arena.copy_in(&[&[n as u8; 700][..n % 700]]).unwrap().unwrap()).collect();
        for (n, copy) in copies.iter().enumerate() {
            assert_eq!(arena.bytes(copy.offset, copy.len), &[n as u8; 700][..n % 700]);
        }
        for copy in &copies[1..] {
            arena.release_copy(copy.offset);
        }
        assert!(whole().is_none());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| arena.acquire(16 << 20, None, || false).unwrap().is_some());
            std::thread::sleep(Duration::from_millis(20));
            arena.release_copy(copies[0].offset);
            assert!(waiter.join().unwrap());
        });
        assert_eq!(arena.used(), 16 << 20);
    }

    #[test]
    fn a_rounded_arena_can_be_given_out_whole() {
        for bytes in (1..5000).chain((1..500).map(|n| n * 99_991)).chain([MAX - 1, MAX]) {
            let rounded = round_up(bytes);
            assert!(rounded >= bytes && rounded <= MAX && rounded <= (bytes + bytes / 8).max(64).next_multiple_of(64));
            assert_eq!(round_up(rounded), rounded);
            let units = (rounded / UNIT) as u32;
            let whole = Allocator::<u32>::with_max_allocs(units, 16).allocate(units);
            assert!(whole.is_some(), "{bytes}");
        }
    }

    const MAX: u64 = 1 << 32;

    #[test]
    fn misuse_is_told() {
        let arena = arena(4096);
        assert_eq!(arena.release(0).unwrap_err().status, TRM_ERR_INVALID);
        let copy = arena.copy_in(&[b"by", b"", b"tes"]).unwrap().unwrap();
        assert_eq!(arena.bytes(copy.offset, copy.len), b"bytes");
        assert_eq!(arena.release(copy.offset).unwrap_err().status, TRM_ERR_INVALID, "copies are the engine's");
        arena.release_copy(copy.offset);
        assert_eq!(arena.acquire(5000, None, || false).unwrap_err().status, TRM_ERR_RANGE);
        assert!(arena.contains(4096, 0) && !arena.contains(4095, 2) && !arena.contains(u32::MAX, u32::MAX));
    }
}
