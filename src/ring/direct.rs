//! Items whose producer is their consumer too: published and claimed in one step, past the tail.
//!
//! A device drain lets every producer hand its own items over. Nothing has to queue for a consumer then, so no counter
//! is shared for it: the slots go from `Free` to `Held` at once. The producer keeps what the items are, where no other
//! thread writes; only what somebody else is to finish gets its payload into the ring, later. Items of both kinds
//! may stand in one ring: what is published in the ordinary way waits for [`Ring::claim`], which wants the tail moved
//! past the others first.

use super::Ring;
use super::position::{Phase, Position};
use super::sync::Ordering;
use super::tokens::{Claims, Kept, Reservation};

impl<P: Copy, O> Ring<P, O> {
    /// Claims what was reserved, and keeps the payloads with the caller. Nobody else ever can claim it.
    #[inline(always)]
    pub fn publish_kept(&self, reservation: Reservation) -> Kept {
        self.check(reservation.ring);
        let Reservation { ring, first, count } = reservation;
        self.slots().pass_on(Phase::Held, first, count);
        Kept(Claims { ring, first, count })
    }

    /// Fills in the payloads of kept items, with `payload(0)` first: anybody can finish them then.
    pub fn fill(&self, kept: Kept, payload: impl FnMut(usize) -> P) -> Claims {
        let claims = kept.0;
        self.check(claims.ring);
        self.slots().write_payloads(&[Phase::Held, Phase::Withdrawn], claims.first, claims.count, payload);
        claims
    }

    /// Ends kept items whose outcomes nobody wants from the ring, or that were passed on elsewhere: their slots are free at
    /// once, and counted once for all batches. The list is empty then, and keeps its room.
    pub fn finish_kept(&self, batches: &mut Vec<Kept>) {
        batches.iter().for_each(|kept| self.check(kept.0.ring));
        let count: usize = batches.iter().map(Kept::count).sum();
        if count == 0 {
            return batches.clear();
        }
        self.count_freed(count);
        for kept in batches.drain(..) {
            self.slots().pass_on(Phase::Free, kept.first().plus(self.slots().capacity()), kept.count());
        }
    }

    /// What the producer put into these items, from the `skip`-th on. Fastest by `for_each`.
    #[inline(always)]
    pub fn payloads<'a>(&'a self, claims: &'a Claims, skip: usize) -> impl Iterator<Item = P> + Clone + 'a {
        self.check(claims.ring);
        let skip = skip.min(claims.count);
        self.slots().read_payloads(claims.first.plus(skip as u64), claims.count - skip)
    }

    /// Moves the tail past items that their producers claimed, up to the first that waits to be claimed or published.
    pub fn skip_claimed(&self) {
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let first = Position::of(tail);
            // Acquire: positions below the head have their slots in their own lap, or in a later one.
            let head = Position::of(self.front.head.load(Ordering::Acquire));
            let behind = head.distance_from(first);
            let (capacity, mut passed) = (self.slots().capacity() as i64, 0);
            if behind > capacity {
                // Their slots were reserved again, so these are over.
                passed = behind - capacity;
            } else {
                while passed < behind && self.is_past(first.plus(passed as u64)) {
                    passed += 1;
                }
            }
            if passed <= 0 {
                return;
            }
            // Relaxed, as in `claim`. Success means that the tail was there all the time: an item behind it that is
            // not queued any more was never to be claimed.
            let next = first.plus(passed as u64).word();
            match self.tail.compare_exchange(tail, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => tail = next,
                Err(seen) => tail = seen,
            }
        }
    }

    /// Whether an accepted item is beyond being claimed.
    fn is_past(&self, position: Position) -> bool {
        let word = self.slots().stage(position).load(Ordering::Relaxed);
        let waits = [Phase::Free, Phase::Queued, Phase::Cancelled].map(|phase| position.in_phase(phase));
        !waits.contains(&word)
    }
}
