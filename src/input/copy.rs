//! Copying around the caches: for bytes that a device reads next, from its own memory or through its copy engines. A line
//! that lies in a processor's cache is fetched out of it by the device at a half to a third of the speed.
//!
//! The stores are not ordered: whoever tells others of the bytes fences first.

/// Copies bytes with non-temporal stores, whole lines wherever there are any.
///
/// # Safety
/// `to` is valid for `from.len()` bytes of writes that overlap nothing of `from`, and nobody else writes or reads them
/// meanwhile.
#[inline]
pub unsafe fn around_caches(to: *mut u8, from: &[u8]) {
    let lead = to.align_offset(LINE).min(from.len());
    let (head, rest) = from.split_at(lead);
    let whole = rest.len() / LINE * LINE;
    let (lines, tail) = rest.split_at(whole);
    // SAFETY: head, lines and tail together are exactly `from.len()` bytes from `to`; the lines start aligned.
    unsafe {
        to.copy_from_nonoverlapping(head.as_ptr(), head.len());
        if !lines.is_empty() {
            copy_lines(to.add(lead), lines);
        }
        to.add(lead + whole).copy_from_nonoverlapping(tail.as_ptr(), tail.len());
    }
}

/// Orders what was copied before whatever this thread stores next.
#[inline]
pub fn fence() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: sfence is part of the base instruction set and touches no memory of ours.
    unsafe {
        core::arch::x86_64::_mm_sfence()
    };
    #[cfg(not(target_arch = "x86_64"))]
    std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
}

const LINE: usize = 64;

/// Whole lines.
///
/// # Safety
/// As above, and `to` is aligned to a line, and `from` has lines only.
#[cfg(not(target_arch = "x86_64"))]
unsafe fn copy_lines(to: *mut u8, from: &[u8]) {
    // SAFETY: by this function's contract.
    unsafe { to.copy_from_nonoverlapping(from.as_ptr(), from.len()) };
}

/// Whole lines.
///
/// # Safety
/// As above, and `to` is aligned to a line, and `from` has lines only.
#[cfg(target_arch = "x86_64")]
#[inline]
unsafe fn copy_lines(to: *mut u8, from: &[u8]) {
    // SAFETY: by this function's contract, on a processor that has the instructions.
    unsafe {
        if is_x86_feature_detected!("avx512f") {
            wide(to, from);
        } else if is_x86_feature_detected!("avx") {
            half(to, from);
        } else {
            quarter(to, from);
        }
    }
}

#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::*;

/// # Safety
/// As for `copy_lines`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn wide(to: *mut u8, from: &[u8]) {
    for (n, line) in from.chunks_exact(LINE).enumerate() {
        // SAFETY: a line of each, the target's aligned.
        unsafe { _mm512_stream_si512(to.add(n * LINE).cast(), _mm512_loadu_si512(line.as_ptr().cast())) };
    }
}

/// # Safety
/// As for `copy_lines`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx")]
unsafe fn half(to: *mut u8, from: &[u8]) {
    for (n, line) in from.chunks_exact(LINE).enumerate() {
        // SAFETY: a line of each, the target's aligned.
        unsafe {
            let (from, to) = (line.as_ptr().cast::<__m256i>(), to.add(n * LINE).cast::<__m256i>());
            let (a, b) = (_mm256_loadu_si256(from), _mm256_loadu_si256(from.add(1)));
            _mm256_stream_si256(to, a);
            _mm256_stream_si256(to.add(1), b);
        }
    }
}

/// # Safety
/// As for `copy_lines`.
#[cfg(target_arch = "x86_64")]
unsafe fn quarter(to: *mut u8, from: &[u8]) {
    for (n, line) in from.chunks_exact(LINE).enumerate() {
        // SAFETY: a line of each, the target's aligned; SSE2 is part of the base instruction set.
        unsafe {
            let (from, to) = (line.as_ptr().cast::<__m128i>(), to.add(n * LINE).cast::<__m128i>());
            for i in 0..4 {
                _mm_stream_si128(to.add(i), _mm_loadu_si128(from.add(i)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_and_alignment_arrives_whole() {
        let from: Vec<u8> = (0..=255u8).cycle().take(500).collect();
        let mut to = vec![0xeeu8; 800];
        for start in 0..70 {
            for len in (0..200).chain([255, 256, 257, 400, 499, 500]) {
                to.fill(0xee);
                // SAFETY: start + len < 800 and the vector is ours alone.
                unsafe { around_caches(to.as_mut_ptr().add(start), &from[500 - len..]) };
                fence();
                assert_eq!(&to[start..start + len], &from[500 - len..]);
                assert!(to[..start].iter().chain(&to[start + len..]).all(|&b| b == 0xee), "wrote outside");
            }
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn all_widths_copy_alike() {
        let from: Vec<u8> = (0..=255u8).cycle().take(640).collect();
        let mut room = vec![0u8; 1024];
        let first = room.as_ptr().align_offset(LINE);
        let mut check = |copy: unsafe fn(*mut u8, &[u8]), there: bool| {
            if there {
                room.fill(0);
                // SAFETY: inside the vector, aligned, and the processor has the instructions.
                unsafe { copy(room.as_mut_ptr().add(first), &from) };
                fence();
                assert_eq!(room[first..first + 640], from);
            }
        };
        // SAFETY: as said where they are called.
        check(|to, from| unsafe { wide(to, from) }, is_x86_feature_detected!("avx512f"));
        // SAFETY: likewise.
        check(|to, from| unsafe { half(to, from) }, is_x86_feature_detected!("avx"));
        check(quarter, true);
    }
}
