//! `max_memory` holds throughout compiling, whatever is only needed on the way included: the allocator counts.

#[path = "../benches/common/heap.rs"]
mod heap;

use trommel::rules::{CompileOptions, ErrorKind, Pattern, Rules, flags};

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// What does not depend on the set: tables of byte pairs, one pattern's automata while they are tried.
const SLACK: usize = 4 << 20;

fn random(state: &mut u64) -> usize {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) as usize
}

fn words(count: usize, len: usize, letters: &[u8]) -> Vec<Vec<u8>> {
    let mut state = 1;
    (0..count).map(|_| (0..len).map(|_| letters[random(&mut state) % letters.len()]).collect()).collect()
}

fn regexes(count: usize) -> Vec<Vec<u8>> {
    let one = |i: usize| match i % 5 {
        0 => format!("(?i)user{i}[a-z0-9]{{8,64}}end"),
        1 => format!("[A-Za-z]{{2,20}}key{i}=\\w{{1,90}}"),
        2 => format!("(?:a{i}|b{i}|c{i})[^\\n]{{0,40}}z{i}"),
        3 => format!("[0-9a-f]{{40}}{i}?"),
        _ => format!("(?:[a-z][0-9]){{{}}}x", 2 + i % 9),
    };
    (0..count).map(|i| one(i).into_bytes()).collect()
}

fn check(what: &str, texts: &[Vec<u8>], flags: u32) {
    let patterns: Vec<Pattern<'_>> = (0u32..).zip(texts).map(|(id, bytes)| Pattern { bytes, id, flags }).collect();
    let compile = |max_memory: u64| {
        let options = CompileOptions { max_memory, ..CompileOptions::default() };
        heap::peak(|| Rules::compile(&patterns, &options))
    };
    let (rules, free) = compile(0);
    let held = rules.expect("the default is enough").memory_usage() as usize;
    println!("{what}: {} KiB held, {} KiB on the way", held >> 10, free >> 10);
    let (mut good, mut refused) = (0, 0);
    for eighths in [2, 4, 6, 8, 10, 12, 16, 24, 32, 64] {
        let limit = free.max(held) / 8 * eighths;
        let result = compile(limit as u64);
        match result {
            (Ok(_), peak) => {
                good += 1;
                assert!(peak <= limit + SLACK, "{what}: {peak} bytes where {limit} are allowed");
            }
            (Err(errors), peak) => {
                refused += 1;
                assert!(errors.iter().all(|error| error.kind == ErrorKind::Memory), "{errors:?}");
                assert!(peak <= limit + SLACK, "{what}: refused after {peak} bytes where {limit} are allowed");
            }
        }
    }
    // A few times what is needed is enough, and a quarter never is.
    assert!(good >= 2 && refused >= 1, "{what}: {good} good, {refused} refused");
}

#[test]
fn no_more_is_held_than_allowed() {
    // One test: the allocator counts the whole program's bytes.
    check("short words", &words(30_000, 8, b"abcdefghijklmnopqrstuvwxyz_0123456789"), flags::LITERAL);
    check("long words", &words(300, 3_000, b"abcdefghijklmnopqrstuvwxyz"), flags::LITERAL | flags::CASELESS);
    check("two letters", &words(40_000, 40, b"ab"), flags::LITERAL);
    check("few words", &words(1_200, 12, b"abcdefghijklmnopqrstuvwxyz"), flags::LITERAL);
    check("regexes", &regexes(300), 0);
}
