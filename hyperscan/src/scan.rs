//! Scanning: matches of a database in data, in the order of their ends, as Hyperscan's flags want them.

use crate::database::Database;
use crate::flags::{QUIET, SINGLEMATCH, SOM_LEFTMOST};
use trommel::scan::{Match, Scratch};

/// Memory that is used again from scan to scan.
#[derive(Default)]
pub struct Work {
    pub(crate) scratch: Scratch,
    matches: Vec<Match>,
    seen: Vec<bool>,
}

/// One match as it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The expression's number.
    pub id: u32,
    /// Where it starts; 0 unless the expression wants to know.
    pub from: u64,
    /// Where it ends.
    pub to: u64,
}

/// Tells all matches until `tell` answers false; whether it never did.
pub fn scan(database: &Database, data: &[u8], work: &mut Work, tell: impl FnMut(Told) -> bool) -> bool {
    let Work { scratch, matches, seen } = work;
    matches.clear();
    database.whole.scan(data, scratch, u64::MAX, matches);
    if let (Some(rules), Some((b'\n', before))) = (&database.before_newline, data.split_last()) {
        // These are true of the whole data too: what an expression sees at the cut is what it sees before a line feed.
        rules.scan(before, scratch, u64::MAX, matches);
        matches.sort_unstable_by_key(|found| (found.end, found.rule_id, found.start));
        matches.dedup_by_key(|found| (found.end, found.rule_id));
    }
    seen.clear();
    seen.resize(database.reports.len(), false);
    tell_of(database, matches, seen, data, tell)
}

/// Tells matches as their expressions' flags want it, until `tell` answers false; whether it never did. `seen` says of
/// each expression whether a match of it was told, and goes on with that.
pub(crate) fn tell_of(
    database: &Database,
    matches: &[Match],
    seen: &mut [bool],
    data: &[u8],
    mut tell: impl FnMut(Told) -> bool,
) -> bool {
    for found in matches {
        let report = &database.reports[found.rule_id as usize];
        let limits = &report.limits;
        let inside_character =
            report.between_characters && data.get(found.end as usize).is_some_and(|b| b & 0xC0 == 0x80);
        if report.flags & QUIET != 0
            || inside_character
            || found.end < limits.min_offset
            || found.end > limits.max_offset
            || found.end - found.start < limits.min_length
        {
            continue;
        }
        if report.flags & SINGLEMATCH != 0 && std::mem::replace(&mut seen[found.rule_id as usize], true) {
            continue;
        }
        let from = if report.flags & SOM_LEFTMOST != 0 { found.start } else { 0 };
        if !tell(Told { id: report.id, from, to: found.end }) {
            return false;
        }
    }
    true
}
