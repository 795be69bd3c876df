//! Compiled rules as bytes, and back.

use super::call::{call, call_with, input, out, slice, slice_mut, trm_error};
use super::rules::{add, enter, status_of, trm_rules};
use crate::rules::Rules;
use crate::status::*;
use std::ffi::c_void;

/// Writes compiled rules as bytes that `trm_rules_deserialize` loads without compiling.
///
/// @param rules     compiled rules
/// @param bytes     receives them; may be NULL where `capacity` is 0
/// @param capacity  how many fit
/// @param needed    receives how many there are
/// @return TRM_OK; TRM_ERR_BUFFER: more than `capacity`, nothing is written; TRM_ERR_NULL; TRM_ERR_HANDLE
///
/// Any thread. The bytes are tied to this library's version, to little-endian machines and, where patterns use
/// Unicode, to its Unicode tables; loading them elsewhere is refused, never wrong.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_rules_serialize(
    rules: *const trm_rules,
    bytes: *mut c_void,
    capacity: usize,
    needed: *mut usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let (room, needed) = unsafe { (slice_mut(bytes.cast::<u8>(), capacity)?, out(needed)?) };
        *needed = 0;
        let written = enter(rules)?.get().serialize();
        *needed = written.len();
        if written.len() > room.len() {
            return Ok(TRM_ERR_BUFFER);
        }
        room[..written.len()].copy_from_slice(&written);
        Ok(TRM_OK)
    })
}

/// Loads rules that `trm_rules_serialize` wrote.
///
/// @param bytes  any alignment; nothing of them is kept
/// @param len    how many
/// @param rules  receives the rules, NULL on failure. Ends with `trm_rules_destroy`.
/// @param error  receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_ERR_FORMAT: damaged, cut short, foreign or from another version, the message says which;
///         TRM_ERR_NULL; TRM_ERR_MEMORY
///
/// Any thread. Everything is checked before anything is used.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_rules_deserialize(
    bytes: *const c_void,
    len: usize,
    rules: *mut *mut trm_rules,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        call_with(error, || {
            let rules = out(rules)?;
            *rules = std::ptr::null_mut();
            let bytes = slice(input(bytes.cast::<u8>())?, len)?;
            let loaded = Rules::deserialize(bytes).map_err(|error| Error::new(status_of(error.kind), error.message))?;
            *rules = add(loaded);
            Ok(TRM_OK)
        })
    }
}
