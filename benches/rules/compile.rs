//! What compiling costs: time, the most memory held meanwhile, what threads gain, and loading a saved set instead.
//!
//! `cargo bench --bench compile -- [part of an id]...`; the gitleaks file is looked for in `TROMMEL_DATA` (default
//! `../shared/data`). Time is the wall clock's, the best of a few rounds; memory is counted by the allocator.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/heap.rs"]
mod heap;
#[allow(dead_code)]
#[path = "../literals/sets.rs"]
mod sets;
#[allow(dead_code)]
mod sources;

use std::path::PathBuf;
use std::time::Instant;

use common::{Row, record};
use trommel::rules::{CompileOptions, Pattern, Rules, flags};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let data: PathBuf = match std::env::var_os("TROMMEL_DATA") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let want = |id: &str| wanted.is_empty() || wanted.iter().any(|w| id.contains(w.as_str()));
    for (id, count) in [("compile-1000", 1_000), ("compile-10000", 10_000), ("compile-100000", 100_000)] {
        if want(id) {
            let words = sets::Sources::find().words(count);
            let patterns: Vec<Pattern<'_>> =
                (0u32..).zip(&words).map(|(id, word)| Pattern { bytes: &word.0, id, flags: flags::LITERAL }).collect();
            if words.len() < count {
                println!("{id:<16} not run: not enough source text here");
            } else {
                run(id, &format!("{count} words and identifiers"), &patterns);
            }
        }
    }
    let regexes = [
        ("compile-gitleaks", sources::gitleaks(&data.join("gitleaks.toml"))),
        ("compile-snort", Some(sources::intrusion(2000))),
    ];
    for (id, set) in regexes {
        let Some(set) = set.filter(|_| want(id)) else { continue };
        let patterns: Vec<Pattern<'_>> = (0u32..)
            .zip(&set)
            .map(|(id, rule)| Pattern { bytes: rule.as_bytes(), id, flags: 0 })
            .filter(|pattern| Rules::compile(&[*pattern], &CompileOptions::default()).is_ok())
            .collect();
        run(id, &format!("{} regexes", patterns.len()), &patterns);
    }
}

/// The best of a few rounds, in milliseconds.
fn best<T>(mut work: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let started = Instant::now();
        let made = work();
        let took = started.elapsed().as_secs_f64() * 1e3;
        drop(made);
        took
    };
    (0..5).map(round).fold(f64::INFINITY, f64::min)
}

fn run(id: &str, what: &str, patterns: &[Pattern<'_>]) {
    let compile = |threads: u32| {
        let options = CompileOptions { threads, ..CompileOptions::default() };
        Rules::compile(patterns, &options).expect("the patterns are good")
    };
    let (rules, peak) = heap::peak(|| compile(1));
    let one = best(|| compile(1));
    let two = best(|| compile(2));
    let bytes = rules.serialize();
    let load = best(|| Rules::deserialize(&bytes).expect("it was just saved"));
    let show = |what: &str, value: f64, unit: &str, peer: Option<(&str, f64)>, ratio: Option<f64>| {
        record(&Row { id, what, value, unit, peer, ratio });
    };
    show(&format!("{what}, compiled by 1 thread"), one, "ms", None, None);
    show(&format!("{what}, compiled by 2 threads"), two, "ms", Some(("1 thread", one)), Some(one / two));
    let mib = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    show(&format!("{what}, most memory held while compiling"), mib(peak), "MiB", None, None);
    show(&format!("{what}, memory held by the set"), mib(rules.memory_usage() as usize), "MiB", None, None);
    show(
        &format!("{what}, loaded from {} KiB", bytes.len() >> 10),
        load,
        "ms",
        Some(("compiling", one)),
        Some(one / load),
    );
}
