//! Databases as bytes, what is told of them, versions, allocators.

use super::memory::{self, hs_alloc_t, hs_free_t};
use super::*;
use crate::database::{Damage, Database};
use std::ffi::c_char;

const DATABASE: u64 = u64::from_le_bytes(*b"hs-datab");

/// Compiled expressions.
#[repr(C)]
pub struct hs_database_t {
    inside: [u8; 0],
}

pub(super) fn give_database(database: Database) -> *mut hs_database_t {
    Marked::give(DATABASE, database).cast()
}

/// # Safety
/// `db` is NULL or a database that is not freed while the answer is used.
pub(super) unsafe fn database<'a>(db: *const hs_database_t) -> Option<&'a Database> {
    // SAFETY: the caller's promise.
    unsafe { Marked::look(db.cast(), DATABASE) }
}

/// # Safety
/// `bytes` is NULL or points to `length` bytes.
unsafe fn stored(bytes: *const c_char, length: usize) -> Result<Database, i32> {
    if bytes.is_null() {
        return Err(HS_INVALID);
    }
    // SAFETY: the caller's promise.
    let bytes = unsafe { std::slice::from_raw_parts(bytes.cast::<u8>(), length) };
    Database::deserialize(bytes).map_err(|damage| match damage {
        Damage::Damaged => HS_INVALID,
        Damage::OtherVersion => HS_DB_VERSION_ERROR,
    })
}

/// Writes a text that the caller frees.
///
/// # Safety
/// `out` is NULL or may be written.
unsafe fn give_text(text: &str, out: *mut *mut c_char) -> i32 {
    if out.is_null() {
        return HS_INVALID;
    }
    let copy = memory::copy(&[text.as_bytes(), b"\0"].concat());
    // SAFETY: the caller's promise.
    unsafe { *out = copy.cast() };
    if copy.is_null() { HS_NOMEM } else { HS_SUCCESS }
}

/// # Safety
/// `db` is NULL or a database that nothing uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_free_database(db: *mut hs_database_t) -> i32 {
    guarded(|| {
        if db.is_null() {
            return HS_SUCCESS;
        }
        // SAFETY: the caller's promise.
        match unsafe { Marked::<Database>::take(db.cast(), DATABASE) } {
            Some(_) => HS_SUCCESS,
            None => HS_INVALID,
        }
    })
}

/// # Safety
/// `db` is NULL or a database; the others are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_serialize_database(
    db: *const hs_database_t,
    bytes: *mut *mut c_char,
    length: *mut usize,
) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promise.
        let Some(db) = (unsafe { database(db) }) else { return HS_INVALID };
        if bytes.is_null() || length.is_null() {
            return HS_INVALID;
        }
        let written = db.serialize();
        let copy = memory::copy(&written);
        if copy.is_null() {
            return HS_NOMEM;
        }
        // SAFETY: not NULL, and the caller's promise.
        unsafe { (*bytes, *length) = (copy.cast(), written.len()) };
        HS_SUCCESS
    })
}

/// # Safety
/// `bytes` is NULL or points to `length` bytes; `db` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_deserialize_database(
    bytes: *const c_char,
    length: usize,
    db: *mut *mut hs_database_t,
) -> i32 {
    guarded(|| {
        if db.is_null() {
            return HS_INVALID;
        }
        // SAFETY: not NULL, and the caller's promises.
        unsafe {
            *db = std::ptr::null_mut();
            match stored(bytes, length) {
                Ok(database) => *db = give_database(database),
                Err(status) => return status,
            }
        }
        HS_SUCCESS
    })
}

/// Refused: a database here is not one block of memory.
#[unsafe(no_mangle)]
pub extern "C" fn hs_deserialize_database_at(_bytes: *const c_char, _length: usize, _db: *mut hs_database_t) -> i32 {
    HS_INVALID
}

/// # Safety
/// `db` is NULL or a database; `size` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_database_size(db: *const hs_database_t, size: *mut usize) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        match unsafe { (database(db), size.as_mut()) } {
            (Some(db), Some(size)) => *size = db.size(),
            _ => return HS_INVALID,
        }
        HS_SUCCESS
    })
}

/// # Safety
/// `bytes` is NULL or points to `length` bytes; `size` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_serialized_database_size(bytes: *const c_char, length: usize, size: *mut usize) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        match unsafe { (stored(bytes, length), size.as_mut()) } {
            (Ok(db), Some(size)) => *size = db.size(),
            (Err(status), _) => return status,
            _ => return HS_INVALID,
        }
        HS_SUCCESS
    })
}

/// # Safety
/// `db` is NULL or a database; `info` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_database_info(db: *const hs_database_t, info: *mut *mut c_char) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        match unsafe { database(db) } {
            // SAFETY: as above.
            Some(db) => unsafe { give_text(&db.info(), info) },
            None => HS_INVALID,
        }
    })
}

/// # Safety
/// `bytes` is NULL or points to `length` bytes; `info` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_serialized_database_info(
    bytes: *const c_char,
    length: usize,
    info: *mut *mut c_char,
) -> i32 {
    guarded(|| {
        // SAFETY: the caller's promises.
        match unsafe { stored(bytes, length) } {
            // SAFETY: as above.
            Ok(db) => unsafe { give_text(&db.info(), info) },
            Err(status) => status,
        }
    })
}

/// The interface's version and this library's. Static.
#[unsafe(no_mangle)]
pub extern "C" fn hs_version() -> *const c_char {
    static TEXT: std::sync::OnceLock<std::ffi::CString> = std::sync::OnceLock::new();
    TEXT.get_or_init(|| std::ffi::CString::new(VERSION).expect("no NUL in it")).as_ptr()
}

/// Every platform that this library runs on is valid.
#[unsafe(no_mangle)]
pub extern "C" fn hs_valid_platform() -> i32 {
    HS_SUCCESS
}

/// For what the caller frees: texts, serialised databases, information.
///
/// # Safety
/// The functions behave as malloc and free, now and later.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_set_misc_allocator(alloc: hs_alloc_t, free: hs_free_t) -> i32 {
    memory::set(alloc, free);
    HS_SUCCESS
}

/// As `hs_set_misc_allocator`; all else is Rust's memory.
///
/// # Safety
/// The functions behave as malloc and free, now and later.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_set_allocator(alloc: hs_alloc_t, free: hs_free_t) -> i32 {
    memory::set(alloc, free);
    HS_SUCCESS
}

/// Ignored: databases are Rust's memory, and freed by `hs_free_database`.
#[unsafe(no_mangle)]
pub extern "C" fn hs_set_database_allocator(_alloc: hs_alloc_t, _free: hs_free_t) -> i32 {
    HS_SUCCESS
}

/// Ignored, as for databases.
#[unsafe(no_mangle)]
pub extern "C" fn hs_set_scratch_allocator(_alloc: hs_alloc_t, _free: hs_free_t) -> i32 {
    HS_SUCCESS
}

/// Ignored: there are no streams.
#[unsafe(no_mangle)]
pub extern "C" fn hs_set_stream_allocator(_alloc: hs_alloc_t, _free: hs_free_t) -> i32 {
    HS_SUCCESS
}
