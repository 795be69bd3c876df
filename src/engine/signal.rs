//! What wakes an event loop: an eventfd on Linux, a manual-reset event on Windows. Both are a number that fits in 32
//! bits (Windows promises that of its handles) and stay signalled until they are cleared.

use crate::status::{Error, Result, TRM_ERR_IO};

/// One descriptor or handle, closed when it goes.
pub struct Signal(Raw);

fn refused(what: &str) -> Error {
    let why = std::io::Error::last_os_error();
    Error::new(TRM_ERR_IO, format!("no {what} could be made ({why}): raise the limit of open files"))
}

#[cfg(unix)]
type Raw = std::os::fd::OwnedFd;

#[cfg(unix)]
impl Signal {
    pub fn new() -> Result<Self> {
        use std::os::fd::{FromRawFd, OwnedFd};
        // SAFETY: eventfd takes plain numbers and gives a new descriptor or -1.
        let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if raw < 0 {
            return Err(refused("eventfd"));
        }
        // SAFETY: a new descriptor that nobody else owns.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(raw) }))
    }

    pub fn number(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.0)
    }

    /// Signals it. At most once between two calls of `clear`: then it cannot overflow.
    pub fn set(&self) {
        let one = 1u64.to_ne_bytes();
        // SAFETY: eight readable bytes, a descriptor that we own.
        unsafe { libc::write(self.number(), one.as_ptr().cast(), one.len()) };
    }

    pub fn clear(&self) {
        let mut count = [0u8; 8];
        // SAFETY: eight writable bytes, a descriptor that we own and that does not block.
        unsafe { libc::read(self.number(), count.as_mut_ptr().cast(), count.len()) };
    }
}

#[cfg(windows)]
type Raw = std::os::windows::io::OwnedHandle;

#[cfg(windows)]
impl Signal {
    pub fn new() -> Result<Self> {
        use std::os::windows::io::{FromRawHandle, OwnedHandle};
        use windows_sys::Win32::System::Threading::CreateEventW;
        // SAFETY: no attributes and no name; gives a new handle or null.
        let raw = unsafe { CreateEventW(std::ptr::null(), 1, 0, std::ptr::null()) };
        if raw.is_null() {
            return Err(refused("event"));
        }
        // SAFETY: a new handle that nobody else owns.
        Ok(Self(unsafe { OwnedHandle::from_raw_handle(raw) }))
    }

    fn handle(&self) -> windows_sys::Win32::Foundation::HANDLE {
        std::os::windows::io::AsRawHandle::as_raw_handle(&self.0)
    }

    pub fn number(&self) -> i32 {
        self.handle() as usize as i32
    }

    pub fn set(&self) {
        // SAFETY: an event that we own.
        unsafe { windows_sys::Win32::System::Threading::SetEvent(self.handle()) };
    }

    pub fn clear(&self) {
        // SAFETY: an event that we own.
        unsafe { windows_sys::Win32::System::Threading::ResetEvent(self.handle()) };
    }
}
