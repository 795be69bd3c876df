//! A cheaper filter in front of the hashed one, for groups of few windows: byte shuffles answer, for 32 starts at
//! once, whether the low nibbles of each two of a window's four bytes occur together in some window of the set. Six such
//! pairs leave a few starts in a hundred; only those are hashed, eight at a time, for each group that the tables speak for.

use std::arch::x86_64::*;

use super::avx2::Constants;
use super::{BLOCK, Block, RUN, Starts};
use crate::rules::literal::layout::PAIRS;
use crate::rules::literal::pairs::Pairs;
use crate::rules::literal::view::GroupView;

/// Bytes that a block's loads reach.
pub(super) const REACH: usize = BLOCK + 3;

/// As `avx2::run`, for windows of at most four bytes at stride 1; all `count` blocks' starts are probed. A group that follows
/// finds in `positions` what the group before it left there for the same run.
///
/// # Safety
/// The machine has AVX2. `text` is readable for `(count - 1) * 32 + REACH` bytes and the filter has
/// `1 << filter_log2` words; `count <= RUN` and `found + count <= RUN`.
#[target_feature(enable = "avx2,bmi1,popcnt")]
#[allow(clippy::too_many_arguments, reason = "an inner function, called in one place")]
pub(super) unsafe fn run(
    group: &GroupView<'_>,
    pairs: &Pairs,
    text: *const u8,
    at: usize,
    count: usize,
    blocks: &mut [Block; RUN],
    found: usize,
    positions: &mut Starts,
) -> usize {
    if !group.follows {
        // SAFETY: by this function's contract.
        positions.count = unsafe { starts(pairs, text, count, &mut positions.list) };
    }
    // A position that is not of this run would be read where nothing is readable.
    assert!(positions.list[..positions.count].last().is_none_or(|&last| (last as usize) < count * BLOCK));
    // SAFETY: the same; the positions are those of starts, of which four bytes are readable each.
    let masks = unsafe {
        match group.window {
            4 => hashed::<2>(group, text, &mut positions.list, positions.count),
            _ => hashed::<0>(group, text, &mut positions.list, positions.count),
        }
    };
    let mut found = found;
    for (block, &mask) in masks.iter().enumerate().take(count) {
        blocks[found & (RUN - 1)] = Block { at: at + block * BLOCK, mask };
        found += usize::from(mask != 0);
    }
    found
}

/// Writes the starts that the pairs leave.
///
/// # Safety
/// As `run`.
#[inline]
#[target_feature(enable = "avx2,bmi1,popcnt")]
unsafe fn starts(pairs: &Pairs, text: *const u8, count: usize, positions: &mut [u32]) -> usize {
    let sixteen = |bytes: &[u8]| {
        let bytes: &[u8; 16] = bytes.try_into().expect("sixteen");
        // SAFETY: sixteen bytes are read from sixteen.
        _mm256_broadcastsi128_si256(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
    };
    let rows: [[__m256i; 2]; 6] = std::array::from_fn(|i| [sixteen(&pairs[i][..16]), sixteen(&pairs[i][16..])]);
    let below_eight = sixteen(&[1, 2, 4, 8, 16, 32, 64, 128, 0, 0, 0, 0, 0, 0, 0, 0]);
    let from_eight = sixteen(&[0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 64, 128]);
    let nibble = _mm256_set1_epi8(15);
    let mut n = 0;
    for block in 0..count {
        let low: [__m256i; 4] = std::array::from_fn(|k| {
            // SAFETY: these bytes are readable, by `run`'s contract.
            _mm256_and_si256(unsafe { _mm256_loadu_si256(text.add(block * BLOCK + k).cast()) }, nibble)
        });
        let bits: [[__m256i; 2]; 4] = std::array::from_fn(|k| {
            [_mm256_shuffle_epi8(below_eight, low[k]), _mm256_shuffle_epi8(from_eight, low[k])]
        });
        let mut left = _mm256_set1_epi8(-1);
        for (pair, &(i, j)) in PAIRS.iter().enumerate() {
            let first = _mm256_and_si256(_mm256_shuffle_epi8(rows[pair][0], low[i]), bits[j][0]);
            let second = _mm256_and_si256(_mm256_shuffle_epi8(rows[pair][1], low[i]), bits[j][1]);
            left = _mm256_min_epu8(left, _mm256_or_si256(first, second));
        }
        let none = _mm256_movemask_epi8(_mm256_cmpeq_epi8(left, _mm256_setzero_si256())) as u32;
        let mut mask = !none;
        let mut end = n;
        n += mask.count_ones() as usize;
        // Four at a time, wanted or not: what is too much is written over.
        loop {
            for slot in &mut positions[end..end + 4] {
                *slot = (block * BLOCK) as u32 + (mask.trailing_zeros() & 31);
                mask &= mask.wrapping_sub(1);
            }
            if mask == 0 {
                break;
            }
            end += 4;
        }
    }
    n
}

/// The blocks' masks of the first `n` positions that pass the hashed filter.
///
/// # Safety
/// As `run`; four bytes are readable at each of the positions.
#[inline]
#[target_feature(enable = "avx2,bmi1,popcnt")]
unsafe fn hashed<const KIND: u32>(
    group: &GroupView<'_>,
    text: *const u8,
    positions: &mut [u32; RUN * BLOCK + 64],
    n: usize,
) -> [u32; RUN] {
    let constants = Constants::new(group);
    let mut masks = [0u32; RUN];
    // The last eight are filled up with a start that is as readable as all.
    let first = positions[0];
    positions[n..n + 8].fill(if n == 0 { 0 } else { first });
    for (i, eight) in positions[..n.next_multiple_of(8)].as_chunks::<8>().0.iter().enumerate() {
        // SAFETY: the positions are starts of readable windows; the filter is as `look` wants it.
        let lanes = unsafe {
            let at = _mm256_loadu_si256(eight.as_ptr().cast());
            let windows = _mm256_i32gather_epi32::<1>(text.cast(), at);
            constants.look::<KIND>(windows, windows)
        };
        let mut mask = _mm256_movemask_ps(_mm256_castsi256_ps(lanes)) as u32;
        while mask != 0 {
            let lane = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            if 8 * i + lane < n {
                let position = eight[lane] as usize;
                masks[position / BLOCK % RUN] |= 1 << (position % BLOCK);
            }
        }
    }
    masks
}
