//! Any patterns on any item: what the tables find is what a search without them finds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use trommel::rules::{CompileOptions, Pattern, Rules, Semantics, Tier, flags};
use trommel::scan::literal::Executor;
use trommel::scan::{Match, Scratch};

fn compile(patterns: &[Pattern<'_>], semantics: Semantics, force_tier: Option<Tier>) -> Option<Rules> {
    let options = CompileOptions {
        semantics,
        force_tier,
        max_pattern_len: 200,
        max_automaton: 64 << 10,
        max_memory: 16 << 20,
        ..CompileOptions::default()
    };
    Rules::compile(patterns, &options).ok()
}

fn scan(rules: &Rules, executor: Executor, item: &[u8]) -> Vec<Match> {
    let mut out = Vec::new();
    rules.scan(item, &mut Scratch::with_executor(executor), u64::MAX, &mut out);
    out
}

// A byte of flags for the whole set; then patterns, each with a byte of flags before it, separated by 0xFF; the last piece
// is the item.
fuzz_target!(|data: &[u8]| {
    let Some((head, rest)) = data.split_first() else { return };
    let mut pieces: Vec<&[u8]> = rest.split(|&byte| byte == 0xFF).collect();
    let Some(item) = pieces.pop() else { return };
    let known = [flags::CASELESS, flags::DOTALL, flags::MULTILINE, flags::UNICODE, flags::LITERAL, flags::SINGLE, flags::START];
    let patterns: Vec<Pattern<'_>> = (0u32..8)
        .zip(&pieces)
        .filter_map(|(id, piece)| {
            let (bits, bytes) = piece.split_first()?;
            let chosen = known.iter().enumerate().filter(|(i, _)| bits >> i & 1 != 0);
            Some(Pattern { bytes, id: id / (1 + u32::from(head >> 1 & 1)), flags: chosen.fold(0, |all, (_, flag)| all | flag) })
        })
        .filter(|pattern| compile(&[*pattern], Semantics::Leftmost, None).is_some())
        .collect();
    let semantics = if head & 1 == 0 { Semantics::Leftmost } else { Semantics::AllEnds };
    let Some(plain) = compile(&patterns, semantics, Some(Tier::Host)) else { return };
    let want = scan(&plain, Executor::Scalar, item);
    for tier in [None, Some(Tier::Run), Some(Tier::Confirm)] {
        let Some(rules) = compile(&patterns, semantics, tier) else { continue };
        for executor in [Executor::Scalar, Executor::Avx2] {
            assert_eq!(scan(&rules, executor, item), want, "{tier:?} {executor:?} {patterns:?}");
        }
    }
});
