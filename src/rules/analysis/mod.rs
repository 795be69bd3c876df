//! Where every shortcut is decided and proven.
//!
//! A rule's language is the union of its *branches*; a branch is a concatenation `before · rest` such that every match
//! of `rest` starts with one of a small set of strings, its *factors*. So every match of the rule contains a factor, at
//! the border between the two parts:
//!
//! 1. Branches come from the alternatives of the tree and from rewritings that keep the language: `P(A|B)R` is
//!    `PAR | PBR`, `X{n,m}` with n >= 1 is `X X{n-1,m-1}`. Alternatives' order and greed are forgotten on the way, so
//!    branches say whether and where matches exist, not which of them leftmost-first prefers.
//! 2. A border is a position in a branch's top-level concatenation. Looks are kept on their side of it and are judged
//!    on the item's own bytes, so `before` matching up to a place and `rest` matching from that place is the same as the
//!    branch matching across it: nothing is lost and nothing is gained by the cut.
//! 3. `prefixes` says which strings `rest` starts with; it may only err towards too many hits.
//! 4. Among all borders the one with the rarest set wins (`rarity`): that decides speed alone.
//! 5. Where no string is rare enough, `rest` may start with a long enough *run* of one byte class, `C{n,}`: every match
//!    then holds n bytes of C in a row, beginning at the border.
//!
//! What follows is decided in `plan`: which automata check `before` and `rest`, and what is left to the oracle.

pub(crate) mod prefixes;
pub(crate) mod rarity;

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use prefixes::{Factor, Room, prefixes_of};

/// At most this many branches a rule.
const MAX_BRANCHES: usize = 24;
/// A set must be at least this rare (eighths of a bit): about one hit in 250 bytes of text.
const MIN_SURPRISE: u32 = 64;
/// Shorter runs of a class are not looked for.
const MIN_RUN: u32 = 8;
/// A run as long as this is looked for by few probes, and is rare: better than strings that are short.
const LONG_RUN: u32 = 15;
/// Other borders of a branch that are tried where the best one's automata are too large.
const OTHERS: usize = 3;
/// And so many elements from each other: a caseless word has a border before each of its letters.
const APART: usize = 6;
/// Rewriting stops here; deeper trees keep what they have.
const MAX_REWRITES: u32 = 4;

/// `before · rest`, and what `rest` starts with.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    /// What stands before the border.
    pub before: Hir,
    /// What follows it.
    pub rest: Hir,
    /// How the border is found.
    pub seek: Seek,
    /// The same language with its border at another place, where that is rare enough too: for when the automata of this
    /// one turn out too large.
    pub others: Vec<Branch>,
}

/// What every match of a branch's `rest` starts with.
#[derive(Clone, Debug)]
pub(crate) enum Seek {
    /// One of these strings.
    Strings(Vec<Factor>),
    /// At least `min` bytes of the class.
    Run { class: Box<[bool; 256]>, min: u32 },
}

impl Seek {
    /// Bytes of the shortest string.
    fn shortest(&self) -> usize {
        match self {
            Seek::Strings(factors) => factors.iter().map(|factor| factor.bytes.len()).min().unwrap_or(0),
            Seek::Run { min, .. } => *min as usize,
        }
    }
}

/// How a rule can be found.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// No match exists in any item.
    Never,
    /// Exactly this string.
    Literal(Factor),
    /// Through factors: the language is the union of these.
    Branches(Vec<Branch>),
    /// Nothing that tables can look for; the text says why.
    Opaque(&'static str),
}

/// What the analysis may do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    /// Strings of one border.
    pub room: Room,
    /// Tests only: take runs, however common, rather than strings.
    pub prefer_runs: bool,
}

/// The one pass over a rule's tree.
pub(crate) fn analyse(hir: &Hir, how: How) -> Shape {
    if hir.properties().minimum_len().is_none() {
        return Shape::Never;
    }
    if let Some(factor) = as_literal(hir) {
        return Shape::Literal(factor);
    }
    if hir.properties().minimum_len() == Some(0) {
        return Shape::Opaque("it can match the empty string");
    }
    let mut branches = Vec::new();
    if split(flatten(hir), MAX_REWRITES, how, &mut branches) {
        Shape::Branches(branches)
    } else {
        Shape::Opaque("no rare enough string is part of every match")
    }
}

/// The branch as a union of several, where its first choice that can be taken apart gives such; None if there is none.
pub(crate) fn finer(branch: &Branch, how: How) -> Option<Vec<Branch>> {
    let subs = [flatten(&branch.before), flatten(&branch.rest)].concat();
    let choice = |sub: &Hir| matches!(sub.kind(), HirKind::Alternation(_));
    subs.iter().enumerate().filter(|(_, sub)| choice(sub)).find_map(|(at, _)| {
        let mut branches = Vec::new();
        let all = rewritten(&subs, at).into_iter().all(|choice| split(choice, 0, how, &mut branches));
        (all && !branches.is_empty()).then_some(branches)
    })
}

/// The tree as one string, if it is one: no look, no choice other than the case of all its letters.
fn as_literal(hir: &Hir) -> Option<Factor> {
    let mut bytes = Vec::new();
    let (mut exact_letter, mut folded_letter) = (false, false);
    let one = [hir.clone()];
    let subs = match hir.kind() {
        HirKind::Concat(subs) => subs.as_slice(),
        _ => &one,
    };
    for sub in subs {
        match sub.kind() {
            HirKind::Literal(lit) => {
                exact_letter |= lit.0.iter().any(u8::is_ascii_alphabetic);
                bytes.extend_from_slice(&lit.0);
            }
            HirKind::Class(_) => match prefixes::prefixes(sub).as_slice() {
                [Factor { bytes: letter, caseless: true }] => {
                    folded_letter = true;
                    bytes.extend_from_slice(letter);
                }
                _ => return None,
            },
            _ => return None,
        }
    }
    let mixed = exact_letter && folded_letter;
    (!bytes.is_empty() && !mixed).then_some(Factor { bytes, caseless: folded_letter })
}

/// The top-level concatenation.
fn flatten(hir: &Hir) -> Vec<Hir> {
    match hir.kind() {
        HirKind::Concat(subs) => subs.clone(),
        _ => vec![hir.clone()],
    }
}

/// Adds branches for `subs` to `out`; false if some part of the language has no factor.
fn split(subs: Vec<Hir>, rewrites: u32, how: How, out: &mut Vec<Branch>) -> bool {
    if out.len() >= MAX_BRANCHES {
        return false;
    }
    let borders = rare_borders(&subs, how.room);
    let strings = borders.first().map(|(surprise, at, factors)| (*surprise, *at, Seek::Strings(factors.clone())));
    let rare = |best: &(u32, usize, Seek)| best.0 >= MIN_SURPRISE;
    // Tests look at runs however common they are.
    let run = best_run(&subs, if how.prefer_runs { 2 } else { MIN_RUN });
    let long = run.as_ref().is_some_and(|run| matches!(run.2, Seek::Run { min, .. } if min >= LONG_RUN));
    let short = strings.as_ref().is_none_or(|strings| strings.2.shortest() < how.room.enough);
    let best = match how.prefer_runs || (long && short) {
        true => run.or(strings),
        false => strings.or(run.filter(rare)),
    };
    if let Some((_, at, seek)) = best {
        let cut = |at: usize, seek, others| Branch {
            before: Hir::concat(subs[..at].to_vec()),
            rest: Hir::concat(subs[at..].to_vec()),
            seek,
            others,
        };
        let (mut places, mut others) = (vec![at], Vec::new());
        for (_, at, factors) in borders {
            if places.len() <= OTHERS && places.iter().all(|other| other.abs_diff(at) >= APART) {
                places.push(at);
                others.push(cut(at, Seek::Strings(factors), Vec::new()));
            }
        }
        out.push(cut(at, seek, others));
        return true;
    }
    if rewrites == 0 {
        return false;
    }
    for at in 0..subs.len() {
        let before = out.len();
        for alternative in rewritten(&subs, at) {
            if !split(alternative, rewrites - 1, how, out) {
                out.truncate(before);
                break;
            }
        }
        if out.len() > before {
            return true;
        }
    }
    false
}

/// The borders of a concatenation whose strings are rare enough, the rarest first: (surprise, index, strings).
fn rare_borders(subs: &[Hir], room: Room) -> Vec<(u32, usize, Vec<Factor>)> {
    let mut borders: Vec<_> = (0..subs.len())
        .map(|at| (at, prefixes_of(&subs[at..], room)))
        .filter(|(_, factors)| factors.iter().all(|factor| !factor.bytes.is_empty()))
        .map(|(at, factors)| (rarity::surprise_of_set(&factors), at, factors))
        .filter(|(surprise, ..)| *surprise >= MIN_SURPRISE)
        .collect();
    // Stable: of equal ones the first.
    borders.sort_by_key(|(surprise, ..)| std::cmp::Reverse(*surprise));
    borders
}

/// The border before the rarest run of a concatenation: (surprise, index, run).
fn best_run(subs: &[Hir], least: u32) -> Option<(u32, usize, Seek)> {
    let runs = subs.iter().enumerate().filter_map(|(at, sub)| {
        let HirKind::Repetition(repetition) = sub.kind() else { return None };
        if repetition.min < least {
            return None;
        }
        let class = match repetition.sub.kind() {
            HirKind::Class(Class::Bytes(class)) => class.clone(),
            HirKind::Class(Class::Unicode(class)) => class.to_byte_class()?,
            _ => return None,
        };
        let mut members = Box::new([false; 256]);
        for range in class.ranges() {
            members[usize::from(range.start())..=usize::from(range.end())].fill(true);
        }
        let surprise = rarity::surprise_of_run(&members, repetition.min);
        Some((surprise, at, Seek::Run { class: members, min: repetition.min }))
    });
    runs.max_by_key(|(surprise, ..)| *surprise)
}

/// Concatenations whose union is `subs`, taking apart the element at `at`; empty if it cannot be taken apart.
fn rewritten(subs: &[Hir], at: usize) -> Vec<Vec<Hir>> {
    let with = |parts: Vec<Hir>| {
        let joined = [&subs[..at], &parts, &subs[at + 1..]].concat();
        flatten(&Hir::concat(joined))
    };
    match subs[at].kind() {
        HirKind::Alternation(choices) if choices.len() <= MAX_BRANCHES => {
            choices.iter().map(|choice| with(vec![choice.clone()])).collect()
        }
        HirKind::Repetition(repetition)
            if repetition.min >= 1 && !matches!(repetition.sub.kind(), HirKind::Class(_) | HirKind::Literal(_)) =>
        {
            let more = Repetition {
                min: repetition.min - 1,
                max: repetition.max.map(|max| max - 1),
                greedy: repetition.greedy,
                sub: repetition.sub.clone(),
            };
            vec![with(vec![(*repetition.sub).clone(), Hir::repetition(more)])]
        }
        _ => Vec::new(),
    }
}
