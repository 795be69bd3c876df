//! The caller's log callback: the only way in which the library speaks unasked.

use std::ffi::{CString, c_char, c_void};

/// How much a message matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Level {
    /// Answers may be late or slow; something should be done.
    Error = 1,
    /// Something works otherwise than asked for.
    Warn = 2,
    /// What was chosen and why.
    Info = 3,
}

/// A callback of the ABI.
pub type LogCallback = unsafe extern "C" fn(user: *mut c_void, level: i32, message: *const c_char);

/// Where messages go; nowhere by default.
#[derive(Clone, Copy, Default)]
pub struct Log(Option<(LogCallback, usize)>);

impl Log {
    /// Messages go to `callback`, from any thread.
    ///
    /// # Safety
    /// `callback` may be called with `user` from any thread until the engine is destroyed.
    pub unsafe fn new(callback: LogCallback, user: *mut c_void) -> Self {
        Self(Some((callback, user as usize)))
    }

    /// Says one sentence.
    pub fn say(&self, level: Level, message: &str) {
        let Some((callback, user)) = self.0 else { return };
        let message = CString::new(message.replace('\0', " ")).expect("NULs were replaced");
        // SAFETY: the maker of this log promised that the callback may be called so.
        unsafe { callback(user as *mut c_void, level as i32, message.as_ptr()) }
    }
}
