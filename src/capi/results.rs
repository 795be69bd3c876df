//! Completions and matches.

use super::call::{call, deadline, nothing, out, slice_mut};
use super::engine::{enter, trm_engine};
use crate::engine::{Answer, Buffers, Taken};
use crate::ring::Stage;
use crate::status::*;
use crate::types::{trm_completion, trm_match, trm_ticket};

/// Whether an item is done; takes nothing. Exact for ever: a ticket too old to be in the ring is done.
///
/// @param engine  any handle of the drum
/// @param ticket  any ticket of the drum
/// @return TRM_OK: done, or done and taken; TRM_PENDING; TRM_ERR_TICKET: never issued; TRM_ERR_NULL; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any thread. It never waits.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_is_done(engine: *const trm_engine, ticket: trm_ticket) -> trm_status {
    call(|| {
        Ok(match enter(engine)?.stage(ticket)? {
            Stage::Done | Stage::Released => TRM_OK,
            _ => TRM_PENDING,
        })
    })
}

/// Takes one ticket's completion and its matches, waiting for it if it must.
///
/// @param engine          the handle that enqueued the item
/// @param ticket          its ticket
/// @param timeout_ns      0 polls, below 0 waits for ever
/// @param completion      receives the completion
/// @param matches         receives its matches; may be NULL where `match_capacity` is 0
/// @param match_capacity  how many fit
/// @param match_count     receives how many were written; with TRM_ERR_BUFFER, how many are needed
/// @return TRM_OK; TRM_PENDING (a poll) or TRM_TIMEOUT: not done yet; TRM_TAKEN: already taken, by this call or by
///         `trm_collect`, or never wanted (TRM_DELIVER_*); TRM_ERR_BUFFER: the matches don't fit, nothing was taken;
///         TRM_ERR_TICKET: never issued, or enqueued on another handle; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread; each completion is given out once. A waiting thread sleeps. Where more than a thousand items of the handle
/// are in flight on a CPU drain, one that may wait waits up to half a millisecond for company if few are done.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_wait(
    engine: *mut trm_engine,
    ticket: trm_ticket,
    timeout_ns: i64,
    completion: *mut trm_completion,
    matches: *mut trm_match,
    match_capacity: usize,
    match_count: *mut usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let match_count = unsafe { out(match_count) }?;
        *match_count = 0;
        // SAFETY: passed on.
        let (completion, matches) = unsafe { (out(completion)?, slice_mut(matches, match_capacity)?) };
        let mut buffers = Buffers { completions: std::slice::from_mut(completion), matches };
        let answer = enter(engine)?.wait(ticket, deadline(timeout_ns), &mut buffers);
        let (status, taken) = settle(answer, if timeout_ns == 0 { TRM_PENDING } else { TRM_TIMEOUT });
        *match_count = taken.matches;
        Ok(status)
    })
}

/// Takes the completions of any finished items of this handle, as many as fit, whole items only.
///
/// @param engine          the handle that enqueued them
/// @param timeout_ns      how long to wait for the first: 0 polls, below 0 waits for ever
/// @param completions     receives the completions, in any order
/// @param capacity        how many fit; at least 1
/// @param count           receives how many were written
/// @param matches         receives the matches of all of them, one item's after another's; `first_match` says where
///                        an item's begin. May be NULL where `match_capacity` is 0.
/// @param match_capacity  how many fit
/// @param match_count     receives how many were written; with TRM_ERR_BUFFER, how many the next item needs
/// @return TRM_OK: at least one; TRM_EMPTY (a poll) or TRM_TIMEOUT: none finished; TRM_ERR_BUFFER: the next item's
///         matches don't fit an empty array of that size, nothing was taken; TRM_ERR_CLOSED: closed, and nothing is
///         left to collect on this handle; TRM_ERR_INVALID; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread; each completion is given out once. A waiting thread sleeps. Where more than a thousand items of the handle
/// are in flight on a CPU drain, one that may wait waits up to half a millisecond for company if few are done.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_collect(
    engine: *mut trm_engine,
    timeout_ns: i64,
    completions: *mut trm_completion,
    capacity: usize,
    count: *mut usize,
    matches: *mut trm_match,
    match_capacity: usize,
    match_count: *mut usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let (count, match_count) = unsafe { (out(count)?, out(match_count)?) };
        (*count, *match_count) = (0, 0);
        // SAFETY: passed on.
        let (completions, matches) =
            unsafe { (slice_mut(completions, capacity)?, slice_mut(matches, match_capacity)?) };
        if completions.is_empty() {
            return Err(Error::new(TRM_ERR_INVALID, "capacity is 0: give room for at least one completion"));
        }
        let answer = enter(engine)?.collect(deadline(timeout_ns), &mut Buffers { completions, matches });
        let (status, taken) = settle(answer, nothing(timeout_ns));
        (*count, *match_count) = (taken.items, taken.matches);
        Ok(status)
    })
}

/// The status and the counts that an answer comes to.
fn settle(answer: Answer, late: trm_status) -> (trm_status, Taken) {
    match answer {
        Answer::Took(taken) => (TRM_OK, taken),
        Answer::Late => (late, Taken::default()),
        Answer::Short(needed) => (TRM_ERR_BUFFER, Taken { items: 0, matches: needed }),
        Answer::Never(status) => (status, Taken::default()),
    }
}

/// A descriptor (Linux: an eventfd) that is readable while this handle has something to collect, for epoll, poll and
/// select. On Windows it is the handle of an event, for `WaitForSingleObject` and its kin.
///
/// Collect until TRM_EMPTY, then wait for the descriptor again. It may now and then be readable without need (after
/// `trm_wait` took the only completion): the next `trm_collect` answers TRM_EMPTY and settles it. Don't read, write or
/// close it: the handle owns it and closes it when it is destroyed.
///
/// @param engine  the handle
/// @param fd      receives the descriptor, the same one each time
/// @return TRM_OK; TRM_ERR_IO: none could be made; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_event_fd(engine: *mut trm_engine, fd: *mut i32) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let fd = unsafe { out(fd) }?;
        *fd = -1;
        *fd = enter(engine)?.event_fd()?;
        Ok(TRM_OK)
    })
}
