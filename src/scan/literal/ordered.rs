//! Lists that are in the order of their bytes: many literals that neither their window nor a check word tells apart.

use std::ops::Range;

use super::verify::lower;
use crate::rules::literal::layout::Entry;
use crate::rules::literal::view::GroupView;

/// Whether the list that ends before entry `end` is such a list.
#[inline]
pub(super) fn is(group: &GroupView<'_>, end: u32) -> bool {
    !group.nested().is_empty() && group.nested()[end as usize - 1] != Entry::UNORDERED
}

/// Calls `found` for the entries of such a list whose literals lie around the window at `at`.
#[cold]
pub(super) fn find(group: &GroupView<'_>, haystack: &[u8], at: usize, list: Range<u32>, found: &mut impl FnMut(u32)) {
    let mut first = list.start as usize;
    while first < list.end as usize {
        let rest = &group.entries[first..list.end as usize];
        let run = rest[0].run();
        let end = first + rest.partition_point(|entry| entry.run() == run).max(1);
        if let Some(text) = at.checked_sub(run.1).and_then(|start| haystack.get(start..)) {
            let found = &mut |index: usize| found(index as u32);
            if run.0 {
                of_run::<true>(group, text, first..end, found)
            } else {
                of_run::<false>(group, text, first..end, found)
            }
        }
        first = end;
    }
}

/// The entries of one run whose literals `text` begins with.
fn of_run<const CASELESS: bool>(group: &GroupView<'_>, text: &[u8], run: Range<usize>, found: &mut impl FnMut(usize)) {
    // Entries before `low` are not behind the text in the order, those from `high` on are. All between agree with the
    // text as far as both their neighbours do, so that no byte is compared again.
    let (mut low, mut high) = (run.start, run.end);
    let (mut low_alike, mut high_alike) = (0, 0);
    while low < high {
        let middle = low.midpoint(high);
        let literal = bytes(group, middle);
        let alike = alike::<CASELESS>(text, literal, low_alike.min(high_alike));
        let behind = match (literal.get(alike), text.get(alike)) {
            (None, _) => false,
            (_, None) => true,
            (Some(a), Some(b)) => *a > if CASELESS { b.to_ascii_lowercase() } else { *b },
        };
        if behind {
            (high, high_alike) = (middle, alike);
        } else {
            (low, low_alike) = (middle + 1, alike);
        }
    }
    // Whatever literal the text begins with, the last one before `high` begins with it too.
    if low == run.start {
        return;
    }
    let mut next = low - 1;
    loop {
        if bytes(group, next).len() <= low_alike {
            found(next);
        }
        match group.nested()[next] {
            outer if (outer as usize) < next => next = outer as usize,
            _ => return,
        }
    }
}

fn bytes<'a>(group: &GroupView<'a>, entry: usize) -> &'a [u8] {
    let record = &group.records()[group.entries[entry].record as usize..];
    &bytemuck::cast_slice(&record[1..])[..record[0] as usize]
}

/// How many bytes `text` and `literal` have in common, of which they have `known`.
fn alike<const CASELESS: bool>(text: &[u8], literal: &[u8], known: usize) -> usize {
    let len = text.len().min(literal.len());
    let mut at = known.min(len);
    let word = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    while at + 8 <= len {
        let found = if CASELESS { lower(word(text, at)) } else { word(text, at) };
        let differ = found ^ word(literal, at);
        if differ != 0 {
            return at + differ.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let same = |at: usize| literal[at] == if CASELESS { text[at].to_ascii_lowercase() } else { text[at] };
    while at < len && same(at) {
        at += 1;
    }
    at
}
