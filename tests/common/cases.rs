//! Rule sets and items, made to collide: few letters, much overlap, every construct of the dialect.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

use super::brute::{CASELESS, DOTALL, LITERAL, MULTILINE, Pat, SINGLE, START, UNICODE};

/// A rule set and items to scan with it.
#[derive(Clone, Debug)]
pub struct Case {
    pub all_ends: bool,
    pub patterns: Vec<Pat>,
    pub haystacks: Vec<Vec<u8>>,
    /// For a choice that a property leaves to chance.
    pub lot: usize,
}

/// How many (rule set, item) pairs a property should see: `TROMMEL_CASES`, or `default`.
pub fn pairs(default: u64) -> u64 {
    std::env::var("TROMMEL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(default)
}

/// Items in each generated case: more in a soak, where compiling the sets would take nearly all the time.
fn items() -> usize {
    if is_soak() { 48 } else { 6 }
}

/// Whether this is a long run: it takes all processors, and where a short one tries each way, one way by lot.
pub fn is_soak() -> bool {
    pairs(0) > 1_000_000
}

/// Runs `work` with its share of `pairs`, in a soak on each processor.
pub fn share(pairs: u64, work: impl Fn(u64) + Sync) {
    if !is_soak() {
        return work(pairs);
    }
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| work(pairs.div_ceil(threads)));
        }
    });
    println!("{pairs} pairs by {threads} threads: no difference");
}

/// Runs `property` on as many cases as make `pairs` pairs.
pub fn check(pairs: u64, property: impl Fn(Case) -> Result<(), TestCaseError> + Sync) {
    share(pairs, |pairs| check_all(pairs.div_ceil(items() as u64), &case(), &property));
}

/// Runs `property` on that many values of a strategy.
pub fn check_all<S: Strategy>(cases: u64, strategy: &S, property: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let cases = u32::try_from(cases).unwrap_or(u32::MAX);
    let config =
        ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 20_000, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    if let Err(failure) = runner.run(strategy, property) {
        panic!("{failure}");
    }
}

/// Any case.
pub fn case() -> impl Strategy<Value = Case> {
    let lot = any::<usize>().no_shrink();
    (any::<bool>(), vec(pattern(), 1..7), lot).prop_flat_map(|(all_ends, patterns, lot)| {
        let longest = if all_ends { 40 } else { 120 };
        let items = vec(haystack(patterns.clone(), longest), items());
        (Just(patterns), items).prop_map(move |(patterns, haystacks)| Case { all_ends, patterns, haystacks, lot })
    })
}

/// Any pattern: a regex or a literal, with any flags. Ids collide on purpose.
pub fn pattern() -> impl Strategy<Value = Pat> {
    let flags = vec(select(vec![0, 0, CASELESS, DOTALL, MULTILINE, UNICODE, SINGLE, START]), 3);
    let body = prop_oneof![
        3 => regex().prop_map(|text| (text.into_bytes(), 0)),
        1 => literal().prop_map(|bytes| (bytes, LITERAL)),
    ];
    (body, flags, 0u32..4).prop_map(|((bytes, kind), flags, id)| Pat {
        bytes,
        id,
        flags: flags.into_iter().fold(kind, |all, flag| all | flag),
    })
}

fn literal() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => vec(select(WORDS), 1..4).prop_map(|words| words.concat().into_bytes()),
        2 => vec(select(&b"abAB\0\xFFk\n"[..]), 0..5),
        1 => vec(any::<u8>(), 0..12),
    ]
}

const WORDS: &[&str] = &[
    "a",
    "b",
    "ab",
    "ba",
    "aab",
    "A",
    "foo",
    "bar",
    "foobar",
    "key",
    "KEY",
    "secret",
    "sk_live_",
    "abcabcab",
    "k",
    "s",
    "é",
    "ß",
    "\u{212A}",
    "\u{17F}",
    "x1",
    "_",
    "-",
    " ",
    "0123456789",
];

const ATOMS: &[&str] = &[
    "a",
    "b",
    "A",
    "k",
    "s",
    "1",
    "_",
    " ",
    "-",
    "\\n",
    "\\r",
    "\\x00",
    "\\xFF",
    "(?-u:\\xFF)",
    "(?-u:\\xC3)",
    "é",
    "\\.",
    ".",
    "(?s:.)",
    "(?s-u:.)",
    "(?u:.)",
    "\\w",
    "\\W",
    "\\d",
    "\\s",
    "\\S",
    "(?u:\\w)",
    "(?-u:\\w)",
    "(?i:a)",
    "(?i:k)",
    "(?iu:k)",
    "[ab]",
    "[^a]",
    "[a-c1-3]",
    "[A-Za-z0-9_]",
    "[0-9a-f]",
    "(?u:[^a])",
    "(?-u:[^a])",
    "[a&&b]",
    "[[:alpha:]]",
    "(?R:.)",
    "",
];

const LOOKS: &[&str] = &[
    "^",
    "$",
    "\\A",
    "\\z",
    "\\b",
    "\\B",
    "(?m:^)",
    "(?m:$)",
    "(?mR:^)",
    "(?mR:$)",
    "(?u:\\b)",
    "(?u:\\B)",
    "(?-u:\\b)",
    "(?-u:\\B)",
    "\\b{start}",
    "\\b{end}",
    "\\b{start-half}",
    "\\b{end-half}",
];

const COUNTS: &[&str] =
    &["*", "+", "?", "*?", "+?", "??", "{2}", "{0,3}", "{1,2}", "{2,}", "{0}", "{3}?", "{0,2}?", "{10}", "{4,9}"];

/// A regex of any shape. Now and then one that the dialect refuses.
pub fn regex() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        6 => select(ATOMS).prop_map(str::to_string),
        2 => select(LOOKS).prop_map(str::to_string),
        5 => select(WORDS).prop_map(regex_syntax::escape),
    ];
    let tree = leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            5 => vec(inner.clone(), 1..5).prop_map(|parts| parts.concat()),
            3 => vec(inner.clone(), 1..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            1 => inner.clone().prop_map(|part| format!("({part})")),
            3 => (inner, select(COUNTS)).prop_map(|(part, count)| format!("(?:{part}){count}")),
        ]
    });
    // Most rules of the world: something around a word that must be there.
    let ruleish = (tree.clone(), select(WORDS), tree.clone())
        .prop_map(|(before, word, after)| format!("{before}{}{after}", regex_syntax::escape(word)));
    let top = (tree.clone(), tree.clone()).prop_map(|(a, b)| format!("{a}|{b}"));
    prop_oneof![4 => tree, 4 => ruleish, 1 => top]
}

/// An item of up to about `longest` bytes, partly made of text that the patterns match.
pub fn haystack(patterns: Vec<Pat>, longest: usize) -> impl Strategy<Value = Vec<u8>> {
    let trees: Vec<Hir> = patterns.iter().filter_map(tree).collect();
    let sampled = (any::<prop::sample::Index>(), vec(any::<u8>(), 24)).prop_map(move |(which, entropy)| {
        let mut out = Vec::new();
        if !trees.is_empty() {
            sample(which.get(&trees), &mut entropy.into_iter(), &mut out);
        }
        out
    });
    let piece = prop_oneof![
        4 => select(WORDS).prop_map(|word| word.as_bytes().to_vec()),
        3 => select(&b"aabbkAB1_ -.\n\r\0\xFF\xC3\xA9"[..]).prop_map(|b| vec![b]),
        4 => sampled,
        1 => (select(&b"ab1k \n\0\xFF"[..]), 1usize..30).prop_map(|(b, n)| vec![b; n]),
        1 => vec(any::<u8>(), 1..4),
    ];
    vec(piece, 0..12).prop_map(move |pieces| {
        let mut all = pieces.concat();
        all.truncate(longest);
        all
    })
}

/// The syntax tree of a pattern, to sample from.
fn tree(pat: &Pat) -> Option<Hir> {
    if pat.flags & LITERAL != 0 {
        return Some(Hir::literal(pat.bytes.clone()));
    }
    ParserBuilder::new()
        .utf8(false)
        .unicode(pat.flags & UNICODE != 0)
        .case_insensitive(pat.flags & CASELESS != 0)
        .build()
        .parse(std::str::from_utf8(&pat.bytes).ok()?)
        .ok()
}

/// Some string that `hir` matches, its looks aside. When `entropy` runs out the first choice is taken everywhere.
fn sample(hir: &Hir, entropy: &mut std::vec::IntoIter<u8>, out: &mut Vec<u8>) {
    let mut pick = |n: usize| entropy.next().map_or(0, usize::from) % n.max(1);
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => {}
        HirKind::Literal(lit) => out.extend_from_slice(&lit.0),
        HirKind::Class(Class::Bytes(class)) => {
            if let Some(range) = class.ranges().get(pick(class.ranges().len())) {
                out.push(range.start() + pick(range.len()) as u8);
            }
        }
        HirKind::Class(Class::Unicode(class)) => {
            if let Some(range) = class.ranges().get(pick(class.ranges().len())) {
                let c = char::from_u32(range.start() as u32 + pick(range.len()) as u32).unwrap_or(range.start());
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(repetition.min + 2).min(repetition.min + 3);
            let times = repetition.min as usize + pick((most - repetition.min) as usize + 1);
            for _ in 0..times.min(40) {
                sample(&repetition.sub, entropy, out);
            }
        }
        HirKind::Capture(capture) => sample(&capture.sub, entropy, out),
        HirKind::Concat(subs) => subs.iter().for_each(|sub| sample(sub, entropy, out)),
        HirKind::Alternation(subs) => sample(&subs[pick(subs.len())], entropy, out),
    }
}
