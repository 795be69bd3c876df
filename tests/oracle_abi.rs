//! Random rule sets and items through the C ABI, by every way that an answer can come (the CPU drain, the caller drain, no
//! drain at all), against the answer by definition.

mod abi;
mod common;

use abi::*;
use common::brute::{self, Brute, Found, Pat};
use common::cases;
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;

/// Items of one rule set.
const ITEMS: usize = 40;

fn found(matches: &[trm_match]) -> Vec<Found> {
    matches.iter().map(|m| (m.end, m.start, m.rule_id)).collect()
}

fn case() -> impl Strategy<Value = (bool, Vec<Pat>, Vec<Vec<u8>>)> {
    (any::<bool>(), vec(cases::pattern(), 1..7)).prop_flat_map(|(all_ends, patterns)| {
        let items = vec(cases::haystack(patterns.clone(), if all_ends { 32 } else { 100 }), ITEMS);
        (Just(all_ends), Just(patterns), items)
    })
}

#[test]
fn every_way_gives_the_answer_by_definition() {
    cases::share(cases::pairs(100_000), agree);
}

/// Looks at that many pairs on engines of its own.
fn agree(pairs: u64) {
    let cpu = Engine::new(|_| ());
    let caller = Engine::new(|options| options.processor = TRM_PROCESSOR_CALLER);
    let round = Cell::new(0u32);
    cases::check_all(pairs.div_ceil(ITEMS as u64), &case(), |(all_ends, patterns, haystacks)| {
        let (patterns, brutes): (Vec<_>, Vec<_>) =
            patterns.into_iter().filter_map(|pat| Brute::new(&pat).map(|brute| (pat, brute))).unzip();
        let given: Vec<_> = patterns.iter().map(|pat| (&pat.bytes[..], pat.id, pat.flags)).collect();
        let semantics = if all_ends { TRM_SEMANTICS_ALL_ENDS } else { TRM_SEMANTICS_LEFTMOST };
        let rules = rules_with(&given, semantics).unwrap_or_else(|refusal| panic!("{refusal:?}: {patterns:?}"));
        // Loading over an id replaces: the sets of a few rounds stand beside each other.
        let set = round.replace(round.get() + 1) % 5;
        prop_assert_eq!((cpu.load(set, &rules), caller.load(set, &rules)), (TRM_OK, TRM_OK));
        let want: Vec<_> = haystacks.iter().map(|haystack| brute::answer(&brutes, all_ends, haystack)).collect();

        // The bytes of all items in one region, back to back, so that every edge has neighbours.
        let region = cpu.put(&haystacks.concat());
        let mut offset = region.input_offset;
        let items: Vec<_> = (0..)
            .zip(&haystacks)
            .map(|(correlation, haystack)| {
                let (input_offset, input_len) = (offset, haystack.len() as u32);
                offset += input_len;
                trm_work_item { input_offset, input_len, rule_set_id: set, correlation }
            })
            .collect();
        prop_assert_eq!(cpu.enqueue_batch(&items).map(|(_, accepted)| accepted), Ok(ITEMS));
        for (n, haystack) in (0..).zip(&haystacks) {
            caller.submit_to(set, haystack, n).unwrap();
        }
        for _ in 0..ITEMS {
            caller.drain_one(LONG).unwrap();
        }
        for (way, engine) in [("cpu", &cpu), ("caller", &caller)] {
            for item in engine.collect_all(ITEMS) {
                let n = item.completion.correlation as usize;
                prop_assert_eq!(item.completion.status, TRM_OK);
                let got = found(&item.matches);
                prop_assert_eq!(&got, &want[n], "{} drain: {:?} on {:?}", way, &patterns, &haystacks[n]);
            }
        }
        for (haystack, want) in haystacks.iter().zip(&want) {
            let got = found(&cpu.scan(set, haystack).unwrap());
            prop_assert_eq!(&got, want, "scan: {:?} on {:?}", &patterns, haystack);
        }
        prop_assert_eq!(cpu.release(region.input_offset), TRM_OK);
        Ok(())
    });
    assert_eq!(cpu.close(LONG), TRM_OK);
    assert_eq!(cpu.stats().arena_used, 0);
}
