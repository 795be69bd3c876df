//! A full ring, a full arena, batches that fit in part.

use super::abi::*;
use super::text_of;
use std::thread::scope;

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
