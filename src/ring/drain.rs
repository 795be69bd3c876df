//! The consumers' side: claim, look at the payload, complete or finish; lend a claim out and get it back by position.

use super::Ring;
use super::position::{Phase, Position};
use super::sync::Ordering;
use super::tokens::{Claim, Claims};
use crossbeam_utils::Backoff;

impl<P: Copy, O> Ring<P, O> {
    /// Claims up to `max` published items from the tail on; `None` where the next one is not published yet.
    #[inline]
    pub fn claim(&self, max: usize) -> Option<Claims> {
        let backoff = Backoff::new();
        let mut tail = self.tail.load(Ordering::Relaxed);
        loop {
            let first = Position::of(tail);
            let count = self.slots().count_in(Phase::Queued, first, max);
            if count == 0 {
                let seen = self.tail.load(Ordering::Relaxed);
                if seen == tail {
                    // As in `reserve`.
                    if !self.emptied.wait(first) {
                        return None;
                    }
                }
                tail = seen;
                continue;
            }
            // Relaxed: the swap decides who owns the items, and the stage words carried what is in them. Success means
            // that nobody claimed since the tail was read, so what was queued then still is.
            let next = first.plus(count as u64).word();
            match self.tail.compare_exchange_weak(tail, next, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => {
                    self.slots().prefetch_ahead(Phase::Queued, first, count, max);
                    return Some(Claims { ring: self.fixed.id, first, count });
                }
                Err(seen) => tail = seen,
            }
            backoff.spin();
        }
    }

    /// What the producer put in.
    #[inline]
    pub fn payload(&self, claim: &Claim) -> P {
        self.check(claim.ring);
        self.slots().read_payload(claim.position)
    }

    /// Shows what the producer put in, of all that are left of a batch.
    #[inline]
    pub fn for_each(&self, claims: &Claims, f: impl FnMut(P)) {
        self.check(claims.ring);
        self.slots().read_payloads(claims.first, claims.count).for_each(f);
    }

    /// Passes the outcome on to whoever takes it; the slot stays in use until then. Nobody may cancel the item at the
    /// same time: otherwise it is `settle` that does it, which costs a swap.
    #[inline(always)]
    pub fn complete(&self, claim: Claim, outcome: O) {
        self.check(claim.ring);
        self.slots().write_outcome(claim.position, outcome);
        // A plain store, as everywhere below: only the claim's holder may move the slot on.
        self.slots().pass_on(Phase::Done, claim.position, 1);
    }

    /// [`Ring::complete`] for all that are left of a batch, whose outcomes hold nothing that their payloads don't say:
    /// none is written. Only the stage words pass between the threads then.
    #[inline]
    pub fn complete_blank(&self, claims: Claims) {
        self.check(claims.ring);
        self.slots().pass_on(Phase::Blank, claims.first, claims.count);
    }

    /// Ends an item whose outcome nobody wants: its slot is free at once.
    #[inline]
    pub fn finish(&self, claim: Claim) {
        self.check(claim.ring);
        self.free(claim.position, 1);
    }

    /// [`Ring::finish`] for all that are left of a batch, counted once.
    #[inline]
    pub fn finish_all(&self, claims: Claims) {
        self.check(claims.ring);
        if claims.count > 0 {
            self.free(claims.first, claims.count);
        }
    }

    /// Gives up a claim without completing it: whoever names its position to [`Ring::reclaim`] first gets it.
    pub fn lend(&self, claim: Claim) -> Position {
        self.check(claim.ring);
        let (position, stage) = (claim.position, self.slots().stage(claim.position));
        // Release: what the holder read of the slot was read.
        let lend = |from, to| {
            stage.compare_exchange(position.in_phase(from), position.in_phase(to), Ordering::Release, Ordering::Relaxed)
        };
        // Where it is not cancelled it is before the second look, at the latest.
        let lent = lend(Phase::Queued, Phase::Lent).or_else(|_| lend(Phase::Cancelled, Phase::Withdrawn));
        assert!(lent.is_ok(), "only what was claimed from the tail is lent");
        position
    }

    /// The claim of a position that was lent out; `None` if it is not lent now. One of many callers gets it.
    pub fn reclaim(&self, position: Position) -> Option<Claim> {
        let stage = self.slots().stage(position);
        // Acquire: the payload comes with it.
        let reclaim = |from, to| {
            stage.compare_exchange(position.in_phase(from), position.in_phase(to), Ordering::Acquire, Ordering::Relaxed)
        };
        // What is cancelled between the two looks is found by the second.
        reclaim(Phase::Lent, Phase::Queued).or_else(|_| reclaim(Phase::Withdrawn, Phase::Cancelled)).ok()?;
        Some(Claim { ring: self.fixed.id, position })
    }
}
