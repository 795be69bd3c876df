//! Rule sets aimed at the borders between tiers: every tier and every executor against a search without any table.

#[path = "common/aimed.rs"]
mod aimed;

use aimed::PIECE;
use trommel::rules::{Semantics, Tier};
use trommel::scan::literal::Executor;
use trommel::scan::{Match, Scratch};

#[test]
fn sets_at_the_borders_of_tiers_are_answered_as_without_tables() {
    let pairs: usize = std::env::var("TROMMEL_CASES").map_or(8_000, |n| n.parse().expect("a number"));
    let mut draw = aimed::draws(0x9e37_79b9_7f4a_7c15);
    let mut scratches = [Executor::Scalar, Executor::Avx2, Executor::Avx512].map(Scratch::with_executor);
    let (mut seen, mut tiers) = (0, [0usize; 5]);
    for set in 0.. {
        if seen >= pairs {
            break;
        }
        let longest = if set % 16 == 0 { PIECE + 1 } else { 2000 };
        let case = aimed::aimed(&mut draw, 8, longest);
        let semantics = [Semantics::Leftmost, Semantics::AllEnds][set % 2];
        let plain = case.compile(semantics, Some(Tier::Host));
        let sets = [None, Some(Tier::Run), Some(Tier::Confirm)].map(|tier| (tier, case.compile(semantics, tier)));
        sets[0].1.info().iter().for_each(|info| tiers[info.tier as usize] += 1);
        for item in &case.items {
            let mut expected: Vec<Match> = Vec::new();
            plain.scan(item, &mut scratches[0], u64::MAX, &mut expected);
            for (tier, rules) in &sets {
                for scratch in &mut scratches {
                    let mut found = Vec::new();
                    rules.scan(item, scratch, u64::MAX, &mut found);
                    assert!(found == expected, "{tier:?} {:?} on {:?}: {found:?}", case.rules, item.escape_ascii());
                }
            }
            seen += 1;
        }
    }
    println!("{seen} pairs; rules by tier: {tiers:?}");
    assert!(tiers[..4].iter().all(|&rules| rules > 20), "no tier is left out: {tiers:?}");
}
