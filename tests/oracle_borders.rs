//! Every length, every alignment, and matches across every border that an executor has: blocks, runs of probes, pieces
//! of long items. The witness is the definition, or a search without any filter.

mod common;

use common::brute::{self, Brute, Pat};
use common::cases;
use common::sets::{TIERS, compile, executors, scan};
use proptest::prelude::*;
use trommel::rules::{Rules, Tier, flags};
use trommel::scan::Scratch;

fn pats(patterns: &[(&str, u32)]) -> Vec<Pat> {
    (0u32..)
        .zip(patterns)
        .map(|(id, (text, flags))| Pat { bytes: text.as_bytes().to_vec(), id, flags: *flags })
        .collect()
}

/// Literals of one to forty bytes, and regexes of every tier.
fn everything() -> Vec<Pat> {
    pats(&[
        ("needle", flags::LITERAL),
        ("NEEDLE", flags::LITERAL | flags::CASELESS),
        ("a", flags::LITERAL),
        ("ab", flags::LITERAL),
        ("abababababababababababababababababababab", flags::LITERAL),
        ("\\bneed[a-z]{2}\\b", 0),
        ("edle[ab]{1,4}$", 0),
        ("^[ab]+needle", 0),
        ("[ab]{16,}", 0),
        ("n.{0,9}e.{3}e", flags::SINGLE),
        ("(?:b|needle)?", 0),
        ("\\Bdle", flags::START),
    ])
}

#[test]
fn every_length_and_alignment() {
    // A text of two letters with a needle at a place that depends on its length.
    let letters: Vec<u8> = (0..400u32).map(|i| b"ab"[(i.wrapping_mul(2_654_435_761) >> 9) as usize & 1]).collect();
    for all_ends in [false, true] {
        let patterns = everything();
        let brutes: Vec<Brute> = patterns.iter().map(|p| Brute::new(p).expect("the patterns are good")).collect();
        let sets = TIERS.map(|tier| (tier, compile(&patterns, all_ends, tier)));
        let mut executors = executors();
        for len in 0..=300usize {
            let mut text = letters[..len].to_vec();
            if len >= 6 {
                let at = len * 7 % (len - 5);
                text[at..at + 6].copy_from_slice(b"needle");
            }
            // All-ends by definition is cubic: the longer texts have the search without a filter as their witness.
            let want = if all_ends && len > 60 {
                scan(&sets[1].1, &mut executors[0].1, &text)
            } else {
                brute::answer(&brutes, all_ends, &text)
            };
            // The same bytes at every alignment; what stands around them is none of the item's business.
            let mut room = vec![b'a'; len + 64];
            for shift in 0..32 {
                room.fill(b'a');
                room[shift..shift + len].copy_from_slice(&text);
                for (tier, rules) in &sets {
                    // The slow ones at a few alignments.
                    if tier.is_some() && shift % 11 != 0 {
                        continue;
                    }
                    for (executor, scratch) in &mut executors {
                        let got = scan(rules, scratch, &room[shift..shift + len]);
                        assert_eq!(got, want, "{len} bytes, {shift} off, {tier:?}, {executor:?}, all ends {all_ends}");
                    }
                }
            }
        }
    }
}

/// Puts `word` at `at` into a long text of dots and compares with a search without any filter.
fn at_places(patterns: &[Pat], all_ends: bool, len: usize, word: &[u8], places: impl Iterator<Item = usize>) {
    let set = compile(patterns, all_ends, None);
    let brutes: Vec<Brute> = patterns.iter().map(|p| Brute::new(p).expect("the patterns are good")).collect();
    let mut executors = executors();
    let mut text = vec![b'.'; len];
    for at in places.filter(|at| at + word.len() <= len) {
        text[at..at + word.len()].copy_from_slice(word);
        // The definition on the surroundings, moved there: dots match nothing.
        let from = at.saturating_sub(8);
        let upto = len.min(at + word.len() + 8);
        let mut want = brute::answer(&brutes, all_ends, &text[from..upto]);
        want.iter_mut().for_each(|found| {
            found.0 += from as u64;
            found.1 += from as u64;
        });
        for (executor, scratch) in &mut executors {
            assert_eq!(scan(&set, scratch, &text), want, "at {at} of {len}, {executor:?}, all ends {all_ends}");
        }
        text[at..at + word.len()].fill(b'.');
    }
}

#[test]
fn every_border_of_blocks_and_runs() {
    let patterns = pats(&[
        ("needle", flags::LITERAL),
        ("needle_and_thread", flags::LITERAL),
        ("dle", flags::LITERAL),
        ("th", flags::LITERAL | flags::CASELESS),
        ("\\bneedle_(?:and|or)_\\w+", 0),
        ("[a-z_]{12,17}", 0),
    ]);
    for all_ends in [false, true] {
        // Two runs of 2,048 probes and a bit, every place; the same with a length that is no multiple of anything.
        at_places(&patterns, all_ends, 4096 + 64, b"needle_and_thread", (2048 - 80)..(2048 + 80));
        at_places(&patterns, all_ends, 4096 + 64, b"needle_and_thread", (4096 - 80)..(4096 + 64));
        at_places(&patterns, all_ends, 1003, b"needle_and_thread", 0..1003);
    }
}

#[test]
fn every_border_of_pieces() {
    let patterns = pats(&[
        ("needle", flags::LITERAL),
        ("needle_and_thread", flags::LITERAL),
        ("e", flags::LITERAL),
        ("\\bneedle_(?:and|or)_\\w+", 0),
    ]);
    let piece = 64 << 10;
    for all_ends in [false, true] {
        for border in [piece, 2 * piece] {
            at_places(&patterns, all_ends, 2 * piece + 100, b"needle_and_thread", border - 40..border + 40);
        }
    }
}

#[test]
fn long_literals_across_pieces() {
    // Pieces grow with the longest literal; overlapping occurrences, some across every border.
    let long = vec![b'x'; 20_000];
    let patterns = vec![
        Pat { bytes: long.clone(), id: 0, flags: flags::LITERAL },
        Pat { bytes: b"xxxxxxx".to_vec(), id: 1, flags: flags::LITERAL },
    ];
    let text = vec![b'x'; 400_000];
    let mut scratch = Scratch::default();
    let leftmost = scan(&compile(&patterns, false, None), &mut scratch, &text);
    let of = |found: &[brute::Found], id: u32| found.iter().filter(|f| f.2 == id).count();
    assert_eq!((of(&leftmost, 0), of(&leftmost, 1)), (20, 400_000 / 7));
    let ends = scan(&compile(&patterns, true, None), &mut scratch, &text);
    assert_eq!((of(&ends, 0), of(&ends, 1)), (400_000 - 20_000 + 1, 400_000 - 7 + 1));
}

/// Longer items than the definition could judge: as compiled and without any filter, the answers are the same.
#[test]
fn a_search_without_filters_agrees() {
    let items = (any::<u64>(), prop::collection::vec(cases::pattern(), 1..12), any::<bool>()).prop_flat_map(
        |(seed, patterns, all_ends)| {
            let items = prop::collection::vec(cases::haystack(patterns.clone(), 60), 80);
            (Just(seed), Just(patterns), Just(all_ends), items)
        },
    );
    let cases = u32::try_from(cases::pairs(20_000) / 100).unwrap_or(u32::MAX);
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = proptest::test_runner::TestRunner::new(config).run(&items, |(seed, patterns, all_ends, pieces)| {
        let patterns: Vec<Pat> = patterns.into_iter().filter(|p| Brute::new(p).is_some()).collect();
        let sets: Vec<Rules> = [None, Some(Tier::Host)].map(|tier| compile(&patterns, all_ends, tier)).into();
        let mut text = pieces.concat();
        // Now and then beyond a run of probes.
        text = text.repeat(1 + (seed % 4) as usize);
        let mut executors = executors();
        let want = scan(&sets[1], &mut executors[0].1, &text);
        for (executor, scratch) in &mut executors {
            prop_assert_eq!(&scan(&sets[0], scratch, &text), &want, "{:?}: {:?} on {:?}", executor, &patterns, &text);
        }
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Matches beyond the limit are counted and not held, whatever finds them.
#[test]
fn limits_cut_long_lists() {
    let text = b"ab".repeat(60_000);
    let patterns = pats(&[
        ("a", flags::LITERAL),
        ("ab", flags::LITERAL),
        ("abab", flags::LITERAL),
        ("bab[ab]", 0),
        ("(?:ab)?", 0),
        ("[ab]a", flags::START),
    ]);
    // Two of them under one id: what both report counts once.
    let mut shared = patterns.clone();
    shared[1].id = 0;
    shared[5].id = 4;
    for all_ends in [false, true] {
        for patterns in [&patterns, &shared] {
            let set = compile(patterns, all_ends, None);
            let mut scratch = Scratch::default();
            let all = scan(&set, &mut scratch, &text);
            for limit in [0, 1, 1000, all.len() as u64 - 1, all.len() as u64] {
                let mut out = Vec::new();
                assert_eq!(set.scan(&text, &mut scratch, limit, &mut out), all.len() as u64);
                let got: Vec<_> = out.into_iter().map(|m| (m.end, m.start, m.rule_id)).collect();
                assert_eq!(got, all[..limit as usize], "limit {limit}, all ends {all_ends}");
            }
        }
    }
}
