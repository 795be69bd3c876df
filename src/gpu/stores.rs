//! Stores into device memory: write-combined, never read back, fenced by hand.
//!
//! Ordinary stores would do, but the processor may then hold half a line back and send it in pieces. Whole lines by
//! non-temporal stores leave as one transfer, which is what the ring's speed rests on.

/// Orders all earlier stores to device memory before all later ones, and pushes them out.
pub(super) use crate::input::fence;

/// Stores one word. A plain store: a locked one to device memory takes 200 us.
///
/// # Safety
/// `to` is valid for writes and aligned.
#[inline]
pub(super) unsafe fn word(to: *mut u32, value: u32) {
    // SAFETY: by this function's contract.
    unsafe { to.write_volatile(value) };
}

/// Stores 16 bytes, the last word not before the others.
///
/// # Safety
/// `to` is valid for writes and 16-byte aligned.
#[inline]
pub(super) unsafe fn slot(to: *mut u32, words: [u32; 4]) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: by this function's contract; SSE2 is part of the base instruction set.
    unsafe {
        use core::arch::x86_64::{_mm_loadu_si128, _mm_stream_si128};
        _mm_stream_si128(to.cast(), _mm_loadu_si128(words.as_ptr().cast()));
    };
    #[cfg(not(target_arch = "x86_64"))]
    // SAFETY: by this function's contract.
    unsafe {
        for i in 0..3 {
            to.add(i).write_volatile(words[i]);
        }
        std::sync::atomic::fence(std::sync::atomic::Ordering::Release);
        to.add(3).write_volatile(words[3]);
    };
}

/// Copies bytes into device memory with non-temporal stores. Not fenced: the publisher fences once for all.
pub(super) use crate::input::around_caches as bytes;

/// Appends `len` bytes of device memory to `to`. Such memory is not cached: an ordinary load waits for the bus for every few
/// bytes, streaming loads fetch lines, several at a time.
///
/// # Safety
/// `from` is valid for `len` bytes of reads, and so is the rest of the 16-byte blocks that its ends lie in.
pub(crate) unsafe fn read(from: *const u8, len: usize, to: &mut Vec<u8>) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("sse4.1") {
        // SAFETY: by this function's contract, and the processor has the instruction.
        return unsafe { stream(from, len, to) };
    }
    // SAFETY: by this function's contract.
    to.extend_from_slice(unsafe { std::slice::from_raw_parts(from, len) });
}

/// See [`read`].
///
/// # Safety
/// As for [`read`], on a processor with SSE 4.1.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse4.1")]
unsafe fn stream(from: *const u8, len: usize, to: &mut Vec<u8>) {
    use core::arch::x86_64::{__m128i, _mm_mfence, _mm_storeu_si128, _mm_stream_load_si128};
    const LINE: usize = 4;
    if len == 0 {
        return;
    }
    let before = from.addr() & 15;
    let blocks = (before + len).div_ceil(16);
    let start = to.len();
    to.reserve(blocks * 16);
    // SAFETY: whole aligned blocks around the bytes, which may be read, into as much reserved room; then the bytes in front
    // are moved away, and so many are initialised as were asked for.
    unsafe {
        // Nothing that was loaded before is taken for what is there now.
        _mm_mfence();
        let source = from.sub(before).cast_mut().cast::<__m128i>();
        let target = to.as_mut_ptr().add(start);
        let mut at = 0;
        while at < blocks {
            // All loads of a line first: they are one transfer.
            let some = LINE.min(blocks - at);
            let mut line = [core::arch::x86_64::_mm_setzero_si128(); LINE];
            for (i, block) in line[..some].iter_mut().enumerate() {
                *block = _mm_stream_load_si128(source.add(at + i));
            }
            for (i, block) in line[..some].iter().enumerate() {
                _mm_storeu_si128(target.cast::<__m128i>().add(at + i), *block);
            }
            at += some;
        }
        target.copy_from(target.add(before), len);
        to.set_len(start + len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_alignment_is_read_whole() {
        let memory: Vec<u8> = (0..=255u8).cycle().take(640).collect();
        let first = memory.as_ptr().align_offset(16) + 16;
        for start in first..first + 70 {
            for len in 0..200 {
                let mut to = vec![1, 2];
                // SAFETY: the vector goes on for more than a block at both ends.
                unsafe { read(memory.as_ptr().add(start), len, &mut to) };
                assert_eq!(to[..2], [1, 2]);
                assert_eq!(to[2..], memory[start..start + len]);
            }
        }
    }
}
