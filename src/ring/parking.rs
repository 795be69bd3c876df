//! Waiting without spinning: threads park until a condition that they poll holds, and telling them is nearly free when
//! nobody waits.
//!
//! The waiter counts itself in and then polls; the notifier makes the condition true and then looks whether somebody
//! is counted in. With a full fence between the two steps on either side, at least one of them sees the other, so a
//! wake-up can't fall between poll and sleep.

use super::sync::{AtomicUsize, Condvar, Mutex, Ordering, fence};
use std::time::Instant;

/// Threads that wait for a condition.
pub struct WaitList {
    waiting: AtomicUsize,
    /// Counts notifications that found somebody waiting. A waiter sleeps only if it has not moved since before its poll.
    turn: Mutex<u64>,
    wake: Condvar,
}

impl Default for WaitList {
    fn default() -> Self {
        Self::new()
    }
}

impl WaitList {
    /// Nobody waits.
    pub fn new() -> Self {
        Self { waiting: AtomicUsize::new(0), turn: Mutex::new(0), wake: Condvar::new() }
    }

    /// Polls until it yields something, parked in between; `None` when the deadline came first.
    ///
    /// `poll` runs without a lock held. Without a deadline it waits for ever; one in the past polls at least once.
    pub fn wait_until<T>(&self, deadline: Option<Instant>, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
        match poll_a_while(deadline, &mut poll) {
            Some(found) => Some(found),
            None => self.park_until(deadline, poll),
        }
    }

    /// As `wait_until`, for who does not expect anything soon: after a deadline that is past it does not poll, before one it
    /// polls once and parks.
    pub fn park_until<T>(&self, deadline: Option<Instant>, mut poll: impl FnMut() -> Option<T>) -> Option<T> {
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return None;
        }
        let _counted_in = CountedIn::new(&self.waiting);
        // Once will do: a notifier whose fence is after this one sees that somebody waits, and whatever a notifier whose
        // fence is before this one has changed is seen by every poll below.
        fence(Ordering::SeqCst);
        let mut turn = self.turn();
        loop {
            if let Some(found) = poll() {
                return Some(found);
            }
            if !self.sleep(&mut turn, deadline) {
                // A notification may have come just before the deadline and woken only this thread.
                return poll();
            }
        }
    }

    fn turn(&self) -> u64 {
        *self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Sleeps until the turn has moved on; `false` when the deadline came first.
    fn sleep(&self, seen: &mut u64, deadline: Option<Instant>) -> bool {
        let mut turn = self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        while *turn == *seen {
            turn = match deadline {
                None => self.wake.wait(turn).unwrap_or_else(|poisoned| poisoned.into_inner()),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.wake.wait_timeout(turn, left).unwrap_or_else(|poisoned| poisoned.into_inner()).0
                }
            };
        }
        *seen = *turn;
        true
    }

    /// `count` new things are there, each of use to any one waiter: wakes one, or all for more than one.
    #[inline]
    pub fn notify(&self, count: usize) {
        if self.somebody_waits() && count > 0 {
            self.wake_up(count > 1);
        }
    }

    /// Something changed that any waiter may be waiting for.
    #[inline]
    pub fn notify_all(&self) {
        if self.somebody_waits() {
            self.wake_up(true);
        }
    }

    /// How many threads are waiting now.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    #[inline(always)]
    fn somebody_waits(&self) -> bool {
        // The counterpart of the waiter's fence: the change that is told of comes before the look at who waits.
        fence(Ordering::SeqCst);
        self.waiting.load(Ordering::Relaxed) != 0
    }

    #[cold]
    fn wake_up(&self, all: bool) {
        *self.turn.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) += 1;
        if all {
            self.wake.notify_all();
        } else {
            self.wake.notify_one();
        }
    }
}

/// Polls for the time that parking and waking would cost anyway.
#[cfg(not(loom))]
fn poll_a_while<T>(deadline: Option<Instant>, poll: &mut impl FnMut() -> Option<T>) -> Option<T> {
    let backoff = crossbeam_utils::Backoff::new();
    loop {
        let found = poll();
        if found.is_some() || backoff.is_completed() || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return found;
        }
        backoff.snooze();
    }
}

/// The models go straight to what is to be proven.
#[cfg(loom)]
fn poll_a_while<T>(_: Option<Instant>, _: &mut impl FnMut() -> Option<T>) -> Option<T> {
    None
}

/// One waiter, counted out again however the waiting ends.
struct CountedIn<'a>(&'a AtomicUsize);

impl<'a> CountedIn<'a> {
    fn new(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for CountedIn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
