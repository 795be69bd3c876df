//! Making a resident kernel: its memory, its pipeline, its sizes.

use super::completions::{Completions, Report};
use super::layout::{self, LeaseWords};
use super::lease::{LeaseOptions, Leases, Parts};
use super::memory::{Buffer, Place};
use super::persistent::{Arena, Options, Shared};
use super::records::Records;
use super::slots::Slots;
use super::staging::Staging;
use super::tables::{SetKind, Tables};
use super::{Device, GpuError, pipelines, stores};

impl Shared {
    /// Takes all memory and compiles the kernel.
    pub fn new(device: &Device, options: &Options, arena: Arena) -> Result<Shared, GpuError> {
        let bits = options.ring.trailing_zeros();
        let chunks = options.spill_kib.max(1).next_power_of_two();
        let raw = &device.wgpu;
        let scope = raw.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory_scope = raw.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let slots = Slots::new(device, bits, options.start)?;
        let staging = match &arena.host {
            Some(_) => Some(Staging::new(device, &slots, &arena)?),
            None => None,
        };
        let completions = Completions::new(raw, bits, options.start)?;
        let records = Records::new(raw, bits, chunks.trailing_zeros())?;
        let tables = Tables::new(raw, options.table_bytes.max(4096))?;
        let control = Buffer::new(raw, "control words", layout::control_words(chunks) * 4, Place::Mapped)?;
        let report = Report::new(raw, options.first_lease.wrapping_sub(1))?;
        // SAFETY: both words lie in the control buffer, and nothing runs yet.
        unsafe {
            stores::word(control.words().add(layout::CONTROL_STOP as usize), options.first_lease);
            stores::word(control.words().add(layout::CONTROL_PUBLISHED as usize), options.start as u32);
        }
        let host_set =
            tables.load(&control, options.first_lease, SetKind::Host).map_err(|e| GpuError::new(e.to_string()))?;
        let state = device_state(device, bits, chunks, options);
        let kernel_that = |shares| {
            let whole_slots = u32::from(device.loads_whole_slots());
            let constants = [("plant", options.plant), ("shares", u32::from(shares)), ("whole_slots", whole_slots)];
            device.pipelines.get(device, &pipelines::RESIDENT, device.lanes(), &constants)
        };
        let (kernel, sharing) = (kernel_that(false)?, kernel_that(true)?);
        let bind_group = kernel.bind(
            device,
            &[
                slots.binding(),
                &control.wgpu,
                &arena.device.wgpu,
                tables.binding(),
                &state,
                completions.binding(),
                records.binding(),
                report.binding(),
                tables.binding(),
            ],
        );
        for scope in [memory_scope, scope] {
            if let Some(error) = pollster::block_on(scope.pop()) {
                return Err(GpuError::new(format!("{} refused the resident kernel: {error}", device.info().name)));
            }
        }
        let Sizes { workers, workers_cold, held, rounds, fuel } = sizes(device, options);
        let parts = Parts {
            pipeline: kernel.pipeline,
            sharing: sharing.pipeline,
            bind_group,
            control,
            report,
            words: LeaseWords {
                number: options.first_lease,
                // Half a second; a round of a worker that waits is nine looks at its slots.
                budget: if device.is_software() { 20_000 } else { 250_000 },
                rounds,
                held,
                ring_bits: bits,
                fuel,
                cut_bound: 2,
                chunk_bits: chunks.trailing_zeros(),
                // With staged input the host has them.
                sends_text: u32::from(options.sends_text && staging.is_none()),
                piece_least: options.split.least.max(16).next_multiple_of(16),
                piece_most: options.split.most.max(options.split.least.max(16)).next_multiple_of(16),
                split_over: options.split.over,
                split_idle: options.split.idle,
            },
            ring: u64::from(options.ring),
            start: options.start,
        };
        let lease_options = LeaseOptions {
            lease: options.lease,
            idle: options.idle,
            watchdog: options.watchdog,
            workers_few: workers.0,
            workers_many: workers.1,
            workers_cold,
        };
        let leases = Leases::new(device.clone(), parts, lease_options);
        Ok(Shared {
            leases,
            slots,
            completions,
            records,
            tables,
            arena,
            staging,
            arena_len: options.arena_bytes,
            host_set,
            state,
            device: device.clone(),
        })
    }
}

/// Workers, tickets each, rounds and rounds an item: bounded by the ring, and on software devices by the cut of loops
/// at 65,535 rounds in all. A round of the kernel counts there as about thirty, since every loop in its body counts,
/// also where the branch around it is not taken, and a round of a matcher as about five. `cut_off` in the shaders is
/// what makes it safe; these numbers only keep leases from ending in it.
fn sizes(device: &Device, options: &Options) -> Sizes {
    let (mut workers, mut held, mut rounds, mut fuel) = (options.workers, options.held, u32::MAX / 2, 1 << 20);
    let mut workers_cold = options.workers_cold.min(options.ring);
    if device.is_software() {
        workers = (workers.0.min(2), workers.1.min(2));
        // It has no clock of its own.
        workers_cold = 0;
        held = held.min(2);
        rounds = 1_500;
        fuel = 2_000;
    }
    if options.rounds != 0 {
        rounds = options.rounds;
    }
    held = held.clamp(1, device.lanes()).min(options.ring);
    let most = (options.ring / held).max(1);
    workers = (workers.0.clamp(1, most), workers.1.clamp(1, most));
    Sizes { workers, workers_cold: workers_cold.max(workers.1), held, rounds, fuel }
}

/// See [`sizes`].
struct Sizes {
    workers: (u32, u32),
    workers_cold: u32,
    held: u32,
    rounds: u32,
    fuel: u32,
}

/// The kernel's own memory: plain device memory, written once before the first launch.
fn device_state(device: &Device, bits: u32, chunks: u32, options: &Options) -> wgpu::Buffer {
    let size = 1u64 << bits;
    let boards = (layout::BOARDS * layout::BOARD_WORDS) as usize;
    let mut words = vec![0u32; (u64::from(layout::STATE_SERVED) + size) as usize + chunks as usize + boards];
    let first = options.start as u32;
    words[layout::STATE_CLAIM as usize] = first;
    words[layout::STATE_STOP as usize] = options.first_lease;
    let record = (layout::STATE_LEASES + (options.first_lease & 3) * layout::LEASE_WORDS) as usize;
    words[record + layout::LEASE_START as usize] = first;
    words[record + layout::LEASE_HIGH as usize] = first;
    words[record + layout::LEASE_PARKED as usize] = u32::MAX;
    for i in 0..size {
        let position = options.start.wrapping_add(i);
        let slot = (position & (size - 1)) as usize;
        words[layout::STATE_SERVED as usize + slot] = layout::lap(position, bits);
    }
    let buffer = device.wgpu.create_buffer(&wgpu::BufferDescriptor {
        label: Some("kernel state"),
        size: words.len() as u64 * 4,
        usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
        mapped_at_creation: false,
    });
    device.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
    buffer
}
