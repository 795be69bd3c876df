//! Saved rule sets: loaded they answer as before, damaged they say so.

mod common;

use common::cases;
use proptest::prelude::*;
use trommel::rules::{CompileOptions, ErrorKind, Pattern, Rules, Semantics, flags};
use trommel::scan::{Match, Scratch};

fn scan(rules: &Rules, scratch: &mut Scratch, haystack: &[u8]) -> Vec<Match> {
    let mut out = Vec::new();
    rules.scan(haystack, scratch, u64::MAX, &mut out);
    out
}

fn sample(semantics: Semantics) -> Rules {
    let texts: [(&str, u32); 8] = [
        ("secret", flags::LITERAL | flags::CASELESS),
        ("key_[0-9a-f]{8}", 0),
        ("\\b[0-9a-f]{32}\\b", 0),
        ("(?:foo|bar)\\d+", flags::SINGLE),
        ("\\bgr\u{fc}n\\b", flags::UNICODE),
        ("a*", 0),
        ("x\\w*y", flags::START),
        ("[a-z]+\\d", 0),
    ];
    let patterns: Vec<Pattern<'_>> =
        (0u32..).zip(&texts).map(|(id, (text, flags))| Pattern { bytes: text.as_bytes(), id, flags: *flags }).collect();
    Rules::compile(&patterns, &CompileOptions { semantics, ..CompileOptions::default() }).unwrap()
}

#[test]
fn a_loaded_set_answers_as_before() {
    cases::check(cases::pairs(20_000) / 8, |case| {
        let semantics = if case.all_ends { Semantics::AllEnds } else { Semantics::Leftmost };
        let patterns: Vec<Pattern<'_>> = case
            .patterns
            .iter()
            .map(|p| Pattern { bytes: &p.bytes, id: p.id, flags: p.flags })
            .filter(|p| Rules::compile(&[*p], &CompileOptions::default()).is_ok())
            .collect();
        let rules = Rules::compile(&patterns, &CompileOptions { semantics, ..CompileOptions::default() }).unwrap();
        let bytes = rules.serialize();
        let loaded = Rules::deserialize(&bytes).unwrap();
        prop_assert_eq!(loaded.serialize(), bytes);
        prop_assert_eq!(loaded.memory_usage(), rules.memory_usage());
        prop_assert_eq!(format!("{:?}", loaded.info()), format!("{:?}", rules.info()));
        let mut scratch = Scratch::default();
        for haystack in &case.haystacks {
            prop_assert_eq!(scan(&loaded, &mut scratch, haystack), scan(&rules, &mut scratch, haystack));
        }
        Ok(())
    });
}

#[test]
fn alignment_does_not_matter() {
    let rules = sample(Semantics::Leftmost);
    let bytes = rules.serialize();
    let mut room = vec![0; bytes.len() + 16];
    for shift in 0..16 {
        room[shift..shift + bytes.len()].copy_from_slice(&bytes);
        let loaded = Rules::deserialize(&room[shift..shift + bytes.len()]).unwrap();
        let item = b"Secret key_0123abcd foo12 xay";
        assert_eq!(scan(&loaded, &mut Scratch::default(), item), scan(&rules, &mut Scratch::default(), item));
    }
}

/// Why `deserialize` refused.
fn reason(bytes: &[u8]) -> String {
    let error = Rules::deserialize(bytes).expect_err("damaged bytes were accepted");
    assert_eq!(error.kind, ErrorKind::Format);
    assert!(error.message.len() < 256, "{}", error.message);
    error.message
}

#[test]
fn every_flipped_byte_is_noticed() {
    for semantics in [Semantics::Leftmost, Semantics::AllEnds] {
        let good = sample(semantics).serialize();
        let mut bytes = good.clone();
        for at in 0..good.len() {
            // The header and the section list in several ways.
            let flips: &[u8] = if at < 640 { &[1, 0x80, 0xFF] } else { &[0x10] };
            for &flip in flips {
                bytes[at] ^= flip;
                let why = reason(&bytes);
                let expected = match at {
                    0..8 => "not a saved rule set",
                    8..12 => "format version",
                    12..16 => "byte order",
                    16..24 => "",
                    _ => "damaged",
                };
                assert!(why.contains(expected), "byte {at}: {why}");
                bytes[at] ^= flip;
            }
        }
        assert_eq!(bytes, good);
    }
}

#[test]
fn every_cut_is_noticed() {
    let good = sample(Semantics::Leftmost).serialize();
    for len in (0..good.len()).filter(|len| *len < 700 || len % 13 == 0) {
        let why = reason(&good[..len]);
        assert!(why.contains(if len == 0 { "not a saved" } else { "cut short" }), "{len} bytes: {why}");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(reason(&longer).contains("follow the end"));
}

#[test]
fn foreign_sets_are_told_apart() {
    let good = sample(Semantics::Leftmost).serialize();
    let with = |at: usize, value: &[u8]| {
        let mut bytes = good.clone();
        bytes[at..at + value.len()].copy_from_slice(value);
        // As another library would have written it: with a right checksum.
        bytes[24..32].fill(0);
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes);
        bytes[24..32].copy_from_slice(&sum.to_le_bytes());
        bytes
    };
    assert!(Rules::deserialize(&with(0, b"TROMMEL")).is_ok());
    assert!(reason(&with(8, &1u32.to_le_bytes())).contains("format version 1"));
    assert!(reason(&with(12, &0x0403_0201u32.to_le_bytes())).contains("byte order"));
    assert!(reason(&with(32, &7u64.to_le_bytes())).contains("Unicode tables"));
    assert!(
        reason(b"not a rule set at all, whatever its length may be: it needs to be more than a header")
            .contains("not a saved")
    );
}

/// With a right checksum and wrong contents: refused, or answered somehow, but never a panic.
#[test]
fn wrong_contents_never_panic() {
    let good = sample(Semantics::Leftmost).serialize();
    let mut scratch = Scratch::default();
    for at in (64..good.len()).step_by(5) {
        let mut bytes = good.clone();
        bytes[at] ^= 0x5A;
        bytes[24..32].fill(0);
        let sum = xxhash_rust::xxh3::xxh3_64(&bytes);
        bytes[24..32].copy_from_slice(&sum.to_le_bytes());
        if let Ok(rules) = Rules::deserialize(&bytes) {
            let _ = rules.info();
            scan(&rules, &mut scratch, b"Secret key_0123abcd 0123456789abcdef0123456789abcdef foo1 gr\xC3\xBCn xaay");
        }
    }
}
