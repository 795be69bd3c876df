//! From what a matcher finds in one piece of a text to the matches of the text.
//!
//! A piece overlaps the one before by what was not settled there, and a matcher takes its borders for the text's. So some
//! of what it finds is not true, or known already, or not settled; and leftmost matches may be out of step, because they
//! depend on where the match before ended. What is true and new is told here by offsets alone, and where that does not
//! suffice the oracle is asked about one rule, with the piece in its place.

use super::reach::{Mark, Reach};
use crate::rules::{Rules, Semantics};
use crate::scan::{Match, Scratch};
use std::collections::HashMap;

/// In place of an end: the rule's only match was reported.
const NO_MORE: u64 = u64::MAX;

/// Where a piece lies, and what was settled before it and is with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// Offset of its first byte.
    pub start: u64,
    /// The text before it.
    pub before: Option<Mark>,
    /// The text with it.
    pub with: Mark,
}

/// What the settled matches of a text mean for the later ones. Only of rules that have matches near the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settled {
    /// By rule, where its last match ended.
    ends: HashMap<u32, u64>,
}

impl Settled {
    /// Takes the matches in one piece, and gives those that are settled by it, sorted, at their offsets in the text. The
    /// pieces come in order.
    pub fn take(
        &mut self,
        rules: &Rules,
        span: &Span,
        bytes: &[u8],
        found: &[Match],
        scratch: &mut Scratch,
    ) -> Vec<Match> {
        let reach = rules.reach();
        let mut found = found.to_vec();
        for one in &mut found {
            (one.start, one.end) = (one.start + span.start, one.end + span.start);
        }
        found.sort_unstable_by_key(|m| (m.rule_id, m.start, m.end));
        let mut new = Vec::new();
        for of_id in found.chunk_by(|a, b| a.rule_id == b.rule_id) {
            let same = reach.rules_of(of_id[0].rule_id);
            let mut piece = Piece { rules, reach, span, bytes, scratch, out: &mut new };
            for &(_, rule) in same {
                // Where rules share an id nobody knows whose matches these are.
                let known = (same.len() == 1).then_some(of_id);
                match rules.semantics {
                    Semantics::Leftmost => piece.leftmost(rule, known, &mut self.ends),
                    Semantics::AllEnds => piece.ends(rule, known, &mut self.ends),
                }
            }
        }
        new.sort_unstable_by_key(Match::key);
        new.dedup();
        let open = reach.open(span.with);
        self.ends.retain(|_, &mut end| end >= open);
        new
    }
}

struct Piece<'a> {
    rules: &'a Rules,
    reach: &'a Reach,
    span: &'a Span,
    bytes: &'a [u8],
    scratch: &'a mut Scratch,
    out: &'a mut Vec<Match>,
}

impl Piece<'_> {
    fn leftmost(&mut self, rule: u32, known: Option<&[Match]>, ends: &mut HashMap<u32, u64>) {
        let (of, table) = (self.reach.of_rule(rule), self.rules.rules[rule as usize]);
        let mut last = ends.get(&rule).copied();
        if last == Some(NO_MORE) {
            return;
        }
        // The next match starts here or behind.
        let from = self.span.before.map_or(0, |before| of.starts(before)).max(last.unwrap_or(0));
        let below = of.starts(self.span.with);
        let Some(known) =
            known.filter(|known| in_step(known, from, last) && !(table.single() && known[0].start < from))
        else {
            let mut at = from;
            while at < below
                && let Some((start, end)) = self.search(rule, at)
                && start < below
            {
                if start == end && last == Some(end) {
                    // No match is empty directly at the end of another.
                    at = end + 1;
                    continue;
                }
                self.out.push(Match { start, end, rule_id: table.id });
                (at, last) = (end, Some(end));
                if table.single() {
                    last = Some(NO_MORE);
                    break;
                }
            }
            if let Some(last) = last {
                ends.insert(rule, last);
            }
            return;
        };
        let new = known.iter().filter(|m| m.start >= from && m.start < below);
        for one in new {
            self.out.push(*one);
            ends.insert(rule, if table.single() { NO_MORE } else { one.end });
        }
    }

    fn ends(&mut self, rule: u32, known: Option<&[Match]>, ends: &mut HashMap<u32, u64>) {
        let (of, table) = (self.reach.of_rule(rule), self.rules.rules[rule as usize]);
        if ends.get(&rule) == Some(&NO_MORE) {
            return;
        }
        let from = self.span.before.map_or(0, |before| of.ends(before));
        let below = of.ends(self.span.with);
        let is_new = |m: &Match| m.end >= from && m.end < below;
        // A rule's first end hides the others, and may be no new one.
        let known = known.filter(|known| !table.single() || known[0].end >= from);
        let first = self.out.len();
        match known {
            Some(known) => self.out.extend(known.iter().copied().filter(is_new)),
            None => {
                let all = self.rules.every_end(rule, self.bytes, self.scratch);
                let shift = |m: Match| Match { start: m.start + self.span.start, end: m.end + self.span.start, ..m };
                self.out.extend(all.into_iter().map(shift).filter(is_new));
            }
        }
        if table.single() && self.out.len() > first {
            self.out[first..].sort_unstable_by_key(Match::key);
            self.out.truncate(first + 1);
            ends.insert(rule, NO_MORE);
        }
    }

    /// The leftmost match that starts at an offset of the text or behind.
    fn search(&mut self, rule: u32, from: u64) -> Option<(u64, u64)> {
        let at = usize::try_from(from.saturating_sub(self.span.start)).ok()?;
        let (start, end) = self.rules.leftmost_from(rule, self.bytes, at, self.scratch)?;
        Some((start as u64 + self.span.start, end as u64 + self.span.start))
    }
}

/// Whether the matches that were found from the piece's beginning on go on from `from` as if they had been looked for from
/// there, after a match that ended at `last`.
fn in_step(found: &[Match], from: u64, last: Option<u64>) -> bool {
    let was_last = last == Some(from);
    found.iter().all(|m| {
        let across = m.start < from && m.end > from;
        // Whether there is an empty match at `from` depends on what ended there.
        let hides_empty = m.start < from && m.end == from && !was_last;
        let empty_behind_last = m.start == from && m.end == from && was_last;
        !(across || hides_empty || empty_behind_last)
    })
}
