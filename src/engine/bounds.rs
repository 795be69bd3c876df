//! What the items of a batch have in common, found by one look at all of them.

use crate::types::trm_work_item;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// No item begins behind this ...
    offset: u32,
    /// ... and none is longer.
    len: u32,
    /// All are for one set.
    pub one_set: bool,
}

impl Bounds {
    #[inline]
    pub fn of(items: &[trm_work_item]) -> Self {
        #[cfg(target_arch = "x86_64")]
        if items.len() >= 8 && is_x86_feature_detected!("avx2") {
            // SAFETY: the processor has the instructions.
            return unsafe { of_wide(items) };
        }
        look(items)
    }

    /// Whether it can be said that all bytes lie below `end`. If not, they may nevertheless.
    #[inline]
    pub fn are_below(&self, end: u64) -> bool {
        u64::from(self.offset) + u64::from(self.len) <= end
    }
}

/// The same, two items at a time: whatever of them is needed, whole items are looked at, so that it is three instructions for
/// both.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn of_wide(items: &[trm_work_item]) -> Bounds {
    use core::arch::x86_64::*;
    let (pairs, last) = items.as_chunks::<2>();
    // SAFETY: two items are 32 bytes.
    let load = |pair: &[trm_work_item; 2]| unsafe { _mm256_loadu_si256(pair.as_ptr().cast()) };
    let first =
        pairs.first().map_or(_mm256_setzero_si256(), |pair| _mm256_permute2x128_si256::<0>(load(pair), load(pair)));
    let (mut most, mut other) = (_mm256_setzero_si256(), _mm256_setzero_si256());
    for pair in pairs {
        let pair = load(pair);
        most = _mm256_max_epu32(most, pair);
        other = _mm256_or_si256(other, _mm256_xor_si256(pair, first));
    }
    let most = _mm_max_epu32(_mm256_castsi256_si128(most), _mm256_extracti128_si256::<1>(most));
    let other = _mm_or_si128(_mm256_castsi256_si128(other), _mm256_extracti128_si256::<1>(other));
    let bounds = Bounds {
        offset: _mm_extract_epi32::<0>(most) as u32,
        len: _mm_extract_epi32::<1>(most) as u32,
        one_set: _mm_extract_epi32::<2>(other) == 0,
    };
    match last {
        [last] => bounds.and(last, items[0].rule_set_id),
        _ => bounds,
    }
}

fn look(items: &[trm_work_item]) -> Bounds {
    let none = Bounds { offset: 0, len: 0, one_set: true };
    let first = items.first().map_or(0, |first| first.rule_set_id);
    items.iter().fold(none, |bounds, item| bounds.and(item, first))
}

impl Bounds {
    /// With one more item, where the first one's set is this.
    #[inline(always)]
    fn and(self, item: &trm_work_item, first: u32) -> Self {
        Self {
            offset: self.offset.max(item.input_offset),
            len: self.len.max(item.input_len),
            one_set: self.one_set & (item.rule_set_id == first),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_of_each_and_whether_sets_differ() {
        for count in 0..40u32 {
            let item = |i: u32| trm_work_item {
                input_offset: i.wrapping_mul(0x9e37_79b1),
                input_len: !i.wrapping_mul(0x85eb_ca6b),
                rule_set_id: 7,
                correlation: i,
            };
            let mut items: Vec<_> = (0..count).map(item).collect();
            let offset = items.iter().map(|item| item.input_offset).max().unwrap_or(0);
            let len = items.iter().map(|item| item.input_len).max().unwrap_or(0);
            assert_eq!(Bounds::of(&items), Bounds { offset, len, one_set: true });
            let end = u64::from(offset) + u64::from(len);
            assert!(Bounds::of(&items).are_below(end) && (end == 0 || !Bounds::of(&items).are_below(end - 1)));
            for other in 0..count as usize {
                items[other].rule_set_id = 8;
                assert_eq!(Bounds::of(&items).one_set, count == 1);
                items[other].rule_set_id = 7;
            }
        }
    }
}
