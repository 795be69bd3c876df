//! What one thread keeps between items: buffers and the oracle's caches. Never shared, so nothing ever waits.

use std::collections::HashMap;

use regex_automata::{hybrid, meta};

use super::candidates::Candidate;
use super::found::Found;
use super::literal::{Executor, LiteralScratch};
use super::{Match, ends};
use crate::rules::Rules;

/// One thread's memory. It serves any number of rule sets in any order, and stays below a fixed size.
#[derive(Default)]
pub struct Scratch {
    pub(super) found: Found,
    /// The literal tables' own; None until needed. Boxed, since it is taken out for each item.
    pub(super) literals: Option<Box<LiteralScratch>>,
    /// (end, start, rule) of literals.
    pub(super) hits: Vec<(u64, u64, u32)>,
    /// Starts or ends that walks found.
    pub(super) candidates: Vec<Candidate>,
    /// Repeated candidates are thrown away when there are this many.
    pub(super) candidates_room: usize,
    /// Steps that all walks made in this item.
    pub(super) steps: u64,
    /// Rules for which the oracle reads the whole item.
    pub(super) awake: Vec<u32>,
    /// By string: the number of the item in which all rules that it might lead to are awake.
    settled: Vec<u64>,
    pub(super) sets: ends::Sets,
    /// Per rule: what happened to it in the item with that number.
    marks: Vec<Mark>,
    item: u64,
    /// (set, rule) to the oracle's cache.
    regexes: HashMap<(u64, u32), meta::Cache>,
    groups: HashMap<(u64, u32), hybrid::dfa::Cache>,
    /// Number of the use since which the caches' size was last taken.
    since_weighed: u32,
}

#[derive(Clone, Copy, Default)]
struct Mark {
    item: u64,
    /// A literal: where its last match ended. Others: steps of its walks so far, or `AWAKE`.
    value: u64,
}

/// The oracle reads the whole item for this rule.
const AWAKE: u64 = u64::MAX;

/// The caches of one thread may take this much; beyond it all are dropped and grow again.
const MAX_CACHES: usize = 64 << 20;
/// Candidates of an item before repeated ones are thrown away for the first time.
pub(super) const CANDIDATES: usize = 1 << 16;
/// Buffers that grew beyond this many entries in one item are given back after it.
const MAX_KEPT: usize = 1 << 20;

impl Scratch {
    /// One that filters by a given executor; the portable one if this machine has it not. Tests and benches only.
    #[doc(hidden)]
    pub fn with_executor(executor: Executor) -> Scratch {
        Scratch { literals: Some(Box::new(LiteralScratch::with_executor(executor))), ..Scratch::default() }
    }

    /// Starts a new item, of whose matches the first `limit` will be asked for.
    pub(super) fn begin(&mut self, rules: &Rules, limit: u64) {
        self.item += 1;
        if self.marks.len() < rules.rules.len() {
            self.marks.resize(rules.rules.len(), Mark::default());
        }
        self.found.begin(limit);
        self.hits.clear();
        self.candidates.clear();
        self.candidates_room = CANDIDATES;
        self.steps = 0;
        self.awake.clear();
    }

    /// Ends an item: appends its matches to `out`, returns how many there are in truth, and gives back what grew out of
    /// proportion.
    pub(super) fn finish(&mut self, out: &mut Vec<Match>) -> u64 {
        let count = self.found.finish(out);
        self.found.shrink(MAX_KEPT);
        if self.hits.capacity() > MAX_KEPT {
            self.hits = Vec::new();
        }
        if self.candidates.capacity() > MAX_KEPT {
            self.candidates = Vec::new();
        }
        if self.sets.bytes() > MAX_CACHES {
            self.sets = ends::Sets::default();
        }
        self.since_weighed += 1;
        if self.since_weighed >= 1024 {
            self.weigh();
        }
        count
    }

    /// Drops the caches if they are too big.
    fn weigh(&mut self) {
        self.since_weighed = 0;
        let regexes: usize = self.regexes.values().map(meta::Cache::memory_usage).sum();
        let groups: usize = self.groups.values().map(hybrid::dfa::Cache::memory_usage).sum();
        if regexes > MAX_CACHES {
            self.regexes.clear();
        }
        if groups > MAX_CACHES {
            self.groups.clear();
        }
    }

    /// Has the oracle read the whole item for a rule, once.
    pub(super) fn wake(&mut self, rule: u32) {
        if self.spent(rule).is_some() {
            self.marks[rule as usize] = Mark { item: self.item, value: AWAKE };
            self.awake.push(rule);
        }
    }

    /// Notes that all rules that a string leads to by a border are awake in this item.
    pub(super) fn settle_string(&mut self, tag: u32, tags: usize) {
        if self.settled.len() < tags {
            self.settled.resize(tags, 0);
        }
        self.settled[tag as usize] = self.item;
    }

    /// Whether they are.
    #[inline]
    pub(super) fn string_settled(&self, tag: u32) -> bool {
        self.settled.get(tag as usize) == Some(&self.item)
    }

    /// Steps that walks of a rule made in this item; None if the oracle reads all of it anyway.
    pub(super) fn spent(&self, rule: u32) -> Option<u64> {
        let mark = self.marks[rule as usize];
        match mark.item == self.item {
            true => (mark.value != AWAKE).then_some(mark.value),
            false => Some(0),
        }
    }

    pub(super) fn set_spent(&mut self, rule: u32, steps: u64) {
        self.marks[rule as usize] = Mark { item: self.item, value: steps };
    }

    /// Where the last reported match of this literal in this item ended.
    pub(super) fn literal_end(&self, rule: u32) -> Option<u64> {
        let mark = &self.marks[rule as usize];
        (mark.item == self.item).then_some(mark.value)
    }

    pub(super) fn set_literal_end(&mut self, rule: u32, end: u64) {
        self.marks[rule as usize] = Mark { item: self.item, value: end };
    }

    pub(super) fn regex_cache(&mut self, set: u64, rule: u32, regex: &meta::Regex) -> &mut meta::Cache {
        if self.regexes.len() >= MAX_CACHES >> 14 && !self.regexes.contains_key(&(set, rule)) {
            self.weigh();
        }
        self.regexes.entry((set, rule)).or_insert_with(|| regex.create_cache())
    }

    pub(super) fn group_cache(&mut self, set: u64, group: u32, dfa: &hybrid::dfa::DFA) -> &mut hybrid::dfa::Cache {
        if self.groups.len() >= 16 && !self.groups.contains_key(&(set, group)) {
            self.weigh();
        }
        self.groups.entry((set, group)).or_insert_with(|| dfa.create_cache())
    }
}

impl std::fmt::Debug for Scratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scratch").field("rules", &self.marks.len()).field("caches", &self.regexes.len()).finish()
    }
}
