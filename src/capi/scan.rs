//! One buffer in, all its matches out.

use super::call::{call_with, out, slice, slice_mut, trm_error};
use super::engine::{enter, trm_engine};
use super::rules::{self, trm_rules};
use crate::scan::{Match, Scratch};
use crate::status::*;
use crate::types::trm_match;
use std::ffi::c_void;

/// Scans bytes of any length, on the calling thread, and gives all matches.
///
/// @param engine          any handle
/// @param rule_set_id     the set that is loaded under it now is used
/// @param bytes           the input; NULL where `len` is 0
/// @param len             bytes; not limited by the arena or by 4 GiB
/// @param matches         receives them, sorted by (end, start, rule_id); may be NULL where `match_capacity` is 0
/// @param match_capacity  how many fit
/// @param match_count     receives how many there are
/// @param error           receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_ERR_BUFFER: more than fit, none is written, `*match_count` says how many;
///         TRM_ERR_NO_RULES; TRM_ERR_NULL; TRM_ERR_INVALID; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any number of threads at once. Also on a closed engine, and whatever its drain. `max_matches_per_item` does not
/// apply.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_scan(
    engine: *mut trm_engine,
    rule_set_id: u32,
    bytes: *const c_void,
    len: usize,
    matches: *mut trm_match,
    match_capacity: usize,
    match_count: *mut usize,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        call_with(error, || {
            let count = out(match_count)?;
            *count = 0;
            let (bytes, room) = (slice(bytes.cast::<u8>(), len)?, slice_mut(matches, match_capacity)?);
            let (found, total) = enter(engine)?.engine().scan_first(rule_set_id, bytes, room.len() as u64)?;
            deliver(&found, total, room, count)
        })
    }
}

/// As `trm_scan`, with rules alone, where no engine is at hand.
///
/// @param rules           compiled rules
/// @param bytes           the input; NULL where `len` is 0
/// @param len             bytes
/// @param matches         receives them, sorted by (end, start, rule_id); may be NULL where `match_capacity` is 0
/// @param match_capacity  how many fit
/// @param match_count     receives how many there are
/// @param error           receives the reason of a failure; may be NULL
/// @return as `trm_scan`
///
/// Any number of threads at once. Working memory is made for each call: an engine keeps it.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_rules_scan(
    rules: *const trm_rules,
    bytes: *const c_void,
    len: usize,
    matches: *mut trm_match,
    match_capacity: usize,
    match_count: *mut usize,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        call_with(error, || {
            let count = out(match_count)?;
            *count = 0;
            let (bytes, room) = (slice(bytes.cast::<u8>(), len)?, slice_mut(matches, match_capacity)?);
            let mut found = Vec::new();
            let total = rules::enter(rules)?.get().scan(bytes, &mut Scratch::default(), room.len() as u64, &mut found);
            deliver(&found, total, room, count)
        })
    }
}

/// `found`: the first of `total` matches, all of them where there is room for all.
fn deliver(found: &[Match], total: u64, room: &mut [trm_match], count: &mut usize) -> Result<trm_status> {
    *count = usize::try_from(total).unwrap_or(usize::MAX);
    if total > room.len() as u64 {
        return Err(Error::new(
            TRM_ERR_BUFFER,
            format!("{total} matches don't fit an array of {}: give a larger one", room.len()),
        ));
    }
    for (to, from) in room.iter_mut().zip(found) {
        *to = trm_match { start: from.start, end: from.end, rule_id: from.rule_id, item: 0 };
    }
    Ok(TRM_OK)
}
