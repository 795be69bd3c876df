//! The calls. Names, values and layouts are Hyperscan's, so that programs relink; what they do is this library's.
#![allow(non_camel_case_types, reason = "the names are those of C")]

mod common;
mod compile;
mod info;
mod memory;
mod runtime;
mod stream;

pub use common::*;
pub use compile::*;
pub use info::*;
pub use memory::{hs_alloc_t, hs_free_t};
pub use runtime::*;
pub use stream::*;

/// Done.
pub const HS_SUCCESS: i32 = 0;
/// An argument is wrong.
pub const HS_INVALID: i32 = -1;
/// Memory could not be had.
pub const HS_NOMEM: i32 = -2;
/// The callback said so.
pub const HS_SCAN_TERMINATED: i32 = -3;
/// The expressions cannot be compiled.
pub const HS_COMPILER_ERROR: i32 = -4;
/// The database is of another version.
pub const HS_DB_VERSION_ERROR: i32 = -5;
/// The database was compiled for another mode.
pub const HS_DB_MODE_ERROR: i32 = -7;
/// The scratch is used by another scan.
pub const HS_SCRATCH_IN_USE: i32 = -10;
/// A bug of this library.
pub const HS_UNKNOWN_ERROR: i32 = -13;

/// What `hs_version` says: Hyperscan's interface, then this library.
pub const VERSION: &str = concat!("5.4.0 libtrommel ", env!("CARGO_PKG_VERSION"));

/// Nothing of Rust may unwind into C, and no bug ends the program.
fn guarded(work: impl FnOnce() -> i32) -> i32 {
    trommel::panics::guarded(work).unwrap_or(HS_UNKNOWN_ERROR)
}

/// A number in front of what the caller holds: wrong and freed pointers are told apart where that is possible.
#[repr(C)]
struct Marked<T> {
    mark: u64,
    value: T,
}

impl<T> Marked<T> {
    fn give(mark: u64, value: T) -> *mut Self {
        Box::into_raw(Box::new(Self { mark, value }))
    }

    /// # Safety
    /// `pointer` is NULL or points to a `Marked<T>` that is not freed while the answer is used.
    unsafe fn look<'a>(pointer: *const Self, mark: u64) -> Option<&'a T> {
        // SAFETY: the caller's promise.
        let marked = unsafe { pointer.as_ref() }?;
        (marked.mark == mark).then_some(&marked.value)
    }

    /// # Safety
    /// `pointer` came from `give` and nothing uses it any more.
    unsafe fn take(pointer: *mut Self, mark: u64) -> Option<T> {
        // SAFETY: the caller's promise; the mark is changed so that a second free is seen while the memory is not reused.
        unsafe {
            if (*pointer).mark != mark {
                return None;
            }
            (*pointer).mark = 0;
            Some(Box::from_raw(pointer).value)
        }
    }
}
