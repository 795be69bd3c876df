//! Scratch and scanning.

use super::*;
use crate::flags::{MODE_BLOCK, MODE_VECTORED};
use crate::scan::{self, Told, Work};
use std::ffi::{c_char, c_int, c_uint, c_ulonglong, c_void};
use std::sync::Mutex;

const SCRATCH: u64 = u64::from_le_bytes(*b"hs-scrat");

/// Working memory of one scan at a time, for any database.
#[repr(C)]
pub struct hs_scratch_t {
    inside: [u8; 0],
}

/// Hears of each match; anything but 0 ends the scan.
pub type match_event_handler = Option<
    unsafe extern "C" fn(id: c_uint, from: c_ulonglong, to: c_ulonglong, flags: c_uint, context: *mut c_void) -> c_int,
>;

/// # Safety
/// `scratch` is NULL or a scratch that is not freed while the answer is used.
unsafe fn work<'a>(scratch: *const hs_scratch_t) -> Option<&'a Mutex<Work>> {
    // SAFETY: the caller's promise.
    unsafe { Marked::look(scratch.cast(), SCRATCH) }
}

/// Another scan has it. One that met a bug and poisoned the lock is over.
fn in_use(work: &Mutex<Work>) -> bool {
    matches!(work.try_lock(), Err(std::sync::TryLockError::WouldBlock))
}

/// # Safety
/// `db` is NULL or a database; `scratch` is NULL or points to NULL or a scratch that nothing uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_alloc_scratch(db: *const hs_database_t, scratch: *mut *mut hs_scratch_t) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        unsafe {
            if common::database(db).is_none() || scratch.is_null() {
                return HS_INVALID;
            }
            // One that is there serves any database: it grows as it must.
            match (*scratch).is_null() {
                false if work(*scratch).is_none() => HS_INVALID,
                false if work(*scratch).is_some_and(in_use) => HS_SCRATCH_IN_USE,
                false => HS_SUCCESS,
                true => {
                    *scratch = Marked::give(SCRATCH, Mutex::new(Work::default())).cast();
                    HS_SUCCESS
                }
            }
        }
    })
}

/// # Safety
/// `from` is NULL or a scratch; `to` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_clone_scratch(from: *const hs_scratch_t, to: *mut *mut hs_scratch_t) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        unsafe {
            let (Some(from), false) = (work(from), to.is_null()) else { return HS_INVALID };
            if in_use(from) {
                return HS_SCRATCH_IN_USE;
            }
            *to = Marked::give(SCRATCH, Mutex::new(Work::default())).cast();
        }
        HS_SUCCESS
    })
}

/// What it takes before the first scan; it grows with the databases that it serves.
///
/// # Safety
/// `scratch` is NULL or a scratch; `size` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_scratch_size(scratch: *const hs_scratch_t, size: *mut usize) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        match unsafe { (work(scratch), size.as_mut()) } {
            (Some(_), Some(size)) => *size = size_of::<Marked<Mutex<Work>>>(),
            _ => return HS_INVALID,
        }
        HS_SUCCESS
    })
}

/// # Safety
/// `scratch` is NULL or a scratch that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_free_scratch(scratch: *mut hs_scratch_t) -> i32 {
    guarded(|| {
        if scratch.is_null() {
            return HS_SUCCESS;
        }
        // SAFETY: the caller's promise.
        unsafe {
            match work(scratch) {
                None => HS_INVALID,
                Some(work) if in_use(work) => HS_SCRATCH_IN_USE,
                Some(_) => {
                    drop(Marked::<Mutex<Work>>::take(scratch.cast(), SCRATCH));
                    HS_SUCCESS
                }
            }
        }
    })
}

/// One scan of bytes that lie together.
///
/// # Safety
/// `db` and `scratch` are NULL or what they should be; the callback may be called with `context`.
unsafe fn scan_bytes(
    db: *const hs_database_t,
    mode: u32,
    data: &[u8],
    scratch: *const hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    // SAFETY: the caller's promise.
    let Some(db) = (unsafe { common::database(db) }) else { return HS_INVALID };
    if db.mode != mode {
        return HS_DB_MODE_ERROR;
    }
    let run = |work: &mut Work| {
        // SAFETY: the caller's promise.
        match scan::scan(db, data, work, |told| unsafe { call_of(tell, told, context) }) {
            true => HS_SUCCESS,
            false => HS_SCAN_TERMINATED,
        }
    };
    // SAFETY: the caller's promise.
    unsafe { with_work(scratch, run) }
}

/// Tells the caller of one match; whether more are wanted.
///
/// # Safety
/// The callback may be called with `context`.
pub(super) unsafe fn call_of(tell: match_event_handler, Told { id, from, to }: Told, context: *mut c_void) -> bool {
    match tell {
        // SAFETY: the caller's promise.
        Some(tell) => (unsafe { tell(id, from, to, 0, context) }) == 0,
        None => true,
    }
}

/// Runs something with a scratch, which serves one scan at a time.
///
/// # Safety
/// `scratch` is NULL or a scratch that is not freed meanwhile.
pub(super) unsafe fn with_work(scratch: *const hs_scratch_t, run: impl FnOnce(&mut Work) -> i32) -> i32 {
    // SAFETY: the caller's promise.
    let Some(work) = (unsafe { work(scratch) }) else { return HS_INVALID };
    // A panic in a scan poisons the lock and leaves the memory usable.
    match work.try_lock() {
        Ok(mut work) => run(&mut work),
        Err(std::sync::TryLockError::Poisoned(poisoned)) => run(&mut poisoned.into_inner()),
        Err(std::sync::TryLockError::WouldBlock) => HS_SCRATCH_IN_USE,
    }
}

/// What a scan with this scratch would be refused with; `HS_SUCCESS`: nothing.
///
/// # Safety
/// As for `with_work`.
pub(super) unsafe fn check(scratch: *const hs_scratch_t) -> i32 {
    // SAFETY: the caller's promise.
    match unsafe { work(scratch) } {
        None => HS_INVALID,
        Some(work) if in_use(work) => HS_SCRATCH_IN_USE,
        Some(_) => HS_SUCCESS,
    }
}

/// # Safety
/// `data` points to `length` bytes; `db` and `scratch` are NULL or what they should be; the callback may be called with
/// `context`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_scan(
    db: *const hs_database_t,
    data: *const c_char,
    length: c_uint,
    _flags: c_uint,
    scratch: *mut hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    guarded(|| {
        if data.is_null() {
            return HS_INVALID;
        }
        // SAFETY: not NULL, and the caller's promises.
        unsafe {
            let bytes = std::slice::from_raw_parts(data.cast::<u8>(), length as usize);
            scan_bytes(db, MODE_BLOCK, bytes, scratch, tell, context)
        }
    })
}

/// The pieces are put together first: a match may begin in one and end in another.
///
/// # Safety
/// `data` and `length` have `count` entries, each piece as many bytes as told; the rest as for `hs_scan`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_scan_vector(
    db: *const hs_database_t,
    data: *const *const c_char,
    length: *const c_uint,
    count: c_uint,
    _flags: c_uint,
    scratch: *mut hs_scratch_t,
    tell: match_event_handler,
    context: *mut c_void,
) -> i32 {
    guarded(|| {
        if data.is_null() || length.is_null() {
            return HS_INVALID;
        }
        let mut bytes = Vec::new();
        for index in 0..count as usize {
            // SAFETY: arrays of so many entries, each as long as told, by the caller's promise.
            unsafe {
                let (piece, length) = (*data.add(index), *length.add(index) as usize);
                if piece.is_null() && length > 0 {
                    return HS_INVALID;
                }
                if length > 0 {
                    bytes.extend_from_slice(std::slice::from_raw_parts(piece.cast::<u8>(), length));
                }
            }
        }
        // SAFETY: the caller's promises.
        unsafe { scan_bytes(db, MODE_VECTORED, &bytes, scratch, tell, context) }
    })
}
