//! Leftmost-first, non-overlapping matches of one rule on a whole item.

use regex_automata::meta;
use regex_automata::{Input, util::iter::Searcher};

use super::{Match, Scratch};
use crate::rules::Rules;

/// What `find_iter` yields from offset `from` on, with the cache taken from this thread's scratch.
pub(super) fn find(set: &Rules, regex: &meta::Regex, rule: u32, haystack: &[u8], from: usize, scratch: &mut Scratch) {
    let (known, shared) = (set.rules[rule as usize], set.shares_id(rule));
    let mut found = std::mem::take(&mut scratch.found);
    let cache = scratch.regex_cache(set.serial, rule, regex);
    let mut searcher = Searcher::new(Input::new(haystack).range(from..));
    while let Some(m) = searcher.advance(|input| Ok(regex.search_with(cache, input))) {
        found.push(Match { start: m.start() as u64, end: m.end() as u64, rule_id: known.id }, shared);
        if known.single() {
            break;
        }
    }
    scratch.found = found;
}
