//! Pages of this process: zero until written, and resident only where touched.

use std::ptr::NonNull;

/// From this size on large pages are worth it: small items from all over the input would miss the TLB each.
#[cfg(target_os = "linux")]
const LARGE: usize = 4 << 20;

/// `len` bytes, more than 0; None: the system has none left.
#[cfg(unix)]
pub fn map(len: usize) -> Option<NonNull<u8>> {
    let (access, kind) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE);
    // SAFETY: an anonymous mapping at no fixed address touches nothing that exists.
    let base = unsafe { libc::mmap(std::ptr::null_mut(), len, access, kind, -1, 0) };
    if base == libc::MAP_FAILED {
        return None;
    }
    #[cfg(target_os = "linux")]
    if len >= LARGE {
        // SAFETY: a mapping of our own. A wish: where it is not granted nothing is different.
        unsafe { libc::madvise(base, len, libc::MADV_HUGEPAGE) };
    }
    NonNull::new(base.cast())
}

/// # Safety
/// `base` and `len` are those of a mapping that `map` made, and nothing uses it any more.
#[cfg(unix)]
pub unsafe fn unmap(base: NonNull<u8>, len: usize) {
    // SAFETY: the caller's promise.
    unsafe { libc::munmap(base.as_ptr().cast(), len) };
}

#[cfg(windows)]
use windows_sys::Win32::System::Memory as memory;

/// `len` bytes, more than 0; None: the system has none left.
#[cfg(windows)]
pub fn map(len: usize) -> Option<NonNull<u8>> {
    // SAFETY: at no fixed address, so it touches nothing that exists.
    let base = unsafe {
        memory::VirtualAlloc(std::ptr::null(), len, memory::MEM_RESERVE | memory::MEM_COMMIT, memory::PAGE_READWRITE)
    };
    NonNull::new(base.cast())
}

/// # Safety
/// `base` is what `map` gave, and nothing uses it any more.
#[cfg(windows)]
pub unsafe fn unmap(base: NonNull<u8>, _len: usize) {
    // SAFETY: the caller's promise; a length of 0 releases what was mapped at once.
    unsafe { memory::VirtualFree(base.as_ptr().cast(), 0, memory::MEM_RELEASE) };
}
