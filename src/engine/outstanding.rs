//! The positions that one handle enqueued and whose outcomes are or will be in their slots, as sorted ranges.
//!
//! This takes the place of a completion queue: an item's completion lies in its ring slot, and a handle knows which
//! slots to look at. Nothing is shared between handles, and nothing has to be pushed by whoever finishes an item.

use crate::ring::Position;
use std::collections::VecDeque;

/// What to do with a position that a sweep looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sweep {
    /// Its slot is free again: forget it.
    Forget,
    /// Look again another time.
    Keep,
    /// Keep it and everything behind it, and end the sweep.
    Stop,
}

#[derive(Debug, Clone, Copy)]
struct Range {
    first: Position,
    count: u64,
}

impl Range {
    fn from(self, skip: u64) -> Self {
        Self { first: self.first.plus(skip), count: self.count - skip }
    }
}

/// Sorted ranges of positions, oldest first.
#[derive(Default)]
pub struct Outstanding {
    ranges: VecDeque<Range>,
    kept: Vec<Range>,
}

impl Outstanding {
    /// Adds positions of any age that are not listed.
    pub fn insert(&mut self, first: Position, count: u64) {
        let at = self.ranges.partition_point(|range| first.distance_from(range.first) >= 0);
        let joins_next = self.ranges.get(at).is_some_and(|next| first.plus(count) == next.first);
        match at.checked_sub(1).map(|before| &mut self.ranges[before]) {
            Some(before) if before.first.plus(before.count) == first => {
                before.count += count;
                if joins_next {
                    let next = self.ranges.remove(at).expect("looked at above");
                    self.ranges[at - 1].count += next.count;
                }
            }
            _ if joins_next => {
                let next = &mut self.ranges[at];
                *next = Range { first, count: count + next.count };
            }
            _ => self.ranges.insert(at, Range { first, count }),
        }
    }

    /// Whether a position is listed.
    pub fn contains(&self, position: Position) -> bool {
        self.find(position).is_some()
    }

    /// Forgets one position.
    pub fn forget(&mut self, position: Position) {
        let Some(at) = self.find(position) else { return };
        let range = self.ranges[at];
        let before = position.distance_from(range.first) as u64;
        let after = range.from(before + 1);
        match (before, after.count) {
            (0, 0) => drop(self.ranges.remove(at)),
            (0, _) => self.ranges[at] = after,
            (_, 0) => self.ranges[at].count = before,
            (_, _) => {
                self.ranges[at].count = before;
                self.ranges.insert(at + 1, after);
            }
        }
    }

    /// Index of the range that holds `position`.
    fn find(&self, position: Position) -> Option<usize> {
        let behind = self.ranges.partition_point(|range| position.distance_from(range.first) >= 0);
        let at = behind.checked_sub(1)?;
        let range = self.ranges[at];
        ((position.distance_from(range.first) as u64) < range.count).then_some(at)
    }

    /// Shows every position to `look`, oldest first, until it says `Stop`.
    pub fn sweep(&mut self, mut look: impl FnMut(Position) -> Sweep) {
        debug_assert!(self.kept.is_empty());
        'ranges: while let Some(range) = self.ranges.pop_front() {
            for i in 0..range.count {
                match look(range.first.plus(i)) {
                    Sweep::Forget => {}
                    Sweep::Keep => keep(&mut self.kept, range.first.plus(i)),
                    Sweep::Stop => {
                        self.ranges.push_front(range.from(i));
                        break 'ranges;
                    }
                }
            }
        }
        while let Some(range) = self.kept.pop() {
            match self.ranges.front_mut() {
                Some(front) if range.first.plus(range.count) == front.first => {
                    *front = Range { first: range.first, count: range.count + front.count };
                }
                _ => self.ranges.push_front(range),
            }
        }
    }

    /// How many are listed.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|range| range.count).sum()
    }

    /// Whether nothing is listed.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The oldest position at or behind `from` for which `wanted` holds.
    pub fn first_from(&self, from: Option<Position>, mut wanted: impl FnMut(Position) -> bool) -> Option<Position> {
        for range in &self.ranges {
            let skip = match from {
                Some(from) => from.distance_from(range.first).clamp(0, range.count as i64) as u64,
                None => 0,
            };
            for i in skip..range.count {
                let position = range.first.plus(i);
                if wanted(position) {
                    return Some(position);
                }
            }
        }
        None
    }
}

fn keep(kept: &mut Vec<Range>, position: Position) {
    match kept.last_mut() {
        Some(last) if last.first.plus(last.count) == position => last.count += 1,
        _ => kept.push(Range { first: position, count: 1 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn position(n: u64) -> Position {
        Position::from_ticket(n).unwrap()
    }

    fn listed(outstanding: &mut Outstanding) -> Vec<u64> {
        let mut all = Vec::new();
        outstanding.sweep(|p| {
            all.push(p.ticket());
            Sweep::Keep
        });
        all
    }

    #[test]
    fn forgets_in_any_order_and_keeps_the_rest() {
        let mut outstanding = Outstanding::default();
        outstanding.insert(position(1), 4);
        outstanding.insert(position(9), 3);
        for (forget, left) in [
            (2, vec![1, 3, 4, 9, 10, 11]),
            (9, vec![1, 3, 4, 10, 11]),
            (11, vec![1, 3, 4, 10]),
            (1, vec![3, 4, 10]),
            (7, vec![3, 4, 10]),
            (10, vec![3, 4]),
            (3, vec![4]),
            (4, vec![]),
        ] {
            outstanding.forget(position(forget));
            assert!(!outstanding.contains(position(forget)));
            assert_eq!(listed(&mut outstanding), left);
        }
        assert!(outstanding.is_empty());
    }

    #[test]
    fn positions_come_back_in_any_order() {
        let mut outstanding = Outstanding::default();
        for (n, ranges) in [(5, 1), (9, 2), (7, 3), (8, 2), (3, 3), (4, 2), (6, 1), (20, 2)] {
            outstanding.insert(position(n), 1);
            assert_eq!(outstanding.ranges.len(), ranges, "after {n}");
        }
        outstanding.insert(position(10), 10);
        assert_eq!(listed(&mut outstanding), (3..21).collect::<Vec<_>>());
        assert_eq!(outstanding.ranges.len(), 1);
    }

    #[test]
    fn a_sweep_may_stop_in_the_middle() {
        let mut outstanding = Outstanding::default();
        outstanding.insert(position(1), 10);
        outstanding.sweep(|p| match p.ticket() {
            6 => Sweep::Stop,
            odd if odd % 2 == 1 => Sweep::Forget,
            _ => Sweep::Keep,
        });
        assert_eq!(listed(&mut outstanding), [2, 4, 6, 7, 8, 9, 10]);
        assert_eq!(outstanding.ranges.len(), 3, "neighbours are one range again");
        assert_eq!(outstanding.first_from(Some(position(5)), |_| true), Some(position(6)));
        assert_eq!(outstanding.first_from(None, |p| p.ticket() > 8), Some(position(9)));
    }
}
