//! Regions of the input arena.

use super::call::{call, deadline, out};
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
