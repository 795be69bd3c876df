//! Submissions to the copy engines' queues, for the pump's thread.

use super::Device;
use super::copying::CopyQueues;
use super::import::Import;
use super::piece::{Piece, Source, by_source, joined};
use super::pump::{Between, Load, slots_of};
use ash::vk;
use std::collections::VecDeque;
use std::sync::Arc;
use wgpu::hal::api::Vulkan;

/// Submissions on their way on each queue.
const DEPTH: usize = 2;
/// A submission that is on its way, or may be.
#[derive(Clone, Copy)]
struct Flight {
    queue: usize,
    pool: vk::CommandPool,
    commands: vk::CommandBuffer,
    fence: vk::Fence,
}

/// The copy queues with what is needed to submit to them. One thread's.
pub(super) struct Engines<'a> {
    raw: ash::Device,
    queues: &'a CopyQueues,
    free: Vec<Flight>,
    /// Each with what it copies from beside the arena, which must not go before it has arrived.
    flying: VecDeque<(Flight, Vec<Arc<Import>>)>,
    regions: Vec<vk::BufferCopy>,
    // The raw device is alive as long as this.
    _device: wgpu::Device,
}

impl<'a> Engines<'a> {
    pub fn new(device: &Device, queues: &'a CopyQueues) -> Result<Self, vk::Result> {
        // SAFETY: the guard keeps the device alive meanwhile, and `_device` does afterwards.
        let raw = unsafe { device.wgpu.as_hal::<Vulkan>() }
            .map(|hal| hal.raw_device().clone())
            .ok_or(vk::Result::ERROR_FEATURE_NOT_PRESENT)?;
        let (free, flying, regions) = (Vec::new(), VecDeque::new(), Vec::new());
        let mut engines = Self { raw, queues, free, flying, regions, _device: device.wgpu.clone() };
        for n in 0..DEPTH * queues.queues.len() {
            // SAFETY: plain objects of this device, destroyed in `drop`.
            unsafe {
                let info = vk::CommandPoolCreateInfo::default()
                    .flags(vk::CommandPoolCreateFlags::TRANSIENT)
                    .queue_family_index(queues.family);
                let pool = engines.raw.create_command_pool(&info, None)?;
                let mut flight = Flight {
                    queue: n % queues.queues.len(),
                    pool,
                    commands: vk::CommandBuffer::null(),
                    fence: vk::Fence::null(),
                };
                // Listed first, so that it is destroyed if what follows fails.
                engines.free.push(flight);
                let info = vk::CommandBufferAllocateInfo::default().command_pool(pool).command_buffer_count(1);
                flight.commands = engines.raw.allocate_command_buffers(&info)?[0];
                flight.fence = engines.raw.create_fence(&vk::FenceCreateInfo::default(), None)?;
                engines.free.pop();
                engines.free.push(flight);
            }
        }
        Ok(engines)
    }

    /// Whether another submission can be sent.
    pub fn has_room(&self) -> bool {
        !self.free.is_empty()
    }

    /// How many queues there are. What is on its way is spread over them.
    pub fn queues(&self) -> usize {
        self.queues.queues.len()
    }

    /// Notes what has arrived; how many are still on their way.
    pub fn look(&mut self) -> usize {
        let mut n = 0;
        while let Some((flight, _)) = self.flying.get(n) {
            // SAFETY: the fence is this device's and was submitted.
            if unsafe { self.raw.get_fence_status(flight.fence) } == Ok(true) {
                self.free.extend(self.flying.remove(n).map(|(flight, _)| flight));
            } else {
                n += 1;
            }
        }
        self.flying.len()
    }

    /// Sends loads on the queue that has least to do. One has to be free.
    pub fn submit(&mut self, between: &Between, loads: &[Load]) -> Result<(), vk::Result> {
        let busy = |queue: usize| self.flying.iter().filter(|(flight, _)| flight.queue == queue).count();
        let at = (0..self.free.len()).min_by_key(|&n| busy(self.free[n].queue)).expect("one is free");
        let flight = self.free.swap_remove(at);
        let region =
            |piece: &Piece, from: u64| vk::BufferCopy { src_offset: from, dst_offset: piece.offset, size: piece.len };
        let mut imports = Vec::new();
        // SAFETY: objects of this device. The flight has arrived, so its pool, commands and fence may be used again; pieces
        // lie inside the buffers, which live as long as the kernel; only this thread uses these queues.
        unsafe {
            let raw = &self.raw;
            raw.reset_fences(&[flight.fence])?;
            raw.reset_command_pool(flight.pool, vk::CommandPoolResetFlags::empty())?;
            let begin = vk::CommandBufferBeginInfo::default().flags(vk::CommandBufferUsageFlags::ONE_TIME_SUBMIT);
            raw.begin_command_buffer(flight.commands, &begin)?;
            let regions = &mut self.regions;
            let pieces = joined(loads.iter().flat_map(|load| load.pieces.iter().cloned()));
            for some in by_source(&pieces) {
                let mut source = between.host_arena.raw();
                regions.clear();
                for piece in some {
                    let from = match &piece.source {
                        Source::Import(import, at) => {
                            let known = import.source(*at);
                            let (buffer, from) = known.expect("with copy engines, buffers are imported for them");
                            source = buffer;
                            from
                        }
                        _ => piece.offset,
                    };
                    regions.push(region(piece, from));
                }
                if let Source::Import(import, _) = &some[0].source {
                    imports.push(import.clone());
                }
                raw.cmd_copy_buffer(flight.commands, source, between.arena.raw(), regions);
            }
            let barrier = vk::MemoryBarrier::default()
                .src_access_mask(vk::AccessFlags::TRANSFER_WRITE)
                .dst_access_mask(vk::AccessFlags::TRANSFER_WRITE | vk::AccessFlags::TRANSFER_READ);
            let stage = vk::PipelineStageFlags::TRANSFER;
            raw.cmd_pipeline_barrier(flight.commands, stage, stage, vk::DependencyFlags::empty(), &[barrier], &[], &[]);
            regions.clear();
            let slots = joined(loads.iter().flat_map(|load| slots_of(load, between.ring)));
            regions.extend(slots.iter().map(|piece| region(piece, piece.offset)));
            raw.cmd_copy_buffer(flight.commands, between.host_slots.raw(), between.slots.raw(), regions);
            raw.end_command_buffer(flight.commands)?;
            let commands = [flight.commands];
            let submit = vk::SubmitInfo::default().command_buffers(&commands);
            raw.queue_submit(self.queues.queues[flight.queue], &[submit], flight.fence)?;
        }
        self.flying.push_back((flight, imports));
        Ok(())
    }
}

impl Drop for Engines<'_> {
    fn drop(&mut self) {
        for flight in self.free.iter().chain(self.flying.iter().map(|(flight, _)| flight)) {
            // SAFETY: nothing of it is on its way any more: `run` has waited, or forgets it.
            unsafe {
                self.raw.destroy_fence(flight.fence, None);
                self.raw.destroy_command_pool(flight.pool, None);
            }
        }
    }
}
