//! No panic crosses the boundary, and none is printed: the library is a guest in somebody's process.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::atomic::{AtomicBool, Ordering};

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Runs `work`; `None` when it panicked.
pub fn guarded<T>(work: impl FnOnce() -> T) -> Option<T> {
    // Nobody waits for the one who does it: a child that is forked meanwhile would wait for ever.
    static HOOKED: AtomicBool = AtomicBool::new(false);
    if !HOOKED.load(Ordering::Relaxed) && !HOOKED.swap(true, Ordering::Relaxed) {
        let before = take_hook();
        set_hook(Box::new(move |info| {
            if GUARDED.try_with(Cell::get).unwrap_or(0) == 0 {
                before(info);
            }
        }));
    }
    GUARDED.with(|depth| depth.set(depth.get() + 1));
    // What is behind a panic stays usable: locks ignore poison, and a failed item's scratch is thrown away.
    let done = catch_unwind(AssertUnwindSafe(work)).ok();
    GUARDED.with(|depth| depth.set(depth.get() - 1));
    done
}
