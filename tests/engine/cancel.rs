//! Cancelled and late items: each completes once, and says so.

use super::abi::*;
use super::text_of;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::scope;

/// One thread enqueues and collects, another cancels: what was cancelled in time, and nothing else, is cancelled.
/// How many were is left to chance.
fn cancel_under_load(engine: &Engine, items: u64) -> usize {
    let (tickets, cancelled, over) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()), AtomicBool::new(false));
    let mut done = Vec::new();
    scope(|threads| {
        threads.spawn(|| {
            let mut n = 0u64;
            while !over.load(SeqCst) {
                let some: Vec<u64> = std::mem::take(&mut *tickets.lock().unwrap());
                for ticket in some {
                    n += 1;
                    // The newest ones are mostly queued, the older ones claimed, done or taken.
                    if n.is_multiple_of(3) {
                        match engine.cancel(ticket) {
                            TRM_OK => cancelled.lock().unwrap().push(ticket),
                            status => assert_eq!(status, TRM_TAKEN),
                        }
                    }
                }
                std::thread::yield_now();
            }
        });
        for n in 0..items {
            let (text, _) = text_of(n);
            loop {
                match engine.submit(&text, n as u32) {
                    Ok(ticket) => break tickets.lock().unwrap().push(ticket),
                    Err(TRM_QUEUE_FULL | TRM_ARENA_FULL) => done.extend(engine.collect(LONG).unwrap()),
                    Err(status) => panic!("{status}"),
                }
            }
        }
        while (done.len() as u64) < items {
            done.extend(engine.collect(LONG).unwrap());
        }
        over.store(true, SeqCst);
    });
    let cancelled = cancelled.into_inner().unwrap();
    done.sort_by_key(Item::ticket);
    assert!(done.windows(2).all(|two| two[0].ticket() < two[1].ticket()), "completed twice");
    let mut said = Vec::new();
    for item in &done {
        if item.completion.status == TRM_CANCELLED {
            assert_eq!((item.completion.match_count, item.matches.len()), (0, 0));
            said.push(item.ticket());
        } else {
            assert_eq!(item.completion.status, TRM_OK);
            assert_eq!(item.spans(), text_of(u64::from(item.completion.correlation)).1);
        }
    }
    let mut asked = cancelled;
    asked.sort_unstable();
    assert_eq!(said, asked, "cancelled is what was told so");
    assert_eq!((engine.in_flight(), engine.stats().arena_used), (0, 0));
    said.len()
}

/// The same, again and again until some were.
fn cancel_some_under_load(engine: &Engine, items: u64) {
    let some = (0..50).any(|_| cancel_under_load(engine, items) > 0);
    assert!(some, "nothing was cancelled in time");
}

#[test]
fn cancelled_items_complete_once_on_the_cpu_drain() {
    cancel_some_under_load(&Engine::with_rules(&["needle"], |options| options.ring_size = 64), 20_000);
}

#[test]
fn cancelled_items_complete_once_on_the_callers_drain() {
    let engine = Engine::caller(&["needle"], |options| options.ring_size = 64);
    scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| while engine.drain_one(LONG).is_ok() {});
        }
        cancel_some_under_load(&engine, 5000);
        assert_eq!(engine.close(LONG), TRM_OK);
    });
}

#[test]
fn a_queued_item_is_cancelled_before_it_is_claimed() {
    let engine = Engine::caller(&["needle"], |_| ());
    let [first, second, third] = [1, 2, 3].map(|n| engine.submit(b"needle", n).unwrap());
    assert_eq!(engine.cancel(first), TRM_OK);
    assert_eq!(engine.cancel(first), TRM_OK, "again");
    assert_eq!(engine.is_done(first), TRM_PENDING, "nobody has come to it");
    let claimed = engine.claim(NOW).unwrap();
    assert_eq!(claimed.ticket(), second, "the cancelled one is not given out");
    assert_eq!(engine.wait(first, NOW).unwrap().completion.status, TRM_CANCELLED);
    assert_eq!(engine.cancel(first), TRM_TAKEN, "it was collected");
    // In somebody's hands: the bytes stay until it is marked done.
    assert_eq!(engine.cancel(second), TRM_OK);
    assert_eq!(claimed.bytes(), b"needle");
    assert_eq!(engine.mark_done(second, TRM_OK, &[]), TRM_OK);
    let item = engine.wait(second, NOW).unwrap();
    assert_eq!((item.completion.status, item.completion.correlation), (TRM_CANCELLED, 2));
    // Done, and not collected.
    engine.drain_one(NOW).unwrap();
    assert_eq!(engine.cancel(third), TRM_OK);
    let item = engine.wait(third, NOW).unwrap();
    assert_eq!((item.completion.status, item.matches.len()), (TRM_CANCELLED, 0));
    let other = engine.attach();
    let theirs = other.submit(b"", 0).unwrap();
    assert_eq!(engine.cancel(theirs), TRM_ERR_TICKET, "another handle's");
    assert_eq!(engine.cancel(theirs + 1), TRM_ERR_TICKET, "never issued");
    assert_eq!(engine.cancel(0), TRM_ERR_TICKET);
}

/// Only completions of cancelled items and of hits are handed out; which they are is not left to chance.
#[test]
fn cancelled_items_are_delivered_where_only_hits_are() {
    let engine = Engine::caller(&["needle"], |options| options.delivery = TRM_DELIVER_HITS);
    let tickets: Vec<u64> = (0..6).map(|n| engine.submit(b"nothing", n).unwrap()).collect();
    engine.drain_one(NOW).unwrap();
    assert_eq!(engine.cancel(tickets[0]), TRM_TAKEN, "done, and not wanted");
    for n in [1, 3] {
        assert_eq!(engine.cancel(tickets[n]), TRM_OK);
    }
    while engine.drain_one(NOW).is_ok() {}
    let items = engine.collect(NOW).unwrap();
    let said: Vec<_> = items.iter().map(|item| (item.ticket(), item.completion.status)).collect();
    assert_eq!(said, [(tickets[1], TRM_CANCELLED), (tickets[3], TRM_CANCELLED)]);
    assert_eq!(engine.in_flight(), 0);
}

#[test]
fn late_items_are_cancelled_and_early_ones_are_not() {
    let engine = Engine::caller(&["needle"], |_| ());
    assert_eq!(engine.set_deadline(0), TRM_OK);
    let late = engine.submit(b"needle", 1).unwrap();
    assert_eq!(engine.set_deadline(LONG), TRM_OK);
    let early = engine.submit(b"needle", 2).unwrap();
    let other = engine.attach();
    let theirs = other.submit(b"needle", 3).unwrap();
    assert_eq!(engine.set_deadline(1_000_000), TRM_OK);
    let slow = engine.submit(b"needle", 4).unwrap();
    assert_eq!(engine.set_deadline(-1), TRM_OK);
    let free = engine.submit(b"needle", 5).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(5));
    while engine.drain_one(NOW).is_ok() {}
    for (ticket, status) in [(late, TRM_CANCELLED), (early, TRM_OK), (slow, TRM_CANCELLED), (free, TRM_OK)] {
        assert_eq!(engine.wait(ticket, NOW).unwrap().completion.status, status);
    }
    assert_eq!(other.wait(theirs, NOW).unwrap().completion.status, TRM_OK, "a handle's deadline is its own");
    // Late while somebody works on it.
    assert_eq!(engine.set_deadline(20_000_000), TRM_OK);
    let ticket = engine.submit(b"needle", 6).unwrap();
    let claimed = engine.claim(NOW).expect("it is not late yet");
    std::thread::sleep(std::time::Duration::from_millis(25));
    assert_eq!(engine.mark_done(claimed.ticket(), TRM_OK, &[]), TRM_OK);
    assert_eq!(engine.wait(ticket, NOW).unwrap().completion.status, TRM_CANCELLED);
}

#[test]
fn a_cpu_drain_skips_what_is_late() {
    let engine = Engine::with_rules(&["needle"], |_| ());
    assert_eq!(engine.set_deadline(0), TRM_OK);
    for n in 0..100 {
        engine.submit(b"needle", n).unwrap();
    }
    let items = engine.collect_all(100);
    assert!(items.iter().all(|item| item.completion.status == TRM_CANCELLED && item.matches.is_empty()));
    assert_eq!(engine.stats().matches, 0, "nothing was scanned");
    assert_eq!(engine.close(LONG), TRM_OK);
    assert_eq!(engine.set_deadline(1), TRM_ERR_CLOSED);
}
