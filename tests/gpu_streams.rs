//! Streams on the GPU drains: the answers of the joined bytes, though the device finishes pieces in any order.
#![cfg(feature = "gpu")]

#[path = "common/gpu.rs"]
mod common;

use std::time::{Duration, Instant};
use trommel::engine::{Answer, Buffers, DEFAULT_CARRY, Engine, Handle, Mode, Options, Processor};
use trommel::rules::{CompileOptions, Pattern, Rules, flags};
use trommel::status::{TRM_ARENA_FULL, TRM_OK, TRM_QUEUE_FULL};
use trommel::types::{trm_completion, trm_match};

fn options() -> Options {
    common::small_engine(64)
}

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }
}

fn collect(handle: &Handle, found: &mut Vec<(u64, u64, u32)>) -> usize {
    let (mut some, mut room) = ([trm_completion::default(); 16], vec![trm_match::default(); 1 << 14]);
    let mut buffers = Buffers { completions: &mut some, matches: &mut room };
    match handle.collect(Some(Instant::now() + Duration::from_secs(30)), &mut buffers) {
        Answer::Took(taken) => {
            assert!(some[..taken.items].iter().all(|completion| completion.status == TRM_OK));
            found.extend(room[..taken.matches].iter().map(|m| (m.end, m.start, m.rule_id)));
            taken.items
        }
        answer => panic!("{answer:?}"),
    }
}

fn streams_match_the_joined_bytes(options: Options) {
    let engine = Engine::create(options).unwrap_or_else(|e| panic!("{e}"));
    let patterns = ["needle", "aa", "x", r"\bkey=\w+;", "[0-9]{3}", "e+$"];
    let literal = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase());
    let patterns: Vec<_> = patterns
        .iter()
        .zip(0..)
        .map(|(text, id)| Pattern {
            bytes: text.as_bytes(),
            id,
            flags: if literal(text) { flags::LITERAL } else { flags::MULTILINE },
        })
        .collect();
    for count in [3, patterns.len()] {
        let rules = Rules::compile(&patterns[..count], &CompileOptions::default()).unwrap();
        engine.engine().load_rules(0, rules.into()).unwrap();
        let handle = engine.attach().unwrap();
        let mut random = Random(count as u64 + 99);
        for round in 0..60 {
            let words: &[&str] = &["needle", "nee", "dle", "key=", "abc;", " ", "\n", "aaa", "12", "3", "ee", "x", "."];
            let text: Vec<u8> = (0..200).flat_map(|_| words[random.next(words.len())].bytes()).collect();
            let stream = handle.open_stream(0, round, DEFAULT_CARRY).unwrap();
            let (mut found, mut open, mut rest) = (Vec::new(), 0, &text[..]);
            let longest = [2, 20, 300][random.next(3)];
            let mut over = false;
            while !over || open > 0 {
                let piece = &rest[..random.next(longest + 1).min(rest.len())];
                let put = match (over, rest.is_empty()) {
                    (true, _) => Err(TRM_QUEUE_FULL.into()),
                    (false, true) => stream.close(),
                    (false, false) => stream.feed(piece),
                };
                match put {
                    Ok(_) => {
                        open += 1;
                        over = rest.is_empty();
                        rest = &rest[piece.len()..];
                    }
                    Err(error) if matches!(error.status, TRM_QUEUE_FULL | TRM_ARENA_FULL) => {
                        if open > 0 {
                            open -= collect(&handle, &mut found);
                        }
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            found.sort_unstable();
            let expected: Vec<_> =
                engine.engine().scan(0, &text).unwrap().iter().map(|m| (m.end, m.start, m.rule_id)).collect();
            assert_eq!(found, expected, "round {round} of {count} rules");
        }
    }
    assert_eq!((engine.engine().in_flight(), engine.engine().stats().arena_used), (0, 0));
}

#[test]
fn by_a_resident_kernel() {
    streams_match_the_joined_bytes(options());
}

#[test]
fn by_batches() {
    streams_match_the_joined_bytes(Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() });
}
