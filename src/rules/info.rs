//! What became of each pattern: how it is executed and why.

use std::borrow::Cow;

use bytemuck::{Pod, Zeroable};

use super::Texts;

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

/// `RuleInfo` of a whole set, flat; `u64::MAX` where there is no number.
pub(crate) struct SavedInfo {
    pub records: Vec<Record>,
    pub why: Texts,
    /// Of all rules, one after the other.
    pub factors: Texts,
}

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct Record {
    id: u32,
    flags: u32,
    tier: u32,
    factors: u32,
    window: u64,
    min_len: u64,
    max_len: u64,
    table_bytes: u64,
}

impl From<&[RuleInfo]> for SavedInfo {
    fn from(all: &[RuleInfo]) -> Self {
        let mut saved = SavedInfo { records: Vec::new(), why: Texts::default(), factors: Texts::default() };
        for info in all {
            saved.why.push(info.why.as_bytes());
            info.factors.iter().for_each(|factor| saved.factors.push(factor));
            saved.records.push(Record {
                id: info.id,
                flags: info.flags,
                tier: info.tier as u32,
                factors: info.factors.len() as u32,
                window: info.window.unwrap_or(u64::MAX),
                min_len: info.min_len,
                max_len: info.max_len.unwrap_or(u64::MAX),
                table_bytes: info.table_bytes,
            });
        }
        saved
    }
}

impl SavedInfo {
    /// Whether it describes `count` rules.
    pub fn fits(&self, count: usize) -> bool {
        let factors: u64 = self.records.iter().map(|record| u64::from(record.factors)).sum();
        self.records.len() == count && self.why.ends.len() == count && factors == self.factors.ends.len() as u64
    }

    /// The descriptions, spelled out.
    pub fn all(&self) -> Vec<RuleInfo> {
        let mut next = 0;
        let number = |value: u64| (value != u64::MAX).then_some(value);
        let describe = |(index, record): (usize, &Record)| {
            let first = next;
            next += record.factors as usize;
            RuleInfo {
                id: record.id,
                flags: record.flags,
                tier: match record.tier {
                    0 => Tier::Literal,
                    1 => Tier::Factor,
                    2 => Tier::Run,
                    3 => Tier::Confirm,
                    _ => Tier::Host,
                },
                why: Cow::Owned(String::from_utf8_lossy(self.why.get(index)).into_owned()),
                factors: (first..next).map(|i| self.factors.get(i).to_vec()).collect(),
                window: number(record.window),
                min_len: record.min_len,
                max_len: number(record.max_len),
                table_bytes: record.table_bytes,
            }
        };
        self.records.iter().enumerate().map(describe).collect()
    }
}
