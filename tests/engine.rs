//! Items in, answers out, on the CPU drain: every accepted item is answered once and right, whatever happens meanwhile.

mod abi;

use abi::*;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::scope;

/// What `needle` matches in `text_of(n)`.
fn text_of(n: u64) -> (Vec<u8>, Vec<(u64, u64, u32)>) {
    let mut text = vec![b'.'; n as usize % 50];
    let at = text.len() as u64;
    if n.is_multiple_of(3) {
        text.extend_from_slice(b"needle!");
    }
    let spans = if n.is_multiple_of(3) { vec![(at, at + 6, 0)] } else { vec![] };
    (text, spans)
}

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
fn a_ring_of_one_slot_works() {
    let engine = Engine::with_rules(&["needle"], |options| options.ring_size = 1);
    for n in 0..200 {
        let (text, spans) = text_of(n);
        let ticket = engine.submit(&text, n as u32).unwrap();
        assert_eq!(ticket, n + 1);
        if n % 2 == 0 {
            assert_eq!(engine.submit(&text, 0), Err(TRM_QUEUE_FULL));
        }
        let item = engine.wait(ticket, LONG).unwrap();
        assert_eq!((item.completion.correlation, item.spans()), (n as u32, spans));
    }
    assert_eq!(engine.head(), 200);
}

#[test]
fn a_full_ring_is_an_answer_and_costs_nothing() {
    let engine = Engine::with_rules(&["a"], |options| options.ring_size = 4);
    for n in 0..4 {
        engine.submit(b"a", n).unwrap();
    }
    until("the end", || (1..=4).all(|ticket| engine.is_done(ticket) == TRM_OK));
    // Slots stay taken until their completions are collected.
    for _ in 0..1000 {
        assert_eq!(engine.submit(&[b'a'; 1 << 16], 9), Err(TRM_QUEUE_FULL));
    }
    let item = trm_work_item::default();
    assert_eq!(engine.enqueue(item), Err(TRM_QUEUE_FULL));
    assert_eq!(engine.enqueue_batch(&[item; 3]), Err(TRM_QUEUE_FULL));
    let stats = engine.stats();
    assert_eq!((stats.accepted, stats.in_flight, stats.arena_used), (4, 4, 0), "refused copies were freed");
    assert_eq!(engine.collect_into(NOW, 2, 64).1.len(), 2);
    assert_eq!(engine.enqueue_batch(&[item; 3]), Ok((5, 2)), "as many as there are slots");
    engine.collect_all(4);
    assert_eq!(engine.in_flight(), 0);
}

#[test]
fn a_full_arena_is_an_answer() {
    let engine = Engine::with_rules(&["a"], |options| options.arena_bytes = 4096);
    let region = engine.acquire(4096, NOW).unwrap();
    assert_eq!(engine.submit(b"a", 0), Err(TRM_ARENA_FULL));
    assert_eq!(engine.acquire(1, NOW).unwrap_err(), TRM_ARENA_FULL);
    assert_eq!(engine.acquire(1, 1_000_000).unwrap_err(), TRM_ARENA_FULL);
    assert_eq!(engine.submit(&[b'a'; 4097], 0), Err(TRM_ERR_RANGE), "it never fits");
    assert_eq!(engine.release(region.input_offset), TRM_OK);
    assert!(engine.submit(b"a", 0).is_ok());
}

#[test]
fn batches_mix_rule_sets_and_are_checked_before_anything_is_accepted() {
    let engine = Engine::with_rules(&["a"], |_| ());
    assert_eq!(engine.load(9, &rules(&["zzz", "b"])), TRM_OK);
    let region = engine.put(b"ab");
    let item = |n: u32, set| trm_work_item {
        input_offset: region.input_offset,
        input_len: 2,
        rule_set_id: set,
        correlation: n,
    };
    let mut batch: Vec<_> = (0..50).map(|n| item(n, if n % 5 < 3 { 0 } else { 9 })).collect();
    for (wrong, status) in [
        (item(0, 8), TRM_ERR_NO_RULES),
        (trm_work_item { input_len: u32::MAX, ..item(0, 0) }, TRM_ERR_RANGE),
        (trm_work_item { input_offset: u32::MAX, ..item(0, 0) }, TRM_ERR_RANGE),
        (trm_work_item { input_offset: 1 << 20, input_len: 1, ..item(0, 0) }, TRM_ERR_RANGE),
    ] {
        batch.push(wrong);
        assert_eq!(engine.enqueue_batch(&batch), Err(status));
        batch.pop();
    }
    assert_eq!((engine.head(), engine.enqueue_batch(&[])), (0, Ok((0, 0))));
    assert_eq!(engine.enqueue_batch(&batch), Ok((1, 50)));
    for (n, item) in (0..).zip(engine.collect_all(50)) {
        let expected = if n % 5 < 3 { (0, vec![(0, 1, 0)]) } else { (9, vec![(1, 2, 1)]) };
        assert_eq!(item.completion.correlation, n);
        assert_eq!((item.completion.rule_set_id, item.spans()), expected);
    }
    // What was counted in for the refused batches was counted out: the sets go at once.
    assert_eq!((engine.unload(0), engine.unload(9)), (TRM_OK, TRM_OK));
    assert_eq!(engine.enqueue(item(0, 0)), Err(TRM_ERR_NO_RULES));
    assert_eq!(engine.release(region.input_offset), TRM_OK);
}

#[test]
fn a_batch_larger_than_the_ring_is_accepted_in_parts() {
    let engine = Engine::with_rules(&["a"], |options| options.ring_size = 8);
    let region = engine.put(b"a");
    let items: Vec<_> = (0..1000)
        .map(|n| trm_work_item { input_offset: region.input_offset, input_len: 1, rule_set_id: 0, correlation: n })
        .collect();
    let (mut accepted, mut seen) = (0, Vec::new());
    while seen.len() < items.len() {
        match engine.enqueue_batch(&items[accepted..]) {
            Ok((_, 0)) => assert_eq!(accepted, items.len()),
            Ok((first, count)) => {
                assert!(first == accepted as u64 + 1 && count <= 8);
                accepted += count;
            }
            Err(status) => assert_eq!(status, TRM_QUEUE_FULL),
        }
        if seen.len() < accepted {
            seen.extend(engine.collect(LONG).unwrap().iter().map(|item| item.completion.correlation));
        }
    }
    seen.sort_unstable();
    assert_eq!(seen, (0..1000).collect::<Vec<_>>());
}

#[test]
fn completions_that_nobody_wants_never_stall_a_small_ring() {
    for delivery in [TRM_DELIVER_HITS, TRM_DELIVER_NONE] {
        let engine = Engine::with_rules(&["needle"], |options| (options.ring_size, options.delivery) = (4, delivery));
        for n in 0..2000 {
            engine.submit_patiently(if n == 1998 { b"needle" } else { b"hay" }, n);
        }
        assert_eq!(engine.close(LONG), TRM_OK);
        assert_eq!((engine.stats().finished, engine.stats().matches), (2000, 1));
        let hits = engine.collect(NOW);
        if delivery == TRM_DELIVER_NONE {
            assert_eq!(hits.unwrap_err(), TRM_ERR_CLOSED);
        } else {
            let hits = hits.unwrap();
            assert_eq!((hits.len(), hits[0].completion.correlation), (1, 1998));
            assert_eq!(engine.collect(NOW).unwrap_err(), TRM_ERR_CLOSED);
        }
        assert_eq!((engine.in_flight(), engine.is_done(1), engine.is_done(2000)), (0, TRM_OK, TRM_OK));
        assert_eq!(engine.wait(2000, LONG).unwrap_err(), TRM_TAKEN, "never wanted");
        assert_eq!(engine.stats().arena_used, 0);
    }
}

#[test]
fn uncollected_hits_do_stall_the_ring() {
    let engine = Engine::with_rules(&["a"], |options| (options.ring_size, options.delivery) = (2, TRM_DELIVER_HITS));
    for n in 0..2 {
        engine.submit(b"a", n).unwrap();
    }
    until("the end", || engine.is_done(2) == TRM_OK && engine.is_done(1) == TRM_OK);
    assert_eq!(engine.submit(b"a", 2), Err(TRM_QUEUE_FULL), "a hit is never dropped");
    assert_eq!(engine.collect_all(2).len(), 2);
}

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

#[test]
fn an_item_keeps_the_rule_set_that_it_was_accepted_with() {
    let engine = Engine::caller(&["old"], |_| ());
    let before = engine.submit(b"old new", 0).unwrap();
    assert_eq!(engine.load(0, &rules(&["xyz", "new"])), TRM_OK);
    let after = engine.submit(b"old new", 0).unwrap();
    assert_eq!(engine.unload(0), TRM_OK);
    assert_eq!(engine.submit(b"", 0), Err(TRM_ERR_NO_RULES));
    assert_eq!(engine.unload(0), TRM_ERR_NO_RULES);
    assert_eq!(engine.stats().rule_sets, 0);
    for _ in 0..2 {
        engine.drain_one(LONG).unwrap();
    }
    assert_eq!(engine.wait(before, LONG).unwrap().spans(), [(0, 3, 0)]);
    assert_eq!(engine.wait(after, LONG).unwrap().spans(), [(4, 7, 1)]);
}

#[test]
fn rule_sets_come_and_go_under_load() {
    // Set n finds the n-th letter. A thread goes on replacing and unloading, the others know from the completion
    // which one an item was accepted with only if it is right: ids never change their letter.
    let engine = Engine::new(|_| ());
    let letters: Vec<_> = (b'a'..=b'h').map(|letter| rules(&[std::str::from_utf8(&[letter]).unwrap()])).collect();
    let finished = AtomicBool::new(false);
    scope(|threads| {
        threads.spawn(|| {
            let mut n = 0;
            while !finished.load(SeqCst) {
                let id = n % 8;
                match n % 3 {
                    0 => drop(engine.unload(id)),
                    _ => assert!(matches!(engine.load(id, &letters[id as usize]), TRM_OK | TRM_ERR_LIMIT)),
                }
                n += 1;
            }
        });
        let workers: Vec<_> = (0..3)
            .map(|_| {
                let handle = engine.attach();
                threads.spawn(move || {
                    let (mut accepted, mut n) = (0, 0);
                    while accepted < 2000 {
                        n += 1;
                        match handle.submit_to(n % 8, b"hgfedcba", n) {
                            Ok(ticket) => {
                                accepted += 1;
                                let item = handle.wait(ticket, LONG).unwrap();
                                let at = 7 - u64::from(n % 8);
                                assert_eq!(item.completion.rule_set_id, n % 8);
                                assert_eq!(item.spans(), [(at, at + 1, 0)]);
                            }
                            Err(status) => {
                                // Full: another thread sleeps over an item of the lap before.
                                assert!(matches!(status, TRM_ERR_NO_RULES | TRM_QUEUE_FULL));
                                std::thread::yield_now();
                            }
                        }
                    }
                })
            })
            .collect();
        let ended: Vec<_> = workers.into_iter().map(|worker| worker.join()).collect();
        finished.store(true, SeqCst);
        ended.into_iter().for_each(|worker| worker.unwrap());
    });
    assert_eq!(engine.close(LONG), TRM_OK);
    assert_eq!(engine.stats().accepted, 6000);
}

#[test]
fn a_set_that_no_item_needs_leaves_its_place_at_once() {
    let engine = Engine::with_rules(&["a"], |options| options.max_rule_sets = 1);
    assert_eq!(engine.load(1, &rules(&["b"])), TRM_ERR_LIMIT);
    for round in 0..200 {
        assert_eq!(engine.load(0, &rules(&["a"])), TRM_OK, "replacing needs no second place");
        for _ in 0..5 {
            engine.submit(b"a", round).unwrap();
        }
        engine.collect_all(5);
        assert_eq!(engine.unload(0), TRM_OK);
        assert_eq!(engine.load(0, &rules(&["a"])), TRM_OK, "its items are done");
    }
}

#[test]
fn the_rules_handle_may_go_before_the_engine() {
    let engine = Engine::new(|_| ());
    let rules = rules(&["a"]);
    assert_eq!(engine.load(0, &rules), TRM_OK);
    drop(rules);
    let ticket = engine.submit(b"a", 0).unwrap();
    assert_eq!(engine.wait(ticket, LONG).unwrap().spans(), [(0, 1, 0)]);
}

#[test]
fn closing_while_threads_enqueue_loses_nothing() {
    for round in 0..30 {
        let engine = Engine::with_rules(&["a"], |options| options.ring_size = 64);
        let handles: Vec<_> = (0..4).map(|_| engine.attach()).collect();
        let accepted = AtomicU64::new(0);
        let collected = AtomicU64::new(0);
        scope(|threads| {
            for handle in &handles {
                threads.spawn(|| {
                    loop {
                        match handle.submit(b"a", round) {
                            Ok(_) => drop(accepted.fetch_add(1, SeqCst)),
                            Err(TRM_QUEUE_FULL) => std::thread::yield_now(),
                            Err(status) => break assert_eq!(status, TRM_ERR_CLOSED),
                        }
                    }
                });
                threads.spawn(|| {
                    loop {
                        match handle.collect(LONG) {
                            Ok(items) => drop(collected.fetch_add(items.len() as u64, SeqCst)),
                            Err(status) => break assert_eq!(status, TRM_ERR_CLOSED),
                        }
                    }
                });
            }
            until("some work", || engine.head() > 100);
            assert_eq!(engine.close(LONG), TRM_OK);
            assert_eq!(engine.close(LONG), TRM_OK, "again");
            let stats = engine.stats();
            assert_eq!(stats.accepted, stats.finished, "all done when close says so");
        });
        assert_eq!(accepted.load(SeqCst), engine.head());
        assert_eq!(collected.load(SeqCst), engine.head());
        assert_eq!((engine.in_flight(), engine.stats().arena_used), (0, 0));
    }
}

#[test]
fn collecting_after_close_gives_what_is_left() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let handle = engine.attach();
    for n in 0..10 {
        engine.submit(b"a", n).unwrap();
    }
    handle.submit(b"a", 77).unwrap();
    assert_eq!(engine.close(LONG), TRM_OK);
    for handle in [&engine, &handle] {
        assert_eq!(handle.submit(b"a", 0), Err(TRM_ERR_CLOSED));
        assert_eq!(handle.enqueue(trm_work_item::default()), Err(TRM_ERR_CLOSED));
        assert_eq!(handle.acquire(1, LONG).unwrap_err(), TRM_ERR_CLOSED);
        assert_eq!(handle.load(1, &rules(&[])), TRM_ERR_CLOSED);
        assert_eq!(handle.try_attach().err(), Some(TRM_ERR_CLOSED));
    }
    assert_eq!(engine.wait(3, LONG).unwrap().completion.correlation, 2);
    assert_eq!(engine.collect_all(9).len(), 9);
    assert_eq!(engine.collect(LONG).unwrap_err(), TRM_ERR_CLOSED);
    assert_eq!(engine.collect(NOW).unwrap_err(), TRM_ERR_CLOSED);
    assert_eq!(handle.collect_all(1)[0].completion.correlation, 77);
    assert_eq!(engine.scan(0, b"a").unwrap().len(), 1, "scanning needs no drain");
}

#[test]
fn closing_an_attached_handle_closes_only_that() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let handle = engine.attach();
    handle.submit(b"a", 1).unwrap();
    assert_eq!(handle.close(LONG), TRM_OK);
    assert_eq!(handle.submit(b"a", 1), Err(TRM_ERR_CLOSED));
    assert_eq!(handle.collect_all(1).len(), 1);
    assert_eq!(handle.collect(LONG).unwrap_err(), TRM_ERR_CLOSED);
    let ticket = engine.submit(b"a", 1).unwrap();
    assert_eq!(engine.wait(ticket, LONG).unwrap().spans().len(), 1);
}

#[test]
fn closing_wakes_those_who_wait() {
    let engine = Engine::caller(&["a"], |options| options.arena_bytes = 4096);
    let handle = engine.attach();
    let region = engine.acquire(4096, NOW).unwrap();
    scope(|threads| {
        let waiting = [
            threads.spawn(|| handle.collect(-1).unwrap_err()),
            threads.spawn(|| engine.collect(-1).unwrap_err()),
            threads.spawn(|| engine.acquire(64, -1).unwrap_err()),
            threads.spawn(|| handle.acquire(64, -1).unwrap_err()),
            threads.spawn(|| engine.claim(-1).err().unwrap()),
            threads.spawn(|| handle.claim(-1).err().unwrap()),
        ];
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(engine.close(LONG), TRM_OK);
        for thread in waiting {
            assert_eq!(thread.join().unwrap(), TRM_ERR_CLOSED);
        }
    });
    assert_eq!(engine.release(region.input_offset), TRM_OK, "also afterwards");
}

#[test]
fn destroying_wakes_those_who_wait() {
    // Nobody drains, so everything that waits would wait for ever.
    for main in [true, false] {
        let engine = Engine::caller(&["a"], |options| options.arena_bytes = 4096);
        let other = engine.attach();
        let (dying, living) = if main { (&engine, &other) } else { (&other, &engine) };
        let mine = dying.submit(b"a", 0).unwrap();
        living.submit(b"a", 0).unwrap();
        for _ in 0..2 {
            living.claim(NOW).unwrap();
        }
        scope(|threads| {
            let waiting = [
                threads.spawn(|| dying.collect(-1).unwrap_err()),
                threads.spawn(|| dying.wait(mine, -1).unwrap_err()),
                threads.spawn(|| dying.acquire(4096, -1).unwrap_err()),
                threads.spawn(|| dying.claim(-1).err().unwrap()),
            ];
            std::thread::sleep(std::time::Duration::from_millis(20));
            dying.destroy();
            for thread in waiting {
                assert_eq!(thread.join().unwrap(), TRM_ERR_HANDLE);
            }
        });
        assert_eq!(dying.collect(LONG).unwrap_err(), TRM_ERR_HANDLE, "and from now on");
        assert_eq!(living.close(NOW), TRM_TIMEOUT, "the other one still has its item");
    }
}

#[test]
fn destroying_wakes_a_close_that_never_would_end() {
    for main in [true, false] {
        let engine = Engine::caller(&["a"], |_| ());
        let other = engine.attach();
        let dying = if main { &engine } else { &other };
        // The main handle's close waits for the items of every handle, not only for its own.
        other.submit(b"a", 0).unwrap();
        scope(|threads| {
            let closing = threads.spawn(|| dying.close(-1));
            until("the close", || dying.submit(b"a", 0) == Err(TRM_ERR_CLOSED));
            std::thread::sleep(std::time::Duration::from_millis(20));
            dying.destroy();
            assert_eq!(closing.join().unwrap(), TRM_ERR_HANDLE);
        });
    }
}

#[test]
fn destroying_with_items_in_flight_is_fine() {
    for round in 0..100 {
        let engine = Engine::with_rules(&["a"], |_| ());
        let handle = engine.attach();
        for _ in 0..round {
            engine.submit(&[b'a'; 300], 0).unwrap();
            handle.submit(b"a", 0).unwrap();
        }
        if round % 2 == 0 {
            handle.destroy();
        }
    }
}

#[test]
fn threads_may_use_a_handle_while_it_is_destroyed() {
    for _ in 0..50 {
        let engine = Engine::with_rules(&["a"], |_| ());
        let started = AtomicU64::new(0);
        scope(|threads| {
            for kind in 0..4 {
                let (engine, started) = (&engine, &started);
                threads.spawn(move || {
                    started.fetch_add(1, SeqCst);
                    loop {
                        let status = match kind {
                            0 => engine.submit(b"a", 0).err().unwrap_or(TRM_OK),
                            1 => engine.collect(LONG).err().unwrap_or(TRM_OK),
                            2 => engine.wait(engine.head().max(1), LONG).err().unwrap_or(TRM_OK),
                            _ => engine.try_attach().err().unwrap_or(TRM_OK),
                        };
                        match status {
                            TRM_ERR_HANDLE => break,
                            TRM_OK | TRM_QUEUE_FULL | TRM_ARENA_FULL | TRM_TAKEN => {}
                            TRM_ERR_TICKET if kind == 2 => {}
                            // Between the destruction's first and second half the handle takes nothing new.
                            TRM_ERR_CLOSED => {}
                            status => panic!("call {kind} answered {status}"),
                        }
                    }
                });
            }
            until("the threads", || started.load(SeqCst) == 4 && engine.head() > 10);
            engine.destroy();
        });
    }
}

#[test]
fn regions_recycle() {
    let engine = Engine::with_rules(&["a"], |options| options.arena_bytes = 1 << 16);
    for round in 0..500u32 {
        let regions: Vec<_> = (0..8).map(|n| engine.put(&vec![b'a'; (n * 997 + round as usize) % 6000])).collect();
        for region in &regions {
            assert_eq!(region.input_offset % 64, 0);
            let item = trm_work_item { input_offset: region.input_offset, input_len: region.len, ..Default::default() };
            engine.enqueue(item).unwrap();
        }
        for (item, region) in engine.collect_all(8).iter().zip(&regions) {
            assert_eq!(item.completion.match_count, u64::from(region.len));
            assert_eq!(engine.release(region.input_offset), TRM_OK);
            assert_eq!(engine.release(region.input_offset), TRM_ERR_INVALID, "twice");
        }
    }
    assert_eq!(engine.stats().arena_used, 0);
}

#[test]
fn several_items_share_a_region() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let region = engine.put(b"xaxaax");
    for (from, len) in [(0, 6), (1, 1), (2, 2), (6, 0), (3, 3)] {
        let item =
            trm_work_item { input_offset: region.input_offset + from, input_len: len, rule_set_id: 0, correlation: 0 };
        engine.enqueue(item).unwrap();
    }
    let counts: Vec<_> = engine.collect_all(5).iter().map(|item| item.completion.match_count).collect();
    assert_eq!(counts, [3, 1, 1, 0, 2]);
}

#[test]
fn an_arena_of_any_size_gives_all_of_itself() {
    for bytes in [1, 63, 64, 65, 100, 1000, 4096, 64_000, 65_535, 999_999] {
        let engine = Engine::with_rules(&["a"], |options| options.arena_bytes = bytes);
        let whole = engine.acquire(bytes as u32, NOW).unwrap();
        assert_eq!(engine.release(whole.input_offset), TRM_OK);
        let all = engine.stats().arena_bytes;
        assert!(all >= bytes);
        let whole = engine.acquire(all as u32, NOW).expect("what is not refused fits an empty arena");
        assert_eq!(engine.acquire(0, NOW).unwrap_err(), TRM_ARENA_FULL);
        assert_eq!(engine.acquire(all as u32 + 1, -1).unwrap_err(), TRM_ERR_RANGE);
        assert_eq!(engine.release(whole.input_offset), TRM_OK);
        let pieces = (0..).map_while(|_| engine.acquire(64, NOW).ok()).count() as u64;
        assert_eq!(pieces, (all / 64).min(256 + 65_536));
    }
}

#[test]
fn a_release_wakes_a_waiting_acquire() {
    let engine = Engine::with_rules(&["a"], |options| options.arena_bytes = 4096);
    for _ in 0..100 {
        let region = engine.acquire(4096, LONG).unwrap();
        scope(|threads| {
            let waiter = threads.spawn(|| engine.acquire(64, LONG).unwrap().input_offset);
            std::thread::yield_now();
            assert_eq!(engine.release(region.input_offset), TRM_OK);
            assert_eq!(engine.release(waiter.join().unwrap()), TRM_OK);
        });
    }
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
