//! Finishing items of the GPU drains.

use crate::engine::{Engine, Job, LoadedSet, Owners, Tally};
use crate::gpu::RawMatch;
use crate::gpu::persistent::DeviceCompletion;
use crate::ring::Claim;
use std::sync::Arc;

/// Finishing a run of items: sets are counted out once a run, owners told once.
pub(super) struct Finishing<'a> {
    engine: &'a Engine,
    owners: &'a mut Owners,
    tally: Tally,
    run: Option<(Arc<LoadedSet>, u64)>,
    any: bool,
}

impl<'a> Finishing<'a> {
    pub fn new(engine: &'a Engine, owners: &'a mut Owners) -> Self {
        Self { engine, owners, tally: Tally::default(), run: None, any: false }
    }

    /// The set of a job that is finished next.
    pub fn set(&mut self, place: u32) -> Arc<LoadedSet> {
        if self.run.as_ref().is_none_or(|(set, _)| set.place != place) {
            self.count_out();
            self.run = Some((self.engine.set_at(place), 0));
        }
        self.run.as_ref().expect("set above").0.clone()
    }

    /// Finishes an item by what the device found, or gives it back for a scan here.
    pub fn finish_by_device(
        &mut self,
        claim: Claim,
        done: DeviceCompletion,
        records: &[RawMatch],
    ) -> std::result::Result<(), Claim> {
        if done.overflow {
            return Err(claim);
        }
        let job = self.engine.ring().payload(&claim);
        let set = self.set(job.set);
        let (mut count, mut matches) = (0, Vec::new());
        if done.count > 0 {
            let limit = self.engine.options().max_matches_per_item;
            let found = crate::panics::guarded(|| {
                self.engine.with_scratch(|scratch| set.rules.matches_of(records, scratch, limit, &mut matches))
            });
            match found {
                Some(found) => count = found,
                None => return Err(claim),
            }
        }
        let outcome = self.engine.outcome(&job, &set, count, matches);
        self.finish(claim, &job, outcome);
        Ok(())
    }

    /// Finishes an item with this outcome.
    pub fn finish(&mut self, claim: Claim, job: &Job, outcome: crate::engine::Outcome) {
        self.engine.finish(claim, job, outcome, self.owners, &mut self.tally);
        if let Some((_, items)) = &mut self.run {
            *items += 1;
        }
        self.any = true;
    }

    fn count_out(&mut self) {
        if let Some((set, items)) = self.run.take()
            && items > 0
        {
            self.engine.finished_with(&set, items);
        }
    }

    /// Tells the owners and counts everything out.
    pub fn end(mut self) {
        if self.any {
            self.engine.flush(self.owners, &mut self.tally);
        }
        self.count_out();
    }
}
