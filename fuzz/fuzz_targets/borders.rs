//! Rule sets aimed at the borders between tiers: what the tables find is what a search without them finds.
#![no_main]

#[path = "../../tests/common/aimed.rs"]
mod aimed;

use aimed::PIECE;
use libfuzzer_sys::fuzz_target;
use trommel::rules::{Rules, Semantics, Tier};
use trommel::scan::literal::Executor;
use trommel::scan::{Match, Scratch};

// The bytes are the choices, two a choice; when there are no more the first possibility is taken each time.
fuzz_target!(|data: &[u8]| {
    let mut choices = data.chunks_exact(2).map(|two| usize::from(u16::from_le_bytes([two[0], two[1]])));
    let mut draw = |n: usize| choices.next().unwrap_or(0) % n;
    let semantics = [Semantics::Leftmost, Semantics::AllEnds][draw(2)];
    let longest = if draw(8) == 1 { PIECE + 1 } else { 2000 };
    let case = aimed::aimed(&mut draw, 2, longest);
    let plain = case.compile(semantics, Some(Tier::Host));
    for tier in [None, Some(Tier::Run), Some(Tier::Confirm)] {
        let rules = case.compile(semantics, tier);
        for item in &case.items {
            let scan = |rules: &Rules, executor| {
                let mut out: Vec<Match> = Vec::new();
                rules.scan(item, &mut Scratch::with_executor(executor), u64::MAX, &mut out);
                out
            };
            let want = scan(&plain, Executor::Scalar);
            for executor in [Executor::Scalar, Executor::Avx2, Executor::Avx512] {
                assert_eq!(scan(&rules, executor), want, "{tier:?} {executor:?} {:?}", case.rules);
            }
        }
    }
});
