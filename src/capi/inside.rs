//! Which cells threads are inside of, told by plain stores into the threads' records.
//!
//! A thread stores there what it enters, and then looks whether that is alive. Whoever ends a cell first says that it dies, and
//! then asks for a barrier on all threads. Where there is none, or a thread is inside of two cells at once, the cell's own count
//! is used.

use crate::threads::{self, Record};
use std::marker::PhantomData;
use std::sync::atomic::{Ordering, compiler_fence};

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
        let record = threads::mine()?;
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
    threads::nobody() || threads::barrier()
}

/// Whether a thread has told that it is inside of a cell.
pub(super) fn any_inside<T>(cell: *const T) -> bool {
    threads::records().any(|record| record.cell.load(Ordering::Acquire).cast_const() == cell.cast())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_seen_until_it_is_dropped() {
        let (cells, ready) = ([0u8; 2], threads::mine().is_some());
        let told = Told::inside(&cells[0]);
        assert_eq!(told.is_some(), ready);
        assert!(Told::inside(&cells[1]).is_none(), "one at a time");
        assert!(settle());
        assert_eq!((any_inside(&cells[0]), any_inside(&cells[1])), (ready, false));
        drop(told);
        assert!(!any_inside(&cells[0]));
    }
}
