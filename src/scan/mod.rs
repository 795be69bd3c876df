//! Bytes and tables in, matches out.

mod again;
mod candidates;
#[cfg(feature = "gpu")]
mod device;
mod ends;
mod found;
mod leftmost;
pub mod literal;
mod runs;
mod scratch;
mod walk;

use regex_automata::{Input, PatternID, PatternSet};

use crate::rules::group::Group;
use crate::rules::oracle::Oracle;
use crate::rules::{Meaning, Rules, Semantics};

#[cfg(feature = "gpu")]
pub(crate) use device::{Direct, Sorter};
pub use scratch::Scratch;

/// One match of one rule, relative to the item's first byte.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Match {
    /// First byte; equal to `end` under all-ends semantics without `START`.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// The caller's id of the rule.
    pub rule_id: u32,
}

impl Match {
    /// The order in which an item's matches are reported.
    pub(crate) fn key(&self) -> (u64, u64, u32) {
        (self.end, self.start, self.rule_id)
    }
}

/// So many rules of a group that the oracle would read an item for are asked about together first.
const SIFTED: usize = 4;

/// Which of a group's rules match an item; None: the lazy automaton gave up.
fn ask(group: &Group, serial: u64, number: u32, haystack: &[u8], scratch: &mut Scratch) -> Option<PatternSet> {
    let mut matching = PatternSet::new(group.rules.len());
    let cache = scratch.group_cache(serial, number, &group.dfa);
    group.dfa.try_which_overlapping_matches(cache, &Input::new(haystack), &mut matching).ok().map(|()| matching)
}

/// Bytes in which strings are looked for at once, unless strings are long.
const PIECE: usize = 64 << 10;

impl Rules {
    /// Appends the matches of `haystack` to `out`: sorted by (end, start, rule id), without duplicates, at most `limit`.
    /// Returns how many there are in truth.
    ///
    /// Every input is fine: empty, with NULs, not UTF-8, of any length.
    pub fn scan(&self, haystack: &[u8], scratch: &mut Scratch, limit: u64, out: &mut Vec<Match>) -> u64 {
        scratch.begin(self, limit);
        self.find_strings(haystack, scratch);
        for run in &self.runs {
            runs::find(run, haystack, |at| self.border(run.branch, at, haystack, scratch));
        }
        self.conclude(haystack, scratch, out)
    }

    /// Makes matches of what was found.
    fn conclude(&self, haystack: &[u8], scratch: &mut Scratch, out: &mut Vec<Match>) -> u64 {
        self.settle(haystack, scratch);
        self.sift(haystack, scratch);
        self.ask_groups(haystack, scratch);
        for &rule in &self.always {
            scratch.wake(rule);
        }
        let mut awake = std::mem::take(&mut scratch.awake);
        for &rule in &awake {
            self.answer(rule, haystack, scratch);
        }
        awake.clear();
        scratch.awake = awake;
        scratch.finish(out)
    }

    /// Literals' matches, and the borders that strings are: piece by piece, so that an item's occurrences are never all
    /// held at once.
    fn find_strings(&self, haystack: &[u8], scratch: &mut Scratch) {
        let Some(finder) = &self.finder else { return };
        let mut hits = std::mem::take(&mut scratch.hits);
        let mut literals = scratch.literals.take().unwrap_or_default();
        let longest = finder.max_len();
        let piece = PIECE.max(8 * longest);
        // Occurrences that end up to here are done.
        let mut done = 0usize;
        loop {
            // What ends behind `done` starts here at the earliest.
            let from = (done + 1).saturating_sub(longest);
            let upto = haystack.len().min(done + piece);
            finder.find(&haystack[from..upto], &mut literals, &mut |tag, start, end| {
                let (start, end) = (from + start, from + end);
                if end <= done {
                    return;
                }
                // A loaded set's strings may have any tag.
                let Some(&[first, last]) = self.use_starts.get(tag as usize..tag as usize + 2) else { return };
                let over = self.over_budget(haystack, scratch);
                let settled = over && scratch.string_settled(tag);
                for what in &self.uses[first as usize..last as usize] {
                    match what.meaning() {
                        Meaning::Match(rule) => hits.push((end as u64, start as u64, rule)),
                        Meaning::Border(_) if settled => break,
                        Meaning::Border(branch) => self.border(branch, start, haystack, scratch),
                    }
                }
                if over && !settled {
                    scratch.settle_string(tag, self.use_starts.len());
                }
            });
            self.select_strings(&mut hits, scratch);
            hits.clear();
            done = upto;
            if done == haystack.len() {
                break;
            }
        }
        scratch.hits = hits;
        scratch.literals = Some(literals);
    }

    /// Which occurrences (end, start, rule) of plain strings are matches. Pieces come in the order of their ends.
    fn select_strings(&self, hits: &mut [(u64, u64, u32)], scratch: &mut Scratch) {
        // Occurrences of one string in the order of their ends are in the order of their starts as well.
        hits.sort_unstable();
        for &(end, start, rule) in &*hits {
            let known = self.rules[rule as usize];
            let free = match self.semantics {
                // A string's leftmost matches are its occurrences that begin at or after the end of the one before.
                Semantics::Leftmost => scratch.literal_end(rule).is_none_or(|last| !known.single() && start >= last),
                Semantics::AllEnds => !known.single() || scratch.literal_end(rule).is_none(),
            };
            if free {
                scratch.set_literal_end(rule, end);
                let start = if self.semantics == Semantics::Leftmost || known.start() { start } else { end };
                scratch.found.push(Match { start, end, rule_id: known.id }, self.shares_id(rule));
            }
        }
    }

    /// Puts rules back to sleep that do not match, where many are awake: one reading for all of a group instead of one each.
    fn sift(&self, haystack: &[u8], scratch: &mut Scratch) {
        if scratch.awake.len() < SIFTED {
            return;
        }
        let mut awake = std::mem::take(&mut scratch.awake);
        awake.sort_unstable();
        let mut kept = Vec::new();
        for of_chunk in awake.chunk_by(|&a, &b| self.combined.chunk_of(a) == self.combined.chunk_of(b)) {
            let first = kept.len();
            kept.extend_from_slice(of_chunk);
            let Some(chunk) = self.combined.chunk_of(of_chunk[0]).filter(|_| of_chunk.len() >= SIFTED) else {
                continue;
            };
            for (i, group) in self.chunk(chunk).iter().enumerate() {
                // Numbers behind those of the set's own groups; a chunk has no more groups than rules.
                let number = self.groups.len() + 32 * chunk + i;
                if let Some(matching) = ask(group, self.serial, number as u32, haystack, scratch) {
                    let asleep = |rule: &u32| {
                        let at = group.rules.iter().position(|of_group| of_group == rule);
                        at.is_some_and(|at| !matching.contains(PatternID::must(at)))
                    };
                    let rest = kept.split_off(first);
                    kept.extend(rest.into_iter().filter(|rule| !asleep(rule)));
                }
            }
        }
        scratch.awake = kept;
    }

    /// Wakes the rules that no table finds and that match somewhere.
    fn ask_groups(&self, haystack: &[u8], scratch: &mut Scratch) {
        for (number, group) in self.groups.iter().enumerate() {
            match ask(group, self.serial, number as u32, haystack, scratch) {
                Some(matching) => {
                    for pattern in matching.iter() {
                        scratch.wake(group.rules[pattern.as_usize()]);
                    }
                }
                None => group.rules.iter().for_each(|&rule| scratch.wake(rule)),
            }
        }
    }

    /// The oracle's answer for one rule on the whole item.
    fn answer(&self, rule: u32, haystack: &[u8], scratch: &mut Scratch) {
        let known = self.rules[rule as usize];
        match self.oracle(rule) {
            Oracle::Leftmost(regex) => leftmost::find(self, regex, rule, haystack, 0, scratch),
            Oracle::AllEnds(nfa) => ends::find(nfa, known, self.shares_id(rule), haystack, scratch),
        }
    }
}
