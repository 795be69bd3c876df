//! Cancelling: a mark that whoever completes the item cannot overlook.
//!
//! The mark is made by a swap of the stage word, and `settle` completes by a swap too: one of them comes first. So an
//! item was cancelled in time or was not, and both sides know which.

use super::Ring;
use super::position::{Phase, Position};
use super::sync::Ordering;
use super::tokens::Claim;

impl<P: Copy, O> Ring<P, O> {
    /// Cancels an accepted item: whoever completes it by [`Ring::settle`] will learn of it. False: it is done, or was
    /// never published. An item that its producer claimed must not be completed by other means meanwhile.
    pub fn cancel(&self, position: Position) -> bool {
        let stage = self.slots().stage(position);
        let (cancelled, withdrawn) = (position.in_phase(Phase::Cancelled), position.in_phase(Phase::Withdrawn));
        let mut word = stage.load(Ordering::Relaxed);
        loop {
            let to = match word {
                word if word == cancelled || word == withdrawn => return true,
                word if word == position.in_phase(Phase::Queued) => cancelled,
                word if word == position.in_phase(Phase::Lent) => withdrawn,
                word if word == position.in_phase(Phase::Held) => withdrawn,
                _ => return false,
            };
            // Relaxed: nothing is passed on. What the publisher or the lender released stays released to whoever
            // acquires this word, since a swap carries it along.
            match stage.compare_exchange_weak(word, to, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(seen) => word = seen,
            }
        }
    }

    /// Whether a claimed item is cancelled as far as can be seen now: not worth working on.
    #[inline]
    pub fn is_cancelled(&self, position: Position) -> bool {
        let word = self.slots().stage(position).load(Ordering::Relaxed);
        word == position.in_phase(Phase::Cancelled) || word == position.in_phase(Phase::Withdrawn)
    }

    /// Passes the outcome on to whoever takes it, as [`Ring::complete`]; of an item that was cancelled, what `withdraw`
    /// makes of it.
    #[inline(always)]
    pub fn settle(&self, claim: Claim, outcome: O, withdraw: impl FnOnce(&mut O)) {
        self.check(claim.ring);
        let position = claim.position;
        self.slots().write_outcome(position, outcome);
        if !self.end(position, Phase::Done) {
            // Cancelled, so nobody but the claim's holder touches the slot any more.
            self.slots().change_outcome(position, withdraw);
            self.slots().pass_on(Phase::Done, position, 1);
        }
    }

    /// Ends an item whose outcome nobody wants, as [`Ring::finish`]. One that was cancelled comes back: somebody may
    /// want to know of that.
    #[inline]
    pub fn finish_unless_cancelled(&self, claim: Claim) -> Option<Claim> {
        self.check(claim.ring);
        // Done as far as others can see, and as if it were being taken.
        if !self.end(claim.position, Phase::Taking) {
            return Some(claim);
        }
        self.free(claim.position, 1);
        None
    }

    /// Moves a claimed item on unless it is cancelled.
    #[inline]
    fn end(&self, position: Position, to: Phase) -> bool {
        let stage = self.slots().stage(position);
        // Release: the outcome comes along.
        let end = |from| {
            stage.compare_exchange(position.in_phase(from), position.in_phase(to), Ordering::Release, Ordering::Relaxed)
        };
        end(Phase::Queued).is_ok() || end(Phase::Held).is_ok()
    }
}
