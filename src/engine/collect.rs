//! Results: what became of a ticket, waiting for one, collecting many.

use super::handle::Handle;
use super::lender::{Room, Seen};
use super::outstanding::Sweep;
use super::owner::State;
use super::{Engine, Job, Lists, Outcome};
use crate::ring::{Position, Stage, Taker};
use crate::scan::Match;
use crate::status::{Result, *};
use crate::types::{trm_completion, trm_match};
use std::collections::HashSet;
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

/// How long a waiting caller looks for the device's answer before it sleeps.
const FETCH: Duration = Duration::from_micros(300);

/// A handle with so many items in the ring ...
const DEEP: u64 = 1024;
/// ... that finds less than so many done ...
const COMPANY: usize = 256;
/// ... waits for more, but no longer than this.
const COMPANY_WAIT: Duration = Duration::from_micros(500);

/// Outcomes were written by another thread: so far ahead of its taking each is asked for, and its stage word four times so
/// far.
const AHEAD: u64 = 8;

/// The caller's arrays that completions and matches are written to.
pub struct Buffers<'a> {
    /// One entry an item.
    pub completions: &'a mut [trm_completion],
    /// The matches of all of them, one item's after another's.
    pub matches: &'a mut [trm_match],
}

/// How much of the buffers is filled.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    /// Completions written.
    pub items: usize,
    /// Matches written.
    pub matches: usize,
}

/// What collecting or waiting comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// At least one item was taken.
    Took(Taken),
    /// The deadline came first.
    Late,
    /// The next item needs so many matches; nothing was taken.
    Short(usize),
    /// It never can bring anything, for this reason.
    Never(trm_status),
}

impl Handle {
    /// What became of a ticket; takes nothing.
    pub fn stage(&self, ticket: u64) -> Result<Stage> {
        let position = Position::from_ticket(ticket).ok_or(TRM_ERR_TICKET)?;
        let ring = &self.engine.ring;
        let mut stage = ring.stage(position);
        if matches!(stage, Stage::Claimed | Stage::Reserved) && self.engine.feed().is_some() {
            // The device may be done with it: its handle's lock decides. Mostly that is this handle.
            let seen = self.engine.look(&self.owner, position);
            let seen =
                seen.or_else(|| self.engine.all_owners().iter().find_map(|owner| self.engine.look(owner, position)));
            stage = ring.stage(position);
            if seen == Some(Seen::NoItem) {
                stage = Stage::NeverIssued;
            }
        }
        if stage == Stage::NeverIssued { Err(TRM_ERR_TICKET.into()) } else { Ok(stage) }
    }

    /// Takes one ticket's completion.
    pub fn wait(&self, ticket: u64, deadline: Option<Instant>, buffers: &mut Buffers<'_>) -> Answer {
        let Some(position) = Position::from_ticket(ticket) else { return Answer::Never(TRM_ERR_TICKET) };
        self.wait_until(deadline, || self.try_wait(position, buffers)).unwrap_or(Answer::Late)
    }

    /// Waits for items of this handle. Where the answer comes from a device, it is fetched rather than waited for.
    fn wait_until<T>(&self, deadline: Option<Instant>, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
        if self.engine.feed().is_some() {
            if let Some(found) = poll() {
                return Some(found);
            }
            let end = Instant::now() + FETCH;
            let end = deadline.map_or(end, |deadline| deadline.min(end));
            while Instant::now() < end {
                for _ in 0..32 {
                    if let Some(found) = poll() {
                        return Some(found);
                    }
                    std::hint::spin_loop();
                }
            }
        }
        self.owner.done.wait_until(deadline, poll)
    }

    fn try_wait(&self, position: Position, buffers: &mut Buffers<'_>) -> Option<Answer> {
        let mut state = self.state();
        let mut taken = Taken::default();
        if state.loans.contains(position) {
            let harvest = self.engine.fetch(
                &self.owner,
                &mut state,
                Some(position),
                Some(&mut Room { buffers, taken: &mut taken }),
            );
            self.owner.visited(&state.loans);
            self.owner.tell(harvest);
            match harvest.short {
                _ if taken.items > 0 => return Some(Answer::Took(taken)),
                Some(needed) => return Some(Answer::Short(needed)),
                None if state.loans.contains(position) && !self.owner.is_orphan() => return None,
                None => {}
            }
        }
        let ours = state.outstanding.contains(position);
        match self.engine.ring.stage(position) {
            Stage::NeverIssued => Some(Answer::Never(TRM_ERR_TICKET)),
            Stage::Released => {
                state.outstanding.forget(position);
                Some(Answer::Never(TRM_TAKEN))
            }
            _ if self.owner.is_orphan() => Some(Answer::Never(TRM_ERR_HANDLE)),
            _ if !ours => Some(Answer::Never(TRM_ERR_TICKET)),
            Stage::Done => {
                match take(
                    &self.engine,
                    &mut self.engine.ring.taker(),
                    position,
                    &mut state.cancelled,
                    buffers,
                    &mut taken,
                    &mut Vec::new(),
                ) {
                    // The drain is dropping what nobody will collect: it is not wanted, or the handle is being destroyed.
                    Ok(()) if taken.items == 0 => self.owner.is_orphan().then_some(Answer::Never(TRM_ERR_HANDLE)),
                    Ok(()) => {
                        state.outstanding.forget(position);
                        Some(Answer::Took(taken))
                    }
                    Err(needed) => Some(Answer::Short(needed)),
                }
            }
            Stage::Reserved | Stage::Queued | Stage::Claimed => None,
        }
    }

    /// Takes any finished items, whole ones only, as many as fit.
    ///
    /// A handle that has much in the ring waits for company: who comes for each item as it gets done spends on coming what
    /// the drain could spend on items.
    pub fn collect(&self, deadline: Option<Instant>, buffers: &mut Buffers<'_>) -> Answer {
        let mut taken = Taken::default();
        let company = match deadline {
            _ if self.engine.feed().is_some() => None,
            Some(deadline) if deadline <= Instant::now() => None,
            _ => self.wait_for_company(deadline, buffers, &mut taken),
        };
        company
            .or_else(|| self.wait_until(deadline, || self.try_collect(buffers, &mut taken, &mut false)))
            .unwrap_or(Answer::Late)
    }

    /// Takes what is done, and goes on until that is worth coming for, nothing more fits, or some time is over.
    fn wait_for_company(
        &self,
        deadline: Option<Instant>,
        buffers: &mut Buffers<'_>,
        taken: &mut Taken,
    ) -> Option<Answer> {
        let (mut answer, mut full) = (None, false);
        let enough = COMPANY.min(buffers.completions.len());
        let mut poll = || {
            answer = self.try_collect(buffers, taken, &mut full).or(answer);
            answer.filter(|answer| match answer {
                Answer::Took(taken) => full || taken.items >= enough,
                _ => true,
            })
        };
        let at_once = poll();
        if at_once.is_some() || self.state().outstanding.len() < DEEP {
            return at_once.or(answer);
        }
        let end = Instant::now() + COMPANY_WAIT;
        let end = deadline.map_or(end, |deadline| deadline.min(end));
        self.owner.done.park_until(Some(end), poll).or(answer)
    }

    /// Adds to what is taken already; `full` says that not everything that is done fits.
    fn try_collect(&self, buffers: &mut Buffers<'_>, taken: &mut Taken, full: &mut bool) -> Option<Answer> {
        let mut state = self.state();
        let state = &mut *state;
        let mut needed = None;
        // What lies in the ring is the older part.
        let mut complete = self.sweep_done(state, buffers, taken, &mut needed);
        if complete && !state.loans.is_quiet() {
            let harvest = self.engine.fetch(&self.owner, state, None, Some(&mut Room { buffers, taken }));
            self.owner.visited(&state.loans);
            self.owner.tell(harvest);
            (needed, complete) = (harvest.short, !harvest.collectable);
        }
        *full = !complete;
        if complete && self.owner.event.exists() {
            self.owner.event.lower();
            fence(Ordering::SeqCst);
            // Something may have finished between the sweep and the lowering.
            self.raise_if_done(state);
        }
        match (taken.items, needed) {
            (0, Some(needed)) => Some(Answer::Short(needed)),
            (0, None) if self.owner.is_orphan() => Some(Answer::Never(TRM_ERR_HANDLE)),
            (0, None) if state.outstanding.is_empty() && state.loans.is_empty() && self.check_open().is_err() => {
                Some(Answer::Never(TRM_ERR_CLOSED))
            }
            (0, None) => None,
            _ => Some(Answer::Took(*taken)),
        }
    }

    fn raise_if_done(&self, state: &State) {
        if state.outstanding.first_from(None, |p| self.engine.ring.stage(p) == Stage::Done).is_some() {
            self.owner.event.raise();
        }
    }

    /// Takes what is done until an array is full; says whether it looked at everything.
    fn sweep_done(
        &self,
        state: &mut State,
        buffers: &mut Buffers<'_>,
        taken: &mut Taken,
        needed: &mut Option<usize>,
    ) -> bool {
        if state.outstanding.is_empty() {
            return true;
        }
        let (ring, mut complete) = (&self.engine.ring, true);
        // Until it is dropped, at the end, the slots of what it took are still counted as in flight.
        let mut taker = ring.taker();
        let State { outstanding, cancelled, spares, .. } = state;
        outstanding.sweep(|position| {
            match ring.stage_of_accepted(position) {
                Stage::Released => return Sweep::Forget,
                Stage::Done => {}
                // Nothing behind the tail has been claimed, so nothing there is done.
                Stage::Queued | Stage::Reserved => return Sweep::Stop,
                _ => return Sweep::Keep,
            }
            if taken.items == buffers.completions.len() {
                complete = false;
                return Sweep::Stop;
            }
            taker.expect(position.plus(AHEAD), position.plus(4 * AHEAD));
            match take(&self.engine, &mut taker, position, cancelled, buffers, taken, spares) {
                Ok(()) => Sweep::Forget,
                Err(short) => {
                    complete = false;
                    *needed = Some(short);
                    Sweep::Stop
                }
            }
        });
        self.engine.spares.give(&mut state.spares);
        complete
    }

    /// The descriptor that is readable when there is something to collect.
    pub fn event_fd(&self) -> Result<i32> {
        let fd = self.owner.event.fd()?;
        fence(Ordering::SeqCst);
        self.raise_if_done(&self.owner.state.lock());
        Ok(fd)
    }
}

/// Moves one finished item into the buffers; `Err` tells how many matches it needs where they don't fit.
#[inline(always)]
fn take(
    engine: &Engine,
    taker: &mut Taker<'_, Job, Outcome>,
    position: Position,
    cancelled: &mut HashSet<Position>,
    buffers: &mut Buffers<'_>,
    taken: &mut Taken,
    spares: &mut Lists,
) -> std::result::Result<(), usize> {
    let mut short = None;
    taker.take_with(position, |job, outcome| {
        let cancelled = !cancelled.is_empty() && cancelled.remove(&position);
        if cancelled {
            engine.off.remove(position);
        }
        let Some(outcome) = outcome else {
            put_blank(position, job, if cancelled { TRM_CANCELLED } else { TRM_OK }, buffers, taken);
            return true;
        };
        if cancelled {
            outcome.cancel();
        }
        short = put(position, job, outcome, buffers, taken).err();
        if short.is_none() {
            spares.extend(outcome.matches.take_list());
        }
        short.is_none()
    });
    short.map_or(Ok(()), Err)
}

/// As `put`, for an item without matches.
#[inline(always)]
fn put_blank(position: Position, job: &Job, status: trm_status, buffers: &mut Buffers<'_>, taken: &mut Taken) {
    buffers.completions[taken.items] = trm_completion {
        ticket: position.ticket(),
        correlation: job.correlation,
        rule_set_id: job.rule_set_id,
        status,
        first_match: taken.matches as u32,
        match_count: 0,
    };
    taken.items += 1;
}

/// Writes one item's outcome to the buffers, where its matches fit.
#[inline]
pub(crate) fn put(
    position: Position,
    job: &Job,
    outcome: &Outcome,
    buffers: &mut Buffers<'_>,
    taken: &mut Taken,
) -> std::result::Result<(), usize> {
    let room = &mut buffers.matches[taken.matches..];
    if outcome.matches.len() > room.len() {
        return Err(outcome.matches.len());
    }
    buffers.completions[taken.items] = trm_completion {
        ticket: position.ticket(),
        correlation: job.correlation,
        rule_set_id: job.rule_set_id,
        status: outcome.status,
        first_match: taken.matches as u32,
        match_count: outcome.match_count,
    };
    let (item, mut room) = (taken.items as u32, room.iter_mut());
    outcome.matches.for_each(|Match { start, end, rule_id }| {
        if let Some(to) = room.next() {
            *to = trm_match { start, end, rule_id, item };
        }
    });
    taken.items += 1;
    taken.matches += outcome.matches.len();
    Ok(())
}
