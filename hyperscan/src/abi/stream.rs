//! Streams.

use super::runtime::{call_of, with_work};
use super::*;
use crate::database::Database;
use crate::flags::MODE_STREAM;
use crate::scan::Work;
use crate::stream::{Stop, Stream};
use std::ffi::{c_char, c_uint, c_void};
use std::sync::{Mutex, TryLockError};

const STREAM: u64 = u64::from_le_bytes(*b"hs-strea");

/// Data that comes in pieces.
#[repr(C)]
pub struct hs_stream_t {
    inside: [u8; 0],
}

/// What a stream's pointer leads to. The database outlives it, by the interface's rule.
struct Open {
    database: *const hs_database_t,
    stream: Mutex<Stream>,
}

/// # Safety
/// `id` is NULL or a stream that is not closed while the answer is used, and whose database is not freed.
unsafe fn look<'a>(id: *const hs_stream_t) -> Option<(&'a Database, &'a Mutex<Stream>)> {
    // SAFETY: the caller's promises.
    unsafe {
        let open: &Open = Marked::look(id.cast(), STREAM)?;
        Some((common::database(open.database)?, &open.stream))
    }
}

/// A panic of an earlier call leaves a stream that says it is over.
fn lock(stream: &Mutex<Stream>) -> std::sync::MutexGuard<'_, Stream> {
    stream.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Ends a stream's data. Without a callback nothing is looked for, and no scratch is needed.
///
/// # Safety
/// `scratch` is NULL or a scratch; the callback may be called with `context`.
unsafe fn end(
    stream: Stream,
    database: &Database,
    scratch: *const hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    if tell.is_none() {
        return HS_SUCCESS;
    }
    let run = |work: &mut Work| {
        // SAFETY: the caller's promise.
        match stream.end(database, work, |told| unsafe { call_of(tell, told, context) }) {
            true => HS_SUCCESS,
            false => HS_SCAN_TERMINATED,
        }
    };
    // SAFETY: the caller's promise.
    unsafe { with_work(scratch, run) }
}

/// The bytes that a stream has when it is opened; it grows with what has to be kept.
///
/// # Safety
/// `db` is NULL or a database; `size` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_stream_size(db: *const hs_database_t, size: *mut usize) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        match unsafe { (common::database(db), size.as_mut()) } {
            (Some(db), _) if db.mode != MODE_STREAM => HS_DB_MODE_ERROR,
            (Some(db), Some(size)) => {
                *size = size_of::<Marked<Open>>() + db.reports.len();
                HS_SUCCESS
            }
            _ => HS_INVALID,
        }
    })
}

/// # Safety
/// `db` is NULL or a database that stays until the stream is closed; `stream` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_open_stream(
    db: *const hs_database_t,
    _flags: c_uint,
    stream: *mut *mut hs_stream_t,
) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        let (Some(database), Some(stream)) = (unsafe { (common::database(db), stream.as_mut()) }) else {
            return HS_INVALID;
        };
        *stream = std::ptr::null_mut();
        if database.mode != MODE_STREAM {
            return HS_DB_MODE_ERROR;
        }
        let open = Open { database: db, stream: Mutex::new(Stream::open(database)) };
        *stream = Marked::give(STREAM, open).cast();
        HS_SUCCESS
    })
}

/// # Safety
/// `id` and `scratch` are NULL or what they should be; `data` points to `length` bytes; the callback may be called with
/// `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_scan_stream(
    id: *mut hs_stream_t,
    data: *const c_char,
    length: c_uint,
    _flags: c_uint,
    scratch: *mut hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promise.
        let (Some((database, stream)), false) = (unsafe { look(id) }, data.is_null()) else { return HS_INVALID };
        let run = |work: &mut Work| {
            let mut stream = match stream.try_lock() {
                Ok(stream) => stream,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                // Called from the callback of the stream's own scan.
                Err(TryLockError::WouldBlock) => return HS_SCRATCH_IN_USE,
            };
            // SAFETY: not NULL, and the caller's promises.
            let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length as usize) };
            // SAFETY: as above.
            match stream.feed(database, bytes, work, |told| unsafe { call_of(tell, told, context) }) {
                Ok(()) => HS_SUCCESS,
                Err(Stop::Terminated) => HS_SCAN_TERMINATED,
                Err(Stop::TooFar(_)) => HS_NOMEM,
            }
        };
        // SAFETY: the caller's promise.
        unsafe { with_work(scratch, run) }
    })
}

/// # Safety
/// `id` is NULL or a stream that nothing uses any more; the rest as for `hs_scan_stream`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_close_stream(
    id: *mut hs_stream_t,
    scratch: *mut hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        unsafe {
            let Some((database, _)) = look(id) else { return HS_INVALID };
            // Before anything is changed.
            let wrong = if tell.is_some() { runtime::check(scratch) } else { HS_SUCCESS };
            if wrong != HS_SUCCESS {
                return wrong;
            }
            let Some(open) = Marked::<Open>::take(id.cast(), STREAM) else { return HS_INVALID };
            let stream = open.stream.into_inner().unwrap_or_else(|poisoned| poisoned.into_inner());
            end(stream, database, scratch, tell, context)
        }
    })
}

/// # Safety
/// As for `hs_scan_stream`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_reset_stream(
    id: *mut hs_stream_t,
    _flags: c_uint,
    scratch: *mut hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        unsafe {
            let Some((database, stream)) = look(id) else { return HS_INVALID };
            replace(database, stream, Stream::open(database), scratch, tell, context)
        }
    })
}

/// Ends what a stream has and goes on with another.
///
/// # Safety
/// As for `end`.
unsafe fn replace(
    database: &Database,
    stream: &Mutex<Stream>,
    by: Stream,
    scratch: *const hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the caller's promises.
    unsafe {
        // Before anything is changed.
        let wrong = if tell.is_some() { runtime::check(scratch) } else { HS_SUCCESS };
        if wrong != HS_SUCCESS {
            return wrong;
        }
        let before = std::mem::replace(&mut *lock(stream), by);
        end(before, database, scratch, tell, context)
    }
}

/// # Safety
/// `from` is NULL or a stream; `to` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_copy_stream(to: *mut *mut hs_stream_t, from: *const hs_stream_t) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        unsafe {
            let (Some(to), Some((_, stream))) = (to.as_mut(), look(from)) else { return HS_INVALID };
            let Some(open) = Marked::<Open>::look(from.cast(), STREAM) else { return HS_INVALID };
            let copy = Open { database: open.database, stream: Mutex::new(lock(stream).clone()) };
            *to = Marked::give(STREAM, copy).cast();
        }
        HS_SUCCESS
    })
}

/// # Safety
/// `to` and `from` are NULL or two streams of one database; the rest as for `hs_scan_stream`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_reset_and_copy_stream(
    to: *mut hs_stream_t,
    from: *const hs_stream_t,
    scratch: *mut hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        unsafe {
            let (Some((database, stream)), Some((of, source))) = (look(to), look(from)) else { return HS_INVALID };
            if std::ptr::eq(stream, source) || !std::ptr::eq(database, of) {
                return HS_INVALID;
            }
            let copy = lock(source).clone();
            replace(database, stream, copy, scratch, tell, context)
        }
    })
}

macro_rules! refused {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        /// Refused: a stream's state is not made into bytes.
        #[unsafe(no_mangle)]
        pub extern "C" fn $name($($argument: $type),*) -> i32 {
            $(let _ = $argument;)*
            HS_INVALID
        }
    )*};
}

refused! {
    hs_compress_stream(stream: *const hs_stream_t, buffer: *mut c_char, space: usize, used: *mut usize);
    hs_expand_stream(db: *const hs_database_t, stream: *mut *mut hs_stream_t, buffer: *const c_char, size: usize);
    hs_reset_and_expand_stream(to: *mut hs_stream_t, buffer: *const c_char, size: usize, scratch: *mut hs_scratch_t,
        tell: match_event_handler, context: *mut c_void);
}
