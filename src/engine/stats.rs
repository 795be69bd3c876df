//! What an engine counts. Drains count a batch in a [`Tally`] and add it at once, so that items share no counter.

use super::{Engine, Job};
use crate::drain::{DeviceCounters, DrainKind};
use crate::status::{TRM_ERR_PANIC, TRM_OK, TRM_TRUNCATED, trm_status};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Finished items of one batch.
#[derive(Debug, Default, Clone, Copy)]
pub struct Tally {
    items: u64,
    bytes: u64,
    matches: u64,
    truncated: u64,
    failed: u64,
    panics: u64,
    last: bool,
    lane: usize,
}

impl Tally {
    /// One of a thread that counts much: `n` differs from that of other such threads.
    pub fn of_thread(n: usize) -> Self {
        Self { lane: n % LANES, ..Self::default() }
    }

    /// What is counted, which begins anew.
    fn take(&mut self) -> Self {
        let lane = self.lane;
        std::mem::replace(self, Self { lane, ..Self::default() })
    }

    /// The next item is the batch's last: the batch is to be counted before anybody can see that item done, so that
    /// whoever has seen all items done finds them all counted.
    pub fn expect_last(&mut self) {
        self.last = true;
    }

    pub(super) fn is_last(&self) -> bool {
        self.last
    }

    /// An item, and what came of it.
    #[inline]
    pub fn add(&mut self, job: &Job, status: trm_status, match_count: u64) {
        self.items += 1;
        self.bytes += u64::from(job.input_len);
        self.matches += match_count;
        if status != TRM_OK {
            self.truncated += u64::from(status == TRM_TRUNCATED);
            self.failed += u64::from(status < 0);
            self.panics += u64::from(status == TRM_ERR_PANIC);
        }
    }

    /// Items without a match.
    pub fn add_plain(&mut self, items: u64, bytes: u64) {
        self.items += items;
        self.bytes += bytes;
    }

    /// Matches of items that were added by themselves.
    pub fn add_matches(&mut self, matches: u64) {
        self.matches += matches;
    }

    /// Bytes of the batch so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Sets of counters, so that worker threads don't write to one cache line.
const LANES: usize = 8;

/// What the engine's drain counts.
#[derive(Default)]
pub(super) struct Counters {
    lanes: [CachePadded<Lane>; LANES],
    /// Positions that handles which are gone have left out.
    left_out: AtomicU64,
}

#[derive(Default)]
struct Lane {
    items: AtomicU64,
    bytes: AtomicU64,
    matches: AtomicU64,
    truncated: AtomicU64,
    failed: AtomicU64,
    panics: AtomicU64,
}

/// A handle's own part of the counters: what its callers finish is counted here, where no other handle writes.
#[derive(Default)]
pub(super) struct Share {
    items: AtomicU64,
    bytes: AtomicU64,
    matches: AtomicU64,
    truncated: AtomicU64,
    pub(super) ahead: super::ahead::Shown,
}

impl Share {
    /// Counts a batch in. Under the handle's lock, so a load and a store do for each.
    pub(super) fn add(&self, tally: &mut Tally) {
        let tally = tally.take();
        for (counter, more) in [
            (&self.items, tally.items),
            (&self.bytes, tally.bytes),
            (&self.matches, tally.matches),
            (&self.truncated, tally.truncated),
        ] {
            if more > 0 {
                counter.store(counter.load(Relaxed) + more, Relaxed);
            }
        }
    }

    fn read(&self) -> Tally {
        Tally {
            items: self.items.load(Relaxed),
            bytes: self.bytes.load(Relaxed),
            matches: self.matches.load(Relaxed),
            truncated: self.truncated.load(Relaxed),
            ..Tally::default()
        }
    }
}

impl Counters {
    /// Takes over the part of a handle that goes. Under the lock of the table of handles, as is `read`.
    pub(super) fn take_over(&self, share: &Share) {
        self.add(&mut share.read());
        self.left_out.fetch_add(share.ahead.read().left_out, Relaxed);
    }

    pub(super) fn add(&self, tally: &mut Tally) {
        let tally = tally.take();
        let lane = &self.lanes[tally.lane];
        for (counter, more) in [
            (&lane.items, tally.items),
            (&lane.bytes, tally.bytes),
            (&lane.matches, tally.matches),
            (&lane.truncated, tally.truncated),
            (&lane.failed, tally.failed),
            (&lane.panics, tally.panics),
        ] {
            if more > 0 {
                counter.fetch_add(more, Relaxed);
            }
        }
    }

    /// What is counted here and in the handles' own parts, each item once.
    fn sum(&self, engine: &Engine) -> Tally {
        let owners = engine.owners.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut sum = Tally::default();
        for lane in &self.lanes {
            sum.items += lane.items.load(Relaxed);
            sum.bytes += lane.bytes.load(Relaxed);
            sum.matches += lane.matches.load(Relaxed);
            sum.truncated += lane.truncated.load(Relaxed);
            sum.failed += lane.failed.load(Relaxed);
            sum.panics += lane.panics.load(Relaxed);
        }
        for owner in owners.values() {
            let share = owner.share.read();
            sum.items += share.items;
            sum.bytes += share.bytes;
            sum.matches += share.matches;
            sum.truncated += share.truncated;
        }
        sum
    }

    /// Positions of the ring that are no items, of all handles.
    pub(super) fn ahead(&self, engine: &Engine) -> super::ahead::Positions {
        let owners = engine.owners.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        let gone = super::ahead::Positions { left_out: self.left_out.load(Relaxed), ..Default::default() };
        owners.values().fold(gone, |sum, owner| sum + owner.share.ahead.read())
    }

    pub(super) fn read(&self, engine: &Engine) -> Stats {
        let sum = self.sum(engine);
        Stats {
            drain: engine.drain_now().0,
            device: engine.telemetry.get().map(|telemetry| telemetry.counters()).unwrap_or_default(),
            accepted: engine.accepted(),
            claimed: engine.claimed(),
            in_flight: engine.in_flight(),
            finished: sum.items,
            bytes: sum.bytes,
            matches: sum.matches,
            truncated: sum.truncated,
            failed: sum.failed,
            panics: sum.panics,
            unfinished_claims: match engine.kind {
                DrainKind::Caller => engine.unfinished_claims().len() as u64,
                _ => 0,
            },
            rule_sets: engine.sets.loaded() as u32,
            arena_bytes: engine.arena.len(),
            arena_used: engine.arena.used(),
            imported_bytes: engine.arena.registered().bytes_kept(),
        }
    }
}

/// A reading of an engine's counters.
#[derive(Debug, Clone, Copy)]
pub struct Stats {
    /// Who drains now.
    pub drain: DrainKind,
    /// What a device drain counts.
    pub device: DeviceCounters,
    /// Items accepted so far.
    pub accepted: u64,
    /// Items claimed by the drain so far.
    pub claimed: u64,
    /// Items accepted and not yet collected or freed.
    pub in_flight: u64,
    /// Items finished so far.
    pub finished: u64,
    /// Bytes of finished items.
    pub bytes: u64,
    /// Matches found, those beyond a limit included.
    pub matches: u64,
    /// Items with more matches than the limit.
    pub truncated: u64,
    /// Items that ended in an error.
    pub failed: u64,
    /// Items that met a bug of the library.
    pub panics: u64,
    /// Caller drain: items claimed and not marked done.
    pub unfinished_claims: u64,
    /// Rule sets loaded.
    pub rule_sets: u32,
    /// The arena's size.
    pub arena_bytes: u64,
    /// Of that, held in regions.
    pub arena_used: u64,
    /// Registered buffers that copy engines read where they are.
    pub imported_bytes: u64,
}
