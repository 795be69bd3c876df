//! Rules that no table can find: which of them match an item is asked of many at once.

use regex_automata::MatchKind;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_syntax::hir::{Hir, HirKind, Look, Repetition};

/// A lazily built automaton that tells which of its rules have a match in an item.
pub(crate) struct Group {
    pub dfa: DFA,
    /// Pattern number in `dfa` to rule index.
    pub rules: Vec<u32>,
}

/// Rules in one automaton: more would fill its cache with states that are never met twice.
const GROUP_RULES: usize = 32;
/// What the automaton of a group may take in each thread.
const GROUP_CACHE: usize = 4 << 20;
/// Its cache may be thrown away this often in an item that makes it grow by a state every few bytes, before the search gives up.
const GROUP_CLEARS: usize = 3;
const GROUP_BYTES_PER_STATE: usize = 10;
/// The compiled form of a group may take this much, or it is split.
const GROUP_NFA: usize = 4 << 20;

/// Groups for `rules` (index, tree). Rules whose automaton is too big even alone come back as the second value.
pub(crate) fn build(rules: &[(u32, Hir)]) -> (Vec<Group>, Vec<u32>) {
    let (mut groups, mut alone) = (Vec::new(), Vec::new());
    for chunk in rules.chunks(GROUP_RULES) {
        split(chunk, &mut groups, &mut alone);
    }
    (groups, alone)
}

fn split(rules: &[(u32, Hir)], groups: &mut Vec<Group>, alone: &mut Vec<u32>) {
    match build_one(rules) {
        Some(group) => groups.push(group),
        None if rules.len() > 1 => {
            let (left, right) = rules.split_at(rules.len() / 2);
            split(left, groups, alone);
            split(right, groups, alone);
        }
        None => alone.extend(rules.iter().map(|(rule, _)| *rule)),
    }
}

fn build_one(rules: &[(u32, Hir)]) -> Option<Group> {
    let trees: Vec<Hir> = rules.iter().map(|(_, hir)| without_unicode_words(hir.clone())).collect();
    let config =
        thompson::Config::new().utf8(false).which_captures(WhichCaptures::None).nfa_size_limit(Some(GROUP_NFA));
    let nfa = thompson::Compiler::new().configure(config).build_many_from_hir(&trees).ok()?;
    let config = DFA::config()
        .match_kind(MatchKind::All)
        .cache_capacity(GROUP_CACHE)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(Some(GROUP_CLEARS))
        .minimum_bytes_per_state(Some(GROUP_BYTES_PER_STATE));
    let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
    Some(Group { dfa, rules: rules.iter().map(|(rule, _)| *rule).collect() })
}

/// A tree that matches at least where `hir` does and holds no Unicode word boundary, which automata of bytes cannot
/// judge: each is replaced by "anywhere". Whoever uses it must have its answers confirmed.
pub(crate) fn without_unicode_words(hir: Hir) -> Hir {
    if !hir.properties().look_set().contains_word_unicode() {
        return hir;
    }
    match hir.into_kind() {
        HirKind::Look(look) if is_unicode_word(look) => Hir::empty(),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Repetition(Repetition { min, max, greedy, sub }) => {
            Hir::repetition(Repetition { min, max, greedy, sub: Box::new(without_unicode_words(*sub)) })
        }
        HirKind::Concat(subs) => Hir::concat(subs.into_iter().map(without_unicode_words).collect()),
        HirKind::Alternation(subs) => Hir::alternation(subs.into_iter().map(without_unicode_words).collect()),
        HirKind::Capture(capture) => without_unicode_words(*capture.sub),
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(lit) => Hir::literal(lit.0),
        HirKind::Class(class) => Hir::class(class),
    }
}

fn is_unicode_word(look: Look) -> bool {
    matches!(
        look,
        Look::WordUnicode
            | Look::WordUnicodeNegate
            | Look::WordStartUnicode
            | Look::WordEndUnicode
            | Look::WordStartHalfUnicode
            | Look::WordEndHalfUnicode
    )
}
