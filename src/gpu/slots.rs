//! Publishing into the submission ring in device memory.

use super::layout::{self, Job};
use super::memory::Buffer;
use super::{Device, GpuError, copying, lines, memory, stores};
use crate::types::trm_work_item;
use std::sync::Arc;

/// The ring's slots. Written by the host, polled by the kernel, read by nobody here.
pub(super) struct Slots {
    buffer: Arc<Buffer>,
    mask: u64,
}

impl Slots {
    /// A ring of 2^bits slots whose first position will be `start`.
    pub fn new(device: &Device, bits: u32, start: u64) -> Result<Slots, GpuError> {
        let size = 1u64 << bits;
        let (bytes, families) = (size as usize * 16, copying::families(device));
        let buffer = Buffer::shared(&device.wgpu, "submission ring", bytes, memory::Place::Mapped, &families)?;
        let slots = Slots { buffer: Arc::new(buffer), mask: size - 1 };
        for i in 0..size {
            // Every slot starts out as its previous lap left it: a fixed value would be some ticket's after a wrap.
            let position = start.wrapping_add(i).wrapping_sub(size);
            // SAFETY: inside the buffer by the mask; no kernel runs yet.
            unsafe { stores::slot(slots.at(position), layout::slot(position, &Job::default())) };
        }
        stores::fence();
        Ok(slots)
    }

    pub fn binding(&self) -> &wgpu::Buffer {
        &self.buffer.wgpu
    }

    pub fn buffer(&self) -> &Arc<Buffer> {
        &self.buffer
    }

    /// Their number is two to this power.
    pub fn bits(&self) -> u32 {
        (self.mask + 1).trailing_zeros()
    }

    fn at(&self, position: u64) -> *mut u32 {
        self.buffer.words().wrapping_add((position & self.mask) as usize * 4)
    }

    /// Writes slots from a position on, one job each. The caller owns the positions: they are reserved for it and their
    /// previous lap is done and consumed. Not fenced.
    #[inline]
    pub fn write(&self, first: u64, jobs: impl Iterator<Item = Job>) {
        // SAFETY: the buffer has so many slots.
        unsafe { write(self.buffer.words(), self.mask, first, jobs) };
    }

    /// The same of items of one set.
    #[inline]
    pub fn write_items(&self, first: u64, items: &[trm_work_item], set: u16) {
        // SAFETY: as above.
        unsafe { lines::write(self.buffer.words(), self.mask, first, items, set) };
    }
}

/// Writes slots of a ring that begins at `ring`. Four slots make a line. Stores of 16 bytes, one after the other, leave as
/// whole lines.
///
/// # Safety
/// `ring` is valid for writes of `mask + 1` slots, a power of two, and aligned to 16 bytes.
#[inline(always)]
pub(crate) unsafe fn write(ring: *mut u32, mask: u64, first: u64, jobs: impl Iterator<Item = Job>) {
    jobs.fold(first, |position, job| {
        let to = ring.wrapping_add((position & mask) as usize * 4);
        // SAFETY: inside the ring by the mask.
        unsafe { stores::slot(to, layout::slot(position, &job)) };
        position.wrapping_add(1)
    });
}
