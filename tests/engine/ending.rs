//! Close and destroy, with everything else going on.

use super::abi::*;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::scope;

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
