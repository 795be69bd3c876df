//! An engine's options, checked once, with every refusal saying what to change.

use crate::status::{Error, Result, TRM_ERR_INVALID};

/// Whether a resident kernel is used (the published PersistentThreadMode).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Persistent where it can be, else batch on a GPU, else CPU.
    Auto,
    /// Persistent, or an error that says why not.
    Force,
    /// Never a resident kernel.
    Disable,
}

/// Who drains the ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processor {
    /// The mode decides.
    Any,
    /// A GPU or an error.
    Gpu,
    /// Worker threads.
    Cpu,
    /// The caller's own threads, through claim and mark_done.
    Caller,
}

/// Which finished items hand out a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Every item.
    All,
    /// Items with a match or with another status than OK; the others free their slot when done.
    Hits,
    /// None: `is_done` and the counters only.
    None,
}

/// The largest ring.
pub const MAX_RING: u32 = 1 << 24;
/// The largest arena: what a u32 offset can name.
pub const MAX_ARENA: u64 = 1 << 32;
/// The most worker threads.
pub const MAX_THREADS: u32 = 1024;
/// The most workers of a resident kernel.
pub const MAX_WORKERS: u32 = 65_535;

/// Everything that `trm_engine_create` is told.
#[derive(Clone)]
pub struct Options {
    /// Slots in the ring, a power of two.
    pub ring_size: u32,
    /// Round `ring_size` up to a power of two instead of refusing it.
    pub round_up_ring: bool,
    /// Resident kernel or not.
    pub mode: Mode,
    /// Who drains.
    pub processor: Processor,
    /// Which completions are wanted.
    pub delivery: Delivery,
    /// Bytes of the input arena.
    pub arena_bytes: u64,
    /// A GPU by index or part of its name.
    pub adapter: Option<String>,
    /// Worker threads of the CPU drain; 0: as many as the machine has.
    pub cpu_threads: u32,
    /// Rule sets at one time.
    pub max_rule_sets: u32,
    /// Matches delivered per item; the count stays true.
    pub max_matches_per_item: u64,
    /// Longest time that one launch of the resident kernel runs.
    pub lease_ms: u32,
    /// Idle time after which the GPU is given up.
    pub idle_ms: u32,
    /// Time without progress after which the GPU counts as dead.
    pub watchdog_ms: u32,
    /// Workers of the resident kernel while much comes in; 0: as many as the link needs.
    pub gpu_workers: u32,
    /// The arena is host memory, and moved to the device when items are enqueued.
    pub staged_input: bool,
    /// A handle may reserve positions ahead, and leave some out.
    pub sparse_tickets: bool,
    /// Who hears what happens.
    pub log: super::log::Log,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            ring_size: 8192,
            round_up_ring: false,
            mode: Mode::Auto,
            processor: Processor::Any,
            delivery: Delivery::All,
            arena_bytes: 64 << 20,
            adapter: None,
            cpu_threads: 0,
            max_rule_sets: 64,
            max_matches_per_item: 1 << 20,
            lease_ms: 10,
            idle_ms: 100,
            watchdog_ms: 5000,
            gpu_workers: 0,
            staged_input: false,
            sparse_tickets: false,
            log: super::log::Log::default(),
        }
    }
}

impl Options {
    /// The same options with derived values filled in, or what is wrong with them.
    pub fn checked(mut self) -> Result<Self> {
        let refuse = |message: String| Err(Error::new(TRM_ERR_INVALID, message));
        if self.ring_size == 0 || self.ring_size > MAX_RING {
            return refuse(format!("ring_size is {}: choose a power of two from 1 to {MAX_RING}", self.ring_size));
        }
        if !self.ring_size.is_power_of_two() {
            let next = self.ring_size.next_power_of_two();
            if !self.round_up_ring {
                return refuse(format!(
                    "ring_size {} is not a power of two: use {next}, or set TRM_OPTION_ROUND_UP_RING",
                    self.ring_size
                ));
            }
            self.ring_size = next;
        }
        if self.arena_bytes == 0 || self.arena_bytes > MAX_ARENA {
            return refuse(format!("arena_bytes is {}: choose 1 to {MAX_ARENA}", self.arena_bytes));
        }
        self.arena_bytes = crate::input::round_up(self.arena_bytes);
        if self.max_rule_sets == 0 || self.max_rule_sets > 1 << 16 {
            return refuse(format!("max_rule_sets is {}: choose 1 to 65536", self.max_rule_sets));
        }
        if self.max_matches_per_item == 0 {
            return refuse("max_matches_per_item is 0: choose at least 1".into());
        }
        if self.cpu_threads > MAX_THREADS {
            return refuse(format!("cpu_threads is {}: choose 0 (automatic) to {MAX_THREADS}", self.cpu_threads));
        }
        if self.cpu_threads == 0 {
            self.cpu_threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u32);
        }
        for (name, value) in [("lease_ms", self.lease_ms), ("idle_ms", self.idle_ms), ("watchdog_ms", self.watchdog_ms)]
        {
            if value == 0 || value > 3_600_000 {
                return refuse(format!("{name} is {value}: choose 1 to 3600000 milliseconds"));
            }
        }
        if self.gpu_workers > MAX_WORKERS {
            return refuse(format!("gpu_workers is {}: choose 0 (automatic) to {MAX_WORKERS}", self.gpu_workers));
        }
        if self.mode == Mode::Force && matches!(self.processor, Processor::Cpu | Processor::Caller) {
            return refuse(
                "TRM_MODE_FORCE asks for the resident kernel, but the processor is not a GPU: choose one of the two"
                    .into(),
            );
        }
        Ok(self)
    }
}
