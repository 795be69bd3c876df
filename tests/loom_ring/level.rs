//! A signal that is down while something is there would be waited for in vain.

use super::*;
use loom::sync::Mutex;
use loom::sync::atomic::{AtomicUsize, Ordering};
use trommel::ring::level::Level;

/// Things, and an outside signal such as an eventfd: calls to it come one after another.
struct Watched {
    things: [AtomicUsize; 2],
    level: Level,
    signal: Mutex<u64>,
}

impl Watched {
    fn new() -> Arc<Self> {
        let things = [AtomicUsize::new(0), AtomicUsize::new(0)];
        Arc::new(Self { things, level: Level::new(), signal: Mutex::new(0) })
    }

    fn raise(&self) {
        self.level.raise(|| *self.signal.lock().unwrap() += 1);
    }

    fn put(&self, at: usize) {
        self.things[at].store(1, Ordering::Release);
        self.raise();
    }

    /// Takes what is there and lowers the signal, then raises it for what came meanwhile.
    fn collect(&self) -> usize {
        let taken = self.take();
        self.level.lower(|| *self.signal.lock().unwrap() = 0);
        if self.things.iter().any(|thing| thing.load(Ordering::Acquire) == 1) {
            self.raise();
        }
        taken
    }

    fn take(&self) -> usize {
        self.things.iter().filter(|t| t.compare_exchange(1, 2, Ordering::Acquire, Ordering::Relaxed).is_ok()).count()
    }

    fn is_up(&self) -> bool {
        *self.signal.lock().unwrap() > 0
    }
}

fn on<T: 'static>(watched: &Arc<Watched>, f: impl FnOnce(&Watched) -> T + 'static) -> JoinHandle<T> {
    let watched = watched.clone();
    thread::spawn(move || f(&watched))
}

#[test]
fn what_comes_while_it_is_lowered_is_announced() {
    model(3, || {
        let watched = Watched::new();
        watched.put(0);
        let producer = on(&watched, |watched| watched.put(1));
        let taken = watched.collect();
        producer.join().unwrap();
        assert!(taken == 2 || watched.is_up(), "something is there and the signal is down");
    });
}

#[test]
fn two_raise_it_and_one_lowers_it() {
    model(2, || {
        let watched = Watched::new();
        let first = on(&watched, |watched| watched.put(0));
        let second = on(&watched, |watched| watched.put(1));
        let taken = watched.collect();
        first.join().unwrap();
        second.join().unwrap();
        assert!(taken == 2 || watched.is_up(), "something is there and the signal is down");
    });
}

/// Raised for nothing now and then, but not for ever.
#[test]
fn it_is_down_once_all_is_taken() {
    model(3, || {
        let watched = Watched::new();
        let producer = on(&watched, |watched| watched.put(0));
        watched.collect();
        producer.join().unwrap();
        watched.collect();
        watched.collect();
        assert!(!watched.is_up());
    });
}
