//! Streams: texts whose end is not there yet.

use super::call::{call, call_with, clear, out, read_struct, slice, trm_error};
use super::engine::{enter as enter_engine, trm_engine};
use super::object::{Entered, Objects};
use crate::engine::{DEFAULT_CARRY, Stream};
use crate::status::*;
use crate::types::trm_ticket;
use std::ffi::c_void;

/// A text that comes in pieces.
#[allow(non_camel_case_types)]
pub struct trm_stream {
    _opaque: [u8; 0],
}

static STREAMS: Objects<Stream> = Objects::new();

fn enter(stream: *const trm_stream) -> Result<Entered<Stream>> {
    STREAMS.enter(stream.cast())
}

/// How a stream is opened. All fields 0 but `struct_size` are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_stream_options {
    /// `sizeof(trm_stream_options)`.
    pub struct_size: u32,
    /// Unused; 0.
    pub flags: u32,
    /// Most bytes that are kept from one piece to the next; 0: 1 MiB. `trm_rule_info.carry` tells what rules need.
    pub max_carry_bytes: u64,
}

/// # Safety
/// `options` is NULL or points to options whose `struct_size` is set.
unsafe fn read_options(options: *const trm_stream_options) -> Result<u64> {
    if options.is_null() {
        return Ok(DEFAULT_CARRY);
    }
    // SAFETY: passed on.
    let given = unsafe { read_struct("trm_stream_options", options) }?;
    if given.flags != 0 {
        let message = format!("trm_stream_options.flags is 0x{:x}: it must be 0", given.flags);
        return Err(Error::new(TRM_ERR_INVALID, message));
    }
    Ok(if given.max_carry_bytes == 0 { DEFAULT_CARRY } else { given.max_carry_bytes })
}

/// Begins a text that comes in pieces. The matches of all pieces together are exactly those of the joined bytes, wherever
/// they are cut; offsets count from the first byte of the stream.
///
/// @param engine       the handle that the pieces will be completed on
/// @param rule_set_id  the set that is loaded under it now stays the stream's, whatever is loaded later
/// @param correlation  in the completion of each piece
/// @param options      NULL: the defaults
/// @param stream       receives the stream, NULL on failure. Ends with `trm_stream_close` or `trm_stream_destroy`.
/// @param error        receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_ERR_NO_RULES; TRM_ERR_INVALID (an option); TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any thread. The first stream over a rule set works out what has to be kept for it, once: with many expressions that may
/// take as long as compiling a part of them.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_stream_open(
    engine: *mut trm_engine,
    rule_set_id: u32,
    correlation: u32,
    options: *const trm_stream_options,
    stream: *mut *mut trm_stream,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        clear(stream);
        call_with(error, || {
            let stream = out(stream)?;
            let handle = enter_engine(engine)?;
            let opened = handle.open_stream(rule_set_id, correlation, read_options(options)?)?;
            *stream = STREAMS.add(opened).cast();
            Ok(TRM_OK)
        })
    }
}

/// Goes on with a stream: copies the bytes and enqueues them, with what was kept of the piece before, as one item.
///
/// Its completion brings the matches that are settled with this piece: those that no later byte can change. A literal comes
/// with its last byte; an expression's match under TRM_SEMANTICS_LEFTMOST may come with a later piece, when it is clear that
/// it ends there. The matches of one completion are sorted; a later completion may bring some that end earlier. A match that
/// began in an earlier piece has a `start` there.
///
/// @param stream  from `trm_stream_open`
/// @param bytes   the next bytes; may be reused as soon as the call returns; NULL where `len` is 0
/// @param len     how many; 0 is allowed
/// @param ticket  receives the piece's ticket; may be NULL
/// @param error   receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_QUEUE_FULL, TRM_ARENA_FULL: collect, or wait, and try again; TRM_ERR_LIMIT: a rule without a bound
///         may still match from so far back that more than `max_carry_bytes` would have to be kept (the message names it);
///         TRM_ERR_RANGE: with what is kept more than the arena (feed less at a time); TRM_CANCELLED: a piece was cancelled
///         or late, and the stream with it; TRM_ERR_PANIC: a piece failed; TRM_ERR_CLOSED; TRM_ERR_NULL; TRM_ERR_INVALID;
///         TRM_ERR_HANDLE: closed or destroyed, or the engine's handle is; TRM_ERR_FORKED. On anything but TRM_OK nothing
///         happened.
///
/// Any thread; pieces of one stream go in the order of the calls. It never waits for a scan: several pieces of a stream
/// may be in flight, and are scanned at the same time.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_stream_feed(
    stream: *mut trm_stream,
    bytes: *const c_void,
    len: usize,
    ticket: *mut trm_ticket,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        call_with(error, || {
            let bytes = slice(bytes.cast::<u8>(), len)?;
            let position = enter(stream)?.feed(bytes)?;
            if let Some(ticket) = ticket.as_mut() {
                *ticket = position.ticket();
            }
            Ok(TRM_OK)
        })
    }
}

/// Ends a stream's text and the stream: a last item brings all matches that were not settled, those at the very end
/// among them.
///
/// @param stream  from `trm_stream_open`; gone after TRM_OK, still there after anything else
/// @param ticket  receives the last item's ticket; may be NULL
/// @return TRM_OK; as `trm_stream_feed`, but for TRM_ERR_LIMIT and TRM_ERR_INVALID
///
/// Any thread.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_stream_close(stream: *mut trm_stream, ticket: *mut trm_ticket) -> trm_status {
    call(|| {
        let position = enter(stream)?.close()?;
        drop(STREAMS.remove(stream.cast(), |_| ()));
        // SAFETY: NULL or a place to write to.
        if let Some(ticket) = unsafe { ticket.as_mut() } {
            *ticket = position.ticket();
        }
        Ok(TRM_OK)
    })
}

/// Ends a stream without ending its text: what was fed is still completed, what was not settled is dropped.
///
/// @param stream  NULL does nothing; so does a stream that is closed or destroyed already (best effort)
///
/// Any thread. Streams may outlive the engine's handle; they are of no use then.
///
/// # Safety
/// `stream` is NULL or was a stream of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_stream_destroy(stream: *mut trm_stream) {
    call(|| {
        drop(STREAMS.remove(stream.cast(), |_| ()));
        Ok(TRM_OK)
    });
}
