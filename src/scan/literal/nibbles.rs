//! Short literals by byte shuffles: the low and the high nibble of each of a literal's bytes pick, from sixteen
//! bytes, the literals that may have it there. A literal of up to four bytes has a bit of its own, so the answer is exact.

use std::arch::x86_64::*;

use super::short::{GROUPS, MARKED};
use super::{BLOCK, Block, RUN};
use crate::rules::literal::view::ShortView;

/// Bytes read beyond a block.
const AHEAD: usize = 3;

/// Marks the text from `from` on, as far as one stretch goes; returns how many blocks have marks.
pub(super) fn mark(
    short: &ShortView<'_>,
    haystack: &[u8],
    from: usize,
    blocks: &mut [Block; RUN],
    bits: &mut [[u8; MARKED]; GROUPS],
) -> usize {
    let text = &haystack[from..];
    let total = text.len().min(MARKED).div_ceil(BLOCK);
    let whole = (text.len().saturating_sub(AHEAD) / BLOCK).min(total);
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
    // SAFETY: the caller found AVX2; `whole` blocks and what is read ahead of them end within `text`, and
    // `whole <= RUN`.
    let mut found = unsafe { kernel(short, text.as_ptr(), from, 0, whole, blocks, bits, 0) };
    if whole < total {
        // At most a block and what is ahead of it is left: two blocks, padded with zeros.
        let rest = &text[whole * BLOCK..text.len().min(whole * BLOCK + 2 * BLOCK)];
        let mut padded = [0; 3 * BLOCK];
        padded[..rest.len()].copy_from_slice(rest);
        assert!(total - whole <= 2);
        // SAFETY: AVX2 as above; two blocks and what is ahead of them end within `padded`; `total <= RUN`.
        found = unsafe { kernel(short, padded.as_ptr(), from, whole, total, blocks, bits, found) };
        // Positions beyond the text.
        let end = from + text.len().min(MARKED);
        while found > 0 && blocks[found - 1].at + BLOCK > end {
            let last = &mut blocks[found - 1];
            last.mask &= ((1u64 << end.saturating_sub(last.at)) - 1) as u32;
            if last.mask != 0 {
                break;
            }
            found -= 1;
        }
    }
    found
}

/// Blocks `first..end` of the stretch at `from`, block `first` lying at `text`; all literals have at most `LEN` bytes.
///
/// # Safety
/// The machine has AVX2; `text` is readable for `32 * (end - first) + LEN - 1` bytes; `end <= RUN`; there are
/// `N <= GROUPS` nibble tables.
#[target_feature(enable = "avx2,bmi1,popcnt")]
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
    let nibble = _mm256_set1_epi8(15);
    let table = |group: usize, at: usize| {
        let sixteen: &[u8; 16] = short.nibbles[group][at..at + 16].try_into().expect("sixteen");
        // SAFETY: sixteen bytes are read from sixteen.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(sixteen.as_ptr().cast()) })
    };
    let mut low = [[_mm256_setzero_si256(); LEN]; N];
    let mut high = low;
    for group in 0..N {
        for k in 0..LEN {
            (low[group][k], high[group][k]) = (table(group, 16 * k), table(group, 64 + 16 * k));
        }
    }
    for block in first..end {
        let mut hits = [_mm256_set1_epi8(-1); N];
        for k in 0..LEN {
            // SAFETY: these bytes are readable, by this function's contract.
            let bytes = unsafe { _mm256_loadu_si256(text.add((block - first) * BLOCK + k).cast()) };
            let lows = _mm256_and_si256(bytes, nibble);
            let highs = _mm256_and_si256(_mm256_srli_epi16::<4>(bytes), nibble);
            for group in 0..N {
                let both = _mm256_and_si256(
                    _mm256_shuffle_epi8(low[group][k], lows),
                    _mm256_shuffle_epi8(high[group][k], highs),
                );
                hits[group] = _mm256_and_si256(hits[group], both);
            }
        }
        let mut any = _mm256_setzero_si256();
        for group in 0..N {
            any = _mm256_or_si256(any, hits[group]);
            let to: &mut [u8; BLOCK] = bits[group].as_chunks_mut().0.get_mut(block).expect("a block of the stretch");
            // SAFETY: 32 bytes are written to 32.
            unsafe { _mm256_storeu_si256(to.as_mut_ptr().cast(), hits[group]) };
        }
        let none = _mm256_movemask_epi8(_mm256_cmpeq_epi8(any, _mm256_setzero_si256())) as u32;
        blocks[found & (RUN - 1)] = Block { at: from + block * BLOCK, mask: !none };
        found += usize::from(none != u32::MAX);
    }
    found
}
