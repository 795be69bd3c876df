//! Finishing items of the GPU drains whose claims a thread of ours holds.

use crate::engine::{Engine, Job, LoadedSet, Outcome, Owners, Tally};
use crate::gpu::RawMatch;
use crate::gpu::persistent::DeviceCompletion;
use crate::ring::{Claim, Claims};
use crate::scan::{Match, Scratch};
use std::sync::Arc;

/// Finishing a run of items: sets are counted out once a run, owners told once.
///
/// One finished item is always held back, so that its set, and at the end the whole run, is counted before the last item
/// can be seen done: who has seen them all done may replace their rules, and finds them all counted.
pub(super) struct Finishing<'a> {
    engine: &'a Engine,
    owners: &'a mut Owners,
    tally: Tally,
    run: Option<(Arc<LoadedSet>, u64)>,
    held: Option<Held>,
    any: bool,
}

enum Held {
    One(Claim, Job, Outcome),
    /// Items of one owner without a match.
    Blank(Claims, u32),
}

/// What a device said of an item, as an outcome; `None`: the item is to be scanned here.
pub(super) fn outcome_of(
    engine: &Engine,
    set: &LoadedSet,
    done: DeviceCompletion,
    records: &[RawMatch],
    scratch: &mut Scratch,
) -> Option<Outcome> {
    if done.overflow {
        return None;
    }
    if done.count == 0 {
        return Some(Outcome::new(0, Vec::new()));
    }
    made(engine, scratch, |limit, scratch, matches| set.rules.matches_of(records, scratch, limit, matches))
}

/// The outcome of an item of which a device told all that is to be looked at; `None`: it is to be scanned.
pub(super) fn confirmed(
    engine: &Engine,
    set: &LoadedSet,
    bytes: &[u8],
    found: &[RawMatch],
    scratch: &mut Scratch,
) -> Option<Outcome> {
    made(engine, scratch, |limit, scratch, matches| set.rules.confirm(bytes, found, scratch, limit, matches))
}

fn made(
    engine: &Engine,
    scratch: &mut Scratch,
    make: impl FnOnce(u64, &mut Scratch, &mut Vec<Match>) -> u64,
) -> Option<Outcome> {
    let (limit, mut matches) = (engine.options().max_matches_per_item, Vec::new());
    let count = crate::panics::guarded(|| make(limit, scratch, &mut matches));
    if count.is_none() {
        *scratch = Scratch::default();
    }
    Some(Outcome::new(count?, matches))
}

impl<'a> Finishing<'a> {
    pub fn new(engine: &'a Engine, owners: &'a mut Owners) -> Self {
        Self { engine, owners, tally: Tally::default(), run: None, held: None, any: false }
    }

    /// The set of a job that is finished next.
    pub fn set(&mut self, place: u16) -> &Arc<LoadedSet> {
        if self.run.as_ref().is_none_or(|(set, _)| set.place != place) {
            self.count_out();
            self.run = Some((self.engine.set_at(place), 0));
        }
        &self.run.as_ref().expect("set above").0
    }

    /// Finishes an item by what the device found, or gives it back for a scan here.
    pub fn finish_by_device(
        &mut self,
        claim: Claim,
        done: DeviceCompletion,
        records: &[RawMatch],
        scratch: &mut Scratch,
    ) -> std::result::Result<(), Claim> {
        let job = self.engine.ring().payload(&claim);
        let engine = self.engine;
        match outcome_of(engine, self.set(job.set()), done, records, scratch) {
            Some(outcome) => {
                self.finish(claim, &job, outcome);
                Ok(())
            }
            None => Err(claim),
        }
    }

    /// Finishes an item of the set that was asked for last with this outcome.
    pub fn finish(&mut self, claim: Claim, job: &Job, outcome: Outcome) {
        if let Some((_, items)) = &mut self.run {
            *items += 1;
        }
        self.any = true;
        let before = self.held.replace(Held::One(claim, *job, outcome));
        self.release(before);
    }

    /// Finishes the first of these items, as many as are plain and of one owner and one set, all without a match. How many.
    pub fn finish_blank(&mut self, claims: &mut Claims, max: usize) -> usize {
        let engine = self.engine;
        let (mut count, mut bytes, mut copies, mut first) = (0, 0, false, None);
        for (n, job) in engine.ring().payloads(claims, 0).take(max).enumerate() {
            let position = claims.first().plus(n as u64);
            let (owner, set) = *first.get_or_insert((job.owner(), job.set()));
            if !engine.is_plain(&job) || (job.owner(), job.set()) != (owner, set) || engine.is_off(position, &job) {
                break;
            }
            count += 1;
            bytes += u64::from(job.input_len);
            copies |= job.owns_region();
        }
        let Some((owner, set)) = first.filter(|_| count > 0) else { return 0 };
        let blank = claims.split_to(count);
        if copies || engine.arena().registered().any() {
            let positions = (0..).map(|n| blank.first().plus(n));
            positions.zip(engine.ring().payloads(&blank, 0)).for_each(|(position, job)| engine.let_go(position, &job));
        }
        self.set(set);
        if let Some((_, items)) = &mut self.run {
            *items += count as u64;
        }
        self.any = true;
        self.tally.add_plain(count as u64, bytes);
        let before = self.held.replace(Held::Blank(blank, owner));
        self.release(before);
        count
    }

    fn release(&mut self, held: Option<Held>) {
        match held {
            Some(Held::One(claim, job, outcome)) => {
                self.engine.finish(claim, &job, outcome, self.owners, &mut self.tally);
            }
            Some(Held::Blank(claims, owner)) => {
                self.engine.finish_blank(claims, owner, self.owners, &mut self.tally);
            }
            None => {}
        }
    }

    fn count_out(&mut self) {
        if let Some((set, items)) = self.run.take()
            && items > 0
        {
            self.engine.finished_with(&set, items);
        }
        let last = self.held.take();
        self.release(last);
    }

    /// Counts everything out and tells the owners.
    pub fn end(mut self) {
        self.tally.expect_last();
        self.count_out();
        if self.any {
            self.engine.flush(self.owners, &mut self.tally);
        }
    }
}
