//! Literals too short for a window: an Aho-Corasick automaton with all its moves spelled out, and, for few
//! of them, nibble tables that name them exactly by byte shuffles.

use std::collections::VecDeque;

use super::blob::Blob;
use super::build::Unique;
use super::layout::{Entry, ShortHeader};

/// Nibble tables are made for at most this many (literal, tag) pairs of at most four bytes.
const NIBBLE_LITERALS: usize = 48;
/// Bytes that nibble tables look at.
pub(crate) const NIBBLE_LEN: usize = 4;

/// True if byte shuffles can find these.
pub(crate) fn nibbles_take(all: &[Unique], which: &[u32]) -> bool {
    which.len() <= NIBBLE_LITERALS && which.iter().all(|&i| all[i as usize].bytes.len() <= NIBBLE_LEN)
}

/// True if the automaton of `which` has at most `numbers` row numbers.
pub(crate) fn fits(all: &[Unique], which: &[u32], numbers: usize) -> bool {
    let (class, width) = classes(all, which);
    // Stop before a trie of a million.
    if which.len().saturating_mul(width) > 8 * numbers {
        return false;
    }
    Trie::new(all, which, &class).nodes.len() * width <= numbers
}

/// The class of each byte: 0 for bytes in no literal, one for each other byte, cases united where no literal tells them apart.
fn classes(all: &[Unique], which: &[u32]) -> ([u8; 256], usize) {
    let mut exact = [false; 256];
    let mut either = [false; 256];
    for &i in which {
        let u = &all[i as usize];
        for &b in &u.bytes {
            if u.caseless && b.is_ascii_alphabetic() {
                either[b as usize] = true;
            } else {
                exact[b as usize] = true;
            }
        }
    }
    let mut class = [0u8; 256];
    let mut n = 1usize;
    for b in 0..=255u8 {
        let lower = b.to_ascii_lowercase();
        let pair = b.is_ascii_alphabetic() && either[lower as usize];
        if !exact[b as usize] && !pair {
            continue;
        }
        let apart = exact[lower as usize] || exact[lower.to_ascii_uppercase() as usize];
        if pair && !apart && b.is_ascii_lowercase() {
            class[b as usize] = class[b.to_ascii_uppercase() as usize];
        } else {
            // With 255 classes taken the last byte shares none: 256 classes never all differ from class 0.
            class[b as usize] = n.min(255) as u8;
            n += 1;
        }
    }
    if n > 256 {
        // Every byte occurs: class 0 need not be kept for the others.
        for (b, c) in class.iter_mut().enumerate() {
            *c = b as u8;
        }
        n = 256;
    }
    (class, n)
}

struct Node {
    next: Vec<(u8, usize)>,
    /// Indices of the literals that end here.
    ends: Vec<usize>,
    fail: usize,
}

struct Trie {
    nodes: Vec<Node>,
}

impl Trie {
    fn new(all: &[Unique], which: &[u32], class: &[u8; 256]) -> Self {
        let node = || Node { next: Vec::new(), ends: Vec::new(), fail: 0 };
        let mut nodes = vec![node()];
        let mut at = Vec::new();
        for &i in which {
            let u = &all[i as usize];
            // A caseless letter leads to both of its cases, where they differ in class.
            at.clear();
            at.push(0usize);
            for &b in &u.bytes {
                let mut after = Vec::with_capacity(at.len() * 2);
                for &from in &at {
                    let both = [class[b as usize], class[b.to_ascii_uppercase() as usize]];
                    let spellings = if u.caseless && both[0] != both[1] { &both[..] } else { &both[..1] };
                    for &s in spellings {
                        let known = nodes[from].next.iter().find(|n| n.0 == s).map(|n| n.1);
                        after.push(known.unwrap_or_else(|| {
                            nodes.push(node());
                            let to = nodes.len() - 1;
                            nodes[from].next.push((s, to));
                            to
                        }));
                    }
                }
                std::mem::swap(&mut at, &mut after);
            }
            for &end in &at {
                nodes[end].ends.push(i as usize);
            }
        }
        Self { nodes }
    }
}

/// Builds the short tables into `blob`. [`fits`] must have said yes.
pub(crate) fn build(all: &[Unique], which: &[u32], tags: &[u32], blob: &mut Blob) -> ShortHeader {
    let (class, width) = classes(all, which);
    let mut trie = Trie::new(all, which, &class);
    let n = trie.nodes.len();
    // Breadth first: a node's shorter suffix is complete before it.
    let mut full = vec![0usize; n * width];
    let mut order = Vec::with_capacity(n);
    let mut queue = VecDeque::from([0usize]);
    while let Some(at) = queue.pop_front() {
        order.push(at);
        let fail = trie.nodes[at].fail;
        if at != 0 {
            full.copy_within(fail * width..(fail + 1) * width, at * width);
            let inherited = trie.nodes[fail].ends.clone();
            trie.nodes[at].ends.extend(inherited);
        }
        for (class, to) in trie.nodes[at].next.clone() {
            trie.nodes[to].fail = if at == 0 { 0 } else { full[fail * width + class as usize] };
            full[at * width + class as usize] = to;
            queue.push_back(to);
        }
    }
    // Matching states last. The start is never one.
    order.sort_by_key(|&at| !trie.nodes[at].ends.is_empty());
    let mut number = vec![0usize; n];
    for (row, &at) in order.iter().enumerate() {
        number[at] = row;
    }
    let first_row = order.iter().position(|&at| !trie.nodes[at].ends.is_empty()).unwrap_or(n);
    let mut next = vec![0u16; n * width];
    for (row, &at) in order.iter().enumerate() {
        for class in 0..width {
            next[row * width + class] = (number[full[at * width + class]] * width) as u16;
        }
    }
    let pairs = |i: usize| -> Vec<[u32; 2]> {
        let u = &all[i];
        let list = if u.flags & Entry::TAG_LIST != 0 {
            let at = u.tag as usize;
            &tags[at + 1..at + 1 + tags[at] as usize]
        } else {
            std::slice::from_ref(&u.tag)
        };
        list.iter().map(|&tag| [tag, u.bytes.len() as u32]).collect()
    };
    let (mut outs, mut out) = (Vec::new(), Vec::new());
    for &at in &order[first_row..] {
        outs.push(out.len() as u32);
        for &i in &trie.nodes[at].ends {
            out.extend(pairs(i));
        }
    }
    outs.push(out.len() as u32);
    let (nibbles, lits) = nibbles(all, which, pairs);
    ShortHeader {
        classes_at: blob.push(&class) as u32,
        classes: width as u32,
        next_at: blob.push(&next) as u32,
        states: n as u32,
        first_match: (first_row * width) as u32,
        outs_at: blob.push(&outs) as u32,
        out_at: blob.push(&out) as u32,
        out_len: out.len() as u32,
        nibbles_at: blob.push(&nibbles) as u32,
        nibble_groups: nibbles.len() as u32,
        lits_at: blob.push(&lits) as u32,
        max_len: which.iter().map(|&i| all[i as usize].bytes.len()).max().unwrap_or(0) as u32,
    }
}

/// Nibble tables and their literals, both empty if there are too many or too long ones.
fn nibbles(all: &[Unique], which: &[u32], pairs: impl Fn(usize) -> Vec<[u32; 2]>) -> (Vec<[u8; 128]>, Vec<[u32; 2]>) {
    // The shortest first: groups of literals of one length need fewer shuffles.
    let mut order: Vec<u32> = which.to_vec();
    order.sort_by_key(|&i| all[i as usize].bytes.len());
    let mut named: Vec<(usize, [u32; 2])> = Vec::new();
    for &i in &order {
        if all[i as usize].bytes.len() > NIBBLE_LEN {
            return Default::default();
        }
        named.extend(pairs(i as usize).into_iter().map(|p| (i as usize, p)));
        if named.len() > NIBBLE_LITERALS {
            return Default::default();
        }
    }
    let mut tables = vec![[0u8; 128]; named.len().div_ceil(8)];
    let mut lits = vec![[0u32; 2]; tables.len() * 8];
    for (n, &(i, pair)) in named.iter().enumerate() {
        lits[n] = pair;
        let u = &all[i];
        let (table, bit) = (&mut tables[n / 8], 1u8 << (n % 8));
        for k in 0..NIBBLE_LEN {
            let (low, high) = (16 * k, 64 + 16 * k);
            match u.bytes.get(k) {
                None => {
                    table[low..low + 16].iter_mut().for_each(|b| *b |= bit);
                    table[high..high + 16].iter_mut().for_each(|b| *b |= bit);
                }
                Some(&b) => {
                    let other = if u.caseless { b.to_ascii_uppercase() } else { b };
                    for b in [b, other] {
                        table[low + (b & 15) as usize] |= bit;
                        table[high + (b >> 4) as usize] |= bit;
                    }
                }
            }
        }
    }
    (tables, lits)
}
