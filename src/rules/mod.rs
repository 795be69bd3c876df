//! Patterns become rule sets: rules in, tables out. `crate::scan` takes it from there.

pub(crate) mod analysis;
mod assemble;
mod combined;
mod compile;
#[cfg(feature = "gpu")]
pub(crate) mod device;
mod error;
pub mod flags;
pub(crate) mod group;
mod info;
pub mod literal;
mod load;
mod options;
pub(crate) mod oracle;
pub(crate) mod parse;
pub(crate) mod plan;
mod save;
pub(crate) mod tables;
pub(crate) mod walk;

use std::fmt;
use std::sync::OnceLock;

pub use error::{CompileError, ErrorKind, NO_PATTERN};
pub use info::{RuleInfo, Tier};
pub(crate) use options::Limits;
pub use options::{
    CompileOptions, DEFAULT_MAX_AUTOMATON, DEFAULT_MAX_MEMORY, DEFAULT_MAX_PATTERN_LEN, MAX_PATTERNS, Semantics,
};

/// One pattern as the caller gives it.
#[derive(Clone, Copy, Debug)]
pub struct Pattern<'a> {
    /// The regex (UTF-8) or, with `flags::LITERAL`, any bytes.
    pub bytes: &'a [u8],
    /// Reported with each match. Patterns may share an id: their matches are one set then.
    pub id: u32,
    /// `flags::*`, or-ed.
    pub flags: u32,
}

/// An immutable compiled set, to be shared by any number of threads.
pub struct Rules {
    /// Tells sets apart in a thread's scratch; never used twice in a process.
    pub(crate) serial: u64,
    pub(crate) semantics: Semantics,
    /// Spelled out when first asked for.
    pub(crate) info: OnceLock<Vec<RuleInfo>>,
    pub(crate) saved_info: Option<info::SavedInfo>,
    pub(crate) rules: Vec<RuleTable>,
    /// For each rule whether others have its id too; empty if none have.
    pub(crate) shared_ids: Vec<bool>,
    pub(crate) finder: Option<literal::LiteralTable>,
    /// For each tag of the finder: where in `uses` its list starts; one more entry than tags.
    pub(crate) use_starts: Vec<u32>,
    /// What a string's occurrence means.
    pub(crate) uses: Vec<Use>,
    pub(crate) runs: Vec<RunTable>,
    pub(crate) branches: Vec<BranchTable>,
    pub(crate) walks: walk::Walks,
    pub(crate) groups: Vec<group::Group>,
    /// The rules with branches, for items that many of them might match.
    pub(crate) combined: combined::Combined,
    /// Rules that the oracle runs on every item.
    pub(crate) always: Vec<u32>,
    /// The patterns themselves, for the oracle.
    pub(crate) texts: Texts,
    pub(crate) oracles: Box<[OnceLock<oracle::Oracle>]>,
    pub(crate) memory: u64,
    /// By string, what its occurrences are by themselves; told when a device first finds some.
    #[cfg(feature = "gpu")]
    pub(crate) direct: OnceLock<Box<[crate::scan::Direct]>>,
    /// What texts in pieces need of it; told when first asked for.
    pub(crate) reach: OnceLock<crate::stream::Reach>,
}

/// All patterns' bytes in one piece.
#[derive(Default)]
pub(crate) struct Texts {
    pub bytes: Vec<u8>,
    /// Where each ends.
    pub ends: Vec<u64>,
}

impl Texts {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len() as u64);
    }

    pub fn get(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |i| self.ends[i]);
        &self.bytes[start as usize..self.ends[index] as usize]
    }
}

pub(crate) use tables::{BranchTable, Meaning, RuleTable, RunTable, Use};

impl Rules {
    /// Compiles a set, or tells everything that is wrong with it.
    pub fn compile(patterns: &[Pattern<'_>], options: &CompileOptions) -> Result<Rules, Vec<CompileError>> {
        compile::compile(patterns, options)
    }

    /// One entry for each pattern, in the order given to `compile`.
    pub fn info(&self) -> &[RuleInfo] {
        let spell = || self.saved_info.as_ref().map(info::SavedInfo::all).unwrap_or_default();
        self.info.get_or_init(spell)
    }

    /// What counts as a match in this set.
    pub fn semantics(&self) -> Semantics {
        self.semantics
    }

    /// Bytes that the set holds, without what each scanning thread keeps in its scratch.
    pub fn memory_usage(&self) -> u64 {
        self.memory
    }

    /// What is kept of a text that comes in pieces.
    pub(crate) fn reach(&self) -> &crate::stream::Reach {
        self.reach.get_or_init(|| crate::stream::Reach::of(self))
    }

    /// A line for people: how the strings of the set are found.
    pub fn describe_strings(&self) -> String {
        self.finder.as_ref().map(literal::LiteralTable::describe).unwrap_or_default()
    }

    /// Whether other rules have this one's id: only then can two of its matches be equal.
    #[inline]
    pub(crate) fn shares_id(&self, rule: u32) -> bool {
        self.shared_ids.get(rule as usize).is_some_and(|&shared| shared)
    }

    /// The oracle of one rule, built when it is first needed. Threads that need it at the same time each build it and
    /// one of them wins: nobody waits.
    pub(crate) fn oracle(&self, rule: u32) -> &oracle::Oracle {
        let cell = &self.oracles[rule as usize];
        if let Some(oracle) = cell.get() {
            return oracle;
        }
        let table = self.rules[rule as usize];
        let pattern = Pattern { bytes: self.texts.get(rule as usize), id: table.id, flags: table.flags };
        let built = oracle::Oracle::of(&pattern, self.semantics);
        let _ = cell.set(built);
        cell.get().expect("it was just set")
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("rules", &self.rules.len()).field("semantics", &self.semantics).finish()
    }
}
