//! What every exported call does first and last: catch panics, turn errors into statuses and sentences, check pointers.

use crate::panics::guarded;
use crate::status::*;
use std::ffi::c_char;
use std::time::{Duration, Instant};

/// Where a call that can fail for a reason worth a sentence puts it. Owned by the caller, who sets `struct_size`
/// to `sizeof(trm_error)` first; every call that takes one accepts NULL.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_error {
    /// `sizeof(trm_error)`, set by the caller.
    pub struct_size: u32,
    /// The status that the call returned.
    pub code: trm_status,
    /// Index of the pattern in the array, `UINT32_MAX` where it does not apply.
    pub pattern_index: u32,
    /// Id of the pattern, `UINT32_MAX` where it does not apply.
    pub pattern_id: u32,
    /// Where in the pattern, or in the serialised bytes.
    pub byte_offset: u64,
    /// What is wrong and what to do, NUL-terminated UTF-8.
    pub message: [c_char; 256],
}

impl trm_error {
    /// An error of no pattern.
    pub(super) fn plain(status: trm_status, message: &str) -> Self {
        let mut error = Self {
            struct_size: size_of::<Self>() as u32,
            code: status,
            pattern_index: u32::MAX,
            pattern_id: u32::MAX,
            byte_offset: 0,
            message: [0; 256],
        };
        put_text(&mut error.message, message);
        error
    }
}

/// Writes as much of `text` as fits, cut between characters, with its NUL.
pub(super) fn put_text(to: &mut [c_char], text: &str) {
    let mut len = text.len().min(to.len() - 1);
    while !text.is_char_boundary(len) {
        len -= 1;
    }
    to.fill(0);
    for (to, &from) in to.iter_mut().zip(&text.as_bytes()[..len]) {
        *to = if from == 0 { b' ' as c_char } else { from as c_char };
    }
}

/// Runs the body of a call.
pub(super) fn call(body: impl FnOnce() -> Result<trm_status>) -> trm_status {
    // The status alone is handed on: more words would be written and read again on their way.
    guarded(|| body().unwrap_or_else(|error| error.status)).unwrap_or(TRM_ERR_PANIC)
}

/// As [`call`], with a place for the sentence.
///
/// # Safety
/// `error` is NULL or points to a `trm_error` whose `struct_size` is set.
pub(super) unsafe fn call_with(error: *mut trm_error, body: impl FnOnce() -> Result<trm_status>) -> trm_status {
    // SAFETY: passed on.
    if let Err(wrong) = unsafe { check_size(error) } {
        return wrong.status;
    }
    let answer = guarded(body).unwrap_or_else(|| Err(TRM_ERR_PANIC.into()));
    match answer {
        Ok(status) => status,
        Err(Error { status, message }) => {
            if !error.is_null() {
                // SAFETY: not NULL, and large enough: checked above.
                unsafe {
                    error.write(trm_error { struct_size: (*error).struct_size, ..trm_error::plain(status, &message) })
                };
            }
            status
        }
    }
}

/// # Safety
/// `error` is NULL or points to a `trm_error` whose `struct_size` is set.
pub(super) unsafe fn check_size(error: *const trm_error) -> Result<()> {
    // SAFETY: not NULL, so its first field may be read.
    if error.is_null() { Ok(()) } else { known_size::<trm_error>("trm_error", unsafe { (*error).struct_size }) }
}

/// No struct of any version is larger: what says so was never set.
const MAX_STRUCT: usize = 4096;

/// Checks the size that a struct of the caller says it has: at least what this library knows, and believable.
pub(super) fn known_size<T>(name: &str, said: u32) -> Result<()> {
    known_least(name, size_of::<T>(), said)
}

/// As [`known_size`] for a struct that has grown: `least` is the size that it had first.
pub(super) fn known_least(name: &str, least: usize, said: u32) -> Result<()> {
    if (least..=MAX_STRUCT).contains(&(said as usize)) {
        return Ok(());
    }
    Err(Error::new(TRM_ERR_INVALID, format!("{name}.struct_size is {said}: set it to sizeof({name}) first")))
}

/// The options that a caller gave: what this library knows of them.
///
/// # Safety
/// `given` points to options that begin with their `struct_size`, and have so many bytes.
pub(super) unsafe fn read_struct<T: Copy>(name: &str, given: *const T) -> Result<T> {
    // SAFETY: every struct that is read here begins with its size.
    let size = unsafe { given.cast::<u32>().read() };
    known_size::<T>(name, size)?;
    // SAFETY: the struct says that it has so many bytes, and that is believable.
    let bytes = unsafe { std::slice::from_raw_parts(given.cast::<u8>(), size as usize) };
    if bytes[size_of::<T>()..].iter().any(|&byte| byte != 0) {
        let message = format!("{name} has fields that this library is too old for: leave them 0, or use a newer one");
        return Err(Error::new(TRM_ERR_INVALID, message));
    }
    // SAFETY: large enough, checked above.
    Ok(unsafe { given.read() })
}

/// Checks that an array of the caller's structs can be.
pub(super) fn check_strides(count: usize, stride: usize, least: usize) -> Result<()> {
    if stride < least {
        return Err(Error::new(TRM_ERR_INVALID, format!("stride is {stride}: give the size of the array's struct")));
    }
    if count > isize::MAX as usize / stride {
        return Err(Error::new(TRM_ERR_INVALID, "an array's length is larger than memory can be"));
    }
    Ok(())
}

/// Writes NULL where a handle would go, before anything can fail.
///
/// # Safety
/// `handle` is NULL or points to a writable pointer.
pub(super) unsafe fn clear<T>(handle: *mut *mut T) {
    // SAFETY: passed on.
    if let Some(handle) = unsafe { handle.as_mut() } {
        *handle = std::ptr::null_mut();
    }
}

/// A pointer that must not be NULL, as a place to write to.
///
/// # Safety
/// `pointer` is NULL or points to a writable `T`, which the caller uses for nothing else during the call.
pub(super) unsafe fn out<'a, T>(pointer: *mut T) -> Result<&'a mut T> {
    // SAFETY: passed on.
    unsafe { pointer.as_mut() }.ok_or_else(|| TRM_ERR_NULL.into())
}

/// As [`out`] for reading.
///
/// # Safety
/// `pointer` is NULL or points to a readable `T`.
pub(super) unsafe fn input<'a, T>(pointer: *const T) -> Result<&'a T> {
    // SAFETY: passed on.
    unsafe { pointer.as_ref() }.ok_or_else(|| TRM_ERR_NULL.into())
}

/// An array; NULL is allowed where it is empty.
///
/// # Safety
/// `pointer` is NULL or points to `len` readable `T`.
pub(super) unsafe fn slice<'a, T>(pointer: *const T, len: usize) -> Result<&'a [T]> {
    check_array(pointer, len)?;
    // SAFETY: checked not to be NULL where it is read, and not to be longer than memory can be.
    Ok(if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(pointer, len) } })
}

/// As [`slice()`] for writing.
///
/// # Safety
/// `pointer` is NULL or points to `len` writable `T`, which the caller uses for nothing else during the call.
pub(super) unsafe fn slice_mut<'a, T>(pointer: *mut T, len: usize) -> Result<&'a mut [T]> {
    check_array(pointer, len)?;
    // SAFETY: checked not to be NULL where it is written, and not to be longer than memory can be.
    Ok(if len == 0 { &mut [] } else { unsafe { std::slice::from_raw_parts_mut(pointer, len) } })
}

fn check_array<T>(pointer: *const T, len: usize) -> Result<()> {
    if len > 0 && pointer.is_null() {
        return Err(TRM_ERR_NULL.into());
    }
    if len > isize::MAX as usize / size_of::<T>().max(1) {
        return Err(Error::new(TRM_ERR_INVALID, "an array's length is larger than memory can be"));
    }
    Ok(())
}

/// When a wait of `timeout_ns` ends: 0 polls, below 0 is for ever.
pub(super) fn deadline(timeout_ns: i64) -> Option<Instant> {
    let now = Instant::now();
    // Longer than an Instant can say is for ever too.
    u64::try_from(timeout_ns).ok().and_then(|ns| now.checked_add(Duration::from_nanos(ns)))
}

/// What a wait that brought nothing answers.
pub(super) fn nothing(timeout_ns: i64) -> trm_status {
    if timeout_ns == 0 { TRM_EMPTY } else { TRM_TIMEOUT }
}
