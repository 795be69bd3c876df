//! The input space: regions of the arena, and the caller's own memory.

use super::call::{call, call_with, deadline, out, slice, trm_error};
use super::engine::{enter, trm_engine};
use crate::status::*;
use std::ffi::c_void;

/// A piece of the arena that the caller may write.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_region {
    /// From the start of the engine's input space, in bytes: what work items name. A multiple of 64.
    pub input_offset: u32,
    /// Bytes that were asked for.
    pub len: u32,
    /// Where to write them. It belongs to the engine and stays until the region is released.
    pub bytes: *mut c_void,
}

/// Takes a region of the arena to write input into, without a copy by the library.
///
/// Write the bytes, enqueue items that lie inside (several may share a region), and release the region after all of
/// them are done. Writing to an item's bytes while it is in flight makes its answer meaningless.
///
/// @param engine      any handle of the drum; the arena is the drum's
/// @param len         bytes; 0 is allowed
/// @param timeout_ns  how long to wait for room: 0 does not wait, below 0 waits for ever
/// @param region      receives the region
/// @return TRM_OK; TRM_ARENA_FULL: no room of that size, or not in time; TRM_ERR_RANGE: larger than the whole arena;
///         TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED; TRM_ERR_CLOSED
///
/// Any thread.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_input_acquire(
    engine: *mut trm_engine,
    len: u32,
    timeout_ns: i64,
    region: *mut trm_region,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let region = unsafe { out(region) }?;
        let found = enter(engine)?.acquire(len, deadline(timeout_ns))?;
        let Some(found) = found else { return Ok(TRM_ARENA_FULL) };
        *region = trm_region { input_offset: found.offset, len: found.len, bytes: found.bytes.cast() };
        Ok(TRM_OK)
    })
}

/// Copies bytes into a region as a GPU reads them fastest: around the processor's caches, with non-temporal stores. Worth it
/// for input that only a GPU drain looks at; where worker threads scan, `memcpy` is better. The bytes are there for
/// whichever thread enqueues them afterwards.
///
/// @param to    where to write: in a region of `trm_input_acquire`, or anywhere else
/// @param from  what to copy; must not overlap
/// @param len   bytes; 0 is allowed
/// @return TRM_OK; TRM_ERR_NULL
///
/// Any thread.
///
/// # Safety
/// Pointers are NULL or valid for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_input_copy(to: *mut c_void, from: *const c_void, len: usize) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let from = unsafe { slice(from.cast::<u8>(), len) }?;
        if to.is_null() && len > 0 {
            return Err(TRM_ERR_NULL.into());
        }
        // SAFETY: the caller says that the bytes are there and nobody else's.
        unsafe { crate::input::around_caches(to.cast(), from) };
        crate::input::fence();
        Ok(TRM_OK)
    })
}

/// Gives a region back. Its items must be done: an item in flight would scan whatever is written there next.
///
/// @param engine        any handle of the drum
/// @param input_offset  the region's `input_offset`
/// @return TRM_OK; TRM_ERR_INVALID: no acquired region starts there (released twice?); TRM_ERR_NULL; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any thread.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_input_release(engine: *mut trm_engine, input_offset: u32) -> trm_status {
    call(|| {
        enter(engine)?.engine().arena().release(input_offset)?;
        Ok(TRM_OK)
    })
}

/// Makes the caller's own memory a part of the input space: items name bytes in it, and nothing is copied.
///
/// For memory that is there anyway: mapped files, pools of packets. The CPU drain and the caller drain read it in place.
/// With TRM_OPTION_STAGED_INPUT the GPU's copy engines do, where the driver lets them: private and shared memory that can be
/// written it does mostly, files' pages not. `imported_bytes` in the stats says of how much, and the log why not of a
/// buffer. A GPU drain copies the other items out of it, as `trm_submit` does. Until it is unregistered it must stay
/// readable (a mapped file that is cut short is not), and the bytes of items in flight must not change.
///
/// @param engine        any handle of the drum; the input space is the drum's
/// @param bytes         the buffer; lent until `trm_buffer_unregister` has answered TRM_OK, or the drum is destroyed
/// @param len           bytes, at least 1. An item may lie anywhere in it, but not reach over its end.
/// @param input_offset  receives where the buffer begins in the input space: byte `n` of it is `*input_offset + n` for
///                      `trm_work_item.input_offset`. A multiple of 64.
/// @param error         receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_ERR_RANGE: the input space has 4 GiB for the arena and all buffers, and so much is not left in a
///         row; TRM_ERR_INVALID: `len` is 0; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread. With registered buffers `trm_enqueue` and `trm_enqueue_batch` may also answer TRM_ARENA_FULL where a GPU
/// drains: there is no room for copies now.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_buffer_register(
    engine: *mut trm_engine,
    bytes: *const c_void,
    len: usize,
    input_offset: *mut u32,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        call_with(error, || {
            let input_offset = out(input_offset)?;
            let buffer = slice(bytes.cast::<u8>(), len)?;
            let handle = enter(engine)?;
            handle.check_open()?;
            if buffer.is_empty() {
                return Err(Error::new(TRM_ERR_INVALID, "len is 0: there is nothing to register"));
            }
            *input_offset = handle.engine().register(buffer.as_ptr(), len as u64)?;
            Ok(TRM_OK)
        })
    }
}

/// Takes a buffer out of the input space again: new items in it are refused at once, those in flight are waited for.
///
/// @param engine        any handle of the drum
/// @param input_offset  what `trm_buffer_register` told
/// @param timeout_ns    how long to wait for items in flight: 0 does not wait, below 0 waits for ever
/// @return TRM_OK: nothing reads the buffer any more; TRM_TIMEOUT: items are still in flight, so the buffer has to stay:
///         call again; TRM_ERR_INVALID: no buffer begins there (unregistered twice?); TRM_ERR_NULL; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any thread. Also after a close. Results need not be collected for it.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_buffer_unregister(
    engine: *mut trm_engine,
    input_offset: u32,
    timeout_ns: i64,
) -> trm_status {
    call(|| {
        let over = enter(engine)?.engine().arena().registered().unregister(input_offset, deadline(timeout_ns))?;
        Ok(if over { TRM_OK } else { TRM_TIMEOUT })
    })
}
