//! Rule sets aimed at the borders between tiers, on the device: what comes back is what a search without any table finds.
#![cfg(feature = "gpu")]

#[path = "common/aimed.rs"]
mod aimed;
#[path = "common/gpu.rs"]
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};
use trommel::engine::{Answer, Buffers, Engine, Handle, Mode, Options, Processor};
use trommel::gpu::Choice;
use trommel::rules::{Semantics, Tier};
use trommel::scan::{Match, Scratch};
use trommel::types::{trm_completion, trm_match};

/// As many pairs as wanted, in sets of their own, each loaded in place of the one before.
fn pour(handle: &Handle, seed: u64, pairs: usize, id: u32) -> usize {
    let mut draw = aimed::draws(seed * 2 + 1);
    let (mut seen, mut scratch, mut set) = (0, Scratch::default(), 0usize);
    while seen < pairs {
        // Long items are rare: small rings of small arenas are what is to overflow.
        let case = aimed::aimed(&mut draw, 64, 4000);
        let semantics = [Semantics::Leftmost, Semantics::AllEnds][set % 2];
        let tiers = [None, None, Some(Tier::Run), Some(Tier::Confirm), Some(Tier::Factor)];
        let rules = Arc::new(case.compile(semantics, tiers[draw(tiers.len())]));
        let plain = case.compile(semantics, Some(Tier::Host));
        handle.engine().load_rules(id, rules).unwrap();
        let (mut sent, mut done) = (0, 0);
        while done < case.items.len() {
            while sent < case.items.len() && handle.submit(&case.items[sent], id, sent as u32).is_ok() {
                sent += 1;
            }
            if sent == done {
                std::thread::yield_now();
                continue;
            }
            let (mut completions, mut matches) = ([trm_completion::default(); 64], vec![trm_match::default(); 1 << 17]);
            let mut buffers = Buffers { completions: &mut completions, matches: &mut matches };
            let answer = handle.collect(Some(Instant::now() + Duration::from_secs(60)), &mut buffers);
            let Answer::Took(taken) = answer else { panic!("{answer:?}") };
            done += taken.items;
            for completion in &completions[..taken.items] {
                let first = completion.first_match as usize;
                let found: Vec<Match> = matches[first..first + completion.match_count as usize]
                    .iter()
                    .map(|m| Match { start: m.start, end: m.end, rule_id: m.rule_id })
                    .collect();
                let (item, mut expected) = (&case.items[completion.correlation as usize], Vec::new());
                plain.scan(item, &mut scratch, u64::MAX, &mut expected);
                assert!(found == expected, "{:?} on {}: {found:?}", case.rules, item.escape_ascii());
            }
        }
        seen += done;
        set += 1;
    }
    seen
}

/// Both drains, through rings and pools of chunks that overflow, and with input of both kinds.
#[test]
fn sets_at_the_borders_of_tiers_are_answered_as_without_tables() {
    let software = common::device().is_software();
    let pairs: usize = std::env::var("TROMMEL_CASES")
        .map_or(if software { 4_000 } else { 100_000 }, |cases| cases.parse().expect("a number"));
    let seed: u64 = std::env::var("TROMMEL_SEED").map_or(5, |seed| seed.parse().expect("a number"));
    let adapter = match common::choice() {
        Choice::Index(index) => Some(index.to_string()),
        Choice::Name(name) => Some(name),
        Choice::Automatic => None,
    };
    let options = Options { mode: Mode::Force, adapter, ring_size: 64, arena_bytes: 1 << 20, ..Options::default() };
    let staged = Options { staged_input: true, ring_size: 256, ..options.clone() };
    let batch = Options { mode: Mode::Disable, processor: Processor::Gpu, ring_size: 256, ..options.clone() };
    let some = [(&options, pairs / 4, 0), (&staged, pairs / 8, 0), (&batch, pairs / 4, 0)];
    // The same with items that workers share out in pieces of a few bytes.
    let shared_out = [(&options, pairs / 4, 16), (&staged, pairs / 8, 48)];
    for (options, part, piece) in some.into_iter().chain(shared_out) {
        #[cfg(feature = "faults")]
        trommel::faults::split_items(piece);
        let main = Engine::create(options.clone()).unwrap();
        let threads = if software { 2 } else { 4 };
        let seen: usize = std::thread::scope(|scope| {
            let running: Vec<_> = (0..threads)
                .map(|n| {
                    let handle = main.attach().unwrap();
                    scope.spawn(move || pour(&handle, seed * 1000 + n, part / threads as usize, 1 + n as u32))
                })
                .collect();
            running.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let stats = main.engine().stats();
        let what = if piece > 0 { format!(" in pieces of {piece}") } else { String::new() };
        println!("{seen} pairs by {:?}{what}, {} scanned by the host", stats.drain, stats.device.host_items);
        assert_eq!(stats.device.failovers, 0);
    }
}
