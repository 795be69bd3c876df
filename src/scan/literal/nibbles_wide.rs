//! As `nibbles`, with AVX-512: 64 bytes at once, and one instruction where there are two to bring the answers together.

use std::arch::x86_64::*;

use super::short::{GROUPS, MARKED};
use super::{BLOCK, Block, RUN};
use crate::rules::literal::view::ShortView;

/// Bytes of a vector.
const WIDE: usize = 64;
/// Bytes read beyond one.
const AHEAD: usize = 3;

/// As `nibbles::mark`.
pub(super) fn mark(
    short: &ShortView<'_>,
    haystack: &[u8],
    from: usize,
    blocks: &mut [Block; RUN],
    bits: &mut [[u8; MARKED]; GROUPS],
) -> usize {
    let text = &haystack[from..];
    let len = text.len().min(MARKED);
    let whole = (text.len().saturating_sub(AHEAD) / WIDE).min(MARKED / WIDE);
    let kernel = match (short.nibbles.len(), short.max_len) {
        (1, ..=2) => run::<1, 2>,
        (1, 3) => run::<1, 3>,
        (1, _) => run::<1, 4>,
        (2, ..=3) => run::<2, 3>,
        (2, _) => run::<2, 4>,
        (3, ..=3) => run::<3, 3>,
        (3, _) => run::<3, 4>,
        (4, ..=3) => run::<4, 3>,
        (4, _) => run::<4, 4>,
        (5, _) => run::<5, 4>,
        (6, _) => run::<6, 4>,
        _ => unreachable!("the caller counted"),
    };
    // SAFETY: the caller found the instructions; `whole` vectors and what is read ahead of them end within `text`.
    let mut found = unsafe { kernel(short, text.as_ptr(), from, 0, whole * WIDE, blocks, bits, 0) };
    let at = whole * WIDE;
    if at < len {
        // At most a vector and what is ahead of it is left: two vectors, padded with zeros.
        let rest = &text[at..text.len().min(at + 2 * WIDE)];
        let mut padded = [0; 3 * WIDE];
        padded[..rest.len()].copy_from_slice(rest);
        assert!(len - at <= 2 * WIDE);
        // SAFETY: the instructions as above; two vectors and what is ahead of them end within `padded`.
        found = unsafe { kernel(short, padded.as_ptr(), from, at, len, blocks, bits, found) };
    }
    found
}

/// Positions `first..end` of the stretch at `from`, position `first`, which begins a vector, lying at `text`; all literals
/// have at most `LEN` bytes.
///
/// # Safety
/// The machine has AVX-512 F, BW and DQ; `text` is readable for `end - first` bytes, up to a whole number of vectors, and
/// `LEN - 1` more; there are `N <= GROUPS` nibble tables.
#[target_feature(enable = "avx512f,avx512bw,avx512dq")]
#[allow(clippy::too_many_arguments, reason = "an inner function, called in two places")]
unsafe fn run<const N: usize, const LEN: usize>(
    short: &ShortView<'_>,
    text: *const u8,
    from: usize,
    first: usize,
    end: usize,
    blocks: &mut [Block; RUN],
    bits: &mut [[u8; MARKED]; GROUPS],
    mut found: usize,
) -> usize {
    let nibble = _mm512_set1_epi8(15);
    let mut low = [[_mm512_setzero_si512(); LEN]; N];
    let mut high = low;
    for group in 0..N {
        for k in 0..LEN {
            low[group][k] = table(&short.nibbles[group], 16 * k);
            high[group][k] = table(&short.nibbles[group], 64 + 16 * k);
        }
    }
    let mut at = first;
    while at < end {
        let mut hits = [_mm512_set1_epi8(-1); N];
        for k in 0..LEN {
            // SAFETY: these bytes are readable, by this function's contract.
            let bytes = unsafe { _mm512_loadu_si512(text.add(at - first + k).cast()) };
            let lows = _mm512_and_si512(bytes, nibble);
            let highs = _mm512_and_si512(_mm512_srli_epi16::<4>(bytes), nibble);
            for group in 0..N {
                let low = _mm512_shuffle_epi8(low[group][k], lows);
                let high = _mm512_shuffle_epi8(high[group][k], highs);
                // All three.
                hits[group] = _mm512_ternarylogic_epi32::<0x80>(hits[group], low, high);
            }
        }
        let mut any = _mm512_setzero_si512();
        for group in 0..N {
            any = _mm512_or_si512(any, hits[group]);
            let to: &mut [u8; WIDE] = bits[group].as_chunks_mut().0.get_mut(at / WIDE).expect("within the stretch");
            // SAFETY: 64 bytes are written to 64.
            unsafe { _mm512_storeu_si512(to.as_mut_ptr().cast(), hits[group]) };
        }
        let mut mask = _mm512_test_epi8_mask(any, any);
        if end - at < WIDE {
            mask &= (1 << (end - at)) - 1;
        }
        for half in 0..2 {
            let mask = (mask >> (BLOCK * half)) as u32;
            blocks[found & (RUN - 1)] = Block { at: from + at + BLOCK * half, mask };
            found += usize::from(mask != 0);
        }
        at += WIDE;
    }
    found
}

/// Sixteen bytes of a nibble table, four times.
#[inline]
#[target_feature(enable = "avx512f")]
fn table(nibbles: &[u8; 128], at: usize) -> __m512i {
    let sixteen: &[u8; 16] = nibbles[at..at + 16].try_into().expect("sixteen");
    // SAFETY: sixteen bytes are read from sixteen.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(sixteen.as_ptr().cast()) })
}
