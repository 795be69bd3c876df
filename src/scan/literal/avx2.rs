//! The filter with AVX2: eight probes a vector, their filter words fetched by a gather.

use std::arch::x86_64::*;

use super::{BLOCK, Block, RUN, Starts, pairs};
use crate::rules::literal::layout::high_offset;
use crate::rules::literal::view::GroupView;

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
    assert!(3 * group.stride + group.window <= 16);
    let step = BLOCK * group.stride;
    let reach = if group.pairs().is_some() { pairs::REACH } else { 28 * group.stride + 16 };
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
    if let (Some(pairs), 1..) = (group.pairs(), whole) {
        assert!((2..=4).contains(&group.window) && group.stride == 1);
        // SAFETY: the caller found the instructions; `whole` blocks of loads end within the haystack, as computed above.
        found = unsafe { pairs::run(group, pairs, haystack.as_ptr().add(from), from, whole, blocks, 0, starts) };
    } else if whole > 0 {
        // SAFETY: the caller found AVX2; `whole` blocks of loads end within the haystack, as computed above.
        found = unsafe { kernel(group, haystack.as_ptr().add(from), from, whole, blocks, 0) };
    }
    if whole < total {
        // The rest is less than a block's reach, and at most two blocks.
        let at = from + whole * step;
        if haystack.len() >= 16 {
            // SAFETY: AVX2 as above; the loads are kept within the haystack, which has sixteen bytes.
            found = unsafe { tail(group, haystack, at, total - whole, blocks, found) };
        } else {
            let mut padded = [0; 16];
            padded[..haystack.len()].copy_from_slice(haystack);
            // SAFETY: as above.
            found = unsafe { tail(group, &padded, at, total - whole, blocks, found) };
        }
    }
    found
}

/// What the kernels keep in registers.
pub(super) struct Constants {
    low_shuffle: __m256i,
    high_shuffle: __m256i,
    fold: __m256i,
    narrow: __m256i,
    mul_low: __m256i,
    mul_high: __m256i,
    index_shift: __m128i,
    five_bits: __m256i,
    words: *const i32,
}

impl Constants {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn new(group: &GroupView<'_>) -> Self {
        let wide = group.window > 4;
        let mul_low = if wide { group.hash.mul_low } else { group.hash.mul_low.wrapping_add(group.hash.mul_high) };
        Self {
            low_shuffle: shuffle(group.stride, 0),
            high_shuffle: shuffle(group.stride, high_offset(group.window as u32)),
            fold: _mm256_set1_epi32(group.fold as i32),
            narrow: _mm256_set1_epi32(group.low_mask as i32),
            mul_low: _mm256_set1_epi32(mul_low as i32),
            mul_high: _mm256_set1_epi32(group.hash.mul_high as i32),
            index_shift: _mm_cvtsi32_si128(32 - group.filter_log2 as i32),
            five_bits: _mm256_set1_epi32(31),
            words: group.filter.as_ptr().cast(),
        }
    }

    /// Eight windows' answers, in the lanes' signs, from the words of their starts and ends.
    ///
    /// # Safety
    /// `words` has as many words as `index_shift` leaves numbers.
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) unsafe fn look<const KIND: u32>(&self, low: __m256i, high: __m256i) -> __m256i {
        let folded = KIND == 0 || KIND == 2 || KIND == 4;
        let mut low = if folded { _mm256_or_si256(low, self.fold) } else { low };
        if KIND == 0 {
            low = _mm256_and_si256(low, self.narrow);
        }
        let mut hash = _mm256_mullo_epi32(low, self.mul_low);
        if KIND >= 3 {
            let high = if folded { _mm256_or_si256(high, self.fold) } else { high };
            hash = _mm256_add_epi32(hash, _mm256_mullo_epi32(high, self.mul_high));
        }
        hash = _mm256_xor_si256(hash, _mm256_srli_epi32::<15>(hash));
        let index = _mm256_srl_epi32(hash, self.index_shift);
        // SAFETY: an index is below the number of words, by this function's contract.
        let word = unsafe { _mm256_i32gather_epi32::<4>(self.words, index) };
        let first = _mm256_sllv_epi32(word, _mm256_and_si256(hash, self.five_bits));
        let second = _mm256_sllv_epi32(word, _mm256_and_si256(_mm256_srli_epi32::<5>(hash), self.five_bits));
        _mm256_and_si256(first, second)
    }
}

/// The signs of four times eight lanes as bits, first lane first.
#[inline]
#[target_feature(enable = "avx2")]
fn signs(lanes: [__m256i; 4]) -> u32 {
    let [a, b, c, d] = lanes;
    // Saturation keeps signs; the packing's order is put right in the end.
    let packed = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    let order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_movemask_epi8(_mm256_permutevar8x32_epi32(packed, order)) as u32
}

/// `KIND`: 0 windows of less than four bytes; 1, 2 of four, exact and folded; 3, 4 longer, exact and folded.
///
/// # Safety
/// The machine has AVX2. `text` is readable for `(count - 1) * 32 strides + 28 strides + 16` bytes. The
/// filter has `1 << filter_log2` words, `3 * stride + window <= 16`, and `found + count <= RUN`.
#[target_feature(enable = "avx2")]
unsafe fn run<const KIND: u32>(
    group: &GroupView<'_>,
    text: *const u8,
    at: usize,
    count: usize,
    blocks: &mut [Block; RUN],
    mut found: usize,
) -> usize {
    let stride = group.stride;
    let constants = Constants::new(group);
    let probe = |p: *const u8| {
        // SAFETY: 16 bytes at `p` and at four strides further are readable, by this function's contract.
        let bytes = unsafe {
            let near = _mm_loadu_si128(p.cast());
            let far = _mm_loadu_si128(p.add(4 * stride).cast());
            _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(near), far)
        };
        let low = _mm256_shuffle_epi8(bytes, constants.low_shuffle);
        let high = if KIND >= 3 { _mm256_shuffle_epi8(bytes, constants.high_shuffle) } else { low };
        // SAFETY: the filter has the words, by this function's contract.
        unsafe { constants.look::<KIND>(low, high) }
    };
    for block in 0..count {
        // SAFETY: the block's bytes are readable, by this function's contract.
        let lanes = unsafe {
            let p = text.add(block * BLOCK * stride);
            [probe(p), probe(p.add(8 * stride)), probe(p.add(16 * stride)), probe(p.add(24 * stride))]
        };
        let mask = signs(lanes);
        blocks[found & (RUN - 1)] = Block { at: at + block * BLOCK * stride, mask };
        found += usize::from(mask != 0);
    }
    found
}

/// As `run`, where a block's loads would reach beyond the text: sixteen bytes are loaded from the text's end at the
/// latest, and the shuffle picks accordingly further on, zeros beyond the end.
///
/// # Safety
/// The machine has AVX2. The filter has `1 << filter_log2` words, `3 * stride + window <= 16`.
#[target_feature(enable = "avx2")]
unsafe fn tail(
    group: &GroupView<'_>,
    text: &[u8],
    at: usize,
    count: usize,
    blocks: &mut [Block; RUN],
    mut found: usize,
) -> usize {
    assert!(text.len() >= 16);
    let stride = group.stride;
    let constants = Constants::new(group);
    // A control of 0x70 + i picks byte i, up to i = 15; from 16 on its high bit is set, which gives zero.
    let bias = _mm256_set1_epi8(0x70);
    let last = text.len() - 16;
    let half = |p: usize| {
        let from = p.min(last);
        // SAFETY: sixteen bytes are readable there: `from + 16 <= text.len()`.
        let bytes = unsafe { _mm_loadu_si128(text.as_ptr().add(from).cast()) };
        (bytes, _mm_set1_epi8((p - from).min(64) as i8))
    };
    let probe = |p: usize| {
        let ((near, near_off), (far, far_off)) = (half(p), half(p + 4 * stride));
        let bytes = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(near), far);
        let off = _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(near_off), far_off);
        let off = _mm256_add_epi8(off, bias);
        let low = _mm256_shuffle_epi8(bytes, _mm256_add_epi8(constants.low_shuffle, off));
        let high = _mm256_shuffle_epi8(bytes, _mm256_add_epi8(constants.high_shuffle, off));
        // SAFETY: the filter has the words, by this function's contract. (Kind 4 does what 1, 2 and 3 do if not
        // folding means a fold by zero, and the words' multipliers are right for either.)
        unsafe { if group.window > 4 { constants.look::<4>(low, high) } else { constants.look::<0>(low, low) } }
    };
    for block in 0..count {
        let p = at + block * BLOCK * stride;
        let lanes = [probe(p), probe(p + 8 * stride), probe(p + 16 * stride), probe(p + 24 * stride)];
        let mask = signs(lanes);
        blocks[found & (RUN - 1)] = Block { at: p, mask };
        found += usize::from(mask != 0);
    }
    found
}

/// Picks, from 16 bytes in either half, four bytes for each of four starts a stride apart.
#[inline]
#[target_feature(enable = "avx2")]
fn shuffle(stride: usize, offset: usize) -> __m256i {
    let control: &[u8; 16] = &SHUFFLES[stride - 1][offset];
    // SAFETY: sixteen bytes are read from sixteen.
    let half = unsafe { _mm_loadu_si128(control.as_ptr().cast()) };
    _mm256_broadcastsi128_si256(half)
}

/// By stride less one and offset, 0..=4.
static SHUFFLES: [[[u8; 16]; 5]; 4] = {
    let mut all = [[[0; 16]; 5]; 4];
    let mut n = 0;
    while n < 4 * 5 * 16 {
        let (stride, offset, i) = (n / 80, n / 16 % 5, n % 16);
        all[stride][offset][i] = ((i / 4) * (stride + 1) + offset + i % 4) as u8;
        n += 1;
    }
    all
};
