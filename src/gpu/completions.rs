//! What the kernel writes back: a completion word per slot, and words about leases, in cached host memory.

use super::layout;
use super::memory::{Buffer, Place};
use super::{GpuError, equal};
use std::sync::atomic::{AtomicU32, Ordering};

/// A finished item as the device reports it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeviceCompletion {
    /// Records that were written.
    pub count: u32,
    /// Chunks that it took for them.
    pub chunks: u32,
    /// The device could not say everything: the host must look at the item.
    pub overflow: bool,
    /// With `overflow`: the records tell of every string and of every border that there is to be looked at.
    pub borders: bool,
    /// With `overflow`: the last records are the item's bytes.
    pub text: bool,
}

impl DeviceCompletion {
    /// What a result word says.
    #[inline]
    pub(super) fn of(word: u32) -> DeviceCompletion {
        DeviceCompletion {
            count: word & layout::RESULT_COUNT,
            chunks: word >> layout::RESULT_CHUNKS & 0x7f,
            overflow: word & layout::RESULT_HOST != 0,
            borders: word & layout::RESULT_BORDERS != 0,
            text: word & layout::RESULT_TEXT != 0,
        }
    }
}

/// Completion words of one ring.
pub(super) struct Completions {
    done: Buffer,
    bits: u32,
}

impl Completions {
    pub fn new(device: &wgpu::Device, bits: u32, start: u64) -> Result<Completions, GpuError> {
        let size = 1usize << bits;
        let completions = Completions { done: Buffer::new(device, "completions", size * 4, Place::Cached)?, bits };
        for i in 0..size as u64 {
            let position = start.wrapping_add(i).wrapping_sub(size as u64);
            let word = layout::lap(position, bits) << layout::RESULT_BITS;
            completions.word(position).store(word, Ordering::Relaxed);
        }
        Ok(completions)
    }

    pub fn binding(&self) -> &wgpu::Buffer {
        &self.done.wgpu
    }

    fn word(&self, position: u64) -> &AtomicU32 {
        let slot = (position & ((1 << self.bits) - 1)) as usize;
        // SAFETY: inside the mapping, aligned, alive as long as self; the device's stores are single words, which is
        // what an atomic load may race with.
        unsafe { AtomicU32::from_ptr(self.done.words().add(slot)) }
    }

    /// The completion of a published position that was not consumed yet, once it is there.
    #[inline]
    pub fn poll(&self, position: u64) -> Option<DeviceCompletion> {
        let word = self.word(position).load(Ordering::Acquire);
        let tag = layout::lap(position, self.bits) & 0xff;
        (word >> layout::RESULT_BITS == tag).then(|| DeviceCompletion::of(word))
    }

    /// How many of the `max` published, unconsumed positions from `first` on are done without a match or a word for the
    /// host, one after the other. `max` is at most the ring's size.
    #[inline]
    pub fn plain_run(&self, first: u64, max: usize) -> usize {
        // SAFETY: the mapping has so many words, and the device's stores to them are single words.
        unsafe { plain_run(self.done.words(), self.bits, first, max) }
    }
}

/// The word of a position that is done with nothing to tell.
#[inline]
pub(crate) fn plain(position: u64, bits: u32) -> u32 {
    (layout::lap(position, bits) & 0xff) << layout::RESULT_BITS
}

/// See [`Completions::plain_run`].
///
/// # Safety
/// `words` is aligned and valid for reads of 2^bits words; others write them a whole word at a time.
#[inline]
pub(crate) unsafe fn plain_run(words: *mut u32, bits: u32, first: u64, max: usize) -> usize {
    let size = 1u64 << bits;
    let mut run = 0;
    while run < max {
        let position = first.wrapping_add(run as u64);
        let slot = position & (size - 1);
        // As far as the lap goes they all have the same word.
        let span = (max - run).min((size - slot) as usize);
        // SAFETY: `span` words from `slot` on are below the ring's size.
        let same = unsafe { equal::run(words.add(slot as usize), span, plain(position, bits)) };
        run += same;
        if same < span {
            break;
        }
    }
    std::sync::atomic::fence(Ordering::Acquire);
    run
}

/// Words the kernel reports by lease.
pub(super) struct Report {
    buffer: Buffer,
}

impl Report {
    /// `before`: the lease number before the first.
    pub fn new(device: &wgpu::Device, before: u32) -> Result<Report, GpuError> {
        let report =
            Report { buffer: Buffer::new(device, "lease report", layout::REPORT_WORDS as usize * 4, Place::Cached)? };
        for word in [layout::REPORT_STARTED, layout::REPORT_ENDED] {
            report.word(word).store(before, Ordering::Relaxed);
        }
        Ok(report)
    }

    pub fn binding(&self) -> &wgpu::Buffer {
        &self.buffer.wgpu
    }

    fn word(&self, index: u32) -> &AtomicU32 {
        // SAFETY: inside the mapping, aligned, alive as long as self; see Completions::word.
        unsafe { AtomicU32::from_ptr(self.buffer.words().add(index as usize)) }
    }

    pub fn get(&self, index: u32) -> u32 {
        self.word(index).load(Ordering::Acquire)
    }
}
