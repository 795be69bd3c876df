//! The flat records that tie strings, runs and walks to rules. They are saved as they are.

use bytemuck::{Pod, Zeroable};

/// In place of a walk's index: there is none.
pub(crate) const NONE: u32 = u32::MAX;

/// One way to find a rule: see `plan` for what the parts prove.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct BranchTable {
    /// Index of its rule.
    pub rule: u32,
    /// The walk backwards from the border, or `NONE`.
    pub before: u32,
    /// The walk forwards from it, or `NONE`.
    pub ahead: u32,
    /// `plan::{ENDS, WHOLE, BACK_FIRST, MAYBE}`.
    pub flags: u32,
}

/// A run of one byte class that leads to a branch.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct RunTable {
    /// Bit b of the 256: byte b belongs to the class.
    pub class: [u32; 8],
    /// At least this many bytes in a row.
    pub min: u32,
    /// Where to go on.
    pub branch: u32,
}

impl RunTable {
    #[inline]
    pub fn has(&self, byte: u8) -> bool {
        self.class[usize::from(byte >> 5)] >> (byte & 31) & 1 != 0
    }
}

/// What a string's occurrence means for one rule: the lowest bit tells which of the two.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Pod, Zeroable)]
pub(crate) struct Use(u32);

/// A `Use`, taken apart.
pub(crate) enum Meaning {
    /// It is a match of this rule.
    Match(u32),
    /// It is a border of this branch.
    Border(u32),
}

impl Use {
    pub fn of_match(rule: u32) -> Use {
        Use(rule << 1)
    }

    pub fn of_border(branch: u32) -> Use {
        Use(branch << 1 | 1)
    }

    #[inline]
    pub fn meaning(self) -> Meaning {
        if self.0 & 1 == 0 { Meaning::Match(self.0 >> 1) } else { Meaning::Border(self.0 >> 1) }
    }
}

/// One rule, for the scanner.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct RuleTable {
    /// The caller's id.
    pub id: u32,
    /// The pattern's flags.
    pub flags: u32,
}

impl RuleTable {
    #[inline]
    pub fn single(self) -> bool {
        self.flags & super::flags::SINGLE != 0
    }

    #[inline]
    pub fn start(self) -> bool {
        self.flags & super::flags::START != 0
    }
}

/// For each rule whether another has its id; empty if every id is there once.
pub(crate) fn shared_ids(rules: &[RuleTable]) -> Vec<bool> {
    // Most callers number their rules.
    if rules.is_sorted_by(|a, b| a.id < b.id) {
        return Vec::new();
    }
    let mut order: Vec<u32> = (0..rules.len() as u32).collect();
    let id = |index: u32| rules[index as usize].id;
    order.sort_unstable_by_key(|&index| id(index));
    let mut shared = Vec::new();
    for pair in order.windows(2).filter(|pair| id(pair[0]) == id(pair[1])) {
        shared.resize(rules.len(), false);
        shared[pair[0] as usize] = true;
        shared[pair[1] as usize] = true;
    }
    shared
}
