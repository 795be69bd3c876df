//! Input that lies in host memory and is moved to the device when its items are published: by the processor while little
//! comes, by the copy engines while much does. Bytes have the same place in the host's arena and in the device's.

use super::depth::Depth;
use super::layout::{self, Job, Run};
use super::memory::{Buffer, Place};
use super::pump::{Between, Load, Piece, Pump};
use super::slots::Slots;
use super::{Device, GpuError, stores};
use std::sync::Arc;

/// Pieces smaller than this are stored: each costs a copy engine microseconds.
const SCATTERED: u64 = 8 << 10;

pub(super) struct Staging {
    arena: Arc<Buffer>,
    host_arena: Arc<Buffer>,
    host_slots: Arc<Buffer>,
    mask: u64,
    depth: Depth,
    pump: Pump,
}

impl Staging {
    /// For this ring, between these arenas.
    pub fn new(
        device: &Device,
        slots: &Slots,
        arena: &Arc<Buffer>,
        host_arena: &Arc<Buffer>,
    ) -> Result<Staging, GpuError> {
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
        let (arena, host_arena) = (arena.clone(), host_arena.clone());
        Ok(Staging { arena, host_arena, host_slots, mask: ring - 1, depth: Depth::new(), pump })
    }

    /// Moves jobs to the device, into the ring at the positions of these runs, which are the caller's.
    pub fn publish(&self, slots: &Slots, runs: impl Iterator<Item = Run> + Clone, jobs: impl Iterator<Item = Job>) {
        let jobs: Vec<Job> = jobs.collect();
        let bytes = jobs.iter().map(|job| u64::from(job.len)).sum();
        let pieces = pieces(&jobs);
        let scattered = (pieces.len() + runs.clone().count() - 1) as u64 * SCATTERED > bytes;
        if !self.depth.add(bytes, self.pump.waiting()) || scattered {
            pieces.iter().for_each(|piece| self.store(piece));
            // Input first, then the slots that speak of it.
            stores::fence();
            return slots.write(runs, jobs.iter().copied());
        }
        let positions = runs.clone().flat_map(|run| (0..run.count).map(move |n| run.first.wrapping_add(n)));
        for (position, job) in positions.zip(&jobs) {
            // SAFETY: inside the buffer by the mask. The position is the caller's, and what was there was copied before its
            // item was done.
            unsafe {
                let to = self.host_slots.words().cast::<[u32; 4]>().add((position & self.mask) as usize);
                to.write(layout::slot(position, job));
            }
        }
        // What was written around the cache is there before the copy engines are told.
        stores::fence();
        self.pump.push(Load { pieces, bytes, runs: runs.collect() });
    }

    fn store(&self, piece: &Piece) {
        // SAFETY: jobs lie inside both arenas, which are equally large; the bytes are not written while their item is in
        // flight, and the device's are not read before it is.
        unsafe {
            let from = self.host_arena.pointer().add(piece.offset as usize);
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
    for job in jobs.iter().filter(|job| job.len > 0) {
        let (offset, mut len) = (u64::from(job.offset), u64::from(job.len));
        if job.padded != 0 {
            len = len.next_multiple_of(64);
        }
        match pieces.last_mut() {
            Some(last) if last.offset + last.len == offset => last.len += len,
            _ => pieces.push(Piece { offset, len }),
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_piece_and_no_byte_is_added() {
        let job = |offset, len| Job { offset, len, set: 0, padded: 0 };
        let padded = |offset, len| Job { padded: 1, ..job(offset, len) };
        let jobs = [job(0, 10), job(10, 5), job(16, 4), job(20, 0), job(20, 4), job(4, 8), job(12, 1)];
        let found: Vec<_> = pieces(&jobs).iter().map(|piece| (piece.offset, piece.len)).collect();
        assert_eq!(found, [(0, 15), (16, 8), (4, 9)]);
        let copies = [padded(128, 1), padded(192, 64), padded(256, 65), padded(448, 3)];
        let found: Vec<_> = pieces(&copies).iter().map(|piece| (piece.offset, piece.len)).collect();
        assert_eq!(found, [(128, 256), (448, 64)]);
    }
}
