//! Items in which the strings of many rules are everywhere: walks run out of their budget, the oracle takes over, and the
//! answers stay the same. The witness is each rule alone, without any filter.

mod common;

use common::brute::{Found, Pat};
use common::sets::{compile, executors, scan};
use trommel::rules::{Tier, flags};

/// Rules that share `token`, some with it as a match of its own, some of which the items match.
fn rules() -> Vec<Pat> {
    let regex = |i: u32| match i % 5 {
        0 => format!("token[a-z]{{0,60}}={i}"),
        1 => format!("[a-z]{{3,{}}}token(?:en|=)?", 20 + i),
        2 => format!("token[a-z]{{{}}}[=:]", i),
        3 => format!("\\btoken[a-z]*={i}\\b"),
        _ => format!("(?:token|secret)[a-z]{{2,40}}[0-9]{{{}}}", 1 + i % 3),
    };
    let mut patterns: Vec<Pat> = (0..90).map(|i| Pat { bytes: regex(i).into_bytes(), id: i, flags: 0 }).collect();
    for i in (0..90).step_by(7) {
        patterns[i].flags = flags::SINGLE | flags::START;
    }
    // Literals before, among and behind them.
    for (at, id) in [(0, 1000), (40, 1001), (92, 1002)] {
        patterns.insert(at, Pat { bytes: b"token".to_vec(), id, flags: flags::LITERAL });
    }
    patterns
}

fn items() -> Vec<Vec<u8>> {
    let plain = b"token".repeat(200);
    let end = |tail: &[u8]| [&plain[..], tail].concat();
    let mut all = vec![plain.clone(), end(b"=5"), end(b"=50 token=13"), end(b":secretab1"), end(b"x77")];
    // Matches in the middle of what spends the budget, and only before it.
    let mut middle = plain.clone();
    middle[500..503].copy_from_slice(b"=10");
    all.push(middle);
    all.push([b"token=3 tokenab:secretxyz9 ", &plain[..]].concat());
    all.push(b"tokenx=".repeat(150));
    all.push(b"secrettoken=5:".repeat(90));
    all
}

#[test]
fn spent_walks_change_no_answer() {
    let patterns = rules();
    for all_ends in [false, true] {
        let alone: Vec<_> =
            patterns.iter().map(|p| compile(std::slice::from_ref(p), all_ends, Some(Tier::Host))).collect();
        let sets = [None, Some(Tier::Confirm)].map(|tier| compile(&patterns, all_ends, tier));
        let saved = trommel::rules::Rules::deserialize(&sets[0].serialize()).unwrap();
        let mut executors = executors();
        let mut matching = 0;
        for item in items() {
            let scratch = &mut executors[0].1;
            let mut want: Vec<Found> = alone.iter().flat_map(|rules| scan(rules, scratch, &item)).collect();
            want.sort_unstable();
            matching += usize::from(want.iter().any(|found| found.2 < 1000));
            for (executor, scratch) in &mut executors {
                for set in sets.iter().chain([&saved]) {
                    // Twice: nothing is left over from the time before.
                    for _ in 0..2 {
                        let got = scan(set, scratch, &item);
                        assert!(got == want, "{executor:?}, all ends {all_ends}: {}", item.escape_ascii());
                    }
                    assert_eq!(scan(set, scratch, b"token"), scan(set, scratch, b"token"));
                }
            }
        }
        assert!(matching > 4, "{matching}");
    }
}
