//! The caller drain: the user's own threads claim items and mark them done.

use super::{Drain, DrainKind};
use crate::engine::{Engine, Job, LoadedSet, Outcome, Owners, Tally};
use crate::ring::{Claim, Position, Stage};
use crate::scan::Match;
use crate::status::*;
use crate::types::trm_work_item;
use std::sync::Arc;
use std::time::Instant;

/// Nothing of ours runs.
pub(super) struct Idle;

impl Drain for Idle {
    fn stop(self: Box<Self>) {}
}

/// An item that a caller's thread took.
pub struct Claimed {
    /// Its ticket: what `mark_done` names.
    pub ticket: u64,
    /// The item as it was enqueued.
    pub item: trm_work_item,
    /// Its first byte.
    pub bytes: *const u8,
    /// The rule set that it was accepted with; it stays until the item is marked done.
    pub set: Arc<LoadedSet>,
}

impl Engine {
    fn check_caller(&self) -> Result<()> {
        match self.drain_kind().0 {
            DrainKind::Caller => Ok(()),
            other => Err(Error::new(
                TRM_ERR_UNSUPPORTED,
                format!("the {} drain empties this ring: create the engine with TRM_PROCESSOR_CALLER", other.name()),
            )),
        }
    }

    /// Takes the oldest item that nobody has claimed. `None`: the deadline came first.
    pub fn claim(&self, deadline: Option<Instant>, gone: impl Fn() -> bool) -> Result<Option<Claimed>> {
        self.check_caller()?;
        let claimed = self.work().wait_until(deadline, || {
            if gone() {
                return Some(Err(TRM_ERR_HANDLE.into()));
            }
            while let Some(claim) = self.ring().claim(1).and_then(|mut claims| claims.next()) {
                if !self.is_off(claim.position(), &self.ring().payload(&claim)) {
                    return Some(Ok(claim));
                }
                self.finish_cancelled(claim);
            }
            // Closed, and everything accepted is claimed: nothing can come any more. An item that is reserved and
            // not published yet still comes, so the closed flag alone says nothing.
            let over = self.ring().is_closed() && self.ring().tail() == self.ring().head();
            over.then(|| Err(Error::from(TRM_ERR_CLOSED)))
        });
        if self.ring().is_closed() {
            // This may have been the last claim: the others learn that nothing comes.
            self.work().notify_all();
        }
        let claim = match claimed {
            None => return Ok(None),
            Some(claim) => claim?,
        };
        if self.ring().is_closed() {
            // This may have been the last item: then the threads that still wait have their answer now.
            self.work().notify_all();
        }
        let job = self.ring().payload(&claim);
        let set = self.set_at(job.set());
        let item = trm_work_item {
            input_offset: job.input_offset,
            input_len: job.input_len,
            rule_set_id: set.id,
            correlation: job.correlation,
        };
        let bytes = self.arena().bytes(job.input_offset, job.input_len).as_ptr();
        Ok(Some(Claimed { ticket: self.ring().lend(claim).ticket(), item, bytes, set }))
    }

    /// Finishes a claimed item with what the caller found.
    pub fn mark_done(&self, ticket: u64, status: trm_status, mut matches: Vec<Match>) -> Result<()> {
        self.check_caller()?;
        if !matches!(status, TRM_OK | TRM_TRUNCATED | TRM_CANCELLED) && status >= 0 {
            let message = format!(
                "{status} is no completion's status: use TRM_OK, TRM_TRUNCATED, TRM_CANCELLED or an error below 0"
            );
            return Err(Error::new(TRM_ERR_INVALID, message));
        }
        let position = Position::from_ticket(ticket).ok_or(TRM_ERR_TICKET)?;
        let claim = loop {
            if let Some(claim) = self.ring().reclaim(position) {
                break claim;
            }
            match self.ring().stage(position) {
                Stage::NeverIssued => return Err(TRM_ERR_TICKET.into()),
                Stage::Queued | Stage::Reserved => {
                    let message = format!("ticket {ticket} was not claimed: call trm_claim first");
                    return Err(Error::new(TRM_ERR_TICKET, message));
                }
                // Another thread is at it just now; it may yet refuse its matches and leave the item to us.
                Stage::Claimed => std::thread::yield_now(),
                Stage::Done | Stage::Released => return Err(TRM_TAKEN.into()),
            }
        };
        let job = self.ring().payload(&claim);
        let wrong = matches.iter().position(|m| m.start > m.end || m.end > u64::from(job.input_len));
        if let Some(wrong) = wrong {
            self.ring().lend(claim);
            let message = format!("match {wrong} does not lie in the item's {} bytes", job.input_len);
            return Err(Error::new(TRM_ERR_INVALID, message));
        }
        matches.sort_unstable_by_key(|m| (m.end, m.start, m.rule_id));
        matches.dedup();
        let count = matches.len() as u64;
        matches.truncate(usize::try_from(self.options().max_matches_per_item).unwrap_or(usize::MAX));
        let set = self.set_at(job.set());
        let mut outcome = Outcome::new(count, matches);
        if status != TRM_OK {
            outcome.status = status;
        }
        self.finish_one(claim, &job, &set, outcome);
        Ok(())
    }

    fn finish_cancelled(&self, claim: Claim) {
        let job = self.ring().payload(&claim);
        let set = self.set_at(job.set());
        self.finish_one(claim, &job, &set, Outcome::cancelled());
    }

    fn finish_one(&self, claim: Claim, job: &Job, set: &Arc<LoadedSet>, outcome: Outcome) {
        let (mut owners, mut tally) = (Owners::default(), Tally::default());
        self.finished_with(set, 1);
        tally.expect_last();
        self.finish(claim, job, outcome, &mut owners, &mut tally);
        self.flush(&mut owners, &mut tally);
    }
}
