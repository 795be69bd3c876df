//! Regular expressions on the device: its walks judge every border, so that the host scans the items that match and
//! hardly any others.
#![cfg(feature = "gpu")]

#[path = "common/gpu.rs"]
mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};
use trommel::engine::{Answer, Buffers, Engine, Mode, Options};
use trommel::gpu::Choice;
use trommel::rules::{CompileOptions, Pattern, Rules, Semantics, Tier, flags};
use trommel::scan::{Match, Scratch};
use trommel::types::{trm_completion, trm_match};

const PATTERNS: [&str; 12] = [
    r"key_[a-z]{3,8}[0-9]{2}",
    r#"(?i)secret\s*=\s*"[^"]{4,}""#,
    r"[0-9a-f]{40}",
    r"\bfoo\w*bar\b",
    r"(?m)^begin of [a-z]+$",
    r"\Atop[0-9]",
    r"last!\z",
    r"[A-Z]{12,}x",
    r"(?:GET|POST) /[^ ]* HTTP/1\.[01]",
    r"(?i)[a-z0-9_]{0,10}token[a-z0-9_]{0,5} ?[:=] ?'[0-9a-z]{8}'",
    r"\x00\xff+\x01",
    r"--[a-z]+=(?:yes|no)\b",
];

/// Pieces that match, that nearly do, and that don't.
const PIECES: [&[u8]; 34] = [
    b"key_abc12",
    b"key_ab12",
    b"key_abcdefghi12",
    b"secret = \"abcd\"",
    b"SECRET=\"abc\"",
    b"Secret \t=\n\"abcdefgh\"",
    b"0123456789abcdef0123456789abcdef01234567",
    b"0123456789abcdef0123456789abcdef0123456",
    b"foobar",
    b" foo_bar ",
    b"foo bar",
    b"xfoobar",
    b"begin of day\n",
    b"\nbegin of day",
    b"begin of 1",
    b"top1",
    b"top",
    b"last!",
    b"last",
    b"ABCDEFGHIJKLx",
    b"ABCDEFGHIJKx",
    b"ABCDEFGHIJKLMNOP",
    b"GET /a/b HTTP/1.1",
    b"POST / HTTP/2",
    b"GET /a b HTTP/1.1",
    b"my_token = 'abcd0123'",
    b"TOKEN:'abcd0123'",
    b"token = 'abcd012'",
    b"\x00\xff\xff\x01",
    b"\x00\x01\xff",
    b"--color=yes",
    b"--color=yesterday",
    b"\n",
    b" ",
];

struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

fn text(random: &mut Random) -> Vec<u8> {
    let mut text = Vec::new();
    for _ in 0..random.below(12) {
        match random.below(3) {
            0 => text.extend_from_slice(PIECES[random.below(PIECES.len())]),
            1 => text.extend((0..random.below(90)).map(|_| b'.')),
            _ => text.extend((0..random.below(20)).map(|_| b"aZ09_ \n="[random.below(8)])),
        }
    }
    text
}

fn compare(semantics: Semantics, force_tier: Option<Tier>) {
    let patterns: Vec<_> = PATTERNS
        .iter()
        .zip(0..)
        .map(|(text, id)| Pattern { bytes: text.as_bytes(), id, flags: flags::START })
        .collect();
    let rules = Arc::new(
        Rules::compile(&patterns, &CompileOptions { semantics, force_tier, ..CompileOptions::default() }).unwrap(),
    );
    let in_tier = |tier| rules.info().iter().filter(|info| info.tier == tier).count();
    match force_tier {
        // A tier is forced where a rule can be run in it.
        Some(tier) => assert!(in_tier(tier) > 0, "nothing is forced into {tier:?}"),
        None => assert_eq!(in_tier(Tier::Host), 0, "all of them are for the device"),
    }
    // The answers are those of the tiers that are chosen.
    let unforced = Rules::compile(&patterns, &CompileOptions { semantics, ..CompileOptions::default() }).unwrap();
    let adapter = match common::choice() {
        Choice::Index(index) => Some(index.to_string()),
        Choice::Name(name) => Some(name),
        Choice::Automatic => None,
    };
    let options = Options { mode: Mode::Force, adapter, ring_size: 256, arena_bytes: 1 << 20, ..Options::default() };
    let handle = Engine::create(options).unwrap();
    handle.engine().load_rules(1, rules.clone()).unwrap();
    let (mut random, mut scratch) = (Random(0xabcd_1234_5678), Scratch::default());
    let total = if common::device().is_software() { 1500 } else { 100_000 };
    let (mut matching, mut items) = (0u64, 0);
    while items < total {
        let texts: Vec<Vec<u8>> = (0..100).map(|_| text(&mut random)).collect();
        let mut expected = Vec::new();
        for (n, text) in texts.iter().enumerate() {
            handle.submit(text, 1, n as u32).expect("there is room");
            let mut matches = Vec::new();
            unforced.scan(text, &mut scratch, u64::MAX, &mut matches);
            matching += u64::from(!matches.is_empty());
            expected.push(matches);
        }
        let mut left = texts.len();
        while left > 0 {
            let (mut completions, mut matches) =
                ([trm_completion::default(); 100], vec![trm_match::default(); 1 << 14]);
            let mut buffers = Buffers { completions: &mut completions, matches: &mut matches };
            let answer = handle.collect(Some(Instant::now() + Duration::from_secs(60)), &mut buffers);
            let Answer::Took(taken) = answer else { panic!("{answer:?}") };
            left -= taken.items;
            for completion in &completions[..taken.items] {
                let first = completion.first_match as usize;
                let found: Vec<Match> = matches[first..first + completion.match_count as usize]
                    .iter()
                    .map(|m| Match { start: m.start, end: m.end, rule_id: m.rule_id })
                    .collect();
                let n = completion.correlation as usize;
                assert_eq!(found, expected[n], "{}", texts[n].escape_ascii());
            }
        }
        items += texts.len();
    }
    let on_host = handle.engine().stats().device.host_items;
    println!("{items} items, {matching} match, {on_host} scanned by the host");
    assert!(matching > 100 && on_host >= matching);
    // A walk that may say yes too often, and loops that a software device cut off. Forced tiers say yes more often.
    assert!(
        force_tier.is_some() || on_host - matching < items as u64 / 50,
        "{on_host} items were scanned by the host, {matching} match"
    );
    handle.close(None).unwrap();
}

#[test]
fn leftmost_answers_are_right_and_few_items_need_the_host() {
    compare(Semantics::Leftmost, None);
}

#[test]
fn all_ends_are_right_and_few_items_need_the_host() {
    compare(Semantics::AllEnds, None);
}

#[test]
fn every_tier_gives_the_same_answers() {
    for tier in [Tier::Factor, Tier::Run, Tier::Confirm, Tier::Host] {
        for semantics in [Semantics::Leftmost, Semantics::AllEnds] {
            compare(semantics, Some(tier));
        }
    }
}
