//! What can be told of an expression without compiling it.

use super::compile::{fail, hs_compile_error_t, hs_expr_ext_t, limits};
use super::*;
use crate::database::{Failure, Limits};
use crate::pattern;
use std::ffi::{CStr, c_char, c_uint};

/// Lengths of matches, and where they end.
#[repr(C)]
pub struct hs_expr_info_t {
    /// The shortest match, in bytes.
    pub min_width: c_uint,
    /// The longest match; `UINT_MAX`: no bound.
    pub max_width: c_uint,
    /// Matches may be told in another order than that of their ends. Never here.
    pub unordered_matches: c_char,
    /// Some match may end because the data does.
    pub matches_at_eod: c_char,
    /// Every match does.
    pub matches_only_at_eod: c_char,
}

fn describe(expression: &[u8], flags: c_uint, limits: Limits) -> Result<hs_expr_info_t, Failure> {
    let failure = |message: String| Failure { message, expression: Some(0) };
    let widths = pattern::translate(expression, flags | crate::flags::ALLOWEMPTY)
        .map_err(|refusal| failure(refusal.to_string()))?
        .widths;
    let longest = widths.max.unwrap_or(u64::MAX).min(limits.max_offset);
    let narrow = |width: u64| c_uint::try_from(width).unwrap_or(c_uint::MAX);
    Ok(hs_expr_info_t {
        min_width: narrow(widths.min.max(limits.min_length)),
        max_width: narrow(longest),
        unordered_matches: 0,
        matches_at_eod: widths.at_end.into(),
        matches_only_at_eod: widths.only_at_end.into(),
    })
}

/// # Safety
/// `expression` is NULL or ends with a NUL; the others are NULL or may be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_expression_info(
    expression: *const c_char,
    flags: c_uint,
    info: *mut *mut hs_expr_info_t,
    error: *mut *mut hs_compile_error_t,
) -> i32 {
    // SAFETY: the caller's promises.
    unsafe { hs_expression_ext_info(expression, flags, std::ptr::null(), info, error) }
}

/// # Safety
/// As for `hs_expression_info`; `ext` is NULL or points to one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn hs_expression_ext_info(
    expression: *const c_char,
    flags: c_uint,
    ext: *const hs_expr_ext_t,
    info: *mut *mut hs_expr_info_t,
    error: *mut *mut hs_compile_error_t,
) -> i32 {
    guarded(|| {
        if error.is_null() {
            return HS_COMPILER_ERROR;
        }
        // SAFETY: not NULL, and the caller's promises.
        unsafe {
            *error = std::ptr::null_mut();
            if expression.is_null() || info.is_null() {
                return fail("Invalid parameter: expression or info is NULL.".into(), error);
            }
            let described = limits(ext)
                .map_err(Failure::from)
                .and_then(|limits| describe(CStr::from_ptr(expression).to_bytes(), flags, limits));
            match described {
                Ok(described) => {
                    let bytes: [u8; size_of::<hs_expr_info_t>()] = as_bytes(&described);
                    *info = memory::copy(&bytes).cast();
                    if (*info).is_null() { HS_NOMEM } else { HS_SUCCESS }
                }
                Err(failure) => fail(failure, error),
            }
        }
    })
}

/// The struct as C sees it, its padding zero.
fn as_bytes(info: &hs_expr_info_t) -> [u8; size_of::<hs_expr_info_t>()] {
    let mut bytes = [0; size_of::<hs_expr_info_t>()];
    bytes[..4].copy_from_slice(&info.min_width.to_ne_bytes());
    bytes[4..8].copy_from_slice(&info.max_width.to_ne_bytes());
    bytes[8] = info.unordered_matches as u8;
    bytes[9] = info.matches_at_eod as u8;
    bytes[10] = info.matches_only_at_eod as u8;
    bytes
}
