//! What the device's matchers do inside the resident kernel: bytes that are there already, a few producer threads, batches,
//! records taken.
//!
//! `cargo bench --bench gpu_matchers -- [part of a set's name]...`; files of rules are looked for in `TROMMEL_DATA`
//! (default `../shared/data`), `TROMMEL_WORKERS` names numbers of workers to try, `TROMMEL_SIZES` bytes of an item. With `TROMMEL_NO_TEXT` the bytes of
//! items for the host are not sent. A row says how many items the host
//! would have to scan, which is not done here.

#[path = "../common/mod.rs"]
mod bench;
#[path = "../../tests/common/gpu.rs"]
mod common;
#[allow(dead_code)]
#[path = "../literals/sets.rs"]
mod sets;
#[allow(dead_code)]
#[path = "../rules/sources.rs"]
mod sources;

use bench::{Row, record};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::gpu::persistent::{Kernel, Options};
use trommel::gpu::{Device, Job, SetKind};
use trommel::rules::{CompileOptions, Pattern, Rules, flags};

const TEXT: usize = 48 << 20;
const BATCH: usize = 256;
const RING: u32 = 1 << 16;
const TIME: Duration = Duration::from_millis(250);

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let data: PathBuf = match std::env::var_os("TROMMEL_DATA") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let device = common::device();
    let workers: Vec<u32> = match std::env::var("TROMMEL_WORKERS") {
        Ok(list) => list.split(',').map(|n| n.parse().expect("a number of workers")).collect(),
        Err(_) => vec![264, 1056, 2112],
    };
    let sources = sets::Sources::find();
    let some = sources.text(8 << 20);
    assert!(!some.is_empty(), "no crate sources on this machine");
    let text: Vec<u8> = some.iter().copied().cycle().take(TEXT).collect();
    let words = sources.words(100_000);
    let plain: Vec<(&str, Option<sets::Set>)> = vec![
        ("lits1000", sets::lines(&data.join("lits1000.txt"))),
        ("lits10000", sets::lines(&data.join("lits10000.txt"))),
        ("lits100000", Some(words)),
        ("keywords", sets::keywords(&data.join("gitleaks.toml"))),
        ("short", Some(sets::short())),
    ];
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    for (name, set) in plain {
        let Some(set) = set.filter(|_| is_wanted(name)) else { continue };
        let of = |(id, (bytes, caseless)): (u32, &'_ (Vec<u8>, bool))| (bytes.clone(), id, *caseless);
        let patterns: Vec<_> = (0..).zip(&set).map(of).collect();
        let patterns: Vec<Pattern<'_>> = patterns
            .iter()
            .map(|(bytes, id, caseless)| Pattern {
                bytes,
                id: *id,
                flags: flags::LITERAL | if *caseless { flags::CASELESS } else { 0 },
            })
            .collect();
        rows(&device, name, &patterns, &text, &workers);
        if name == "lits1000" && is_wanted("dense64") {
            let dense = sets::dense(text.clone(), &set);
            rows(&device, "dense32", &patterns, &dense, &workers);
        }
    }
    for (name, set) in
        [("gitleaks", sources::gitleaks(&data.join("gitleaks.toml"))), ("intrusion", Some(sources::intrusion(2000)))]
    {
        let Some(set) = set.filter(|_| is_wanted(name)) else { continue };
        let patterns: Vec<_> =
            (0..).zip(&set).map(|(id, rule)| Pattern { bytes: rule.as_bytes(), id, flags: 0 }).collect();
        rows(&device, name, &patterns, &text, &workers);
    }
}

fn rows(device: &Device, name: &str, patterns: &[Pattern<'_>], text: &[u8], workers: &[u32]) {
    let rules = match Rules::compile(patterns, &CompileOptions::default()) {
        Ok(rules) => rules,
        Err(errors) => {
            let bad: Vec<usize> = errors.iter().map(|e| e.pattern_index as usize).collect();
            let good: Vec<_> = patterns.iter().enumerate().filter(|(i, _)| !bad.contains(i)).map(|(_, p)| *p).collect();
            Rules::compile(&good, &CompileOptions::default()).expect("the rest is valid")
        }
    };
    let kind = rules.device_kind();
    if kind == SetKind::Host {
        println!("{name}: some rule can only be found by the host");
        return;
    }
    println!("{name}: {}", rules.describe_strings());
    for &workers in workers {
        let options = Options {
            arena_bytes: TEXT,
            table_bytes: 64 << 20,
            ring: RING,
            spill_kib: 32 << 10,
            workers: (workers, workers),
            idle: Duration::from_secs(2),
            sends_text: std::env::var_os("TROMMEL_NO_TEXT").is_none(),
            ..Options::default()
        };
        let kernel = Kernel::new(device, &options).unwrap();
        let set = match kernel.load(kind.clone()) {
            Ok(set) => set,
            Err(error) => return println!("{name}: {error}"),
        };
        // SAFETY: inside the arena, and nothing was published yet.
        unsafe { kernel.write_arena(0, text) };
        let mut block = 0;
        let sizes = std::env::var("TROMMEL_SIZES").unwrap_or_else(|_| "16384,1024,256".into());
        for size in sizes.split(',').map(|size| size.parse::<usize>().expect("bytes of an item")) {
            let jobs: Vec<Job> = (0..TEXT / size)
                .map(|i| Job { offset: (i * size) as u32, len: size as u32, set: set.index(), ..Job::default() })
                .collect();
            // Once to warm up.
            pour(&kernel, &mut block, &jobs);
            let (items, seconds, on_host, found) = pour(&kernel, &mut block, &jobs);
            let share = on_host as f64 * 100.0 / items as f64;
            let what = format!(
                "{} rules, items of {size} B, {workers} workers: {:.1} M items/s, {share:.2}% for the host, {:.3} records an item",
                patterns.len(),
                items as f64 / seconds / 1e6,
                found as f64 / items as f64,
            );
            let value = items as f64 * size as f64 / seconds / 1e9;
            record(&Row { id: &format!("device-{name}"), what: &what, value, unit: "GB/s", peer: None, ratio: None });
        }
        kernel.unload(set);
        kernel.stop();
    }
}

/// Bytes of items that are published and not consumed at most, but at least for three items a worker.
const DEPTH: u64 = 32 << 20;

/// Items done, seconds, items for the host, records. Blocks of items are numbered from `block` on.
fn pour(kernel: &Kernel, block: &mut u64, jobs: &[Job]) -> (u64, f64, u64, u64) {
    let threads = (std::thread::available_parallelism().map_or(1, usize::from) * 3 / 4).clamp(1, 12);
    let depth = DEPTH / (BATCH as u64 * u64::from(jobs[0].len)) / threads as u64;
    let depth = if common::device().is_software() { 1 } else { depth.clamp(3, 10) };
    let blocks = u64::from(RING) / BATCH as u64;
    let (first, began) = (*block, Instant::now());
    let next = AtomicU64::new(first);
    // How many laps of each block's slots are consumed.
    let consumed: Vec<AtomicU64> =
        (0..blocks).map(|slot| AtomicU64::new((first + (slot + blocks - first % blocks) % blocks) / blocks)).collect();
    let totals = Mutex::new((0, 0, 0));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let (mut mine, mut reserved) = (VecDeque::new(), None);
                let (mut done, mut on_host, mut found, mut records) = (0, 0, 0, Vec::new());
                loop {
                    let over = began.elapsed() > TIME;
                    if !over && reserved.is_none() && (mine.len() as u64) < depth {
                        reserved = Some(next.fetch_add(1, Ordering::Relaxed));
                    }
                    // A reserved block is published even when time is up: others may wait for a later one.
                    let free = |block: &mut u64| {
                        consumed[(*block % blocks) as usize].load(Ordering::Acquire) == *block / blocks
                    };
                    if let Some(block) = reserved.take_if(free) {
                        let at = block as usize * BATCH % jobs.len();
                        kernel.publish(block * BATCH as u64, &jobs[at..at + BATCH]);
                        mine.push_back(block);
                        continue;
                    }
                    if mine.is_empty() && reserved.is_some() {
                        continue;
                    }
                    let Some(block) = mine.pop_front() else { break };
                    let (mut position, end) = (block * BATCH as u64, (block + 1) * BATCH as u64);
                    while position < end {
                        let plain = kernel.plain_run(position, (end - position) as usize) as u64;
                        position += plain;
                        if plain > 0 {
                            continue;
                        }
                        if let Some(completion) = kernel.poll_done(position) {
                            records.clear();
                            assert!(kernel.take_records(position, completion, &mut records));
                            on_host += u64::from(completion.overflow);
                            found += records.len() as u64;
                            position += 1;
                        }
                        assert!(
                            began.elapsed() < Duration::from_secs(20),
                            "{:?} {}",
                            kernel.progress(),
                            kernel.why_dead()
                        );
                    }
                    consumed[(block % blocks) as usize].store(block / blocks + 1, Ordering::Release);
                    done += BATCH as u64;
                }
                let mut totals = totals.lock().unwrap();
                *totals = (totals.0 + done, totals.1 + on_host, totals.2 + found);
            });
        }
    });
    *block = next.into_inner();
    let (done, on_host, found) = totals.into_inner().unwrap();
    (done, began.elapsed().as_secs_f64(), on_host, found)
}
