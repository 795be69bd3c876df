//! A drain whose items are worked on by a device: callers' threads hand their items over and pick up what is done.
//!
//! An answer that had to wait for a thread of ours to wake up would take ten times as long, and one thread could never
//! carry what many callers can. A thread of the drain does the same for callers that don't come by.

use super::DrainKind;
use crate::engine::{Batch, Engine, Known, Lender, Loans, Room};
use crate::ring::{Position, Reservation};
use std::any::Any;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// What the statistics ask of a drain that may change, or counts more than items.
pub trait Telemetry: Send + Sync {
    /// Which drain does the work just now, and why.
    fn now(&self) -> (DrainKind, String);

    /// What it has counted.
    fn counters(&self) -> DeviceCounters;
}

/// See the module. Every call comes from a thread that holds the lock of the handle whose items these are.
pub trait Feed: Telemetry {
    /// Publishes a reserved batch to the device, which adds it to the handle's items. Where there is no device just now the
    /// reservation comes back, to be published for worker threads.
    fn lend(
        &self,
        engine: &Engine,
        reservation: Reservation,
        batch: &Batch<'_>,
        loans: &mut Loans,
        known: &mut Known,
    ) -> Result<(), Reservation>;

    /// Tells the device of items that it was not told of.
    fn send(&self, engine: &Engine, loans: &mut Loans, known: &mut Known);

    /// Finishes what is done of a handle's items, or of the one item `only`: into a caller's `room`, or else into the
    /// ring.
    fn harvest(
        &self,
        engine: &Engine,
        lender: &mut Lender<'_>,
        only: Option<Position>,
        room: Option<&mut Room<'_, '_>>,
    ) -> Harvest;

    /// A handle has items with the device, and had none before.
    fn wake(&self);

    /// Items were published for worker threads.
    fn queued(&self, count: usize);
}

/// What a harvest brought.
#[derive(Debug, Default, Clone, Copy)]
pub struct Harvest {
    /// Items are over.
    pub finished: bool,
    /// Outcomes of some of them lie in the ring.
    pub collectable: bool,
    /// The next item needs so many matches, more than there is room for; it lies in the ring.
    pub short: Option<usize>,
}

/// Counters of a device drain; 0 where they mean nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeviceCounters {
    /// Launches: of leases, or of batches.
    pub launches: u64,
    /// Of those, after the GPU had been given up for idleness.
    pub relaunches: u64,
    /// Rounds in which a worker of the kernel found nothing to do.
    pub polls: u64,
    /// Longest hand-over from one lease to the next, in nanoseconds.
    pub longest_gap_ns: u64,
    /// Times that the GPU was given up for dead.
    pub failovers: u64,
    /// Bytes that copy engines moved to the device.
    pub pumped_bytes: u64,
    /// Items that the host scanned because the device could not say everything.
    pub host_items: u64,
    /// Their bytes.
    pub host_bytes: u64,
    /// Time that threads took to scan them, in nanoseconds.
    pub host_ns: u64,
}

/// What the host scanned because a device could not say everything.
#[derive(Default)]
pub(super) struct HostShare {
    items: AtomicU64,
    bytes: AtomicU64,
    ns: AtomicU64,
}

#[cfg_attr(not(feature = "gpu"), allow(dead_code))]
impl HostShare {
    /// Counts scanned items in.
    pub fn add(&self, items: u64, bytes: u64, took: std::time::Duration) {
        self.items.fetch_add(items, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.ns.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Puts the sums into these counters.
    pub fn tell(&self, counters: &mut DeviceCounters) {
        counters.host_items = self.items.load(Ordering::Relaxed);
        counters.host_bytes = self.bytes.load(Ordering::Relaxed);
        counters.host_ns = self.ns.load(Ordering::Relaxed);
    }
}

/// A loaded set's place on a device, made when it is first needed and dropped with the set.
#[derive(Default)]
pub struct OnDevice {
    /// Epoch of the device's memory and the index there: `epoch << 16 | index`; 0: none yet.
    word: AtomicU64,
    held: Mutex<Option<Box<dyn Any + Send>>>,
}

impl OnDevice {
    /// The index in the device memory of `epoch`, where it has one.
    pub fn known(&self, epoch: u64) -> Option<u16> {
        let word = self.word.load(Ordering::Acquire);
        (word >> 16 == epoch && epoch != 0).then_some(word as u16)
    }

    /// The index in the device memory of `epoch`. `load` makes it, with what keeps it loaded.
    pub fn index(&self, epoch: u64, load: impl FnOnce() -> (u16, Option<Box<dyn Any + Send>>)) -> u16 {
        let word = self.word.load(Ordering::Acquire);
        if word >> 16 == epoch {
            return word as u16;
        }
        let mut held = crate::engine::lock(&self.held);
        let word = self.word.load(Ordering::Acquire);
        if word >> 16 == epoch {
            return word as u16;
        }
        let (index, keep) = load();
        *held = keep;
        self.word.store(epoch << 16 | u64::from(index), Ordering::Release);
        index
    }
}
