//! Input that lies in host memory and is moved to the device when its items are published: by the processor while little
//! comes, by the copy engines while much does. Bytes have the same place in the host's arena and in the device's.

use super::depth::Depth;
use super::import::Imports;
use super::layout::{self, Job, Run};
use super::memory::{Buffer, Place};
use super::persistent::Arena;
use super::piece::{Piece, Source};
use super::pump::{Between, Load, Pump};
use super::slots::Slots;
use super::{Device, GpuError, stores};
use std::sync::Arc;

/// Pieces smaller than this are stored: each costs a copy engine microseconds.
const SCATTERED: u64 = 8 << 10;

pub(super) struct Staging {
    arena: Arc<Buffer>,
    host_arena: Arc<Buffer>,
    imports: Option<Arc<Imports>>,
    host_slots: Arc<Buffer>,
    mask: u64,
    depth: Depth,
    pump: Pump,
}

impl Staging {
    /// For this ring, from an arena's memory on the host to the device's.
    pub fn new(device: &Device, slots: &Slots, arena: &Arena) -> Result<Staging, GpuError> {
        let imports = arena.imports.as_ref().map(|(_, imports)| imports.clone());
        let host_arena = arena.host.clone().unwrap_or_else(|| arena.device.clone());
        let arena = arena.device.clone();
        let ring = 1u64 << slots.bits();
        let host_slots = Arc::new(Buffer::new(&device.wgpu, "slots to be sent", ring as usize * 16, Place::Cached)?);
        let between = Between {
            host_arena: host_arena.clone(),
            arena: arena.clone(),
            host_slots: host_slots.clone(),
            slots: slots.buffer().clone(),
            ring,
        };
        let pump = Pump::start(device, between)
            .map_err(|e| GpuError::new(format!("the pump's thread could not be started: {e}")))?;
        Ok(Staging { arena, host_arena, imports, host_slots, mask: ring - 1, depth: Depth::new(), pump })
    }

    /// Moves jobs to the device, into the ring at the positions of these runs, which are the caller's.
    pub fn publish(&self, slots: &Slots, runs: Vec<Run>, jobs: &[Job]) {
        let bytes = jobs.iter().map(|job| u64::from(job.len)).sum();
        let mut pieces = pieces(jobs);
        self.find_sources(&mut pieces);
        // A run of slots beyond the first is a piece more.
        let scattered = (pieces.len() + runs.len() - 1) as u64 * SCATTERED > bytes;
        let deep = self.depth.add(bytes, self.pump.waiting()) && !scattered;
        if !crate::faults::gpu::pumps_anyway().unwrap_or(deep) {
            pieces.iter().for_each(|piece| self.store(piece));
            // Input first, then the slots that speak of it.
            stores::fence();
            let mut jobs = jobs.iter().copied();
            runs.iter().for_each(|run| slots.write(run.first, jobs.by_ref().take(run.count as usize)));
            return;
        }
        let positions = runs.iter().flat_map(|run| (0..run.count).map(move |n| run.first.wrapping_add(n)));
        for (position, job) in positions.zip(jobs) {
            // SAFETY: inside the buffer by the mask. The position is the caller's, and what was there was copied before its
            // item was done.
            unsafe {
                let to = self.host_slots.words().cast::<[u32; 4]>().add((position & self.mask) as usize);
                to.write(layout::slot(position, job));
            }
        }
        self.depth.pumps(bytes);
        // What was written around the cache is there before the copy engines are told.
        stores::fence();
        self.pump.push(Load { pieces, bytes, runs });
    }

    /// Looks up the registered buffers that pieces come from.
    fn find_sources(&self, pieces: &mut [Piece]) {
        for piece in pieces {
            if let Source::Unknown(from) = piece.source {
                let found = self.imports.as_ref().and_then(|imports| imports.find(from));
                let (import, at) = found.expect("a buffer stays imported while an item is in flight");
                piece.source = Source::Import(import, at);
            }
        }
    }

    fn store(&self, piece: &Piece) {
        // SAFETY: jobs lie inside both arenas, which are equally large, or inside the registered buffer that they come from;
        // the bytes are not written while their item is in flight, and the device's are not read before it is.
        unsafe {
            let from = piece.pointer(&self.host_arena);
            let bytes = std::slice::from_raw_parts(from, piece.len as usize);
            stores::bytes(self.arena.pointer().add(piece.offset as usize), bytes);
        }
    }

    /// Bytes that the copy engines moved.
    pub fn pumped(&self) -> u64 {
        self.depth.pumped()
    }

    /// Ends the pump.
    pub fn stop(&self) {
        self.pump.stop();
    }
}

/// The bytes of all jobs, where they lie side by side in one piece. Never a byte that is no job's: somebody may be writing
/// it.
fn pieces(jobs: &[Job]) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    // Where the last piece ends in the registered buffers, if it is of one.
    let mut ended = 0;
    for job in jobs.iter().filter(|job| job.len > 0) {
        let (offset, mut len) = (u64::from(job.offset), u64::from(job.len));
        if job.padded != 0 && job.from == 0 {
            len = len.next_multiple_of(64);
        }
        let end = if job.from == 0 { 0 } else { u64::from(job.from) + len };
        match pieces.last_mut() {
            Some(last) if last.offset + last.len == offset && ended == u64::from(job.from) => last.len += len,
            _ => {
                let source = if job.from == 0 { Source::Arena } else { Source::Unknown(job.from) };
                pieces.push(Piece { offset, len, source });
            }
        }
        ended = end;
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_piece_and_no_byte_is_added() {
        let job = |offset, len| Job { offset, len, set: 0, ..Job::default() };
        let padded = |offset, len| Job { padded: 1, ..job(offset, len) };
        let jobs = [job(0, 10), job(10, 5), job(16, 4), job(20, 0), job(20, 4), job(4, 8), job(12, 1)];
        let found: Vec<_> = pieces(&jobs).iter().map(|piece| (piece.offset, piece.len)).collect();
        assert_eq!(found, [(0, 15), (16, 8), (4, 9)]);
        let copies = [padded(128, 1), padded(192, 64), padded(256, 65), padded(448, 3)];
        let found: Vec<_> = pieces(&copies).iter().map(|piece| (piece.offset, piece.len)).collect();
        assert_eq!(found, [(128, 256), (448, 64)]);
        // Registered buffers: only what lies side by side in both places, and no byte is added.
        let from = |offset, len, from| Job { from, ..padded(offset, len) };
        let jobs = [from(0, 64, 900), from(64, 64, 964), from(128, 10, 1028), from(192, 64, 1038), from(256, 64, 2000)];
        let jobs = [&jobs[..], &[padded(320, 64), from(384, 1, 64)]].concat();
        let found: Vec<_> = pieces(&jobs)
            .iter()
            .map(|piece| (piece.offset, piece.len, if let Source::Unknown(from) = piece.source { from } else { 0 }))
            .collect();
        assert_eq!(found, [(0, 138, 900), (192, 64, 1038), (256, 64, 2000), (320, 64, 0), (384, 1, 64)]);
    }
}
