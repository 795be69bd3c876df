//! The items of one handle that a device works on: the handle keeps the right to finish them, and what they are.
//!
//! So whoever holds the handle's lock may finish what the device has done, and nobody else can. That is also what makes a
//! change of drain exact: the items are taken out of here, once, and go to the worker threads. And the ring, whose memory
//! all producers share, is not written for an item that comes and goes by here.

use super::Job;
use super::ahead::Ahead;
use crate::ring::{Kept, Position};
use crate::types::trm_work_item;
use std::collections::VecDeque;

/// A handle that has items with the device tells it of new ones only when there are some together, since telling costs about
/// as much for one as for a hundred: of one for so many ...
const DEEP: usize = 4;
/// ... that it has there, and of no more than these.
const COMPANY: usize = 128;

/// Items in a row, and what they have in common.
pub struct Piece {
    kept: Kept,
    /// Which of the handle's items the first one is.
    at: u64,
    common: Common,
}

/// What items in a row have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Common {
    pub(super) of: u64,
    pub(super) due: u64,
}

/// Items of a handle in pieces, oldest first.
#[derive(Default)]
pub struct Loans {
    pieces: VecDeque<Piece>,
    items: Items,
    count: usize,
    /// The newest of them that the device was not told of yet.
    unsent: usize,
    /// Positions for the next items that come one by one.
    pub(super) ahead: Ahead,
    /// Some of them are to be finished one by one: cancelled, with a time that may be up, or pieces of a stream.
    pub any_apart: bool,
}

/// The items themselves, by their number in the handle: a ring that grows to what is out at one time.
#[derive(Default)]
struct Items {
    ring: Vec<trm_work_item>,
    next: u64,
}

impl Items {
    const LEAST: usize = 256;

    /// Adds items and answers the first one's number. Those from `oldest` on stay.
    #[inline]
    fn push(&mut self, items: &[trm_work_item], oldest: u64) -> u64 {
        let needed = (self.next - oldest) as usize + items.len();
        if needed > self.ring.len() {
            self.grow(needed, oldest);
        }
        let at = self.next;
        let (head, rest) = self.places(at, items.len());
        let (first, second) = items.split_at(head.len());
        self.ring[head].copy_from_slice(first);
        self.ring[rest].copy_from_slice(second);
        self.next += items.len() as u64;
        at
    }

    #[cold]
    fn grow(&mut self, needed: usize, oldest: u64) {
        let size = needed.next_power_of_two().max(Self::LEAST);
        let old = std::mem::replace(&mut self.ring, vec![trm_work_item::default(); size]);
        for n in oldest..self.next {
            self.ring[n as usize & (size - 1)] = old[n as usize & (old.len() - 1)];
        }
    }

    /// Where `count` items from a number on are; the second part where the ring comes round.
    #[inline]
    fn places(&self, at: u64, count: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let start = at as usize & (self.ring.len() - 1);
        let here = count.min(self.ring.len() - start);
        (start..start + here, 0..count - here)
    }
}

impl Piece {
    /// The first position.
    pub fn first(&self) -> Position {
        self.kept.first()
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.kept.count()
    }

    /// Their rule set's place.
    pub fn set(&self) -> u16 {
        self.like().set()
    }

    /// Whether the engine made their regions.
    pub fn owns_regions(&self) -> bool {
        self.like().owns_region()
    }

    /// Whether they are in registered buffers.
    pub fn is_elsewhere(&self) -> bool {
        self.like().is_elsewhere()
    }

    /// Whether they are no items.
    pub fn is_left_out(&self) -> bool {
        self.like().flags() & Job::IS_LEFT_OUT != 0
    }

    fn like(&self) -> Job {
        self.job(&trm_work_item::default())
    }

    /// The job of an item of this piece.
    #[inline]
    pub fn job(&self, item: &trm_work_item) -> Job {
        Job::new(item, self.common)
    }

    /// The right to finish them.
    pub fn into_kept(self) -> Kept {
        self.kept
    }

    fn split_to(&mut self, count: usize) -> Piece {
        let front = Piece { kept: self.kept.split_to(count), at: self.at, common: self.common };
        self.at += front.count() as u64;
        front
    }
}

impl Loans {
    /// Adds items that are younger than all here, and that the device was not told of.
    pub fn push(&mut self, kept: Kept, items: &[trm_work_item], common: Common) {
        debug_assert_eq!(kept.count(), items.len());
        let oldest = self.pieces.front().map_or(self.items.next, |piece| piece.at);
        let at = self.items.push(items, oldest);
        (self.count, self.unsent) = (self.count + items.len(), self.unsent + items.len());
        let apart = match self.pieces.back_mut() {
            Some(last) if last.common == common && last.at + last.count() as u64 == at => last.kept.join(kept).err(),
            _ => Some(kept),
        };
        self.pieces.extend(apart.map(|kept| Piece { kept, at, common }));
    }

    /// As `push`, of one item that is not sent, to those that it continues; else it comes back.
    #[inline(always)]
    pub fn push_behind(&mut self, kept: Kept, item: &trm_work_item, common: Common) -> Result<(), Kept> {
        let oldest = self.pieces.front().map_or(self.items.next, |piece| piece.at);
        let (size, at) = (self.items.ring.len(), self.items.next);
        let Some(last) = self.pieces.back_mut() else { return Err(kept) };
        if at - oldest >= size as u64 || last.common != common || last.at + last.count() as u64 != at {
            return Err(kept);
        }
        last.kept.join(kept)?;
        self.items.ring[at as usize & (size - 1)] = *item;
        self.items.next += 1;
        (self.count, self.unsent) = (self.count + 1, self.unsent + 1);
        Ok(())
    }

    /// How many items.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether a device has nothing of this handle and waits for nothing.
    pub fn is_quiet(&self) -> bool {
        self.count == 0 && !self.ahead.is_open()
    }

    /// How many of the newest ones the device was not told of yet.
    pub fn unsent(&self) -> usize {
        self.unsent
    }

    /// Whether the device need not be told of so many more at once.
    #[inline(always)]
    pub fn may_wait(&self, more: usize) -> bool {
        self.unsent + more < (self.count / DEEP).min(COMPANY)
    }

    /// How many more items there will be before the device is told.
    #[inline(always)]
    pub fn until_told(&self) -> usize {
        (self.count / DEEP).min(COMPANY).saturating_sub(self.unsent)
    }

    /// Which pieces have unsent items, and how many items at the start of the first of them were sent. They count as sent
    /// then.
    pub fn send(&mut self) -> (std::ops::Range<usize>, usize) {
        let (mut left, mut first, mut sent) = (std::mem::take(&mut self.unsent), self.pieces.len(), 0);
        while left > 0 {
            first -= 1;
            let here = left.min(self.pieces[first].count());
            (left, sent) = (left - here, self.pieces[first].count() - here);
        }
        (first..self.pieces.len(), sent)
    }

    /// The piece with this number.
    #[inline]
    pub fn piece(&self, at: usize) -> Option<&Piece> {
        self.pieces.get(at)
    }

    /// The items of a piece, also of one that was taken out: until more are added. The second part follows the first.
    #[inline]
    pub fn items(&self, piece: &Piece) -> (&[trm_work_item], &[trm_work_item]) {
        if self.items.ring.is_empty() {
            return (&[], &[]);
        }
        let (head, rest) = self.items.places(piece.at, piece.count());
        (&self.items.ring[head], &self.items.ring[rest])
    }

    /// Their jobs, first one first.
    pub fn jobs<'l>(&'l self, piece: &'l Piece) -> impl Iterator<Item = Job> + Clone + 'l {
        let (head, rest) = self.items(piece);
        head.iter().chain(rest).map(|item| piece.job(item))
    }

    /// Takes the first `count` items of a piece. Pieces behind an emptied one move up.
    pub fn take(&mut self, at: usize, count: usize) -> Piece {
        debug_assert_eq!(self.unsent, 0, "what the device does not know is not done");
        let piece = &mut self.pieces[at];
        let taken = piece.split_to(count);
        self.count -= taken.count();
        if piece.count() == 0 {
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
        ((position.distance_from(piece.first()) as usize) < piece.count()).then_some(at)
    }

    /// Whether an item's position is here.
    pub fn contains(&self, position: Position) -> bool {
        self.find(position).is_some_and(|at| !self.pieces[at].is_left_out())
    }

    /// Whether a position is this handle's and no item has it.
    pub fn is_no_item(&self, position: Position) -> bool {
        self.ahead.contains(position) || self.find(position).is_some_and(|at| self.pieces[at].is_left_out())
    }

    /// Takes one item out of wherever it is.
    pub fn remove(&mut self, position: Position) -> Option<Piece> {
        let mut at = self.find(position)?;
        let before = position.distance_from(self.pieces[at].first()) as usize;
        if before > 0 {
            self.cut(at, before);
            at += 1;
        }
        Some(self.take(at, 1))
    }

    /// Takes everything.
    pub fn take_all(&mut self) -> VecDeque<Piece> {
        (self.count, self.unsent, self.any_apart) = (0, 0, false);
        std::mem::take(&mut self.pieces)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ring::Ring;

    const COMMON: Common = Common { of: 0, due: 0 };

    /// The next `count` items; each has its position as its correlation.
    fn lend(ring: &Ring<Job, ()>, loans: &mut Loans, count: usize, common: Common, sent: bool) {
        let reservation = ring.reserve(count).unwrap();
        let first = reservation.first().ticket() as u32 - 1;
        let item = |i: u32| trm_work_item { correlation: first + i, ..Default::default() };
        let items: Vec<_> = (0..reservation.count() as u32).map(item).collect();
        loans.push(ring.publish_kept(reservation), &items, common);
        if sent {
            loans.send();
        }
    }

    fn foreign(ring: &Ring<Job, ()>) {
        let kept = ring.publish_kept(ring.reserve(1).unwrap());
        ring.finish_kept(&mut vec![kept]);
    }

    fn numbers(loans: &Loans, piece: &Piece) -> Vec<u64> {
        loans.jobs(piece).map(|job| job.correlation.into()).collect()
    }

    fn at(n: u64) -> Position {
        Position::from_index(n)
    }

    #[test]
    fn neighbours_are_one_piece_and_any_item_can_be_taken_out() {
        let ring = Ring::new(64);
        let mut loans = Loans::default();
        for count in [3, 4, 1] {
            lend(&ring, &mut loans, count, COMMON, true);
        }
        let all = loans.piece(0).unwrap();
        assert_eq!((all.first(), numbers(&loans, all), loans.len()), (at(0), (0..8).collect(), 8));
        for (n, pieces) in [(3, 2), (0, 2), (7, 2), (5, 3), (4, 2), (1, 2), (6, 1), (2, 0)] {
            let piece = loans.remove(at(n)).unwrap();
            assert_eq!((piece.first(), numbers(&loans, &piece)), (at(n), vec![n]));
            ring.finish_kept(&mut vec![piece.into_kept()]);
            assert!(!loans.contains(at(n)) && loans.remove(at(n)).is_none());
            assert_eq!(loans.pieces.len(), pieces, "after {n}");
        }
        assert!(loans.is_empty() && ring.in_flight() == 0);
    }

    #[test]
    fn what_has_not_all_in_common_is_apart() {
        let ring = Ring::new(64);
        let mut loans = Loans::default();
        for common in [COMMON, COMMON, Common { of: 7, due: 0 }, Common { of: 7, due: 1 }, COMMON] {
            lend(&ring, &mut loans, 2, common, true);
        }
        let lengths: Vec<_> = loans.pieces.iter().map(|piece| (piece.count(), piece.set())).collect();
        assert_eq!(lengths, [(4, 0), (2, 7), (2, 7), (2, 0)]);
    }

    #[test]
    fn what_was_not_sent_is_shown_once() {
        let ring = Ring::new(64);
        let mut loans = Loans::default();
        lend(&ring, &mut loans, 5, COMMON, true);
        foreign(&ring);
        for count in [2, 3, 2] {
            lend(&ring, &mut loans, count, COMMON, false);
        }
        assert_eq!(loans.unsent(), 7);
        let shown = |loans: &mut Loans| -> Vec<_> {
            let (pieces, mut sent) = loans.send();
            let mut all = Vec::new();
            for piece in pieces.map(|n| loans.piece(n).unwrap()) {
                all.push((piece.first().plus(sent as u64), piece.count() - sent));
                sent = 0;
            }
            all
        };
        assert_eq!(shown(&mut loans), [(at(6), 7)]);
        assert_eq!(shown(&mut loans), [], "they are sent");
        lend(&ring, &mut loans, 1, COMMON, false);
        for apart in 1..3 {
            foreign(&ring);
            lend(&ring, &mut loans, apart + 1, COMMON, false);
        }
        assert_eq!(shown(&mut loans), [(at(13), 1), (at(15), 2), (at(18), 3)]);
        let mut all: Vec<_> = loans.take_all().into_iter().map(Piece::into_kept).collect();
        ring.finish_kept(&mut all);
        assert_eq!((loans.len(), ring.in_flight()), (0, 0));
    }

    #[test]
    fn items_are_kept_however_many_there_are_and_however_long_the_oldest_stays() {
        let ring = Ring::new(8192);
        let mut loans = Loans::default();
        let mut done = Vec::new();
        lend(&ring, &mut loans, 100, COMMON, true);
        // One stays, others come and go; the places come round many times, and grow under way.
        for n in 0..100 {
            lend(&ring, &mut loans, 1 + n * 7 % 90, COMMON, true);
            while loans.len() > 60 * (1 + n / 10) {
                if loans.pieces.len() == 1 {
                    loans.cut(0, 1);
                }
                let most = loans.pieces[1].count().min(50);
                let piece = loans.take(1, most);
                let first = piece.first().ticket() - 1;
                assert_eq!(numbers(&loans, &piece), (first..first + most as u64).collect::<Vec<_>>());
                done.push(piece.into_kept());
            }
        }
        assert!(loans.items.ring.len() <= 8192);
        let all: Vec<_> = loans.pieces.iter().flat_map(|piece| numbers(&loans, piece)).collect();
        let positions = loans.pieces.iter().flat_map(|piece| {
            let first = piece.first().ticket() - 1;
            first..first + piece.count() as u64
        });
        assert_eq!(all, positions.collect::<Vec<_>>());
        done.extend(loans.take_all().into_iter().map(Piece::into_kept));
        ring.finish_kept(&mut done);
        assert_eq!(ring.in_flight(), 0);
    }
}
