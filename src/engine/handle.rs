//! A handle on a drum: what it enqueues is completed on it. Here is how it begins and ends; accepting and collecting are
//! beside it.

use super::Engine;
use super::outstanding::Sweep;
use super::owner::{Owner, State, is_pending};
use crate::input::Region;
use crate::leaning::Guard;
use crate::ring::Stage;
use crate::status::{Result, *};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{Ordering, fence};
use std::time::Instant;

/// A handle. The first one of a drum stands for the whole drum when it is closed.
pub struct Handle {
    port: Port,
    is_main: bool,
}

/// Where items are accepted: what a handle and its streams have in common.
#[derive(Clone)]
pub struct Port {
    pub(super) engine: Arc<Engine>,
    pub(super) owner: Arc<Owner>,
}

impl Deref for Handle {
    type Target = Port;

    fn deref(&self) -> &Port {
        &self.port
    }
}

impl Port {
    /// Refuses when this handle or the drum is closed.
    #[inline(always)]
    pub fn check_open(&self) -> Result<()> {
        if self.owner.closed.load(Ordering::SeqCst) || self.engine.ring.is_closed() {
            return Err(TRM_ERR_CLOSED.into());
        }
        Ok(())
    }

    pub(super) fn check_alive(&self) -> Result<()> {
        if self.owner.is_orphan() { Err(TRM_ERR_HANDLE.into()) } else { Ok(()) }
    }

    pub(super) fn state(&self) -> Guard<'_, State> {
        self.owner.state.lock()
    }
}

impl Handle {
    pub(super) fn new(engine: Arc<Engine>, is_main: bool) -> Self {
        // Another new handle is not to be used before the only one there was has settled.
        let alone = super::lock(&engine.attaching);
        let mut owners = engine.owners.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        engine.forget_gone(&mut owners);
        let id = loop {
            let id = engine.next_owner.fetch_add(1, Ordering::Relaxed);
            if !owners.contains_key(&id) {
                break id;
            }
        };
        let owner = Arc::new(Owner::new(id));
        owners.insert(id, owner.clone());
        engine.count_owners(&owners);
        let second = owners.len() == 2;
        drop(owners);
        if second && !engine.options.sparse_tickets {
            engine.settle_the_only();
        }
        drop(alone);
        Self { port: Port { engine, owner }, is_main }
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

    pub(super) fn port(&self) -> &Port {
        &self.port
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
        // Positions finish for good, so each look goes on where the last one stopped; but while a device drain may still
        // pass on older ones to worker threads, there is no such place.
        let mut from = None;
        let done = || {
            let state = owner.state.lock();
            from = state.outstanding.first_from(from, |p| is_pending(&self.engine, p));
            let pending = from.is_some() || !state.loans.is_empty();
            if self.engine.feed().is_some() {
                from = None;
            }
            (!pending || self.is_orphan()).then_some(())
        };
        owner.done.wait_until(deadline, done).is_some()
    }

    /// Wakes every caller that waits on this handle; they answer that it is gone. First half of destroying it.
    pub fn orphan(&self) {
        self.owner.make_orphan();
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
        let mut state = self.state();
        state.settle(&self.engine, &self.owner);
        self.engine.sets.forget(&mut state.remembered);
        for position in state.cancelled.drain() {
            self.engine.off.remove(position);
        }
        state.outstanding.sweep(|position| {
            self.engine.ring.take(position, |_| true);
            match self.engine.ring.stage(position) {
                Stage::Released => Sweep::Forget,
                _ => Sweep::Keep,
            }
        });
        drop(state);
        let mut owners = self.engine.owners.write().unwrap_or_else(|poisoned| poisoned.into_inner());
        let last = owners.values().all(|owner| owner.is_orphan());
        if !last {
            self.engine.forget_gone(&mut owners);
        }
        drop(owners);
        if last {
            self.engine.stop();
        }
    }
}
