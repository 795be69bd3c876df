//! Answers out of what a device found.

use super::{Match, Scratch};
use crate::gpu::{RawMatch, SetKind};
use crate::rules::{Meaning, Rules};

impl Rules {
    /// How a device runs this set.
    pub(crate) fn device_kind(&self) -> SetKind<'_> {
        if !self.groups.is_empty() || !self.always.is_empty() || !self.runs.is_empty() {
            // Something has to look at every item that no table of the device's finds.
            return SetKind::Host;
        }
        match &self.finder {
            None => SetKind::Empty,
            Some(table) => SetKind::Literal(table.words()),
        }
    }

    /// Whether the occurrences of strings that a device reports say everything about an item.
    pub(crate) fn is_plain(&self) -> bool {
        self.branches.is_empty()
    }

    /// As [`Rules::scan`] for a plain set, by all occurrences of its strings, found elsewhere.
    pub(crate) fn matches_of(
        &self,
        occurrences: &[RawMatch],
        scratch: &mut Scratch,
        limit: u64,
        out: &mut Vec<Match>,
    ) -> u64 {
        scratch.begin(self);
        let mut hits = std::mem::take(&mut scratch.hits);
        for &RawMatch { a: tag, b: start, c: end } in occurrences {
            let list = self.use_starts[tag as usize] as usize..self.use_starts[tag as usize + 1] as usize;
            for what in &self.uses[list] {
                if let Meaning::Match(rule) = what.meaning() {
                    hits.push((u64::from(end), u64::from(start), rule));
                }
            }
        }
        self.select_strings(&mut hits, scratch);
        hits.clear();
        scratch.hits = hits;
        let found = &mut scratch.found;
        found.sort_unstable_by_key(Match::key);
        found.dedup();
        let shown = usize::try_from(limit).unwrap_or(usize::MAX).min(found.len());
        out.extend_from_slice(&found[..shown]);
        let count = found.len() as u64;
        scratch.finish();
        count
    }
}
