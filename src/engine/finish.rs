//! Finishing items: what a drain makes of one, and how it gets to whoever collects it.

use super::owner::Owner;
use super::{Delivery, Engine, Job, Matches, Owners, Tally};
use crate::ring::{Claim, Completer, Position};
use crate::scan::Match;
use crate::status::{TRM_OK, TRM_TRUNCATED, trm_status};
use std::sync::atomic::{Ordering, fence};

/// What a drain makes of an item: what its [`Job`] does not say.
#[derive(Debug, Default)]
pub struct Outcome {
    /// `TRM_OK`, or what the item met.
    pub status: trm_status,
    /// The true count.
    pub match_count: u64,
    /// At most `max_matches_per_item` of them, sorted.
    pub matches: Matches,
}

impl Outcome {
    /// Of what a matcher found: `count` true matches, of which `matches` are delivered.
    pub fn new(count: u64, matches: Vec<Match>) -> Self {
        Self { status: status_of(count, matches.len()), match_count: count, matches: matches.into() }
    }
}

/// The status of an item with `count` matches, of which `delivered` are delivered.
#[inline]
pub fn status_of(count: u64, delivered: usize) -> trm_status {
    if count > delivered as u64 { TRM_TRUNCATED } else { TRM_OK }
}

impl Engine {
    /// A drain hands in a finished item. It counts the use of its set out before the last item of a set, and tells the
    /// owners ([`Engine::flush`]) afterwards.
    #[inline(always)]
    pub fn finish(&self, claim: Claim, job: &Job, outcome: Outcome, owners: &mut Owners, tally: &mut Tally) {
        let told = owners.get(self, job.owner());
        if job.is_piece() {
            told.collectable |= self.finish_piece(claim, job, outcome, &told.owner, tally);
        } else if let Some(position) = self.put(claim, job, outcome, &told.owner, tally) {
            told.completed(position, 1);
        }
    }

    /// A drain hands in finished items of one owner, plain ones ([`Engine::is_plain`]). What [`Engine::finish`] says of the set
    /// holds here too; their bytes are let go ([`Engine::let_go`]) and they are in the tally before.
    #[inline]
    pub fn finish_run(
        &self,
        run: &mut Completer<'_, Job, Outcome>,
        owner: u32,
        owners: &mut Owners,
        tally: &mut Tally,
    ) {
        if tally.is_last() {
            self.stats.add(tally);
        }
        owners.get(self, owner).completed(run.first(), run.ready() as u64);
        run.pass_on();
    }

    /// As [`Engine::finish_run`], of items that have no match.
    #[cfg(feature = "gpu")]
    pub fn finish_blank(&self, claims: crate::ring::Claims, owner: u32, owners: &mut Owners, tally: &mut Tally) {
        if tally.is_last() {
            self.stats.add(tally);
        }
        owners.get(self, owner).completed(claims.first(), claims.len() as u64);
        self.ring.complete_blank(claims);
    }

    /// Whether an item's outcome is nothing but what its scan says: no stream waits for it, its time is not up ever, and it is
    /// wanted whatever it is.
    #[inline]
    pub fn is_plain(&self, job: &Job) -> bool {
        self.options.delivery == Delivery::All && job.due == 0 && !job.is_piece()
    }

    /// Ends an item. Says whether its outcome lies in the ring, for its owner.
    pub(super) fn complete(&self, claim: Claim, job: &Job, outcome: Outcome, owner: &Owner, tally: &mut Tally) -> bool {
        let Some(position) = self.put(claim, job, outcome, owner, tally) else { return false };
        fence(Ordering::SeqCst);
        if owner.is_orphan() {
            // The handle was destroyed between the look and the completion: nobody will collect this one.
            self.ring.take(position, |_| true);
        }
        true
    }

    /// Ends an item. Its position, if its outcome lies in the ring: then it is to be looked, behind a fence, whether the
    /// owner is still there to collect it.
    #[inline(always)]
    fn put(&self, claim: Claim, job: &Job, mut outcome: Outcome, owner: &Owner, tally: &mut Tally) -> Option<Position> {
        self.let_go(claim.position(), job);
        if self.is_off(claim.position(), job) {
            outcome.cancel();
        }
        tally.add(job, outcome.status, outcome.match_count);
        if tally.is_last() {
            self.stats.add(tally);
        }
        let hit = outcome.match_count > 0 || outcome.status != TRM_OK;
        let wanted = self.options.delivery == Delivery::All || hit;
        let mut claim = claim;
        if owner.is_orphan() || self.options.delivery == Delivery::None {
            self.ring.finish(claim);
            return None;
        }
        if !wanted {
            // Cancelled just now: that is wanted.
            claim = self.ring.finish_unless_cancelled(claim)?;
        }
        let position = claim.position();
        match self.options.delivery {
            Delivery::Hits => self.ring.settle(claim, outcome, Outcome::cancel),
            _ => self.ring.complete(claim, outcome),
        }
        Some(position)
    }

    /// Wakes whoever waits for the owners that `finish` was called for, and counts the batch.
    pub fn flush(&self, owners: &mut Owners, tally: &mut Tally) {
        self.stats.add(tally);
        owners.notify(self);
    }
}
