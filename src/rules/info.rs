//! What became of each pattern: how it is executed and why.

use std::borrow::Cow;

/// How a rule is executed. The order is from the cheapest to the dearest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u32)]
pub enum Tier {
    /// Found by the literal tables alone.
    Literal = 0,
    /// A required factor is found by the literal tables, automata check what stands before and behind it.
    Factor = 1,
    /// A long run of one byte class is found first.
    Run = 2,
    /// As factor or run, with a check that may say yes too often; the oracle confirms.
    Confirm = 3,
    /// No table helps: the oracle reads the whole item.
    Host = 4,
}

/// One pattern of a compiled set, in the order given to `compile`.
#[derive(Clone, Debug)]
pub struct RuleInfo {
    /// The caller's id.
    pub id: u32,
    /// The pattern's flags.
    pub flags: u32,
    /// How it is executed.
    pub tier: Tier,
    /// Why that tier, in words.
    pub why: Cow<'static, str>,
    /// Strings of which every match contains at least one; empty if none are known or needed.
    pub factors: Vec<Vec<u8>>,
    /// A match starts at most this many bytes before the factor that was found; `None` if unbounded or without factor.
    pub window: Option<u64>,
    /// The shortest match, in bytes.
    pub min_len: u64,
    /// The longest match, in bytes; `None` if unbounded.
    pub max_len: Option<u64>,
    /// Bytes of this rule's own tables and automata, without what it shares with others.
    pub table_bytes: u64,
}
