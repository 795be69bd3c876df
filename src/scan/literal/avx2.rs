//! The filter with AVX2: eight probes a vector, their filter words fetched by a gather.

use std::arch::x86_64::*;

use super::{BLOCK, Block, RUN};
use crate::rules::literal::layout::high_offset;
use crate::rules::literal::view::GroupView;

/// Bytes that a block's loads reach from its start on, at most: the last at 28 strides, 16 bytes long.
const REACH: usize = 28 * 4 + 16;
/// Two blocks' worth.
const PADDED: usize = 60 * 4 + 16;

/// As `scalar::filter`, but blocks may carry bits of probes beyond `count`.
pub(super) fn filter(
    group: &GroupView<'_>,
    haystack: &[u8],
    from: usize,
    count: usize,
    blocks: &mut [Block; RUN],
) -> usize {
    assert!(count <= RUN * BLOCK && group.filter.len() >> group.filter_log2 == 1);
    assert!(3 * group.stride + group.window <= 16);
    let step = BLOCK * group.stride;
    let reach = 28 * group.stride + 16;
    let total = count.div_ceil(BLOCK);
    // Blocks that may be read where they lie.
    let whole = if haystack.len() < from + reach { 0 } else { ((haystack.len() - from - reach) / step + 1).min(total) };
    let kernel = match (group.window, group.fold) {
        (..4, _) => run::<0>,
        (4, 0) => run::<1>,
        (4, _) => run::<2>,
        (_, 0) => run::<3>,
        (_, _) => run::<4>,
    };
    let mut found = 0;
    if whole > 0 {
        // SAFETY: the caller found AVX2; `whole` blocks of loads end within the haystack, as computed above.
        found = unsafe { kernel(group, haystack.as_ptr().add(from), from, whole, blocks, 0) };
    }
    if whole < total {
        // The rest is less than a block's reach, and at most two blocks: padded with zeros it can be read.
        let at = from + whole * step;
        let rest = &haystack[at..haystack.len().min(at + REACH)];
        let mut padded = [0; PADDED];
        padded[..rest.len()].copy_from_slice(rest);
        let left = total - whole;
        assert!((left - 1) * step + reach <= PADDED);
        // SAFETY: AVX2 as above; the blocks' loads end within `padded`.
        found = unsafe { kernel(group, padded.as_ptr(), at, left, blocks, found) };
    }
    found
}

/// `KIND`: 0 windows of less than four bytes; 1, 2 of four, exact and folded; 3, 4 longer, exact and folded.
///
/// # Safety
/// The machine has AVX2. `text` is readable for `(count - 1) * 32 strides + 28 strides + 16` bytes. The
/// filter has `1 << filter_log2` words, `3 * stride + window <= 16`, and `found + count <= RUN`.
#[target_feature(enable = "avx2,bmi2")]
unsafe fn run<const KIND: u32>(
    group: &GroupView<'_>,
    text: *const u8,
    at: usize,
    count: usize,
    blocks: &mut [Block; RUN],
    mut found: usize,
) -> usize {
    let stride = group.stride;
    let low_shuffle = shuffle(stride, 0);
    let high_shuffle = shuffle(stride, high_offset(group.window as u32));
    let fold = _mm256_set1_epi32(group.fold as i32);
    let narrow = _mm256_set1_epi32(group.low_mask as i32);
    let wide = group.window > 4;
    let mul_low = if wide { group.hash.mul_low } else { group.hash.mul_low.wrapping_add(group.hash.mul_high) };
    let mul_low = _mm256_set1_epi32(mul_low as i32);
    let mul_high = _mm256_set1_epi32(group.hash.mul_high as i32);
    let index_shift = _mm_cvtsi32_si128(32 - group.filter_log2 as i32);
    let five_bits = _mm256_set1_epi32(31);
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    let words = group.filter.as_ptr().cast::<i32>();

    let probe = |p: *const u8| {
        // SAFETY: 16 bytes at `p` and at four strides further are readable, by this function's contract.
        let bytes = unsafe {
            let near = _mm_loadu_si128(p.cast());
            let far = _mm_loadu_si128(p.add(4 * stride).cast());
            _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(near), far)
        };
        let bytes = if KIND == 2 || KIND == 4 || KIND == 0 { _mm256_or_si256(bytes, fold) } else { bytes };
        let mut low = _mm256_shuffle_epi8(bytes, low_shuffle);
        if KIND == 0 {
            low = _mm256_and_si256(low, narrow);
        }
        let mut hash = _mm256_mullo_epi32(low, mul_low);
        if KIND >= 3 {
            let high = _mm256_shuffle_epi8(bytes, high_shuffle);
            hash = _mm256_add_epi32(hash, _mm256_mullo_epi32(high, mul_high));
        }
        hash = _mm256_xor_si256(hash, _mm256_srli_epi32::<15>(hash));
        let index = _mm256_srl_epi32(hash, index_shift);
        // SAFETY: an index has `filter_log2` bits, the number of words the filter has.
        let word = unsafe { _mm256_i32gather_epi32::<4>(words, index) };
        let first = _mm256_sllv_epi32(word, _mm256_and_si256(hash, five_bits));
        let second = _mm256_sllv_epi32(word, _mm256_and_si256(_mm256_srli_epi32::<5>(hash), five_bits));
        _mm256_and_si256(first, second)
    };

    for block in 0..count {
        // SAFETY: the block's bytes are readable, by this function's contract.
        let p = unsafe { text.add(block * BLOCK * stride) };
        // SAFETY: the same.
        let (a, b, c, d) =
            unsafe { (probe(p), probe(p.add(8 * stride)), probe(p.add(16 * stride)), probe(p.add(24 * stride))) };
        // Signs of 32 lanes: saturation keeps them, the packing's order is put right in the end.
        let packed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
        let mask = _mm256_movemask_epi8(_mm256_permutevar8x32_epi32(packed, order)) as u32;
        blocks[found & (RUN - 1)] = Block { at: at + block * BLOCK * stride, mask };
        found += usize::from(mask != 0);
    }
    found
}

/// Picks, from 16 bytes in either half, four bytes for each of four starts a stride apart.
#[target_feature(enable = "avx2")]
fn shuffle(stride: usize, offset: usize) -> __m256i {
    let mut control = [0u8; 16];
    for (i, c) in control.iter_mut().enumerate() {
        *c = ((i / 4) * stride + offset + i % 4) as u8;
    }
    // SAFETY: sixteen bytes are read from sixteen.
    let half = unsafe { _mm_loadu_si128(control.as_ptr().cast()) };
    _mm256_broadcastsi128_si256(half)
}
