//! Items that shall not be scanned any more: cancelled by ticket, or out of time.

use super::handle::Handle;
use super::{Delivery, Engine, Job, Matches, Outcome, lock};
use crate::ring::{Position, Stage};
use crate::status::{Result, *};
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Cancelled items, for drains to skip.
#[derive(Default)]
pub(super) struct Off {
    count: AtomicUsize,
    items: Mutex<HashSet<Position>>,
}

impl Off {
    fn insert(&self, position: Position) {
        let mut items = lock(&self.items);
        items.insert(position);
        self.count.store(items.len(), Ordering::Relaxed);
    }

    pub(super) fn remove(&self, position: Position) {
        let mut items = lock(&self.items);
        items.remove(&position);
        self.count.store(items.len(), Ordering::Relaxed);
    }

    /// As far as can be seen now: mostly a look at one word that nobody writes.
    #[inline(always)]
    fn contains(&self, position: Position) -> bool {
        self.count.load(Ordering::Relaxed) > 0 && lock(&self.items).contains(&position)
    }
}

impl Outcome {
    /// What becomes of a cancelled item.
    pub fn cancelled() -> Self {
        Self { status: TRM_CANCELLED, match_count: 0, matches: Matches::default() }
    }

    pub(super) fn cancel(&mut self) {
        *self = Self::cancelled();
    }
}

impl Handle {
    /// Cancels an item of this handle whose completion was not taken yet: it will say so. False: it was taken, or was
    /// not wanted.
    ///
    /// Completions are taken under the lock that is held here: where all are wanted, it is enough to remember which of
    /// them shall say so, and drains end items by plain stores. Where an item may end without a completion, the ring
    /// decides what was first, at the price of a swap for each.
    pub fn cancel(&self, ticket: u64) -> Result<bool> {
        let position = Position::from_ticket(ticket).ok_or(TRM_ERR_TICKET)?;
        let ring = &self.engine.ring;
        let mut state = self.state();
        if self.is_orphan() {
            return Err(TRM_ERR_HANDLE.into());
        }
        if state.loans.contains(position) {
            state.loans.any_apart = true;
            // They are completed under the lock that we have, and whoever does that sees it.
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
                _ if self.engine.options.delivery == Delivery::All => {
                    state.cancelled.insert(position);
                    self.engine.off.insert(position);
                    return Ok(true);
                }
                Stage::Done => {
                    let mut found = false;
                    ring.take(position, |outcome| {
                        outcome.into_iter().for_each(Outcome::cancel);
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
    #[inline(always)]
    pub fn is_off(&self, position: Position, job: &Job) -> bool {
        self.ring.is_cancelled(position)
            || self.off.contains(position)
            || job.due != 0 && self.due_in(Duration::ZERO) >= job.due
    }
}
