//! Text and rules made to hurt: how much slower the worst item is than an ordinary one, for the same rules.
//!
//! `cargo bench --bench hostile -- [part of an id]...`. A row's value is the rate on the hostile text, its peer the rate on
//! ordinary source text, its ratio how many times slower the hostile one is; Vectorscan's rate on the same hostile text stands
//! beside it where it takes the rules. Time is the thread's processor time, the median of a few rounds.

#[path = "../common/mod.rs"]
mod common;
#[allow(dead_code)]
#[path = "../literals/sets.rs"]
mod sets;
#[allow(dead_code)]
#[path = "../literals/vectorscan.rs"]
mod vectorscan;

use common::{Row, median, record, thread_time};
use trommel::rules::{CompileOptions, Pattern, Rules, flags};
use trommel::scan::Scratch;
use vectorscan::Vectorscan;

const ITEM: usize = 1024;
const ITEMS: usize = 32;
const ROUNDS: usize = 5;

struct Case {
    id: &'static str,
    what: &'static str,
    /// All literals or all regexes.
    literal: bool,
    patterns: Vec<Vec<u8>>,
    text: Vec<u8>,
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let ordinary = sets::Sources::find().text(ITEM * ITEMS);
    if ordinary.is_empty() {
        println!("not run: no source text here");
        return;
    }
    let vectorscan = Vectorscan::load();
    for case in cases() {
        if wanted.is_empty() || wanted.iter().any(|w| case.id.contains(w.as_str())) {
            run(&case, &ordinary, vectorscan.as_ref());
        }
    }
}

fn strings(all: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
    all.map(String::into_bytes).collect()
}

/// `piece` again and again.
fn repeated(piece: &str) -> Vec<u8> {
    piece.bytes().cycle().take(ITEM * ITEMS).collect()
}

fn cases() -> Vec<Case> {
    let literal = |id, what, patterns, text| Case { id, what, literal: true, patterns, text };
    let regex = |id, what, patterns: Vec<String>, text| Case {
        id,
        what,
        literal: false,
        patterns: strings(patterns.into_iter()),
        text,
    };
    // Words with one letter wrong: every window is there, no literal is.
    let words = sets::Sources::find().words(10_000);
    let near: Vec<u8> = words
        .iter()
        .flat_map(|word| {
            let mut word = word.0.clone();
            *word.last_mut().expect("no word is empty") ^= 2;
            word
        })
        .take(ITEM * ITEMS)
        .collect();
    let two_places = |i: usize| format!("<{}-common-middle-{}>", char::from(b' ' + (i % 95) as u8), (i / 95) % 2000);
    let two_letters = |i: usize| (0..17).map(|bit| if i >> bit & 1 != 0 { 'a' } else { 'b' }).collect::<String>();
    vec![
        literal(
            "hostile-common",
            "100,000 literals that begin alike, text of what they share",
            strings((0..100_000).map(|i| format!("one_common_window_{i:05}"))),
            repeated("one_common_window_"),
        ),
        literal(
            "hostile-lists",
            "100,000 literals that differ in two places far apart, text of near misses",
            strings((0..100_000).map(two_places)),
            repeated("<a-common-middle-x><a-common-middle-1999<"),
        ),
        literal(
            "hostile-windows",
            "100,000 literals of 17 letters that share 64 windows, text of those two letters",
            strings((0..100_000).map(two_letters)),
            (0..ITEM * ITEMS / 17 + 1)
                .flat_map(|i| two_letters((i * 40_503) & 0x1ffff).into_bytes())
                .take(ITEM * ITEMS)
                .collect(),
        ),
        literal(
            "hostile-near",
            "10,000 words, text of the same words with a wrong letter",
            words.iter().map(|w| w.0.clone()).collect(),
            near,
        ),
        literal(
            "hostile-nested",
            "200 literals, each in the next, text of all of them at every byte",
            (1..=200).map(|n| vec![b'a'; n]).collect(),
            repeated("a"),
        ),
        regex(
            "hostile-repeats",
            "20 nested repeats, text of what they repeat",
            (0..20).map(|i| format!("(?:(?:[ab]{{1,{}}}x?){{1,20}}){{1,20}}end{i}", 5 + i)).collect(),
            repeated("ababx"),
        ),
        regex(
            "hostile-counts",
            "20 counted repeats of 200 to 1,150, text that almost reaches them",
            (0..20).map(|i| format!("key{i}[a-z=]{{{}}}!", 200 + 50 * i)).collect(),
            repeated("key0=key1=key2=key10=key19="),
        ),
        regex(
            "hostile-borders",
            "100 regexes with one string in common, text of that string",
            (0..100).map(|i| format!("token[a-z]{{0,60}}={i}")).collect(),
            repeated("token"),
        ),
        regex(
            "hostile-many",
            "2,000 regexes with one string in common, text of that string",
            (0..2000).map(|i| format!("token[a-z]{{0,{}}}[=:][0-9]{{{}}}", i % 60, 1 + i / 60)).collect(),
            repeated("token"),
        ),
        regex(
            "hostile-backward",
            "20 regexes that look far back from their string, text of such strings",
            (0..20).map(|i| format!("[a-z]{{20,{}}}secret", 40 + i)).collect(),
            repeated("secretsecretsecretsecretsecretsecret."),
        ),
        regex(
            "hostile-runs",
            "10 runs of a class, text of runs one byte too short",
            (0..10).map(|i| format!("\\b[0-9a-f]{{{}}}\\b", 40 - i)).collect(),
            repeated("0123456789abcdef0123456789abcde.0123456789abcdef0123456789abcdef0123456789abcdef0g"),
        ),
        regex(
            "hostile-host",
            "10 regexes without any string, text on which they almost match everywhere",
            (0..10).map(|i| format!("(?:[a-z][0-9]){{{}}}[A-Z]", 3 + i)).collect(),
            repeated("a1b2c3d4e5f6g7h8i9"),
        ),
    ]
}

fn run(case: &Case, ordinary: &[u8], vectorscan: Option<&Vectorscan>) {
    let flags = if case.literal { flags::LITERAL } else { 0 };
    let patterns: Vec<Pattern<'_>> =
        (0u32..).zip(&case.patterns).map(|(id, bytes)| Pattern { bytes, id, flags }).collect();
    let rules = Rules::compile(&patterns, &CompileOptions::default()).expect("the patterns are good");
    if std::env::args().any(|a| a == "--tiers") {
        rules.info().iter().take(3).for_each(|info| println!("{info:?}"));
    }
    let database = vectorscan.and_then(|v| {
        if case.literal {
            let set: Vec<(Vec<u8>, bool)> = case.patterns.iter().map(|p| (p.clone(), false)).collect();
            v.compile(&set)
        } else {
            let set: Vec<&str> = case.patterns.iter().filter_map(|p| std::str::from_utf8(p).ok()).collect();
            v.compile_regexes(&set)
        }
    });
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let mut ours = |text: &[u8]| {
        rate(text, |item| {
            out.clear();
            rules.scan(item, &mut scratch, u64::MAX, &mut out)
        })
    };
    let (mut worst, mut best, mut theirs, mut theirs_best) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut matches = 0;
    for round in 0..=ROUNDS {
        let (hostile, n) = ours(&case.text);
        let (usual, _) = ours(ordinary);
        matches = n;
        // The first round warms up.
        if round > 0 {
            worst.push(hostile);
            best.push(usual);
            if let Some(database) = &database {
                theirs.push(rate(&case.text, |item| database.count(item)).0);
                theirs_best.push(rate(ordinary, |item| database.count(item)).0);
            }
        }
    }
    let (worst, best) = (median(worst), median(best));
    let per_kib = matches as f64 / (case.text.len() as f64 / 1024.0);
    let what = format!("{}, items of {ITEM} B, {per_kib:.1} matches a KiB", case.what);
    let mut row = Row { id: case.id, what: &what, value: worst * 1e3, unit: "MB/s", peer: None, ratio: None };
    row.peer = Some(("ordinary text", best * 1e3));
    row.ratio = Some(best / worst);
    record(&row);
    if !theirs.is_empty() {
        let (theirs, theirs_best) = (median(theirs), median(theirs_best));
        let what = format!("Vectorscan: {}", case.what);
        record(&Row {
            id: case.id,
            what: &what,
            value: theirs * 1e3,
            unit: "MB/s",
            peer: Some(("ordinary text", theirs_best * 1e3)),
            ratio: Some(theirs_best / theirs),
        });
    }
}

/// GB/s over all items, and the matches.
fn rate(text: &[u8], mut count: impl FnMut(&[u8]) -> u64) -> (f64, u64) {
    let before = thread_time();
    let matches = text.chunks(ITEM).map(&mut count).sum();
    (text.len() as f64 / (thread_time() - before) / 1e9, matches)
}
