//! A window's list: for each literal that owns it an entry with a check word, which is to dismiss the literal
//! without a look at its bytes.

use std::collections::{BTreeMap, HashMap};

use super::build::Unique;
use super::layout::{Entry, word_at};
use super::windows::Owned;

/// In lists longer than this the check words are chosen to tell the literals apart.
const CROWDED: usize = 4;
/// Places looked at for that, to either side of the window.
const FAR: usize = 100;
/// Fewer where a list is so long that it would come to more check words than this.
const WORDS: usize = 1 << 17;

/// Appends the entries of one window's owners; returns how many of them may have to be looked at at one place of a text.
pub(super) fn make(
    owners: &[Owned],
    all: &[Unique],
    window: u32,
    fold: u32,
    entries: &mut Vec<Entry>,
    nested: &mut Vec<u32>,
) -> u32 {
    let window = window as usize;
    let far = (WORDS / owners.len() / 2).clamp(4, FAR);
    let mut seen: HashMap<(isize, u32), u32> = HashMap::new();
    if owners.len() > CROWDED {
        for o in owners {
            for at in places(o, &all[o.literal as usize], far) {
                *seen.entry(word(o, &all[o.literal as usize], at, fold)).or_default() += 1;
            }
        }
    }
    if owners.len() > Entry::LONG_LIST {
        return long(owners, all, window, fold, far, &seen, entries, nested);
    }
    for o in owners {
        let literal = &all[o.literal as usize];
        let mut at = usual(o, literal.bytes.len(), window);
        if owners.len() > CROWDED && literal.bytes.len() >= 4 {
            let crowd = |at: usize| seen.get(&word(o, literal, at, fold)).copied().unwrap_or(u32::MAX);
            let best = places(o, literal, far).min_by_key(|&at| crowd(at)).unwrap_or(at);
            if crowd(best) < crowd(at) {
                at = best;
            }
        }
        entries.push(entry(o, literal, window, fold, at));
    }
    owners.len() as u32
}

/// A long list: its check words all lie at the one place that leaves the fewest literals to compare, in their order, so
/// that they are found by bisection. Literals that do not reach there come first. Where no place leaves few enough, all
/// are in the order of their bytes.
#[allow(clippy::too_many_arguments)]
fn long(
    owners: &[Owned],
    all: &[Unique],
    window: usize,
    fold: u32,
    far: usize,
    seen: &HashMap<(isize, u32), u32>,
    entries: &mut Vec<Entry>,
    nested: &mut Vec<u32>,
) -> u32 {
    // By place: literals that reach there, and how many are alike there at most.
    let mut by_place: BTreeMap<isize, (u32, u32)> = BTreeMap::new();
    for (&(place, _), &count) in seen {
        let (reach, most) = by_place.entry(place).or_default();
        *reach += count;
        *most = (*most).max(count);
    }
    let left = |(reach, most): (u32, u32)| owners.len() as u32 - reach + most;
    let best = by_place.into_iter().min_by_key(|(_, counts)| left(*counts));
    // Nothing longer than three bytes: there are not enough spellings of those for a list to matter.
    let (place, counts) = best.unwrap_or((0, (0, 0)));
    if left(counts) as usize > Entry::MAX_LIST {
        return ordered(owners, all, window, fold, entries, nested);
    }
    let (mut near, mut there) = (Vec::new(), Vec::new());
    for o in owners {
        let literal = &all[o.literal as usize];
        let at = o.offset as isize + place;
        if at >= 0 && places(o, literal, far).contains(&(at as usize)) {
            there.push(entry(o, literal, window, fold, at as usize));
        } else {
            near.push(entry(o, literal, window, fold, usual(o, literal.bytes.len(), window)));
        }
    }
    there.sort_by_key(|entry| entry.check);
    entries.append(&mut near);
    entries.append(&mut there);
    left(counts)
}

/// A list in the order of its bytes: one bisection for each of its runs tells which of the run's literals are at a place of a
/// text, since each of those begins the last one that is not behind the text in the order. Returns the number of runs.
fn ordered(
    owners: &[Owned],
    all: &[Unique],
    window: usize,
    fold: u32,
    entries: &mut Vec<Entry>,
    nested: &mut Vec<u32>,
) -> u32 {
    let literal = |o: &Owned| &all[o.literal as usize];
    let run = |o: &Owned| (literal(o).caseless, o.offset);
    let mut order: Vec<&Owned> = owners.iter().collect();
    order.sort_unstable_by(|a, b| (run(a), &literal(a).bytes).cmp(&(run(b), &literal(b).bytes)));
    nested.resize(entries.len(), Entry::UNORDERED);
    let mut runs = 0;
    for of_run in order.chunk_by(|a, b| run(a) == run(b)) {
        runs += 1;
        // The literals, each in the next, that the one at hand begins with.
        let mut outer: Vec<(u32, &[u8])> = Vec::new();
        for o in of_run {
            let bytes = literal(o).bytes.as_slice();
            while outer.pop_if(|last| !bytes.starts_with(last.1)).is_some() {}
            nested.push(outer.last().map_or(Entry::ALONE, |last| last.0));
            outer.push((entries.len() as u32, bytes));
            entries.push(entry(o, literal(o), window, fold, usual(o, bytes.len(), window)));
        }
    }
    runs
}

/// Where check words may lie in the literal.
fn places(owned: &Owned, literal: &Unique, far: usize) -> std::ops::Range<usize> {
    let offset = owned.offset as usize;
    let end = (literal.bytes.len() + 1).saturating_sub(4).min(offset + far);
    offset.saturating_sub(far).min(end)..end
}

/// A check word with its place from the window on.
fn word(owned: &Owned, literal: &Unique, at: usize, fold: u32) -> (isize, u32) {
    (at as isize - owned.offset as isize, word_at(&literal.bytes, at) | fold)
}

/// Right behind the window, else right before it, else as far off as the literal reaches.
fn usual(owned: &Owned, len: usize, window: usize) -> usize {
    let offset = owned.offset as usize;
    if len < 4 {
        0
    } else if offset + window + 4 <= len {
        offset + window
    } else if offset >= 4 {
        offset - 4
    } else if len - (offset + window) >= offset {
        len - 4
    } else {
        0
    }
}

fn entry(owned: &Owned, literal: &Unique, window: usize, fold: u32, at: usize) -> Entry {
    let (len, offset) = (literal.bytes.len(), owned.offset as usize);
    let mut flags = literal.flags;
    let (mut delta, mut check) = (0, 0);
    if len < 4 {
        flags |= Entry::NO_CHECK;
    } else {
        (delta, check) = word(owned, literal, at, fold);
    }
    // Folded words prove nothing about case.
    if fold == 0 && len <= window + 4 {
        let covered = |i: usize| (offset..offset + window).contains(&i) || (len >= 4 && (at..at + 4).contains(&i));
        if (0..len).all(covered) {
            flags |= Entry::PROVEN;
        }
    }
    debug_assert!((-128..128).contains(&delta));
    Entry {
        record: literal.record,
        tag: literal.tag,
        check,
        meta: owned.offset | u32::from(delta as i8 as u8) << 8 | (len as u32).min(Entry::LEN_MAX) << 16 | flags,
    }
}
