//! Rules that tables find, asked about together as those are that no table finds: for items in which so many of them would
//! have to be looked for by the oracle that one reading for each is the expensive part.

use std::sync::OnceLock;

use super::group::{self, Group};
use super::{BranchTable, Limits, Pattern, Rules, parse};

/// Rules that are asked about together.
const TOGETHER: usize = 32;

/// The rules with branches in their order, so many at a time; what asks about them is built when it is first needed.
pub(crate) struct Combined {
    rules: Vec<u32>,
    chunks: Box<[OnceLock<Vec<Group>>]>,
}

impl Combined {
    pub fn of(branches: &[BranchTable]) -> Self {
        let mut rules: Vec<u32> = branches.iter().map(|branch| branch.rule).collect();
        rules.sort_unstable();
        rules.dedup();
        let chunks = rules.chunks(TOGETHER).map(|_| OnceLock::new()).collect();
        Self { rules, chunks }
    }

    /// The number of the chunk that a rule is in, if it has branches.
    pub fn chunk_of(&self, rule: u32) -> Option<usize> {
        self.rules.binary_search(&rule).ok().map(|at| at / TOGETHER)
    }
}

impl Rules {
    /// What asks about the rules of a chunk. Threads that need it at the same time each build it and one of them wins.
    pub(crate) fn chunk(&self, number: usize) -> &[Group] {
        let cell = &self.combined.chunks[number];
        if let Some(groups) = cell.get() {
            return groups;
        }
        let rules = self.combined.rules.chunks(TOGETHER).nth(number).unwrap_or_default();
        let trees = rules.iter().filter_map(|&rule| {
            let table = self.rules[rule as usize];
            let pattern = Pattern { bytes: self.texts.get(rule as usize), id: table.id, flags: table.flags };
            Some((rule, parse::parse(&pattern, &Limits::NONE).ok()?))
        });
        let (groups, _) = group::build(&trees.collect::<Vec<_>>());
        let _ = cell.set(groups);
        cell.get().expect("it was just set")
    }
}
