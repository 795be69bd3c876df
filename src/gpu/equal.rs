//! Looking along completion words, which the device writes meanwhile, a line at a time.

use std::sync::atomic::{AtomicU32, Ordering};

/// Words of a line.
const LINE: usize = 16;
/// How far ahead of the look lines are fetched: each was written by the device, so each is a miss.
const AHEAD: usize = 8 * LINE;

/// How many of the `len` words from `words` on are `wanted`, one after the other. Relaxed: whoever uses what belongs to
/// them fences first.
///
/// # Safety
/// `words` is aligned and valid for reads of `len` words; others write them a whole word at a time.
#[inline]
pub(super) unsafe fn run(words: *mut u32, len: usize, wanted: u32) -> usize {
    let mut at = 0;
    // SAFETY: `at` stays below `len`.
    let is_wanted = |at: usize| unsafe { AtomicU32::from_ptr(words.add(at)) }.load(Ordering::Relaxed) == wanted;
    // Up to the first whole line, then lines, then what is left.
    let lead = words.align_offset(64).min(len);
    while at < lead {
        if !is_wanted(at) {
            return at;
        }
        at += 1;
    }
    while at + LINE <= len {
        // SAFETY: a whole line from `at` on lies within `len`.
        if !unsafe { line(words.add(at), wanted) } {
            break;
        }
        at += LINE;
    }
    while at < len && is_wanted(at) {
        at += 1;
    }
    at
}

/// Whether all words of a line are `wanted`.
///
/// # Safety
/// `words` begins a 64-byte line that is valid for reads.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn line(words: *const u32, wanted: u32) -> bool {
    use core::arch::x86_64::*;
    // SAFETY: four aligned 16-byte loads of the line; SSE2 is part of the base instruction set. Volatile, since the device
    // writes the words: each load happens, once, and sees every word whole. A prefetch of any address is allowed.
    unsafe {
        _mm_prefetch::<_MM_HINT_T0>(words.wrapping_add(AHEAD).cast());
        let all = _mm_set1_epi32(wanted as i32);
        let same = |i: usize| _mm_cmpeq_epi32(words.cast::<__m128i>().add(i).read_volatile(), all);
        let both = _mm_and_si128(_mm_and_si128(same(0), same(1)), _mm_and_si128(same(2), same(3)));
        _mm_movemask_epi8(both) == 0xffff
    }
}

/// Whether all words of a line are `wanted`.
///
/// # Safety
/// `words` begins a line that is valid for reads.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
unsafe fn line(words: *const u32, wanted: u32) -> bool {
    // SAFETY: by this function's contract.
    (0..LINE).all(|i| unsafe { AtomicU32::from_ptr(words.cast_mut().add(i)) }.load(Ordering::Relaxed) == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_start_and_end() {
        let mut words = vec![7u32; 400];
        for start in 0..20 {
            for len in 0..200usize {
                for odd in (0..len).step_by(7).chain(len.checked_sub(1)) {
                    words[start + odd] = 8;
                    // SAFETY: inside the vector.
                    assert_eq!(unsafe { run(words.as_mut_ptr().add(start), len, 7) }, odd);
                    words[start + odd] = 7;
                }
                // SAFETY: inside the vector.
                assert_eq!(unsafe { run(words.as_mut_ptr().add(start), len, 7) }, len);
            }
        }
    }
}
