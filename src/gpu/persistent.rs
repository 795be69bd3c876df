//! The resident kernel as the drain sees it: publish jobs, poll completions, load rule sets, stop.

pub use super::completions::DeviceCompletion;
use super::completions::{Completions, Report};
use super::layout::{self, Job, LeaseWords, RawMatch};
use super::lease::{Keeper, LeaseCounters, LeaseOptions, Leases, Parts, Status};
use super::memory::{Buffer, Place};
use super::slots::Slots;
use super::tables::{SetKind, SetSlot, TableError, Tables};
use super::{Device, GpuError, shader, stores};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Sizes and times of one kernel.
#[derive(Debug, Clone)]
pub struct Options {
    /// Slots of the ring, a power of two up to 2^24.
    pub ring: u32,
    /// First position. Tests start just below a wrap.
    pub start: u64,
    /// First lease number. Tests start just below a wrap.
    pub first_lease: u32,
    /// Bytes of input arena in device memory.
    pub arena_bytes: usize,
    /// Bytes for rule tables in device memory.
    pub table_bytes: usize,
    /// Lease length.
    pub lease: Duration,
    /// Idle time before the GPU is given up.
    pub idle: Duration,
    /// Time without a sign of life before the kernel counts as dead.
    pub watchdog: Duration,
    /// Workers while little comes in, and while much does.
    pub workers: (u32, u32),
    /// Tickets a worker may hold.
    pub held: u32,
    /// Loop rounds of a worker after which it lets go by itself; 0: as many as the device allows.
    pub rounds: u32,
    /// Planted fault, for tests only.
    pub plant: u32,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            ring: 1 << 16,
            start: 0,
            first_lease: 1,
            arena_bytes: 64 << 20,
            table_bytes: 16 << 20,
            lease: Duration::from_millis(10),
            idle: Duration::from_millis(50),
            watchdog: Duration::from_secs(5),
            workers: (64, 264),
            held: 8,
            rounds: 0,
            plant: 0,
        }
    }
}

/// How far the kernel has come, for statistics and watchdogs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Jobs published.
    pub published: u64,
    /// Newest lease launched.
    pub submitted: u32,
    /// Newest lease that began.
    pub started: u32,
    /// Newest lease that ended.
    pub ended: u32,
    /// Resident right now.
    pub resident: bool,
    /// Given up on; see [`Kernel::why_dead`].
    pub dead: bool,
}

/// One resident kernel with its ring, arena and tables. All methods may be called from any thread.
pub struct Kernel {
    shared: Arc<Shared>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// Input arena in device memory. It outlives kernels: callers hold pointers into it.
#[derive(Clone)]
pub struct Arena(Arc<Buffer>);

impl Arena {
    /// `bytes` of zeroed, host-mapped device memory.
    pub fn new(device: &Device, bytes: usize) -> Result<Arena, GpuError> {
        Ok(Arena(Arc::new(Buffer::new(&device.wgpu, "input arena", bytes + ARENA_PAD, Place::Mapped)?)))
    }

    /// First byte: the host writes here and should never read.
    pub fn pointer(&self) -> *mut u8 {
        self.0.pointer()
    }
}

struct Shared {
    leases: Leases,
    slots: Slots,
    completions: Completions,
    tables: Tables,
    arena: Arena,
    arena_len: usize,
    host_set: SetSlot,
    state: wgpu::Buffer,
    device: Device,
}

/// Bytes behind the arena that matchers may read: a filter looks a little past an item's end.
const ARENA_PAD: usize = 256;

impl Kernel {
    /// Allocates everything and compiles the kernel; it is first launched by the first job.
    pub fn new(device: &Device, options: &Options) -> Result<Kernel, GpuError> {
        Self::over(device, options, Arena::new(device, options.arena_bytes)?)
    }

    /// The same over an arena that exists.
    pub fn over(device: &Device, options: &Options, arena: Arena) -> Result<Kernel, GpuError> {
        if !options.ring.is_power_of_two() || options.ring > 1 << 24 {
            return Err(GpuError::new(format!(
                "a ring of {} slots: it must be a power of two up to 2^24",
                options.ring
            )));
        }
        let shared = Arc::new(Shared::new(device, options, arena)?);
        let kept = shared.clone();
        let keeper = std::thread::Builder::new()
            .name("trommel-keeper".into())
            .spawn(move || keep(&kept))
            .map_err(|e| GpuError::new(format!("the kernel's keeper thread could not be started: {e}")))?;
        Ok(Kernel { shared, keeper: Mutex::new(Some(keeper)) })
    }

    /// First byte of the input arena: device memory that the host writes and should never read.
    pub fn arena(&self) -> *mut u8 {
        self.shared.arena.pointer()
    }

    /// Bytes of it.
    pub fn arena_len(&self) -> usize {
        self.shared.arena_len
    }

    /// Copies bytes into the arena at `offset`.
    ///
    /// # Safety
    /// The range lies in the arena, and no published job and no other thread uses it.
    pub unsafe fn write_arena(&self, offset: usize, bytes: &[u8]) {
        debug_assert!(offset + bytes.len() <= self.arena_len());
        // SAFETY: by this function's contract.
        unsafe { stores::bytes(self.arena().add(offset), bytes) };
    }

    /// Publishes jobs at consecutive positions from `first`. The caller owns those positions: nobody else publishes
    /// them, and the completions of their slots' previous lap have been consumed.
    pub fn publish(&self, first: u64, jobs: &[Job]) {
        self.publish_all(first, jobs.iter().copied());
    }

    /// As [`Kernel::publish`], from wherever the jobs come.
    #[inline]
    pub fn publish_all(&self, first: u64, jobs: impl Iterator<Item = Job>) {
        let shared = &*self.shared;
        // Input first, then the slots that speak of it.
        stores::fence();
        let (limit, host) = (self.arena_len() as u64, shared.host_set.index());
        // The kernel checks nothing. Whatever lies outside goes to the host, which will say so.
        let checked = jobs.map(|job| match u64::from(job.offset) + u64::from(job.len) <= limit {
            true => job,
            false => Job { offset: 0, len: 0, set: host },
        });
        let count = shared.slots.write(first, checked);
        if count > 0 {
            shared.leases.note_published(first.wrapping_add(count), count);
        }
    }

    /// How many of the `max` published, unconsumed positions from `first` on are done without a match, one after the
    /// other.
    #[inline]
    pub fn plain_run(&self, first: u64, max: usize) -> usize {
        self.shared.completions.plain_run(first, max)
    }

    /// The completion of a published, unconsumed position, once it is there.
    #[inline]
    pub fn poll_done(&self, position: u64) -> Option<DeviceCompletion> {
        self.shared.completions.poll(position)
    }

    /// The records of a position that is done, until its slot is published again.
    pub fn matches(&self, position: u64, completion: DeviceCompletion) -> &[RawMatch] {
        self.shared.completions.records(position, completion.count)
    }

    /// Loads a rule set while the kernel runs.
    pub fn load(&self, kind: SetKind<'_>) -> Result<SetSlot, TableError> {
        self.shared.tables.load(&self.shared.leases.control, self.shared.leases.ended(), kind)
    }

    /// The set whose items all go to the host.
    pub fn host_set(&self) -> u16 {
        self.shared.host_set.index()
    }

    /// Unloads a rule set that no unfinished job names.
    pub fn unload(&self, set: SetSlot) {
        self.shared.tables.unload(set, self.shared.leases.submitted());
    }

    /// Where the kernel is.
    pub fn progress(&self) -> Progress {
        let leases = &self.shared.leases;
        let status = leases.status();
        Progress {
            published: leases.published(),
            submitted: leases.submitted(),
            started: leases.report.get(layout::REPORT_STARTED),
            ended: leases.ended(),
            resident: status == Status::Running,
            dead: status == Status::Dead,
        }
    }

    /// Launches, hand-overs and polls so far.
    pub fn counters(&self) -> LeaseCounters {
        self.shared.leases.counters()
    }

    /// Subgroup size as the kernel found it; 0 before its first launch.
    pub fn lanes_seen(&self) -> u32 {
        self.shared.leases.report.get(layout::REPORT_LANES)
    }

    /// Why the kernel was given up; empty while it was not.
    pub fn why_dead(&self) -> String {
        self.shared.leases.why_dead()
    }

    /// Ends the kernel within a lease. False: it does not answer; its memory is then kept for good, since it may still
    /// be written.
    pub fn stop(&self) -> bool {
        let Some(keeper) = self.keeper.lock().unwrap_or_else(PoisonError::into_inner).take() else { return true };
        let stopped = self.shared.leases.stop(Duration::from_secs(2));
        keeper.thread().unpark();
        let _ = keeper.join();
        if !stopped {
            std::mem::forget(self.shared.clone());
        }
        stopped
    }

    /// How often each slot was served, read back after [`Kernel::stop`]: the proof of exactly once.
    pub fn served(&self) -> Result<Vec<u32>, GpuError> {
        let words = super::readback::words(&self.shared.device, &self.shared.state)?;
        Ok(words[layout::STATE_SERVED as usize..].to_vec())
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The keeper: hands leases over, lets go when idle, watches.
fn keep(shared: &Shared) {
    let mut keeper = Keeper::new();
    let _ = shared.leases.keeper.set(std::thread::current());
    loop {
        match shared.leases.status() {
            Status::Stopped | Status::Dead => return,
            // The publisher that launches the kernel again also wakes the keeper.
            Status::Idle => std::thread::park_timeout(Duration::from_millis(500)),
            Status::Running => {
                let pause = shared.leases.tend(&mut keeper, &shared.completions);
                std::thread::park_timeout(pause.min(Duration::from_millis(5)));
            }
        }
    }
}

impl Shared {
    fn new(device: &Device, options: &Options, arena: Arena) -> Result<Shared, GpuError> {
        let bits = options.ring.trailing_zeros();
        let raw = &device.wgpu;
        let scope = raw.push_error_scope(wgpu::ErrorFilter::Validation);
        let memory_scope = raw.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let slots = Slots::new(raw, bits, options.start)?;
        let completions = Completions::new(raw, bits, options.start)?;
        let tables = Tables::new(raw, options.table_bytes.max(4096))?;
        let control = Buffer::new(raw, "control words", layout::CONTROL_WORDS as usize * 4, Place::Mapped)?;
        let report = Report::new(raw, options.first_lease.wrapping_sub(1))?;
        // SAFETY: both words lie in the control buffer, and nothing runs yet.
        unsafe {
            stores::word(control.words().add(layout::CONTROL_STOP as usize), options.first_lease);
            stores::word(control.words().add(layout::CONTROL_PUBLISHED as usize), options.start as u32);
        }
        let host_set =
            tables.load(&control, options.first_lease, SetKind::Host).map_err(|e| GpuError::new(e.to_string()))?;
        let state = device_state(device, bits, options);
        let (pipeline, bind_group) = {
            let source = shader::compose(shader::RESIDENT, device.lanes());
            let module = device.module("resident", &source)?;
            let (done, records) = completions.bindings();
            let buffers = [
                slots.binding(),
                &control.wgpu,
                &arena.0.wgpu,
                tables.binding(),
                &state,
                done,
                records,
                report.binding(),
            ];
            pipeline(device, &module, &buffers, options.plant)
        };
        for scope in [memory_scope, scope] {
            if let Some(error) = pollster::block_on(scope.pop()) {
                return Err(GpuError::new(format!("{} refused the resident kernel: {error}", device.info().name)));
            }
        }
        let (workers, held, rounds, fuel) = sizes(device, options);
        let parts = Parts {
            pipeline,
            bind_group,
            control,
            report,
            words: LeaseWords {
                number: options.first_lease,
                budget: if device.is_software() { 20_000 } else { 1_000_000 },
                rounds,
                held,
                ring_bits: bits,
                fuel,
                cut_bound: 2,
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
        };
        let leases = Leases::new(device.clone(), parts, lease_options);
        Ok(Shared {
            leases,
            slots,
            completions,
            tables,
            arena,
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
fn sizes(device: &Device, options: &Options) -> ((u32, u32), u32, u32, u32) {
    let (mut workers, mut held, mut rounds, mut fuel) = (options.workers, options.held, u32::MAX / 2, 1 << 20);
    if device.is_software() {
        workers = (workers.0.min(2), workers.1.min(2));
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
    (workers, held, rounds, fuel)
}

/// The kernel's own memory: plain device memory, written once before the first launch.
fn device_state(device: &Device, bits: u32, options: &Options) -> wgpu::Buffer {
    let size = 1u64 << bits;
    let mut words = vec![0u32; (u64::from(layout::STATE_SERVED) + size) as usize];
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

fn pipeline(
    device: &Device,
    module: &wgpu::ShaderModule,
    buffers: &[&wgpu::Buffer],
    plant: u32,
) -> (wgpu::ComputePipeline, wgpu::BindGroup) {
    let raw = &device.wgpu;
    let entry = |binding: u32| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            // The tables are the only thing the kernel reads through a cache.
            ty: wgpu::BufferBindingType::Storage { read_only: binding == 3 },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = (0..buffers.len() as u32).map(entry).collect();
    let layout =
        raw.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("resident"), entries: &entries });
    let pipeline_layout = raw.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some("resident"),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: size_of::<LeaseWords>() as u32,
    });
    let pipeline = raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("resident"),
        layout: Some(&pipeline_layout),
        module,
        entry_point: Some("resident"),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &[("plant", f64::from(plant))],
            zero_initialize_workgroup_memory: false,
        },
        cache: None,
    });
    let entries: Vec<_> = buffers
        .iter()
        .enumerate()
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding: binding as u32, resource: buffer.as_entire_binding() })
        .collect();
    let bind_group = raw.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("resident"),
        layout: &layout,
        entries: &entries,
    });
    (pipeline, bind_group)
}
