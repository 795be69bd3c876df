//! Lost wake-ups: a waiter that sleeps through what it waits for is a deadlock, which loom reports.

use super::*;
use loom::sync::atomic::{AtomicUsize, Ordering};
use trommel::ring::Stage;
use trommel::ring::parking::WaitList;

/// A ring and those who wait on it.
struct Drum {
    ring: Numbers,
    list: WaitList,
}

fn drum(capacity: u32) -> Arc<Drum> {
    Arc::new(Drum { ring: Numbers::new(capacity), list: WaitList::new() })
}

fn on<T: 'static>(drum: &Arc<Drum>, f: impl FnOnce(&Drum) -> T + 'static) -> JoinHandle<T> {
    let drum = drum.clone();
    thread::spawn(move || f(&drum))
}

#[test]
fn a_wait_races_with_the_completion() {
    model(3, || {
        let drum = drum(1);
        let at = put(&drum.ring, 1).unwrap();
        let waiter = on(&drum, move |drum| {
            drum.list.wait_until(None, || (drum.ring.stage(at) == Stage::Done).then(|| take(&drum.ring, at)))
        });
        complete_some(&drum.ring, 1);
        drum.list.notify_all();
        assert_eq!(waiter.join().unwrap(), Some(Some(100)));
    });
}

#[test]
fn a_worker_races_with_the_enqueue() {
    model(3, || {
        let drum = drum(2);
        let worker =
            on(&drum, |drum| drum.list.wait_until(None, || drum.ring.claim(1)).map(|c| drum.ring.finish_all(c)));
        put(&drum.ring, 1).unwrap();
        drum.list.notify(1);
        assert!(worker.join().unwrap().is_some());
    });
}

#[test]
fn two_workers_get_one_item_each() {
    model(2, || {
        let drum = drum(2);
        let work = |drum: &Drum| drum.list.wait_until(None, || drum.ring.claim(1)).map(|c| drum.ring.finish_all(c));
        let workers = [on(&drum, work), on(&drum, work)];
        for value in 0..2 {
            put(&drum.ring, value).unwrap();
            drum.list.notify(1);
        }
        workers.map(|worker| assert!(worker.join().unwrap().is_some()));
        assert_eq!(drum.ring.in_flight(), 0);
    });
}

#[test]
fn a_batch_wakes_all_workers() {
    model(2, || {
        let drum = drum(2);
        let work = |drum: &Drum| drum.list.wait_until(None, || drum.ring.claim(1)).map(|c| drum.ring.finish_all(c));
        let workers = [on(&drum, work), on(&drum, work)];
        let reservation = drum.ring.reserve(2).unwrap();
        drum.ring.publish(reservation, |i| i as u32);
        drum.list.notify(2);
        workers.map(|worker| assert!(worker.join().unwrap().is_some()));
    });
}

#[test]
fn notify_all_reaches_every_waiter() {
    model(2, || {
        let drum = drum(1);
        let wait = |drum: &Drum| drum.list.wait_until(None, || drum.ring.is_closed().then_some(()));
        let waiters = [on(&drum, wait), on(&drum, wait)];
        drum.ring.close();
        drum.list.notify_all();
        waiters.map(|waiter| assert!(waiter.join().unwrap().is_some()));
    });
}

#[test]
fn a_full_ring_waits_for_room() {
    model(3, || {
        let drum = drum(1);
        put(&drum.ring, 1).unwrap();
        let producer = on(&drum, |drum| drum.list.wait_until(None, || put(&drum.ring, 2)));
        assert_eq!(finish_some(&drum.ring, 1), [1]);
        drum.list.notify(1);
        assert!(producer.join().unwrap().is_some());
    });
}

/// A poll that fails goes back to sleep without missing the next notification, and counts itself out at the end.
#[test]
fn a_waiter_goes_on_waiting_until_it_holds() {
    model(3, || {
        let shared = Arc::new((AtomicUsize::new(0), WaitList::new()));
        let waiter = thread::spawn({
            let shared = shared.clone();
            move || shared.1.wait_until(None, || (shared.0.load(Ordering::Relaxed) == 2).then_some(()))
        });
        for n in 1..=2 {
            shared.0.store(n, Ordering::Relaxed);
            shared.1.notify(1);
        }
        assert!(waiter.join().unwrap().is_some());
        assert_eq!(shared.1.waiting(), 0);
    });
}
