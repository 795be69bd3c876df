//! Memory that the caller frees: made by the allocator that `hs_set_misc_allocator` named, or by malloc.

use std::ffi::c_void;
use std::sync::Mutex;

/// Gives memory, as malloc does.
pub type hs_alloc_t = Option<unsafe extern "C" fn(size: usize) -> *mut c_void>;
/// Takes it back, as free does.
pub type hs_free_t = Option<unsafe extern "C" fn(pointer: *mut c_void)>;

static ALLOCATOR: Mutex<(hs_alloc_t, hs_free_t)> = Mutex::new((None, None));

pub(super) fn set(alloc: hs_alloc_t, free: hs_free_t) {
    *ALLOCATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = (alloc, free);
}

/// A copy of `bytes` that the caller frees; null: no memory.
pub(super) fn copy(bytes: &[u8]) -> *mut u8 {
    let alloc = ALLOCATOR.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).0;
    // SAFETY: malloc, or what the caller promised to be like it; at least one byte is asked for.
    let memory = unsafe {
        match alloc {
            Some(alloc) => alloc(bytes.len().max(1)),
            None => libc::malloc(bytes.len().max(1)),
        }
    };
    let memory = memory.cast::<u8>();
    if !memory.is_null() {
        // SAFETY: new memory of at least that size.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory, bytes.len()) };
    }
    memory
}
