//! Whole rule sets beside Vectorscan and the regex crate: the same rules, the same items, in turns.
//!
//! `cargo bench --bench rules -- [part of an id]... [--tiers] [--alone]`; the gitleaks file is looked for in `TROMMEL_DATA` (default
//! `../shared/data`). Leftmost spans are delivered and counted; Vectorscan counts in its callback and reports every end,
//! so its counts differ. Our answers are compared with the regex crate's before anything is timed. Time is the
//! thread's processor time; a figure is the median of its rounds, a ratio the median of the rounds' ratios.

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code)]
#[path = "../literals/sets.rs"]
mod sets;
mod sources;
#[allow(dead_code)]
#[path = "../literals/vectorscan.rs"]
mod vectorscan;

use std::path::PathBuf;

use common::{Row, median, record, thread_time};
use regex::bytes::{Regex, RegexBuilder, RegexSetBuilder};
use trommel::rules::{CompileOptions, Pattern, Rules};
use trommel::scan::{Match, Scratch};
use vectorscan::Vectorscan;

const TEXT: usize = 4 << 20;
const ITEM: usize = 1024;
const ROUNDS: usize = 15;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let wanted: Vec<&String> = args.iter().filter(|a| !a.starts_with("--")).collect();
    let data: PathBuf = match std::env::var_os("TROMMEL_DATA") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let text = sets::Sources::find().text(TEXT);
    let vectorscan = Vectorscan::load();
    let sets = [
        ("gitleaks-cpu", sources::gitleaks(&data.join("gitleaks.toml"))),
        ("snort-cpu", Some(sources::intrusion(2000))),
    ];
    for (id, set) in sets {
        if !wanted.is_empty() && !wanted.iter().any(|w| id.contains(w.as_str())) {
            continue;
        }
        match set {
            Some(set) if !text.is_empty() => run(id, &set, &text, vectorscan.as_ref(), &args),
            _ => println!("{id:<16} not run: its rules or the text are not on this machine"),
        }
    }
}

/// Scans all items; returns GB/s and the number of matches.
fn pass(text: &[u8], mut count: impl FnMut(&[u8]) -> u64) -> (f64, u64) {
    let before = thread_time();
    let matches = text.chunks(ITEM).map(&mut count).sum();
    (text.len() as f64 / (thread_time() - before) / 1e9, matches)
}

fn run(id: &str, set: &[String], text: &[u8], vectorscan: Option<&Vectorscan>, args: &[String]) {
    // Only what both accept.
    let set: Vec<&str> = set
        .iter()
        .map(String::as_str)
        .filter(|rule| vectorscan.is_none_or(|v| v.compile_regexes(&[rule]).is_some()) && peer(rule).is_some())
        .collect();
    let patterns: Vec<Pattern<'_>> =
        (0u32..).zip(&set).map(|(id, rule)| Pattern { bytes: rule.as_bytes(), id, flags: 0 }).collect();
    let started = thread_time();
    let rules = Rules::compile(&patterns, &CompileOptions::default()).expect("the rules are valid");
    let compile = (thread_time() - started) * 1e3;
    if args.iter().any(|a| a == "--tiers") {
        for (info, rule) in rules.info().iter().zip(&set) {
            let factors: Vec<String> = info.factors.iter().map(|f| f.escape_ascii().to_string()).collect();
            println!("{:?} {} B | {} | {factors:?} | {rule:.60}", info.tier, info.table_bytes, info.why);
        }
    }
    println!("{id:<16} {}", rules.describe_strings());
    let peers: Vec<Regex> = set.iter().filter_map(|rule| peer(rule)).collect();
    let expected = check(&rules, &peers, text);
    println!(
        "{id:<16} {} rules, {expected} matches in {} MiB, {} KiB held",
        set.len(),
        TEXT >> 20,
        rules.memory_usage() >> 10
    );

    let alone = args.iter().any(|a| a == "--alone");
    let vectorscan = vectorscan.filter(|_| !alone);
    let union = if alone { None } else { Some(()) }
        .and_then(|()| RegexSetBuilder::new(&set).unicode(false).size_limit(1 << 30).build().ok());
    let mut value = 0.0;
    let texts = format!("{} regexes, leftmost spans, items of {ITEM} B of source text", set.len());
    for threads in [1, 2] {
        let rounds = if threads == 1 { ROUNDS } else { ROUNDS / 2 };
        let figures: Vec<Figures> = std::thread::scope(|scope| {
            let work = || turns(&rules, &set, text, vectorscan, expected, rounds);
            let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            running.into_iter().map(|thread| thread.join().expect("a bench thread panicked")).collect()
        });
        let sum = |of: fn(&Figures) -> &Vec<f64>| figures.iter().map(|f| median(of(f).clone())).sum::<f64>();
        let what = format!("{texts}, {threads} thread{}", if threads == 1 { "" } else { "s" });
        let mut row = Row { id, what: &what, value: sum(|f| &f.ours), unit: "GB/s", peer: None, ratio: None };
        if figures.iter().any(|f| f.theirs.is_empty()) {
            println!("{id:<16} Vectorscan not run");
        } else {
            row.peer = Some(("Vectorscan", sum(|f| &f.theirs)));
            let ratios = figures.iter().flat_map(|f| f.ours.iter().zip(&f.theirs).map(|(a, b)| a / b));
            row.ratio = Some(median(ratios.collect()));
        }
        record(&row);
        if threads == 1 {
            value = row.value;
        }
        if alone {
            println!("{id:<16} compiled in {compile:.0} ms");
            return;
        }
    }
    let what = format!("{texts}, 1 thread");
    let mut row = Row { id, what: &what, value, unit: "GB/s", peer: None, ratio: None };
    // The slow ones see less text.
    let some = &text[..TEXT / 16];
    let single = pass(some, |item| peers.iter().map(|peer| peer.find_iter(item).count() as u64).sum()).0;
    row.peer = Some(("regex, one after another", single));
    row.ratio = Some(value / single);
    record(&row);
    if let Some(union) = union {
        let rate = pass(some, |item| union.matches(item).iter().count() as u64).0;
        row.peer = Some(("RegexSet", rate));
        row.ratio = Some(value / rate);
        record(&row);
    }
    record(&Row { id, what: "compiling the rules, 1 thread", value: compile, unit: "ms", peer: None, ratio: None });
}

#[derive(Default)]
struct Figures {
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

/// One thread's rounds: each engine once a round.
fn turns(
    rules: &Rules,
    set: &[&str],
    text: &[u8],
    vectorscan: Option<&Vectorscan>,
    expected: u64,
    rounds: usize,
) -> Figures {
    let database = vectorscan.and_then(|v| v.compile_regexes(set));
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let mut figures = Figures::default();
    for round in 0..=rounds {
        let (rate, n) = pass(text, |item| {
            out.clear();
            rules.scan(item, &mut scratch, u64::MAX, &mut out)
        });
        assert_eq!(n, expected, "matches");
        let peer = database.as_ref().map(|database| pass(text, |item| database.count(item)).0);
        // The first round warms up.
        if round > 0 {
            figures.ours.push(rate);
            figures.theirs.extend(peer);
        }
    }
    figures
}

/// The rule as the regex crate understands it in the library's dialect.
fn peer(rule: &str) -> Option<Regex> {
    RegexBuilder::new(rule).unicode(false).build().ok()
}

/// Compares every answer with the regex crate's; returns the number of matches.
fn check(rules: &Rules, peers: &[Regex], text: &[u8]) -> u64 {
    let (mut scratch, mut out, mut total) = (Scratch::default(), Vec::new(), 0);
    for (number, item) in text.chunks(ITEM).enumerate() {
        out.clear();
        total += rules.scan(item, &mut scratch, u64::MAX, &mut out);
        // The peer is slow: every answer with a match, and every 16th without.
        if out.is_empty() && number % 16 != 0 {
            continue;
        }
        let mut want: Vec<Match> = Vec::new();
        for (id, peer) in (0u32..).zip(peers) {
            want.extend(peer.find_iter(item).map(|m| Match {
                start: m.start() as u64,
                end: m.end() as u64,
                rule_id: id,
            }));
        }
        want.sort_by_key(|m| (m.end, m.start, m.rule_id));
        assert_eq!(out, want, "item {number}");
    }
    total
}
