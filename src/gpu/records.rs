//! Match records as the device writes them: a few beside each completion, more in chunks that it takes from a pool.
//!
//! Nothing orders records before the completion that tells of them (`shaders/emit.wgsl` says why), so each carries a seal
//! over its words, its place and its item: a record that has not arrived yet does not pass. A chunk is free while the host
//! has given it back as often as the kernel took it; each of the two writes its own count.

use super::completions::DeviceCompletion;
use super::layout::{
    CHUNK_RECORDS, CHUNK_SIZE, CONTROL_FREED, INLINE_RECORDS, LINK_INDEX, RECORD_WORDS, RawMatch, SLOT_RECORDS,
};
use super::memory::{Buffer, Place};
use super::{GpuError, stores};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How long records may be behind their completion. They are stored before it, a microsecond would do.
const PATIENCE: Duration = Duration::from_millis(20);

/// The check word of a record.
fn seal([a, b, c]: [u32; 3], index: u32, salt: u32) -> u32 {
    let salt = salt.wrapping_mul(0x9e37_79b1);
    let mut mixed = a.wrapping_mul(0x9e37_79b1)
        ^ b.wrapping_add(salt).wrapping_mul(0x85eb_ca6b)
        ^ c.wrapping_add(index).wrapping_mul(0xc2b2_ae35);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x27d4_eb2f);
    mixed ^ (mixed >> 13)
}

/// Where an item's records lie among all.
pub(super) struct Where {
    /// First record of its slot.
    pub slot: u64,
    /// First record of the first chunk.
    pub chunks: u64,
    /// What makes its seals its own.
    pub salt: u32,
}

/// Appends an item's records to `out` and the numbers of its chunks to `chunks`. `record` gives the words at a place. False:
/// some are not there.
pub(super) fn read(
    place: &Where,
    done: DeviceCompletion,
    record: impl Fn(u64) -> [u32; 4],
    out: &mut Vec<RawMatch>,
    chunks: &mut Vec<u32>,
) -> bool {
    let sealed = |at: u64, index: u32| {
        let [a, b, c, check] = record(at);
        (check == seal([a, b, c], index, place.salt)).then_some(RawMatch { a, b, c })
    };
    // Of what the host scans itself only the chunks are of interest.
    let wanted = if done.overflow { 0 } else { done.count };
    out.reserve(wanted as usize);
    let mut part = |at: u64, first: u32, room: u32| {
        for index in first..wanted.min(first + room) {
            match sealed(at + u64::from(index - first), index) {
                Some(found) => out.push(found),
                None => return false,
            }
        }
        true
    };
    if !part(place.slot, 0, INLINE_RECORDS) {
        return false;
    }
    let mut link = place.slot + u64::from(INLINE_RECORDS);
    for number in 0..done.chunks {
        let Some(next) = sealed(link, LINK_INDEX - number) else { return false };
        chunks.push(next.a);
        link = place.chunks + u64::from(next.a) * u64::from(CHUNK_SIZE);
        if !part(link + 1, INLINE_RECORDS + number * CHUNK_RECORDS, CHUNK_RECORDS) {
            return false;
        }
    }
    true
}

/// The records of a resident kernel's ring, with their chunks.
pub(super) struct Records {
    buffer: Buffer,
    ring_bits: u32,
    /// How often each chunk was given back.
    freed: Box<[AtomicU32]>,
}

impl Records {
    /// For a ring of 2^`ring_bits` slots and 2^`chunk_bits` chunks.
    pub fn new(device: &wgpu::Device, ring_bits: u32, chunk_bits: u32) -> Result<Records, GpuError> {
        let records = (u64::from(SLOT_RECORDS) << ring_bits) + (u64::from(CHUNK_SIZE) << chunk_bits);
        let bytes = records as usize * RECORD_WORDS as usize * 4;
        Ok(Records {
            buffer: Buffer::new(device, "match records", bytes, Place::Cached)?,
            ring_bits,
            freed: (0..1u32 << chunk_bits).map(|_| AtomicU32::new(0)).collect(),
        })
    }

    pub fn binding(&self) -> &wgpu::Buffer {
        &self.buffer.wgpu
    }

    /// Appends the records of a position that is done, and gives its chunks back: to be called once. False: they did not
    /// come, and the host has to scan the item.
    pub fn take(&self, control: &Buffer, position: u64, done: DeviceCompletion, out: &mut Vec<RawMatch>) -> bool {
        let place = Where {
            slot: (position & ((1 << self.ring_bits) - 1)) * u64::from(SLOT_RECORDS),
            chunks: u64::from(SLOT_RECORDS) << self.ring_bits,
            salt: position as u32,
        };
        let (before, mut chunks, mut since) = (out.len(), Vec::new(), None);
        let record = |at: u64| {
            // SAFETY: the places of slots lie in the buffer, those of chunks too since only sealed links are followed; the
            // device may be writing the words, which a volatile load reads as they are at some time, and the seal tells.
            unsafe { self.buffer.words().cast::<[u32; RECORD_WORDS as usize]>().add(at as usize).read_volatile() }
        };
        while !read(&place, done, record, out, &mut chunks) {
            out.truncate(before);
            if since.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                break;
            }
            chunks.clear();
            std::hint::spin_loop();
        }
        for &chunk in &chunks {
            let times = self.freed[chunk as usize].fetch_add(1, Ordering::Relaxed).wrapping_add(1);
            // SAFETY: the control buffer has a word for each chunk. This chunk is the caller's until the word says
            // otherwise, so nobody else writes it; the loads of its records come before the store.
            unsafe { stores::word(control.words().add((CONTROL_FREED + chunk) as usize), times) };
        }
        since.is_none_or(|since| since.elapsed() <= PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Where = Where { slot: 32, chunks: 160, salt: 77 };

    /// Memory with `count` records of one item in two chunks, as the kernel writes them.
    fn written(count: u32) -> (Vec<[u32; 4]>, DeviceCompletion, Vec<u32>) {
        let mut memory = vec![[9; 4]; 400];
        let numbers = [2u32, 0];
        let put = |memory: &mut Vec<[u32; 4]>, at: u64, [a, b, c]: [u32; 3], index| {
            memory[at as usize] = [a, b, c, seal([a, b, c], index, PLACE.salt)];
        };
        let start = |n: usize| PLACE.chunks + u64::from(numbers[n]) * u64::from(CHUNK_SIZE);
        let chunks = count.saturating_sub(INLINE_RECORDS).div_ceil(CHUNK_RECORDS);
        for n in 0..chunks {
            let link = if n == 0 { PLACE.slot + u64::from(INLINE_RECORDS) } else { start(n as usize - 1) };
            put(&mut memory, link, [numbers[n as usize], 0, 0], LINK_INDEX - n);
        }
        for i in 0..count {
            let at = match i.checked_sub(INLINE_RECORDS) {
                None => PLACE.slot + u64::from(i),
                Some(more) => start((more / CHUNK_RECORDS) as usize) + 1 + u64::from(more % CHUNK_RECORDS),
            };
            put(&mut memory, at, [i, i * 2, i * 3], i);
        }
        (memory, DeviceCompletion { count, chunks, overflow: false }, numbers[..chunks as usize].to_vec())
    }

    #[test]
    fn every_count_is_read_whole_or_not_at_all() {
        for count in [0, 1, 14, 15, 16, 77, 78, 79, 141] {
            let (memory, done, numbers) = written(count);
            let (mut out, mut chunks) = (Vec::new(), Vec::new());
            assert!(read(&PLACE, done, |at| memory[at as usize], &mut out, &mut chunks));
            assert_eq!(out, (0..count).map(|i| RawMatch { a: i, b: i * 2, c: i * 3 }).collect::<Vec<_>>());
            assert_eq!(chunks, numbers);
            // Any record that is still on its way.
            for late in 0..memory.len() {
                let old = |at: u64| if at as usize == late { [9; 4] } else { memory[at as usize] };
                let used = memory[late] != [9; 4];
                assert_eq!(read(&PLACE, done, old, &mut Vec::new(), &mut Vec::new()), !used, "{count} {late}");
            }
        }
    }

    #[test]
    fn another_items_records_do_not_pass() {
        let (memory, done, _) = written(3);
        for salt in [PLACE.salt + 1, PLACE.salt + (1 << 16)] {
            let other = Where { salt, ..PLACE };
            assert!(!read(&other, done, |at| memory[at as usize], &mut Vec::new(), &mut Vec::new()));
        }
    }

    #[test]
    fn what_the_host_scans_gives_its_chunks_back() {
        let (memory, done, numbers) = written(100);
        let (mut out, mut chunks) = (Vec::new(), Vec::new());
        let done = DeviceCompletion { overflow: true, ..done };
        assert!(read(&PLACE, done, |at| memory[at as usize], &mut out, &mut chunks));
        assert_eq!((out.len(), chunks), (0, numbers));
    }
}
