//! Opaque handles that may be wrong: NULL, foreign, destroyed or inherited through `fork()`.
//!
//! A handle is the address of a cell in memory that is never given back, so that looking at a stale one is always
//! safe. Foreign pointers are told by address alone, before anything is read. A destroyed cell rests for a long
//! while before it is used again; only then can a stale handle be mistaken for a newer one.

use super::inside::{Told, any_inside, settle};
use crate::status::{Result, TRM_ERR_FORKED, TRM_ERR_HANDLE, TRM_ERR_NULL};
use std::cell::UnsafeCell;
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

const DEAD: u32 = 0;
const ALIVE: u32 = 1;
const DYING: u32 = 2;
/// Destroyed cells that rest before the oldest of them is used again.
const RESTING: usize = 1024;
/// Cells of the first chunk; each further chunk has twice as many.
const FIRST_CHUNK: usize = 64;
const CHUNKS: usize = 26;

/// One handle's place.
#[repr(align(128))]
pub struct Cell<T> {
    state: AtomicU32,
    /// Calls that are inside and have not told it otherwise ([`Told`]).
    users: AtomicUsize,
    /// `fork` generation of the process that made it.
    generation: AtomicU64,
    value: UnsafeCell<Option<T>>,
}

// SAFETY: `value` is written only while the cell is not ALIVE and has no users, and read only by users that saw ALIVE
// after they were counted or had told that they are inside; `state` and `users` (both SeqCst) and `settle` order the two.
unsafe impl<T: Send + Sync> Sync for Cell<T> {}

/// All handles of one type.
pub struct Objects<T: 'static> {
    chunks: [AtomicPtr<Cell<T>>; CHUNKS],
    lists: AtomicPtr<Lists<T>>,
}

/// Cells that are no handle now, of one process: a child process begins with none. Its parent's lock may have been held
/// by a thread that the child does not have.
struct Lists<T: 'static> {
    generation: u64,
    free: Mutex<Free<T>>,
}

struct Free<T: 'static> {
    fresh: Vec<&'static Cell<T>>,
    resting: VecDeque<&'static Cell<T>>,
}

impl<T: Send + Sync + 'static> Objects<T> {
    /// None yet.
    pub const fn new() -> Self {
        Self {
            chunks: [const { AtomicPtr::new(std::ptr::null_mut()) }; CHUNKS],
            lists: AtomicPtr::new(std::ptr::null_mut()),
        }
    }

    fn free(&self) -> MutexGuard<'static, Free<T>> {
        let generation = fork_generation();
        let mut lists = self.lists.load(Ordering::Acquire);
        loop {
            // SAFETY: what is stored here is never freed.
            if let Some(lists) = unsafe { lists.as_ref() }.filter(|lists| lists.generation == generation) {
                return crate::engine::lock(&lists.free);
            }
            let free = Mutex::new(Free { fresh: Vec::new(), resting: VecDeque::new() });
            let new = Box::into_raw(Box::new(Lists { generation, free }));
            match self.lists.compare_exchange(lists, new, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => lists = new,
                Err(theirs) => {
                    // SAFETY: made above and seen by nobody else.
                    drop(unsafe { Box::from_raw(new) });
                    lists = theirs;
                }
            }
        }
    }

    /// A handle for `value`.
    pub fn add(&self, value: T) -> *mut Cell<T> {
        let cell = self.free_cell();
        // SAFETY: a cell from the free lists is not ALIVE and has no users; it is ours alone until it is ALIVE.
        unsafe { *cell.value.get() = Some(value) };
        cell.generation.store(fork_generation(), Ordering::SeqCst);
        cell.state.store(ALIVE, Ordering::SeqCst);
        std::ptr::from_ref(cell).cast_mut()
    }

    fn free_cell(&self) -> &'static Cell<T> {
        let mut free = self.free();
        if free.resting.len() > RESTING {
            return free.resting.pop_front().expect("checked");
        }
        if free.fresh.is_empty() {
            let chunk = self.chunks.iter().take_while(|chunk| !chunk.load(Ordering::Relaxed).is_null()).count();
            let cells: &'static [Cell<T>] = Vec::leak((0..FIRST_CHUNK << chunk).map(|_| Cell::new()).collect());
            self.chunks[chunk].store(cells.as_ptr().cast_mut(), Ordering::SeqCst);
            free.fresh.extend(cells.iter().rev());
        }
        free.fresh.pop().expect("filled above")
    }

    fn find(&self, pointer: *const Cell<T>) -> Option<&'static Cell<T>> {
        let (address, size) = (pointer as usize, size_of::<Cell<T>>());
        for (i, chunk) in self.chunks.iter().enumerate() {
            let base = chunk.load(Ordering::Acquire) as usize;
            if base == 0 {
                return None;
            }
            let inside = address.wrapping_sub(base);
            if inside < (FIRST_CHUNK << i) * size && inside.is_multiple_of(size) {
                // SAFETY: the address of a cell in a chunk that is never freed.
                return Some(unsafe { &*pointer });
            }
        }
        None
    }

    /// Enters a call on a handle.
    pub fn enter(&self, pointer: *const Cell<T>) -> Result<Entered<T>> {
        if pointer.is_null() {
            return Err(TRM_ERR_NULL.into());
        }
        let cell = self.find(pointer).ok_or(TRM_ERR_HANDLE)?;
        let told = Told::inside(cell);
        if told.is_none() {
            cell.users.fetch_add(1, Ordering::SeqCst);
        }
        let entered = Entered { cell, told };
        if cell.state.load(Ordering::SeqCst) != ALIVE {
            return Err(TRM_ERR_HANDLE.into());
        }
        if cell.generation.load(Ordering::Relaxed) != fork_generation() {
            return Err(TRM_ERR_FORKED.into());
        }
        Ok(entered)
    }

    /// Ends a handle: `leave` makes the calls that are inside return, then the value is given out. `None` for what is
    /// no handle of this process (a child process leaves its parent's objects alone: their threads aren't here).
    pub fn remove(&self, pointer: *const Cell<T>, leave: impl FnOnce(&T)) -> Option<T> {
        let entered = self.enter(pointer).ok()?;
        let cell = entered.cell;
        cell.state.compare_exchange(ALIVE, DYING, Ordering::SeqCst, Ordering::SeqCst).ok()?;
        leave(&entered);
        drop(entered);
        if !settle() {
            // Somebody may be inside unseen, now and later: it stays as it is.
            return None;
        }
        let mut patience = 0u32;
        while cell.users.load(Ordering::SeqCst) != 0 || any_inside(cell) {
            match patience {
                0..100 => std::thread::yield_now(),
                _ => std::thread::sleep(std::time::Duration::from_micros(100)),
            }
            patience = patience.saturating_add(1);
        }
        // SAFETY: DYING keeps new users from looking at the value, and the last old one has left.
        let value = unsafe { (*cell.value.get()).take() };
        cell.state.store(DEAD, Ordering::SeqCst);
        self.free().resting.push_back(cell);
        value
    }
}

impl<T> Cell<T> {
    fn new() -> Self {
        Self {
            state: AtomicU32::new(DEAD),
            users: AtomicUsize::new(0),
            generation: AtomicU64::new(0),
            value: UnsafeCell::new(None),
        }
    }
}

/// A call inside a living handle.
pub struct Entered<T: 'static> {
    cell: &'static Cell<T>,
    told: Option<Told>,
}

impl<T> Deref for Entered<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: made only where ALIVE was seen after counting in, so the value stays until we count out.
        unsafe { (*self.cell.value.get()).as_ref().expect("a living cell holds a value") }
    }
}

impl<T> Drop for Entered<T> {
    fn drop(&mut self) {
        if self.told.is_none() {
            self.cell.users.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// A number that differs with each of the `fork()`s that lie between this process and the one that loaded the library.
#[cfg(unix)]
pub fn fork_generation() -> u64 {
    static FORKS: AtomicU64 = AtomicU64::new(0);
    static WATCHED: AtomicBool = AtomicBool::new(false);
    extern "C" fn in_child() {
        FORKS.fetch_add(1, Ordering::SeqCst);
    }
    // No lock: a child that is forked meanwhile would wait for ever. Several threads may each have it done, and a fork counts
    // as several then.
    if !WATCHED.load(Ordering::Relaxed) {
        // SAFETY: registers a function that lives as long as the process (the library is linked not to be unloaded).
        unsafe { libc::pthread_atfork(None, None, Some(in_child)) };
        WATCHED.store(true, Ordering::Relaxed);
    }
    FORKS.load(Ordering::Relaxed)
}

/// There is no `fork()` here.
#[cfg(not(unix))]
pub fn fork_generation() -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrong_handles_are_told() {
        static OBJECTS: Objects<u64> = Objects::new();
        let status = |pointer: *const Cell<u64>| OBJECTS.enter(pointer).err().map(|error| error.status);
        assert_eq!(status(std::ptr::null()), Some(TRM_ERR_NULL));
        assert_eq!(status(std::ptr::dangling()), Some(TRM_ERR_HANDLE));
        let handle = OBJECTS.add(7);
        assert_eq!(*OBJECTS.enter(handle).unwrap(), 7);
        assert_eq!(status(handle.cast_const().cast::<u8>().wrapping_add(8).cast()), Some(TRM_ERR_HANDLE));
        assert_eq!(OBJECTS.remove(handle, |_| ()), Some(7));
        assert_eq!(OBJECTS.remove(handle, |_| ()), None);
        assert_eq!(status(handle), Some(TRM_ERR_HANDLE));
        let many: Vec<_> = (0..5000).map(|n| OBJECTS.add(n)).collect();
        assert!(many.iter().zip(0..).all(|(&handle, n)| *OBJECTS.enter(handle).unwrap() == n));
    }

    #[test]
    fn nobody_sees_a_value_that_is_gone() {
        static OBJECTS: Objects<Vec<u64>> = Objects::new();
        for _ in 0..300 {
            let handle = OBJECTS.add(vec![7; 100]) as usize;
            std::thread::scope(|scope| {
                for _ in 0..2 {
                    scope.spawn(move || {
                        while let Ok(entered) = OBJECTS.enter(handle as *const _) {
                            // The second one is inside of two at once.
                            let again = OBJECTS.enter(handle as *const _);
                            assert!(entered.iter().chain(again.iter().flat_map(|again| again.iter())).all(|&n| n == 7));
                        }
                    });
                }
                std::thread::yield_now();
                let mut value = OBJECTS.remove(handle as *const _, |_| ()).unwrap();
                value.fill(8);
            });
        }
    }

    #[test]
    fn removal_waits_for_the_calls_inside() {
        static OBJECTS: Objects<std::sync::atomic::AtomicBool> = Objects::new();
        let handle = OBJECTS.add(false.into()) as usize;
        let inside = OBJECTS.enter(handle as *const _).unwrap();
        std::thread::scope(|scope| {
            let removing =
                scope.spawn(move || OBJECTS.remove(handle as *const _, |leave| leave.store(true, Ordering::SeqCst)));
            while !inside.load(Ordering::SeqCst) {
                std::thread::yield_now();
            }
            assert!(!removing.is_finished());
            drop(inside);
            assert!(removing.join().unwrap().is_some());
        });
    }
}
