//! Room for many small copies: blocks of the arena, each filled from its start to its end by one thread at a time and given
//! back as a whole when the last copy in it is done. So a copy costs neither a look for room that all threads wait for nor a
//! locked instruction, which would wait until the copy before has left the processor: a thread's block leans to it, and a block's
//! count begins so high that only copies that are done have to be counted.

use super::UNIT;
use crate::leaning::{Guard, Leaning};
use std::sync::atomic::{AtomicU32, Ordering};

/// Blocks begin at multiples of this, so that a copy's offset tells its block.
pub(super) const PAGE: u64 = 4096;
/// Threads that fill a block of their own at one time.
const SHARDS: usize = 16;
/// What a block's count begins at: more than copies fit into any.
const BEGIN: u32 = 1 << 30;

/// The blocks of one arena.
pub(super) struct Blocks {
    /// Bytes of a block; 0: the arena is too small for blocks.
    size: u32,
    /// By page: the first page of the block that lies there, plus 1, or 0.
    first: Box<[AtomicU32]>,
    /// By a block's first page: while it is being filled `BEGIN` less the copies that are done, then the copies that are not.
    live: Box<[AtomicU32]>,
    /// The same: the copies that were put there. Written by who fills it.
    put: Box<[AtomicU32]>,
    shards: Box<[Shard]>,
}

/// A block that is being filled.
#[repr(align(128))]
#[derive(Default)]
struct Shard(Leaning<Option<Filling>>);

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
        let shards = (0..SHARDS).map(|_| Shard::default()).collect();
        Self { size, first: zeros(), live: zeros(), put: zeros(), shards }
    }

    /// Room for `len` bytes, in this thread's block. `take` takes a new block of so many bytes, at a multiple of `PAGE`, out of
    /// the arena, if there is room; `free` gives one back.
    pub fn put(&self, len: u32, take: impl Fn(u32) -> Option<u32>, free: impl Fn(u32)) -> Put {
        self.filler(take, free).put(len)
    }

    /// As `put`, for several copies.
    pub fn filler<T: Fn(u32) -> Option<u32>, F: Fn(u32)>(&self, take: T, free: F) -> Filler<'_, T, F> {
        Filler { blocks: self, filling: self.shard(), take, free }
    }

    /// The block that the copy at an offset is in; `None`: it is in no block.
    pub fn block_of(&self, offset: u32) -> Option<u32> {
        let first = self.first.get((u64::from(offset) / PAGE) as usize)?;
        first.load(Ordering::Relaxed).checked_sub(1)
    }

    /// So many copies in a block are done. `empty` is told of a block that is only kept to be filled.
    pub fn done(&self, block: u32, copies: u32, free: impl FnOnce(u32), empty: impl FnOnce()) {
        let left = self.drop_some(block, copies, free);
        // Whoever finishes a copy knows that it was put there, and the last one knows it of all.
        if left > 0 && left == BEGIN - self.put[block as usize].load(Ordering::Relaxed) {
            empty();
        }
    }

    /// Gives back the blocks that are only kept to be filled: somebody needs the room.
    pub fn give_back(&self, free: impl Fn(u32)) {
        for shard in &self.shards {
            let is_empty = |filling: &mut Filling| {
                let page = filling.page as usize;
                self.live[page].load(Ordering::Relaxed) == BEGIN - self.put[page].load(Ordering::Relaxed)
            };
            let empty = shard.0.lock().take_if(is_empty);
            if let Some(empty) = empty {
                self.fill_up(&empty, &free);
            }
        }
    }

    /// Nothing more is put into a block.
    fn fill_up(&self, full: &Filling, free: impl FnOnce(u32)) {
        let put = self.put[full.page as usize].load(Ordering::Relaxed);
        self.drop_some(full.page, BEGIN - put, free);
    }

    /// How many are left.
    fn drop_some(&self, page: u32, copies: u32, free: impl FnOnce(u32)) -> u32 {
        // Release: whoever did anything with the bytes did it before; Acquire: the last one frees them behind that.
        let left = self.live[page as usize].fetch_sub(copies, Ordering::AcqRel) - copies;
        if left == 0 {
            for at in 0..self.size / PAGE as u32 {
                self.first[(page + at) as usize].store(0, Ordering::Relaxed);
            }
            free(page * PAGE as u32);
        }
        left
    }

    fn shard(&self) -> Guard<'_, Option<Filling>> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        thread_local!(static MINE: u32 = NEXT.fetch_add(1, Ordering::Relaxed));
        // A thread that is ending may take any.
        let mine = MINE.try_with(|mine| *mine).unwrap_or(0) as usize;
        self.shards[mine % SHARDS].0.lock()
    }
}

/// Puts copies into this thread's block, one after the other.
pub(super) struct Filler<'a, T, F> {
    blocks: &'a Blocks,
    filling: Guard<'a, Option<Filling>>,
    take: T,
    free: F,
}

impl<T: Fn(u32) -> Option<u32>, F: Fn(u32)> Filler<'_, T, F> {
    /// Room for one of so many bytes.
    pub fn put(&mut self, len: u32) -> Put {
        let size = self.blocks.size;
        if size == 0 || len > size / 4 {
            return Put::Apart;
        }
        let len = u64::from(len).max(1).next_multiple_of(UNIT) as u32;
        if self.filling.as_ref().is_none_or(|filling| filling.used + len > size) {
            let full = self.filling.take();
            if let Some(offset) = (self.take)(size) {
                let page = (u64::from(offset) / PAGE) as u32;
                for at in 0..size / PAGE as u32 {
                    self.blocks.first[(page + at) as usize].store(page + 1, Ordering::Relaxed);
                }
                self.blocks.live[page as usize].store(BEGIN, Ordering::Relaxed);
                self.blocks.put[page as usize].store(0, Ordering::Relaxed);
                *self.filling = Some(Filling { page, used: 0 });
            }
            if let Some(full) = full {
                self.blocks.fill_up(&full, &self.free);
            }
        }
        let Some(filling) = &mut *self.filling else { return Put::Apart };
        let offset = filling.page * PAGE as u32 + filling.used;
        filling.used += len;
        let put = &self.blocks.put[filling.page as usize];
        put.store(put.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
        Put::Here(offset)
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
        let done = |offset: u32| match blocks.block_of(offset) {
            Some(block) => {
                blocks.done(block, 1, free, || ());
                true
            }
            None => false,
        };
        for (offset, _) in copies.iter().rev() {
            assert!(done(*offset));
        }
        // The last one is still being filled.
        let mut all = given.borrow().clone();
        let last = all.pop().unwrap();
        freed.borrow_mut().sort_unstable();
        assert_eq!(*freed.borrow(), all);
        assert!(!done(0) && !done(60 << 20));
        let Put::Here(offset) = blocks.put(1, take, free) else { panic!() };
        let told = std::cell::Cell::new(false);
        blocks.give_back(free);
        blocks.done(blocks.block_of(offset).unwrap(), 1, free, || told.set(true));
        assert!(offset >= last && told.get());
        assert!(!freed.borrow().contains(&last));
        blocks.give_back(free);
        assert!(freed.borrow().contains(&last) && !done(last));
    }

    #[test]
    fn several_copies_are_counted_together() {
        let blocks = Blocks::new(64 << 20);
        let (given, freed) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
        let take = |len: u32| Some((given.replace(given.get() + 1)) * len);
        let free = |_: u32| freed.set(freed.get() + 1);
        let mut filler = blocks.filler(take, free);
        let offsets: Vec<u32> = (0..1000u32)
            .map(|n| match filler.put(n * 37 % 5000) {
                Put::Here(offset) => offset,
                Put::Apart => panic!("{n}"),
            })
            .collect();
        assert!(matches!(filler.put(1 << 20), Put::Apart));
        drop(filler);
        for some in offsets.chunk_by(|&a, &b| blocks.block_of(a) == blocks.block_of(b)) {
            blocks.done(blocks.block_of(some[0]).unwrap(), some.len() as u32, free, || ());
        }
        assert!(given.get() > 5 && freed.get() == given.get() - 1, "the last one is still being filled");
        blocks.give_back(free);
        assert_eq!(freed, given);
    }

    #[test]
    fn threads_fill_blocks_of_their_own_and_finish_each_others_copies() {
        let blocks = Blocks::new(64 << 20);
        let (given, freed, empty) = (AtomicU32::new(0), AtomicU32::new(0), AtomicU32::new(0));
        let take = |len: u32| Some(given.fetch_add(1, Ordering::Relaxed) % 256 * len);
        let free = |_: u32| _ = freed.fetch_add(1, Ordering::Relaxed);
        let (send, receive) = std::sync::mpsc::sync_channel::<u32>(300);
        let receive = std::sync::Mutex::new(receive);
        std::thread::scope(|scope| {
            for t in 0..3u32 {
                let (blocks, send) = (&blocks, send.clone());
                scope.spawn(move || {
                    for n in 0..20_000 {
                        let Put::Here(offset) = blocks.put((n * 37 + t) % 5000, take, free) else { panic!("{n}") };
                        send.send(offset).unwrap();
                    }
                });
            }
            drop(send);
            for _ in 0..2 {
                scope.spawn(|| {
                    while let Ok(offset) = { receive.lock().unwrap().recv() } {
                        let block = blocks.block_of(offset).expect("it stays while copies in it are not done");
                        blocks.done(block, 1, free, || _ = empty.fetch_add(1, Ordering::Relaxed));
                        // Somebody else wants room now and then.
                        if offset.is_multiple_of(1 << 14) {
                            blocks.give_back(free);
                        }
                    }
                });
            }
        });
        blocks.give_back(free);
        assert!(given.load(Ordering::Relaxed) > 100);
        assert_eq!(freed.load(Ordering::Relaxed), given.load(Ordering::Relaxed));
        assert!(empty.load(Ordering::Relaxed) > 0, "the last copies of blocks that were kept");
        assert!(blocks.first.iter().all(|first| first.load(Ordering::Relaxed) == 0));
    }

    #[test]
    fn small_arenas_have_none_and_full_ones_say_so() {
        let none = |_: u32| None;
        assert!(matches!(Blocks::new(8 << 20).put(1, none, |_| ()), Put::Apart));
        assert_eq!(Blocks::new(4096).block_of(0), None);
        assert!(matches!(Blocks::new(64 << 20).put(1, none, |_| ()), Put::Apart));
    }
}
