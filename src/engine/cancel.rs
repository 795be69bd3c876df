//! Items that shall not be scanned any more: cancelled by ticket, or out of time.

use super::handle::Handle;
use super::{Engine, Job, LoadedSet, Outcome};
use crate::ring::{Claim, Position, Stage};
use crate::status::{Result, *};
use std::time::Duration;

impl Outcome {
    /// What becomes of a cancelled item.
    pub(super) fn cancel(&mut self) {
        (self.status, self.match_count, self.matches) = (TRM_CANCELLED, 0, Vec::new());
    }
}

impl Handle {
    /// Cancels an item of this handle whose completion was not taken yet: it will say so. False: it was taken, or was
    /// not wanted.
    ///
    /// Everything that completes or takes an item of a device does it under the lock that is held here; for the others
    /// the ring decides.
    pub fn cancel(&self, ticket: u64) -> Result<bool> {
        let position = Position::from_ticket(ticket).ok_or(TRM_ERR_TICKET)?;
        let ring = &self.engine.ring;
        let mut state = self.state();
        if self.is_orphan() {
            return Err(TRM_ERR_HANDLE.into());
        }
        if state.loans.contains(position) {
            state.loans.any_apart = true;
            return Ok(ring.cancel(position));
        }
        loop {
            match ring.stage(position) {
                Stage::NeverIssued => return Err(TRM_ERR_TICKET.into()),
                Stage::Released => {
                    state.outstanding.forget(position);
                    return Ok(false);
                }
                _ if !state.outstanding.contains(position) => return Err(TRM_ERR_TICKET.into()),
                Stage::Done => {
                    let mut found = false;
                    ring.take(position, |outcome| {
                        outcome.cancel();
                        found = true;
                        false
                    });
                    if found {
                        return Ok(true);
                    }
                }
                Stage::Reserved | Stage::Queued | Stage::Claimed if ring.cancel(position) => return Ok(true),
                // It was done between the two looks.
                _ => {}
            }
            std::hint::spin_loop();
        }
    }

    /// How long items accepted from now on may take; `None`: as long as they need.
    pub fn set_deadline(&self, time: Option<Duration>) -> Result<()> {
        self.check_open()?;
        self.state().deadline = time;
        Ok(())
    }
}

impl Engine {
    /// When the time of an item that is accepted now is up.
    pub(super) fn due_in(&self, time: Duration) -> u64 {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        // 0 stands for "never".
        nanos(self.born.elapsed()).saturating_add(nanos(time)).max(1)
    }

    /// Whether an item is cancelled or late, as far as can be seen now: there is no need to scan it.
    #[inline]
    pub fn is_off(&self, claim: &Claim, job: &Job) -> bool {
        self.ring.is_cancelled(claim) || job.due != 0 && self.due_in(Duration::ZERO) >= job.due
    }

    /// The outcome of an item that was not scanned.
    pub fn cancelled(&self, job: &Job, set: &LoadedSet) -> Outcome {
        let mut outcome = self.outcome(job, set, 0, Vec::new());
        outcome.cancel();
        outcome
    }
}
