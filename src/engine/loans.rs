//! The items of one handle that a device works on: the handle keeps their claims.
//!
//! A claim is the exclusive right to finish an item, so whoever holds the handle's lock may finish what the device has
//! done, and nobody else can. That is also what makes a change of drain exact: the claims are taken out of here, once,
//! and go to the worker threads.

use crate::ring::{Claim, Claims, Position};
use std::collections::VecDeque;

/// Claims of consecutive items in pieces, oldest first.
#[derive(Default)]
pub struct Loans {
    pieces: VecDeque<Claims>,
    items: usize,
    /// The newest of them that the device was not told of yet.
    unsent: usize,
    /// Some of them are to be finished one by one: cancelled, with a time that may be up, or pieces of a stream.
    pub any_apart: bool,
}

impl Loans {
    /// Adds items that are younger than all here.
    pub fn push(&mut self, claims: Claims, sent: bool) {
        self.items += claims.len();
        if !sent {
            self.unsent += claims.len();
        }
        let apart = match self.pieces.back_mut() {
            Some(last) => last.join(claims).err(),
            None => Some(claims),
        };
        self.pieces.extend(apart);
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.items
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.items == 0
    }

    /// How many of the newest ones the device was not told of yet.
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// The pieces with unsent items, oldest first, each with how many at its start were sent. They count as sent then.
    pub fn send(&mut self) -> impl Iterator<Item = (&Claims, usize)> + Clone {
        let (mut left, mut pieces, mut sent) = (std::mem::take(&mut self.unsent), 0, 0);
        for piece in self.pieces.iter().rev() {
            if left == 0 {
                break;
            }
            let here = left.min(piece.len());
            (left, sent, pieces) = (left - here, piece.len() - here, pieces + 1);
        }
        // Only the oldest of these pieces can have begun before.
        let first = self.pieces.len() - pieces;
        self.pieces.iter().skip(first).enumerate().map(move |(n, piece)| (piece, if n == 0 { sent } else { 0 }))
    }

    /// First position and length of the piece with this number.
    pub fn piece(&self, at: usize) -> Option<(Position, usize)> {
        self.pieces.get(at).map(|piece| (piece.first(), piece.len()))
    }

    /// The piece with this number.
    pub fn claims(&self, at: usize) -> &Claims {
        &self.pieces[at]
    }

    /// Takes the first `count` items of a piece. Pieces behind an emptied one move up.
    pub fn take(&mut self, at: usize, count: usize) -> Claims {
        debug_assert_eq!(self.unsent, 0, "what the device does not know is not done");
        let piece = &mut self.pieces[at];
        let taken = piece.split_to(count);
        self.items -= taken.len();
        if piece.len() == 0 {
            let _empty = self.pieces.remove(at);
        }
        taken
    }

    /// Cuts a piece in two behind its first `count` items.
    pub fn cut(&mut self, at: usize, count: usize) {
        let front = self.pieces[at].split_to(count);
        self.pieces.insert(at, front);
    }

    /// Number of the piece that holds a position.
    fn find(&self, position: Position) -> Option<usize> {
        let behind = self.pieces.partition_point(|piece| position.distance_from(piece.first()) >= 0);
        let at = behind.checked_sub(1)?;
        let piece = &self.pieces[at];
        ((position.distance_from(piece.first()) as usize) < piece.len()).then_some(at)
    }

    /// Whether a position is here.
    pub fn contains(&self, position: Position) -> bool {
        self.find(position).is_some()
    }

    /// Takes one item out of wherever it is.
    pub fn remove(&mut self, position: Position) -> Option<Claim> {
        let mut at = self.find(position)?;
        let before = position.distance_from(self.pieces[at].first()) as usize;
        if before > 0 {
            self.cut(at, before);
            at += 1;
        }
        self.take(at, 1).next()
    }

    /// Takes everything.
    pub fn take_all(&mut self) -> impl Iterator<Item = Claims> {
        (self.items, self.unsent, self.any_apart) = (0, 0, false);
        std::mem::take(&mut self.pieces).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Ring;

    fn loans(ring: &Ring<u32, ()>, batches: &[usize]) -> Loans {
        let mut loans = Loans::default();
        for &count in batches {
            let reservation = ring.reserve(count).unwrap();
            let claims = ring.publish_claimed(reservation, |i| i as u32);
            loans.push(claims, true);
        }
        loans
    }

    fn at(n: u64) -> Position {
        Position::from_index(n)
    }

    #[test]
    fn neighbours_are_one_piece_and_any_item_can_be_taken_out() {
        let ring = Ring::new(64);
        let mut loans = loans(&ring, &[3, 4, 1]);
        assert_eq!((loans.piece(0), loans.piece(1), loans.len()), (Some((at(0), 8)), None, 8));
        for (n, pieces) in [(3, 2), (0, 2), (7, 2), (5, 3), (4, 2), (1, 2), (6, 1), (2, 0)] {
            let claim = loans.remove(at(n)).unwrap();
            assert_eq!(claim.position(), at(n));
            ring.finish(claim);
            assert!(!loans.contains(at(n)) && loans.remove(at(n)).is_none());
            assert_eq!(loans.pieces.len(), pieces, "after {n}");
        }
        assert!(loans.is_empty() && ring.in_flight() == 0);
    }

    #[test]
    fn what_was_not_sent_is_shown_once() {
        let ring = Ring::new(64);
        let mut loans = loans(&ring, &[5]);
        let foreign = ring.publish_claimed(ring.reserve(1).unwrap(), |_| 0);
        for count in [2, 3] {
            let claims = ring.publish_claimed(ring.reserve(count).unwrap(), |_| 0);
            loans.push(claims, false);
        }
        let more = ring.publish_claimed(ring.reserve(2).unwrap(), |_| 0);
        ring.finish_all(foreign);
        loans.push(more, false);
        assert_eq!(loans.unsent(), 7);
        let shown = |loans: &mut Loans| -> Vec<_> {
            loans.send().map(|(claims, skip)| (claims.first().plus(skip as u64), claims.len() - skip)).collect()
        };
        assert_eq!(shown(&mut loans), [(at(6), 7)]);
        assert_eq!(shown(&mut loans), [], "they are sent");
        for apart in 0..3 {
            let foreign = ring.publish_claimed(ring.reserve(1).unwrap(), |_| 0);
            ring.finish_all(foreign);
            let claims = ring.publish_claimed(ring.reserve(apart + 1).unwrap(), |_| 0);
            loans.push(claims, false);
        }
        assert_eq!(shown(&mut loans), [(at(14), 1), (at(16), 2), (at(19), 3)]);
        for claims in loans.take_all() {
            ring.finish_all(claims);
        }
        assert_eq!((loans.len(), ring.in_flight()), (0, 0));
    }
}
