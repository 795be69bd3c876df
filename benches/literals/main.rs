//! The literal tier beside Vectorscan and aho-corasick: the same sets, the same items, in turns.
//!
//! `cargo bench --bench literals -- [part of an id]...`; sets from files are looked for in `TROMMEL_DATA` (default
//! `../shared/data`). Time is the thread's processor time, so that others on the machine disturb little; a figure is the
//! median of its rounds, a ratio the median of the rounds' ratios. Every engine's count of matches must equal aho-corasick's.

#[path = "../common/mod.rs"]
mod common;
mod sets;
mod sizes;
mod vectorscan;

use std::path::PathBuf;
use std::time::Instant;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use common::{Row, median, record, thread_time};
use regex::bytes::{RegexSet, RegexSetBuilder};
use sets::Set;
use trommel::rules::literal::{BuildOptions, Literal, LiteralTable, Plan};
use trommel::scan::literal::{Executor, LiteralScratch};
use vectorscan::Vectorscan;

const TEXT: usize = 4 << 20;

struct Case {
    id: &'static str,
    what: String,
    set: Option<Set>,
    text: Vec<u8>,
    item: usize,
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let data: PathBuf = match std::env::var_os("TROMMEL_DATA") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"),
    };
    let vectorscan = Vectorscan::load();
    if wanted.is_empty() || wanted.iter().any(|w| "sizes-cpu".contains(w.as_str())) {
        sizes::run(&data.join("lits1000.txt"));
    }
    for case in cases(&data, &wanted) {
        match &case.set {
            None => println!("{:<16} not run: its set is not in {}", case.id, data.display()),
            Some(_) if case.text.is_empty() => {
                println!("{:<16} not run: no source text here", case.id)
            }
            Some(set) => run(&case, set, vectorscan.as_ref()),
        }
    }
}

fn cases(data: &std::path::Path, wanted: &[String]) -> Vec<Case> {
    let sources = sets::Sources::find();
    let text = sources.text(TEXT);
    let lits1000 = sets::lines(&data.join("lits1000.txt"));
    let want = |id: &str| wanted.is_empty() || wanted.iter().any(|w| id.contains(w.as_str()));
    let mut cases = Vec::new();
    let mut add = |id: &'static str, what: &str, set: &dyn Fn() -> Option<Set>, text: &[u8], item: usize| {
        if want(id) {
            let what = format!("{what}, items of {item} B of source text");
            cases.push(Case { id, what, set: set(), text: text.to_vec(), item });
        }
    };
    let thousand = || lits1000.clone();
    add("lits1000-cpu", "1,000 literals", &thousand, &text, 1024);
    add("lits10000-cpu", "10,000 literals", &|| sets::lines(&data.join("lits10000.txt")), &text, 1024);
    add("lits100000-cpu", "100,000 words and identifiers", &|| Some(sources.words(100_000)), &text, 1024);
    add("keywords-cpu", "keywords, caseless", &|| sets::keywords(&data.join("gitleaks.toml")), &text, 1024);
    add("short-cpu", "20 literals of 1-3 bytes", &|| Some(sets::short()), &text, 1024);
    let dense = lits1000.as_ref().map(|set| sets::dense(text.clone(), set)).unwrap_or_default();
    add("dense-cpu", "1,000 literals, a hit every 32 bytes", &thousand, &dense, 1024);
    add("items64-cpu", "1,000 literals", &thousand, &text, 64);
    add("items256-cpu", "1,000 literals", &thousand, &text, 256);
    add("items16k-cpu", "1,000 literals", &thousand, &text, 16 << 10);
    add("items1m-cpu", "1,000 literals", &thousand, &text, 1 << 20);
    cases
}

/// Scans all items; returns GB/s and the number of matches.
fn pass(text: &[u8], item: usize, mut count: impl FnMut(&[u8]) -> u64) -> (f64, u64) {
    let before = thread_time();
    let matches = text.chunks(item).map(&mut count).sum();
    (text.len() as f64 / (thread_time() - before) / 1e9, matches)
}

fn run(case: &Case, set: &Set, vectorscan: Option<&Vectorscan>) {
    let started = Instant::now();
    let table = build(set);
    let compile = started.elapsed().as_secs_f64() * 1e3;
    println!("{:<16} {}", case.id, table.describe());
    let expected = witness_count(case, set);
    let rounds = if set.len() >= 100_000 { 9 } else { 21 };
    let mut alone = 0.0;
    for threads in [1, 2] {
        let figures: Vec<_> = std::thread::scope(|scope| {
            let work =
                || turns(case, set, &table, vectorscan, expected, if threads == 1 { rounds } else { rounds / 2 });
            let handles: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            handles.into_iter().map(|h| h.join().expect("a bench thread panicked")).collect()
        });
        let ours: f64 = figures.iter().map(|f| median(f.ours.clone())).sum();
        if threads == 1 {
            alone = ours;
        }
        let what = format!("{}, {threads} thread{}", case.what, if threads == 1 { "" } else { "s" });
        let mut row = Row { id: case.id, what: &what, value: ours, unit: "GB/s", peer: None, ratio: None };
        for (name, rates) in [
            ("Vectorscan", figures.iter().map(|f| &f.vectorscan).collect::<Vec<_>>()),
            ("aho-corasick", figures.iter().map(|f| &f.aho_corasick).collect()),
        ] {
            if rates.iter().any(|r| r.is_empty()) {
                println!("{:<16} {name} not run", case.id);
                continue;
            }
            row.peer = Some((name, rates.iter().map(|&r| median(r.clone())).sum()));
            let ratios = figures.iter().zip(&rates).flat_map(|(f, r)| f.ours.iter().zip(*r).map(|(a, b)| a / b));
            row.ratio = Some(median(ratios.collect()));
            record(&row);
        }
    }
    match union(set) {
        None => println!("{:<16} RegexSet not run", case.id),
        Some(union) => {
            // It is slow and sees less text; it only says which literals are there.
            let share = if set.len() > 20_000 { 1024 } else { 16 };
            let some = &case.text[..case.text.len() / share];
            let theirs = pass(some, case.item, |item| union.matches(item).iter().count() as u64).0;
            let what = format!("{}, 1 thread", case.what);
            let peer = Some(("RegexSet", theirs));
            let ratio = Some(alone / theirs);
            record(&Row { id: case.id, what: &what, value: alone, unit: "GB/s", peer, ratio });
        }
    }
    let what = format!("compiling: {}", case.what);
    record(&Row { id: case.id, what: &what, value: compile, unit: "ms", peer: None, ratio: None });
}

fn build(set: &Set) -> LiteralTable {
    let literals: Vec<Literal<'_>> =
        set.iter().zip(0..).map(|((bytes, caseless), tag)| Literal { bytes, caseless: *caseless, tag }).collect();
    // `TROMMEL_PLAN=window,stride` compares plans.
    let plan = std::env::var("TROMMEL_PLAN").ok().and_then(|plan| {
        let (window, stride) = plan.split_once(',')?;
        Some(Plan { window: window.parse().ok()?, stride: stride.parse().ok()? })
    });
    LiteralTable::build(&literals, &BuildOptions { plan, ..Default::default() }).expect("the sets are valid")
}

fn automaton(set: &Set, kind: AhoCorasickKind) -> AhoCorasick {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(set.iter().all(|l| l.1))
        .kind(Some(kind))
        .build(set.iter().map(|l| &l.0))
        .expect("aho-corasick takes the set")
}

/// The set as the regex crate takes many at once; None where it refuses them.
fn union(set: &Set) -> Option<RegexSet> {
    let texts = set.iter().map(|(bytes, caseless)| {
        let text = regex::escape(&String::from_utf8_lossy(bytes));
        if *caseless { format!("(?i){text}") } else { text }
    });
    RegexSetBuilder::new(texts).unicode(false).size_limit(1 << 30).build().ok()
}

fn kinds(set: &Set) -> &'static [AhoCorasickKind] {
    if set.len() > 20_000 {
        &[AhoCorasickKind::ContiguousNFA]
    } else {
        &[AhoCorasickKind::ContiguousNFA, AhoCorasickKind::DFA]
    }
}

fn witness_count(case: &Case, set: &Set) -> u64 {
    let witness = automaton(set, kinds(set)[0]);
    pass(&case.text, case.item, |item| witness.find_overlapping_iter(item).count() as u64).1
}

#[derive(Default)]
struct Figures {
    ours: Vec<f64>,
    vectorscan: Vec<f64>,
    aho_corasick: Vec<f64>,
}

/// One thread's rounds: each engine once a round.
fn turns(
    case: &Case,
    set: &Set,
    table: &LiteralTable,
    vectorscan: Option<&Vectorscan>,
    expected: u64,
    rounds: usize,
) -> Figures {
    let database = vectorscan.and_then(|v| v.compile(set));
    let automata: Vec<_> = kinds(set).iter().map(|&kind| automaton(set, kind)).collect();
    // `TROMMEL_EXECUTOR=scalar` or `avx2` compares executors.
    let executor = match std::env::var("TROMMEL_EXECUTOR").as_deref() {
        Ok("scalar") => Executor::Scalar,
        Ok("avx2") => Executor::Avx2,
        _ => Executor::best(),
    };
    let mut scratch = LiteralScratch::with_executor(executor);
    let mut figures = Figures::default();
    let ours = |scratch: &mut LiteralScratch| {
        pass(&case.text, case.item, |item| {
            let mut n = 0;
            table.find(item, scratch, &mut |_, _, _| n += 1);
            n
        })
    };
    for round in 0..=rounds {
        let (rate, n) = ours(&mut scratch);
        assert_eq!(n, expected, "{}: matches", case.id);
        if round > 0 {
            figures.ours.push(rate);
        }
        if let Some(database) = &database {
            let (rate, n) = pass(&case.text, case.item, |item| database.count(item));
            assert_eq!(n, expected, "{}: Vectorscan's matches", case.id);
            if round > 0 {
                figures.vectorscan.push(rate);
            }
        }
        // The slow one has fewer rounds.
        if round % 4 == 1 || (round > 0 && figures.aho_corasick.is_empty()) {
            let rates = automata.iter().map(|a| {
                let (rate, n) = pass(&case.text, case.item, |item| a.find_overlapping_iter(item).count() as u64);
                assert_eq!(n, expected, "{}: aho-corasick's matches", case.id);
                rate
            });
            figures.aho_corasick.push(rates.fold(0.0, f64::max));
        }
    }
    println!("{:<16} {:.2} matches a KiB", case.id, expected as f64 * 1024.0 / case.text.len() as f64);
    figures
}
