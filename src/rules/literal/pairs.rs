//! Pair tables: for each two of a window's four bytes, which low nibbles occur together in some window of the set. They
//! serve executors that shuffle bytes as a filter in front of the hashed one, and may speak for several groups at once:
//! a window of less than four bytes says nothing about the rest.

use once_cell::race::OnceBox;
use std::collections::HashMap;

use super::build::Unique;
use super::layout::{Entry, PAIRS, word_at};
use super::ordinary::TEXT;
use super::rarity::Rarity;
use super::windows::{self, CANDIDATE, Owned, short_cost};

/// By pair of places; 32 bytes each, see [`super::layout::GroupHeader::pairs_at`].
pub(crate) type Pairs = [[u8; 32]; 6];

/// The same for executors that look bytes up among 64: bit `b & 7` of byte `a & 15 | (b >> 3 & 3) << 4` says that some
/// window has a byte with the low four bits of `a` and one with the low five of `b` at the pair's places. They are made of
/// a table's windows and not kept in it.
pub(crate) type WidePairs = [[u8; 64]; 6];

/// Adds a window of `len` bytes to wide tables.
pub(crate) fn add_wide(pairs: &mut WidePairs, low: u32, len: usize) {
    let bytes = low.to_le_bytes();
    let values =
        |place: usize, mask: u8| if place < len { bytes[place] & mask..=bytes[place] & mask } else { 0..=mask };
    for (table, (i, j)) in pairs.iter_mut().zip(PAIRS) {
        for a in values(i, 15) {
            for b in values(j, 31) {
                table[usize::from(a | b >> 3 << 4)] |= 1 << (b & 7);
            }
        }
    }
}

/// Tables that leave more than this share of ordinary text are not worth their shuffles.
const WORTH: f32 = 0.12;
/// The most literals that they are tried for.
const FEW: usize = 1500;
/// What a start costs, and one that they leave in each of the groups that they speak for, in about nanoseconds.
const PAIRED: f32 = 0.25;
const LEFT: f32 = 2.0;

/// Pair tables in front of the main group, and of a group of its own for each of the next shorter lengths.
pub(crate) struct Paired {
    pub pairs: Pairs,
    /// The shortest literals that they speak for: 4, 3 or 2 bytes.
    pub least: usize,
    /// The main group's windows.
    pub owned: Vec<Owned>,
    /// Of a byte of text, in about nanoseconds, with all that the tables do not speak for.
    pub cost: f32,
}

/// The best pair tables for literals of at least four bytes (`long`) and others, if any are worth it: the more short ones they
/// speak for, the more they leave, and the less is left to other ways.
pub(crate) fn plan(all: &[Unique], long: &[u32], short: &[u32], fold: u32, rarity: &Rarity) -> Option<Paired> {
    if long.is_empty() || all.len() > FEW {
        return None;
    }
    // Made twice rather than waited for: a child that is forked meanwhile would wait for ever.
    static ORDINARY: OnceBox<Ordinary> = OnceBox::new();
    let ordinary = ORDINARY.get_or_init(|| Box::new(Ordinary::new()));
    let length = |i: &&u32| all[**i as usize].bytes.len();
    let mut best: Option<Paired> = None;
    for least in [4, 3, 2] {
        if least < 4 && !short.iter().any(|i| length(&i) == least) {
            continue;
        }
        let mut pairs = Pairs::default();
        for i in short.iter().filter(|i| length(i) >= least) {
            let bytes = &all[*i as usize].bytes;
            add(&mut pairs, word_at(bytes, 0) | fold, bytes.len());
        }
        let (owned, rate) = choose(all, long, fold, rarity, ordinary, &mut pairs);
        if windows::scattered(&owned, all).next().is_some() {
            continue;
        }
        let left = ordinary.left(&pairs);
        let rest: Vec<u32> = short.iter().filter(|i| length(i) < least).copied().collect();
        let groups = 1 + (4 - least);
        let cost = PAIRED + LEFT * left * groups as f32 + CANDIDATE * rate + short_cost(all, &rest);
        if left < WORTH && best.as_ref().is_none_or(|best| cost < best.cost) {
            best = Some(Paired { pairs, least, owned, cost });
        }
    }
    best
}

/// Chooses each literal's window so that the tables stay sparse: what a window adds to them is weighed by how often
/// ordinary text has it. Literals with little choice come first. Returns the windows and how many of them a byte of
/// ordinary text is expected to begin.
fn choose(
    all: &[Unique],
    long: &[u32],
    fold: u32,
    rarity: &Rarity,
    ordinary: &Ordinary,
    pairs: &mut Pairs,
) -> (Vec<Owned>, f32) {
    /// A window that is there costs as much as this share of starts that are left.
    const THERE: f32 = 300.0;
    /// More literals than this are not to share a window.
    const SHARED: u32 = 12;
    let mut order = long.to_vec();
    order.sort_by_key(|&i| all[i as usize].bytes.len());
    let mut owners: HashMap<u32, u32> = HashMap::new();
    let (mut owned, mut rate) = (Vec::with_capacity(order.len()), 0.0);
    for literal in order {
        let bytes = &all[literal as usize].bytes;
        let mut best = (f32::INFINITY, 0, 0, 0.0);
        for offset in 0..=(bytes.len() - 4).min(Entry::OFFSET_MAX) {
            let word = word_at(bytes, offset) | fold;
            let there = rarity.ln(&word.to_le_bytes()).exp();
            let others = owners.get(&word).copied().unwrap_or(0);
            let crowd = others.saturating_sub(SHARED) as f32;
            let price = ordinary.added(pairs, word) + THERE * there * (1 + others) as f32 + crowd;
            if price < best.0 {
                best = (price, offset, word, there);
            }
        }
        let (_, offset, low, there) = best;
        add(pairs, low, 4);
        *owners.entry(low).or_default() += 1;
        rate += there;
        owned.push(Owned { low, high: low, literal, offset: offset as u32 });
    }
    owned.sort_unstable_by_key(|o| (o.key(), o.literal, o.offset));
    (owned, rate)
}

/// Where a pair's bit is in its table.
fn cell(window: [u8; 4], (i, j): (usize, usize)) -> usize {
    usize::from(window[i] & 15) | usize::from(window[j] & 15) << 4
}

fn has(table: &[u8; 32], cell: usize) -> bool {
    table[cell & 15 | cell >> 3 & 16] >> (cell >> 4 & 7) & 1 != 0
}

/// Adds a window of `len` bytes, 2 to 4; the word's other bytes do not matter.
fn add(pairs: &mut Pairs, low: u32, len: usize) {
    let bytes = low.to_le_bytes();
    let nibbles = |place: usize| if place < len { bytes[place] & 15..=bytes[place] & 15 } else { 0..=15 };
    for (table, (i, j)) in pairs.iter_mut().zip(PAIRS) {
        for a in nibbles(i) {
            for b in nibbles(j) {
                table[usize::from(a | b >> 3 << 4)] |= 1 << (b & 7);
            }
        }
    }
}

/// What pairs ordinary text has.
struct Ordinary {
    text: Vec<u8>,
    /// The share of starts with each pair.
    share: [[f32; 256]; 6],
}

impl Ordinary {
    fn new() -> Self {
        let text = TEXT.concat();
        // Nothing is free: what this text does not have another has.
        let mut share = [[1e-4; 256]; 6];
        for window in text.array_windows::<4>() {
            for (share, places) in share.iter_mut().zip(PAIRS) {
                share[cell(*window, places)] += 1.0 / text.len() as f32;
            }
        }
        Self { text, share }
    }

    /// What a window of four bytes would add.
    fn added(&self, pairs: &Pairs, low: u32) -> f32 {
        let cells = PAIRS.map(|places| cell(low.to_le_bytes(), places));
        let new = pairs.iter().zip(&self.share).zip(cells).filter(|((table, _), cell)| !has(table, *cell));
        new.map(|((_, share), cell)| share[cell]).sum()
    }

    /// The share of starts that the tables leave.
    fn left(&self, pairs: &Pairs) -> f32 {
        let left = self.text.array_windows::<4>().filter(|window| leaves(pairs, **window)).count();
        left as f32 / self.text.len() as f32
    }
}

/// Whether the tables leave a start.
fn leaves(pairs: &Pairs, window: [u8; 4]) -> bool {
    pairs.iter().zip(PAIRS).all(|(table, places)| has(table, cell(window, places)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_left_whatever_follows_short_ones() {
        let mut pairs = Pairs::default();
        add(&mut pairs, u32::from_le_bytes(*b"long"), 4);
        assert!(leaves(&pairs, *b"long") && !leaves(&pairs, *b"lond") && !leaves(&pairs, *b"lone"));
        add(&mut pairs, u32::from_le_bytes(*b"key\0"), 3);
        add(&mut pairs, u32::from_le_bytes(*b"->\0\0"), 2);
        for last in 0..=255 {
            assert!(leaves(&pairs, [b'k', b'e', b'y', last]));
            assert!(leaves(&pairs, [b'-', b'>', last, !last]));
        }
        assert!(!leaves(&pairs, *b"kex?") && !leaves(&pairs, *b"-?xx"));
        let ordinary = Ordinary::new();
        assert!(ordinary.left(&pairs) < WORTH);
        assert_eq!(ordinary.left(&[[0; 32]; 6]), 0.0);
        assert!(ordinary.left(&[[255; 32]; 6]) > 0.9);
    }
}
