//! Runs of items whose records are their matches as they stand: straight into the caller's arrays, with nothing made for an
//! item on the way.

use super::harvest::{Harvester, count_in};
use super::kernel::Resident;
use crate::engine::{Delivery, Tally};
use crate::scan::Sorter;
use crate::status::TRM_OK;
use crate::types::{trm_completion, trm_match};

/// So far ahead of its taking an item's completion and records are asked for ...
const AHEAD: u64 = 8;
/// ... and the first chunk behind them.
const CHUNK_AHEAD: u64 = 3;

/// What the items of a run use one after the other.
#[derive(Default)]
pub(super) struct Reused {
    sorter: Sorter,
    chunks: Vec<u32>,
}

impl<K: Resident> Harvester<'_, '_, '_, '_, K> {
    /// Finishes items from the first of a piece on, at most `most`, as long as they are done, the device could say
    /// everything, and it fits. How many.
    pub(super) fn finish_found(&mut self, at: usize, most: usize) -> usize {
        let Some(room) = &mut self.room else { return 0 };
        if self.delivery != Delivery::All || self.lender.loans.any_apart {
            return 0;
        }
        let (engine, kernel) = (self.engine, &self.live.kernel);
        let limit = usize::try_from(engine.options().max_matches_per_item).unwrap_or(usize::MAX);
        let Some(piece) = self.lender.loans.piece(at) else { return 0 };
        if piece.is_left_out() {
            return 0;
        }
        let (first, last) = (piece.first(), piece.count() as u64);
        let (mut items, mut bytes, mut matches) = (0, 0u64, 0);
        let direct = engine.known_set(piece.set(), self.lender.known).rules.direct();
        for (n, job) in self.lender.loans.jobs(piece).take(most).enumerate() {
            let position = first.plus(n as u64);
            let index = position.ticket() - 1;
            let Some(done) = kernel.poll_done(index).filter(|done| !done.overflow) else { break };
            for (ahead, behind) in [(AHEAD, false), (CHUNK_AHEAD, true)] {
                if (n as u64) + ahead < last
                    && let Some(next) = kernel.poll_done(index + ahead).filter(|next| next.count > 0)
                {
                    kernel.expect(index + ahead, next, behind);
                }
            }
            let mut count = 0;
            if done.count > 0 {
                let Reused { sorter, chunks } = &mut self.reused;
                let to = &mut room.buffers.matches[room.taken.matches..];
                if done.count as usize > to.len().min(limit) {
                    break;
                }
                sorter.begin();
                if !kernel.take_each(index, done, chunks, |found| sorter.add(direct, found)) {
                    break;
                }
                count = sorter.end();
                let item = room.taken.items as u32;
                for (to, one) in to.iter_mut().zip(sorter.matches()) {
                    *to = trm_match { start: one.start, end: one.end, rule_id: one.rule_id, item };
                }
            }
            room.buffers.completions[room.taken.items] = trm_completion {
                ticket: position.ticket(),
                correlation: job.correlation,
                rule_set_id: job.rule_set_id,
                status: TRM_OK,
                first_match: room.taken.matches as u32,
                match_count: count as u64,
            };
            room.taken.items += 1;
            room.taken.matches += count;
            bytes += u64::from(job.input_len);
            items += 1;
            matches += count as u64;
        }
        if items == 0 {
            return 0;
        }
        let piece = self.lender.loans.take(at, items);
        count_in(&mut self.lender.lists.used, piece.set(), items as u64);
        if piece.owns_regions() {
            engine.let_go_all(piece.first(), self.lender.loans.jobs(&piece));
        }
        let mut tally = Tally::default();
        tally.add_plain(items as u64, bytes);
        tally.add_matches(matches);
        self.lender.count(&mut tally);
        self.harvest.finished = true;
        self.hold(piece.into_kept());
        items
    }
}
