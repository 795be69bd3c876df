//! A handle on a drum: what it enqueues is completed on it.

use super::event::Event;
use super::outstanding::{Outstanding, Sweep};
use super::sets::{LoadedSet, Remembered};
use super::{Delivery, Engine, Job, Outcome, Owners, lock};
use crate::input::Region;
use crate::ring::parking::WaitList;
use crate::ring::{Position, Refused, Stage, Taker};
use crate::status::{Error, Result, *};
use crate::types::{trm_completion, trm_match, trm_work_item};
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// How long a waiting caller looks for the device's answer before it sleeps.
const FETCH: Duration = Duration::from_micros(300);
/// Unfinished items of the device's that a collecting caller looks past.
const LOOK_AHEAD: usize = 64;

/// What the drum keeps of a handle, until the last of its items is out of the ring.
pub(super) struct Owner {
    id: u32,
    state: Mutex<State>,
    done: WaitList,
    event: Event,
    /// Takes no new items.
    closed: AtomicBool,
    /// Destroyed: nobody collects any more.
    orphan: AtomicBool,
}

#[derive(Default)]
struct State {
    outstanding: Outstanding,
    remembered: Remembered,
    runs: Vec<(Arc<LoadedSet>, u64)>,
}

impl Owner {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn is_orphan(&self) -> bool {
        self.orphan.load(Ordering::SeqCst)
    }

    /// Some of its items are done.
    pub(super) fn notify(&self) {
        self.done.notify_all();
        if self.event.exists() {
            self.event.raise();
        }
    }
}

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

/// A handle. The first one of a drum stands for the whole drum when it is closed.
pub struct Handle {
    engine: Arc<Engine>,
    owner: Arc<Owner>,
    is_main: bool,
}

impl Handle {
    pub(super) fn new(engine: Arc<Engine>, is_main: bool) -> Self {
        let mut owners = engine.owners.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        owners.retain(|_, owner| !(owner.is_orphan() && nothing_pending(&engine, owner)));
        let id = loop {
            let id = engine.next_owner.fetch_add(1, Ordering::Relaxed);
            if !owners.contains_key(&id) {
                break id;
            }
        };
        let owner = Arc::new(Owner {
            id,
            state: Mutex::default(),
            done: WaitList::new(),
            event: Event::default(),
            closed: AtomicBool::new(false),
            orphan: AtomicBool::new(false),
        });
        owners.insert(id, owner.clone());
        drop(owners);
        Self { engine, owner, is_main }
    }

    /// The drum.
    pub fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    /// Another handle on the same drum.
    pub fn attach(&self) -> Result<Handle> {
        self.check_open()?;
        Ok(Self::new(self.engine.clone(), false))
    }

    /// Refuses when this handle or the drum is closed.
    pub fn check_open(&self) -> Result<()> {
        if self.owner.closed.load(Ordering::SeqCst) || self.engine.ring.is_closed() {
            return Err(TRM_ERR_CLOSED.into());
        }
        Ok(())
    }

    fn check_alive(&self) -> Result<()> {
        if self.is_orphan() { Err(TRM_ERR_HANDLE.into()) } else { Ok(()) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.owner.state)
    }

    /// A region of the arena. `None`: the deadline came first.
    pub fn acquire(&self, len: u32, deadline: Option<Instant>) -> Result<Option<Region>> {
        self.check_open()?;
        let region = self.engine.arena.acquire(len, deadline, || self.check_open().is_err())?;
        if region.is_none() {
            // The waiting may have ended because the handle did.
            self.check_alive()?;
            self.check_open()?;
        }
        Ok(region)
    }

    // ---- work ----

    /// Accepts all items or a prefix of them; answers the first one's position and how many.
    pub fn enqueue(&self, items: &[trm_work_item]) -> Result<(Position, usize)> {
        self.accept(items, false)
    }

    /// Copies the bytes into the arena and enqueues them.
    pub fn submit(&self, bytes: &[u8], rule_set_id: u32, correlation: u32) -> Result<Position> {
        self.check_open()?;
        let region = self.engine.arena.copy_in(bytes)?.ok_or(TRM_ARENA_FULL)?;
        let item = trm_work_item { input_offset: region.offset, input_len: region.len, rule_set_id, correlation };
        match self.accept(&[item], true) {
            Ok((position, _)) => Ok(position),
            Err(refusal) => {
                self.engine.arena.release_copy(region.offset);
                Err(refusal)
            }
        }
    }

    fn accept(&self, items: &[trm_work_item], owns_region: bool) -> Result<(Position, usize)> {
        let engine = &*self.engine;
        for (at, item) in items.iter().enumerate() {
            if !engine.arena.contains(item.input_offset, item.input_len) {
                let message = format!(
                    "item {at}: offset {} + length {} lies outside the input space of {} bytes",
                    item.input_offset,
                    item.input_len,
                    engine.arena.len()
                );
                return Err(Error::new(TRM_ERR_RANGE, message));
            }
        }
        let mut state = self.state();
        // Looked at under the lock that close takes too: after a close has returned, nothing more is accepted.
        self.check_open()?;
        state.count_in(engine, items)?;
        let state = &mut *state;
        let reservation = match engine.ring.reserve(items.len()) {
            Ok(reservation) => reservation,
            Err(refused) => {
                state.count_out(engine, 0);
                return Err(match refused {
                    Refused::Full => TRM_QUEUE_FULL.into(),
                    Refused::Closed => TRM_ERR_CLOSED.into(),
                });
            }
        };
        let (first, count) = (reservation.first(), reservation.count());
        state.prune(engine);
        state.outstanding.push(first, count as u64);
        crate::faults::stall_if_asked();
        let (owner, mut run, mut left) = (self.owner.id, 0, state.runs[0].1);
        engine.ring.publish(reservation, |i| {
            if left == 0 {
                run += 1;
                left = state.runs[run].1;
            }
            left -= 1;
            let item = &items[i];
            Job {
                input_offset: item.input_offset,
                input_len: item.input_len,
                set: state.runs[run].0.place,
                correlation: item.correlation,
                owner,
                owns_region,
            }
        });
        state.count_out(engine, count);
        match engine.pump() {
            Some(pump) => pump.forward(engine, count > 1),
            None => engine.work.notify(count),
        }
        Ok((first, count))
    }

    // ---- results ----

    /// What became of a ticket; takes nothing.
    pub fn stage(&self, ticket: u64) -> Result<Stage> {
        let position = Position::from_ticket(ticket);
        let mut stage = position.map(|position| self.engine.ring.stage(position));
        if let (Some(position), Some(Stage::Queued | Stage::Claimed), Some(pump)) =
            (position, stage, self.engine.pump())
        {
            pump.forward(&self.engine, true);
            pump.harvest(&self.engine, &mut std::iter::once(position), 1, &mut Owners::default());
            stage = Some(self.engine.ring.stage(position));
        }
        match stage {
            None | Some(Stage::NeverIssued) => Err(TRM_ERR_TICKET.into()),
            Some(stage) => Ok(stage),
        }
    }

    /// Takes one ticket's completion.
    pub fn wait(&self, ticket: u64, deadline: Option<Instant>, buffers: &mut Buffers<'_>) -> Answer {
        let Some(position) = Position::from_ticket(ticket) else { return Answer::Never(TRM_ERR_TICKET) };
        self.wait_until(deadline, || self.try_wait(position, buffers)).unwrap_or(Answer::Late)
    }

    /// Waits for items of this handle. Where the answer comes from a device, it is fetched rather than waited for.
    fn wait_until<T>(&self, deadline: Option<Instant>, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
        if self.engine.pump().is_some() {
            let end = Instant::now() + FETCH;
            let end = deadline.map_or(end, |deadline| deadline.min(end));
            loop {
                for _ in 0..64 {
                    if let Some(found) = poll() {
                        return Some(found);
                    }
                    std::hint::spin_loop();
                }
                if Instant::now() >= end {
                    break;
                }
            }
        }
        self.owner.done.wait_until(deadline, poll)
    }

    /// Lets the device's drain pass on what waits and finish what is done of this handle's items.
    fn fetch(&self, state: &State, only: Option<Position>) {
        let Some(pump) = self.engine.pump() else { return };
        pump.forward(&self.engine, true);
        let mut owners = Owners::of(self.owner.clone());
        match only {
            Some(position) => pump.harvest(&self.engine, &mut std::iter::once(position), 1, &mut owners),
            None => pump.harvest(&self.engine, &mut state.outstanding.iter(), LOOK_AHEAD, &mut owners),
        }
    }

    /// Takes the oldest items straight from the device, as long as they came without matches. Most do, and this way
    /// they cost a fraction of what an outcome costs that goes through the slot.
    fn gather(&self, state: &mut State, buffers: &mut Buffers<'_>, taken: &mut Taken) -> bool {
        let Some(pump) = self.engine.pump() else { return false };
        if self.engine.options.delivery != Delivery::All || self.owner.event.exists() {
            return false;
        }
        pump.forward(&self.engine, true);
        while let Some((first, count)) = state.outstanding.front() {
            let room = &mut buffers.completions[taken.items..];
            let count = room.len().min(usize::try_from(count).unwrap_or(usize::MAX));
            let items = pump.take_plain(&self.engine, first, &mut room[..count]);
            if items == 0 {
                break;
            }
            state.outstanding.drop_front(items as u64);
            taken.items += items;
        }
        if taken.items > 0 {
            // Somebody may wait for these very items, or for all of them.
            self.owner.done.notify_all();
        }
        taken.items > 0
    }

    fn try_wait(&self, position: Position, buffers: &mut Buffers<'_>) -> Option<Answer> {
        let mut state = self.state();
        if self.engine.pump().is_some() && state.outstanding.contains(position) {
            self.fetch(&state, Some(position));
        }
        let ours = state.outstanding.contains(position);
        match self.engine.ring.stage(position) {
            Stage::NeverIssued => Some(Answer::Never(TRM_ERR_TICKET)),
            Stage::Released => {
                state.outstanding.forget(position);
                Some(Answer::Never(TRM_TAKEN))
            }
            _ if !ours => Some(Answer::Never(TRM_ERR_TICKET)),
            _ if self.owner.is_orphan() => Some(Answer::Never(TRM_ERR_HANDLE)),
            Stage::Done => {
                let mut taken = Taken::default();
                match take(&mut self.engine.ring.taker(), position, buffers, &mut taken) {
                    // The handle is being destroyed, and the drain dropped what nobody would collect any more.
                    Ok(()) if taken.items == 0 => Some(Answer::Never(TRM_ERR_HANDLE)),
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
    pub fn collect(&self, deadline: Option<Instant>, buffers: &mut Buffers<'_>) -> Answer {
        self.wait_until(deadline, || self.try_collect(buffers)).unwrap_or(Answer::Late)
    }

    fn try_collect(&self, buffers: &mut Buffers<'_>) -> Option<Answer> {
        let mut state = self.state();
        let mut taken = Taken::default();
        if self.gather(&mut state, buffers, &mut taken) {
            return Some(Answer::Took(taken));
        }
        self.fetch(&state, None);
        let mut needed = None;
        let complete = self.sweep_done(&mut state, buffers, &mut taken, &mut needed);
        if complete && self.owner.event.exists() {
            self.owner.event.lower();
            fence(Ordering::SeqCst);
            // Something may have finished between the sweep and the lowering.
            self.raise_if_done(&state);
        }
        match (taken.items, needed) {
            (0, Some(needed)) => Some(Answer::Short(needed)),
            (0, None) if self.owner.is_orphan() => Some(Answer::Never(TRM_ERR_HANDLE)),
            (0, None) if state.outstanding.is_empty() && self.check_open().is_err() => {
                Some(Answer::Never(TRM_ERR_CLOSED))
            }
            (0, None) => None,
            _ => Some(Answer::Took(taken)),
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
        let (ring, mut complete) = (&self.engine.ring, true);
        // A device finishes about in order: far behind what it has not finished there is nothing to be found.
        let mut patience = if self.engine.pump().is_some() { LOOK_AHEAD } else { usize::MAX };
        // Until it is dropped, at the end, the slots of what it took are still counted as in flight.
        let mut taker = ring.taker();
        state.outstanding.sweep(|position| {
            match ring.stage_of_accepted(position) {
                Stage::Released => return Sweep::Forget,
                Stage::Done => {}
                // Nothing behind the tail has been claimed, so nothing there is done.
                Stage::Queued | Stage::Reserved => return Sweep::Stop,
                _ if patience == 0 => return Sweep::Stop,
                _ => {
                    patience -= 1;
                    return Sweep::Keep;
                }
            }
            if taken.items == buffers.completions.len() {
                complete = false;
                return Sweep::Stop;
            }
            match take(&mut taker, position, buffers, taken) {
                Ok(()) => Sweep::Forget,
                Err(short) => {
                    complete = false;
                    *needed = Some(short);
                    Sweep::Stop
                }
            }
        });
        complete
    }

    /// The descriptor that is readable when there is something to collect.
    pub fn event_fd(&self) -> Result<i32> {
        let fd = self.owner.event.fd()?;
        fence(Ordering::SeqCst);
        self.raise_if_done(&self.state());
        Ok(fd)
    }

    // ---- end ----

    /// Takes no new items and waits until those accepted are done; the main handle closes the whole drum.
    /// Answers whether they were all done in time; an error if the handle was destroyed meanwhile.
    pub fn close(&self, deadline: Option<Instant>) -> Result<bool> {
        if self.is_main {
            self.engine.ring.close();
            // Threads that wait for work: where none is left, none will come.
            self.engine.work.notify_all();
        }
        {
            let _in_order_with_accept = self.state();
            self.owner.closed.store(true, Ordering::SeqCst);
        }
        self.owner.done.notify_all();
        self.engine.arena.wake();
        let closing = if self.is_main {
            // Whoever waits for work may now learn that none will come.
            self.engine.work.notify_all();
            self.engine.all_owners()
        } else {
            vec![self.owner.clone()]
        };
        for owner in &closing {
            owner.done.notify_all();
        }
        // Counted, not asked with `all`, which would stop early: every owner is given its chance until the deadline.
        let late = closing.iter().filter(|owner| !self.wait_done(owner, deadline)).count();
        self.check_alive()?;
        Ok(late == 0)
    }

    /// Waits until no item of `owner` is pending, or this handle is destroyed.
    fn wait_done(&self, owner: &Owner, deadline: Option<Instant>) -> bool {
        // Positions finish for good, so each look goes on where the last one stopped.
        let mut from = None;
        let done = || {
            from = lock(&owner.state).outstanding.first_from(from, |p| is_pending(&self.engine, p));
            (from.is_none() || self.is_orphan()).then_some(())
        };
        owner.done.wait_until(deadline, done).is_some()
    }

    /// Wakes every caller that waits on this handle; they answer that it is gone. First half of destroying it.
    pub fn orphan(&self) {
        self.owner.closed.store(true, Ordering::SeqCst);
        self.owner.orphan.store(true, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        self.owner.done.notify_all();
        if self.is_main {
            // A close of the drum waits for one handle's items after another's.
            for owner in self.engine.all_owners() {
                owner.done.notify_all();
            }
        }
        self.engine.arena.wake();
        self.engine.work.notify_all();
    }

    /// Whether `orphan` was called.
    pub fn is_orphan(&self) -> bool {
        self.owner.is_orphan()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.orphan();
        self.state().outstanding.sweep(|position| {
            self.engine.ring.take(position, |_| true);
            match self.engine.ring.stage(position) {
                Stage::Released => Sweep::Forget,
                _ => Sweep::Keep,
            }
        });
        let mut owners = self.engine.owners.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let last = owners.values().all(|owner| owner.is_orphan());
        if !last {
            owners.retain(|_, owner| !(owner.is_orphan() && nothing_pending(&self.engine, owner)));
        }
        drop(owners);
        if last {
            self.engine.stop();
        }
    }
}

impl State {
    /// Looks up the sets of a batch and counts its items in.
    fn count_in(&mut self, engine: &Engine, items: &[trm_work_item]) -> Result<()> {
        self.runs.clear();
        for run in items.chunk_by(|a, b| a.rule_set_id == b.rule_set_id) {
            match engine.sets.use_for(run[0].rule_set_id, run.len() as u64, &mut self.remembered) {
                Ok(set) => self.runs.push((set, run.len() as u64)),
                Err(error) => {
                    self.count_out(engine, 0);
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Counts out again what `count_in` counted beyond the `accepted` first items.
    fn count_out(&mut self, engine: &Engine, accepted: usize) {
        let mut accepted = accepted as u64;
        for (set, count) in self.runs.drain(..) {
            let kept = count.min(accepted);
            accepted -= kept;
            if count > kept {
                engine.sets.finished(&set, count - kept);
            }
        }
    }

    /// Forgets the oldest items whose slots are free: what was not wanted is never collected, and must not pile up.
    fn prune(&mut self, engine: &Engine) {
        if engine.options.delivery == Delivery::All {
            return;
        }
        self.outstanding.sweep(|position| match engine.ring.stage(position) {
            Stage::Released => Sweep::Forget,
            _ => Sweep::Stop,
        });
    }
}

/// Moves one finished item into the buffers; `Err` tells how many matches it needs where they don't fit.
fn take(
    taker: &mut Taker<'_, Job, Outcome>,
    position: Position,
    buffers: &mut Buffers<'_>,
    taken: &mut Taken,
) -> std::result::Result<(), usize> {
    let mut short = None;
    taker.take(position, |outcome| {
        let room = &mut buffers.matches[taken.matches..];
        if outcome.matches.len() > room.len() {
            short = Some(outcome.matches.len());
            return false;
        }
        buffers.completions[taken.items] = completion(position.ticket(), outcome, taken.matches as u32);
        for (to, from) in room.iter_mut().zip(&outcome.matches) {
            *to = trm_match { start: from.start, end: from.end, rule_id: from.rule_id, item: taken.items as u32 };
        }
        taken.items += 1;
        taken.matches += outcome.matches.len();
        outcome.matches = Vec::new();
        true
    });
    short.map_or(Ok(()), Err)
}

fn completion(ticket: u64, outcome: &Outcome, first_match: u32) -> trm_completion {
    trm_completion {
        ticket,
        correlation: outcome.correlation,
        rule_set_id: outcome.rule_set_id,
        status: outcome.status,
        first_match,
        match_count: outcome.match_count,
    }
}

fn is_pending(engine: &Engine, position: Position) -> bool {
    matches!(engine.ring.stage(position), Stage::Reserved | Stage::Queued | Stage::Claimed)
}

fn nothing_pending(engine: &Engine, owner: &Owner) -> bool {
    lock(&owner.state).outstanding.first_from(None, |p| is_pending(engine, p)).is_none()
}
