//! Ordinary dispatches over whatever is ready: plain wgpu, any backend.
//!
//! A batch is staged into buffers of its own, dispatched, and read back asynchronously; several can be on their way.
//! No mapped device memory, no subgroups, no kernel that stays: this is the portable path.

use super::completions::DeviceCompletion;
use super::layout::{self, Job, RawMatch};
use super::persistent::Arena;
use super::pipelines::{self, Kernel};
use super::records::{self, Where};
use super::{Device, GpuError, SetKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Lanes of the workgroup that scans an item.
const LANES: u32 = 64;
/// Most items of a batch: every backend allows so many workgroups.
const MOST: u32 = 65_535;
/// Chunks for match records beyond the first ones of each item, in a batch: a KiB each.
const CHUNKS: u32 = 2048;

/// The pipeline, shared by all batches of a drain.
pub struct Batcher {
    device: Device,
    kernel: Kernel,
    /// The engine's arena, where the device reads that itself; else each batch has its bytes copied.
    arena: Option<Arena>,
    max_items: u32,
    max_bytes: u32,
}

/// The rule sets of a batcher: one buffer of all tables. Remade when sets change, which ordinary dispatches allow.
pub struct Sets {
    directory: wgpu::Buffer,
    tables: wgpu::Buffer,
}

/// Buffers for one batch at a time.
pub struct Slot {
    items: wgpu::Buffer,
    arena: wgpu::Buffer,
    done: wgpu::Buffer,
    records: wgpu::Buffer,
    taken: wgpu::Buffer,
    back: wgpu::Buffer,
    bytes: Vec<u8>,
    jobs: Vec<[u32; 4]>,
    state: Arc<AtomicU8>,
}

const IDLE: u8 = 0;
const FLYING: u8 = 1;
const READY: u8 = 2;
const FAILED: u8 = 3;

impl Batcher {
    /// For batches of at most `max_items` items: of `arena`, or else of `max_bytes` bytes together.
    pub fn new(device: &Device, max_items: u32, max_bytes: u32, arena: Option<Arena>) -> Result<Batcher, GpuError> {
        let max_items = max_items.min(MOST);
        let constants = [("first_chunk", max_items * layout::SLOT_RECORDS), ("chunks", CHUNKS)];
        let kernel = device.pipelines.get(device, &pipelines::BATCH, LANES, &constants)?;
        let max_bytes = if arena.is_some() { 0 } else { max_bytes };
        Ok(Batcher { device: device.clone(), kernel, arena, max_items, max_bytes })
    }

    fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> wgpu::Buffer {
        let size = bytes.max(256).next_multiple_of(256);
        self.device.wgpu.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// Buffers for one more batch in flight.
    pub fn slot(&self) -> Result<Slot, GpuError> {
        use wgpu::BufferUsages as Usage;
        if crate::faults::gpu::allocation_fails() {
            return Err(GpuError::new("no memory for a batch, as a test asked for"));
        }
        let scope = self.device.wgpu.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let items = u64::from(self.max_items);
        let record_bytes = record_bytes(self.max_items) + CHUNK_BYTES;
        let storage = Usage::STORAGE | Usage::COPY_DST;
        let slot = Slot {
            items: self.buffer("items", items * 16, storage),
            // A matcher may look a little past the last item.
            arena: self.buffer("bytes", u64::from(self.max_bytes) + 64, storage),
            done: self.buffer("results", items * 4, Usage::STORAGE | Usage::COPY_SRC),
            records: self.buffer("records", record_bytes, Usage::STORAGE | Usage::COPY_SRC),
            taken: self.buffer("chunks taken", 4, storage),
            back: self.buffer("read back", items * 4 + record_bytes, Usage::COPY_DST | Usage::MAP_READ),
            bytes: Vec::with_capacity(self.max_bytes as usize),
            jobs: Vec::with_capacity(self.max_items as usize),
            state: Arc::new(AtomicU8::new(IDLE)),
        };
        match pollster::block_on(scope.pop()) {
            None => Ok(slot),
            Some(error) => Err(GpuError::new(format!("no memory for a batch: {error}"))),
        }
    }

    /// One buffer with these sets' tables; a job names a set by its index here.
    pub fn sets(&self, kinds: &[SetKind<'_>]) -> Result<Sets, GpuError> {
        let (mut directory, mut tables) = (Vec::new(), Vec::new());
        for kind in kinds {
            directory.extend_from_slice(&[kind.code(), tables.len() as u32]);
            tables.extend_from_slice(kind.words());
            // Tables begin where a section may: on 64 bytes.
            tables.resize(tables.len().next_multiple_of(16), 0);
        }
        let scope = self.device.wgpu.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST;
        let sets = Sets {
            directory: self.buffer("directory", directory.len() as u64 * 4, usage),
            tables: self.buffer("tables", tables.len() as u64 * 4, usage),
        };
        if let Some(error) = pollster::block_on(scope.pop()) {
            return Err(GpuError::new(format!("no memory for the rule tables: {error}")));
        }
        self.device.queue.write_buffer(&sets.directory, 0, bytemuck::cast_slice(&directory));
        self.device.queue.write_buffer(&sets.tables, 0, bytemuck::cast_slice(&tables));
        Ok(sets)
    }

    /// Sends what was put into the slot.
    pub fn submit(&self, slot: &mut Slot, sets: &Sets) {
        let raw = &self.device.wgpu;
        let count = slot.jobs.len() as u32;
        slot.bytes.resize(slot.bytes.len().next_multiple_of(4), 0);
        self.device.queue.write_buffer(&slot.taken, 0, &[0; 4]);
        self.device.queue.write_buffer(&slot.items, 0, bytemuck::cast_slice(&slot.jobs));
        if !slot.bytes.is_empty() {
            self.device.queue.write_buffer(&slot.arena, 0, &slot.bytes);
        }
        let bind_group = self.kernel.bind(
            &self.device,
            &[
                &slot.items,
                &sets.directory,
                self.arena.as_ref().map_or(&slot.arena, |arena| &arena.device.wgpu),
                &sets.tables,
                &slot.done,
                &slot.records,
                &slot.taken,
                &sets.tables,
            ],
        );
        let mut encoder = raw.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.kernel.pipeline);
            pass.set_bind_group(0, &bind_group, &[]);
            pass.dispatch_workgroups(count, 1, 1);
        }
        let results = u64::from(count) * 4;
        let (of_items, chunks) = (record_bytes(count), record_bytes(self.max_items));
        encoder.copy_buffer_to_buffer(&slot.records, chunks, &slot.back, 0, CHUNK_BYTES);
        encoder.copy_buffer_to_buffer(&slot.records, 0, &slot.back, CHUNK_BYTES, of_items);
        encoder.copy_buffer_to_buffer(&slot.done, 0, &slot.back, CHUNK_BYTES + of_items, results);
        slot.state.store(FLYING, Ordering::Release);
        if crate::faults::gpu::launch_loses_device() {
            self.device.note_trouble("device lost at a dispatch, as a test asked for".into());
            return;
        }
        self.device.queue.submit([encoder.finish()]);
        let state = slot.state.clone();
        slot.back.map_async(wgpu::MapMode::Read, ..CHUNK_BYTES + of_items + results, move |result| {
            state.store(if result.is_ok() { READY } else { FAILED }, Ordering::Release);
        });
    }

    /// Waits until the slot's batch is back.
    pub fn wait(&self, slot: &Slot, patience: Duration) -> Result<(), GpuError> {
        if crate::faults::gpu::read_back_fails() {
            return Err(GpuError::new("a batch could not be read back, as a test asked for"));
        }
        // A software device compiles with the first dispatch, for seconds where the machine is busy.
        let deadline = Instant::now() + patience * if self.device.is_software() { 8 } else { 1 };
        loop {
            let _ = self.device.wgpu.poll(wgpu::PollType::Poll);
            match slot.state.load(Ordering::Acquire) {
                READY => return Ok(()),
                FAILED => return Err(GpuError::new("a batch could not be read back")),
                _ => {}
            }
            if let Some(trouble) = self.device.trouble() {
                return Err(GpuError::new(trouble));
            }
            if Instant::now() > deadline {
                return Err(GpuError::new(format!("a batch did not come back within {patience:?}")));
            }
            std::thread::sleep(Duration::from_micros(20));
        }
    }

    /// Shows the answers, and empties the slot.
    pub fn take(&self, slot: &mut Slot, show: impl FnOnce(&Answers<'_>)) -> Result<(), GpuError> {
        let count = slot.jobs.len();
        let of_items = record_bytes(count as u32);
        {
            let mapped = slot
                .back
                .get_mapped_range(..CHUNK_BYTES + of_items + count as u64 * 4)
                .map_err(|e| GpuError::new(format!("a batch could not be read back: {e}")))?;
            let words: &[[u32; 4]] = bytemuck::cast_slice(&mapped[..(CHUNK_BYTES + of_items) as usize]);
            let results: &[u32] = bytemuck::cast_slice(&mapped[(CHUNK_BYTES + of_items) as usize..]);
            show(&Answers { words, results });
        }
        slot.reset();
        Ok(())
    }

    /// What the adapter is.
    pub fn device(&self) -> &Device {
        &self.device
    }
}

/// What came back of a batch, by the order in which its items were put in.
pub struct Answers<'a> {
    words: &'a [[u32; 4]],
    results: &'a [u32],
}

impl Answers<'_> {
    /// How many of the `max` items from `first` on have no match and need no scan here, one after the other.
    pub fn blank_run(&self, first: usize, max: usize) -> usize {
        self.results[first..].iter().take(max).take_while(|&&word| word == 0).count()
    }

    /// An item's answer, and its records in place of what is in `found`.
    pub fn answer(&self, item: usize, found: &mut Vec<RawMatch>) -> DeviceCompletion {
        let mut done = DeviceCompletion::of(self.results[item]);
        found.clear();
        if done.count > 0 && !done.overflow {
            let slot = CHUNK_BYTES / RECORD_BYTES + item as u64 * u64::from(layout::SLOT_RECORDS);
            let place = Where { slot, chunks: 0, salt: 0 };
            done.overflow = !records::read(&place, done, |at| self.words[at as usize], found, &mut Vec::new());
        }
        done
    }
}

impl Slot {
    /// Puts an item in that lies at `offset` of the arena; false: it does not fit any more. `bytes` is asked where they are
    /// to be copied.
    #[inline]
    pub fn push<'a>(
        &mut self,
        batcher: &Batcher,
        offset: u32,
        len: u32,
        set: u32,
        bytes: impl FnOnce() -> &'a [u8],
    ) -> bool {
        let copies = batcher.arena.is_none();
        if self.jobs.len() == batcher.max_items as usize
            || (copies && self.bytes.len() + len as usize > batcher.max_bytes as usize)
        {
            return false;
        }
        let at = if copies { self.bytes.len() as u32 } else { offset };
        // The last word: see `cut_off` in shaders/run.wgsl.
        self.jobs.push([at, len, set, 2]);
        if copies {
            self.bytes.extend_from_slice(bytes());
        }
        true
    }

    /// Items in it.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Forgets what is in it. Not while it is on its way, unless the device is given up.
    pub fn reset(&mut self) {
        if self.state.swap(IDLE, Ordering::AcqRel) != IDLE {
            self.back.unmap();
        }
        self.jobs.clear();
        self.bytes.clear();
    }
}

const RECORD_BYTES: u64 = layout::RECORD_WORDS as u64 * 4;
const CHUNK_BYTES: u64 = CHUNKS as u64 * layout::CHUNK_SIZE as u64 * RECORD_BYTES;

/// Bytes of the records beside so many items' completions.
fn record_bytes(items: u32) -> u64 {
    u64::from(items) * u64::from(layout::SLOT_RECORDS) * RECORD_BYTES
}

/// A job as the shader's `items` has it: kept beside [`Job`] so that a change of one is seen at the other.
const _: () = assert!(size_of::<Job>() <= 16);

/// Nanoseconds of `count` dispatches of one workgroup, each submitted and waited for: what the resident kernel saves.
#[doc(hidden)]
pub fn submit_wait_times(device: &Device, count: usize) -> Vec<u64> {
    let source = "@group(0) @binding(0) var<storage, read_write> word: array<u32>;
        @compute @workgroup_size(32) fn touch() { word[0] = 1u; }";
    let Ok(module) = device.module("touch", source) else { return Vec::new() };
    let raw = &device.wgpu;
    let pipeline = raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("touch"),
        layout: None,
        module: &module,
        entry_point: Some("touch"),
        compilation_options: Default::default(),
        cache: None,
    });
    let buffer = raw.create_buffer(&wgpu::BufferDescriptor {
        label: Some("touch"),
        size: 256,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    let bind_group = raw.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("touch"),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
    });
    (0..count)
        .map(|_| {
            let began = Instant::now();
            let mut encoder = raw.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, &bind_group, &[]);
                pass.dispatch_workgroups(1, 1, 1);
            }
            device.queue.submit([encoder.finish()]);
            let _ = raw.poll(wgpu::PollType::wait_indefinitely());
            began.elapsed().as_nanos() as u64
        })
        .collect()
}
