//! An item's matches on their way from a drain to whoever collects them.

use super::lock;
use crate::scan::Match;
use std::sync::Mutex;

/// Matches of one item. Most items that have any have one: that one needs no memory of its own, which another thread than
/// the one that asked for it would have to give back.
#[derive(Debug, Default)]
pub enum Matches {
    /// None.
    #[default]
    None,
    /// One.
    One(Match),
    /// Several.
    Many(Vec<Match>),
}

impl std::ops::Deref for Matches {
    type Target = [Match];

    #[inline]
    fn deref(&self) -> &[Match] {
        match self {
            Self::None => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}

impl From<Vec<Match>> for Matches {
    fn from(matches: Vec<Match>) -> Self {
        match *matches {
            [] => Self::None,
            [one] => Self::One(one),
            _ => Self::Many(matches),
        }
    }
}

/// The most lists that are kept, and the longest.
const KEPT: usize = 4096;
const LONGEST: usize = 64;
/// Lists that a worker takes at once.
const SHARE: usize = 64;

/// Lists that were read and are free for other matches: collectors give them to the workers, since memory that one thread
/// takes and another gives back is the slowest there is.
#[derive(Default)]
pub struct Spares(Mutex<Vec<Vec<Match>>>);

impl Spares {
    /// Takes over the lists of items that were collected.
    pub(super) fn give(&self, lists: &mut Vec<Vec<Match>>) {
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

    /// The item's matches in a list of their own, out of `mine` where it has one.
    #[inline]
    pub fn list(&self, matches: &[Match], mine: &mut Vec<Vec<Match>>) -> Matches {
        match *matches {
            [] => Matches::None,
            [one] => Matches::One(one),
            _ => self.many(matches, mine),
        }
    }

    fn many(&self, matches: &[Match], mine: &mut Vec<Vec<Match>>) -> Matches {
        if mine.is_empty() {
            let mut spares = lock(&self.0);
            let left = spares.len().saturating_sub(SHARE);
            mine.extend(spares.drain(left..));
        }
        let mut list = mine.pop().unwrap_or_default();
        list.extend_from_slice(matches);
        Matches::Many(list)
    }
}
