//! The short literals: by nibble tables where the machine shuffles bytes, else through the automaton.

use super::{BLOCK, Block, Executor, RUN};
use crate::rules::literal::view::ShortView;

/// Text marked at once.
pub(super) const MARKED: usize = RUN * BLOCK;
/// Groups of eight literals that are marked at once: six fill a word's bytes, with two to spare.
pub(super) const GROUPS: usize = 6;

/// What the nibble tables say about a stretch of text: for each position a byte a group, its bits the literals.
pub(super) struct Marks {
    pub bits: Box<[[u8; MARKED]; GROUPS]>,
    positions: Box<[u16; MARKED + 4]>,
}

impl Default for Marks {
    fn default() -> Self {
        Self { bits: Box::new([[0; MARKED]; GROUPS]), positions: Box::new([0; _]) }
    }
}

pub(super) fn find(
    short: &ShortView<'_>,
    executor: Executor,
    haystack: &[u8],
    blocks: &mut [Block; RUN],
    marks: &mut Marks,
    emit: &mut impl FnMut(u32, usize, usize),
) {
    #[cfg(target_arch = "x86_64")]
    if executor != Executor::Scalar && (1..=GROUPS).contains(&short.nibbles.len()) {
        let mut from = 0;
        while from < haystack.len() {
            let found = match executor {
                Executor::Avx512 => super::nibbles_wide::mark(short, haystack, from, blocks, &mut marks.bits),
                _ => super::nibbles::mark(short, haystack, from, blocks, &mut marks.bits),
            };
            report(short, haystack.len(), from, &blocks[..found], marks, emit);
            from += MARKED;
        }
        return;
    }
    let _ = (executor, blocks, marks);
    walk(short, haystack, emit);
}

/// Emits what is marked. Positions first, then their literals: two plain loops, where one in the other would
/// mispredict at every block.
fn report(
    short: &ShortView<'_>,
    len: usize,
    from: usize,
    blocks: &[Block],
    marks: &mut Marks,
    emit: &mut impl FnMut(u32, usize, usize),
) {
    let mut n = 0;
    for block in blocks {
        let at = (block.at - from) as u16;
        let mut mask = block.mask;
        // Four at a time, wanted or not: what is too much is written over.
        let mut end = n;
        n += mask.count_ones() as usize;
        while mask != 0 {
            for slot in &mut marks.positions[end..end + 4] {
                *slot = at + (mask.trailing_zeros() & 31) as u16;
                mask &= mask.wrapping_sub(1);
            }
            end += 4;
        }
    }
    let groups = short.nibbles.len();
    for &position in &marks.positions[..n] {
        let position = position as usize;
        let mut bits = 0u64;
        for (group, marks) in marks.bits[..groups].iter().enumerate() {
            bits |= u64::from(marks[position & (MARKED - 1)]) << (8 * group);
        }
        while bits != 0 {
            let [tag, length] = short.lits[bits.trailing_zeros() as usize];
            let (start, end) = (from + position, from + position + length as usize);
            // The zeros behind the text are none of it.
            if end <= len && length != 0 {
                emit(tag, start, end);
            }
            bits &= bits - 1;
        }
    }
}

/// One step of the automaton a byte.
fn walk(short: &ShortView<'_>, haystack: &[u8], emit: &mut impl FnMut(u32, usize, usize)) {
    let mut state = 0usize;
    for (i, &byte) in haystack.iter().enumerate() {
        state = short.next[state + short.classes[byte as usize] as usize] as usize;
        if state >= short.first_match {
            let row = (state - short.first_match) / short.width;
            for &[tag, len] in &short.out[short.outs[row] as usize..short.outs[row + 1] as usize] {
                // A damaged table may say any length.
                if let Some(start) = (i + 1).checked_sub(len as usize) {
                    emit(tag, start, i + 1);
                }
            }
        }
    }
}
