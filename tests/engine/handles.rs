//! Attached handles: own answers, any end.

use super::abi::*;
use super::text_of;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::scope;

#[test]
fn eight_handles_see_exactly_their_own_answers() {
    let engine = Engine::with_rules(&["needle"], |options| options.ring_size = 64);
    let seen = AtomicU64::new(0);
    scope(|threads| {
        for thread in 0..8u64 {
            let handle = engine.attach();
            let seen = &seen;
            threads.spawn(move || {
                let mut mine = HashSet::new();
                let mut left = 300;
                while left > 0 || !mine.is_empty() {
                    let n = thread * 1000 + left;
                    if left > 0
                        && let Ok(ticket) = handle.submit(&text_of(n).0, n as u32)
                    {
                        assert!(mine.insert(ticket));
                        left -= 1;
                    }
                    match handle.collect(if left > 0 { NOW } else { LONG }) {
                        Ok(items) => {
                            for item in items {
                                assert!(mine.remove(&item.ticket()), "not mine, or twice");
                                let n = u64::from(item.completion.correlation);
                                assert_eq!((n / 1000, item.spans()), (thread, text_of(n).1));
                                seen.fetch_add(1, SeqCst);
                            }
                        }
                        Err(status) => assert_eq!(status, TRM_EMPTY),
                    }
                }
                assert_eq!(handle.collect(NOW).unwrap_err(), TRM_EMPTY);
            });
        }
    });
    assert_eq!((seen.load(SeqCst), engine.in_flight(), engine.head()), (2400, 0, 2400));
}

#[test]
fn another_handles_ticket_is_refused() {
    let engine = Engine::caller(&["a"], |_| ());
    let other = engine.attach();
    let ticket = other.submit(b"a", 0).unwrap();
    assert_eq!(engine.wait(ticket, NOW).unwrap_err(), TRM_ERR_TICKET);
    assert_eq!((engine.is_done(ticket), other.wait(ticket, NOW).unwrap_err()), (TRM_PENDING, TRM_PENDING));
    engine.drain_one(LONG).unwrap();
    assert_eq!(engine.wait(ticket, NOW).unwrap_err(), TRM_ERR_TICKET);
    assert_eq!(engine.collect(NOW).unwrap_err(), TRM_EMPTY);
    assert_eq!(engine.is_done(ticket), TRM_OK);
    assert_eq!(other.wait(ticket, LONG).unwrap().spans(), [(0, 1, 0)]);
}

#[test]
fn handles_end_in_any_order() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]] {
        for close in [false, true] {
            let main = Engine::with_rules(&["a"], |_| ());
            let handles = [&main, &main.attach(), &main.attach()];
            for handle in handles {
                handle.submit(b"a", 0).unwrap();
            }
            for (done, &at) in order.iter().enumerate() {
                if close {
                    assert_eq!(handles[at].close(LONG), TRM_OK);
                    assert_eq!(handles[at].collect(LONG).unwrap().len(), 1);
                    assert_eq!(handles[at].collect(LONG).unwrap_err(), TRM_ERR_CLOSED);
                }
                handles[at].destroy();
                assert_eq!(handles[at].submit(b"a", 0), Err(TRM_ERR_HANDLE));
                // The main handle closed the drum; if it was only destroyed, the others work on.
                let closed = close && order[..=done].contains(&0);
                for &alive in &order[done + 1..] {
                    let expected = if closed { Some(TRM_ERR_CLOSED) } else { None };
                    let submitted = handles[alive].submit(b"aa", 1);
                    assert_eq!(submitted.err(), expected);
                    if let Ok(ticket) = submitted {
                        assert_eq!(handles[alive].wait(ticket, LONG).unwrap().spans().len(), 2);
                    }
                }
            }
        }
    }
}

#[test]
fn items_of_destroyed_handles_free_their_slots() {
    let engine = Engine::with_rules(&["a"], |options| options.ring_size = 8);
    for round in 0..300 {
        let handle = engine.attach();
        let accepted = (0..8).filter(|_| handle.submit(b"aaaa", round).is_ok()).count();
        assert!(round > 0 || accepted == 8);
    }
    until("an empty ring", || engine.in_flight() == 0);
    assert_eq!(engine.stats().arena_used, 0);
    assert_eq!(engine.collect(NOW).unwrap_err(), TRM_EMPTY);
    let ticket = engine.submit(b"a", 0).unwrap();
    assert_eq!(engine.wait(ticket, LONG).unwrap().spans(), [(0, 1, 0)]);
}

#[test]
fn items_claimed_before_their_handle_ended_free_their_slots_too() {
    let engine = Engine::caller(&["a"], |options| options.ring_size = 2);
    let handle = engine.attach();
    let (queued, claimed) = (handle.submit(b"a", 0).unwrap(), handle.submit(b"a", 1).unwrap());
    let first = engine.claim(NOW).unwrap();
    handle.destroy();
    assert_eq!(engine.mark_done(first.ticket(), TRM_OK, &[]), TRM_OK);
    engine.drain_one(NOW).unwrap();
    assert_eq!((engine.is_done(queued), engine.is_done(claimed), engine.in_flight()), (TRM_OK, TRM_OK, 0));
    assert_eq!(engine.stats().arena_used, 0);
}
