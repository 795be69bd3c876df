//! The short literals: through the automaton, or by nibble tables where the machine shuffles bytes.

use super::Executor;
use crate::rules::literal::view::ShortView;

/// Text marked at once by the nibble tables.
const MARKED: usize = 2048;

/// Room for the nibble tables' answers.
pub(super) struct Marks {
    pub bits: Box<[u8; MARKED]>,
}

impl Default for Marks {
    fn default() -> Self {
        Self { bits: Box::new([0; MARKED]) }
    }
}

pub(super) fn find(
    short: &ShortView<'_>,
    executor: Executor,
    haystack: &[u8],
    marks: &mut Marks,
    emit: &mut impl FnMut(u32, usize, usize),
) {
    let _ = (executor, marks);
    walk(short, haystack, emit);
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
