//! Cancelling, and deadlines.

use super::call::call;
use super::engine::{enter, trm_engine};
use crate::status::*;
use crate::types::trm_ticket;
use std::time::Duration;

/// Cancels an item. Its completion still comes, once, with the status TRM_CANCELLED and without matches, whether its scan
/// had begun, or even ended, or not; what has not begun is not scanned.
///
/// @param engine  the handle that enqueued the item
/// @param ticket  its ticket
/// @return TRM_OK: its completion will say TRM_CANCELLED (so does cancelling it again); TRM_TAKEN: too late, its
///         completion was taken, or was not wanted (TRM_DELIVER_*); TRM_ERR_TICKET: never issued, or enqueued on another
///         handle; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread; also on a closed handle. It never waits: the item's bytes are in use until it is done. A scan that has begun
/// goes on to its end; a thread of a caller's drain that has claimed the item marks it done as always.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_cancel(engine: *mut trm_engine, ticket: trm_ticket) -> trm_status {
    call(|| Ok(if enter(engine)?.cancel(ticket)? { TRM_OK } else { TRM_TAKEN }))
}

/// Gives the items that this handle accepts from now on a time in which they must be done: what is not done by then
/// completes as TRM_CANCELLED as soon as the drain comes to it, and is not scanned if it has not been.
///
/// @param engine      a handle; others of the same drum have deadlines of their own
/// @param timeout_ns  counted from each item's acceptance; 0: late at once; below 0: no deadline (as at first)
/// @return TRM_OK; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread. Nothing wakes up for a deadline: with the caller drain an item waits until somebody claims, and it is not
/// given out if it is late then.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_set_deadline(engine: *mut trm_engine, timeout_ns: i64) -> trm_status {
    call(|| {
        enter(engine)?.set_deadline(u64::try_from(timeout_ns).ok().map(Duration::from_nanos))?;
        Ok(TRM_OK)
    })
}
