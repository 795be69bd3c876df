//! What the device's matchers do inside the resident kernel: bytes that are there already, one producer thread, batches.
//!
//! `cargo bench --bench gpu_matchers -- [part of a set's name]...`; files of rules are looked for in `TROMMEL_DATA`
//! (default `../shared/data`), `TROMMEL_WORKERS` names numbers of workers to try. A row says how many items the host
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
use std::path::PathBuf;
use std::time::{Duration, Instant};
use trommel::gpu::persistent::{Kernel, Options};
use trommel::gpu::{Device, Job, SetKind};
use trommel::rules::{CompileOptions, Pattern, Rules, flags};

const TEXT: usize = 48 << 20;
const BATCH: usize = 64;
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
    let depth = if device.is_software() { 256 } else { 1 << 15 };
    for &workers in workers {
        let options = Options {
            arena_bytes: TEXT,
            table_bytes: 64 << 20,
            workers: (workers, workers),
            idle: Duration::from_secs(2),
            ..Options::default()
        };
        let kernel = Kernel::new(device, &options).unwrap();
        let set = match kernel.load(kind.clone()) {
            Ok(set) => set,
            Err(error) => return println!("{name}: {error}"),
        };
        // SAFETY: inside the arena, and nothing was published yet.
        unsafe { kernel.write_arena(0, text) };
        let mut position = 0;
        for size in [16 << 10, 1 << 10, 256] {
            let jobs: Vec<Job> = (0..TEXT / size)
                .map(|i| Job { offset: (i * size) as u32, len: size as u32, set: set.index() })
                .collect();
            // Once to warm up.
            pour(&kernel, &mut position, &jobs, depth);
            let (items, seconds, on_host, found) = pour(&kernel, &mut position, &jobs, depth);
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

/// Items done, seconds, items for the host, records.
fn pour(kernel: &Kernel, position: &mut u64, jobs: &[Job], depth: u64) -> (u64, f64, u64, u64) {
    let (first, began, time) = (*position, Instant::now(), TIME);
    let (mut done, mut on_host, mut found, mut next) = (first, 0, 0, 0);
    while began.elapsed() < time || done < *position {
        if began.elapsed() < time && *position - done < depth {
            let end = (next + BATCH).min(jobs.len());
            kernel.publish(*position, &jobs[next..end]);
            *position += (end - next) as u64;
            next = end % jobs.len();
        }
        while done < *position {
            let Some(completion) = kernel.poll_done(done) else { break };
            on_host += u64::from(completion.overflow);
            found += u64::from(completion.count);
            done += 1;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "{:?} {}", kernel.progress(), kernel.why_dead());
    }
    (done - first, began.elapsed().as_secs_f64(), on_host, found)
}
