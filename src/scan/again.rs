//! One rule asked again, with an item's own bytes around the place that is asked about.

use regex_automata::Input;

use super::{Match, Scratch, ends};
use crate::rules::oracle::Oracle;
use crate::rules::{RuleTable, Rules, flags};

impl Rules {
    /// Under leftmost semantics the first match of a rule that starts at `from` or behind.
    pub(crate) fn leftmost_from(
        &self,
        rule: u32,
        haystack: &[u8],
        from: usize,
        scratch: &mut Scratch,
    ) -> Option<(usize, usize)> {
        let Oracle::Leftmost(regex) = self.oracle(rule) else { return None };
        if from > haystack.len() {
            return None;
        }
        let cache = scratch.regex_cache(self.serial, rule, regex);
        regex.search_with(cache, &Input::new(haystack).range(from..)).map(|m| (m.start(), m.end()))
    }

    /// Under all-ends semantics every end of a rule, also of one of which only the first is reported.
    pub(crate) fn every_end(&self, rule: u32, haystack: &[u8], scratch: &mut Scratch) -> Vec<Match> {
        let mut all = Vec::new();
        let Oracle::AllEnds(nfa) = self.oracle(rule) else { return all };
        let known = self.rules[rule as usize];
        scratch.begin(self, u64::MAX);
        let known = RuleTable { flags: known.flags & !flags::SINGLE, ..known };
        ends::find(nfa, known, false, haystack, scratch);
        scratch.finish(&mut all);
        all
    }
}
