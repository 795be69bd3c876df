//! Which cells threads are inside of, told by plain stores: counting in and out with locked instructions would cost a call
//! more than all else that is the same in every call.
//!
//! A thread has a record of its own. It stores there what it enters, and then looks whether that is alive. Whoever ends a
//! cell first says that it dies, and then asks the kernel for a barrier on all threads of the process (`membarrier`): each
//! of them either has its store seen after that, or sees that the cell dies. Where there is no such call, or a thread is
//! inside of two cells at once, the cell's own count is used.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, compiler_fence};

/// A thread's record. Never freed: whoever ends a cell looks at all that there ever were.
#[repr(align(128))]
struct Record {
    /// The cell that the thread is inside of.
    cell: AtomicPtr<()>,
    /// A thread has it.
    taken: AtomicBool,
    next: AtomicPtr<Record>,
}

static RECORDS: AtomicPtr<Record> = AtomicPtr::new(std::ptr::null_mut());

/// What a thread told; taken back when it is dropped. Of the thread that made it.
pub(super) struct Told {
    record: &'static Record,
    _of_this_thread: PhantomData<*const ()>,
}

impl Told {
    /// Tells that this thread is inside of a cell, if it can be told this way. The caller looks whether the cell is alive
    /// only after that.
    #[inline]
    pub fn inside<T>(cell: *const T) -> Option<Told> {
        let record = mine()?;
        if !record.cell.load(Ordering::Relaxed).is_null() {
            // A call out of a callback.
            return None;
        }
        record.cell.store(cell.cast_mut().cast(), Ordering::Relaxed);
        // Keeps the compiler from looking first; `settle` keeps the processor from it.
        compiler_fence(Ordering::SeqCst);
        Some(Told { record, _of_this_thread: PhantomData })
    }
}

impl Drop for Told {
    #[inline]
    fn drop(&mut self) {
        // Release: whatever was done inside was done before.
        self.record.cell.store(std::ptr::null_mut(), Ordering::Release);
    }
}

/// After this, whoever is inside of a cell that was said to die before is seen by `any_inside`, and nobody new comes in.
/// False: that cannot be had any more, and nothing may be taken for left.
#[must_use]
pub(super) fn settle() -> bool {
    RECORDS.load(Ordering::SeqCst).is_null() || kernel::barrier()
}

/// Whether a thread has told that it is inside of a cell.
pub(super) fn any_inside<T>(cell: *const T) -> bool {
    let mut at = RECORDS.load(Ordering::Acquire);
    // SAFETY: records are never freed.
    while let Some(record) = unsafe { at.as_ref() } {
        if record.cell.load(Ordering::Acquire).cast_const() == cell.cast() {
            return true;
        }
        at = record.next.load(Ordering::Acquire);
    }
    false
}

/// This thread's record, given back when the thread ends.
struct Mine(&'static Record);

impl Drop for Mine {
    fn drop(&mut self) {
        let _ = READY.try_with(|ready| ready.set(None));
        self.0.taken.store(false, Ordering::Release);
    }
}

thread_local! {
    /// What `MINE` holds, where it can be read without asking whether it is there.
    static READY: Cell<Option<&'static Record>> = const { Cell::new(None) };
    static MINE: Cell<Option<Mine>> = const { Cell::new(None) };
}

#[inline]
fn mine() -> Option<&'static Record> {
    match READY.try_with(Cell::get) {
        Ok(Some(record)) => Some(record),
        _ => first_time(),
    }
}

#[cold]
fn first_time() -> Option<&'static Record> {
    if !kernel::is_ready() {
        return None;
    }
    // A thread that is ending has none any more.
    MINE.try_with(|mine| {
        let record = record();
        mine.set(Some(Mine(record)));
        READY.with(|ready| ready.set(Some(record)));
        record
    })
    .ok()
}

/// A record that no thread has.
fn record() -> &'static Record {
    let mut at = RECORDS.load(Ordering::Acquire);
    // SAFETY: records are never freed.
    while let Some(record) = unsafe { at.as_ref() } {
        if !record.taken.swap(true, Ordering::Acquire) {
            return record;
        }
        at = record.next.load(Ordering::Acquire);
    }
    let new: &'static Record = Box::leak(Box::new(Record {
        cell: AtomicPtr::default(),
        taken: AtomicBool::new(true),
        next: AtomicPtr::default(),
    }));
    let mut first = RECORDS.load(Ordering::Relaxed);
    loop {
        new.next.store(first, Ordering::Relaxed);
        let pointer = std::ptr::from_ref(new).cast_mut();
        // SeqCst: `settle` finds the list empty only before the first record is there.
        match RECORDS.compare_exchange(first, pointer, Ordering::SeqCst, Ordering::Relaxed) {
            Ok(_) => return new,
            Err(seen) => first = seen,
        }
    }
}

#[cfg(all(target_os = "linux", not(miri)))]
mod kernel {
    use std::sync::atomic::{AtomicU8, Ordering};

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: a call without pointers.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }

    /// Whether this process can ask for barriers.
    pub fn is_ready() -> bool {
        const UNKNOWN: u8 = 0;
        const NO: u8 = 1;
        const YES: u8 = 2;
        // No lock: registering takes milliseconds, and a child that is forked meanwhile would wait for it for ever. Threads
        // that find out at one time find the same.
        static READY: AtomicU8 = AtomicU8::new(UNKNOWN);
        if READY.load(Ordering::Relaxed) == UNKNOWN {
            let ready = membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
                && membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
            READY.store(if ready { YES } else { NO }, Ordering::Relaxed);
        }
        READY.load(Ordering::Relaxed) == YES
    }

    /// A barrier on all threads.
    pub fn barrier() -> bool {
        let ask = || membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        // A child process may have to register anew.
        ask() || membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED) && ask()
    }
}

#[cfg(not(all(target_os = "linux", not(miri))))]
mod kernel {
    pub fn is_ready() -> bool {
        false
    }

    pub fn barrier() -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_seen_until_it_is_dropped() {
        let (cells, ready) = ([0u8; 2], kernel::is_ready());
        let told = Told::inside(&cells[0]);
        assert_eq!(told.is_some(), ready);
        assert!(Told::inside(&cells[1]).is_none(), "one at a time");
        assert!(settle());
        assert_eq!((any_inside(&cells[0]), any_inside(&cells[1])), (ready, false));
        drop(told);
        assert!(!any_inside(&cells[0]));
    }

    #[test]
    fn records_of_ended_threads_are_used_again() {
        let count = || {
            let (mut n, mut at) = (0, RECORDS.load(Ordering::Acquire));
            // SAFETY: records are never freed.
            while let Some(record) = unsafe { at.as_ref() } {
                (n, at) = (n + 1, record.next.load(Ordering::Acquire));
            }
            n
        };
        let cell = 0u8;
        for _ in 0..200 {
            let at = &raw const cell as usize;
            std::thread::spawn(move || drop(Told::inside(at as *const u8))).join().unwrap();
        }
        // Other tests have threads too.
        assert!(count() < 150, "{}", count());
    }
}
