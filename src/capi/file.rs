//! Files.

use super::call::{call_with, out, read_struct, trm_error};
use super::engine::{enter, trm_engine};
use crate::engine::DEFAULT_FILE_CARRY;
use crate::scan::Match;
use crate::status::*;
use crate::types::trm_match;
use std::ffi::{CStr, c_char, c_void};
use std::path::Path;

/// How a file is scanned. All fields 0 but `struct_size` are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_file_options {
    /// `sizeof(trm_file_options)`.
    pub struct_size: u32,
    /// Unused; 0.
    pub flags: u32,
    /// Most bytes that are kept from one piece to the next; 0: 64 MiB. `trm_rule_info.carry` tells what rules need.
    pub max_carry_bytes: u64,
}

/// Is given `count` matches, which stay until it returns; 0: go on, anything else ends the scan.
#[allow(non_camel_case_types)]
pub type trm_on_matches =
    Option<unsafe extern "C" fn(user: *mut c_void, matches: *const trm_match, count: usize) -> i32>;

/// # Safety
/// `options` is NULL or points to options whose `struct_size` is set.
unsafe fn read_options(options: *const trm_file_options) -> Result<u64> {
    if options.is_null() {
        return Ok(DEFAULT_FILE_CARRY);
    }
    // SAFETY: passed on.
    let given = unsafe { read_struct("trm_file_options", options) }?;
    if given.flags != 0 {
        let message = format!("trm_file_options.flags is 0x{:x}: it must be 0", given.flags);
        return Err(Error::new(TRM_ERR_INVALID, message));
    }
    Ok(if given.max_carry_bytes == 0 { DEFAULT_FILE_CARRY } else { given.max_carry_bytes })
}

/// # Safety
/// `path` is a NUL-terminated string.
unsafe fn read_path<'a>(path: *const c_char) -> Result<&'a Path> {
    // SAFETY: passed on.
    let path = unsafe { CStr::from_ptr(path) };
    #[cfg(unix)]
    return Ok(Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(path.to_bytes())));
    #[cfg(not(unix))]
    match path.to_str() {
        Ok(path) => Ok(Path::new(path)),
        Err(_) => Err(Error::new(TRM_ERR_INVALID, "path is not UTF-8")),
    }
}

/// Scans a file of any size on the calling thread, and gives all matches. It is read in pieces, never mapped; the matches
/// are those of the whole file, wherever the pieces meet. Memory stays bounded: a piece, what is kept, and the matches in
/// them.
///
/// @param engine       any handle
/// @param rule_set_id  the set that is loaded under it now is used
/// @param path         the file's name; bytes on Unix, UTF-8 on Windows. A pipe or a device is read to its end.
/// @param options      NULL: the defaults
/// @param on_matches   is given the matches, some at a time, all of them together sorted by (end, start, rule_id), offsets
///                     from the file's first byte, `item` 0; they are the library's and stay until it returns. 0: go on;
///                     anything else ends the scan. It may call the library, but must not unwind.
/// @param user         passed to `on_matches`
/// @param scanned      receives how many bytes were scanned, also on failure; may be NULL
/// @param error        receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_CANCELLED: `on_matches` ended it; TRM_ERR_IO: the file could not be opened or read, or shrank while
///         it was scanned (the message says which; what was given before is right as far as the file was read);
///         TRM_ERR_LIMIT: a rule without a bound may still match from so far back that more than `max_carry_bytes` would
///         have to be kept (the message names it); TRM_ERR_NO_RULES; TRM_ERR_INVALID; TRM_ERR_NULL; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any number of threads at once. Also on a closed engine, and whatever its drain. `max_matches_per_item` does not apply.
/// A file that grows meanwhile is scanned up to the size that it had at first.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_scan_file(
    engine: *mut trm_engine,
    rule_set_id: u32,
    path: *const c_char,
    options: *const trm_file_options,
    on_matches: trm_on_matches,
    user: *mut c_void,
    scanned: *mut u64,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        let mut unwanted = 0;
        let scanned = out(scanned).unwrap_or(&mut unwanted);
        *scanned = 0;
        call_with(error, || {
            let handle = enter(engine)?;
            let Some(on_matches) = on_matches else { return Err(TRM_ERR_NULL.into()) };
            if path.is_null() {
                return Err(TRM_ERR_NULL.into());
            }
            let (path, limit) = (read_path(path)?, read_options(options)?);
            let mut shown: Vec<trm_match> = Vec::new();
            let sink = |matches: &[Match]| {
                shown.clear();
                let of = |m: &Match| trm_match { start: m.start, end: m.end, rule_id: m.rule_id, item: 0 };
                shown.extend(matches.iter().map(of));
                on_matches(user, shown.as_ptr(), shown.len()) == 0
            };
            let whole = handle.engine().scan_file(rule_set_id, path, limit, scanned, sink)?;
            Ok(if whole { TRM_OK } else { TRM_CANCELLED })
        })
    }
}
