//! An item's matches on their way out: counted all, held no longer than they can be among those that are asked for.

use super::Match;

/// Matches that are held before anything is thrown away.
const ROOM: usize = 1 << 16;

/// What was found in one item.
#[derive(Default)]
pub(super) struct Found {
    /// Matches of rules that have their id for themselves: no two are equal.
    own: Vec<Match>,
    /// Matches of rules that share their id with others: two may be equal and count once.
    shared: Vec<Match>,
    /// Matches in `own`, those that were thrown away included.
    count: u64,
    limit: usize,
    /// `own` is cut down when it has this many.
    own_room: usize,
    /// `shared` loses its repeats when it has this many.
    shared_room: usize,
    /// Set once matches were thrown away: what comes behind this one in the order is not asked for.
    last: Option<(u64, u64, u32)>,
}

impl Found {
    /// A new item, of whose matches the first `limit` will be asked for.
    pub fn begin(&mut self, limit: u64) {
        self.own.clear();
        self.shared.clear();
        self.count = 0;
        self.last = None;
        self.limit = usize::try_from(limit).unwrap_or(usize::MAX);
        self.own_room = self.limit.saturating_mul(2).max(ROOM);
        self.shared_room = ROOM;
    }

    /// Notes a match; `shared`: other rules have its id too.
    #[inline]
    pub fn push(&mut self, found: Match, shared: bool) {
        if shared {
            self.shared.push(found);
            if self.shared.len() >= self.shared_room {
                self.unite();
            }
            return;
        }
        self.count += 1;
        if self.last.is_some_and(|last| found.key() > last) {
            return;
        }
        self.own.push(found);
        if self.own.len() >= self.own_room {
            self.cut();
        }
    }

    #[cold]
    fn unite(&mut self) {
        self.shared.sort_unstable_by_key(Match::key);
        self.shared.dedup();
        self.shared_room = self.shared.len().saturating_mul(2).max(ROOM);
    }

    #[cold]
    fn cut(&mut self) {
        let Some(last) = self.limit.checked_sub(1) else {
            self.own.clear();
            return;
        };
        let (_, last, _) = self.own.select_nth_unstable_by_key(last, Match::key);
        self.last = Some(last.key());
        self.own.truncate(self.limit);
    }

    /// Appends the first matches, at most `limit`, in their order to `out`; returns how many there are in truth.
    pub fn finish(&mut self, out: &mut Vec<Match>) -> u64 {
        if !self.shared.is_empty() {
            self.unite();
            self.count += self.shared.len() as u64;
            self.own.append(&mut self.shared);
        }
        self.own.sort_unstable_by_key(Match::key);
        out.extend_from_slice(&self.own[..self.limit.min(self.own.len())]);
        self.count
    }

    /// Gives back what grew beyond `entries`.
    pub fn shrink(&mut self, entries: usize) {
        for held in [&mut self.own, &mut self.shared] {
            if held.capacity() > entries {
                *held = Vec::new();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against sorting everything.
    #[test]
    fn the_first_ones_and_the_true_count() {
        let mut state = 1u64;
        let mut found = Found::default();
        for (total, limit) in [(10, 3), (10, 0), (0, 5), (300_000, 7), (300_000, 0), (300_000, 100_000), (5, u64::MAX)]
        {
            for sharing in [0, 2, 1] {
                found.begin(limit);
                let mut all = Vec::new();
                for i in 0..total {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    let shared = sharing > 0 && i % sharing == 0;
                    // Own matches differ in their start; shared ones repeat.
                    let start = if shared { state >> 60 } else { i };
                    let one = Match { start, end: start + (state >> 40) % 100, rule_id: u32::from(shared) };
                    found.push(one, shared);
                    all.push(one);
                }
                all.sort_unstable_by_key(Match::key);
                all.dedup();
                let mut out = vec![Match { start: 9, end: 9, rule_id: 9 }];
                assert_eq!(found.finish(&mut out), all.len() as u64);
                all.truncate(limit.min(1 << 30) as usize);
                assert_eq!(out[1..], all);
                assert!(found.own.capacity() <= 4 * ROOM.max(2 * limit.min(total) as usize));
            }
        }
    }
}
