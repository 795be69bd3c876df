//! The filter with AVX-512: sixteen probes a vector, and pair tables that are looked up for 64 starts at once.
//!
//! As in `avx2`, but a text's end needs no code of its own: loads are masked, or read a copy with zeros behind it.

use std::arch::x86_64::*;

use super::{BLOCK, Block, RUN, Starts};
use crate::rules::literal::pairs::WidePairs;
use crate::rules::literal::view::GroupView;

/// Starts that pair tables are asked about at once.
const WIDE: usize = 64;
/// How far ahead text is asked for: small items mostly lie one behind the other, and none is long enough for the machine to
/// notice before its end.
const AHEAD: usize = 1024;
/// Bytes that this reads: each start's window.
const REACH: usize = WIDE + 3;

/// As `scalar::filter`, but blocks may carry bits of probes beyond `count`.
pub(super) fn filter(
    group: &GroupView<'_>,
    haystack: &[u8],
    from: usize,
    count: usize,
    blocks: &mut [Block; RUN],
    starts: &mut Starts,
) -> usize {
    assert!(count <= RUN * BLOCK && group.filter.len() >> group.filter_log2 == 1);
    if let Some(pairs) = group.wide_pairs {
        assert!((2..=4).contains(&group.window) && group.stride == 1);
        // SAFETY: the caller found the instructions.
        let masks = unsafe {
            match group.window {
                4 => paired::<2>(group, pairs, &haystack[from..], count, starts),
                _ => paired::<0>(group, pairs, &haystack[from..], count, starts),
            }
        };
        let mut found = 0;
        for (block, &mask) in masks.iter().enumerate().take(count.div_ceil(BLOCK)) {
            blocks[found & (RUN - 1)] = Block { at: from + block * BLOCK, mask };
            found += usize::from(mask != 0);
        }
        return found;
    }
    assert!(group.stride <= 4 && group.high_offset <= 4);
    let kernel = match (group.window, group.fold) {
        (..4, _) => run::<0>,
        (4, 0) => run::<1>,
        (4, _) => run::<2>,
        (_, 0) => run::<3>,
        (_, _) => run::<4>,
    };
    // SAFETY: the caller found the instructions; the rest is asserted above.
    unsafe { kernel(group, haystack, from, count.div_ceil(BLOCK), blocks) }
}

/// What the kernels keep in registers.
struct Constants {
    fold: __m512i,
    narrow: __m512i,
    mul_low: __m512i,
    mul_high: __m512i,
    index_shift: __m128i,
    words: *const i32,
}

impl Constants {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2")]
    fn new(group: &GroupView<'_>) -> Self {
        let wide = group.window > 4;
        let mul_low = if wide { group.hash.mul_low } else { group.hash.mul_low.wrapping_add(group.hash.mul_high) };
        Self {
            fold: _mm512_set1_epi32(group.fold as i32),
            narrow: _mm512_set1_epi32(group.low_mask as i32),
            mul_low: _mm512_set1_epi32(mul_low as i32),
            mul_high: _mm512_set1_epi32(group.hash.mul_high as i32),
            index_shift: _mm_cvtsi32_si128(32 - group.filter_log2 as i32),
            words: group.filter.as_ptr().cast(),
        }
    }

    /// Sixteen windows' answers, from the words of their starts and ends.
    ///
    /// # Safety
    /// `words` has as many words as `index_shift` leaves numbers.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2")]
    unsafe fn look<const KIND: u32>(&self, low: __m512i, high: __m512i) -> u16 {
        let folded = KIND == 0 || KIND == 2 || KIND == 4;
        let mut low = if folded { _mm512_or_si512(low, self.fold) } else { low };
        if KIND == 0 {
            low = _mm512_and_si512(low, self.narrow);
        }
        let mut hash = _mm512_mullo_epi32(low, self.mul_low);
        if KIND >= 3 {
            let high = if folded { _mm512_or_si512(high, self.fold) } else { high };
            hash = _mm512_add_epi32(hash, _mm512_mullo_epi32(high, self.mul_high));
        }
        hash = _mm512_xor_si512(hash, _mm512_srli_epi32::<15>(hash));
        let index = _mm512_srl_epi32(hash, self.index_shift);
        // SAFETY: an index is below the number of words, by this function's contract.
        let word = unsafe { _mm512_i32gather_epi32::<4>(index, self.words) };
        // A rotation takes its count modulo 32, and brings the same bit to the sign as a shift.
        let first = _mm512_rolv_epi32(word, hash);
        let second = _mm512_rolv_epi32(word, _mm512_srli_epi32::<5>(hash));
        _mm512_movepi32_mask(_mm512_and_si512(first, second))
    }
}

/// `KIND`: 0 windows of less than four bytes; 1, 2 of four, exact and folded; 3, 4 longer, exact and folded.
///
/// # Safety
/// The machine has the instructions. The filter has `1 << filter_log2` words, `stride <= 4`, and `count <= RUN`.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2")]
unsafe fn run<const KIND: u32>(
    group: &GroupView<'_>,
    text: &[u8],
    at: usize,
    count: usize,
    blocks: &mut [Block; RUN],
) -> usize {
    let (stride, high_offset) = (group.stride, group.high_offset);
    let constants = Constants::new(group);
    let picks = bytes(&PICKS[stride - 1]);
    let mut found = 0;
    for block in 0..count {
        let mut mask = 0;
        prefetch(text.as_ptr().wrapping_add(at + block * BLOCK * stride + AHEAD));
        for half in 0..2 {
            let p = at + (2 * block + half) * 16 * stride;
            let low = _mm512_permutexvar_epi8(picks, load(text, p));
            let high = if KIND >= 3 { _mm512_permutexvar_epi8(picks, load(text, p + high_offset)) } else { low };
            // SAFETY: the filter has the words, by this function's contract.
            mask |= u32::from(unsafe { constants.look::<KIND>(low, high) }) << (16 * half);
        }
        blocks[found & (RUN - 1)] = Block { at: at + block * BLOCK * stride, mask };
        found += usize::from(mask != 0);
    }
    found
}

/// Asks for a line of text before it is needed.
#[inline]
fn prefetch(at: *const u8) {
    // SAFETY: a hint without an effect on memory, whatever the address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(at.cast()) };
}

/// 64 bytes of the text from `p` on, zeros where there is none.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(text: &[u8], p: usize) -> __m512i {
    let left = text.len().saturating_sub(p);
    if left >= 64 {
        // SAFETY: within the text.
        return unsafe { _mm512_loadu_si512(text.as_ptr().add(p).cast()) };
    }
    // SAFETY: bytes that are masked out are not read; the others lie within the text.
    unsafe { _mm512_maskz_loadu_epi8((1u64 << left) - 1, text.as_ptr().wrapping_add(p).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn bytes(all: &[u8; 64]) -> __m512i {
    // SAFETY: 64 bytes are read from 64.
    unsafe { _mm512_loadu_si512(all.as_ptr().cast()) }
}

/// By stride less one: which bytes are the first four of each of sixteen starts.
static PICKS: [[u8; 64]; 4] = {
    let mut all = [[0; 64]; 4];
    let mut n = 0;
    while n < 4 * 64 {
        let (stride, i) = (n / 64, n % 64);
        all[stride][i] = (i / 4 * (stride + 1) + i % 4) as u8;
        n += 1;
    }
    all
};
/// The number of each byte.
static COUNTED: [u8; 64] = {
    let mut all = [0; 64];
    let mut i = 0;
    while i < 64 {
        all[i] = i as u8;
        i += 1;
    }
    all
};
/// The bit that each number's low three bits name.
static BIT: [u8; 64] = {
    let mut all = [0; 64];
    let mut i = 0;
    while i < 64 {
        all[i] = 1 << (i & 7);
        i += 1;
    }
    all
};

/// The masks, a block each, of those of the first `count` starts of `text` that pass the pair tables and the filter. Of a
/// group that follows, the starts away from the text's end are those that the group before it left for the same run.
///
/// # Safety
/// The machine has the instructions; the filter has `1 << filter_log2` words; windows have at most four bytes and lie in
/// `text` for each of the `count <= RUN * BLOCK` starts.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2,popcnt")]
unsafe fn paired<const KIND: u32>(
    group: &GroupView<'_>,
    pairs: &WidePairs,
    text: &[u8],
    count: usize,
    positions: &mut Starts,
) -> [u32; RUN] {
    let whole = if text.len() < REACH { 0 } else { ((text.len() - REACH) / WIDE + 1).min(RUN * BLOCK / WIDE) };
    let near = whole * WIDE;
    // Of a run in the middle of a text all is whole; else what is left is less than a vector's reach, and has two vectors.
    let mut end = [0u8; 3 * WIDE];
    let rest = &text[near..text.len().min(near + 2 * WIDE)];
    end[..rest.len()].copy_from_slice(rest);
    if !group.follows {
        // SAFETY: `whole` vectors and their reach lie in the text.
        positions.count = unsafe { starts(pairs, text.as_ptr(), near, &mut positions.list) };
    }
    // Where nothing is near, the group before may have had no probe at all, and left nothing.
    let left = if near > 0 { positions.count } else { 0 };
    // A position that is not of this run would be read where nothing is readable.
    assert!(positions.list[..left].last().is_none_or(|&last| (last as usize) < near));
    let mut masks = [0u32; RUN];
    // SAFETY: the positions are below `near`, and what is behind them is readable up to their windows' ends.
    unsafe { hashed::<KIND>(group, text.as_ptr(), 0, &mut positions.list, left, &mut masks) };
    if count > near {
        let mut list = [0u32; 2 * WIDE + WIDE];
        assert!(count - near <= 2 * WIDE);
        // SAFETY: two vectors and their reach lie in `end`, and so do the windows of all their starts.
        unsafe {
            let n = starts(pairs, end.as_ptr(), count - near, &mut list);
            hashed::<KIND>(group, end.as_ptr(), near, &mut list, n, &mut masks);
        }
    }
    masks
}

/// Writes those of the first `count` starts that the pairs leave, in order; returns how many.
///
/// # Safety
/// The machine has the instructions. `text` is readable for `count`, up to a whole number of vectors, and three bytes more.
/// `positions` has room for `count` and a vector more.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2,popcnt")]
unsafe fn starts(pairs: &WidePairs, text: *const u8, count: usize, positions: &mut [u32]) -> usize {
    assert!(positions.len() >= count + WIDE);
    let list = positions.as_mut_ptr();
    let rows =
        [bytes(&pairs[0]), bytes(&pairs[1]), bytes(&pairs[2]), bytes(&pairs[3]), bytes(&pairs[4]), bytes(&pairs[5])];
    let (bit, counted) = (bytes(&BIT), bytes(&COUNTED));
    let mut n = 0;
    for first in (0..count).step_by(WIDE) {
        prefetch(text.wrapping_add(first + AHEAD));
        // SAFETY: readable, by this function's contract.
        let [b0, b1, b2, b3] = unsafe {
            let at = text.add(first);
            let load = |k: usize| _mm512_loadu_si512(at.add(k).cast());
            [load(0), load(1), load(2), load(3)]
        };
        let (bit1, bit2, bit3) =
            (_mm512_permutexvar_epi8(b1, bit), _mm512_permutexvar_epi8(b2, bit), _mm512_permutexvar_epi8(b3, bit));
        let (twice1, twice2, twice3) = (_mm512_add_epi8(b1, b1), _mm512_add_epi8(b2, b2), _mm512_add_epi8(b3, b3));
        let mut mask = match count - first {
            left @ ..WIDE => (1u64 << left) - 1,
            _ => u64::MAX,
        };
        // In the order of `PAIRS`.
        mask = ask(mask, rows[0], b0, twice1, bit1);
        mask = ask(mask, rows[1], b1, twice2, bit2);
        mask = ask(mask, rows[2], b2, twice3, bit3);
        mask = ask(mask, rows[3], b0, twice2, bit2);
        mask = ask(mask, rows[4], b1, twice3, bit3);
        mask = ask(mask, rows[5], b0, twice3, bit3);
        let packed = _mm512_maskz_compress_epi8(mask, counted);
        let base = _mm512_set1_epi32(first as i32);
        let more = mask.count_ones() as usize;
        // SAFETY: what is written now ends at most a vector behind `count`, as there is room for.
        unsafe {
            put(list.add(n), base, _mm512_castsi512_si128(packed));
            if more > 16 {
                put(list.add(n + 16), base, _mm512_extracti32x4_epi32::<1>(packed));
                put(list.add(n + 32), base, _mm512_extracti32x4_epi32::<2>(packed));
                put(list.add(n + 48), base, _mm512_extracti32x4_epi32::<3>(packed));
            }
        }
        n += more;
    }
    n
}

/// Which of the starts in `mask` have a pair that is in the table: `a` the bytes at its first place, `twice_b` and `bit_b`
/// twice those at the second and the bit that they name.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi")]
fn ask(mask: u64, row: __m512i, a: __m512i, twice_b: __m512i, bit_b: __m512i) -> u64 {
    // The low four bits of one byte, the two above three of the other: see `WidePairs`. (0xCA: by the constant.)
    let index = _mm512_ternarylogic_epi32::<0xCA>(_mm512_set1_epi8(15), a, twice_b);
    _mm512_mask_test_epi8_mask(mask, _mm512_permutexvar_epi8(index, row), bit_b)
}

/// Writes sixteen numbers, each with `base` added.
///
/// # Safety
/// There is room for them.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn put(at: *mut u32, base: __m512i, sixteen: __m128i) {
    // SAFETY: by this function's contract.
    unsafe { _mm512_storeu_si512(at.cast(), _mm512_add_epi32(_mm512_cvtepu8_epi32(sixteen), base)) };
}

/// Adds those of the first `n` positions that pass the hashed filter to the blocks' masks; position 0 is start number `base`.
///
/// # Safety
/// The machine has the instructions; four bytes are readable at each of the positions from `text` on; the filter has
/// `1 << filter_log2` words.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vbmi,avx512vbmi2")]
unsafe fn hashed<const KIND: u32>(
    group: &GroupView<'_>,
    text: *const u8,
    base: usize,
    positions: &mut [u32],
    n: usize,
    masks: &mut [u32; RUN],
) {
    if n == 0 {
        return;
    }
    let constants = Constants::new(group);
    // The last sixteen are filled up with a start that is as readable as all.
    let first = positions[0];
    positions[n..n + 16].fill(first);
    for (i, sixteen) in positions[..n.next_multiple_of(16)].as_chunks::<16>().0.iter().enumerate() {
        // SAFETY: the positions are starts of readable windows; the filter is as `look` wants it.
        let mut mask = unsafe {
            let at = _mm512_loadu_si512(sixteen.as_ptr().cast());
            let windows = _mm512_i32gather_epi32::<1>(at, text.cast());
            constants.look::<KIND>(windows, windows)
        };
        while mask != 0 {
            let lane = mask.trailing_zeros() as usize;
            mask &= mask - 1;
            if 16 * i + lane < n {
                let position = base + sixteen[lane] as usize;
                masks[position / BLOCK % RUN] |= 1 << (position % BLOCK);
            }
        }
    }
}
