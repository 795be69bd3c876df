//! Room for many small copies: blocks of the arena, each filled from its start to its end by one thread at a time and given
//! back as a whole when the last copy in it is done. So a copy costs a count, not a look for room that all threads wait for.

use super::UNIT;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Blocks begin at multiples of this, so that a copy's offset tells its block.
pub(super) const PAGE: u64 = 4096;
/// Threads that fill a block of their own at one time.
const SHARDS: usize = 16;

/// The blocks of one arena.
pub(super) struct Blocks {
    /// Bytes of a block; 0: the arena is too small for blocks.
    size: u32,
    /// By page: the first page of the block that lies there, plus 1, or 0.
    first: Box<[AtomicU32]>,
    /// By a block's first page: copies in it, and one more while it is being filled.
    live: Box<[AtomicU32]>,
    shards: Box<[Shard]>,
}

/// A block that is being filled.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Mutex<Option<Filling>>);

struct Filling {
    page: u32,
    used: u32,
}

/// What a copy was asked to be put into.
pub(super) enum Put {
    /// Here, in bytes.
    Here(u32),
    /// Too large for a block, or the arena is too small for blocks.
    Apart,
}

impl Blocks {
    /// For an arena of so many bytes.
    pub fn new(arena: u64) -> Self {
        let size = (arena / 256).next_power_of_two().min(1 << 20);
        let size = if size >= 64 << 10 { size as u32 } else { 0 };
        let pages = if size == 0 { 0 } else { arena.div_ceil(PAGE) };
        let zeros = || (0..pages).map(|_| AtomicU32::new(0)).collect();
        Self { size, first: zeros(), live: zeros(), shards: (0..SHARDS).map(|_| Shard::default()).collect() }
    }

    /// Room for `len` bytes, in this thread's block. `take` takes a new block of so many bytes, at a multiple of `PAGE`, out of
    /// the arena, if there is room; `free` gives one back.
    pub fn put(&self, len: u32, take: impl FnOnce(u32) -> Option<u32>, free: impl FnOnce(u32)) -> Put {
        if self.size == 0 || len > self.size / 4 {
            return Put::Apart;
        }
        let len = u64::from(len).max(1).next_multiple_of(UNIT) as u32;
        let mut filling = self.shard();
        if filling.as_ref().is_none_or(|filling| filling.used + len > self.size) {
            let full = filling.take();
            if let Some(offset) = take(self.size) {
                let page = (u64::from(offset) / PAGE) as u32;
                for at in 0..self.size / PAGE as u32 {
                    self.first[(page + at) as usize].store(page + 1, Ordering::Relaxed);
                }
                self.live[page as usize].store(1, Ordering::Relaxed);
                *filling = Some(Filling { page, used: 0 });
            }
            if let Some(full) = full {
                self.drop_one(full.page, free);
            }
        }
        let Some(filling) = &mut *filling else { return Put::Apart };
        let offset = filling.page * PAGE as u32 + filling.used;
        filling.used += len;
        self.live[filling.page as usize].fetch_add(1, Ordering::Relaxed);
        Put::Here(offset)
    }

    /// The copy at an offset is done. False: it is in no block. `empty` is told of a block that is only kept to be filled.
    pub fn done(&self, offset: u32, free: impl FnOnce(u32), empty: impl FnOnce()) -> bool {
        let first =
            self.first.get((u64::from(offset) / PAGE) as usize).map_or(0, |first| first.load(Ordering::Relaxed));
        if first != 0 && self.drop_one(first - 1, free) == 1 {
            empty();
        }
        first != 0
    }

    /// Gives back the blocks that are only kept to be filled: somebody needs the room.
    pub fn give_back(&self, free: impl Fn(u32)) {
        for shard in &self.shards {
            let mut filling = shard.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(empty) =
                filling.take_if(|filling| self.live[filling.page as usize].load(Ordering::Relaxed) == 1)
            {
                self.drop_one(empty.page, &free);
            }
        }
    }

    /// How many are left.
    fn drop_one(&self, page: u32, free: impl FnOnce(u32)) -> u32 {
        // Release: whoever did anything with the bytes did it before; Acquire: the last one frees them behind that.
        let left = self.live[page as usize].fetch_sub(1, Ordering::AcqRel) - 1;
        if left == 0 {
            for at in 0..self.size / PAGE as u32 {
                self.first[(page + at) as usize].store(0, Ordering::Relaxed);
            }
            free(page * PAGE as u32);
        }
        left
    }

    fn shard(&self) -> MutexGuard<'_, Option<Filling>> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        thread_local!(static MINE: u32 = NEXT.fetch_add(1, Ordering::Relaxed));
        // A thread that is ending may take any.
        let mine = MINE.try_with(|mine| *mine).unwrap_or(0) as usize;
        self.shards[mine % SHARDS].0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_lie_apart_and_a_block_is_given_back_with_its_last_one() {
        let blocks = Blocks::new(64 << 20);
        let (given, freed) = (std::cell::RefCell::new(Vec::new()), std::cell::RefCell::new(Vec::new()));
        let take = |len: u32| {
            assert_eq!(len, 256 << 10);
            let offset = given.borrow().len() as u32 * len;
            given.borrow_mut().push(offset);
            Some(offset)
        };
        let free = |offset| freed.borrow_mut().push(offset);
        let mut copies = Vec::new();
        for n in 0..1000u32 {
            let len = n * 37 % 5000;
            let Put::Here(offset) = blocks.put(len, take, free) else { panic!("{len}") };
            assert_eq!(offset % 64, 0);
            copies.push((offset, len.max(1)));
        }
        assert!(matches!(blocks.put((64 << 10) + 1, take, free), Put::Apart));
        copies.windows(2).for_each(|pair| assert!(pair[0].0 + pair[0].1 <= pair[1].0));
        assert!(given.borrow().len() > 5 && freed.borrow().is_empty());
        for (offset, _) in copies.iter().rev() {
            assert!(blocks.done(*offset, free, || ()));
        }
        // The last one is still being filled.
        let mut all = given.borrow().clone();
        let last = all.pop().unwrap();
        freed.borrow_mut().sort_unstable();
        assert_eq!(*freed.borrow(), all);
        assert!(!blocks.done(0, free, || ()) && !blocks.done(60 << 20, free, || ()));
        let Put::Here(offset) = blocks.put(1, take, free) else { panic!() };
        let told = std::cell::Cell::new(false);
        blocks.give_back(free);
        assert!(offset >= last && blocks.done(offset, free, || told.set(true)) && told.get());
        assert!(!freed.borrow().contains(&last));
        blocks.give_back(free);
        assert!(freed.borrow().contains(&last) && !blocks.done(last, free, || ()));
    }

    #[test]
    fn small_arenas_have_none_and_full_ones_say_so() {
        let none = |_: u32| None;
        assert!(matches!(Blocks::new(8 << 20).put(1, none, |_| ()), Put::Apart));
        assert!(!Blocks::new(4096).done(0, |_| (), || ()));
        assert!(matches!(Blocks::new(64 << 20).put(1, none, |_| ()), Put::Apart));
    }
}
