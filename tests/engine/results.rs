//! Results: each item's answer once, whole, and right.

use super::abi::*;
use super::text_of;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::scope;

#[test]
fn every_item_is_answered_once_and_right() {
    let engine = Engine::with_rules(&["needle"], |_| ());
    for n in 0..100 {
        assert_eq!(engine.submit(&text_of(n).0, n as u32), Ok(n + 1), "tickets count from 1");
    }
    for (n, item) in (0..).zip(engine.collect_all(100)) {
        let (c, (_, spans)) = (item.completion, text_of(n));
        assert_eq!((c.ticket, c.correlation, c.rule_set_id, c.status), (n + 1, n as u32, 0, TRM_OK));
        assert_eq!((c.match_count, item.spans()), (spans.len() as u64, spans));
        assert_eq!(engine.is_done(c.ticket), TRM_OK, "for ever");
    }
    assert_eq!(engine.is_done(101), TRM_ERR_TICKET);
    assert_eq!(engine.is_done(0), TRM_ERR_TICKET);
    assert_eq!(engine.collect(NOW).unwrap_err(), TRM_EMPTY);
    assert_eq!((engine.in_flight(), engine.head(), engine.tail()), (0, 100, 100));
    assert_eq!(engine.close(LONG), TRM_OK);
    let stats = engine.stats();
    assert_eq!((stats.accepted, stats.claimed, stats.finished, stats.in_flight), (100, 100, 100, 0));
    assert_eq!((stats.matches, stats.failed, stats.arena_used), (34, 0, 0));
    assert_eq!(stats.bytes, (0..100).map(|n| text_of(n).0.len() as u64).sum());
}

#[test]
fn a_completion_is_given_out_once() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let (first, second) = (engine.submit(b"a", 1).unwrap(), engine.submit(b"aa", 2).unwrap());
    assert_eq!(engine.wait(first, LONG).unwrap().spans(), [(0, 1, 0)]);
    assert_eq!(engine.wait(first, LONG).unwrap_err(), TRM_TAKEN);
    let rest = engine.collect_all(1);
    assert_eq!((rest[0].ticket(), rest[0].spans()), (second, vec![(0, 1, 0), (1, 2, 0)]));
    assert_eq!(engine.wait(second, NOW).unwrap_err(), TRM_TAKEN);
    assert_eq!(engine.wait(second + 1, NOW).unwrap_err(), TRM_ERR_TICKET);
    assert_eq!(engine.collect(NOW).unwrap_err(), TRM_EMPTY);
}

#[test]
fn what_does_not_fit_is_left_and_told() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let few = engine.submit(b"aa", 0).unwrap();
    let many = engine.submit(&[b'a'; 100], 0).unwrap();
    until("the end", || engine.is_done(few) == TRM_OK && engine.is_done(many) == TRM_OK);
    let (status, _, needed) = engine.wait_into(many, LONG, 99);
    assert_eq!((status, needed), (TRM_ERR_BUFFER, 100));
    let (status, _, needed) = engine.collect_into(LONG, 8, 1);
    assert_eq!((status, needed), (TRM_ERR_BUFFER, 2));
    assert_eq!(engine.in_flight(), 2, "nothing was taken");
    // The first fits, the second does not: whole items only.
    let (status, items, matches) = engine.collect_into(LONG, 8, 101);
    assert_eq!((status, items.len(), items[0].ticket(), matches), (TRM_OK, 1, few, 2));
    let (status, items, matches) = engine.collect_into(LONG, 8, 100);
    assert_eq!((status, items.len(), items[0].ticket(), matches), (TRM_OK, 1, many, 100));
}

#[test]
fn collecting_takes_as_many_as_there_is_room_for() {
    let engine = Engine::with_rules(&["a"], |_| ());
    for n in 0..10 {
        engine.submit(b"a", n).unwrap();
    }
    until("the end", || (1..=10).all(|ticket| engine.is_done(ticket) == TRM_OK));
    let mut seen = Vec::new();
    for expected in [4, 4, 2] {
        let (status, items, _) = engine.collect_into(NOW, 4, 64);
        assert_eq!((status, items.len()), (TRM_OK, expected));
        seen.extend(items.iter().map(Item::ticket));
    }
    assert_eq!(seen, (1..=10).collect::<Vec<_>>());
}

#[test]
fn a_truncated_item_tells_the_true_count() {
    let engine = Engine::with_rules(&["a", "b"], |options| options.max_matches_per_item = 3);
    let ticket = engine.submit(b"abababa", 7).unwrap();
    let item = engine.wait(ticket, LONG).unwrap();
    assert_eq!((item.completion.status, item.completion.match_count), (TRM_TRUNCATED, 7));
    assert_eq!(item.spans(), [(0, 1, 0), (1, 2, 1), (2, 3, 0)], "the first ones");
    let ticket = engine.submit(b"aba", 7).unwrap();
    assert_eq!(engine.wait(ticket, LONG).unwrap().completion.status, TRM_OK, "as many as the limit are not too many");
    assert_eq!(engine.close(LONG), TRM_OK);
    assert_eq!((engine.stats().truncated, engine.stats().matches), (1, 10));
}

#[test]
fn waiting_and_collecting_by_many_threads_gives_each_item_to_one() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let (waited, collected) = (AtomicU64::new(0), AtomicU64::new(0));
    scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                loop {
                    match engine.collect(LONG) {
                        Ok(items) => drop(collected.fetch_add(items.len() as u64, SeqCst)),
                        Err(status) => break assert_eq!(status, TRM_ERR_CLOSED),
                    }
                }
            });
            threads.spawn(|| {
                for n in 0..1500 {
                    match engine.wait(engine.submit_patiently(b"a", n), LONG) {
                        Ok(item) => {
                            assert_eq!(item.completion.correlation, n);
                            waited.fetch_add(1, SeqCst);
                        }
                        Err(status) => assert_eq!(status, TRM_TAKEN),
                    }
                }
            });
        }
        until("all items", || engine.head() == 3000);
        assert_eq!(engine.close(LONG), TRM_OK);
    });
    assert_eq!(waited.load(SeqCst) + collected.load(SeqCst), 3000);
    assert_eq!(engine.in_flight(), 0);
}

#[test]
fn a_poll_and_a_timeout_answer_what_they_are() {
    let engine = Engine::caller(&["a"], |_| ());
    assert_eq!(engine.collect(NOW).unwrap_err(), TRM_EMPTY);
    assert_eq!(engine.collect(1_000_000).unwrap_err(), TRM_TIMEOUT);
    let ticket = engine.submit(b"a", 0).unwrap();
    assert_eq!(engine.wait(ticket, NOW).unwrap_err(), TRM_PENDING);
    assert_eq!(engine.wait(ticket, 1_000_000).unwrap_err(), TRM_TIMEOUT);
    assert_eq!(engine.collect(1_000_000).unwrap_err(), TRM_TIMEOUT);
    assert_eq!(engine.close(1_000_000), TRM_TIMEOUT);
    assert_eq!(engine.in_flight(), 1, "nothing was taken");
    engine.drain_one(NOW).unwrap();
    assert_eq!(engine.close(i64::MAX), TRM_OK);
}

#[test]
fn scanning_takes_any_length() {
    let engine = Engine::with_rules(&["needle"], |options| options.arena_bytes = 4096);
    let mut text = vec![b'.'; 3 << 20];
    assert_eq!(spans(&engine.scan(0, &text).unwrap()), []);
    text[0..6].copy_from_slice(b"needle");
    text[(3 << 20) - 6..].copy_from_slice(b"needle");
    assert_eq!(spans(&engine.scan(0, &text).unwrap()), [(0, 6, 0), ((3 << 20) - 6, 3 << 20, 0)]);
    for len in 0..64 {
        let text = &text[..len];
        let expected: &[_] = if len >= 6 { &[(0, 6, 0)] } else { &[] };
        assert_eq!(spans(&engine.scan(0, text).unwrap()), expected);
    }
    assert_eq!(engine.scan(1, b"").unwrap_err(), TRM_ERR_NO_RULES);
}

#[test]
fn the_limit_per_item_is_not_for_scanning() {
    let engine = Engine::with_rules(&["a"], |options| options.max_matches_per_item = 1);
    assert_eq!(engine.scan(0, &[b'a'; 1000]).unwrap().len(), 1000);
}
