//! The portable filter.

use super::{BLOCK, Block, RUN};
use crate::rules::literal::layout::{Hash, word_at};
use crate::rules::literal::view::GroupView;

/// Fills `blocks` with those of the `count` probes from position `from` on that have survivors; returns how many.
pub(super) fn filter(
    group: &GroupView<'_>,
    haystack: &[u8],
    from: usize,
    count: usize,
    blocks: &mut [Block; RUN],
) -> usize {
    let mut found = 0;
    for first in (0..count).step_by(BLOCK) {
        let at = from + first * group.stride;
        let mut mask = 0;
        for i in 0..BLOCK.min(count - first) {
            let (low, high) = words(group, haystack, at + i * group.stride);
            let hash = group.hash.of(low, high);
            let bits = Hash::filter_bits(hash);
            let word = group.filter[(hash >> (32 - group.filter_log2)) as usize];
            mask |= u32::from(word & bits == bits) << i;
        }
        blocks[found] = Block { at, mask };
        found += usize::from(mask != 0);
    }
    found
}

/// The window at `at`, as the table's hash wants it.
#[inline(always)]
pub(super) fn words(group: &GroupView<'_>, haystack: &[u8], at: usize) -> (u32, u32) {
    if group.window < 4 {
        let low = (load(haystack, at) | group.fold) & group.low_mask;
        return (low, low);
    }
    (load(haystack, at) | group.fold, load(haystack, at + group.high_offset) | group.fold)
}

/// Four bytes; beyond the end they read as zero.
#[inline(always)]
pub(super) fn load(haystack: &[u8], at: usize) -> u32 {
    match haystack.get(at..at.wrapping_add(4)) {
        Some(bytes) => u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]),
        None => word_at(haystack, at),
    }
}
