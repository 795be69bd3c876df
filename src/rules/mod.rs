//! Patterns become rule sets: rules in, tables out. `crate::scan` takes it from there.

pub(crate) mod analysis;
mod compile;
mod error;
pub(crate) mod finder;
pub mod flags;
pub(crate) mod group;
mod info;
pub mod literal;
mod options;
pub(crate) mod oracle;
mod parse;

use std::fmt;

pub use error::{CompileError, ErrorKind, NO_PATTERN};
pub use info::{RuleInfo, Tier};
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
    pub(crate) info: Vec<RuleInfo>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) finder: Option<finder::Finder>,
    /// For each tag of the finder: where in `uses` its list starts; one more entry than tags.
    pub(crate) use_starts: Vec<u32>,
    /// What a hit means.
    pub(crate) uses: Vec<Use>,
    pub(crate) groups: Vec<group::Group>,
    /// Rules that the oracle runs on every item.
    pub(crate) always: Vec<u32>,
    pub(crate) memory: u64,
}

/// What one rule needs at scan time.
pub(crate) struct Rule {
    pub id: u32,
    pub single: bool,
    /// Report smallest starts (all-ends only).
    pub start: bool,
    /// None for pure literals.
    pub oracle: Option<oracle::Oracle>,
}

/// What a hit of the finder means for one rule.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Use {
    /// It is a match of this rule.
    Match(u32),
    /// This rule may match.
    Wake(u32),
}

impl Rules {
    /// Compiles a set, or tells everything that is wrong with it.
    pub fn compile(patterns: &[Pattern<'_>], options: &CompileOptions) -> Result<Rules, Vec<CompileError>> {
        compile::compile(patterns, options)
    }

    /// One entry for each pattern, in the order given to `compile`.
    pub fn info(&self) -> &[RuleInfo] {
        &self.info
    }

    /// What counts as a match in this set.
    pub fn semantics(&self) -> Semantics {
        self.semantics
    }

    /// Bytes that the set holds, without what each scanning thread keeps in its scratch.
    pub fn memory_usage(&self) -> u64 {
        self.memory
    }
}

#[cfg(feature = "gpu")]
impl Rules {
    /// How a device runs this set.
    pub(crate) fn device_kind(&self) -> crate::gpu::SetKind<'_> {
        match self.rules.is_empty() {
            true => crate::gpu::SetKind::Empty,
            false => crate::gpu::SetKind::Host,
        }
    }
}

impl fmt::Debug for Rules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rules").field("rules", &self.rules.len()).field("semantics", &self.semantics).finish()
    }
}
