//! How far the matches of a rule set reach: what has to be kept of a text that comes in pieces.
//!
//! A match is *settled* when no byte that is still to come can change it. For a rule whose matches have at most `longest`
//! bytes, and which looks at up to `ahead` bytes behind them, that is so for every start that lies further back than both.
//! For a rule without such a bound it is so for every start before the first from which a match may still be under way
//! (`prefix`). What is kept begins at the first start that is not settled for some rule, and a little before it, for looks
//! backwards.

use super::prefix::{self, Prefixes};
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
    /// No match of a rule without a bound that starts before this one is under way.
    pub alive: u64,
}

impl Mark {
    /// At the end of a text nothing is left open.
    pub const OVER: Mark = Mark { len: u64::MAX, alive: u64::MAX };

    fn is_over(self) -> bool {
        self.len == u64::MAX
    }
}

/// What one rule needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfRule {
    /// The longest match; of a rule without a bound 0.
    longest: u64,
    /// Bytes behind a match that it looks at.
    ahead: u8,
    unbounded: bool,
}

impl OfRule {
    /// Starts below this one are settled.
    pub fn starts(self, at: Mark) -> u64 {
        if at.is_over() {
            return u64::MAX;
        }
        let bounded = (at.len + 1).saturating_sub(self.longest.saturating_add(self.ahead.into()));
        if self.unbounded { bounded.min(at.alive) } else { bounded }
    }

    /// Ends below this one are settled, as far as it is only asked whether some match ends there.
    pub fn ends(self, at: Mark) -> u64 {
        if at.is_over() { u64::MAX } else { (at.len + 1).saturating_sub(self.ahead.into()) }
    }

    /// What has to be kept for it; `None`: as much as may still become a match.
    pub fn carry(self) -> Option<u64> {
        (!self.unbounded).then(|| self.longest.saturating_add(self.ahead.into()))
    }

    fn join(&mut self, other: OfRule) {
        self.longest = self.longest.max(other.longest);
        self.ahead = self.ahead.max(other.ahead);
        self.unbounded |= other.unbounded;
    }
}

/// What a rule set needs.
pub(crate) struct Reach {
    /// By rule; rules that share their id are alike, since equal matches of theirs count once.
    rules: Vec<OfRule>,
    /// (id, rule), sorted.
    by_id: Vec<(u32, u32)>,
    /// Over all rules with a bound, and over the others but for what is under way.
    all: OfRule,
    /// The rules without a bound. `None`: one of them is too large to tell what is under way.
    prefixes: Option<Vec<Prefixes>>,
    caches: Mutex<Vec<Vec<Cache>>>,
}

impl Reach {
    pub fn of(rules: &Rules) -> Reach {
        let mut by_id: Vec<(u32, u32)> = rules.rules.iter().zip(0..).map(|(rule, index)| (rule.id, index)).collect();
        by_id.sort_unstable();
        let mut own: Vec<OfRule> = (0..rules.rules.len()).map(|rule| of_rule(rules, rule)).collect();
        for same in by_id.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
            let mut joined = OfRule::default();
            same.iter().for_each(|&(_, rule)| joined.join(own[rule as usize]));
            same.iter().for_each(|&(_, rule)| own[rule as usize] = joined);
        }
        let mut all = OfRule::default();
        own.iter().for_each(|&rule| all.join(rule));
        let unbounded = own.iter().enumerate().filter(|(_, rule)| rule.unbounded);
        let trees: Vec<Hir> = unbounded.filter_map(|(rule, _)| tree(rules, rule)).collect();
        Reach { rules: own, by_id, all, prefixes: prefix::build(&trees), caches: Mutex::default() }
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
        let ahead = u64::from(self.all.ahead);
        if !self.all.unbounded || kept <= ahead {
            return Mark { len, alive: if self.all.unbounded { len - kept } else { len } };
        }
        // Matches that end here are settled only if what they look at is there.
        let backwards = backwards.skip(ahead as usize).take((kept - ahead) as usize);
        let alive = match &self.prefixes {
            None => None,
            Some(all) => {
                let pop = || crate::engine::lock(&self.caches).pop();
                let mut caches = pop().unwrap_or_else(|| all.iter().map(Prefixes::cache).collect());
                let each = all.iter().zip(&mut caches);
                let most = each
                    .map(|(one, cache)| one.alive(cache, backwards.clone()))
                    .try_fold(0, |most, alive| alive.map(|alive| most.max(alive)));
                crate::engine::lock(&self.caches).push(caches);
                most
            }
        };
        Mark { len, alive: len - alive.map_or(kept, |alive| alive + ahead) }
    }

    /// The first start that is not settled for every rule.
    pub fn open(&self, at: Mark) -> u64 {
        self.all.starts(at).min(at.len)
    }

    /// A rule of which a match may be under way over all of these bytes, for a message.
    pub fn culprit(&self, rules: &Rules, bytes: u64, backwards: impl Iterator<Item = u8> + Clone) -> Option<u32> {
        let far = |&rule: &usize| {
            let of = self.rules[rule];
            if !of.unbounded {
                return of.carry().is_some_and(|carry| carry > bytes);
            }
            let ahead = usize::from(of.ahead);
            tree(rules, rule).and_then(|tree| Prefixes::of(&[tree])).is_none_or(|prefixes| {
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
    OfRule { longest: longest.unwrap_or(0), ahead, unbounded: longest.is_none() }
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
