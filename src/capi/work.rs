//! Enqueueing work.

use super::call::{call, input, out, slice};
use super::engine::{enter, trm_engine};
use crate::engine::{AT_ONCE, Text};
use crate::status::*;
use crate::types::{trm_ticket, trm_work_item};
use std::ffi::c_void;

/// Accepts one item.
///
/// @param engine  the handle that the item will be completed on
/// @param item    which bytes, which rule set, and the caller's number; copied
/// @param ticket  receives the item's ticket; may be NULL
/// @return TRM_OK; TRM_QUEUE_FULL: collect, or wait, and try again; TRM_ERR_RANGE: the bytes lie outside the input
///         space; TRM_ERR_NO_RULES; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread. It never waits. The item keeps the rule set that is loaded under its id now, whatever is loaded later.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_enqueue(
    engine: *mut trm_engine,
    item: *const trm_work_item,
    ticket: *mut trm_ticket,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let item = unsafe { input(item) }?;
        let first = enter(engine)?.enqueue_one(item)?;
        // SAFETY: NULL or a place to write to.
        if let Some(ticket) = unsafe { ticket.as_mut() } {
            *ticket = first.ticket();
        }
        Ok(TRM_OK)
    })
}

/// Accepts many items with one reservation: all of them, or the first ones that fit.
///
/// @param engine    the handle that the items will be completed on
/// @param items     `count` items; copied. Different rule sets may be mixed.
/// @param count     0 is allowed and does nothing
/// @param first     receives the first ticket; may be NULL. The items got `*first .. *first + *accepted - 1`.
/// @param accepted  receives how many were accepted, 0 on any other status than TRM_OK
/// @return TRM_OK: at least one was accepted (or `count` is 0); TRM_QUEUE_FULL: none; TRM_ERR_RANGE, TRM_ERR_NO_RULES:
///         some item is wrong and none was accepted; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_INVALID; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any thread. It never waits.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_enqueue_batch(
    engine: *mut trm_engine,
    items: *const trm_work_item,
    count: usize,
    first: *mut trm_ticket,
    accepted: *mut usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let accepted = unsafe { out(accepted) }?;
        *accepted = 0;
        // SAFETY: passed on.
        let items = unsafe { slice(items, count) }?;
        let handle = enter(engine)?;
        if items.is_empty() {
            return Ok(TRM_OK);
        }
        let (position, many) = handle.enqueue(items)?;
        *accepted = many;
        // SAFETY: NULL or a place to write to.
        if let Some(first) = unsafe { first.as_mut() } {
            *first = position.ticket();
        }
        Ok(TRM_OK)
    })
}

/// A part of an item's bytes.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_segment {
    /// Where they are; NULL where `len` is 0.
    pub bytes: *const c_void,
    /// How many.
    pub len: usize,
}

/// Copies bytes into the arena and enqueues them as one item; the copy is freed by the engine when the item is done.
///
/// @param engine       the handle that the item will be completed on
/// @param bytes        the input; may be reused as soon as the call returns; NULL where `len` is 0
/// @param len          bytes
/// @param rule_set_id  as in a work item
/// @param correlation  as in a work item
/// @param ticket       receives the item's ticket; may be NULL
/// @return as `trm_enqueue`, and TRM_ARENA_FULL: no room for the copy now; TRM_ERR_RANGE: larger than the whole arena
///         (`trm_scan` takes any length)
///
/// Any thread. It never waits.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_submit(
    engine: *mut trm_engine,
    bytes: *const c_void,
    len: u32,
    rule_set_id: u32,
    correlation: u32,
    ticket: *mut trm_ticket,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let bytes = unsafe { slice(bytes.cast::<u8>(), len as usize) }?;
        let position = enter(engine)?.submit(bytes, rule_set_id, correlation)?;
        // SAFETY: NULL or a place to write to.
        if let Some(ticket) = unsafe { ticket.as_mut() } {
            *ticket = position.ticket();
        }
        Ok(TRM_OK)
    })
}

/// A text of `trm_submit_batch`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_text {
    /// Where its bytes are; NULL where `len` is 0.
    pub bytes: *const c_void,
    /// How many.
    pub len: u32,
    /// As in a work item.
    pub rule_set_id: u32,
    /// As in a work item.
    pub correlation: u32,
    /// 0.
    pub reserved: u32,
}

/// As `trm_submit` of many texts, with one reservation: all of them, or the first ones that fit. Where several threads
/// submit, this is many times as fast as one after the other, since a reservation is what they have to share.
///
/// @param engine    the handle that the items will be completed on
/// @param texts     `count` texts; their bytes may be reused as soon as the call returns. Different rule sets may be mixed.
/// @param count     0 is allowed and does nothing. No more than 256 are accepted by one call.
/// @param first     receives the first ticket; may be NULL. The items got `*first .. *first + *accepted - 1`.
/// @param accepted  receives how many were accepted, 0 on any other status than TRM_OK
/// @return TRM_OK: at least one was accepted (or `count` is 0); TRM_QUEUE_FULL, TRM_ARENA_FULL: none; TRM_ERR_RANGE: some
///         text is larger than the whole arena, TRM_ERR_NO_RULES: the rule set of some is not loaded, TRM_ERR_INVALID:
///         `reserved` of some is not 0, and none was accepted; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any thread. It never waits.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_submit_batch(
    engine: *mut trm_engine,
    texts: *const trm_text,
    count: usize,
    first: *mut trm_ticket,
    accepted: *mut usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let accepted = unsafe { out(accepted) }?;
        *accepted = 0;
        // SAFETY: passed on.
        let texts = unsafe { slice(texts, count) }?;
        let handle = enter(engine)?;
        if texts.is_empty() {
            return Ok(TRM_OK);
        }
        let texts = &texts[..texts.len().min(AT_ONCE)];
        for text in texts {
            if text.bytes.is_null() && text.len > 0 {
                return Err(TRM_ERR_NULL.into());
            }
            if text.reserved != 0 {
                return Err(TRM_ERR_INVALID.into());
            }
        }
        let texts = texts.iter().map(|text| Text {
            // SAFETY: each says how many bytes it has; NULL was refused above.
            bytes: unsafe { slice(text.bytes.cast::<u8>(), text.len as usize) }.unwrap_or_default(),
            rule_set_id: text.rule_set_id,
            correlation: text.correlation,
        });
        let (position, many) = handle.submit_all(texts)?;
        *accepted = many;
        // SAFETY: NULL or a place to write to.
        if let Some(first) = unsafe { first.as_mut() } {
            *first = position.ticket();
        }
        Ok(TRM_OK)
    })
}

/// As `trm_submit`, with bytes that lie in several places, as in `struct iovec`: one item, the joined bytes. They are copied
/// once, one behind the other, so their borders mean nothing to any rule.
///
/// @param engine       the handle that the item will be completed on
/// @param segments     the parts, first one first; the bytes may be reused as soon as the call returns
/// @param count        how many parts; 0 is allowed: an item without bytes
/// @param rule_set_id  as in a work item
/// @param correlation  as in a work item
/// @param ticket       receives the item's ticket; may be NULL
/// @return as `trm_submit`, and TRM_ERR_INVALID: a length that is larger than memory can be
///
/// Any thread. It never waits.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_submit_segments(
    engine: *mut trm_engine,
    segments: *const trm_segment,
    count: usize,
    rule_set_id: u32,
    correlation: u32,
    ticket: *mut trm_ticket,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let segments = unsafe { slice(segments, count) }?;
        // SAFETY: each says how many bytes it has.
        let part = |segment: &trm_segment| unsafe { slice(segment.bytes.cast::<u8>(), segment.len) };
        let parts = segments.iter().map(part).collect::<Result<Vec<_>>>()?;
        let position = enter(engine)?.submit_parts(&parts, rule_set_id, correlation)?;
        // SAFETY: NULL or a place to write to.
        if let Some(ticket) = unsafe { ticket.as_mut() } {
            *ticket = position.ticket();
        }
        Ok(TRM_OK)
    })
}
