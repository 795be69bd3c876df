//! An idle engine uses no processor time, and neither do threads that wait on it.

mod abi;

use abi::*;
use std::thread::{scope, sleep};
use std::time::Duration;

/// Nanoseconds on a processor of every thread that the library started or that waits on it.
fn used() -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let task = task.unwrap().path();
        let read = |name: &str| std::fs::read_to_string(task.join(name)).unwrap_or_default();
        let name = read("comm");
        if name.starts_with("trommel-") || name.starts_with("waits-") {
            let time = read("schedstat").split(' ').next().and_then(|ns| ns.parse().ok()).unwrap_or(0);
            all.push((task.display().to_string() + " " + name.trim(), time));
        }
    }
    all.sort();
    all
}

#[test]
fn nothing_is_used_while_nothing_is_to_be_done() {
    let engine = Engine::with_rules(&["a"], |options| options.arena_bytes = 4096);
    let caller = Engine::caller(&["a"], |_| ());
    for n in 0..100 {
        let ticket = engine.submit(b"a", n).unwrap();
        engine.wait(ticket, LONG).unwrap();
    }
    let region = engine.acquire(4096, NOW).unwrap();
    let pending = caller.submit(b"a", 0).unwrap();
    let claimed = caller.claim(NOW).unwrap();
    scope(|threads| {
        type Wait<'a> = Box<dyn FnOnce() -> trm_status + Send + 'a>;
        let waits: [(&str, Wait<'_>); 4] = [
            ("collect", Box::new(|| engine.collect(-1).unwrap_err())),
            ("claim", Box::new(|| caller.claim(-1).err().unwrap())),
            ("wait", Box::new(|| caller.wait(pending, -1).err().unwrap_or(TRM_OK))),
            ("acquire", Box::new(|| engine.acquire(64, -1).unwrap_err())),
        ];
        let spawn = |(what, run)| {
            let named = std::thread::Builder::new().name(format!("waits-{what}"));
            (what, named.spawn_scoped(threads, run).unwrap())
        };
        let waiting = waits.map(spawn);
        // Two workers and the four that wait. Sooner or later they all sleep, and then not even a tick is used.
        until("sleep", || {
            let before = used();
            sleep(Duration::from_millis(300));
            before.len() == 6 && before == used()
        });
        assert_eq!(caller.mark_done(claimed.ticket(), TRM_OK, &[]), TRM_OK);
        assert_eq!((engine.close(LONG), caller.close(LONG)), (TRM_OK, TRM_OK));
        for (what, thread) in waiting {
            let expected = if what == "wait" { TRM_OK } else { TRM_ERR_CLOSED };
            assert_eq!(thread.join().unwrap(), expected, "{what}");
        }
    });
    assert_eq!(engine.release(region.input_offset), TRM_OK);
}
