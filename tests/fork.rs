//! After `fork()` the child's calls on what it inherited are answered, not hung, and the parent notices nothing.

mod abi;

use abi::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

/// Runs `check` in a child process; says whether it came through. A child that hangs is killed by its alarm.
fn in_child(check: impl FnOnce()) -> bool {
    // SAFETY: the child goes on with this thread alone. It runs `check`, which uses the library and the allocator (glibc
    // readies that for a child), and ends with _exit: nothing of the parent's is torn down.
    unsafe {
        let child = libc::fork();
        if child == 0 {
            libc::alarm(60);
            let passed = catch_unwind(AssertUnwindSafe(check)).is_ok();
            libc::_exit(i32::from(!passed));
        }
        let mut status = -1;
        assert!(child > 0 && libc::waitpid(child, &mut status, 0) == child);
        libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0
    }
}

/// A whole life of an engine.
fn a_new_engine_works() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let ticket = engine.submit(b"xa", 0).unwrap();
    assert_eq!(engine.wait(ticket, LONG).unwrap().spans(), [(1, 2, 0)]);
    assert_eq!(engine.close(LONG), TRM_OK);
}

#[test]
fn a_child_is_told_and_its_parent_notices_nothing() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let caller = Engine::caller(&["a"], |_| ());
    let lone_rules = rules(&["a"]);
    let before = engine.submit(b"a", 0).unwrap();
    caller.submit(b"a", 0).unwrap();
    let passed = in_child(|| {
        for engine in [&engine, &caller] {
            for (name, call) in every::on_engine() {
                assert_eq!(call(engine.raw()), TRM_ERR_FORKED, "{name}");
            }
            for (name, get) in every::getters() {
                assert_eq!(get(engine.raw()), 0, "{name}");
            }
        }
        for (name, call) in every::on_rules() {
            assert_eq!(call(lone_rules.0), TRM_ERR_FORKED, "{name}");
        }
        engine.destroy();
        caller.destroy();
        a_new_engine_works();
        // A child's child is told about both.
        let mine = Engine::with_rules(&["a"], |_| ());
        assert!(in_child(|| {
            assert_eq!(mine.submit(b"a", 0), Err(TRM_ERR_FORKED));
            assert_eq!(engine.submit(b"a", 0), Err(TRM_ERR_FORKED));
            a_new_engine_works();
        }));
        assert!(mine.submit(b"a", 0).is_ok());
    });
    assert!(passed);
    assert_eq!(engine.wait(before, LONG).unwrap().spans(), [(0, 1, 0)]);
    caller.drain_one(LONG).unwrap();
    assert_eq!(caller.collect_all(1)[0].spans(), [(0, 1, 0)]);
    assert_eq!(engine.close(LONG), TRM_OK);
}

/// Whatever the other threads were doing just then, a lock of theirs never stops the child.
#[test]
fn a_child_of_a_busy_parent_can_make_an_engine() {
    let over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !over.load(SeqCst) {
                    let rules = rules(&["a"]);
                    let engine = Engine::caller(&["a"], |options| options.ring_size = 1);
                    engine.load(1, &rules);
                    drop(engine.attach());
                }
            });
        }
        let passed = (0..30).all(|_| in_child(a_new_engine_works));
        over.store(true, SeqCst);
        assert!(passed);
    });
}
