//! Where a match may have begun that is not complete yet: the strings that a rule's matches can begin with, looked for
//! backwards from the end of what is there.
//!
//! If the last k bytes are no beginning of a match, whatever follows them, then nothing that begins there can reach the
//! end, and what matches there is settled. Looks (`^`, `\b`, ...) are taken for granted: that can only make the answer
//! larger, so that more is kept than is needed. The same goes for `Roughly` counting repetitions as any number: those
//! automata stay small, and are asked first.

use regex_automata::hybrid::dfa::{Cache, DFA};
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::{Anchored, Input, MatchKind};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, Hir, HirKind, Repetition};

/// Rules in one automaton: more would fill its cache with states that are never met twice.
const TOGETHER: usize = 32;
/// What the compiled form of one automaton may take.
const MAX_NFA: usize = 8 << 20;
/// What its lazily built states may take in each thread.
const MAX_CACHE: usize = 4 << 20;

/// How repetitions are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Count {
    Exactly,
    Roughly,
}

/// The beginnings of some rules' matches, backwards.
pub(super) struct Prefixes {
    dfa: DFA,
}

/// Automata for these rules (index, tree); and the rules that are too large for that.
pub(super) fn build(rules: &[(usize, Hir)], count: Count) -> (Vec<Prefixes>, Vec<usize>) {
    let (mut all, mut too_large) = (Vec::new(), Vec::new());
    for some in rules.chunks(TOGETHER) {
        split(some, count, &mut all, &mut too_large);
    }
    (all, too_large)
}

fn split(rules: &[(usize, Hir)], count: Count, all: &mut Vec<Prefixes>, too_large: &mut Vec<usize>) {
    let trees: Vec<Hir> = rules.iter().map(|(_, tree)| tree.clone()).collect();
    match Prefixes::of(&trees, count) {
        Some(one) => all.push(one),
        None if rules.len() > 1 => {
            let (left, right) = rules.split_at(rules.len() / 2);
            split(left, count, all, too_large);
            split(right, count, all, too_large);
        }
        None => too_large.extend(rules.iter().map(|(rule, _)| *rule)),
    }
}

impl Prefixes {
    pub fn of(trees: &[Hir], count: Count) -> Option<Self> {
        let trees: Vec<Hir> = trees.iter().map(|tree| beginnings(&plain(tree, count))).collect();
        let config = thompson::Config::new()
            .utf8(false)
            .reverse(true)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(MAX_NFA));
        let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(&trees).ok()?;
        let config = DFA::config().match_kind(MatchKind::All).cache_capacity(MAX_CACHE).skip_cache_capacity_check(true);
        DFA::builder().configure(config).build_from_nfa(nfa).ok().map(|dfa| Self { dfa })
    }

    pub fn cache(&self) -> Cache {
        self.dfa.create_cache()
    }

    /// How many of the last bytes, given last one first, may be the beginning of a match: the most of them. `None`: it
    /// cannot be told.
    pub fn alive(&self, cache: &mut Cache, backwards: impl Iterator<Item = u8>) -> Option<u64> {
        let input = Input::new(b"").anchored(Anchored::Yes);
        let mut state = self.dfa.start_state_reverse(cache, &input).ok()?;
        let (mut most, mut read) = (0, 0);
        for byte in backwards {
            state = self.dfa.next_state(cache, state, byte).ok()?;
            // A state says whether there was a match before its last byte.
            if state.is_match() {
                most = read;
            } else if state.is_dead() {
                return Some(most);
            } else if state.is_quit() {
                return None;
            }
            read += 1;
        }
        let end = self.dfa.next_eoi_state(cache, state).ok()?;
        Some(if end.is_match() { read } else { most })
    }
}

/// A tree of all beginnings of what a plain tree matches, the empty one and the whole included.
fn beginnings(hir: &Hir) -> Hir {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => Hir::empty(),
        HirKind::Literal(literal) => of_bytes(&literal.0),
        HirKind::Class(class) => of_class(class),
        HirKind::Repetition(Repetition { min: _, max, greedy, sub }) => {
            let before = match max {
                Some(0) => return Hir::empty(),
                Some(max) => Some(max - 1),
                None => None,
            };
            let whole = Repetition { min: 0, max: before, greedy: *greedy, sub: sub.clone() };
            Hir::concat(vec![Hir::repetition(whole), beginnings(sub)])
        }
        HirKind::Capture(capture) => beginnings(&capture.sub),
        HirKind::Concat(subs) => of_concat(subs),
        HirKind::Alternation(subs) => Hir::alternation(subs.iter().map(beginnings).collect()),
    }
}

/// In halves, so that the tree stays flat.
fn of_concat(subs: &[Hir]) -> Hir {
    match subs {
        [] => Hir::empty(),
        [one] => beginnings(one),
        _ => {
            let (left, right) = subs.split_at(subs.len() / 2);
            let mut through: Vec<Hir> = left.to_vec();
            through.push(of_concat(right));
            Hir::alternation(vec![of_concat(left), Hir::concat(through)])
        }
    }
}

fn of_bytes(bytes: &[u8]) -> Hir {
    if bytes.len() < 2 {
        return Hir::alternation(vec![Hir::literal(bytes), Hir::empty()]);
    }
    let (left, right) = bytes.split_at(bytes.len() / 2);
    Hir::alternation(vec![of_bytes(left), Hir::concat(vec![Hir::literal(left), of_bytes(right)])])
}

fn of_class(class: &Class) -> Hir {
    let mut all = vec![Hir::class(class.clone()), Hir::empty()];
    if let Class::Unicode(class) = class
        && !class.is_ascii()
    {
        // The first bytes of a longer character, whichever it is.
        let bytes = |from, to| Hir::class(Class::Bytes(ClassBytes::new([ClassBytesRange::new(from, to)])));
        let rest = Repetition { min: 0, max: Some(2), greedy: true, sub: Box::new(bytes(0x80, 0xbf)) };
        all.push(Hir::concat(vec![bytes(0xc2, 0xf4), Hir::repetition(rest)]));
    }
    Hir::alternation(all)
}

/// The tree without looks, and with its counts as they are wanted.
fn plain(hir: &Hir, count: Count) -> Hir {
    match hir.kind() {
        HirKind::Look(_) => Hir::empty(),
        HirKind::Repetition(Repetition { min, max, greedy, sub }) => {
            let sub = Box::new(plain(sub, count));
            let (min, max) = match (count, max) {
                (Count::Roughly, Some(2..) | None) => (0, None),
                _ => (*min, *max),
            };
            Hir::repetition(Repetition { min, max, greedy: *greedy, sub })
        }
        HirKind::Capture(capture) => plain(&capture.sub, count),
        HirKind::Concat(subs) => Hir::concat(subs.iter().map(|sub| plain(sub, count)).collect()),
        HirKind::Alternation(subs) => Hir::alternation(subs.iter().map(|sub| plain(sub, count)).collect()),
        HirKind::Empty | HirKind::Literal(_) | HirKind::Class(_) => hir.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alive(pattern: &str, text: &[u8], count: Count) -> u64 {
        let hir = regex_syntax::ParserBuilder::new().utf8(false).unicode(true).build().parse(pattern).unwrap();
        let prefixes = Prefixes::of(&[hir], count).unwrap();
        prefixes.alive(&mut prefixes.cache(), text.iter().rev().copied()).unwrap()
    }

    #[test]
    fn beginnings_are_found_backwards() {
        assert_eq!(alive("a{2,4}b", b"aaaaaa", Count::Roughly), 6);
        for (pattern, text, expected) in [
            ("abc", &b"xxab"[..], 2),
            ("abc", b"xxabc", 3),
            ("abc", b"xxabcx", 0),
            ("ab+c", b"xabbbb", 5),
            ("ab+c", b"bbbb", 0),
            (r"key=\w+", b"a key=value", 9),
            (r"key=\w+", b"a key=value ", 0),
            ("(?s)a.*b", b"xxaxxbxx", 6),
            ("a{2,4}b", b"aaaaaa", 4),
            (r"\bfoo\b.*", b"xfoo", 3),
            ("é+", "xéé".as_bytes(), 4),
            ("é+", b"x\xc3", 1),
            ("^$", b"abc", 0),
            ("(foo|fob|x{3})+", b"yfoofobxxxxx", 11),
        ] {
            assert_eq!(alive(pattern, text, Count::Exactly), expected, "{pattern} on {}", text.escape_ascii());
            assert!(alive(pattern, text, Count::Roughly) >= expected, "{pattern} on {}", text.escape_ascii());
        }
    }
}
