//! Answers out of what a device found.

use super::{Match, Scratch};
use crate::gpu::{RawMatch, SetKind};
use crate::rules::{Meaning, Rules};

impl Rules {
    /// How a device runs this set.
    pub fn device_kind(&self) -> SetKind<'_> {
        if !self.groups.is_empty() || !self.always.is_empty() {
            // Something has to look at every item that no table finds.
            return SetKind::Host;
        }
        match &self.finder {
            _ if !self.branches.is_empty() => self.device_words().map_or(SetKind::Host, SetKind::Rules),
            None => SetKind::Empty,
            Some(table) => SetKind::Literal(table.words()),
        }
    }

    /// As [`Rules::scan`] for an item in which no border of a branch leads to a match, by all occurrences of strings
    /// that mean one by themselves, found elsewhere.
    pub(crate) fn matches_of(
        &self,
        occurrences: &[RawMatch],
        scratch: &mut Scratch,
        limit: u64,
        out: &mut Vec<Match>,
    ) -> u64 {
        scratch.begin(self, limit);
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
        scratch.finish(out)
    }
}
