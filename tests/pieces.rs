//! Texts in pieces against the answer by definition on the whole: any cut, any rules.

mod common;

use common::brute::{Brute, Found, Pat, answer};
use common::cases::{Case, check, pairs};
use proptest::test_runner::TestCaseError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use trommel::rules::{CompileOptions, Pattern, Rules, Semantics};
use trommel::scan::Scratch;
use trommel::stream::Text;

fn compile(patterns: &[Pat], all_ends: bool) -> Option<(Arc<Rules>, Vec<Brute>)> {
    let brutes: Vec<Brute> = patterns.iter().map(Brute::new).collect::<Option<_>>()?;
    let patterns: Vec<_> = patterns.iter().map(|p| Pattern { bytes: &p.bytes, id: p.id, flags: p.flags }).collect();
    let semantics = if all_ends { Semantics::AllEnds } else { Semantics::Leftmost };
    let rules = Rules::compile(&patterns, &CompileOptions { semantics, ..CompileOptions::default() }).ok()?;
    Some((Arc::new(rules), brutes))
}

/// What a text gives that is cut at these offsets; each match as soon as no later byte can change it.
fn in_pieces(rules: &Arc<Rules>, text: &[u8], cuts: &[usize], scratch: &mut Scratch) -> Vec<Found> {
    let mut stream = Text::new(rules.clone(), u64::MAX);
    let mut all = Vec::new();
    let mut from = 0;
    for &cut in cuts {
        all.extend(stream.feed(&text[from..cut], scratch).unwrap());
        from = cut;
    }
    all.extend(stream.feed(&text[from..], scratch).unwrap());
    assert_eq!(stream.len(), text.len() as u64);
    all.extend(stream.end(scratch));
    let mut all: Vec<Found> = all.into_iter().map(|m| (m.end, m.start, m.rule_id)).collect();
    all.sort_unstable();
    all
}

fn cuts(text: &[u8], state: &mut u64) -> Vec<usize> {
    let mut next = |below: usize| {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*state >> 33) as usize % below
    };
    let count = next(6);
    let mut cuts: Vec<usize> = (0..count).map(|_| next(text.len() + 1)).collect();
    cuts.sort_unstable();
    cuts
}

/// Cuts of one pair, about: in three random ways, and at every byte.
const CUTS: u64 = 31;

#[test]
fn any_cut_gives_the_same_matches() {
    let made = AtomicU64::new(0);
    check(pairs(120_000) / CUTS, |case: Case| {
        let Some((rules, brutes)) = compile(&case.patterns, case.all_ends) else { return Ok(()) };
        let mut scratch = Scratch::default();
        for text in &case.haystacks {
            let expected = answer(&brutes, case.all_ends, text);
            let mut state = text.iter().fold(7u64, |hash, &b| hash.wrapping_mul(31).wrapping_add(b.into()));
            let every: Vec<usize> = (0..=text.len()).collect();
            for cuts in (0..3).map(|_| cuts(text, &mut state)).chain([every]) {
                made.fetch_add(cuts.len() as u64, Ordering::Relaxed);
                let found = in_pieces(&rules, text, &cuts, &mut scratch);
                if found != expected {
                    return Err(TestCaseError::fail(format!(
                        "text {} cut at {cuts:?}:\n found    {found:?}\n expected {expected:?}",
                        text.escape_ascii()
                    )));
                }
            }
        }
        Ok(())
    });
    println!("{} cuts", made.into_inner());
}

fn pat(text: &str, flags: u32) -> Pat {
    Pat { bytes: text.as_bytes().to_vec(), id: 7, flags }
}

/// Small texts at every single cut and every pair of cuts.
#[test]
fn small_texts_at_every_cut() {
    use common::brute::{CASELESS, DOTALL, LITERAL, MULTILINE, SINGLE, START, UNICODE};
    let table: &[(&str, u32, &str)] = &[
        ("needle", LITERAL, "a needle and a needleneedle"),
        ("aa", LITERAL, "aaaaaaa"),
        ("aba", 0, "ababababa"),
        ("a+", 0, "xaaaxaa"),
        ("a*", 0, "xaaaxaa"),
        ("a??", 0, "xaax"),
        ("(?:ab|a)(?:c|bcd)?", 0, "abcdabcab"),
        ("^a", MULTILINE, "a\na\nba"),
        ("a$", 0, "a\na\na"),
        ("a$", MULTILINE, "a\na\nba"),
        (r"\ba+\b", 0, "a aa ba ab a"),
        (r"\b", 0, "a bc  d"),
        (r"\B", 0, "a bc  d"),
        (r"\bé+\b", UNICODE, "é éé aé é"),
        (r"\B", UNICODE, "é\u{20ac}x"),
        (r"(?R)^a$", MULTILINE, "a\r\na\na\r"),
        ("a.*b", DOTALL, "xaxbxxb\nb"),
        ("a.*?b", 0, "xaxbxxb\nab"),
        ("key=\\w+", CASELESS, "KEY=abc key=d,key="),
        ("a|ab", SINGLE, "xxabxab"),
        ("a{2,3}", 0, "aaaaaaaa"),
        ("(?s:.)", 0, "abc"),
        ("", 0, "abc"),
        ("a[ab]{0,300}c", 0, "xaabcabbacb"),
        (r"\ba.{0,300}?b\b", START, "xa ab a.b."),
        ("a{3}|aa", START, "aaaaaa"),
        ("a.*b", START | SINGLE, "xabab"),
        ("\\z|x", 0, "axa"),
        ("\\Aab|b", 0, "abab"),
    ];
    let mut scratch = Scratch::default();
    for &(pattern, flags, text) in table {
        for all_ends in [false, true] {
            let pats = [pat(pattern, flags), pat("b", LITERAL)];
            for pats in [&pats[..1], &pats[..]] {
                let (rules, brutes) = compile(pats, all_ends).unwrap();
                let expected = answer(&brutes, all_ends, text.as_bytes());
                for first in 0..=text.len() {
                    for second in first..=text.len() {
                        let found = in_pieces(&rules, text.as_bytes(), &[first, second], &mut scratch);
                        assert_eq!(found, expected, "{pattern} on {text:?} cut at {first} and {second}, {all_ends}");
                    }
                }
            }
        }
    }
}

/// What needs no later byte is not held back.
#[test]
fn literals_come_with_their_last_byte() {
    let (rules, _) = compile(&[pat("needle", common::brute::LITERAL), pat("x[0-9]{0,40}y$", 0)], false).unwrap();
    let (mut text, mut scratch) = (Text::new(rules, 1 << 20), Scratch::default());
    assert_eq!(text.feed(b"a nee", &mut scratch).unwrap().len(), 0);
    // Both share an id, so both wait for the longer one ...
    assert_eq!(text.feed(b"dle", &mut scratch).unwrap().len(), 0);
    let mut other = pat("x[0-9]{0,40}y$", 0);
    other.id = 8;
    let (rules, _) = compile(&[pat("needle", common::brute::LITERAL), other], false).unwrap();
    let mut text = Text::new(rules, 1 << 20);
    text.feed(b"a nee", &mut scratch).unwrap();
    // ... and if they don't, neither does.
    assert_eq!(text.feed(b"dle", &mut scratch).unwrap().len(), 1);
    assert_eq!(text.feed(b"x12y", &mut scratch).unwrap().len(), 0);
    assert_eq!(text.end(&mut scratch).len(), 1);
}

/// A text that is refused because too much would have to be kept stays what it was.
#[test]
fn too_much_to_keep_is_an_error_and_changes_nothing() {
    let (rules, _) = compile(&[pat("a.*b", common::brute::DOTALL)], false).unwrap();
    let (mut text, mut scratch) = (Text::new(rules, 100), Scratch::default());
    for _ in 0..10 {
        assert!(text.feed(&[b'x'; 1000], &mut scratch).unwrap().is_empty());
    }
    text.feed(b"a1", &mut scratch).unwrap();
    let error = text.feed(&[b'x'; 1000], &mut scratch).unwrap_err();
    assert_eq!(error.status, trommel::status::TRM_ERR_LIMIT);
    assert!(error.message.contains("rule 7") && error.message.contains("100 bytes"), "{}", error.message);
    text.feed(b"b", &mut scratch).unwrap();
    let found: Vec<_> = text.end(&mut scratch).into_iter().map(|m| (m.start, m.end)).collect();
    assert_eq!(found, [(10_000, 10_003)]);
}

/// Of a long text only what is under way is kept.
#[test]
fn little_is_kept() {
    let (rules, _) = compile(&[pat(r"token=\w+;", 0), pat("[a-f]{8}", 0)], false).unwrap();
    let (mut text, mut scratch) = (Text::new(rules, 64), Scratch::default());
    let mut found = 0;
    for n in 0..5000u32 {
        let line = format!("line {n} token={n:05}; and some deadbeef more\n");
        for piece in line.as_bytes().chunks(7) {
            found += text.feed(piece, &mut scratch).unwrap().len();
        }
    }
    found += text.end(&mut scratch).len();
    assert_eq!(found, 10_000);
}
