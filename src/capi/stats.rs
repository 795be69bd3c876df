//! Telemetry.

use super::call::{call, known_least, put_text};
use super::engine::{enter, trm_engine};
use crate::drain::DrainKind;
use crate::status::*;
use std::ffi::c_char;

/// `trm_engine_stats_t.drain`: worker threads of the engine.
pub const TRM_DRAIN_CPU: u32 = 1;
/// `trm_engine_stats_t.drain`: the caller's own threads.
pub const TRM_DRAIN_CALLER: u32 = 2;
/// `trm_engine_stats_t.drain`: one ordinary dispatch a batch.
pub const TRM_DRAIN_BATCH: u32 = 3;
/// `trm_engine_stats_t.drain`: a resident kernel.
pub const TRM_DRAIN_PERSISTENT: u32 = 4;

// Plain numbers above, because the header is made from the text; here they are held against what is meant.
const _: () = assert!(
    TRM_DRAIN_CPU == DrainKind::Cpu as u32
        && TRM_DRAIN_CALLER == DrainKind::Caller as u32
        && TRM_DRAIN_BATCH == DrainKind::Batch as u32
        && TRM_DRAIN_PERSISTENT == DrainKind::Persistent as u32
);

/// What an engine has counted. Set `struct_size` before the call; a library that knows less leaves the rest 0.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_engine_stats_t {
    /// `sizeof(trm_engine_stats_t)`, set by the caller.
    pub struct_size: u32,
    /// `TRM_DRAIN_*`: who empties the ring now.
    pub drain: u32,
    /// Items accepted.
    pub accepted: u64,
    /// Items claimed by the drain.
    pub claimed: u64,
    /// Items finished.
    pub finished: u64,
    /// Items accepted and not yet collected or freed.
    pub in_flight: u64,
    /// Bytes of finished items.
    pub bytes: u64,
    /// Matches found, those beyond `max_matches_per_item` included.
    pub matches: u64,
    /// Items with more matches than `max_matches_per_item`.
    pub truncated: u64,
    /// Items that ended in an error.
    pub failed: u64,
    /// Of those, items that met a bug of the library.
    pub panics: u64,
    /// Caller drain: items claimed and not marked done.
    pub unfinished_claims: u64,
    /// Slots of the ring.
    pub ring_size: u32,
    /// Rule sets loaded.
    pub rule_sets: u32,
    /// Bytes of the arena.
    pub arena_bytes: u64,
    /// Of those, held in regions, rounded up to 64 a region.
    pub arena_used: u64,
    /// GPU drains: launches, of leases of the resident kernel or of batches.
    pub launches: u64,
    /// Of those, after the GPU had been given up for idleness.
    pub relaunches: u64,
    /// Rounds in which a worker of the resident kernel found nothing to do.
    pub polls: u64,
    /// Longest hand-over from one lease to the next, in nanoseconds.
    pub longest_gap_ns: u64,
    /// Times that the GPU was given up for dead and its items went to the CPU.
    pub failovers: u64,
    /// Items that the CPU scanned because the GPU could not say everything about them.
    pub host_items: u64,
    /// Why this drain does the work, NUL-terminated UTF-8.
    pub why: [c_char; 256],
    /// Bytes of `host_items`.
    pub host_bytes: u64,
    /// Time that threads took to scan them, in nanoseconds.
    pub host_ns: u64,
    /// Staged input: bytes that the GPU's copy engines moved; the processor stored the others.
    pub pumped_bytes: u64,
    /// Staged input: bytes of the registered buffers whose items are moved from where they are; those of others are copied
    /// first.
    pub imported_bytes: u64,
}

/// What the first version had.
const OLDEST: usize = std::mem::offset_of!(trm_engine_stats_t, host_bytes);

/// Reads the counters of a drum.
///
/// @param engine  any handle of the drum
/// @param out     receives them; `struct_size` must be set
/// @return TRM_OK; TRM_ERR_NULL; TRM_ERR_INVALID: `struct_size` is smaller than this library's oldest; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED
///
/// Any thread. Each counter is exact; together they are no snapshot of one moment.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_stats(engine: *const trm_engine, out: *mut trm_engine_stats_t) -> trm_status {
    call(|| {
        if out.is_null() {
            return Err(TRM_ERR_NULL.into());
        }
        // SAFETY: not NULL, so its first field may be read.
        let size = unsafe { (*out).struct_size };
        known_least("trm_engine_stats_t", OLDEST, size)?;
        let handle = enter(engine)?;
        let stats = handle.engine().stats();
        let mut why = [0; 256];
        put_text(&mut why, &handle.engine().drain_now().1);
        let filled = trm_engine_stats_t {
            struct_size: size,
            drain: stats.drain as u32,
            accepted: stats.accepted,
            claimed: stats.claimed,
            finished: stats.finished,
            in_flight: stats.in_flight,
            bytes: stats.bytes,
            matches: stats.matches,
            truncated: stats.truncated,
            failed: stats.failed,
            panics: stats.panics,
            unfinished_claims: stats.unfinished_claims,
            ring_size: handle.engine().ring().capacity(),
            rule_sets: stats.rule_sets,
            arena_bytes: stats.arena_bytes,
            arena_used: stats.arena_used,
            launches: stats.device.launches,
            relaunches: stats.device.relaunches,
            polls: stats.device.polls,
            longest_gap_ns: stats.device.longest_gap_ns,
            failovers: stats.device.failovers,
            host_items: stats.device.host_items,
            why,
            host_bytes: stats.device.host_bytes,
            host_ns: stats.device.host_ns,
            pumped_bytes: stats.device.pumped_bytes,
            imported_bytes: stats.imported_bytes,
        };
        let known = (size as usize).min(size_of::<trm_engine_stats_t>());
        // SAFETY: the caller says that `size` bytes are there; no more of `filled` is copied, and the rest is 0.
        unsafe {
            out.cast::<u8>().write_bytes(0, size as usize);
            out.cast::<u8>().copy_from_nonoverlapping((&raw const filled).cast(), known);
        }
        Ok(TRM_OK)
    })
}
