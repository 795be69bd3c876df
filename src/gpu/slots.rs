//! Publishing into the submission ring in device memory.

use super::layout::{self, Job};
use super::memory::Buffer;
use super::{Device, GpuError, copying, memory, stores};
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

    /// Writes the slots of consecutive positions and says how many. The caller owns those positions: they are reserved
    /// for it and their previous lap is done and consumed. Not fenced.
    ///
    /// Four slots make a line. Stores of 16 bytes, one after the other, leave as whole lines.
    #[inline]
    pub fn write(&self, first: u64, jobs: impl Iterator<Item = Job>) -> u64 {
        let mut position = first;
        for job in jobs {
            // SAFETY: inside the buffer by the mask, slots are 16 bytes.
            unsafe { stores::slot(self.at(position), layout::slot(position, &job)) };
            position = position.wrapping_add(1);
        }
        position.wrapping_sub(first)
    }
}
