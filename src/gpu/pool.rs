//! Opened adapters that nobody uses just now, kept for whoever asks next. One that was opened is never closed again.
//!
//! NVIDIA's driver (seen with 580.159.04) cannot close a device safely in a process with other threads: it closes under a
//! lock of its own and waits there for its helper threads to end; a thread that ends, and has ever called the driver, holds
//! what they need while it waits for that lock. Then all of them wait for ever, and with them every engine of the
//! process. Whose threads end when is the caller's business, so nothing is closed. An opened adapter also knows its
//! kernels already, which take the driver a second to make.

use super::device::Opened;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Opened adapters without a user, and the process that opened them: none of it survives a fork.
static IDLE: Mutex<Vec<(u32, ManuallyDrop<Opened>)>> = Mutex::new(Vec::new());

static OPENED: AtomicU64 = AtomicU64::new(0);

/// How often this process has opened an adapter.
pub fn times_opened() -> u64 {
    OPENED.load(Ordering::Relaxed)
}

/// An opened adapter in use. The last user's end makes it idle.
pub(super) struct InUse {
    opened: ManuallyDrop<Opened>,
    process: u32,
}

impl InUse {
    /// One that was just opened.
    pub fn new(opened: Opened) -> Self {
        OPENED.fetch_add(1, Ordering::Relaxed);
        Self { opened: ManuallyDrop::new(opened), process: std::process::id() }
    }

    /// One of adapter `index` that somebody opened before and does not need any more.
    pub fn again(index: u32) -> Option<Self> {
        let process = std::process::id();
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        let at = idle.iter().position(|(of, opened)| *of == process && opened.info.index == index)?;
        let (_, opened) = idle.swap_remove(at);
        drop(idle);
        // What the user before had there is freed.
        let _ = opened.wgpu.poll(wgpu::PollType::Poll);
        Some(Self { opened, process })
    }
}

impl Deref for InUse {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.opened
    }
}

impl Drop for InUse {
    fn drop(&mut self) {
        // One that had trouble is of no use to anybody. It isn't closed either.
        if self.opened.trouble().is_none() {
            // SAFETY: `opened` is not touched again.
            let opened = unsafe { ManuallyDrop::take(&mut self.opened) };
            let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
            idle.push((self.process, ManuallyDrop::new(opened)));
        }
    }
}
