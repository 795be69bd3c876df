//! The way of items to a device and back, over a kernel that answers at once: whoever shares a handle, and however its items are
//! told and taken, each comes back once and is the one that went in.
#![cfg(all(feature = "gpu", feature = "faults"))]

mod tickets;

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::engine::{Answer, Buffers, Engine, Handle, Mode, Options};
use trommel::rules::{CompileOptions, Rules};
use trommel::status::{TRM_ARENA_FULL, TRM_CANCELLED, TRM_ERR_TICKET, TRM_OK, TRM_QUEUE_FULL};
use trommel::types::{trm_completion, trm_work_item};

const RING: u32 = 4096;

fn engine() -> Handle {
    engine_with("echo", RING)
}

fn engine_with(adapter: &str, ring_size: u32) -> Handle {
    let options = Options {
        mode: Mode::Force,
        adapter: Some(adapter.into()),
        ring_size,
        arena_bytes: 64 << 20,
        cpu_threads: 1,
        sparse_tickets: true,
        ..Options::default()
    };
    let handle = Engine::create(options).unwrap();
    for id in 1..=3 {
        let rules = Rules::compile(&[], &CompileOptions::default()).unwrap();
        handle.engine().load_rules(id, rules.into()).unwrap();
    }
    handle
}

fn item(n: u32) -> trm_work_item {
    // Mostly of one set, so that there are long runs, and now and then of others.
    let rule_set_id = if n % 500 < 480 { 1 } else { 1 + n % 3 };
    trm_work_item { input_offset: n % 1024 * 64, input_len: n % 65, rule_set_id, correlation: n }
}

/// What went in and did not come back, by ticket.
#[derive(Default)]
struct Books {
    open: Mutex<HashMap<u64, u32>>,
    /// Came back before their tickets were entered.
    early: Mutex<HashMap<u64, trm_completion>>,
    done: AtomicU64,
}

impl Books {
    fn went(&self, ticket: u64, n: u32) {
        let mut open = self.open.lock().unwrap();
        match self.early.lock().unwrap().remove(&ticket) {
            Some(completion) => self.check(&completion, n),
            None => assert_eq!(open.insert(ticket, n), None, "a ticket was given out twice"),
        }
    }

    fn came(&self, completion: &trm_completion) {
        let mut open = self.open.lock().unwrap();
        match open.remove(&completion.ticket) {
            Some(n) => self.check(completion, n),
            None => {
                let twice = self.early.lock().unwrap().insert(completion.ticket, *completion);
                assert_eq!(twice, None, "an item came back twice");
            }
        }
    }

    fn check(&self, completion: &trm_completion, n: u32) {
        let item = item(n);
        assert_eq!((completion.correlation, completion.rule_set_id), (n, item.rule_set_id));
        assert!([TRM_OK, TRM_CANCELLED].contains(&completion.status) && completion.match_count == 0);
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Enqueues items `numbers`, singly and in batches of many sizes. Where the ring is full, `full` is to make room.
fn feed(handle: &Handle, books: &Books, numbers: std::ops::Range<u32>, full: impl Fn()) {
    let mut n = numbers.start;
    while n < numbers.end {
        // Long stretches of single items, so that they wait for company, and batches between.
        let size = if (n / 700).is_multiple_of(3) { 1 + n % 300 } else { 1 };
        let items: Vec<_> = (n..numbers.end).take(size as usize).map(item).collect();
        let accepted = match &items[..] {
            [item] if (n / 1000).is_multiple_of(2) => handle
                .submit(&[0; 64][..item.input_len as usize % 65], item.rule_set_id, n)
                .map(|position| (position, 1)),
            [item] => handle.enqueue_one(item).map(|position| (position, 1)),
            items => handle.enqueue(items),
        };
        match accepted {
            Ok((first, count)) => {
                (0..count as u32).for_each(|i| books.went(first.ticket() + u64::from(i), n + i));
                if n.is_multiple_of(97) {
                    handle.cancel(first.ticket()).unwrap();
                }
                n += count as u32;
            }
            Err(error) => {
                assert!([TRM_QUEUE_FULL, TRM_ARENA_FULL].contains(&error.status), "{}", error.status);
                full();
            }
        }
    }
}

fn collect(handle: &Handle, books: &Books, most: usize) -> usize {
    collect_within(handle, books, most, Duration::from_millis(1))
}

fn collect_within(handle: &Handle, books: &Books, most: usize, time: Duration) -> usize {
    let mut completions = vec![trm_completion::default(); most];
    match handle.collect(Some(Instant::now() + time), &mut Buffers { completions: &mut completions, matches: &mut [] })
    {
        Answer::Took(taken) => {
            completions[..taken.items].iter().for_each(|completion| books.came(completion));
            taken.items
        }
        Answer::Late => 0,
        other => panic!("{other:?}"),
    }
}

/// Enqueues one item after the other, collecting now and then, until so many are out that more positions than one are reserved
/// at a time.
fn run_up(handle: &Handle, books: &Books, numbers: std::ops::Range<u32>) -> u64 {
    let mut last = 0;
    for n in numbers {
        last = handle.enqueue_one(&item(n)).unwrap().ticket();
        books.open.lock().unwrap().insert(last, n);
    }
    last
}

/// So many items were accepted, and all are taken: at once by what is told, and soon by what the ring has in use.
fn all_is_over(handle: &Handle, items: u64) {
    let engine = handle.engine();
    let stats = engine.stats();
    assert_eq!((stats.accepted, stats.finished, stats.in_flight, stats.arena_used >> 22), (items, items, 0, 0));
    let began = Instant::now();
    while engine.ring().in_flight() > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "{} slots stay in use", engine.ring().in_flight());
        std::thread::sleep(Duration::from_millis(1));
    }
    let stats = engine.stats();
    assert_eq!((stats.accepted, stats.claimed, stats.finished, stats.in_flight), (items, items, items, 0));
}

#[test]
fn a_handle_that_threads_share_gives_each_item_back_once() {
    let each = 150_000u32;
    let (handle, books, over) = (engine(), Books::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let feeders: Vec<_> = (0..2)
            .map(|t| {
                scope.spawn({
                    let (handle, books) = (&handle, &books);
                    move || feed(handle, books, t * each..(t + 1) * each, std::thread::yield_now)
                })
            })
            .collect();
        for most in [7, 1000] {
            let (handle, books, over) = (&handle, &books, &over);
            scope.spawn(move || {
                while !over.load(Ordering::SeqCst) || collect(handle, books, most) > 0 {
                    collect(handle, books, most);
                    if most == 1000 {
                        // The engine's own thread picks up meanwhile.
                        std::thread::sleep(Duration::from_micros(300));
                    }
                }
            });
        }
        feeders.into_iter().for_each(|feeder| feeder.join().unwrap());
        over.store(true, Ordering::SeqCst);
    });
    while collect(&handle, &books, 100) > 0 {}
    assert_eq!(books.done.load(Ordering::Relaxed), u64::from(2 * each));
    all_is_over(&handle, u64::from(2 * each));
}

#[test]
fn handles_of_one_thread_each_go_their_ways() {
    let each = 150_000u32;
    let main = engine();
    std::thread::scope(|scope| {
        for t in 0..3 {
            let handle = main.attach().unwrap();
            scope.spawn(move || {
                let books = Books::default();
                let mut n = t * each;
                while n < (t + 1) * each {
                    feed(&handle, &books, n..(n + 900).min((t + 1) * each), || _ = collect(&handle, &books, 4096));
                    n += 900;
                    while collect(&handle, &books, 333) == 333 {}
                    if n.is_multiple_of(7) {
                        // Somebody else looks at the handle.
                        std::thread::scope(|other| {
                            other.spawn(|| collect(&handle, &books, 50));
                        });
                    }
                }
                while collect(&handle, &books, 4096) > 0 {}
                assert_eq!(books.done.load(Ordering::Relaxed), u64::from(each));
            });
        }
    });
    all_is_over(&main, u64::from(3 * each));
}

#[test]
fn what_waits_for_company_is_told_when_somebody_asks_or_nobody_comes() {
    let handle = engine();
    // So many that single ones wait.
    let items: Vec<_> = (0..400).map(|n| trm_work_item { rule_set_id: 1, ..item(n) }).collect();
    handle.enqueue(&items).unwrap();
    let waits = handle.enqueue_one(&items[7]).unwrap();
    let mut completion = [trm_completion::default()];
    let answer = handle.wait(waits.ticket(), None, &mut Buffers { completions: &mut completion, matches: &mut [] });
    assert!(matches!(answer, Answer::Took(_)) && completion[0].correlation == 7);
    let waits = handle.enqueue_one(&items[8]).unwrap();
    // Closing collects nothing; what it waits for is told all the same.
    assert!(handle.close(Some(Instant::now() + Duration::from_secs(20))).unwrap());
    let answer = handle.wait(waits.ticket(), None, &mut Buffers { completions: &mut completion, matches: &mut [] });
    assert!(matches!(answer, Answer::Took(_)) && completion[0].correlation == 8);
}

#[test]
fn a_device_that_dies_is_not_waited_for() {
    let main = engine_with("echo mortal", 1 << 15);
    let (idle, other, books) = (main.attach().unwrap(), main.attach().unwrap(), Books::default());
    let items: Vec<_> = (1000..21_000).map(item).collect();
    let mut count = 0;
    while count < 200 || main.engine().ring().head() == main.engine().accepted() {
        run_up(&idle, &books, count..count + 1);
        count += 1;
    }
    // It dies of these, which are behind those positions.
    let (first, others) = other.enqueue(&items).unwrap();
    (0..others as u32).for_each(|i| books.went(first.ticket() + u64::from(i), 1000 + i));
    while books.done.load(Ordering::Relaxed) < u64::from(count) + others as u64 {
        collect(&idle, &books, 1000);
        collect(&other, &books, 1000);
    }
    let began = Instant::now();
    let over = || main.engine().stats().device.failovers > 0 && main.engine().ring().in_flight() == 0;
    while !over() {
        // A second after its death there is another one.
        assert!(began.elapsed() < Duration::from_millis(500), "{} slots in use", main.engine().ring().in_flight());
        std::thread::sleep(Duration::from_millis(1));
    }
    all_is_over(&main, u64::from(count) + others as u64);
}

#[test]
fn a_device_that_dies_again_and_again_loses_nothing() {
    let main = engine_with("echo mortal", RING);
    let over = AtomicBool::new(false);
    let counts: Vec<u32> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3u32)
            .map(|t| {
                let (handle, over) = (main.attach().unwrap(), &over);
                scope.spawn(move || {
                    let (books, begin) = (Books::default(), t << 28);
                    let mut n = begin;
                    while !over.load(Ordering::Relaxed) {
                        feed(&handle, &books, n..n + 200, || _ = collect(&handle, &books, 4096));
                        n += 200;
                        collect(&handle, &books, 100 + n as usize % 300);
                    }
                    while !books.open.lock().unwrap().is_empty() {
                        collect(&handle, &books, 4096);
                    }
                    n - begin
                })
            })
            .collect();
        let began = Instant::now();
        while main.engine().stats().device.failovers < 2 {
            assert!(began.elapsed() < Duration::from_secs(20));
            std::thread::sleep(Duration::from_millis(5));
        }
        over.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    all_is_over(&main, counts.iter().map(|&count| u64::from(count)).sum());
}
