//! The event descriptor under epoll: readable while there is something to collect.

mod abi;

use abi::*;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::thread::scope;

/// One epoll instance over one descriptor, level-triggered.
struct Epoll(i32);

impl Epoll {
    fn on(fd: i32) -> Self {
        // SAFETY: plain numbers and a living event.
        unsafe {
            let epoll = libc::epoll_create1(libc::EPOLL_CLOEXEC);
            let mut event = libc::epoll_event { events: libc::EPOLLIN as u32, u64: 0 };
            assert!(epoll >= 0 && libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &mut event) == 0);
            Self(epoll)
        }
    }

    /// Whether the descriptor is or becomes readable within so many milliseconds.
    fn wait(&self, timeout_ms: i32) -> bool {
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        loop {
            // SAFETY: room for one event.
            match unsafe { libc::epoll_wait(self.0, &mut event, 1, timeout_ms) } {
                0 => return false,
                1 => return true,
                _ => assert_eq!(std::io::Error::last_os_error().raw_os_error(), Some(libc::EINTR)),
            }
        }
    }

    fn readable_now(&self) -> bool {
        self.wait(0)
    }
}

impl Drop for Epoll {
    fn drop(&mut self) {
        // SAFETY: ours.
        unsafe { libc::close(self.0) };
    }
}

const LONG_MS: i32 = 60_000;

#[test]
fn it_is_readable_exactly_while_there_is_something() {
    let engine = Engine::caller(&["a"], |_| ());
    let fd = engine.event_fd();
    assert_eq!(engine.event_fd(), fd, "the same one each time");
    let epoll = Epoll::on(fd);
    assert!(!epoll.readable_now());
    for _ in 0..3 {
        engine.submit(b"a", 0).unwrap();
    }
    assert!(!epoll.readable_now(), "nothing is finished");
    engine.drain_one(LONG).unwrap();
    engine.drain_one(LONG).unwrap();
    assert!(epoll.readable_now() && epoll.readable_now(), "level, not edge");
    assert_eq!(engine.collect_into(NOW, 1, 8).1.len(), 1);
    assert!(epoll.readable_now(), "one is left");
    let (status, _, needed) = engine.collect_into(NOW, 1, 0);
    assert_eq!((status, needed), (TRM_ERR_BUFFER, 1));
    assert!(epoll.readable_now(), "one is still left");
    assert_eq!(engine.collect_into(NOW, 1, 8).1.len(), 1);
    assert_eq!(engine.collect(NOW).unwrap_err(), TRM_EMPTY);
    assert!(!epoll.readable_now());
    engine.drain_one(LONG).unwrap();
    assert!(epoll.readable_now());
    engine.wait(3, LONG).unwrap();
    // Readable without need, once: the next collect settles it.
    assert_eq!(engine.collect(NOW).unwrap_err(), TRM_EMPTY);
    assert!(!epoll.readable_now());
}

#[test]
fn it_knows_what_finished_before_it_was_made() {
    let engine = Engine::caller(&["a"], |_| ());
    engine.submit(b"a", 0).unwrap();
    engine.drain_one(LONG).unwrap();
    assert!(Epoll::on(engine.event_fd()).readable_now());
}

#[test]
fn each_handle_has_its_own() {
    let engine = Engine::caller(&["a"], |_| ());
    let other = engine.attach();
    let (mine, others) = (Epoll::on(engine.event_fd()), Epoll::on(other.event_fd()));
    other.submit(b"a", 0).unwrap();
    engine.drain_one(LONG).unwrap();
    assert!(!mine.readable_now() && others.readable_now());
}

#[test]
fn making_it_while_items_finish_misses_none() {
    for _ in 0..300 {
        let engine = Engine::with_rules(&["a"], |_| ());
        engine.submit(b"a", 0).unwrap();
        let epoll = Epoll::on(engine.event_fd());
        assert!(epoll.wait(LONG_MS));
        assert_eq!(engine.collect(NOW).unwrap().len(), 1);
    }
}

/// One item at a time: each has to be announced, however it races with the collecting of the one before.
#[test]
fn every_single_item_is_announced() {
    let engine = Engine::with_rules(&["a"], |_| ());
    let epoll = Epoll::on(engine.event_fd());
    for n in 0..3000 {
        engine.submit(b"a", n).unwrap();
        loop {
            assert!(epoll.wait(LONG_MS), "item {n} was never announced");
            match engine.collect(NOW) {
                Ok(items) => break assert_eq!(items[0].completion.correlation, n),
                Err(status) => assert_eq!(status, TRM_EMPTY),
            }
        }
    }
}

/// The loop that the documentation asks for, under load: wait, collect until empty, wait again.
#[test]
fn an_epoll_loop_misses_nothing() {
    const ITEMS: u64 = 20_000;
    for delivery in [TRM_DELIVER_ALL, TRM_DELIVER_HITS] {
        let engine = Engine::with_rules(&["a"], |options| (options.delivery, options.ring_size) = (delivery, 64));
        let epoll = Epoll::on(engine.event_fd());
        let submitted = AtomicU64::new(0);
        scope(|threads| {
            for thread in 0..2 {
                let (engine, submitted) = (&engine, &submitted);
                threads.spawn(move || {
                    for n in 0..ITEMS as u32 / 2 {
                        engine.submit_patiently(if n % 2 == 0 { b"a" } else { b"-" }, n);
                        submitted.fetch_add(1, SeqCst);
                        if n % 100 == thread {
                            std::thread::yield_now();
                        }
                    }
                });
            }
            let wanted = if delivery == TRM_DELIVER_ALL { ITEMS } else { ITEMS / 2 };
            let mut seen = 0;
            while seen < wanted {
                assert!(epoll.wait(LONG_MS), "{seen} of {wanted} items came");
                loop {
                    match engine.collect(NOW) {
                        Ok(items) => seen += items.len() as u64,
                        Err(status) => break assert_eq!(status, TRM_EMPTY),
                    }
                }
            }
            assert_eq!(seen, wanted);
        });
        assert_eq!(submitted.load(SeqCst), ITEMS);
    }
}
