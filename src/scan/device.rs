//! Answers out of what a device found.

use super::{Match, Scratch};
use crate::gpu::{RawMatch, SetKind};
use crate::rules::{Meaning, Rules, Semantics};

/// What an occurrence of a string is, where that can be said of it alone: a match of one rule, which has its id for itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Direct {
    rule_id: u32,
    how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// Every occurrence is a match.
    Each,
    /// The same, and it is reported as if it began where it ends.
    EachEnd,
    /// Those are that begin where the one before ended, or behind that.
    Apart,
    /// There is more to it.
    NotDirect,
}

/// An item's occurrences, on their way to being its matches in order.
#[derive(Default)]
pub(crate) struct Sorter {
    /// (end and start, rule).
    hits: Vec<Hit>,
    /// The same by buckets of their ends.
    spread: Vec<Hit>,
    buckets: Vec<u32>,
    /// They were added in order.
    ordered: bool,
    /// The largest end.
    last: u32,
    apart: bool,
}

type Hit = (u64, u32);

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

    /// By string.
    pub(crate) fn direct(&self) -> &[Direct] {
        self.direct.get_or_init(|| {
            let of_string = |pair: &[u32]| {
                let mut rules =
                    self.uses[pair[0] as usize..pair[1] as usize].iter().filter_map(|what| match what.meaning() {
                        Meaning::Match(rule) => Some(rule),
                        Meaning::Border(_) => None,
                    });
                let (first, second) = (rules.next(), rules.next());
                let Some(rule) = first.filter(|_| second.is_none()) else {
                    return Direct { rule_id: 0, how: How::NotDirect };
                };
                let known = self.rules[rule as usize];
                let how = match self.semantics {
                    _ if known.single() || self.shares_id(rule) => How::NotDirect,
                    Semantics::Leftmost => How::Apart,
                    Semantics::AllEnds if known.start() => How::Each,
                    Semantics::AllEnds => How::EachEnd,
                };
                Direct { rule_id: known.id, how }
            };
            self.use_starts.windows(2).map(of_string).collect()
        })
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
        self.take_strings(occurrences, scratch);
        scratch.finish(out)
    }

    /// As [`Rules::scan`] for an item of a set that a device runs, by all occurrences and all borders that may lead to a match,
    /// found elsewhere: nothing else is looked at.
    pub(crate) fn confirm(
        &self,
        haystack: &[u8],
        found: &[RawMatch],
        scratch: &mut Scratch,
        limit: u64,
        out: &mut Vec<Match>,
    ) -> u64 {
        scratch.begin(self, limit);
        self.take_strings(found, scratch);
        for (branch, at) in found.iter().filter_map(RawMatch::as_border) {
            self.border(branch, at as usize, haystack, scratch);
        }
        self.conclude(haystack, scratch, out)
    }

    fn take_strings(&self, occurrences: &[RawMatch], scratch: &mut Scratch) {
        let mut hits = std::mem::take(&mut scratch.hits);
        for found in occurrences.iter().filter(|found| found.as_border().is_none()) {
            let &RawMatch { a: tag, b: start, c: end } = found;
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
    }
}

/// So few hits are not worth buckets.
const FEW: usize = 16;
/// Places that hits are moved by, one by one, for each of them, before they are sorted in earnest: text can be made so that
/// all ends fall into one bucket.
const MOVES: usize = 16;

impl Sorter {
    /// A new item.
    #[inline]
    pub fn begin(&mut self) {
        self.hits.clear();
        self.ordered = true;
        self.last = 0;
        self.apart = false;
    }

    /// Adds an occurrence; false: what it means can't be said of it alone, and the item is [`Rules::matches_of`]'s.
    #[inline]
    pub fn add(&mut self, direct: &[Direct], RawMatch { a: tag, b: start, c: end }: RawMatch) -> bool {
        let Some(&Direct { rule_id, how }) = direct.get(tag as usize) else { return false };
        let start = match how {
            How::Each => start,
            How::EachEnd => end,
            How::Apart => {
                self.apart = true;
                start
            }
            How::NotDirect => return false,
        };
        let hit = (u64::from(end) << 32 | u64::from(start), rule_id);
        self.ordered &= self.hits.last().is_none_or(|last| *last < hit);
        self.last = self.last.max(end);
        self.hits.push(hit);
        true
    }

    /// How many matches the item has: in order, and those apart that are to be.
    #[inline]
    pub fn end(&mut self) -> usize {
        if !self.ordered {
            if self.hits.len() > FEW {
                self.spread();
            }
            insert(&mut self.hits);
        }
        if self.apart {
            self.keep_apart();
        }
        self.hits.len()
    }

    /// Puts hits into the order of their ends, but for those near each other: a device finds them about in order, several
    /// times over, and this doesn't mind how often.
    fn spread(&mut self) {
        let count = self.hits.len();
        // About one bucket a hit.
        let shift = (self.last / count as u32 + 1).next_power_of_two().trailing_zeros();
        self.buckets.clear();
        self.buckets.resize((self.last >> shift) as usize + 1, 0);
        let bucket = |hit: &Hit| (hit.0 >> 32 >> shift) as usize;
        self.hits.iter().for_each(|hit| self.buckets[bucket(hit)] += 1);
        let mut before = 0;
        for number in &mut self.buckets {
            before += std::mem::replace(number, before);
        }
        self.spread.resize(count, (0, 0));
        for hit in &self.hits {
            let to = &mut self.buckets[bucket(hit)];
            self.spread[*to as usize] = *hit;
            *to += 1;
        }
        std::mem::swap(&mut self.hits, &mut self.spread);
    }

    /// An occurrence of a string that overlaps the match before of the same rule is none.
    fn keep_apart(&mut self) {
        let mut kept = 0;
        for i in 0..self.hits.len() {
            let hit = self.hits[i];
            let start = hit.0 as u32;
            let ends_behind = |hit: &Hit| (hit.0 >> 32) as u32 > start;
            // Of those that were kept the ones that end behind its start are the last ones, and mostly there is none.
            if kept > 0 && ends_behind(&self.hits[kept - 1]) {
                let mut overlapping = self.hits[..kept].iter().rev().take_while(|hit| ends_behind(hit));
                if overlapping.any(|before| before.1 == hit.1) {
                    continue;
                }
            }
            self.hits[kept] = hit;
            kept += 1;
        }
        self.hits.truncate(kept);
    }

    /// The matches.
    #[inline]
    pub fn matches(&self) -> impl Iterator<Item = Match> + '_ {
        self.hits.iter().map(|&(key, rule_id)| Match { start: key & 0xffff_ffff, end: key >> 32, rule_id })
    }
}

/// Sorts hits that are nearly in order.
fn insert(hits: &mut [Hit]) {
    let mut moves = hits.len() * MOVES;
    for i in 1..hits.len() {
        let hit = hits[i];
        let mut at = i;
        while at > 0 && hits[at - 1] > hit {
            hits[at] = hits[at - 1];
            at -= 1;
        }
        hits[at] = hit;
        moves = moves.saturating_sub(i - at);
        if moves == 0 {
            return hits.sort_unstable();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{CompileOptions, Pattern, flags};

    /// Whatever order a device finds occurrences in, and whichever of the two ways they go.
    #[test]
    fn occurrences_are_the_same_matches_either_way() {
        let mut state = 1u64;
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        let (mut direct_items, mut scratch, mut sorter) = (0, Scratch::default(), Sorter::default());
        for round in 0..600 {
            let texts: Vec<String> =
                (0..1 + below(8)).map(|_| (0..1 + below(4)).map(|_| ['a', 'b'][below(2)]).collect()).collect();
            let patterns: Vec<Pattern<'_>> = texts
                .iter()
                .zip(0..)
                .map(|(text, id)| {
                    let mut flags =
                        flags::LITERAL | [0, flags::START, flags::SINGLE][if below(4) == 0 { below(3) } else { 1 }];
                    flags |= if below(3) == 0 { flags::CASELESS } else { 0 };
                    Pattern { bytes: text.as_bytes(), id: if below(9) == 0 { 1 } else { id }, flags }
                })
                .collect();
            let semantics = [Semantics::Leftmost, Semantics::AllEnds][round % 2];
            let rules = Rules::compile(&patterns, &CompileOptions { semantics, ..CompileOptions::default() }).unwrap();
            let len = if round % 50 == 0 { 3000 } else { below(60) };
            let item: Vec<u8> = (0..len).map(|_| b"abAB"[below(4)]).collect();
            let mut found = Vec::new();
            rules.finder.as_ref().unwrap().find(&item, &mut Default::default(), &mut |tag, start, end| {
                found.push(RawMatch { a: tag, b: start as u32, c: end as u32 });
            });
            for _ in 0..below(found.len() + 1) {
                let (i, j) = (below(found.len()), below(found.len()));
                found.swap(i, j);
            }
            let mut expected = Vec::new();
            assert_eq!(rules.scan(&item, &mut scratch, u64::MAX, &mut expected), expected.len() as u64);
            let mut by_records = Vec::new();
            rules.matches_of(&found, &mut scratch, u64::MAX, &mut by_records);
            assert_eq!(by_records, expected);
            sorter.begin();
            if found.iter().all(|&one| sorter.add(rules.direct(), one)) {
                direct_items += 1;
                assert_eq!(sorter.end(), expected.len());
                assert_eq!(sorter.matches().collect::<Vec<_>>(), expected);
            }
        }
        assert!(direct_items > 100, "{direct_items}");
    }

    /// Whatever a device says of borders beyond those that lead to a match, the answer is the same.
    #[test]
    fn borders_found_elsewhere_are_the_same_matches() {
        let texts = [
            ("key[a-c]{0,9}=[0-9]{2,5}[;,]", 0),
            ("(?:data:(?s:.){0,90}[ab]+kind:|kind:[ab]+(?s:.){0,90}data:)x?", 0),
            ("[0-9a-f]{12}", 0),
            ("key", flags::LITERAL | flags::CASELESS),
            (r"\bword[ab]?$", 0),
        ];
        let patterns: Vec<Pattern<'_>> = (0..)
            .zip(texts)
            .map(|(id, (text, flags))| Pattern { bytes: text.as_bytes(), id, flags: flags | flags::START })
            .collect();
        let pieces: [&[u8]; 10] = [
            b"keyabc=123;",
            b"KEY",
            b"data:ab ",
            b"abkind:",
            b"kind:aab",
            b"0123456789abcdef",
            b"word",
            b"wordb",
            b"\n",
            b" ",
        ];
        let mut state = 7u64;
        let mut below = |n: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % n
        };
        let (mut matching, mut scratch) = (0, Scratch::default());
        for semantics in [Semantics::Leftmost, Semantics::AllEnds] {
            let rules = Rules::compile(&patterns, &CompileOptions { semantics, ..CompileOptions::default() }).unwrap();
            for _ in 0..500 {
                let item: Vec<u8> = (0..below(9)).flat_map(|_| pieces[below(pieces.len())].to_vec()).collect();
                let (mut expected, mut found) = (Vec::new(), Vec::new());
                rules.scan(&item, &mut scratch, u64::MAX, &mut expected);
                let border = |branch: u32, at: usize| RawMatch { a: branch | 1 << 31, b: at as u32, c: 0 };
                rules.finder.as_ref().unwrap().find(&item, &mut Default::default(), &mut |tag, start, end| {
                    found.push(RawMatch { a: tag, b: start as u32, c: end as u32 });
                    let list = rules.use_starts[tag as usize] as usize..rules.use_starts[tag as usize + 1] as usize;
                    for what in &rules.uses[list] {
                        if let Meaning::Border(branch) = what.meaning() {
                            found.push(border(branch, start));
                        }
                    }
                });
                for run in &rules.runs {
                    super::super::runs::find(run, &item, |at| found.push(border(run.branch, at)));
                }
                let mut confirmed = Vec::new();
                let count = rules.confirm(&item, &found, &mut scratch, u64::MAX, &mut confirmed);
                assert_eq!(confirmed, expected, "{}", item.escape_ascii());
                assert_eq!(count, expected.len() as u64);
                matching += usize::from(!expected.is_empty());
            }
        }
        assert!(matching > 300, "{matching}");
    }
}
