//! How far the matches of a rule set reach: what has to be kept of a text that comes in pieces.
//!
//! A match is *settled* when no byte that is still to come can change it. For a rule whose matches have at most `longest`
//! bytes, and which looks at up to `ahead` bytes behind them, that is so for every start that lies further back than both.
//! For a rule without such a bound, or with one that is seldom reached, it is so for every start before the first from which
//! a match may still be under way (`prefix`). What is kept begins at the first start that is not settled for some rule, and a little before it, for looks
//! backwards.

use super::prefix::{self, Count, Prefixes};
use crate::rules::{Pattern, Rules, flags, parse};
use regex_automata::hybrid::dfa::Cache;
use regex_syntax::hir::{Hir, Look, LookSet};
use std::sync::Mutex;

/// Bytes that are kept before the first start that is not settled: a look backwards reads one character at most.
pub(crate) const BEHIND: u64 = 4;

/// Where a text stands: what is settled can be told from it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Mark {
    /// Bytes so far; `u64::MAX`: the text is over.
    pub len: u64,
    /// No match of a long rule that starts before this one is under way.
    pub alive: u64,
}

impl Mark {
    /// At the end of a text nothing is left open.
    pub const OVER: Mark = Mark { len: u64::MAX, alive: u64::MAX };

    fn is_over(self) -> bool {
        self.len == u64::MAX
    }
}

/// For matches of up to so many bytes nobody looks whether one is under way: keeping as much costs less. Builds for tests
/// have shorter ones, so that short texts are enough to see rules of both kinds.
const SHORT: u64 = if cfg!(debug_assertions) { 6 } else { 256 };

/// So much may be kept without need; beyond it, it is looked more exactly.
const ROUGH: u64 = if cfg!(debug_assertions) { 6 } else { 512 };

/// What one rule needs, or several together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OfRule {
    /// The longest match; `None`: no bound.
    longest: Option<u64>,
    /// Bytes behind a match that it looks at.
    ahead: u8,
    /// It is looked whether a match is under way.
    is_long: bool,
}

impl OfRule {
    /// Starts below this one are settled.
    pub fn starts(self, at: Mark) -> u64 {
        if at.is_over() {
            return u64::MAX;
        }
        let bounded = self.carry().map(|carry| (at.len + 1).saturating_sub(carry));
        let alive = self.is_long.then_some(at.alive);
        // Either is enough. Without both nothing is ever settled.
        bounded.max(alive).unwrap_or(0)
    }

    /// Ends below this one are settled, as far as it is only asked whether some match ends there.
    pub fn ends(self, at: Mark) -> u64 {
        if at.is_over() { u64::MAX } else { (at.len + 1).saturating_sub(self.ahead.into()) }
    }

    /// What has to be kept for it; `None`: as much as may still become a match.
    pub fn carry(self) -> Option<u64> {
        self.longest.map(|longest| longest.saturating_add(self.ahead.into()))
    }

    fn join(self, other: OfRule) -> OfRule {
        OfRule {
            longest: self.longest.zip(other.longest).map(|(a, b)| a.max(b)),
            ahead: self.ahead.max(other.ahead),
            is_long: self.is_long && other.is_long,
        }
    }
}

/// Automata that are asked one after the other, and memory for it.
struct Together {
    prefixes: Vec<Prefixes>,
    caches: Mutex<Vec<Vec<Cache>>>,
}

impl Together {
    fn new(prefixes: Vec<Prefixes>) -> Self {
        Self { prefixes, caches: Mutex::default() }
    }

    /// How many of the last bytes may be the beginning of a match of any rule.
    fn alive(&self, backwards: impl Iterator<Item = u8> + Clone) -> Option<u64> {
        let pop = || crate::engine::lock(&self.caches).pop();
        let mut caches = pop().unwrap_or_else(|| self.prefixes.iter().map(Prefixes::cache).collect());
        let mut each = self.prefixes.iter().zip(&mut caches);
        let most =
            each.try_fold(0, |most, (one, cache)| one.alive(cache, backwards.clone()).map(|alive| most.max(alive)));
        crate::engine::lock(&self.caches).push(caches);
        most
    }
}

/// What a rule set needs.
pub(crate) struct Reach {
    /// By rule; rules that share their id are alike, since equal matches of theirs count once.
    rules: Vec<OfRule>,
    /// (id, rule), sorted.
    by_id: Vec<(u32, u32)>,
    /// All short rules together, and all long ones.
    short: Option<OfRule>,
    long: Option<OfRule>,
    /// How far any of them looks forwards.
    ahead: u64,
    /// The long rules.
    rough: Together,
    exact: Together,
}

impl Reach {
    pub fn of(rules: &Rules) -> Reach {
        let mut by_id: Vec<(u32, u32)> = rules.rules.iter().zip(0..).map(|(rule, index)| (rule.id, index)).collect();
        by_id.sort_unstable();
        let mut own: Vec<OfRule> = (0..rules.rules.len()).map(|rule| of_rule(rules, rule)).collect();
        let same_ids = || by_id.chunk_by(|a, b| a.0 == b.0);
        for same in same_ids() {
            let rules = || same.iter().map(|&(_, rule)| rule as usize);
            let joined = rules().map(|rule| own[rule]).reduce(OfRule::join).expect("an id has a rule");
            let is_long = joined.longest.is_none_or(|longest| longest > SHORT);
            rules().for_each(|rule| own[rule] = OfRule { is_long, ..joined });
        }
        let long = own.iter().enumerate().filter(|(_, rule)| rule.is_long);
        let trees: Vec<_> = long.filter_map(|(rule, _)| Some((rule, tree(rules, rule)?))).collect();
        let (rough, mut too_large) = prefix::build(&trees, Count::Roughly);
        let (exact, larger) = prefix::build(&trees, Count::Exactly);
        too_large.extend(larger);
        // Nobody can look whether these are under way, nor those that share their ids.
        for same in same_ids().filter(|same| same.iter().any(|&(_, rule)| too_large.contains(&(rule as usize)))) {
            same.iter().for_each(|&(_, rule)| own[rule as usize].is_long = false);
        }
        let together = |is_long| own.iter().copied().filter(|rule| rule.is_long == is_long).reduce(OfRule::join);
        let (short, long) = (together(false), together(true));
        let ahead = own.iter().map(|rule| u64::from(rule.ahead)).max().unwrap_or(0);
        Reach { rules: own, by_id, short, long, ahead, rough: Together::new(rough), exact: Together::new(exact) }
    }

    pub fn of_rule(&self, rule: u32) -> OfRule {
        self.rules[rule as usize]
    }

    /// The rules with an id.
    pub fn rules_of(&self, id: u32) -> &[(u32, u32)] {
        let first = self.by_id.partition_point(|&(other, _)| other < id);
        let count = self.by_id[first..].partition_point(|&(other, _)| other == id);
        &self.by_id[first..first + count]
    }

    /// Where a text stands that has `len` bytes. They are given last one first, as far back as the first start that was
    /// not settled before.
    pub fn mark(&self, len: u64, kept: u64, backwards: impl Iterator<Item = u8> + Clone) -> Mark {
        let ahead = self.ahead;
        if self.long.is_none() || kept <= ahead {
            return Mark { len, alive: len - kept };
        }
        // Matches that end here are settled only if what they look at is there.
        let backwards = backwards.skip(ahead as usize).take((kept - ahead) as usize);
        let most = match self.rough.alive(backwards.clone()) {
            Some(rough) if rough <= ROUGH => Some(rough),
            _ => self.exact.alive(backwards),
        };
        Mark { len, alive: len - most.map_or(kept, |alive| alive + ahead) }
    }

    /// The first start that is not settled for every rule.
    pub fn open(&self, at: Mark) -> u64 {
        let together = [self.short, self.long].into_iter().flatten();
        together.map(|rules| rules.starts(at)).fold(at.len, u64::min)
    }

    /// A rule of which a match may be under way over all of these bytes, for a message.
    pub fn culprit(&self, rules: &Rules, bytes: u64, backwards: impl Iterator<Item = u8> + Clone) -> Option<u32> {
        let far = |&rule: &usize| {
            let of = self.rules[rule];
            if !of.is_long {
                return of.carry().is_none_or(|carry| carry > bytes);
            }
            let ahead = usize::from(of.ahead);
            tree(rules, rule).and_then(|tree| Prefixes::of(&[tree], Count::Exactly)).is_none_or(|prefixes| {
                prefixes.alive(&mut prefixes.cache(), backwards.clone().skip(ahead)).is_none_or(|far| far >= bytes)
            })
        };
        (0..self.rules.len()).find(far).map(|rule| rules.rules[rule].id)
    }
}

fn of_rule(rules: &Rules, rule: usize) -> OfRule {
    let longest = rules.info()[rule].max_len;
    let ahead = match rules.rules[rule].flags & flags::LITERAL {
        0 => tree(rules, rule).map_or(0, |tree| ahead(tree.properties().look_set())),
        _ => 0,
    };
    OfRule { longest, ahead, is_long: false }
}

fn tree(rules: &Rules, rule: usize) -> Option<Hir> {
    let table = rules.rules[rule];
    let pattern = Pattern { bytes: rules.texts.get(rule), id: table.id, flags: table.flags };
    // It does parse: compilation accepted it. A loaded set could hold anything; its oracle then never matches.
    parse::parse(&pattern, &crate::rules::Limits::NONE).ok()
}

/// How far these look forwards.
fn ahead(looks: LookSet) -> u8 {
    match looks {
        looks if looks.contains_word_unicode() => 4,
        looks if looks.iter().all(|look| matches!(look, Look::Start | Look::StartLF)) => 0,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::CompileOptions;

    fn reach(patterns: &[&str]) -> Reach {
        let patterns: Vec<_> =
            patterns.iter().zip(0..).map(|(p, id)| Pattern { bytes: p.as_bytes(), id, flags: 0 }).collect();
        Reach::of(&Rules::compile(&patterns, &CompileOptions::default()).unwrap())
    }

    #[test]
    fn what_is_open() {
        let open = |patterns: &[&str], text: &[u8]| {
            let (reach, len) = (reach(patterns), text.len() as u64);
            reach.open(reach.mark(len, len, text.iter().rev().copied()))
        };
        assert_eq!(open(&[], b"0123456789"), 10);
        assert_eq!(open(&["abc"], b"0123456789"), 8);
        assert_eq!(open(&["abc$"], b"0123456789"), 7);
        assert_eq!(open(&["^abc"], b"0123456789"), 8);
        assert_eq!(open(&["abc", "ab*c"], b"0123456789"), 8);
        assert_eq!(open(&["a", "ab*c"], b"0123456abb"), 7);
        assert_eq!(open(&["a", r"ab*c\b"], b"0123456abb"), 7);
        assert_eq!(open(&["a", r"ab*c\b"], b"0123456789"), 9);
        assert_eq!(open(&["a", r"(?u:\b)x+"], b"0123456789"), 6);
    }
}
