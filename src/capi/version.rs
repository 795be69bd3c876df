//! Which library this is.

use crate::status::{sentence, trm_status};
use std::ffi::c_char;

/// The ABI's version. It changes only when a program built against an older header could break.
pub const TRM_ABI_VERSION: u32 = 0;

/// The ABI version of the library that is loaded: compare it with `TRM_ABI_VERSION` of the header.
///
/// Any thread, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn trm_abi_version() -> u32 {
    TRM_ABI_VERSION
}

/// The library's version as text, such as "0.1.0". Static; never free it. Any thread, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn trm_version_string() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// A sentence for any status, known or not. Static; never free it. Any thread, at any time.
#[unsafe(no_mangle)]
pub extern "C" fn trm_status_string(status: trm_status) -> *const c_char {
    sentence(status).as_ptr()
}
