//! Rule tables in device memory, loaded and unloaded while the kernel runs.
//!
//! Tables go in by plain stores, never through wgpu's queue, which the kernel keeps busy. The kernel reads them through
//! caches that nothing invalidates during a lease, so freed room is given out again only after every lease that could
//! have read it has ended.

use super::layout::{self, CONTROL_SETS, SETS};
use super::memory::{Buffer, Place};
use super::{GpuError, stores};
use std::collections::VecDeque;
use std::sync::Mutex;

/// A loaded rule set's place in the directory.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "dropping it leaves the set loaded for good"]
pub struct SetSlot {
    index: u16,
}

impl SetSlot {
    /// What goes into [`super::Job::set`].
    pub fn index(&self) -> u16 {
        self.index
    }
}

/// Why a set could not be loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The directory is full.
    #[error("too many rule sets are loaded on the device")]
    Sets,
    /// No room for the tables.
    #[error(
        "its tables take {needed} bytes, and of the {all} bytes for tables on the device {free} are free, at most {largest} of \
         them in one piece: split the set, or unload others"
    )]
    Memory {
        /// Bytes of the tables.
        needed: u64,
        /// Bytes that are free, perhaps in pieces.
        free: u64,
        /// Bytes of the largest free piece.
        largest: u64,
        /// Bytes for the tables of all sets.
        all: u64,
    },
}

impl TableError {
    /// What is said of the set under this id.
    pub fn of_set(&self, id: u32, device: &str) -> String {
        format!("rule set {id} is not on {device}, so its items are scanned by worker threads: {self}")
    }
}

/// Device memory for the tables of all sets of an engine.
pub const TABLES: usize = 64 << 20;

/// How the device runs a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SetKind<'a> {
    /// Matches nothing.
    Empty,
    /// The host scans its items.
    Host,
    /// One record with the sum of the bytes.
    Probe,
    /// Literal tables: every occurrence is a match.
    Literal(&'a [u32]),
    /// Strings, runs and walks (`src/rules/device.rs`): occurrences that are matches are reported, and an item in which
    /// a walk finds a match is scanned by the host.
    Rules(Vec<u32>),
}

impl SetKind<'_> {
    /// What the directory says.
    pub(super) fn code(&self) -> u32 {
        match self {
            SetKind::Empty => layout::KIND_EMPTY,
            SetKind::Host => layout::KIND_HOST,
            SetKind::Probe => layout::KIND_PROBE,
            SetKind::Literal(_) => layout::KIND_LITERAL,
            SetKind::Rules(_) => layout::KIND_RULES,
        }
    }

    /// Its tables.
    pub(super) fn words(&self) -> &[u32] {
        match self {
            SetKind::Literal(words) => words,
            SetKind::Rules(words) => words,
            _ => &[],
        }
    }
}

impl SetKind<'_> {
    /// What its tables take.
    pub fn bytes(&self) -> u64 {
        self.words().len() as u64 * 4
    }
}

/// The directory and the memory of all tables.
pub(super) struct Tables {
    buffer: Buffer,
    inner: Mutex<Inner>,
}

struct Inner {
    /// All there are.
    steps: u32,
    room: offset_allocator::Allocator<u32>,
    sets: Vec<Option<offset_allocator::Allocation<u32>>>,
    free: Vec<u16>,
    /// Unloaded, but perhaps still in a running lease's caches: (newest lease at that time, index).
    resting: VecDeque<(u32, u16)>,
}

/// Tables are placed in steps of this many words, so that no two share a cache line.
const STEP: u32 = 64;

impl Tables {
    pub fn new(device: &wgpu::Device, bytes: usize) -> Result<Tables, GpuError> {
        let buffer = Buffer::new(device, "rule tables", bytes, Place::Mapped)?;
        let steps = (bytes / 4) as u32 / STEP;
        let inner = Inner {
            steps,
            room: offset_allocator::Allocator::with_max_allocs(steps, SETS),
            sets: (0..SETS).map(|_| None).collect(),
            free: (1..SETS as u16).rev().collect(),
            resting: VecDeque::new(),
        };
        Ok(Tables { buffer, inner: Mutex::new(inner) })
    }

    pub fn binding(&self) -> &wgpu::Buffer {
        &self.buffer.wgpu
    }

    /// Writes a set's tables and its directory entry. `ended`: newest lease known to have ended.
    pub fn load(&self, control: &Buffer, ended: u32, kind: SetKind<'_>) -> Result<SetSlot, TableError> {
        let (code, words) = (kind.code(), kind.words());
        let mut inner = self.inner.lock().unwrap_or_else(|p| p.into_inner());
        inner.wake(ended);
        let index = inner.free.pop().ok_or(TableError::Sets)?;
        let mut first_word = 0;
        if !words.is_empty() {
            let steps = u32::try_from(words.len().div_ceil(STEP as usize)).unwrap_or(u32::MAX);
            let Some(place) = inner.room.allocate(steps) else {
                inner.free.push(index);
                let bytes = |steps: u32| u64::from(steps) * u64::from(STEP) * 4;
                let report = inner.room.storage_report();
                return Err(TableError::Memory {
                    needed: bytes(steps),
                    free: bytes(report.total_free_space),
                    largest: bytes(report.largest_free_region),
                    all: bytes(inner.steps),
                });
            };
            first_word = place.offset * STEP;
            // SAFETY: the allocator gave this range to this set alone, and no lease reads it before its entry is used.
            unsafe {
                stores::bytes(self.buffer.pointer().add(first_word as usize * 4), bytemuck::cast_slice(words));
            }
            inner.sets[index as usize] = Some(place);
        }
        let entry = CONTROL_SETS + 2 * u32::from(index);
        // SAFETY: the directory lies inside the control buffer and this entry is ours until it is unloaded.
        unsafe {
            stores::word(control.words().add(entry as usize), code);
            stores::word(control.words().add(entry as usize + 1), first_word);
        }
        stores::fence();
        Ok(SetSlot { index })
    }

    /// Gives a set's room back. No published item may name it any more. `submitted`: newest lease.
    pub fn unload(&self, set: SetSlot, submitted: u32) {
        let mut inner = self.inner.lock().unwrap_or_else(|p| p.into_inner());
        inner.resting.push_back((submitted, set.index));
    }
}

impl Inner {
    /// Room whose last possible reader has ended is free again.
    fn wake(&mut self, ended: u32) {
        while let Some(&(lease, index)) = self.resting.front() {
            if (ended.wrapping_sub(lease) as i32) < 0 {
                break;
            }
            self.resting.pop_front();
            if let Some(place) = self.sets[index as usize].take() {
                self.room.free(place);
            }
            self.free.push(index);
        }
    }
}
