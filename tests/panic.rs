//! A bug of the library's own, planted: a panic while an item is scanned.

mod abi;

use abi::*;
use std::io::{Read, Seek};
use std::os::fd::AsRawFd;

/// What is written to descriptor 2 while `run` runs.
fn stderr_of(run: impl FnOnce()) -> String {
    let mut file = tempfile::tempfile().unwrap();
    // SAFETY: descriptors of this process, put back before anything else is done with them.
    unsafe {
        let before = libc::dup(2);
        assert!(before >= 0 && libc::dup2(file.as_raw_fd(), 2) == 2);
        run();
        assert_eq!(libc::dup2(before, 2), 2);
        libc::close(before);
    }
    let mut said = String::new();
    file.rewind().unwrap();
    file.read_to_string(&mut said).unwrap();
    said
}

#[test]
fn a_panic_becomes_the_items_status_and_nothing_else_happens() {
    let said = stderr_of(|| {
        let engine = Engine::with_rules(&["a"], |_| ());
        trommel::faults::panic_in_scans(3);
        for n in 0..50 {
            engine.submit(b"a", n).unwrap();
        }
        let items = engine.collect_all(50);
        let (panicked, fine): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.completion.status == TRM_ERR_PANIC);
        assert_eq!((panicked.len(), fine.len()), (3, 47));
        assert!(panicked.iter().all(|item| item.matches.is_empty() && item.completion.match_count == 0));
        assert!(fine.iter().all(|item| item.completion.status == TRM_OK && item.spans() == [(0, 1, 0)]));
        // Every worker still works, and a panic with a status wanted is a hit.
        let hits = Engine::with_rules(&["a"], |options| options.delivery = TRM_DELIVER_HITS);
        trommel::faults::panic_in_scans(1);
        let ticket = hits.submit(b"-", 0).unwrap();
        assert_eq!(hits.wait(ticket, LONG).unwrap().completion.status, TRM_ERR_PANIC);
        let ticket = engine.submit(b"aa", 0).unwrap();
        assert_eq!(engine.wait(ticket, LONG).unwrap().spans().len(), 2);
        assert_eq!(engine.unload(0), TRM_OK);
        assert_eq!(engine.close(LONG), TRM_OK);
        let stats = engine.stats();
        assert_eq!((stats.panics, stats.failed, stats.finished, stats.arena_used), (3, 3, 51, 0));
    });
    assert_eq!(said, "", "the library is a guest: it prints nothing");
}
