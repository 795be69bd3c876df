//! The producers' side: reserve, publish, close.

use super::Ring;
use super::position::{Phase, Position};
use super::slots;
use super::sync::Ordering;
use super::tokens::Reservation;

/// The head's flag bit: no more items.
pub(super) const CLOSED: u64 = 1;

/// Who reserves so many looks for more that are free ...
const MANY: usize = if cfg!(loom) { 2 } else { 32 };
/// ... unless so many times as many are known.
const AHEAD: usize = 8;

/// Why nothing was reserved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refused {
    /// The slot that the next item would get is still in use.
    Full,
    /// The ring was closed.
    Closed,
}

impl<P: Copy, O> Ring<P, O> {
    /// Reserves up to `want` consecutive positions, as many as are free from the head on, at least one.
    ///
    /// The items count as accepted from here on, so everything that may still fail comes before it.
    #[inline(always)]
    pub fn reserve(&self, want: usize) -> Result<Reservation, Refused> {
        assert!(want > 0, "at least one position has to be wanted");
        // To be changed: with the only copy of its line in hand, reading and swapping the head are hardly ever apart.
        slots::prefetch::<true, _>(std::ptr::from_ref(&self.front.head));
        let mut head = self.front.head.load(Ordering::Relaxed);
        loop {
            if head & CLOSED != 0 {
                return Err(Refused::Closed);
            }
            let first = Position::of(head);
            let mut known = 0;
            if want >= MANY {
                // Acquire: what was in those slots before was read.
                let seen_free = Position::of(self.front.seen_free.load(Ordering::Acquire));
                known = seen_free.distance_from(first).clamp(0, want as i64) as usize;
            }
            let mut count = known;
            if known < want {
                count += self.slots().count_in(Phase::Free, first.plus(known as u64), want - known);
            }
            if count == 0 {
                // Either the slot still belongs to an earlier lap, or the head that was read is an old one.
                let seen = self.front.head.load(Ordering::Relaxed);
                if seen == head {
                    // In full run the other end is waited for first, for a moment and once.
                    if !self.filled.wait(first) {
                        return Err(Refused::Full);
                    }
                }
                head = seen;
                continue;
            }
            // Success means that nobody reserved since the head was read, so what was free then still is. Release:
            // whoever sees the new head also sees the slots below it in this lap.
            let next = first.plus(count as u64).word();
            match self.front.head.compare_exchange_weak(head, next, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => {
                    self.look_ahead(first.plus(count as u64), count);
                    self.slots().prefetch_ahead(Phase::Free, first, count, want);
                    return Ok(Reservation { ring: self.fixed.id, first, count });
                }
                Err(seen) => head = seen,
            }
        }
    }

    /// Looks for slots that are free behind a large reservation, so that the next ones need not. While that is done between
    /// reading the head and swapping it, one producer holds up all others, and the lines of stage words come from other cores.
    #[inline(always)]
    fn look_ahead(&self, from: Position, count: usize) {
        if count < MANY {
            return;
        }
        let word = self.front.seen_free.load(Ordering::Relaxed);
        let seen = Position::of(word);
        let known = seen.distance_from(from);
        if known >= (AHEAD * count) as i64 {
            return;
        }
        let begin = if known > 0 { seen } else { from };
        let more = self.slots().count_in(Phase::Free, begin, 2 * count);
        if more > 0 {
            // Release: whoever reserves by this word has what was seen here behind it, and, since a swap carries it along, what
            // others saw before. Where it has changed, somebody else has looked.
            let next = begin.plus(more as u64).word();
            let _ = self.front.seen_free.compare_exchange(word, next, Ordering::Release, Ordering::Relaxed);
        }
    }

    /// Fills what was reserved, with `payload(0)` first, and lets consumers see it.
    ///
    /// `payload` must not panic: the positions would stay reserved for ever.
    #[inline]
    pub fn publish(&self, reservation: Reservation, payload: impl FnMut(usize) -> P) {
        self.check(reservation.ring);
        let Reservation { first, count, .. } = reservation;
        self.slots().write_payloads(&[Phase::Free], first, count, payload);
        self.slots().pass_on(Phase::Queued, first, count);
    }

    /// Gives back what was reserved and is not to be published, as if it never had been. Where somebody has reserved behind
    /// it, it has to be published all the same, and comes back.
    pub fn unreserve(&self, reservation: Reservation) -> Result<(), Reservation> {
        self.check(reservation.ring);
        let Reservation { first, count, .. } = reservation;
        let mut head = self.front.head.load(Ordering::Relaxed);
        while Position::of(head) == first.plus(count as u64) {
            let back = first.word() | head & CLOSED;
            // Relaxed: nothing was written to these slots, and a swap carries along what the reservations below released.
            // Who read the old head and swaps it when it has come back finds these slots as they were: free.
            match self.front.head.compare_exchange_weak(head, back, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return Ok(()),
                Err(seen) => head = seen,
            }
        }
        Err(reservation)
    }

    /// Refuses every reservation from now on. What was accepted before stays and is to be drained.
    pub fn close(&self) {
        // Relaxed: a reservation swaps the head from a value without the flag, so none can succeed after this.
        self.front.head.fetch_or(CLOSED, Ordering::Relaxed);
    }

    /// Whether the ring was closed.
    pub fn is_closed(&self) -> bool {
        self.front.head.load(Ordering::Relaxed) & CLOSED != 0
    }
}
