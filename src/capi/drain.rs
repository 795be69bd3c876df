//! The caller drain: the caller's own threads are the kernel.

use super::call::{call, deadline, nothing, out, slice, slice_mut};
use super::engine::{enter, trm_engine};
use super::rules::{lend, trm_rules};
use crate::scan::Match;
use crate::status::*;
use crate::types::{trm_match, trm_ticket, trm_work_item};
use std::ffi::c_void;

/// An item that a thread of the caller took.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_claimed {
    /// Its ticket, to be marked done.
    pub ticket: trm_ticket,
    /// The item as it was enqueued.
    pub item: trm_work_item,
    /// Its `item.input_len` bytes. They stay until the item is marked done.
    pub bytes: *const c_void,
    /// The rules that it was accepted with, for `trm_rules_info` and `trm_rules_scan`. Lent: they stay until the item
    /// is marked done, and `trm_rules_destroy` leaves them alone.
    pub rules: *const trm_rules,
}

/// Takes the oldest item that nobody has claimed (TRM_PROCESSOR_CALLER).
///
/// @param engine      any handle of the drum
/// @param timeout_ns  0 polls, below 0 waits for ever
/// @param claimed     receives the item. It has to be marked done, by any thread.
/// @return TRM_OK; TRM_EMPTY (a poll) or TRM_TIMEOUT: nothing to claim; TRM_ERR_CLOSED: closed, and everything is
///         claimed; TRM_ERR_UNSUPPORTED: another drain empties this ring; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any number of threads at once. A waiting thread sleeps.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_claim(engine: *mut trm_engine, timeout_ns: i64, claimed: *mut trm_claimed) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let claimed = unsafe { out(claimed) }?;
        let handle = enter(engine)?;
        let Some(found) = handle.engine().claim(deadline(timeout_ns), || handle.is_orphan())? else {
            return Ok(nothing(timeout_ns));
        };
        *claimed =
            trm_claimed { ticket: found.ticket, item: found.item, bytes: found.bytes.cast(), rules: lend(&found.set) };
        Ok(TRM_OK)
    })
}

/// Finishes a claimed item: its completion goes to the handle that enqueued it.
///
/// @param engine       any handle of the drum
/// @param ticket       from `trm_claim`
/// @param status       TRM_OK, TRM_TRUNCATED, TRM_CANCELLED or an error below 0
/// @param matches      what was found, in any order; copied, sorted, duplicates removed; `item` is ignored
/// @param match_count  how many
/// @return TRM_OK; TRM_TAKEN: already marked done; TRM_ERR_TICKET: never issued or never claimed; TRM_ERR_INVALID: a
///         status that is none, or a match outside the item (nothing happened: mark it again); TRM_ERR_UNSUPPORTED;
///         TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread, not only the one that claimed.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_mark_done(
    engine: *mut trm_engine,
    ticket: trm_ticket,
    status: trm_status,
    matches: *const trm_match,
    match_count: usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let matches = unsafe { slice(matches, match_count) }?;
        let matches = matches.iter().map(|m| Match { start: m.start, end: m.end, rule_id: m.rule_id }).collect();
        enter(engine)?.engine().mark_done(ticket, status, matches)?;
        Ok(TRM_OK)
    })
}

/// The tickets that were claimed and not marked done, oldest first: those of threads that died, after the others have
/// finished. Each can still be marked done by any thread.
///
/// @param engine    any handle of the drum
/// @param tickets   receives them; may be NULL where `capacity` is 0
/// @param capacity  how many fit
/// @param count     receives how many there are
/// @return TRM_OK; TRM_ERR_BUFFER: more than fit, the first `capacity` are written; TRM_ERR_NULL; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any thread, also after closing.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_unfinished(
    engine: *const trm_engine,
    tickets: *mut trm_ticket,
    capacity: usize,
    count: *mut usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let (tickets, count) = unsafe { (slice_mut(tickets, capacity)?, out(count)?) };
        let unfinished = enter(engine)?.engine().unfinished_claims();
        for (to, from) in tickets.iter_mut().zip(&unfinished) {
            *to = *from;
        }
        *count = unfinished.len();
        Ok(if unfinished.len() > tickets.len() { TRM_ERR_BUFFER } else { TRM_OK })
    })
}
