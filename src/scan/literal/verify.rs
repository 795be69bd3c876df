//! From survivors of the filter to occurrences.

use std::ops::Range;

use super::scalar::{load, words};
use super::{BLOCK, Block, RUN, ordered};
use crate::rules::literal::layout::{Entry, Hash, Slot};
use crate::rules::literal::view::GroupView;

/// Candidates that wait for their comparison.
const PENDING: usize = 1024;

/// The queues between the steps. Fixed sizes: a run has no more probes than they have room for.
pub(super) struct Queues {
    /// (position, slot).
    hits: Box<[(u32, u32); RUN * BLOCK + 1]>,
    /// (position, slot): the slot holds another window and the chain goes on.
    chained: Box<[(u32, u32); RUN * BLOCK + 1]>,
    /// (position, entry): the check word agrees.
    pending: Box<[(u32, u32); PENDING + 1]>,
}

impl Default for Queues {
    fn default() -> Self {
        Self { hits: Box::new([(0, 0); _]), chained: Box::new([(0, 0); _]), pending: Box::new([(0, 0); _]) }
    }
}

/// Emits the occurrences whose windows are among the blocks' survivors.
pub(super) fn verify(
    group: &GroupView<'_>,
    haystack: &[u8],
    blocks: &[Block],
    queues: &mut Queues,
    emit: &mut impl FnMut(u32, usize, usize),
) {
    let Some(first) = blocks.first() else { return };
    // Positions within a run fit 32 bits, from the run's first block on.
    let base = first.at;
    let hits = look_up(group, haystack, base, blocks, &mut queues.hits, &mut queues.chained);
    let mut waiting = 0;
    for &(position, slot) in hits {
        let slot = &group.slots[slot as usize];
        let at = base + position as usize;
        let count = slot.count & Slot::COUNT;
        let mut part = slot.first..slot.first + count;
        let mut second = 0..0;
        if count as usize > Entry::LONG_LIST {
            if ordered::is(group, part.end) {
                ordered::find(group, haystack, at, part, &mut |index| {
                    queues.pending[waiting] = (position, index);
                    waiting += 1;
                    if waiting == PENDING {
                        flush(group, haystack, base, &queues.pending[..waiting], emit);
                        waiting = 0;
                    }
                });
                continue;
            }
            (part, second) = bisect(group, haystack, at, part);
        }
        // The first entry without a branch on its answer or on their number: most lists have one.
        let mut index = part.start;
        loop {
            queues.pending[waiting] = (position, index);
            waiting += usize::from(checks(group, haystack, at, &group.entries[index as usize]));
            if waiting == PENDING {
                flush(group, haystack, base, &queues.pending[..waiting], emit);
                waiting = 0;
            }
            index += 1;
            if index >= part.end {
                if second.is_empty() {
                    break;
                }
                (index, part, second) = (second.start, second, 0..0);
            }
        }
    }
    if waiting > 0 {
        flush(group, haystack, base, &queues.pending[..waiting], emit);
    }
}

/// Positions whose window exists, with its slot.
fn look_up<'q>(
    group: &GroupView<'_>,
    haystack: &[u8],
    base: usize,
    blocks: &[Block],
    hits: &'q mut [(u32, u32); RUN * BLOCK + 1],
    chained: &mut [(u32, u32); RUN * BLOCK + 1],
) -> &'q [(u32, u32)] {
    let (mut found, mut more) = (0, 0);
    for block in blocks {
        let mut mask = block.mask;
        while mask != 0 {
            let position = block.at - base + mask.trailing_zeros() as usize * group.stride;
            mask &= mask - 1;
            let (low, high) = words(group, haystack, base + position);
            let at = Hash::slot(group.hash.of(low, high), group.slots_log2);
            let slot = &group.slots[at];
            let same = (slot.low == low) & (slot.high == high) & (slot.count & Slot::COUNT != 0);
            hits[found] = (position as u32, at as u32);
            found += usize::from(same);
            chained[more] = (position as u32, at as u32);
            more += usize::from(!same & (slot.count & Slot::MORE != 0));
        }
    }
    let mask = group.slots.len() - 1;
    for &(position, home) in &chained[..more] {
        let (low, high) = words(group, haystack, base + position as usize);
        for step in 1..group.max_chain as usize {
            let at = (home as usize + step) & mask;
            let slot = &group.slots[at];
            if slot.low == low && slot.high == high && slot.count & Slot::COUNT != 0 {
                hits[found] = (position, at as u32);
                found += 1;
                break;
            }
            if slot.count & Slot::MORE == 0 {
                break;
            }
        }
    }
    &hits[..found]
}

/// The parts of a long list that may lie around the window at `at`: what has no common check word, and what agrees with it.
/// The first is never empty.
#[cold]
fn bisect(group: &GroupView<'_>, haystack: &[u8], at: usize, list: Range<u32>) -> (Range<u32>, Range<u32>) {
    let entries = &group.entries[list.start as usize..list.end as usize];
    let last = &entries[entries.len() - 1];
    let word = load(haystack, at.wrapping_add_signed(last.delta())) | group.fold;
    let elsewhere = entries.partition_point(|entry| !entry.beside(last));
    let sorted = &entries[elsewhere..];
    let from = elsewhere + sorted.partition_point(|entry| entry.check < word);
    let upto = elsewhere + sorted.partition_point(|entry| entry.check <= word);
    let part = |from: usize, upto: usize| list.start + from as u32..list.start + upto as u32;
    match elsewhere {
        // An entry that does not agree is dismissed soon.
        0 => (part(from.min(entries.len() - 1), upto.max(from.min(entries.len() - 1) + 1)), 0..0),
        _ => (part(0, elsewhere), part(from, upto)),
    }
}

/// Whether the entry's literal may lie around the window at `at`: inside the text, and its check word agrees.
#[inline(always)]
fn checks(group: &GroupView<'_>, haystack: &[u8], at: usize, entry: &Entry) -> bool {
    let start = at.wrapping_sub(entry.offset());
    let inside = start <= at && haystack.len() - start >= entry.short_len();
    let word = if inside { load(haystack, at.wrapping_add_signed(entry.delta())) | group.fold } else { 0 };
    inside & ((word == entry.check) | (entry.meta & Entry::NO_CHECK != 0))
}

fn flush(
    group: &GroupView<'_>,
    haystack: &[u8],
    base: usize,
    pending: &[(u32, u32)],
    emit: &mut impl FnMut(u32, usize, usize),
) {
    for &(position, index) in pending {
        let entry = &group.entries[index as usize];
        let start = base + position as usize - entry.offset();
        let len = if entry.meta & Entry::PROVEN != 0 {
            entry.short_len()
        } else {
            let record = &group.records()[entry.record as usize..];
            let len = record[0] as usize;
            let Some(text) = haystack.get(start..start + len) else {
                continue;
            };
            let literal = &bytemuck::cast_slice::<u32, u8>(&record[1..])[..len];
            let caseless = entry.meta & Entry::CASELESS != 0;
            if !(if caseless { equal::<true>(text, literal) } else { equal::<false>(text, literal) }) {
                continue;
            }
            len
        };
        if entry.meta & Entry::TAG_LIST == 0 {
            emit(entry.tag, start, start + len);
        } else {
            let list = &group.tags()[entry.tag as usize..];
            for &tag in &list[1..1 + list[0] as usize] {
                emit(tag, start, start + len);
            }
        }
    }
}

/// Compares bytes of one length; with `CASELESS` the literal is lower case and the text's letters are lowered.
#[inline(always)]
fn equal<const CASELESS: bool>(text: &[u8], literal: &[u8]) -> bool {
    let n = text.len();
    if n < 8 {
        if n >= 4 {
            return four::<CASELESS>(text, literal, 0) && four::<CASELESS>(text, literal, n - 4);
        }
        return text.iter().zip(literal).all(|(a, b)| if CASELESS { a.to_ascii_lowercase() == *b } else { a == b });
    }
    let mut at = 0;
    while at + 8 < n {
        if !eight::<CASELESS>(text, literal, at) {
            return false;
        }
        at += 8;
    }
    eight::<CASELESS>(text, literal, n - 8)
}

#[inline(always)]
fn four<const CASELESS: bool>(text: &[u8], literal: &[u8], at: usize) -> bool {
    let (text, literal) = (u64::from(load(text, at)), u64::from(load(literal, at)));
    if CASELESS { lower(text) == literal } else { text == literal }
}

#[inline(always)]
fn eight<const CASELESS: bool>(text: &[u8], literal: &[u8], at: usize) -> bool {
    let word = |bytes: &[u8]| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
    let (text, literal) = (word(text), word(literal));
    if CASELESS { lower(text) == literal } else { text == literal }
}

/// ASCII letters of eight bytes in lower case.
#[inline(always)]
pub(super) fn lower(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let low7 = word & (0x7f * ONES);
    // The high bit of each byte: at least 'A', and beyond 'Z'; bytes from 0x80 on are no letters.
    let from_a = low7 + (0x80 - b'A' as u64) * ONES;
    let beyond_z = low7 + (0x80 - b'Z' as u64 - 1) * ONES;
    let letters = (from_a & !beyond_z & !word) & (0x80 * ONES);
    word | letters >> 2
}
