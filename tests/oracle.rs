//! Every answer of a rule set against the answer by definition.

mod common;

use common::brute::{self, Brute, Found, Pat};
use common::cases::{self, Case};
use common::sets::{TIERS, compile, executors, scan};
use proptest::prelude::*;
use trommel::rules::{CompileOptions, Pattern, Rules};
use trommel::scan::Scratch;

/// Splits off what the dialect refuses; the library must refuse exactly the same.
fn accepted(patterns: Vec<Pat>) -> (Vec<Pat>, Vec<Brute>) {
    let given: Vec<_> = patterns.iter().map(|p| Pattern { bytes: &p.bytes, id: p.id, flags: p.flags }).collect();
    let errors = Rules::compile(&given, &CompileOptions::default()).err().unwrap_or_default();
    (0..)
        .zip(patterns)
        .filter_map(|(index, pat)| {
            let refused: Vec<_> = errors.iter().filter(|error| error.pattern_index == index).collect();
            let brute = Brute::new(&pat);
            assert_eq!(refused.is_empty(), brute.is_some(), "accepted or not: {pat:?}: {refused:?}");
            brute.map(|brute| (pat, brute))
        })
        .unzip()
}

fn agree(case: Case) -> Result<(), TestCaseError> {
    let (patterns, brutes) = accepted(case.patterns);
    let tiers = if cases::is_soak() { &TIERS[case.lot % TIERS.len()..][..1] } else { &TIERS[..] };
    let sets: Vec<_> = tiers.iter().map(|&tier| (tier, compile(&patterns, case.all_ends, tier))).collect();
    let mut executors = executors();
    for haystack in &case.haystacks {
        let want = brute::answer(&brutes, case.all_ends, haystack);
        for (tier, rules) in &sets {
            for (executor, scratch) in &mut executors {
                let got = scan(rules, scratch, haystack);
                prop_assert_eq!(&got, &want, "{:?} {:?}: {:?} on {:?}", tier, executor, &patterns, haystack);
            }
        }
    }
    Ok(())
}

#[test]
fn random_sets_agree_with_the_definition() {
    cases::check(cases::pairs(20_000), agree);
}

/// What one rule reports does not depend on the rules beside it, on their order or on their number.
#[test]
fn neighbours_change_nothing() {
    cases::check(cases::pairs(20_000) / 8, |case| {
        let (mut patterns, _) = accepted(case.patterns);
        // Every rule gets an id of its own, so that answers can be told apart.
        for (id, pattern) in (0u32..).zip(&mut patterns) {
            pattern.id = id;
        }
        let mut scratch = Scratch::default();
        let alone: Vec<Rules> =
            patterns.iter().map(|p| compile(std::slice::from_ref(p), case.all_ends, None)).collect();
        let mut turned = patterns.clone();
        turned.reverse();
        turned.extend(patterns.iter().cloned());
        let together = compile(&patterns, case.all_ends, None);
        let turned = compile(&turned, case.all_ends, None);
        for haystack in &case.haystacks {
            let mut want: Vec<Found> = alone.iter().flat_map(|rules| scan(rules, &mut scratch, haystack)).collect();
            want.sort_unstable();
            prop_assert_eq!(&scan(&together, &mut scratch, haystack), &want);
            prop_assert_eq!(&scan(&turned, &mut scratch, haystack), &want);
        }
        Ok(())
    });
}

/// The limit cuts the list and never the count.
#[test]
fn a_limit_cuts_the_list_and_not_the_count() {
    let rules = compile(&[Pat { bytes: b"a*".to_vec(), id: 7, flags: 0 }], true, None);
    let mut out = Vec::new();
    let mut scratch = Scratch::default();
    assert_eq!(rules.scan(&[b'a'; 1000], &mut scratch, 3, &mut out), 1001);
    assert_eq!(out.iter().map(|m| m.end).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(rules.scan(b"", &mut scratch, 0, &mut out), 1);
    assert_eq!(out.len(), 3);
}

/// A case that was wrong once.
fn case(all_ends: bool, patterns: &[(&str, u32)], haystacks: &[&[u8]]) {
    let patterns =
        (0u32..).zip(patterns).map(|(id, (text, flags))| Pat { bytes: text.as_bytes().to_vec(), id, flags: *flags });
    let haystacks = haystacks.iter().map(|h| h.to_vec()).collect();
    agree(Case { all_ends, patterns: patterns.collect(), haystacks, lot: 0 }).unwrap();
}

#[test]
fn an_alternative_that_can_never_match_hides_no_other() {
    case(false, &[("aa(?:[a&&b]|a)", 0), ("x(?:[a&&b])*y", 0), ("(?:[a&&b])+|z", 0)], &[b"aaab", b"xy", b"z", b""]);
}
