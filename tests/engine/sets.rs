//! Rule sets that come and go while items are in flight.

use super::abi::*;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::scope;

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
fn handles_that_do_not_call_again_keep_no_set() {
    // What a handle used again and again it has counted in for more than its items.
    let engine = Engine::with_rules(&["a"], |options| options.max_rule_sets = 2);
    let others: Vec<_> = (0..3).map(|_| engine.attach()).collect();
    for round in 0..20 {
        for handle in &others {
            for n in 0..10 {
                handle.submit(b"a", n).unwrap();
            }
            handle.collect_all(10);
        }
        assert_eq!(engine.unload(0), TRM_OK);
        for id in [0, 1] {
            assert_eq!(engine.load(id, &rules(&["a"])), TRM_OK, "both places are free, round {round}");
        }
        assert_eq!(engine.load(2, &rules(&["a"])), TRM_ERR_LIMIT);
        assert_eq!(others[0].submit_to(1, b"a", 0).map(drop), Ok(()));
        others[0].collect_all(1);
        assert_eq!(engine.load(1, &rules(&["b"])), TRM_OK, "replacing needs no third place");
        assert_eq!(engine.unload(1), TRM_OK);
    }
    // Nor do handles that are gone.
    others[1].submit(b"a", 0).unwrap();
    others[1].submit(b"a", 0).unwrap();
    others[1].collect_all(2);
    drop(others);
    assert_eq!(engine.unload(0), TRM_OK);
    for id in [0, 1] {
        assert_eq!(engine.load(id, &rules(&["a"])), TRM_OK);
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
