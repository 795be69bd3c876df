//! What the engine costs between the C ABI and a resident kernel, where the kernel costs nothing: it answers each item at
//! once, on the thread that publishes it. Runs on machines without a GPU. `cargo bench --features faults --bench feed --
//! NAME...` runs only the rows whose name contains one of the words.

#[path = "gpu/abi.rs"]
mod abi;
mod common;

use abi::{Drum, Stream, percentile, round_trips, stream};
use common::{Row, median, record};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::capi::trm_text;
use trommel::types::{trm_completion, trm_match};

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wants = |id: &str| only.is_empty() || only.iter().any(|word| id.contains(word.as_str()));
    let row = |id, what: &str, value, unit| record(&Row { id, what, value, unit, peer: None, ratio: None });
    // An only handle has no need of gaps between tickets.
    let drum = |ring_size, alone: bool| {
        let flags = if alone { 0 } else { trommel::capi::TRM_OPTION_SPARSE_TICKETS };
        Drum::new("echo", |options| (options.ring_size, options.flags) = (ring_size, flags))
            .unwrap_or_else(|why| panic!("{why}"))
    };
    if wants("feed-round-trip") {
        let times = round_trips(&drum(8192, true), 200_000);
        row("feed-round-trip", "enqueue and wait for one item, p50", percentile(&times, 0.5), "us");
        row("feed-round-trip-p99", "the same, p99", percentile(&times, 0.99), "us");
    }
    for (id, batch) in [("feed-shared-1", 1), ("feed-shared-256", 256)] {
        if wants(id) {
            let drum = drum(1 << 13, true);
            let rates = (0..5).map(|_| shared(&drum, batch, Duration::from_millis(400)) / 1e6).collect();
            let what = format!("one handle, a thread that enqueues {batch} a call and one that collects");
            row(id, &what, median(rates), "M items/s");
        }
    }
    for (id, threads, batch, ring) in [
        ("feed-256", 1, 256, 1 << 13),
        ("feed-256-wide", 1, 256, 1 << 16),
        ("feed-16", 1, 16, 1 << 13),
        ("feed-single", 1, 1, 1 << 13),
        ("feed-256-2", 2, 256, 1 << 14),
    ] {
        if wants(id) {
            let drum = drum(ring, threads == 1);
            let how = Stream { threads, batch, depth: ring as usize / 2 / threads, time: Duration::from_millis(400) };
            let rates = (0..5).map(|_| stream(&drum, how) / 1e6).collect();
            let what = format!("{threads} threads, {batch} items a call, {ring} slots: enqueue and collect");
            row(id, &what, median(rates), "M items/s");
        }
    }
    for (id, hits) in [("feed-hits-40", 40), ("feed-hits-500", 500), ("feed-hits-1500", 1500)] {
        if wants(id) {
            let drum = Drum::new(&format!("echo {hits}"), |options| options.ring_size = 1 << 13);
            let drum = drum.unwrap_or_else(|why| panic!("{why}"));
            drum.load(1, &["needle"]);
            let rates = (0..5).map(|_| with_hits(&drum, Duration::from_millis(400)) / 1e6).collect();
            let what = format!("one thread, 256 items a call, {hits} matches in 100: enqueue and collect");
            row(id, &what, median(rates), "M items/s");
        }
    }
    for (id, threads, batch) in [("feed-submit", 1, 1), ("feed-submit-2", 2, 1), ("feed-submit-64", 1, 64)] {
        if wants(id) {
            let drum = drum(1 << 13, false);
            let rates = (0..5).map(|_| submits(&drum, threads, batch) / 1e6).collect();
            let what = format!("{threads} threads, 1 KiB copied in, {batch} a call: submit and collect");
            row(id, &what, median(rates), "M items/s");
        }
    }
}

/// Texts of 1 KiB that are copied in, a handle a thread; items a second.
fn submits(main: &Drum, threads: usize, batch: usize) -> f64 {
    let (total, began) = (AtomicU64::new(0), Instant::now());
    let handles: Vec<Drum> = (0..threads).map(|_| main.attach()).collect();
    std::thread::scope(|scope| {
        for handle in &handles {
            let total = &total;
            scope.spawn(move || {
                let bytes = vec![7u8; 1 << 20];
                let text = |bytes: &[u8]| trm_text {
                    bytes: bytes.as_ptr().cast(),
                    len: 1024,
                    rule_set_id: 1,
                    correlation: 0,
                    reserved: 0,
                };
                let texts: Vec<trm_text> = bytes.chunks_exact(1024).map(text).collect();
                let mut completions = vec![trm_completion::default(); 4096];
                let (mut sent, mut done) = (0, 0);
                let mut over = false;
                while !over || sent > done {
                    // Not asked for each text: that costs a part of what a text does.
                    over = began.elapsed() >= Duration::from_millis(400);
                    for n in 0..256 / batch {
                        if sent - done > 1024 || over {
                            break;
                        }
                        let from = n * batch % 1024;
                        sent += match batch {
                            1 => usize::from(handle.submit(&bytes[from * 1024..][..1024], 1, 0).is_some()),
                            _ => handle.submit_batch(&texts[from..from + batch]),
                        };
                    }
                    done += handle.collect(&mut completions, 0);
                }
                total.fetch_add(done as u64, Ordering::Relaxed);
            });
        }
    });
    total.into_inner() as f64 / began.elapsed().as_secs_f64()
}

/// Items a second, of which some have matches.
fn with_hits(drum: &Drum, time: Duration) -> f64 {
    let items: Vec<_> = (0..256).map(abi::item).collect();
    let mut completions = vec![trm_completion::default(); 4096];
    let mut matches = vec![trm_match::default(); 1 << 16];
    let (mut sent, mut done, began) = (0, 0, Instant::now());
    while began.elapsed() < time || sent > done {
        while sent - done + 256 <= 4096 && began.elapsed() < time {
            sent += drum.enqueue(&items);
        }
        done += drum.collect_all(&mut completions, &mut matches).0;
    }
    done as f64 / began.elapsed().as_secs_f64()
}

/// Items a second through one handle that two threads share.
fn shared(drum: &Drum, batch: usize, time: Duration) -> f64 {
    let (began, over) = (Instant::now(), AtomicBool::new(false));
    let items: Vec<_> = (0..batch as u32).map(abi::item).collect();
    let collect = || {
        let (mut done, mut completions) = (0, vec![trm_completion::default(); 4096]);
        loop {
            let last = over.load(Ordering::SeqCst);
            let count = drum.collect(&mut completions, 0);
            done += count;
            if count == 0 && last {
                return done;
            }
            if count == 0 {
                std::thread::yield_now();
            }
        }
    };
    let done = std::thread::scope(|scope| {
        let collector = scope.spawn(collect);
        let mut sent = 0;
        while began.elapsed() < time {
            for _ in 0..1024 / batch {
                sent += drum.enqueue(&items);
            }
        }
        over.store(true, Ordering::SeqCst);
        let done = collector.join().expect("it does not panic");
        assert_eq!(sent, done);
        done
    });
    done as f64 / began.elapsed().as_secs_f64()
}
