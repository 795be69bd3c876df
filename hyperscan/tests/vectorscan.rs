//! Random expressions and data through this library and through Vectorscan: what both take must match the same.

mod common;

use common::{BLOCK, Calls, Expression, Ext, Found, Random, STREAM, Set, VECTORED};
use std::collections::BTreeMap;

const CASELESS: u32 = 1;
const DOTALL: u32 = 2;
const MULTILINE: u32 = 4;
const SINGLEMATCH: u32 = 8;
const ALLOWEMPTY: u32 = 16;
const UTF8: u32 = 32;
const UCP: u32 = 64;
const SOM: u32 = 256;

fn cases() -> usize {
    std::env::var("TROMMEL_CASES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000)
}

/// Letters few enough that expressions and data meet.
fn character(random: &mut Random, utf8: bool) -> String {
    let plain = ["a", "b", "A", "B", "_", "1", " ", "k", "s", "\n"];
    let unicode = ["é", "É", "ſ", "K", "Σ", "ς", "日"];
    let escaped = ["\\n", "\\x61", "\\x{62}", "\\101", "\\t", "\\.", "\\Q.a\\E", "\\cA"];
    let bytes = ["\\xe9", "\\xc9", "\\xff"];
    match random.below(12) {
        0..8 => random.pick(&plain).into(),
        8..10 => random.pick(&escaped).into(),
        _ if utf8 => random.pick(&unicode).into(),
        _ => random.pick(&bytes).into(),
    }
}

fn class(random: &mut Random, utf8: bool) -> String {
    let mut out = String::from(if random.one_in(3) { "[^" } else { "[" });
    for _ in 0..1 + random.below(3) {
        let posix = [
            "alpha", "upper", "lower", "digit", "alnum", "space", "word", "blank", "cntrl", "graph", "print", "punct",
            "xdigit", "^alpha", "^upper", "^space",
        ];
        match random.below(8) {
            0 => out += &format!("[:{}:]", random.pick(&posix)),
            1 => out += random.pick(&["\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\h", "\\v"]),
            2 => out += random.pick(&["a-b", "A-Z", "a-z", "0-9", "\\x00-\\x20", "J-L"]),
            3 if utf8 => out += random.pick(&["é", "à-ü", "\\p{Lu}", "\\P{L}", "\\x{3a3}", "\\x{17f}"]),
            _ => {
                let c = character(random, utf8);
                out += if c.contains("\\Q") || c == "\n" { "a" } else { &c };
            }
        }
    }
    out + "]"
}

fn atom(random: &mut Random, flags: u32, depth: u32) -> String {
    let utf8 = flags & UTF8 != 0;
    match random.below(16) {
        0..7 => character(random, utf8),
        7 => ".".into(),
        8 | 9 => class(random, utf8),
        10 => random.pick(&["\\d", "\\w", "\\s", "\\D", "\\W", "\\S", "\\h", "\\v", "\\H", "\\V"]).into(),
        11 if utf8 => {
            random.pick(&["\\p{L}", "\\p{Lu}", "\\p{^L}", "\\P{Ll}", "\\pN", "\\p{Greek}", "\\p{Any}"]).into()
        }
        12 if flags & UCP == 0 => random.pick(&["\\b", "\\B"]).into(),
        _ if depth > 0 => {
            let open = random.pick(&["(", "(?:", "(?i:", "(?-i:", "(?s:", "(?m:", "(?<n>", "(?i)(", "(?#x)("]);
            // Names must differ: only the outermost has one.
            let open = if open == "(?<n>" && depth < 3 { "(" } else { open };
            format!("{open}{})", expression(random, flags, depth - 1))
        }
        _ => character(random, utf8),
    }
}

fn expression(random: &mut Random, flags: u32, depth: u32) -> String {
    let mut out = String::new();
    let branches = if random.one_in(3) { 1 + random.below(3) } else { 1 };
    for branch in 0..branches {
        if branch > 0 {
            out.push('|');
        }
        if random.one_in(8) {
            out += random.pick(&["^", "\\A"]);
        }
        for _ in 0..1 + random.below(4) {
            let atom = atom(random, flags, depth);
            // A quantifier behind an anchor is refused by both.
            let bare = ["\\b", "\\B"].contains(&atom.as_str());
            out += &atom;
            if !bare && random.one_in(4) {
                out += random.pick(&["*", "+", "?", "{2}", "{1,2}", "{2,}", "*?", "+?", "{0,3}"]);
            }
        }
        if random.one_in(6) {
            out += random.pick(&["$", "\\z", "\\Z"]);
        }
    }
    out
}

fn data(random: &mut Random, utf8: bool) -> Vec<u8> {
    let mut out = Vec::new();
    for _ in 0..random.below(14) {
        let text = ["a", "b", "A", "B", "_", "1", " ", "k", "s", "K", "S", "\n", ".a", "\t", "\u{1}", "c"];
        let unicode = ["é", "É", "ſ", "K", "Σ", "ς", "σ", "日", "\u{a0}", "\u{2028}", "\u{85}"];
        match random.below(4) {
            0 if utf8 => out.extend(random.pick(&unicode).bytes()),
            0 => out.push(random.pick(&[0xE9, 0xC9, 0xFF, 0xA0, 0x85, 0x0B])),
            _ => out.extend(random.pick(&text).bytes()),
        }
    }
    if random.one_in(3) {
        out.push(b'\n');
    }
    out
}

fn random_flags(random: &mut Random) -> u32 {
    let mut flags = 0;
    for flag in [CASELESS, DOTALL, MULTILINE, ALLOWEMPTY] {
        flags |= if random.one_in(3) { flag } else { 0 };
    }
    flags |= random.pick(&[0, 0, UTF8, UTF8 | UCP]);
    flags | random.pick(&[0, SOM, SINGLEMATCH])
}

fn without_position(why: &str) -> String {
    why.split(" at index").next().unwrap_or_default().to_owned()
}

fn sorted(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by_key(|&(id, from, to)| (to, id, from));
    found
}

/// How often both took an expression, and how often only one of them.
#[derive(Default, Debug)]
struct Tally {
    both: usize,
    ours_only: usize,
    theirs_only: usize,
    matches: usize,
}

#[test]
fn the_same_matches_as_vectorscan() {
    let (ours, theirs) = (Calls::ours(), Calls::vectorscan());
    let mut random = Random(0x243F_6A88_85A3_08D3);
    let mut tally = Tally::default();
    let mut differences = Vec::new();
    let mut refusals = BTreeMap::new();
    for _ in 0..cases() {
        let flags = random_flags(&mut random);
        let text = expression(&mut random, flags, 3).into_bytes();
        let one = [Expression { text: text.clone(), flags, ext: Ext::default() }];
        let (a, b) = match (Set::compile(ours, &one, BLOCK), Set::compile(theirs, &one, BLOCK)) {
            (Ok(a), Ok(b)) => (a, b),
            (Ok(_), Err(_)) => {
                tally.ours_only += 1;
                continue;
            }
            (Err((why, _)), Ok(_)) => {
                *refusals.entry(without_position(&why)).or_insert(0usize) += 1;
                tally.theirs_only += 1;
                continue;
            }
            _ => continue,
        };
        tally.both += 1;
        let all = (flags & SINGLEMATCH != 0).then(|| {
            let every = [Expression { flags: flags & !SINGLEMATCH, ..one[0].clone() }];
            Set::compile(ours, &every, BLOCK).unwrap_or_else(|error| panic!("{error:?}"))
        });
        for _ in 0..8 {
            let data = data(&mut random, flags & UTF8 != 0);
            let (a, b) = (a.scan(&data), sorted(b.scan(&data)));
            tally.matches += a.len();
            assert!(a.is_sorted_by_key(|found| found.2), "not in the order of ends: {a:?}");
            let a = sorted(a);
            // Which one of several matches Vectorscan tells is its own choice; here it is the one that ends first.
            let the_same = if let Some(all) = &all {
                let all = all.scan(&data);
                a == all[..all.len().min(1)] && b.len() == a.len() && b.iter().all(|one| all.contains(one))
            } else {
                a == b
            };
            if !the_same {
                differences.push(format!(
                    "/{}/ flags {flags} on {:?}:\n  ours   {a:?}\n  theirs {b:?}",
                    String::from_utf8_lossy(&text).replace('\n', "\\n"),
                    String::from_utf8_lossy(&data)
                ));
            }
        }
    }
    println!("{tally:?}\nrefused here alone: {refusals:#?}");
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(20)].join("\n")
    );
    assert!(tally.both * 2 > cases(), "too few expressions that both take: {tally:?}");
    assert!(tally.matches > cases(), "too few matches to mean much: {tally:?}");
}

#[test]
fn literals_and_limits() {
    let (ours, theirs) = (Calls::ours(), Calls::vectorscan());
    let mut random = Random(0x1319_8A2E_0370_7344);
    let texts = ["a", "ab", "abab", "A.B", "b\0b", "\n", "k1", "((", "s_s", "bbb"];
    for _ in 0..cases() / 20 {
        let literals: Vec<_> = (0..1 + random.below(4))
            .map(|_| (random.pick(&texts).as_bytes().to_vec(), random.pick(&[0, CASELESS, SOM, SOM | CASELESS])))
            .collect();
        let a = Set::compile_literals(ours, &literals).unwrap_or_else(|error| panic!("{literals:?}: {error:?}"));
        let b = Set::compile_literals(theirs, &literals).unwrap_or_else(|error| panic!("{literals:?}: {error:?}"));
        let ext = Ext {
            flags: random.below(8) as u64,
            min_offset: random.below(6) as u64,
            max_offset: 6 + random.below(6) as u64,
            min_length: 1 + random.below(3) as u64,
            ..Ext::default()
        };
        let limited = [Expression { text: b"(a|b|ab)+k?s*".to_vec(), flags: random.pick(&[0, SOM]), ext }];
        let c = Set::compile(ours, &limited, BLOCK).unwrap_or_else(|error| panic!("{limited:?}: {error:?}"));
        let d = Set::compile(theirs, &limited, BLOCK).unwrap_or_else(|error| panic!("{limited:?}: {error:?}"));
        for _ in 0..8 {
            let mut data = data(&mut random, false);
            data.extend_from_slice(random.pick(&[b"abab".as_slice(), b"b\0bA.b", b"bbbb", b"s_S_s(((", b""]));
            assert_eq!(sorted(a.scan(&data)), sorted(b.scan(&data)), "{literals:?} on {data:?}");
            assert_eq!(sorted(c.scan(&data)), sorted(d.scan(&data)), "{limited:?} on {data:?}");
        }
    }
}

#[test]
fn pieces_are_one_text() {
    let (ours, theirs) = (Calls::ours(), Calls::vectorscan());
    let mut random = Random(0xA409_3822_299F_31D0);
    let expressions: Vec<_> = [("ab+", 0), ("\\ba.", SOM | DOTALL), ("^a", MULTILINE), ("b$", 0), ("k|s", CASELESS)]
        .iter()
        .map(|&(text, flags)| Expression { text: text.into(), flags, ext: Ext::default() })
        .collect();
    let a = Set::compile(ours, &expressions, VECTORED).unwrap_or_else(|error| panic!("{error:?}"));
    let b = Set::compile(theirs, &expressions, VECTORED).unwrap_or_else(|error| panic!("{error:?}"));
    for _ in 0..cases() / 20 {
        let pieces: Vec<_> = (0..1 + random.below(4)).map(|_| data(&mut random, false)).collect();
        let pieces: Vec<_> = pieces.iter().map(Vec::as_slice).collect();
        assert_eq!(sorted(a.scan_vector(&pieces)), sorted(b.scan_vector(&pieces)), "{pieces:?}");
    }
}

/// Data cut anywhere: the matches of the whole, each once, and those of Vectorscan's streams.
#[test]
fn streams_match_what_the_joined_data_matches() {
    let (ours, theirs) = (Calls::ours(), Calls::vectorscan());
    let mut random = Random(0x082E_FA98_EC4E_6C89);
    let mut differences = Vec::new();
    let (mut taken, mut matches) = (0, 0);
    for _ in 0..cases() / 4 {
        let flags = random_flags(&mut random);
        let text = expression(&mut random, flags, 3).into_bytes();
        let one = [Expression { text: text.clone(), flags, ext: Ext::default() }];
        let Ok(a) = Set::compile(ours, &one, STREAM) else { continue };
        let whole = Set::compile(ours, &one, BLOCK).unwrap_or_else(|error| panic!("{error:?}"));
        let b = Set::compile(theirs, &one, STREAM).ok().filter(|_| flags & SINGLEMATCH == 0);
        taken += 1;
        for _ in 0..8 {
            let mut data = data(&mut random, flags & UTF8 != 0);
            data.extend(self::data(&mut random, flags & UTF8 != 0));
            if data.is_empty() {
                continue;
            }
            let mut cuts: Vec<usize> = (0..random.below(6)).map(|_| random.below(data.len() + 1)).collect();
            cuts.extend([0, data.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|ends| &data[ends[0]..ends[1]]).collect();
            let copied_at = random.below(8);
            let found = sorted(a.scan_stream(&pieces, copied_at));
            let wanted = sorted(whole.scan(&data));
            matches += found.len();
            // Vectorscan's streams tell some matches twice.
            let once = |mut all: Vec<Found>| (all.dedup(), all).1;
            let peer = b.as_ref().map(|b| once(sorted(b.scan_stream(&pieces, copied_at))));
            if found != wanted || peer.as_ref().is_some_and(|peer| *peer != found) {
                let show = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\n', "\\n");
                let pieces: Vec<_> = pieces.iter().map(|piece| show(piece)).collect();
                differences.push(format!(
                    "/{}/ flags {flags} on {pieces:?}:\n  stream {found:?}\n  joined {wanted:?}\n  theirs {peer:?}",
                    show(&text)
                ));
            }
        }
    }
    assert!(
        differences.is_empty(),
        "{} differences:\n{}",
        differences.len(),
        differences[..differences.len().min(20)].join("\n")
    );
    assert!(taken * 8 > cases() && matches * 4 > cases(), "{taken} expressions, {matches} matches");
}

#[test]
fn widths_are_told_as_vectorscan_tells_them() {
    let (ours, theirs) = (Calls::ours(), Calls::vectorscan());
    for text in [
        "foo",
        "fo{2,4}",
        "a*",
        "foo$",
        "foo\\z|bar",
        "(foo|b)$",
        "a.*b",
        "^a",
        "(ab){3}c?",
        "\\bfoo\\b",
        "[ab]{2,}",
        "a\\Z",
        "x|yy|zzz",
    ] {
        let a = common::info(ours, text.as_bytes(), 0).expect("it is taken");
        let b = common::info(theirs, text.as_bytes(), 0).expect("it is taken");
        // Matches always come in the order of their ends here.
        assert_eq!(a, common::Info { unordered: 0, ..b }, "{text}");
    }
}
