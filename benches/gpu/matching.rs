//! Matching through the C ABI: bytes that are in the arena already, a handle a thread, every match delivered. Beside it
//! Vectorscan with a thread on each processor, what an item costs alone, and how much of the GPU keeps up with the link.

use super::Bench;
use super::abi::{Compiled, Drum, percentile};
use super::others::nvidia_smi;
use super::sets::{self, Sources};
use super::vectorscan::{Database, Vectorscan};
use super::{Row, sources};
use std::cell::OnceCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::rules::flags;
use trommel::types::*;

const TEXT: usize = 48 << 20;
const TIME: Duration = Duration::from_millis(400);
const WARM: Duration = Duration::from_millis(100);
/// So long a GPU that had nothing to do for a second runs at a fraction of its clock, and some more.
const COLD: Duration = Duration::from_millis(500);
/// All that an H100 runs at once.
const ALL: u32 = 2112;

type Patterns = Vec<(Vec<u8>, u32)>;

pub(super) struct Set {
    pub name: &'static str,
    pub patterns: Patterns,
    compiled: OnceCell<Compiled>,
    regexes: bool,
    /// GB/s of 16 KiB and of 1 KiB items that are wanted.
    wanted: [f64; 2],
    /// Of one item alone, in microseconds.
    wanted_alone: Option<f64>,
    /// A string of it stands every 64 bytes.
    dense: bool,
}

impl Set {
    /// Compiled once: that takes seconds with many expressions, and a GPU that waits for it meanwhile gets cold.
    pub fn compiled(&self) -> &Compiled {
        self.compiled.get_or_init(|| Compiled::new(&self.patterns))
    }
}

fn rule_sets(found: &Sources) -> Vec<Set> {
    let data: PathBuf = std::env::var_os("TROMMEL_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let literals = |set: sets::Set| -> Patterns {
        let flags = |caseless| flags::LITERAL | if caseless { flags::CASELESS } else { 0 };
        set.into_iter().map(|(bytes, caseless)| (bytes, flags(caseless))).collect()
    };
    let regexes = |set: Vec<String>| -> Patterns { set.into_iter().map(|rule| (rule.into_bytes(), 0)).collect() };
    let lits1000 = sets::lines(&data.join("lits1000.txt")).map(literals);
    let all = [
        ("lits1000", lits1000.clone(), false, [600.0, 150.0], Some(4.5)),
        ("lits10000", sets::lines(&data.join("lits10000.txt")).map(literals), false, [400.0, 150.0], Some(6.0)),
        ("lits100000", Some(literals(found.words(100_000))), false, [150.0, 80.0], None),
        ("keywords", sets::keywords(&data.join("gitleaks.toml")).map(literals), false, [400.0, 150.0], None),
        ("gitleaks", sources::gitleaks(&data.join("gitleaks.toml")).map(regexes), true, [200.0, 100.0], Some(8.0)),
        ("intrusion", Some(regexes(sources::intrusion(2000))), true, [100.0, 60.0], None),
        ("dense64", lits1000, false, [20.0, 15.0], None),
    ];
    all.into_iter()
        .filter_map(|(name, patterns, regexes, wanted, wanted_alone)| {
            let (patterns, compiled) = (patterns?, OnceCell::new());
            Some(Set { name, patterns, compiled, regexes, wanted, wanted_alone, dense: name == "dense64" })
        })
        .collect()
}

pub(super) fn rows(bench: &mut Bench) {
    const IDS: [&str; 5] = ["abi_check", "abi_match", "abi_alone", "abi_footprint", "abi_vectorscan"];
    if !IDS.iter().any(|id| bench.wants(id)) || bench.device.is_software() {
        return;
    }
    let found = Sources::find();
    let some = found.text(8 << 20);
    if some.is_empty() {
        return println!("abi_match: no crate sources on this machine");
    }
    let text: Vec<u8> = some.iter().copied().cycle().take(TEXT).collect();
    let only = std::env::var("TROMMEL_SETS").unwrap_or_default();
    let vectorscan = Vectorscan::load();
    if vectorscan.is_none() {
        println!("abi_vectorscan: libhs.so.5 is not on this machine");
    }
    for set in rule_sets(&found) {
        if !only.is_empty() && !only.split(',').any(|name| name == set.name) {
            continue;
        }
        let text = if set.dense { dense(text.clone(), &set) } else { text.clone() };
        let peer = vectorscan.as_ref().filter(|_| bench.wants("abi_vectorscan"));
        let peer = peer.and_then(|vectorscan| beside(bench, vectorscan, &set, &text)).unwrap_or_default();
        if bench.wants("abi_check") {
            super::checking::check(bench, &set, &text[..8 << 20]);
        }
        if bench.wants("abi_match") {
            matching(bench, &set, &text, peer);
        }
        if bench.wants("abi_alone") && !set.dense {
            alone(bench, &set, &text);
        }
        if bench.wants("abi_footprint") && ["lits1000", "lits10000", "gitleaks", "intrusion"].contains(&set.name) {
            footprint(bench, &set, &text);
        }
    }
}

/// Text with a string of the set every 64 bytes.
fn dense(mut text: Vec<u8>, set: &Set) -> Vec<u8> {
    for (i, at) in (0..text.len() - 64).step_by(64).enumerate() {
        let string = &set.patterns[i * 7919 % set.patterns.len()].0;
        let len = string.len().min(58);
        text[at + 6..at + 6 + len].copy_from_slice(&string[..len]);
    }
    text
}

fn drum(bench: &Bench, set: &Set, text: &[u8], workers: u32) -> (Drum, u32) {
    let drum = Drum::new(&bench.adapter, |options| options.gpu_workers = workers).unwrap_or_else(|e| panic!("{e}"));
    let offset = drum.fill(text);
    drum.load_rules(2, set.compiled());
    stream(&drum, offset, 16 << 10, callers(set), COLD);
    (drum, offset)
}

/// Threads that feed and collect: where the host scans nothing they may have most processors.
fn callers(set: &Set) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let wanted = std::env::var("TROMMEL_CALLERS").ok().and_then(|n| n.parse().ok());
    wanted.unwrap_or(if set.regexes { cores / 2 } else { cores * 3 / 4 }).max(1)
}

fn matching(bench: &mut Bench, set: &Set, text: &[u8], peer: f64) {
    let sizes: &[usize] = if set.name == "lits1000" { &[16 << 10, 1 << 10, 256, 64] } else { &[16 << 10, 1 << 10] };
    for workers in [0, ALL] {
        let (drum, offset) = drum(bench, set, text, workers);
        for (n, &size) in sizes.iter().enumerate() {
            stream(&drum, offset, size, callers(set), WARM);
            let before = (drum.stats(), super::engine::cpu_time());
            let run = stream(&drum, offset, size, callers(set), TIME);
            let (after, cpu) = (drum.stats(), super::engine::cpu_time() - before.1);
            let what = format!(
                "{}, {size} B, {} workers, {} callers: {:.1} M items/s, {:.3} matches an item, {:.0} M matches/s, {:.1} cores, host {:.2}% of the items in {:.2} cores, {:.0} W; wanted {}",
                set.name,
                if workers == 0 { "default".into() } else { workers.to_string() },
                callers(set),
                run.items as f64 / run.seconds / 1e6,
                run.found as f64 / run.items as f64,
                run.found as f64 / run.seconds / 1e6,
                cpu / run.seconds,
                (after.host_items - before.0.host_items) as f64 * 100.0 / run.items as f64,
                (after.host_ns - before.0.host_ns) as f64 / 1e9 / run.seconds,
                run.watts,
                set.wanted.get(n).map_or("the ring's rate".into(), f64::to_string),
            );
            let value = run.items as f64 * size as f64 / run.seconds / 1e9;
            bench.row(Row {
                id: "abi_match",
                what,
                value,
                unit: "GB/s",
                peer: "Vectorscan on all cores",
                peer_value: peer,
            });
        }
    }
}

/// One item at a time, there and back with its matches.
fn alone(bench: &mut Bench, set: &Set, text: &[u8]) {
    let (drum, offset) = drum(bench, set, text, 0);
    let mut matches = vec![trm_match::default(); 1 << 18];
    for (kib, count) in [(1, 20_000u32), (64, 2000), (1024, 400)] {
        let size = kib << 10;
        let mut times: Vec<u64> = (0..count)
            .map(|n| {
                let at = (n as usize * 7919 % (TEXT / size)) * size;
                let (input_offset, input_len) = (offset + at as u32, size as u32);
                let item = trm_work_item { input_offset, input_len, rule_set_id: 2, correlation: n };
                drum.there_and_back(&item, &mut matches).as_nanos() as u64
            })
            .skip(count as usize / 20)
            .collect();
        times.sort_unstable();
        let wanted = set.wanted_alone.filter(|_| kib == 1).map_or(String::new(), |wanted| format!("; wanted {wanted}"));
        let what = format!("{}, one item of {kib} KiB alone", set.name);
        bench.plain("abi_alone_p50", format!("{what}, p50{wanted}"), percentile(&times, 0.5), "us");
        bench.plain("abi_alone_p99", format!("{what}, p99"), percentile(&times, 0.99), "us");
    }
}

/// 16 KiB items with parts of the GPU; the link brings at most about 50 GB/s.
fn footprint(bench: &mut Bench, set: &Set, text: &[u8]) {
    for workers in [32, 66, 132, 264, 528, 1056, ALL] {
        let (drum, offset) = drum(bench, set, text, workers);
        let callers = callers(set);
        stream(&drum, offset, 16 << 10, callers, WARM);
        let run = stream(&drum, offset, 16 << 10, callers, TIME / 2);
        let value = run.items as f64 * 16384.0 / run.seconds / 1e9;
        let what = format!(
            "{}, 16 KiB items, {workers} workers, {:.1}% of an H100, {callers} callers",
            set.name,
            f64::from(workers) * 100.0 / f64::from(ALL)
        );
        bench.plain("abi_footprint", what, value, "GB/s");
    }
}

/// Vectorscan with a thread on each processor, 1 KiB items, its matches counted.
fn beside(bench: &mut Bench, vectorscan: &Vectorscan, set: &Set, text: &[u8]) -> Option<f64> {
    let database = match set.regexes {
        false => {
            let caseless = |flags: u32| flags & flags::CASELESS != 0;
            let patterns: Vec<_> =
                set.patterns.iter().map(|(bytes, flags)| (bytes.clone(), caseless(*flags))).collect();
            vectorscan.compile(&patterns)
        }
        true => {
            let texts: Vec<&str> =
                set.patterns.iter().filter_map(|(bytes, _)| std::str::from_utf8(bytes).ok()).collect();
            // Those that it understands.
            let known: Vec<&str> =
                texts.into_iter().filter(|text| vectorscan.compile_regexes(&[text]).is_some()).collect();
            vectorscan.compile_regexes(&known)
        }
    };
    let Some(database) = database else {
        println!("abi_vectorscan: it refuses {}", set.name);
        return None;
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let began = Instant::now();
    let bytes = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for n in 0..cores {
            let (bytes, text) = (&bytes, &text);
            let mine: Database<'_> = database.for_another_thread().expect("it has memory for one more");
            scope.spawn(move || {
                let count = text.len() >> 10;
                let (mut scanned, mut found) = (0, 0);
                for i in n * count / cores.. {
                    if i % 64 == 0 && began.elapsed() > TIME {
                        break;
                    }
                    let item = &text[(i % count) << 10..][..1 << 10];
                    found += mine.count(item);
                    scanned += item.len() as u64;
                }
                std::hint::black_box(found);
                bytes.fetch_add(scanned, Ordering::Relaxed);
            });
        }
    });
    let value = bytes.into_inner() as f64 / began.elapsed().as_secs_f64() / 1e9;
    bench.plain("abi_vectorscan", format!("{}, Vectorscan, 1 KiB items, {cores} threads", set.name), value, "GB/s");
    Some(value)
}

struct Run {
    items: u64,
    found: u64,
    seconds: f64,
    watts: f64,
}

fn stream(main: &Drum, offset: u32, size: usize, threads: usize, time: Duration) -> Run {
    let (items_done, matches_found, nanoseconds) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let handles: Vec<Drum> = (0..threads).map(|_| main.attach()).collect();
    let mut watts = 0.0;
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (t, handle) in handles.iter().enumerate() {
            let (items_done, matches_found, nanoseconds) = (&items_done, &matches_found, &nanoseconds);
            scope.spawn(move || {
                let item = |n: usize| trm_work_item {
                    input_offset: offset + (n * size % TEXT) as u32,
                    input_len: size as u32,
                    rule_set_id: 2,
                    correlation: n as u32,
                };
                let items: Vec<_> = (0..TEXT / size).map(item).collect();
                let mut completions = vec![trm_completion::default(); 1024];
                let mut matches = vec![trm_match::default(); 1 << 17];
                let (mut next, mut sent, mut done, mut found) = (t * items.len() / threads, 0, 0, 0);
                // Enough for every worker, not more than the ring.
                let depth = (if size < 1024 { 49_152 } else { 12_288 } / threads).max(512);
                loop {
                    let over = began.elapsed() > time;
                    if over && sent == done {
                        break;
                    }
                    if !over && sent - done + 256 <= depth {
                        let end = (next + 256).min(items.len());
                        let accepted = handle.enqueue(&items[next..end]);
                        sent += accepted;
                        next = (next + accepted) % items.len();
                    }
                    let (count, more) = handle.collect_all(&mut completions, &mut matches);
                    done += count;
                    found += more;
                }
                items_done.fetch_add(done as u64, Ordering::Relaxed);
                matches_found.fetch_add(found as u64, Ordering::Relaxed);
                nanoseconds.fetch_max(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
            });
        }
        if time == TIME {
            std::thread::sleep(time * 2 / 3);
            watts = nvidia_smi("power.draw").unwrap_or_default();
        }
    });
    let seconds = nanoseconds.into_inner() as f64 / 1e9;
    Run { items: items_done.into_inner(), found: matches_found.into_inner(), seconds, watts }
}
