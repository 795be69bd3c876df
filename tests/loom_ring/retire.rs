//! A thing that is retired while it is used is cleaned up once, after the last use.

use super::*;
use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering};
use trommel::ring::retire::Uses;

struct Thing {
    uses: Uses,
    /// 1 while in service, 0 once cleaned up.
    alive: UnsafeCell<u32>,
    /// What the one who retires leaves for the one who cleans up.
    note: UnsafeCell<u32>,
    cleaned: AtomicUsize,
}

// SAFETY: the models are there to show that cleaning up excludes every use.
unsafe impl Sync for Thing {}
// SAFETY: as above.
unsafe impl Send for Thing {}

impl Thing {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            uses: Uses::new(),
            alive: UnsafeCell::new(1),
            note: UnsafeCell::new(0),
            cleaned: AtomicUsize::new(0),
        })
    }

    fn clean_up(&self) {
        // SAFETY: the last use is over.
        self.alive.with_mut(|alive| unsafe { *alive = 0 });
        // SAFETY: whoever retired it has written it before.
        self.note.with_mut(|note| unsafe { *note = 0 });
        self.cleaned.fetch_add(1, Ordering::Relaxed);
    }

    fn use_once(&self, count: u64) -> bool {
        if !self.uses.try_add(count) {
            return false;
        }
        // SAFETY: counted in.
        assert_eq!(self.alive.with(|alive| unsafe { *alive }), 1);
        for _ in 0..count {
            if self.uses.sub(1) {
                self.clean_up();
            }
        }
        true
    }

    fn retire(&self) {
        if self.uses.retire() {
            self.clean_up();
        }
    }
}

#[test]
fn retiring_races_with_uses() {
    model(3, || {
        let thing = Thing::new();
        let users = [1, 2].map(|count| {
            let thing = thing.clone();
            thread::spawn(move || thing.use_once(count))
        });
        // SAFETY: nobody cleans up before it is retired.
        thing.note.with_mut(|note| unsafe { *note = 5 });
        thing.retire();
        users.map(|user| user.join().unwrap());
        assert_eq!((thing.cleaned.load(Ordering::Relaxed), thing.uses.count()), (1, 0));
        assert!(!thing.uses.try_add(1));
    });
}

#[test]
fn retiring_twice_cleans_up_once() {
    model(3, || {
        let thing = Thing::new();
        let user = {
            let thing = thing.clone();
            thread::spawn(move || thing.use_once(1))
        };
        let other = {
            let thing = thing.clone();
            thread::spawn(move || thing.retire())
        };
        thing.retire();
        user.join().unwrap();
        other.join().unwrap();
        assert_eq!(thing.cleaned.load(Ordering::Relaxed), 1);
        assert!(thing.uses.is_retired());
    });
}

#[test]
fn retiring_if_unused_never_pulls_it_away() {
    model(3, || {
        let thing = Thing::new();
        let user = {
            let thing = thing.clone();
            thread::spawn(move || thing.use_once(1))
        };
        let early = thing.uses.retire_if_unused();
        if early {
            thing.clean_up();
        }
        assert!(user.join().unwrap() || early);
        assert_eq!(thing.cleaned.load(Ordering::Relaxed), usize::from(early));
        assert_eq!(thing.uses.retire_if_unused(), !early);
    });
}

/// Who has a use may have another, also after it is retired; the last of them cleans up.
#[test]
fn a_user_counts_in_again() {
    model(3, || {
        let thing = Thing::new();
        assert!(thing.uses.try_add(1));
        let user = {
            let thing = thing.clone();
            thread::spawn(move || {
                thing.uses.add_again(1);
                for _ in 0..2 {
                    // SAFETY: counted in.
                    assert_eq!(thing.alive.with(|alive| unsafe { *alive }), 1);
                    if thing.uses.sub(1) {
                        thing.clean_up();
                    }
                }
            })
        };
        thing.retire();
        user.join().unwrap();
        assert_eq!((thing.cleaned.load(Ordering::Relaxed), thing.uses.count()), (1, 0));
    });
}
