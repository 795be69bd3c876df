//! An item's matches on their way from a drain to whoever collects them.
#![allow(clippy::box_collection, clippy::vec_box, reason = "a list's address is all that an outcome has room for")]

use super::lock;
use crate::scan::Match;
use std::sync::Mutex;

/// Matches of one item. Most items that have any have few: those need no memory of their own, which another thread than
/// the one that asked for it would have to give back.
#[derive(Debug, Default)]
pub struct Matches {
    few: [Short; FEW],
    /// How many of those there are.
    len: u32,
    /// All matches, where they are more, or too far behind.
    many: Option<Box<Vec<Match>>>,
}

/// So many matches lie in the outcome itself.
const FEW: usize = 3;

/// A match in an item whose offsets are 32 bits.
#[derive(Debug, Default, Clone, Copy)]
pub struct Short {
    start: u32,
    end: u32,
    rule_id: u32,
}

impl Short {
    #[inline(always)]
    fn new(&Match { start, end, rule_id }: &Match) -> Self {
        Self { start: start as u32, end: end as u32, rule_id }
    }

    #[inline(always)]
    fn long(&self) -> Match {
        let &Self { start, end, rule_id } = self;
        Match { start: start.into(), end: end.into(), rule_id }
    }
}

impl Matches {
    /// How many.
    #[inline]
    pub fn len(&self) -> usize {
        self.many.as_ref().map_or(self.len as usize, |many| many.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Shows them in order.
    #[inline]
    pub fn for_each(&self, mut show: impl FnMut(Match)) {
        match &self.many {
            None => self.few.iter().take(self.len as usize).for_each(|short| show(short.long())),
            Some(many) => many.iter().copied().for_each(show),
        }
    }

    /// All of them.
    pub fn to_vec(&self) -> Vec<Match> {
        let mut all = Vec::with_capacity(self.len());
        self.for_each(|one| all.push(one));
        all
    }

    /// Puts these in where none are, in a list out of `mine` where it takes one.
    ///
    /// A worker writes them piece by piece to where they stay, in the ring. An outcome that was put together elsewhere would
    /// be read in other pieces than it was written, and that waits until all that was written before has gone through to
    /// the cache.
    #[inline(always)]
    pub fn fill(&mut self, matches: &[Match], spares: &Spares, mine: &mut Lists) {
        if !self.set_few(matches) {
            let mut list = spares.take(mine);
            list.extend_from_slice(matches);
            self.many = Some(list);
        }
    }

    #[inline(always)]
    fn set_few(&mut self, matches: &[Match]) -> bool {
        let fit = matches.len() <= FEW && matches.iter().all(|one| one.end <= u64::from(u32::MAX));
        if fit {
            self.few.iter_mut().zip(matches).for_each(|(to, from)| *to = Short::new(from));
            self.len = matches.len() as u32;
        }
        fit
    }

    /// The list, where there is one, for others to use.
    #[inline]
    pub fn take_list(&mut self) -> Option<Box<Vec<Match>>> {
        self.many.take()
    }
}

impl From<Vec<Match>> for Matches {
    fn from(matches: Vec<Match>) -> Self {
        let mut few = Self::default();
        if !few.set_few(&matches) {
            few.many = Some(Box::new(matches));
        }
        few
    }
}

/// Lists of matches that are not in use.
pub type Lists = Vec<Box<Vec<Match>>>;

/// The most lists that are kept, and the longest.
const KEPT: usize = 4096;
const LONGEST: usize = 64;
/// Lists that a worker takes at once.
const SHARE: usize = 64;

/// Lists that were read and are free for other matches: collectors give them to the workers, since memory that one thread
/// takes and another gives back is the slowest there is.
#[derive(Default)]
pub struct Spares(Mutex<Lists>);

impl Spares {
    /// Takes over the lists of items that were collected.
    pub(super) fn give(&self, lists: &mut Lists) {
        if lists.is_empty() {
            return;
        }
        lists.retain_mut(|list| {
            list.clear();
            list.capacity() <= LONGEST
        });
        let mut spares = lock(&self.0);
        lists.truncate(KEPT - spares.len());
        spares.append(lists);
    }

    /// An empty list, out of `mine` where there is one.
    fn take(&self, mine: &mut Lists) -> Box<Vec<Match>> {
        if mine.is_empty() {
            let mut spares = lock(&self.0);
            let left = spares.len().saturating_sub(SHARE);
            mine.extend(spares.drain(left..));
        }
        mine.pop().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_come_back_as_they_were() {
        let at = |n: u64| Match { start: n, end: n + 2, rule_id: n as u32 ^ 7 };
        let far = |n: u64| Match { start: n, end: (1 << 32) + n, rule_id: 1 };
        let (spares, mut mine) = (Spares::default(), Vec::new());
        for count in 0..9 {
            for make in [at as fn(u64) -> Match, far] {
                let all: Vec<Match> = (0..count).map(make).collect();
                let mut filled = Matches::default();
                filled.fill(&all, &spares, &mut mine);
                for mut matches in [Matches::from(all.clone()), filled] {
                    assert_eq!((matches.len(), matches.is_empty()), (all.len(), all.is_empty()));
                    assert_eq!(matches.to_vec(), all);
                    spares.give(&mut matches.take_list().into_iter().collect());
                }
            }
        }
        assert!(size_of::<super::super::Outcome>() <= 64);
    }
}
