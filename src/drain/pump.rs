//! A drain whose items are worked on elsewhere: it is fed, and looked after, by whoever comes by.
//!
//! Callers' threads pass on what they enqueue and pick up what is done: an answer that had to wait for a thread of ours
//! to wake up would take ten times as long. A thread of the drain does the same now and then, for callers that don't
//! come by.

use super::DrainKind;
use crate::engine::{Engine, Owners};
use crate::ring::Position;
use crate::types::trm_completion;
use std::any::Any;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// See the module.
pub trait Pump: Send + Sync {
    /// Passes on what is published. Unless it is `urgent` a few items may be held back for company.
    fn forward(&self, engine: &Engine, urgent: bool);

    /// Finishes those of `positions`, oldest first, that are done by now. Gives up after `patience` that are not.
    fn harvest(
        &self,
        engine: &Engine,
        positions: &mut dyn Iterator<Item = Position>,
        patience: usize,
        owners: &mut Owners,
    );

    /// Takes consecutive items from `first` on, as many as are done without a match and as fit: writes their
    /// completions, frees their slots, and says how many. The caller owns these items and wants every completion.
    fn take_plain(&self, _engine: &Engine, _first: Position, _out: &mut [trm_completion]) -> usize {
        0
    }

    /// Which drain does the work just now, and why.
    fn now(&self) -> (DrainKind, String);

    /// What it has counted.
    fn counters(&self) -> PumpCounters;
}

/// Counters of a device drain; 0 where they mean nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PumpCounters {
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
    /// Items that the host scanned because the device could not say everything.
    pub host_items: u64,
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
