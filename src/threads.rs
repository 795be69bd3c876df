//! A record of each thread, where it tells by plain stores what it is inside of: counting in and out with locked instructions
//! would cost a call more than all else that is the same in every call.
//!
//! A thread stores what it enters, and then looks whether it may. Whoever is to keep it out first changes what it looks at, and
//! then asks the kernel for a barrier on all threads of the process (`membarrier`): each of them either has its store seen after
//! that, or sees the change.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// A thread's record. Never freed: whoever keeps threads out looks at all that there ever were.
#[repr(align(128))]
#[derive(Default)]
pub(crate) struct Record {
    /// The handle's cell that the thread is inside of.
    pub cell: AtomicPtr<()>,
    /// The lock that it holds without having locked it.
    pub lock: AtomicPtr<()>,
    /// A thread has it.
    taken: AtomicBool,
    next: AtomicPtr<Record>,
}

static RECORDS: AtomicPtr<Record> = AtomicPtr::new(std::ptr::null_mut());

/// All records that there are.
pub(crate) fn records() -> impl Iterator<Item = &'static Record> {
    let at = |at: &AtomicPtr<Record>| {
        // SAFETY: records are never freed.
        unsafe { at.load(Ordering::Acquire).as_ref() }
    };
    std::iter::successors(at(&RECORDS), move |record| at(&record.next))
}

/// Whether no thread has ever had a record.
pub(crate) fn nobody() -> bool {
    RECORDS.load(Ordering::SeqCst).is_null()
}

/// A barrier on all threads of this process. False: it cannot be had.
#[must_use]
pub(crate) fn barrier() -> bool {
    kernel::barrier()
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

/// This thread's record. `None`: there are no barriers here, or the thread is ending.
#[inline]
pub(crate) fn mine() -> Option<&'static Record> {
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
    if let Some(free) = records().find(|record| !record.taken.swap(true, Ordering::Acquire)) {
        return free;
    }
    let new: &'static Record = Box::leak(Box::new(Record { taken: AtomicBool::new(true), ..Record::default() }));
    let mut first = RECORDS.load(Ordering::Relaxed);
    loop {
        new.next.store(first, Ordering::Relaxed);
        let pointer = std::ptr::from_ref(new).cast_mut();
        // SeqCst: the list is found empty only before the first record is there.
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
    fn records_of_ended_threads_are_used_again() {
        for _ in 0..200 {
            std::thread::spawn(|| _ = mine()).join().unwrap();
        }
        // Other tests have threads too.
        let count = records().count();
        assert!(count < 150, "{count}");
    }
}
