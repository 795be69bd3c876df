//! The strings that every match of an expression starts with.
//!
//! `prefixes(hir)` is a finite set P such that every match of `hir` starts with a member of P (letters compared
//! without case where the member says so). That is all that is claimed: a member may be too short or too permissive,
//! never too long or too strict. The empty string in P says that nothing is known.

use regex_syntax::hir::{Class, Hir, HirKind};

/// At most this many strings in a set, however few rules there are.
pub(crate) const MAX_STRINGS: usize = 512;
/// At least this many are allowed, however many rules there are.
pub(crate) const MIN_STRINGS: usize = 64;
/// Strings are cut at this length: longer ones filter no better.
pub(crate) const MAX_LEN: usize = 32;
/// Classes up to this many members (a letter in both cases is one) are multiplied out.
const MAX_CLASS: usize = 48;
/// What a small choice is.
const SMALL: usize = 4;

/// A string that occurs in every match, possibly compared without ASCII case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Factor {
    /// The bytes; letters are lower case if `caseless`.
    pub bytes: Vec<u8>,
    /// ASCII letters match in either case.
    pub caseless: bool,
}

/// How far a set may grow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// At most this many strings.
    pub strings: usize,
    /// Strings of this length are good enough: only small choices are appended to them.
    pub enough: usize,
}

impl Room {
    /// For a set that will not be shared with many others.
    pub const LEAST: Room = Room { strings: MIN_STRINGS, enough: 4 };
}

#[derive(Clone, Debug)]
struct Item {
    factor: Factor,
    /// The match may go on in a known way: more can be appended.
    open: bool,
}

/// The set for `hir`, without strings that a shorter member already covers.
pub(crate) fn prefixes(hir: &Hir) -> Vec<Factor> {
    prefixes_of(std::slice::from_ref(hir), Room::LEAST)
}

/// The set for the concatenation of `subs`, of at most `max` strings.
pub(crate) fn prefixes_of(subs: &[Hir], room: Room) -> Vec<Factor> {
    let items = concat(subs, room);
    minimal(items.into_iter().map(|item| item.factor).collect())
}

fn empty(open: bool) -> Vec<Item> {
    vec![Item { factor: Factor { bytes: Vec::new(), caseless: false }, open }]
}

fn walk(hir: &Hir, room: Room) -> Vec<Item> {
    match hir.kind() {
        // A look consumes nothing; that it may fail only makes the set too permissive.
        HirKind::Empty | HirKind::Look(_) => empty(true),
        HirKind::Literal(lit) => {
            let cut = lit.0.len().min(MAX_LEN);
            let factor = Factor { bytes: lit.0[..cut].to_vec(), caseless: false };
            vec![Item { factor, open: cut == lit.0.len() }]
        }
        HirKind::Class(class) => members(class).unwrap_or_else(|| empty(false)),
        HirKind::Capture(capture) => walk(&capture.sub, room),
        HirKind::Concat(subs) => concat(subs, room),
        HirKind::Alternation(subs) => {
            let mut all = Vec::new();
            for sub in subs {
                all.extend(walk(sub, room));
                if all.len() > room.strings {
                    return empty(false);
                }
            }
            all
        }
        HirKind::Repetition(repetition) => {
            let sub = walk(&repetition.sub, room);
            if repetition.min == 0 {
                let mut all = sub;
                if repetition.max != Some(1) {
                    close(&mut all);
                }
                all.extend(empty(true));
                return if all.len() > room.strings { empty(false) } else { all };
            }
            let mut all = empty(true);
            // A count may be in the billions; strings stop growing long before.
            let rounds = repetition.min.min(MAX_LEN as u32 + 1);
            for _ in 0..rounds {
                // A class again and again tells little more than once or twice.
                if all.len() > 1 && all.len() * sub.len() > MAX_CLASS {
                    close(&mut all);
                    return all;
                }
                if !append(&mut all, &sub, room) {
                    return all;
                }
            }
            if repetition.max != Some(rounds) {
                close(&mut all);
            }
            all
        }
    }
}

fn concat(subs: &[Hir], room: Room) -> Vec<Item> {
    let mut all = empty(true);
    for sub in subs {
        if !append(&mut all, &walk(sub, room), room) {
            break;
        }
    }
    all
}

fn close(items: &mut [Item]) {
    for item in items {
        item.open = false;
    }
}

/// Appends every member of `tails` to every open member of `heads`, but no large choice to a string that is long
/// enough; false when nothing can be appended any more.
fn append(heads: &mut Vec<Item>, tails: &[Item], room: Room) -> bool {
    if tails.len() > SMALL {
        for head in heads.iter_mut().filter(|head| head.factor.bytes.len() >= room.enough) {
            head.open = false;
        }
    }
    let open = heads.iter().filter(|head| head.open).count();
    if open == 0 {
        return false;
    }
    if heads.len() - open + open * tails.len() > room.strings {
        close(heads);
        return false;
    }
    let mut out = Vec::with_capacity(heads.len());
    for head in heads.drain(..) {
        if !head.open {
            out.push(head);
            continue;
        }
        for tail in tails {
            out.push(join(&head.factor, tail));
        }
    }
    *heads = out;
    heads.iter().any(|item| item.open)
}

fn join(head: &Factor, tail: &Item) -> Item {
    let caseless = head.caseless || tail.factor.caseless;
    let mut bytes = [head.bytes.as_slice(), tail.factor.bytes.as_slice()].concat();
    let open = tail.open && bytes.len() <= MAX_LEN;
    bytes.truncate(MAX_LEN);
    if caseless {
        bytes.make_ascii_lowercase();
    }
    Item { factor: Factor { bytes, caseless }, open }
}

/// The members of a small class as strings, a letter in both cases as one caseless string.
fn members(class: &Class) -> Option<Vec<Item>> {
    let mut strings: Vec<Vec<u8>> = Vec::new();
    match class {
        Class::Bytes(bytes) => {
            for range in bytes.ranges() {
                for b in range.start()..=range.end() {
                    strings.push(vec![b]);
                    if strings.len() > 2 * MAX_CLASS {
                        return None;
                    }
                }
            }
        }
        Class::Unicode(unicode) => {
            for range in unicode.ranges() {
                for c in range.start()..=range.end() {
                    strings.push(c.to_string().into_bytes());
                    if strings.len() > 2 * MAX_CLASS {
                        return None;
                    }
                }
            }
        }
    }
    let mut items = Vec::new();
    for string in &strings {
        let mut other = string.clone();
        if let [b] = other.as_mut_slice() {
            *b ^= 0x20;
        }
        let letter = matches!(string.as_slice(), [b] if b.is_ascii_alphabetic());
        let caseless = letter && strings.contains(&other);
        if caseless && string[0].is_ascii_uppercase() {
            continue; // Its lower case stands for both.
        }
        items.push(Item { factor: Factor { bytes: string.clone(), caseless }, open: true });
    }
    (items.len() <= MAX_CLASS).then_some(items)
}

/// Drops every string that starts with another member: where the longer one is, the shorter one is too.
fn minimal(mut set: Vec<Factor>) -> Vec<Factor> {
    set.sort_by(|a, b| (a.bytes.len(), !a.caseless, &a.bytes).cmp(&(b.bytes.len(), !b.caseless, &b.bytes)));
    let mut kept: Vec<Factor> = Vec::new();
    for factor in set {
        if !kept.iter().any(|short| covers(short, &factor)) {
            kept.push(factor);
        }
    }
    kept
}

/// Wherever `long` occurs, `short` occurs at the same place.
fn covers(short: &Factor, long: &Factor) -> bool {
    let Some(head) = long.bytes.get(..short.bytes.len()) else {
        return false;
    };
    match (short.caseless, long.caseless) {
        (true, _) => head.eq_ignore_ascii_case(&short.bytes),
        (false, false) => head == short.bytes,
        // An exact string covers a caseless one only where there is no letter.
        (false, true) => head == short.bytes && !head.iter().any(u8::is_ascii_alphabetic),
    }
}
