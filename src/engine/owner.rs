//! What the drum keeps of a handle, until the last of its items is out of the ring.

use super::event::Event;
use super::loans::Loans;
use super::outstanding::Outstanding;
use super::sets::{Known, Remembered};
use super::stats::Share;
use super::{Engine, Lists};
use crate::drain::Harvest;
use crate::leaning::Leaning;
use crate::ring::parking::WaitList;
use crate::ring::{Position, Stage};
use crate::scan::Scratch;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::time::Duration;

/// See the module.
pub struct Owner {
    id: u32,
    pub(super) state: Leaning<State>,
    /// What this handle's callers finished.
    pub(super) share: Share,
    /// Twice the times that a caller came for results, and whether a device has items of this handle or waits for some. Written
    /// under the lock; for the device drain's own thread, which leaves items to callers that come by.
    pulse: AtomicU64,
    pub(super) done: WaitList,
    pub(super) event: Event,
    /// Takes no new items.
    pub(super) closed: AtomicBool,
    /// Destroyed: nobody collects any more.
    orphan: AtomicBool,
}

/// What callers of a handle share, under its lock.
#[derive(Default)]
pub(super) struct State {
    /// Items with a device, and positions for the next ones.
    pub loans: Loans,
    /// Items whose outcome is or will be in the ring.
    pub outstanding: Outstanding,
    pub remembered: Remembered,
    pub known: Known,
    /// The sets of the batch in hand.
    pub runs: Vec<super::accept::Run>,
    /// Items that are cancelled whatever the ring says, and not taken yet.
    pub cancelled: HashSet<Position>,
    /// For making matches of what a device found; there once it found something.
    pub scratch: Option<Box<Scratch>>,
    /// For a harvest.
    pub lists: super::lender::HarvestLists,
    /// The time that items accepted from now on have.
    pub deadline: Option<Duration>,
    /// Emptied lists of matches, on their way back.
    pub spares: Lists,
}

impl Owner {
    pub(super) fn new(id: u32) -> Self {
        Self {
            id,
            state: Leaning::default(),
            share: Share::default(),
            pulse: AtomicU64::new(0),
            done: WaitList::new(),
            event: Event::default(),
            closed: AtomicBool::new(false),
            orphan: AtomicBool::new(false),
        }
    }

    pub(super) fn id(&self) -> u32 {
        self.id
    }

    pub(super) fn is_orphan(&self) -> bool {
        self.orphan.load(Ordering::SeqCst)
    }

    pub(super) fn make_orphan(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.orphan.store(true, Ordering::SeqCst);
    }

    /// Some of its items are over; `collectable`: outcomes of some lie in the ring now.
    pub(super) fn notify(&self, collectable: bool) {
        self.done.notify_all();
        if collectable && self.event.exists() {
            self.event.raise();
        }
    }

    /// As `notify`, where a harvest brought anything.
    pub(super) fn tell(&self, harvest: Harvest) {
        if harvest.finished {
            self.notify(harvest.collectable);
        }
    }

    /// A caller came for results, or will, and this is what is left with the device.
    pub(super) fn visited(&self, loans: &Loans) {
        let visits = (self.pulse.load(Ordering::Relaxed) | 1) + 1;
        self.pulse.store(visits | u64::from(!loans.is_quiet()), Ordering::Relaxed);
    }

    /// As `visited`, where it was no caller who came.
    pub(super) fn looked_after(&self, loans: &Loans) {
        let visits = self.pulse.load(Ordering::Relaxed) & !1;
        self.pulse.store(visits | u64::from(!loans.is_quiet()), Ordering::Relaxed);
    }

    /// Items went to the device. True if none was there before: then the device's thread may be asleep.
    pub(super) fn lent(&self) -> bool {
        let pulse = self.pulse.load(Ordering::Relaxed);
        if pulse & 1 == 0 {
            // The counterpart of the look that the thread takes between saying that it sleeps and sleeping.
            self.pulse.store(pulse | 1, Ordering::SeqCst);
        }
        pulse & 1 == 0
    }

    /// See `pulse`.
    pub(super) fn pulse(&self) -> u64 {
        self.pulse.load(Ordering::SeqCst)
    }

    /// Whether items of it are not done yet.
    pub(super) fn is_pending(&self, engine: &Engine) -> bool {
        let state = self.state.lock();
        !state.loans.is_quiet() || state.outstanding.first_from(None, |p| is_pending(engine, p)).is_some()
    }
}

/// Whether an item in the ring is not done yet.
pub(super) fn is_pending(engine: &Engine, position: Position) -> bool {
    matches!(engine.ring.stage(position), Stage::Reserved | Stage::Queued | Stage::Claimed)
}

/// The owners that a drain has finished items for since it last told them.
#[derive(Default)]
pub struct Owners {
    known: Vec<Told>,
}

pub(super) struct Told {
    pub owner: Arc<Owner>,
    finished: bool,
    /// Outcomes of pieces were put into the ring.
    pub collectable: bool,
    /// Outcomes put into the ring since, as runs of positions.
    completed: Vec<(Position, u64)>,
}

impl Told {
    /// Outcomes of items in a row were put into the ring.
    #[inline]
    pub(super) fn completed(&mut self, from: Position, more: u64) {
        match self.completed.last_mut() {
            Some((first, count)) if first.plus(*count) == from => *count += more,
            _ => self.completed.push((from, more)),
        }
    }
}

impl Owners {
    /// The owner of an item that is finished now.
    pub(super) fn get(&mut self, engine: &Engine, id: u32) -> &mut Told {
        let at = match self.known.iter().position(|told| told.owner.id() == id) {
            Some(at) => at,
            None => {
                self.known.push(Told {
                    owner: engine.owner(id),
                    finished: false,
                    collectable: false,
                    completed: Vec::new(),
                });
                self.known.len() - 1
            }
        };
        let told = &mut self.known[at];
        told.finished = true;
        told
    }

    pub(super) fn notify(&mut self, engine: &Engine) {
        // A handle that is destroyed says so and then takes what is done. Once for all that was completed: either it saw
        // an item done, or it is seen here that nobody will collect it.
        fence(Ordering::SeqCst);
        self.known.retain_mut(|told| {
            let orphan = told.owner.is_orphan();
            if std::mem::take(&mut told.finished) {
                if orphan {
                    for &(first, count) in &told.completed {
                        (0..count).for_each(|i| _ = engine.ring.take(first.plus(i), |_| true));
                    }
                }
                let collectable = std::mem::take(&mut told.collectable) || !told.completed.is_empty();
                told.owner.notify(collectable);
                told.completed.clear();
            }
            !orphan
        });
    }
}
