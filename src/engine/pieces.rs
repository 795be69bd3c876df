//! Pieces of streams on their way back from a drain: any of them may be done first, and they are settled in order.

use super::owner::Owner;
use super::{Engine, Job, LoadedSet, Outcome, Tally, lock};
use crate::ring::{Claim, Position};
use crate::status::*;
use crate::stream::{Settled, Span};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, Weak};

/// A piece that is in the ring.
pub struct Piece {
    pub(super) pieces: Arc<Pieces>,
    /// Its number in the stream, from 0.
    pub(super) number: u64,
    pub(super) span: Span,
}

impl Piece {
    pub(super) fn set(&self) -> &Arc<LoadedSet> {
        &self.pieces.set
    }
}

/// A stream's side of what is done.
pub(super) struct Pieces {
    engine: Weak<Engine>,
    /// A use of it is counted for the stream.
    pub(super) set: Arc<LoadedSet>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    settled: Settled,
    /// The piece that is settled next.
    next: u64,
    /// Those that were done too early.
    waiting: BTreeMap<u64, Done>,
    /// What ended the stream: later matches depend on what is not known now.
    broken: Option<trm_status>,
}

struct Done {
    claim: Claim,
    job: Job,
    outcome: Outcome,
    span: Span,
}

impl Pieces {
    pub fn new(engine: &Arc<Engine>, set: Arc<LoadedSet>) -> Self {
        Self { engine: Arc::downgrade(engine), set, inner: Mutex::default() }
    }

    /// Why nothing more is found in this stream.
    pub fn broken(&self) -> Option<trm_status> {
        lock(&self.inner).broken
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        if let Some(engine) = self.engine.upgrade() {
            engine.finished_with(&self.set, 1);
        }
    }
}

impl Engine {
    /// This item will be a piece: to be said before it is published.
    pub(super) fn expect_piece(&self, position: Position, piece: Piece) {
        lock(&self.pieces).insert(position, piece);
    }

    /// Ends a piece of a stream, and those that waited for it; or leaves it to wait for those before it. All pieces of a
    /// stream have one owner. Says whether outcomes lie in the ring, for that.
    pub fn finish_piece(&self, claim: Claim, job: &Job, outcome: Outcome, owner: &Owner, tally: &mut Tally) -> bool {
        let piece = lock(&self.pieces).remove(&claim.position());
        let Some(Piece { pieces, number, span }) = piece else {
            unreachable!("a piece was expected, and is done once")
        };
        let mut inner = lock(&pieces.inner);
        inner.waiting.insert(number, Done { claim, job: *job, outcome, span });
        let mut collectable = false;
        loop {
            let next = inner.next;
            let Some(mut done) = inner.waiting.remove(&next) else { break };
            inner.next += 1;
            self.settle(&pieces.set, &mut inner, &mut done);
            // Nobody can foresee which piece is the last that can be done.
            tally.expect_last();
            collectable |= self.complete(done.claim, &done.job, done.outcome, owner, tally);
        }
        collectable
    }

    /// Makes the stream's matches of those in a piece.
    fn settle(&self, set: &LoadedSet, inner: &mut Inner, done: &mut Done) {
        let (job, limit) = (done.job, self.options.max_matches_per_item);
        let found = std::mem::take(&mut done.outcome);
        if self.is_off(done.claim.position(), &job) {
            inner.broken.get_or_insert(TRM_CANCELLED);
        } else if found.status < 0 || found.status == TRM_CANCELLED {
            inner.broken.get_or_insert(found.status);
        }
        done.outcome = Outcome::default();
        if let Some(status) = inner.broken {
            done.outcome.status = status;
            return;
        }
        let bytes = self.arena.bytes(job.input_offset, job.input_len);
        let settled = crate::panics::guarded(|| {
            self.with_scratch(|scratch| {
                let mut all = found.matches.to_vec();
                if found.match_count > all.len() as u64 {
                    // Settling needs all of them.
                    all.clear();
                    set.rules.scan(bytes, scratch, u64::MAX, &mut all);
                }
                inner.settled.take(&set.rules, &done.span, bytes, &all, scratch)
            })
        });
        match settled {
            Some(mut matches) => {
                let count = matches.len() as u64;
                matches.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
                done.outcome = Outcome::new(count, matches);
            }
            None => {
                inner.broken = Some(TRM_ERR_PANIC);
                done.outcome.status = TRM_ERR_PANIC;
            }
        }
    }
}
