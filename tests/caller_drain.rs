//! The caller drain: the test's own threads are the kernel.

mod abi;

use abi::*;
use std::collections::HashSet;
use std::ffi::{CStr, c_char, c_void};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::scope;

fn found(start: u64, end: u64, rule_id: u32) -> trm_match {
    trm_match { start, end, rule_id, item: 99 }
}

#[test]
fn several_threads_drain_every_item_once() {
    let engine = Engine::caller(&["a"], |options| options.ring_size = 64);
    let claimed = Mutex::new(HashSet::new());
    let drained = AtomicU64::new(0);
    scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                loop {
                    match engine.claim(LONG) {
                        Ok(item) => {
                            assert!(claimed.lock().unwrap().insert(item.ticket()), "claimed twice");
                            let matches = scan_with(item.0.rules, item.bytes()).unwrap();
                            assert_eq!(engine.mark_done(item.ticket(), TRM_OK, &matches), TRM_OK);
                            drained.fetch_add(1, SeqCst);
                        }
                        Err(status) => break assert_eq!(status, TRM_ERR_CLOSED),
                    }
                }
            });
        }
        for _ in 0..2 {
            let handle = engine.attach();
            threads.spawn(move || {
                for n in 0..1500u32 {
                    let text = vec![b'a'; n as usize % 9];
                    let ticket = handle.submit_patiently(&text, n);
                    let item = handle.wait(ticket, LONG).unwrap();
                    assert_eq!((item.completion.correlation, item.matches.len()), (n, text.len()));
                }
            });
        }
        until("all items", || drained.load(SeqCst) == 3000);
        assert_eq!(engine.close(LONG), TRM_OK);
    });
    assert_eq!(engine.stats().finished, 3000);
    assert_eq!(engine.stats().arena_used, 0);
}

/// A drain that stops when it is told that the engine is closed must not stop while an accepted item can still come.
#[test]
fn no_drainer_is_sent_home_too_early() {
    for _ in 0..100 {
        let engine = Engine::caller(&["a"], |options| options.ring_size = 1024);
        let handles: Vec<_> = (0..2).map(|_| engine.attach()).collect();
        scope(|threads| {
            for handle in &handles {
                threads.spawn(|| while handle.submit(b"a", 0).is_ok_and(|ticket| ticket < 900) {});
            }
            for _ in 0..2 {
                threads.spawn(|| {
                    loop {
                        match engine.drain_one(LONG) {
                            Ok(_) => {}
                            Err(status) => break assert_eq!(status, TRM_ERR_CLOSED),
                        }
                    }
                });
            }
            until("some work", || engine.head() > 10);
            assert_eq!(engine.close(LONG), TRM_OK, "nobody is left to drain");
        });
        assert_eq!(engine.stats().finished, engine.head());
    }
}

#[test]
fn an_item_is_marked_done_once() {
    let engine = Engine::caller(&["a"], |_| ());
    let ticket = engine.submit(b"xyz", 0).unwrap();
    assert_eq!(engine.mark_done(ticket, TRM_OK, &[]), TRM_ERR_TICKET, "not claimed");
    assert_eq!(engine.mark_done(ticket + 1, TRM_OK, &[]), TRM_ERR_TICKET, "never issued");
    assert_eq!(engine.mark_done(0, TRM_OK, &[]), TRM_ERR_TICKET);
    assert_eq!(engine.mark_done(u64::MAX, TRM_OK, &[]), TRM_ERR_TICKET);
    let claimed = engine.claim(NOW).unwrap();
    assert_eq!((claimed.ticket(), claimed.bytes()), (ticket, &b"xyz"[..]));
    assert_eq!(engine.claim(NOW).err(), Some(TRM_EMPTY));
    assert_eq!(engine.claim(1_000_000).err(), Some(TRM_TIMEOUT));
    let succeeded = AtomicU64::new(0);
    scope(|threads| {
        for n in 0..4 {
            let (engine, succeeded) = (&engine, &succeeded);
            threads.spawn(move || match engine.mark_done(ticket, TRM_OK, &[found(0, 1, n)]) {
                TRM_OK => drop(succeeded.fetch_add(1, SeqCst)),
                status => assert_eq!(status, TRM_TAKEN),
            });
        }
    });
    assert_eq!(succeeded.load(SeqCst), 1);
    assert_eq!(engine.collect_all(1)[0].matches.len(), 1);
    assert_eq!(engine.mark_done(ticket, TRM_OK, &[]), TRM_TAKEN, "also when collected");
}

#[test]
fn wrong_results_are_refused_and_can_be_mended() {
    let engine = Engine::caller(&["a"], |_| ());
    let ticket = engine.submit(b"xyz", 5).unwrap();
    engine.claim(NOW).unwrap();
    for wrong in [found(0, 4, 0), found(3, 2, 0), found(u64::MAX, u64::MAX, 0), found(4, 4, 0)] {
        assert_eq!(engine.mark_done(ticket, TRM_OK, &[found(0, 1, 0), wrong]), TRM_ERR_INVALID);
    }
    for wrong in [TRM_PENDING, TRM_TIMEOUT, TRM_EMPTY, TRM_TAKEN, TRM_QUEUE_FULL, TRM_ARENA_FULL, 9, i32::MAX] {
        assert_eq!(engine.mark_done(ticket, wrong, &[]), TRM_ERR_INVALID);
    }
    assert_eq!((engine.is_done(ticket), engine.unfinished()), (TRM_PENDING, vec![ticket]));
    let matches = [found(2, 3, 7), found(0, 3, 1), found(3, 3, 0), found(0, 0, 9), found(2, 3, 7), found(0, 3, 0)];
    assert_eq!(engine.mark_done(ticket, TRM_OK, &matches), TRM_OK);
    let item = engine.wait(ticket, LONG).unwrap();
    assert_eq!(item.spans(), [(0, 0, 9), (0, 3, 0), (0, 3, 1), (2, 3, 7), (3, 3, 0)], "sorted, no duplicates");
    assert_eq!((item.completion.status, item.completion.match_count), (TRM_OK, 5));
}

#[test]
fn refused_results_never_cost_another_thread_its_right_to_finish() {
    let engine = Engine::caller(&["a"], |_| ());
    for _ in 0..300 {
        let ticket = engine.submit(b"x", 0).unwrap();
        engine.claim(NOW).unwrap();
        scope(|threads| {
            threads.spawn(|| {
                let status = engine.mark_done(ticket, TRM_OK, &[found(0, 2, 0)]);
                assert!(matches!(status, TRM_ERR_INVALID | TRM_TAKEN));
            });
            assert_eq!(engine.mark_done(ticket, TRM_OK, &[]), TRM_OK);
        });
        engine.wait(ticket, LONG).unwrap();
    }
}

#[test]
fn the_drains_own_status_is_passed_on() {
    let engine = Engine::caller(&["a"], |options| options.max_matches_per_item = 2);
    for status in [TRM_OK, TRM_TRUNCATED, TRM_CANCELLED, TRM_ERR_DEVICE, -1000] {
        engine.submit(b"xyz", 0).unwrap();
        let ticket = engine.claim(NOW).unwrap().ticket();
        assert_eq!(engine.mark_done(ticket, status, &[found(0, 1, 0)]), TRM_OK);
        let item = engine.wait(ticket, LONG).unwrap();
        assert_eq!((item.completion.status, item.matches.len()), (status, 1));
    }
    engine.submit(b"xyz", 0).unwrap();
    let ticket = engine.claim(NOW).unwrap().ticket();
    assert_eq!(engine.mark_done(ticket, TRM_OK, &[found(2, 3, 0), found(0, 1, 0), found(1, 2, 0)]), TRM_OK);
    let item = engine.wait(ticket, LONG).unwrap();
    assert_eq!((item.completion.status, item.completion.match_count), (TRM_TRUNCATED, 3));
    assert_eq!(item.spans(), [(0, 1, 0), (1, 2, 0)]);
}

#[test]
fn a_dead_claim_is_visible_and_can_be_finished_by_another() {
    static LOG: Mutex<Vec<(i32, String)>> = Mutex::new(Vec::new());
    unsafe extern "C" fn log(_: *mut c_void, level: i32, message: *const c_char) {
        // SAFETY: messages are C strings.
        LOG.lock().unwrap().push((level, unsafe { CStr::from_ptr(message) }.to_str().unwrap().into()));
    }
    let engine = Engine::caller(&["a"], |options| options.log = Some(log));
    for n in 0..5 {
        engine.submit(b"a", n).unwrap();
    }
    scope(|threads| {
        // A thread that claims and goes away.
        threads.spawn(|| {
            engine.claim(NOW).unwrap();
            engine.drain_one(NOW).unwrap();
            engine.claim(NOW).unwrap();
        });
    });
    engine.drain_one(NOW).unwrap();
    engine.drain_one(NOW).unwrap();
    assert_eq!((engine.unfinished(), engine.stats().unfinished_claims), (vec![1, 3], 2));
    let (mut tickets, mut count) = ([0; 1], 0);
    // SAFETY: room for one.
    assert_eq!(unsafe { trm_unfinished(engine.raw(), tickets.as_mut_ptr(), 1, &mut count) }, TRM_ERR_BUFFER);
    assert_eq!((tickets, count), ([1], 2));
    assert_eq!(engine.close(1_000_000), TRM_TIMEOUT);
    let log = LOG.lock().unwrap().clone();
    assert!(log.iter().any(|(level, said)| *level == TRM_LOG_WARN && said.contains("1, 3")), "{log:?}");
    scope(|threads| {
        let closing = threads.spawn(|| engine.close(LONG));
        for ticket in engine.unfinished() {
            assert_eq!(engine.mark_done(ticket, TRM_CANCELLED, &[]), TRM_OK);
        }
        assert_eq!(closing.join().unwrap(), TRM_OK);
    });
    assert_eq!((engine.unfinished(), engine.stats().unfinished_claims), (vec![], 0));
    assert_eq!(engine.collect_all(5).iter().filter(|item| item.completion.status == TRM_CANCELLED).count(), 2);
}

#[test]
fn claimed_rules_are_lent() {
    let engine = Engine::caller(&["a", "bc"], |_| ());
    engine.submit(b"abc", 0).unwrap();
    engine.submit(b"abc", 0).unwrap();
    let (first, second) = (engine.claim(NOW).unwrap(), engine.claim(NOW).unwrap());
    assert_eq!(first.0.rules, second.0.rules, "one handle a set");
    assert_eq!(engine.unload(0), TRM_OK);
    let scan = || scan_with(second.0.rules, second.bytes()).map(|matches| spans(&matches));
    // SAFETY: a handle of the library.
    unsafe { trm_rules_destroy(first.0.rules.cast_mut()) };
    assert_eq!(scan(), Ok(vec![(0, 1, 0), (1, 3, 1)]), "not the caller's to destroy");
    let mut count = 0;
    // SAFETY: nothing is written but the count.
    let status = unsafe { trm_rules_info(first.0.rules, std::ptr::null_mut(), 512, 0, &mut count) };
    assert_eq!((status, count), (TRM_ERR_BUFFER, 2));
    assert_eq!(engine.mark_done(first.ticket(), TRM_OK, &[]), TRM_OK);
    assert_eq!(scan(), Ok(vec![(0, 1, 0), (1, 3, 1)]), "the other item still needs them");
    assert_eq!(engine.mark_done(second.ticket(), TRM_OK, &[]), TRM_OK);
    let collected = engine.collect_all(2);
    assert_eq!(collected.len(), 2);
}

#[test]
fn lent_rules_can_be_loaded_like_any() {
    let engine = Engine::caller(&["a"], |_| ());
    engine.submit(b"", 0).unwrap();
    let claimed = engine.claim(NOW).unwrap();
    let other = Engine::new(|_| ());
    // SAFETY: handles of the library.
    assert_eq!(unsafe { trm_engine_load_rules(other.raw(), 3, claimed.0.rules, std::ptr::null_mut()) }, TRM_OK);
    assert_eq!(engine.mark_done(claimed.ticket(), TRM_OK, &[]), TRM_OK);
    drop(engine);
    assert_eq!(other.scan(3, b"a").unwrap().len(), 1);
}

#[test]
fn only_a_caller_drain_is_drained_by_callers() {
    let engine = Engine::with_rules(&["a"], |_| ());
    assert_eq!(engine.claim(NOW).err(), Some(TRM_ERR_UNSUPPORTED));
    assert_eq!(engine.mark_done(1, TRM_OK, &[]), TRM_ERR_UNSUPPORTED);
    assert_eq!(engine.unfinished(), []);
}

#[test]
fn delivery_is_as_asked_for() {
    for (delivery, left) in [(TRM_DELIVER_HITS, 1), (TRM_DELIVER_NONE, 0)] {
        let engine = Engine::caller(&["a"], |options| (options.ring_size, options.delivery) = (2, delivery));
        for text in [&b"-"[..], b"-", b"a"] {
            engine.submit(text, 0).unwrap();
            engine.drain_one(NOW).unwrap();
        }
        assert_eq!(engine.in_flight(), left);
    }
}
