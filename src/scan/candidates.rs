//! Borders become starts and ends: `crate::rules::plan` says what the walks prove, this runs them.
//!
//! Work is bounded: the walks of one rule may read `STEPS_PER_BYTE` times the item, plus `STEPS`; those of all rules together
//! `ALL_STEPS_PER_BYTE` times, plus `ALL_STEPS`. A rule that needs more (text made for it, or a match at every byte) is given
//! to the oracle, which reads the whole item instead.

use regex_automata::{Anchored, Input, meta};

use super::scratch::CANDIDATES;
use super::{Match, Scratch, leftmost};
use crate::rules::oracle::Oracle;
use crate::rules::plan::{BACK_FIRST, ENDS, WHOLE};
use crate::rules::tables::NONE;
use crate::rules::{BranchTable, Rules, Semantics};

/// See above.
const STEPS_PER_BYTE: u64 = 16;
/// See above: short items may need as much again.
const STEPS: u64 = 4096;
/// See above.
const ALL_STEPS_PER_BYTE: u64 = 16;
/// See above: ordinary text needs less than a step a byte.
const ALL_STEPS: u64 = 8 << 10;
/// Possible starts of one rule in an item that turn out to be none before the oracle takes over.
const MISSES: u32 = 1;

/// In place of an end: only the oracle can tell it.
const UNKNOWN: u64 = u64::MAX;

/// Leftmost: (rule, start, preferred end or `UNKNOWN`). All ends: (rule, end, start).
pub(super) type Candidate = (u32, u64, u64);

impl Rules {
    /// Whether the walks of this item are spent: every further border only has the oracle answer for its rule.
    #[inline]
    pub(super) fn over_budget(&self, haystack: &[u8], scratch: &Scratch) -> bool {
        scratch.steps > haystack.len() as u64 * ALL_STEPS_PER_BYTE + ALL_STEPS
    }

    /// Checks one border of one branch and notes what it proves.
    pub(super) fn border(&self, index: u32, at: usize, haystack: &[u8], scratch: &mut Scratch) {
        let branch = &self.branches[index as usize];
        let budget = haystack.len() as u64 * STEPS_PER_BYTE + STEPS;
        let Some(spent) = scratch.spent(branch.rule) else { return };
        if self.over_budget(haystack, scratch) {
            return scratch.wake(branch.rule);
        }
        let mut steps = 1;
        let first = scratch.candidates.len();
        let yes = match self.semantics {
            Semantics::Leftmost => self.starts(branch, at, haystack, &mut steps, &mut scratch.candidates),
            Semantics::AllEnds => self.ends(branch, at, haystack, &mut steps, &mut scratch.candidates),
        };
        if !yes {
            scratch.candidates.truncate(first);
        }
        scratch.steps += steps as u64;
        if yes && branch.flags & WHOLE != 0 || spent + steps as u64 > budget {
            scratch.candidates.truncate(first);
            scratch.wake(branch.rule);
        } else {
            scratch.set_spent(branch.rule, spent + steps as u64);
        }
        if scratch.candidates.len() >= scratch.candidates_room {
            self.thin_out(scratch);
        }
    }

    /// Throws away candidates that say nothing new: then there are no more of a rule than the item has offsets.
    #[cold]
    fn thin_out(&self, scratch: &mut Scratch) {
        let mut candidates = std::mem::take(&mut scratch.candidates);
        candidates.retain(|candidate| scratch.spent(candidate.0).is_some());
        candidates.sort_unstable();
        match self.semantics {
            Semantics::Leftmost => candidates.dedup(),
            // Of each end the smallest start, which comes first.
            Semantics::AllEnds => candidates.dedup_by_key(|candidate| (candidate.0, candidate.1)),
        }
        scratch.candidates_room = candidates.len().saturating_mul(2).max(CANDIDATES);
        scratch.candidates = candidates;
    }

    /// Leftmost: the starts that lead through this border, if what follows it matches.
    fn starts(
        &self,
        branch: &BranchTable,
        at: usize,
        haystack: &[u8],
        steps: &mut usize,
        out: &mut Vec<Candidate>,
    ) -> bool {
        let first = out.len();
        let mut back = |steps: &mut usize| {
            if branch.before == NONE {
                out.push((branch.rule, at as u64, UNKNOWN));
                return true;
            }
            let before = out.len();
            *steps += self.walks.view(branch.before).backward(haystack, at, |start| {
                out.push((branch.rule, start as u64, UNKNOWN));
                branch.flags & WHOLE == 0
            });
            out.len() > before
        };
        let back_first = branch.flags & BACK_FIRST != 0;
        if back_first && !back(steps) {
            return false;
        }
        let mut end = None;
        if branch.ahead == NONE {
            end = Some(UNKNOWN);
        } else {
            *steps += self.walks.view(branch.ahead).forward(haystack, at, |found| {
                end = Some(found as u64);
                true
            });
        }
        let Some(end) = end else { return false };
        if !back_first && !back(steps) {
            return false;
        }
        if branch.flags & ENDS != 0 {
            out[first..].iter_mut().for_each(|candidate| candidate.2 = end);
        }
        true
    }

    /// All ends: the ends that lead through this border, with the smallest start of it.
    fn ends(
        &self,
        branch: &BranchTable,
        at: usize,
        haystack: &[u8],
        steps: &mut usize,
        out: &mut Vec<Candidate>,
    ) -> bool {
        let first = out.len();
        if branch.ahead != NONE {
            *steps += self.walks.view(branch.ahead).forward(haystack, at, |end| {
                out.push((branch.rule, end as u64, at as u64));
                true
            });
            if out.len() == first {
                return false;
            }
        }
        if branch.before == NONE {
            return true;
        }
        let mut smallest = None;
        *steps += self.walks.view(branch.before).backward(haystack, at, |start| {
            smallest = Some(start as u64);
            true
        });
        let Some(smallest) = smallest else { return false };
        out[first..].iter_mut().for_each(|candidate| candidate.2 = smallest);
        true
    }

    /// Makes matches of all candidates of this item.
    pub(super) fn settle(&self, haystack: &[u8], scratch: &mut Scratch) {
        let mut candidates = std::mem::take(&mut scratch.candidates);
        candidates.sort_unstable();
        candidates.dedup();
        for of_rule in candidates.chunk_by(|a, b| a.0 == b.0) {
            let rule = of_rule[0].0;
            // The oracle answers for it anyway.
            if scratch.spent(rule).is_none() {
                continue;
            }
            match self.semantics {
                Semantics::Leftmost => self.settle_leftmost(rule, of_rule, haystack, scratch),
                Semantics::AllEnds => self.settle_ends(rule, of_rule, scratch),
            }
        }
        candidates.clear();
        scratch.candidates = candidates;
    }

    fn settle_leftmost(&self, rule: u32, starts: &[Candidate], haystack: &[u8], scratch: &mut Scratch) {
        let (known, shared) = (self.rules[rule as usize], self.shares_id(rule));
        // Where the match before ended: the next may start there, but no match is empty here.
        let mut free = 0;
        let mut misses = 0;
        for &(_, start, end) in starts {
            if start < free {
                continue;
            }
            let end = if end != UNKNOWN {
                end
            } else {
                let Oracle::Leftmost(regex) = self.oracle(rule) else { return };
                match anchored_end(regex, scratch.regex_cache(self.serial, rule, regex), haystack, start as usize) {
                    Some(end) => end as u64,
                    None => {
                        misses += 1;
                        if misses > MISSES {
                            // All possible starts up to here are settled: the oracle goes on from the next offset.
                            let from = start as usize + 1;
                            return leftmost::find(self, regex, rule, haystack, from, scratch);
                        }
                        continue;
                    }
                }
            };
            scratch.found.push(Match { start, end, rule_id: known.id }, shared);
            if known.single() {
                return;
            }
            free = end;
        }
    }

    fn settle_ends(&self, rule: u32, ends: &[Candidate], scratch: &mut Scratch) {
        let (known, shared) = (self.rules[rule as usize], self.shares_id(rule));
        // Sorted by end, then start: the first of each end has its smallest start.
        for of_end in ends.chunk_by(|a, b| a.1 == b.1) {
            let (_, end, start) = of_end[0];
            let start = if known.start() { start } else { end };
            scratch.found.push(Match { start, end, rule_id: known.id }, shared);
            if known.single() {
                return;
            }
        }
    }
}

/// The end that leftmost-first prefers for a match that starts exactly at `start`.
fn anchored_end(regex: &meta::Regex, cache: &mut meta::Cache, haystack: &[u8], start: usize) -> Option<usize> {
    let input = Input::new(haystack).range(start..).anchored(Anchored::Yes);
    regex.search_half_with(cache, &input).map(|half| half.offset())
}
