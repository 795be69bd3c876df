//! From bytes in ordinary memory to matches, through the C ABI: each way to feed, a handle a thread.

use super::Bench;
use super::abi::{Compiled, Drum, percentile};
use crate::sets::{self, Sources};
use crossbeam_utils::CachePadded;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::capi::{TRM_OPTION_SPARSE_TICKETS, TRM_OPTION_STAGED_INPUT, trm_input_copy, trm_region, trm_text};
use trommel::rules::flags;
use trommel::types::*;

const TIME: Duration = Duration::from_millis(400);
/// Bytes that a thread has in flight, mostly.
const OUT: usize = 8 << 20;

#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// Into regions of the arena, by `trm_input_copy`.
    InPlace,
    /// The same by `memcpy`.
    Memcpy,
    /// What lies in the arena already, moved to the device again.
    There,
    /// `trm_submit`.
    Submit,
    /// `trm_submit_batch`, 64 texts a call.
    SubmitBatch,
    /// A registered buffer.
    Registered,
    /// `trm_input_copy` and nothing else: what the threads could bring.
    CopyOnly,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Way::InPlace => "in place, trm_input_copy",
            Way::Memcpy => "in place, memcpy",
            Way::There => "bytes there",
            Way::Submit => "trm_submit",
            Way::SubmitBatch => "trm_submit_batch",
            Way::Registered => "registered",
            Way::CopyOnly => "trm_input_copy alone",
        }
    }
}

#[derive(Clone, Copy)]
struct Feed {
    way: Way,
    threads: usize,
    size: usize,
    set: u32,
    /// Bytes that a thread has in flight, at most.
    out: usize,
}

fn drum(bench: &Bench, staged: bool) -> Drum {
    Drum::new(&bench.adapter, |options| {
        options.arena_bytes = 128 << 20;
        options.ring_size = 1 << 17;
        options.flags = TRM_OPTION_SPARSE_TICKETS | if staged { TRM_OPTION_STAGED_INPUT } else { 0 };
    })
    .unwrap_or_else(|why| panic!("{why}"))
}

pub(super) fn rows(bench: &mut Bench) {
    if !bench.wants("abi_feed") || bench.device.is_software() {
        return;
    }
    let some = Sources::find().text(32 << 20);
    let text: Vec<u8> = some.iter().copied().cycle().take(if some.is_empty() { 0 } else { 32 << 20 }).collect();
    let data = std::env::var_os("TROMMEL_DATA").map_or_else(|| "../shared/data".into(), std::path::PathBuf::from);
    let literals = sets::lines(&data.join("lits1000.txt"));
    let (Some(literals), false) = (literals, text.is_empty()) else {
        return println!("abi_feed: no literals or no crate sources on this machine");
    };
    let literals: Vec<(Vec<u8>, u32)> = literals.into_iter().map(|(bytes, _)| (bytes, flags::LITERAL)).collect();
    let regexes = crate::sources::gitleaks(&data.join("gitleaks.toml"));
    let regexes: Vec<(Vec<u8>, u32)> = regexes.into_iter().flatten().map(|rule| (rule.into_bytes(), 0)).collect();
    let (literals, regexes) = (Compiled::new(&literals), Compiled::new(&regexes));
    // TROMMEL_WAY: only ways to feed whose name contains it, and no single items.
    let only = std::env::var("TROMMEL_WAY").ok();
    for staged in [true, false] {
        let drum = drum(bench, staged);
        drum.load_rules(2, &literals);
        drum.load_rules(3, &regexes);
        let feed = |way, threads, size, set| Feed { way, threads, size, set, out: OUT };
        let mut all = vec![
            feed(Way::CopyOnly, 1, 1024, 1),
            feed(Way::CopyOnly, 4, 1024, 1),
            feed(Way::CopyOnly, 8, 1024, 1),
            feed(Way::InPlace, 1, 1024, 1),
            feed(Way::InPlace, 4, 1024, 1),
            feed(Way::InPlace, 8, 1024, 1),
            feed(Way::InPlace, 4, 1024, 2),
            feed(Way::Memcpy, 8, 1024, 2),
            feed(Way::Submit, 4, 1024, 2),
            feed(Way::Submit, 8, 1024, 2),
            feed(Way::SubmitBatch, 4, 1024, 2),
            feed(Way::SubmitBatch, 8, 1024, 2),
            feed(Way::Registered, 4, 16 << 10, 2),
            feed(Way::Registered, 8, 16 << 10, 2),
            feed(Way::Registered, 8, 256 << 10, 1),
            feed(Way::InPlace, 8, 16 << 10, 3),
            feed(Way::InPlace, 8, 64, 1),
            feed(Way::InPlace, 8, 256, 1),
        ];
        if staged {
            all.insert(6, feed(Way::There, 4, 1024, 1));
            all.insert(7, feed(Way::There, 4, 1024, 2));
        }
        for how in all {
            if only.as_ref().is_some_and(|only| !how.way.name().contains(only.as_str())) {
                continue;
            }
            stream(&drum, how, &text, TIME / 4, None);
            let before = drum.stats();
            let (items, seconds) = stream(&drum, how, &text, TIME, None);
            let after = drum.stats();
            let moved = (after.bytes - before.bytes).max(1);
            let what = format!(
                "{}, {}, {} threads, {} B, {}: {:.1} M items/s, {:.0}% by copy engines",
                if staged { "staged" } else { "device memory" },
                how.way.name(),
                how.threads,
                how.size,
                ["", "empty set", "1,000 literals", "gitleaks"][how.set as usize],
                items as f64 / seconds / 1e6,
                (after.pumped_bytes - before.pumped_bytes) as f64 * 100.0 / moved as f64,
            );
            bench.plain("abi_feed", what, items as f64 * how.size as f64 / seconds / 1e9, "GB/s");
        }
        if let Some(only) = &only {
            if staged && only == "switch" {
                switch(bench, &drum, &text);
            }
            continue;
        }
        let kind = if staged { "staged" } else { "device memory" };
        for size in [1 << 10, 16 << 10] {
            let times = singles(&drum, &text[..size], 2, 20_000);
            let what = format!("{kind}, one {size} B item, trm_submit, 1,000 literals");
            bench.plain("abi_feed_one_p50", what.clone(), percentile(&times, 0.5), "us");
            bench.plain("abi_feed_one_p99", what, percentile(&times, 0.99), "us");
        }
        let times = singles(&drum, &text[..1 << 10], 1, 20_000);
        let what = format!("{kind}, one 1024 B item, trm_submit, empty set");
        bench.plain("abi_feed_one_p50", what.clone(), percentile(&times, 0.5), "us");
        bench.plain("abi_feed_one_p99", what, percentile(&times, 0.99), "us");
        for out in [OUT, 1 << 20] {
            beside(bench, &drum, &text, out, &format!("{kind}, 528 workers"));
        }
        if staged {
            switch(bench, &drum, &text);
        }
        drop(drum);
        // The default ring, which the threads keep full, and all that an H100 runs at once.
        for (ring, workers) in [(1 << 13, 528), (1 << 17, 2112)] {
            let drum = Drum::new(&bench.adapter, |options| {
                options.arena_bytes = 128 << 20;
                options.ring_size = ring;
                options.gpu_workers = workers;
                options.flags = if staged { TRM_OPTION_STAGED_INPUT } else { 0 };
            });
            let drum = drum.unwrap_or_else(|why| panic!("{why}"));
            for out in [OUT, 1 << 20] {
                beside(bench, &drum, &text, out, &format!("{kind}, {ring} slots, {workers} workers"));
            }
        }
    }
}

/// One item at a time beside threads that feed.
fn beside(bench: &mut Bench, drum: &Drum, text: &[u8], out: usize, kind: &str) {
    let (over, lone) = (AtomicBool::new(false), drum.attach());
    let times = std::thread::scope(|scope| {
        let over = &over;
        let how = Feed { way: Way::InPlace, threads: 4, size: 1024, set: 1, out };
        scope.spawn(move || stream(drum, how, text, TIME * 10, Some(over)));
        std::thread::sleep(Duration::from_millis(50));
        let times = singles(&lone, &text[..1024], 1, 2_000);
        over.store(true, Ordering::Relaxed);
        times
    });
    let what = format!("{kind}: one 1 KiB item, empty set, beside 4 threads with {} MiB in flight each", out >> 20);
    bench.plain("abi_feed_beside_p50", what.clone(), percentile(&times, 0.5), "us");
    bench.plain("abi_feed_beside_p99", what, percentile(&times, 0.99), "us");
}

/// Threads that begin at one moment, and what each has collected so far. The engine's own counters are not looked at: a
/// reading of all of them takes a while when much is in flight.
struct Start {
    gate: Barrier,
    done: Vec<CachePadded<AtomicU64>>,
}

impl Start {
    fn done(&self) -> u64 {
        self.done.iter().map(|done| done.load(Ordering::Relaxed)).sum()
    }
}

/// How fast a flood goes that follows a trickle: from 1 to 3 ms on, as a share of the rate later on.
fn switch(bench: &mut Bench, drum: &Drum, text: &[u8]) {
    let how = Feed { way: Way::InPlace, threads: 8, size: 1024, set: 1, out: OUT };
    let mut shares: Vec<f64> = (0..15)
        .map(|_| {
            let done = (0..how.threads).map(|_| CachePadded::default()).collect();
            let (start, began) = (Start { gate: Barrier::new(how.threads + 1), done }, Instant::now());
            std::thread::scope(|scope| {
                let start = &start;
                scope.spawn(move || start_together(drum, how, text, Duration::from_millis(150), None, Some(start)));
                // Until the threads have all they need, and past the last flood.
                while began.elapsed() < Duration::from_millis(80) {
                    singles(drum, &text[..1024], 1, 20);
                }
                start.gate.wait();
                let began = Instant::now();
                let at = |milliseconds: f64| {
                    let until = Duration::from_secs_f64(milliseconds / 1e3);
                    while began.elapsed() < until {
                        std::hint::spin_loop();
                    }
                    (start.done(), began.elapsed().as_secs_f64())
                };
                let marks = [1.0, 3.0, 10.0, 40.0].map(at);
                let rate = |a: (u64, f64), b: (u64, f64)| (b.0 - a.0) as f64 / (b.1 - a.1);
                rate(marks[0], marks[1]) / rate(marks[2], marks[3])
            })
        })
        .collect();
    shares.sort_by(f64::total_cmp);
    let what = "a flood of 8 threads after a trickle: what they collect from 1 to 3 ms after it begins, of that from 10 to 40 ms";
    bench.plain("abi_feed_switch", what, shares[shares.len() / 2], "x");
}

/// One item at a time, copied in; sorted, in nanoseconds.
fn singles(drum: &Drum, text: &[u8], set: u32, count: u32) -> Vec<u64> {
    let mut times: Vec<u64> = (0..count)
        .map(|n| {
            let began = Instant::now();
            // Others may have filled the ring.
            let ticket = loop {
                if let Some(ticket) = drum.submit(text, set, n) {
                    break ticket;
                }
            };
            drum.wait(ticket);
            began.elapsed().as_nanos() as u64
        })
        .collect();
    times.sort_unstable();
    times
}

/// Items and seconds.
fn stream(main: &Drum, how: Feed, text: &[u8], time: Duration, over: Option<&AtomicBool>) -> (u64, f64) {
    start_together(main, how, text, time, over, None)
}

/// The same; in-place threads begin when all of them are there.
fn start_together(
    main: &Drum,
    how: Feed,
    text: &[u8],
    time: Duration,
    over: Option<&AtomicBool>,
    start: Option<&Start>,
) -> (u64, f64) {
    let total = AtomicU64::new(0);
    let handles: Vec<Drum> = (0..how.threads).map(|_| main.attach()).collect();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (t, handle) in handles.iter().enumerate() {
            let total = &total;
            let is_over = move || began.elapsed() > time || over.is_some_and(|over| over.load(Ordering::Relaxed));
            scope.spawn(move || {
                // Each thread begins elsewhere in the text.
                let text = &text[t * text.len() / (2 * how.threads)..][..text.len() / 2];
                let done = match how.way {
                    Way::Submit => submits(handle, how, text, is_over),
                    Way::SubmitBatch => batches(handle, how, text, is_over),
                    Way::Registered => registered(handle, how, text, is_over),
                    Way::CopyOnly => copies(handle, how, text, is_over),
                    _ => in_place(handle, how, text, is_over, start.map(|start| (start, t))),
                };
                total.fetch_add(done, Ordering::Relaxed);
            });
        }
    });
    (total.into_inner(), began.elapsed().as_secs_f64())
}

struct Room {
    completions: Vec<trm_completion>,
    matches: Vec<trm_match>,
}

impl Room {
    fn new() -> Self {
        Self { completions: vec![Default::default(); 4096], matches: vec![Default::default(); 1 << 20] }
    }

    fn collect(&mut self, drum: &Drum) -> &[trm_completion] {
        let (count, _) = drum.collect_all(&mut self.completions, &mut self.matches);
        &self.completions[..count]
    }
}

/// Regions of 256 items, filled and enqueued in turn, each when its items are done.
fn in_place(drum: &Drum, how: Feed, text: &[u8], over: impl Fn() -> bool, start: Option<(&Start, usize)>) -> u64 {
    const ITEMS: usize = 256;
    let bytes = ITEMS * how.size;
    let regions: Vec<trm_region> = (0..(how.out / bytes).clamp(2, 32)).map(|_| drum.acquire(bytes)).collect();
    for region in &regions {
        // SAFETY: the region has so many bytes, and nobody else writes them.
        // Around the caches, like what follows: the copy engines would fetch the first lap out of them.
        unsafe { trm_input_copy(region.bytes, text.as_ptr().cast(), bytes) };
    }
    let batches: Vec<Vec<trm_work_item>> = regions
        .iter()
        .zip(0..)
        .map(|(region, n)| {
            let item = |i: usize| trm_work_item {
                input_offset: region.input_offset + (i * how.size) as u32,
                input_len: how.size as u32,
                rule_set_id: how.set,
                correlation: n,
            };
            (0..ITEMS).map(item).collect()
        })
        .collect();
    let (mut pending, mut room) = (vec![0usize; regions.len()], Room::new());
    if let Some((start, _)) = start {
        start.gate.wait();
    }
    let (mut next, mut at, mut sent, mut done) = (0, 0, 0u64, 0u64);
    while !over() || sent > done {
        if !over() && pending[next] == 0 {
            let from = &text[at..at + bytes];
            at = if at + 2 * bytes > text.len() { 0 } else { at + bytes };
            // SAFETY: as above, and none of its items is in flight.
            unsafe {
                match how.way {
                    Way::InPlace => _ = trm_input_copy(regions[next].bytes, from.as_ptr().cast(), bytes),
                    Way::Memcpy => regions[next].bytes.cast::<u8>().copy_from_nonoverlapping(from.as_ptr(), bytes),
                    _ => {}
                }
            }
            let mut left = &batches[next][..];
            while !left.is_empty() {
                let accepted = drum.enqueue(left);
                left = &left[accepted..];
                (pending[next], sent) = (pending[next] + accepted, sent + accepted as u64);
                for completion in room.collect(drum) {
                    pending[completion.correlation as usize] -= 1;
                    done += 1;
                }
            }
            next = (next + 1) % regions.len();
        }
        for completion in room.collect(drum) {
            pending[completion.correlation as usize] -= 1;
            done += 1;
        }
        if let Some((start, thread)) = start {
            start.done[thread].store(done, Ordering::Relaxed);
        }
    }
    regions.iter().for_each(|region| drum.release(region.input_offset));
    done
}

/// Regions of 256 items, filled in turn.
fn copies(drum: &Drum, how: Feed, text: &[u8], over: impl Fn() -> bool) -> u64 {
    let bytes = 256 * how.size;
    let regions: Vec<trm_region> = (0..16).map(|_| drum.acquire(bytes)).collect();
    let mut done = 0;
    for (region, from) in regions.iter().cycle().zip(text.chunks_exact(bytes).cycle()) {
        if over() {
            break;
        }
        // SAFETY: the region has so many bytes, and nobody else writes them.
        unsafe { trm_input_copy(region.bytes, from.as_ptr().cast(), bytes) };
        done += 256;
    }
    regions.iter().for_each(|region| drum.release(region.input_offset));
    done
}

fn submits(drum: &Drum, how: Feed, text: &[u8], over: impl Fn() -> bool) -> u64 {
    let (mut room, mut at, mut sent, mut done) = (Room::new(), 0, 0u64, 0u64);
    while !over() || sent > done {
        for _ in 0..256 {
            if over() || (sent - done) as usize * how.size >= OUT {
                break;
            }
            let from = &text[at..at + how.size];
            at = if at + 2 * how.size > text.len() { 0 } else { at + how.size };
            if drum.submit(from, how.set, 0).is_none() {
                break;
            }
            sent += 1;
        }
        done += room.collect(drum).len() as u64;
    }
    done
}

fn batches(drum: &Drum, how: Feed, text: &[u8], over: impl Fn() -> bool) -> u64 {
    let all: Vec<trm_text> = text
        .chunks_exact(how.size)
        .map(|bytes| trm_text {
            bytes: bytes.as_ptr().cast(),
            len: how.size as u32,
            rule_set_id: how.set,
            correlation: 0,
            reserved: 0,
        })
        .collect();
    let (mut room, mut next, mut sent, mut done) = (Room::new(), 0, 0u64, 0u64);
    while !over() || sent > done {
        for _ in 0..4 {
            if over() || (sent - done) as usize * how.size >= OUT {
                break;
            }
            let accepted = drum.submit_batch(&all[next..(next + 64).min(all.len())]);
            (sent, next) = (sent + accepted as u64, (next + accepted) % all.len());
        }
        done += room.collect(drum).len() as u64;
    }
    done
}

fn registered(drum: &Drum, how: Feed, text: &[u8], over: impl Fn() -> bool) -> u64 {
    let offset = drum.register(text);
    let item = |n: usize| trm_work_item {
        input_offset: offset + (n * how.size) as u32,
        input_len: how.size as u32,
        rule_set_id: how.set,
        correlation: 0,
    };
    let items: Vec<_> = (0..text.len() / how.size).map(item).collect();
    let (mut room, mut next, mut sent, mut done) = (Room::new(), 0, 0u64, 0u64);
    while !over() || sent > done {
        if !over() && (sent - done) as usize * how.size < OUT {
            let some = &items[next..(next + 64).min(items.len())];
            let accepted = drum.enqueue(some);
            sent += accepted as u64;
            next = (next + accepted) % items.len();
        }
        done += room.collect(drum).len() as u64;
    }
    drum.unregister(offset);
    done
}
