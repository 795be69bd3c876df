//! Publishing into the submission ring in device memory.

use super::layout::{self, Job, Run};
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

    /// Writes the slots of these runs, one job each. The caller owns the positions: they are reserved for it and their
    /// previous lap is done and consumed. Not fenced.
    ///
    /// Four slots make a line. Stores of 16 bytes, one after the other, leave as whole lines.
    #[inline]
    pub fn write(&self, mut runs: impl Iterator<Item = Run>, jobs: impl Iterator<Item = Job>) {
        let (mut position, mut left) = (0, 0u64);
        jobs.for_each(|job| {
            while left == 0 {
                let Some(run) = runs.next() else { unreachable!("each job has a position") };
                (position, left) = (run.first, run.count);
            }
            // SAFETY: inside the buffer by the mask, slots are 16 bytes.
            unsafe { stores::slot(self.at(position), layout::slot(position, &job)) };
            (position, left) = (position.wrapping_add(1), left - 1);
        });
    }
}
