//! Match records as the device writes them: a few beside each completion, more in chunks that it takes from a pool.
//!
//! Nothing orders records before the completion that tells of them (`shaders/emit.wgsl` says why), so each carries a seal
//! over its words, its place and its item: a record that has not arrived yet does not pass. A chunk is free while the host
//! has given it back as often as the kernel took it; each of the two writes its own count.

use super::completions::DeviceCompletion;
use super::layout::{
    CHUNK_RECORDS, CHUNK_SIZE, CONTROL_FREED, INLINE_RECORDS, LINK_INDEX, RECORD_WORDS, RawMatch, SLOT_RECORDS,
    TEXT_BYTES, TEXT_INDEX,
};
use super::memory::{Buffer, Place};
use super::{GpuError, stores};
use std::sync::atomic::{AtomicU32, Ordering, fence};
use std::time::{Duration, Instant};

/// How long records may be behind their completion. They are stored before it, a microsecond would do.
const PATIENCE: Duration = Duration::from_millis(20);

/// The check word of a record.
pub(crate) fn seal([a, b, c]: [u32; 3], index: u32, salt: u32) -> u32 {
    let salt = salt.wrapping_mul(0x9e37_79b1);
    let mut mixed = a.wrapping_mul(0x9e37_79b1)
        ^ b.wrapping_add(salt).wrapping_mul(0x85eb_ca6b)
        ^ c.wrapping_add(index).wrapping_mul(0xc2b2_ae35);
    mixed = (mixed ^ (mixed >> 15)).wrapping_mul(0x27d4_eb2f);
    mixed ^ (mixed >> 13)
}

/// Where an item's records lie among all.
pub(crate) struct Where {
    /// First record of its slot.
    pub slot: u64,
    /// First record of the first chunk.
    pub chunks: u64,
    /// What makes its seals its own.
    pub salt: u32,
}

/// What the device knows of an item that the host has to look at.
#[derive(Debug, Default)]
pub struct ForHost {
    /// What it found: occurrences of strings, and borders ([`RawMatch::as_border`]) through which matches lead. None: not
    /// everything.
    pub found: Option<Vec<RawMatch>>,
    /// The item's bytes, where it sent them.
    pub text: Option<Vec<u8>>,
}

/// Shows an item's records in order and adds the numbers of its chunks to `chunks`. Those from `texts` on are its bytes.
/// `record` gives the words at a place. False: some are not there, or `show` said no.
#[inline]
pub(crate) fn visit(
    place: &Where,
    (count, texts, chunk_count): (u32, u32, u32),
    record: impl Fn(u64) -> [u32; 4],
    chunks: &mut Vec<u32>,
    mut show: impl FnMut(u32, RawMatch) -> bool,
) -> bool {
    let sealed = |at: u64, index: u32| {
        let [a, b, c, check] = record(at);
        (check == seal([a, b, c], index, place.salt)).then_some(RawMatch { a, b, c })
    };
    let mut part = |at: u64, first: u32, room: u32| {
        (first..count.min(first + room)).all(|number| {
            let index = if number < texts { number } else { TEXT_INDEX + (number - texts) };
            sealed(at + u64::from(number - first), index).is_some_and(|found| show(number, found))
        })
    };
    if !part(place.slot, 0, INLINE_RECORDS) {
        return false;
    }
    let mut link = place.slot + u64::from(INLINE_RECORDS);
    for number in 0..chunk_count {
        let Some(next) = sealed(link, LINK_INDEX - number) else { return false };
        chunks.push(next.a);
        link = place.chunks + u64::from(next.a) * u64::from(CHUNK_SIZE);
        if !part(link + 1, INLINE_RECORDS + number * CHUNK_RECORDS, CHUNK_RECORDS) {
            return false;
        }
    }
    true
}

/// Appends an item's records to `out` and the numbers of its chunks to `chunks`. False: some are not there.
pub(super) fn read(
    place: &Where,
    done: DeviceCompletion,
    record: impl Fn(u64) -> [u32; 4],
    out: &mut Vec<RawMatch>,
    chunks: &mut Vec<u32>,
) -> bool {
    // Of what the host scans itself only the chunks are of interest.
    let wanted = if done.overflow { 0 } else { done.count };
    out.reserve(wanted as usize);
    visit(place, (wanted, u32::MAX, done.chunks), record, chunks, |_, found| {
        out.push(found);
        true
    })
}

/// As [`read`], of an item of `len` bytes that the host has to look at.
fn read_for_host(
    place: &Where,
    done: DeviceCompletion,
    len: u32,
    record: impl Fn(u64) -> [u32; 4],
    out: &mut ForHost,
    chunks: &mut Vec<u32>,
) -> bool {
    let of_text = if done.text { len.div_ceil(TEXT_BYTES) } else { 0 };
    let Some(texts) = done.count.checked_sub(of_text) else { return false };
    let (mut found, mut text) =
        (Vec::with_capacity(texts as usize), Vec::with_capacity((of_text * TEXT_BYTES) as usize));
    let whole = visit(place, (done.count, texts, done.chunks), record, chunks, |number, one| {
        if number < texts {
            found.push(one);
        } else {
            text.extend_from_slice(bytemuck::bytes_of(&[one.a.to_le(), one.b.to_le(), one.c.to_le()]));
        }
        true
    });
    text.truncate(len as usize);
    if whole {
        *out = ForHost { found: done.borders.then_some(found), text: done.text.then_some(text) };
    }
    whole
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

    fn place(&self, position: u64) -> Where {
        Where {
            slot: (position & ((1 << self.ring_bits) - 1)) * u64::from(SLOT_RECORDS),
            chunks: u64::from(SLOT_RECORDS) << self.ring_bits,
            salt: position as u32,
        }
    }

    #[inline]
    fn words(&self, at: u64) -> *const [u32; RECORD_WORDS as usize] {
        // SAFETY: the places of slots lie in the buffer, those of chunks too since only sealed links are followed.
        unsafe { self.buffer.words().cast::<[u32; RECORD_WORDS as usize]>().add(at as usize) }
    }

    #[inline]
    fn record(&self, at: u64) -> [u32; RECORD_WORDS as usize] {
        // SAFETY: inside the buffer, see above; the device may be writing the words, which a volatile load reads as they
        // are at some time, and the seal tells.
        unsafe { self.words(at).read_volatile() }
    }

    /// Gives chunks back that an item had.
    fn free(&self, control: &Buffer, chunks: &[u32]) {
        for &chunk in chunks {
            // Nobody else counts this chunk before the word is there. No locked instruction: it would wait until the store
            // before has crossed the bus.
            let freed = &self.freed[chunk as usize];
            let times = freed.load(Ordering::Relaxed).wrapping_add(1);
            freed.store(times, Ordering::Relaxed);
            fence(Ordering::Release);
            // SAFETY: the control buffer has a word for each chunk. This chunk is the caller's until the word says
            // otherwise, so nobody else writes it; the loads of its records come before the store.
            unsafe { stores::word(control.words().add((CONTROL_FREED + chunk) as usize), times) };
        }
    }

    /// Appends the records of a position that is done, and gives its chunks back: to be called once. False: they did not
    /// come, and the host has to scan the item.
    pub fn take(&self, control: &Buffer, position: u64, done: DeviceCompletion, out: &mut Vec<RawMatch>) -> bool {
        let (place, before) = (self.place(position), out.len());
        self.take_all(control, |chunks| {
            out.truncate(before);
            read(&place, done, |at| self.record(at), out, chunks)
        })
    }

    /// In place of [`Records::take`] for an item of `len` bytes that the host has to look at: what the device knows of it.
    pub fn take_for_host(&self, control: &Buffer, position: u64, done: DeviceCompletion, len: u32) -> ForHost {
        let (place, mut out) = (self.place(position), ForHost::default());
        self.take_all(control, |chunks| read_for_host(&place, done, len, |at| self.record(at), &mut out, chunks));
        out
    }

    /// Has `read` try until all is there, for as long as is worth it, and gives back the chunks that it named.
    fn take_all(&self, control: &Buffer, mut read: impl FnMut(&mut Vec<u32>) -> bool) -> bool {
        let (mut chunks, mut since) = (Vec::new(), None);
        let mut whole = read(&mut chunks);
        while !whole && since.get_or_insert_with(Instant::now).elapsed() <= PATIENCE {
            chunks.clear();
            std::hint::spin_loop();
            whole = read(&mut chunks);
        }
        self.free(control, &chunks);
        whole
    }

    /// Shows the records of a position that is done as long as `show` says yes, and then gives its chunks back, in place of
    /// [`Records::take`]. False: some are not there yet, or `show` said no. Then it is as if nobody had asked.
    #[inline]
    pub fn take_each(
        &self,
        control: &Buffer,
        position: u64,
        done: DeviceCompletion,
        chunks: &mut Vec<u32>,
        mut show: impl FnMut(RawMatch) -> bool,
    ) -> bool {
        chunks.clear();
        let wanted = (done.count, u32::MAX, done.chunks);
        let whole = visit(&self.place(position), wanted, |at| self.record(at), chunks, |_, found| show(found));
        if whole && !chunks.is_empty() {
            self.free(control, chunks);
        }
        whole
    }

    /// Fetches what an item has beside its completion; it will be asked for soon. Each line was written by the device, so each
    /// is a miss.
    #[inline]
    pub fn expect(&self, position: u64, done: DeviceCompletion) {
        let slot = self.place(position).slot;
        let lines = if done.chunks > 0 { SLOT_RECORDS / LINE } else { done.count.min(INLINE_RECORDS).div_ceil(LINE) };
        (0..lines).for_each(|line| prefetch(self.words(slot + u64::from(line * LINE)).cast()));
    }

    /// The same for its first chunk, once what lies beside the completion is there.
    #[inline]
    pub fn expect_chunk(&self, position: u64, done: DeviceCompletion) {
        if done.chunks == 0 {
            return;
        }
        let place = self.place(position);
        let [a, b, c, check] = self.record(place.slot + u64::from(INLINE_RECORDS));
        if check == seal([a, b, c], LINK_INDEX, place.salt) {
            let first = place.chunks + u64::from(a) * u64::from(CHUNK_SIZE);
            let lines = (1 + done.count.saturating_sub(INLINE_RECORDS)).min(CHUNK_SIZE).div_ceil(LINE);
            (0..lines).for_each(|line| prefetch(self.words(first + u64::from(line * LINE)).cast()));
        }
    }
}

/// Records in a line of the cache.
const LINE: u32 = 4;

#[inline]
fn prefetch(at: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address is allowed.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(at.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
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
        (memory, DeviceCompletion { count, chunks, ..DeviceCompletion::default() }, numbers[..chunks as usize].to_vec())
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

    #[test]
    fn an_items_bytes_come_behind_what_was_found() {
        let text: Vec<u8> = (0..=255).cycle().take(1000).collect();
        for (found, len) in [(0u32, 1usize), (0, 12), (3, 13), (14, 200), (15, 1000), (20, 1000)] {
            let of_text = (len as u32).div_ceil(TEXT_BYTES);
            let (mut memory, done, numbers) = written(found + of_text);
            // Where the records lie, as they were written.
            let places: Vec<usize> = (0..found + of_text)
                .map(|i| memory.iter().position(|words| words[..3] == [i, i * 2, i * 3]).unwrap())
                .collect();
            for (n, bytes) in text[..len].chunks(TEXT_BYTES as usize).enumerate() {
                let mut twelve = [0u8; 12];
                twelve[..bytes.len()].copy_from_slice(bytes);
                let words: [u32; 3] = bytemuck::cast(twelve);
                let check = seal(words, TEXT_INDEX + n as u32, PLACE.salt);
                memory[places[found as usize + n]] = [words[0], words[1], words[2], check];
            }
            let done = DeviceCompletion { overflow: true, borders: found > 0, text: true, ..done };
            let (mut out, mut chunks) = (ForHost::default(), Vec::new());
            assert!(read_for_host(&PLACE, done, len as u32, |at| memory[at as usize], &mut out, &mut chunks));
            assert_eq!(chunks, numbers);
            assert_eq!(out.text.as_deref(), Some(&text[..len]));
            let wanted: Vec<RawMatch> = (0..found).map(|i| RawMatch { a: i, b: i * 2, c: i * 3 }).collect();
            assert_eq!(out.found, (found > 0).then_some(wanted));
            // A match record where bytes have not arrived yet is not taken for them.
            let (old, _, _) = written(found + of_text);
            let late = places[found as usize];
            let mixed = |at: u64| if at as usize == late { old[late] } else { memory[at as usize] };
            assert!(!read_for_host(&PLACE, done, len as u32, mixed, &mut out, &mut Vec::new()));
        }
    }
}
