//! Compiling expressions and literals.

use super::*;
use crate::database::{Database, Expression, Failure, Limits};
use crate::flags;
use std::ffi::{CStr, CString, c_char, c_int, c_uint, c_ulonglong};
use std::slice::from_raw_parts;

/// Further limits of an expression.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct hs_expr_ext_t {
    /// Which of the others are set.
    pub flags: c_ulonglong,
    /// Matches end here or later.
    pub min_offset: c_ulonglong,
    /// Matches end here or earlier.
    pub max_offset: c_ulonglong,
    /// Matches have so many bytes at least.
    pub min_length: c_ulonglong,
    /// Refused.
    pub edit_distance: c_uint,
    /// Refused.
    pub hamming_distance: c_uint,
}

/// Why expressions cannot be compiled.
#[repr(C)]
pub struct hs_compile_error_t {
    /// A sentence.
    pub message: *mut c_char,
    /// Index of the expression; negative where none is to blame.
    pub expression: c_int,
}

/// Never looked at: the library finds out what the machine can do.
#[repr(C)]
pub struct hs_platform_info_t {
    tune: c_uint,
    cpu_features: c_ulonglong,
    reserved: [c_ulonglong; 2],
}

impl From<&str> for Failure {
    fn from(message: &str) -> Self {
        Self { message: message.into(), expression: None }
    }
}

/// # Safety
/// `error` is NULL or may be written.
pub(super) unsafe fn fail(failure: Failure, error: *mut *mut hs_compile_error_t) -> i32 {
    if !error.is_null() {
        let message = CString::new(failure.message.replace('\0', "\\0")).unwrap_or_default().into_raw();
        let expression = failure.expression.map_or(-1, |index| c_int::try_from(index).unwrap_or(c_int::MAX));
        // SAFETY: not NULL, and the caller's promise.
        unsafe { *error = Box::into_raw(Box::new(hs_compile_error_t { message, expression })) };
    }
    HS_COMPILER_ERROR
}

/// What `ext` asks for.
///
/// # Safety
/// `ext` is NULL or points to one.
pub(super) unsafe fn limits(ext: *const hs_expr_ext_t) -> Result<Limits, &'static str> {
    // SAFETY: the caller's promise.
    let Some(ext) = (unsafe { ext.as_ref() }) else { return Ok(Limits::NONE) };
    if ext.flags & !flags::EXT_KNOWN != 0 {
        return Err("Invalid hs_expr_ext flag set.");
    }
    if ext.flags & !flags::EXT_HONOURED != 0 {
        return Err("Approximate matching (edit_distance, hamming_distance) is not supported.");
    }
    let or = |flag, value, default| if ext.flags & flag != 0 { value } else { default };
    let limits = Limits {
        min_offset: or(flags::EXT_MIN_OFFSET, ext.min_offset, 0),
        max_offset: or(flags::EXT_MAX_OFFSET, ext.max_offset, u64::MAX),
        min_length: or(flags::EXT_MIN_LENGTH, ext.min_length, 0),
    };
    if limits.min_offset > limits.max_offset {
        return Err("In hs_expr_ext, min_offset must be less than or equal to max_offset.");
    }
    if limits.min_length > limits.max_offset {
        return Err("In hs_expr_ext, min_length must be less than or equal to max_offset.");
    }
    Ok(limits)
}

/// All that the compiling calls differ in.
struct Request {
    expressions: *const *const c_char,
    flags: *const c_uint,
    ids: *const c_uint,
    ext: *const *const hs_expr_ext_t,
    /// Of literals; NULL: these are patterns, which end with a NUL.
    lengths: *const usize,
    elements: c_uint,
    mode: c_uint,
}

/// # Safety
/// The arrays are NULL or have `elements` entries, texts are as long as told; `db` and `error` are NULL or may be
/// written.
unsafe fn compile(request: &Request, db: *mut *mut hs_database_t, error: *mut *mut hs_compile_error_t) -> i32 {
    if error.is_null() {
        // SAFETY: the caller's promise.
        if let Some(db) = unsafe { db.as_mut() } {
            *db = std::ptr::null_mut();
        }
        return HS_COMPILER_ERROR;
    }
    // SAFETY: not NULL, and the caller's promises.
    let made = unsafe {
        *error = std::ptr::null_mut();
        match db.as_mut() {
            None => Err("Invalid parameter: db is NULL.".into()),
            Some(db) => {
                *db = std::ptr::null_mut();
                read(request).and_then(|list| Database::compile(&list, request.mode))
            }
        }
    };
    match made {
        Ok(database) => {
            // SAFETY: `db` was looked at above.
            unsafe { *db = give_database(database) };
            HS_SUCCESS
        }
        // SAFETY: the caller's promise.
        Err(failure) => unsafe { fail(failure, error) },
    }
}

/// # Safety
/// As for `compile`.
unsafe fn read<'a>(request: &Request) -> Result<Vec<Expression<'a>>, Failure> {
    let count = request.elements as usize;
    if request.expressions.is_null() {
        return Err("Invalid parameter: expressions is NULL.".into());
    }
    if count == 0 {
        return Err("Invalid parameter: elements is zero.".into());
    }
    // SAFETY: arrays of so many entries, by the caller's promise.
    let (texts, flags, ids, ext, lengths) = unsafe {
        (
            from_raw_parts(request.expressions, count),
            (!request.flags.is_null()).then(|| from_raw_parts(request.flags, count)),
            (!request.ids.is_null()).then(|| from_raw_parts(request.ids, count)),
            (!request.ext.is_null()).then(|| from_raw_parts(request.ext, count)),
            (!request.lengths.is_null()).then(|| from_raw_parts(request.lengths, count)),
        )
    };
    let one = |index: usize| {
        if texts[index].is_null() {
            return Err("Invalid parameter: an expression is NULL.");
        }
        // SAFETY: not NULL, as long as told or ended by a NUL, and an `ext` of one entry, by the caller's promise.
        let (bytes, limits) = unsafe {
            let bytes = match lengths {
                Some(lengths) => from_raw_parts(texts[index].cast::<u8>(), lengths[index]),
                None => CStr::from_ptr(texts[index]).to_bytes(),
            };
            (bytes, limits(ext.map_or(std::ptr::null(), |ext| ext[index]))?)
        };
        let (flags, id) = (flags.map_or(0, |flags| flags[index]), ids.map_or(0, |ids| ids[index]));
        Ok(Expression { bytes, flags, id, literal: lengths.is_some(), limits })
    };
    (0..count)
        .map(|index| one(index).map_err(|what| Failure { message: what.into(), expression: Some(index) }))
        .collect()
}

/// # Safety
/// `expression` is NULL or ends with a NUL; `db` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_compile(
    expression: *const c_char,
    flags: c_uint,
    mode: c_uint,
    _platform: *const hs_platform_info_t,
    db: *mut *mut hs_database_t,
    error: *mut *mut hs_compile_error_t,
) -> i32 {
    let null = std::ptr::null();
    let request = Request {
        expressions: &expression,
        flags: &flags,
        ids: null,
        ext: std::ptr::null(),
        lengths: std::ptr::null(),
        elements: 1,
        mode,
    };
    // SAFETY: arrays of one entry, and the caller's promises.
    guarded(|| unsafe { compile(&request, db, error) })
}

/// # Safety
/// The arrays have `elements` entries, `flags` and `ids` may be NULL; expressions end with a NUL; `db` and `error` are
/// NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_compile_multi(
    expressions: *const *const c_char,
    flags: *const c_uint,
    ids: *const c_uint,
    elements: c_uint,
    mode: c_uint,
    _platform: *const hs_platform_info_t,
    db: *mut *mut hs_database_t,
    error: *mut *mut hs_compile_error_t,
) -> i32 {
    let request = Request { expressions, flags, ids, ext: std::ptr::null(), lengths: std::ptr::null(), elements, mode };
    // SAFETY: the caller's promises.
    guarded(|| unsafe { compile(&request, db, error) })
}

/// # Safety
/// As for `hs_compile_multi`; entries of `ext` may be NULL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_compile_ext_multi(
    expressions: *const *const c_char,
    flags: *const c_uint,
    ids: *const c_uint,
    ext: *const *const hs_expr_ext_t,
    elements: c_uint,
    mode: c_uint,
    _platform: *const hs_platform_info_t,
    db: *mut *mut hs_database_t,
    error: *mut *mut hs_compile_error_t,
) -> i32 {
    let request = Request { expressions, flags, ids, ext, lengths: std::ptr::null(), elements, mode };
    // SAFETY: the caller's promises.
    guarded(|| unsafe { compile(&request, db, error) })
}

/// # Safety
/// `expression` is NULL or points to `len` bytes; `db` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_compile_lit(
    expression: *const c_char,
    flags: c_uint,
    len: usize,
    mode: c_uint,
    _platform: *const hs_platform_info_t,
    db: *mut *mut hs_database_t,
    error: *mut *mut hs_compile_error_t,
) -> i32 {
    let request = Request {
        expressions: &expression,
        flags: &flags,
        ids: std::ptr::null(),
        ext: std::ptr::null(),
        lengths: &len,
        elements: 1,
        mode,
    };
    // SAFETY: arrays of one entry, and the caller's promises.
    guarded(|| unsafe { compile(&request, db, error) })
}

/// # Safety
/// The arrays have `elements` entries, `flags` and `ids` may be NULL; `db` and `error` are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_compile_lit_multi(
    expressions: *const *const c_char,
    flags: *const c_uint,
    ids: *const c_uint,
    lens: *const usize,
    elements: c_uint,
    mode: c_uint,
    _platform: *const hs_platform_info_t,
    db: *mut *mut hs_database_t,
    error: *mut *mut hs_compile_error_t,
) -> i32 {
    let request = Request { expressions, flags, ids, ext: std::ptr::null(), lengths: lens, elements, mode };
    guarded(|| {
        if lens.is_null() {
            // SAFETY: the caller's promise.
            return unsafe { fail("Invalid parameter: lens is NULL.".into(), error) };
        }
        // SAFETY: the caller's promises.
        unsafe { compile(&request, db, error) }
    })
}

/// # Safety
/// `error` is NULL or came from a call of this library, and nothing uses it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_free_compile_error(error: *mut hs_compile_error_t) -> i32 {
    guarded(|| {
        if !error.is_null() {
            // SAFETY: the caller's promise; both were made by `fail`.
            unsafe { drop(CString::from_raw(Box::from_raw(error).message)) };
        }
        HS_SUCCESS
    })
}

/// # Safety
/// `platform` is NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_populate_platform(platform: *mut hs_platform_info_t) -> i32 {
    // SAFETY: the caller's promise.
    match unsafe { platform.as_mut() } {
        Some(platform) => *platform = hs_platform_info_t { tune: 0, cpu_features: 0, reserved: [0; 2] },
        None => return HS_INVALID,
    }
    HS_SUCCESS
}
