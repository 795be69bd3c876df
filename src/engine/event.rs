//! A handle's event: a descriptor for epoll and its kin that is readable while there is something to collect.

use crate::status::{Error, Result, TRM_ERR_IO};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// An eventfd that is made when first asked for.
#[derive(Default)]
pub struct Event {
    fd: OnceLock<OwnedFd>,
    raised: AtomicBool,
}

impl Event {
    /// The descriptor; the handle keeps it and closes it.
    pub fn fd(&self) -> Result<RawFd> {
        if let Some(fd) = self.fd.get() {
            return Ok(fd.as_raw_fd());
        }
        // SAFETY: eventfd takes plain numbers and gives a new descriptor or -1.
        let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if raw < 0 {
            let why = std::io::Error::last_os_error();
            return Err(Error::new(
                TRM_ERR_IO,
                format!("no eventfd could be made ({why}): raise the limit of open files"),
            ));
        }
        // SAFETY: a new descriptor that nobody else owns. Whoever loses the race closes its own.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(self.fd.get_or_init(|| fd).as_raw_fd())
    }

    /// Whether anybody asked for the descriptor.
    pub fn exists(&self) -> bool {
        self.fd.get().is_some()
    }

    /// Makes the descriptor readable.
    pub fn raise(&self) {
        let Some(fd) = self.fd.get() else { return };
        if !self.raised.swap(true, Ordering::SeqCst) {
            let one = 1u64.to_ne_bytes();
            // SAFETY: eight readable bytes, a descriptor that we own. It cannot fill up: we add one at most once a raise.
            unsafe { libc::write(fd.as_raw_fd(), one.as_ptr().cast(), one.len()) };
        }
    }

    /// Makes it unreadable. What finished since the caller last looked must be looked for again afterwards.
    pub fn lower(&self) {
        let Some(fd) = self.fd.get() else { return };
        self.raised.store(false, Ordering::SeqCst);
        // Always read: a raise may be between its flag and its write, and that write must not stay for ever.
        let mut count = [0u8; 8];
        // SAFETY: eight writable bytes, a descriptor that we own and that does not block.
        unsafe { libc::read(fd.as_raw_fd(), count.as_mut_ptr().cast(), count.len()) };
    }
}
