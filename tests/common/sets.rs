//! The library's own answer, in the form in which the definition gives it.

use trommel::rules::{CompileOptions, Pattern, Rules, Semantics, Tier};
use trommel::scan::literal::Executor;
use trommel::scan::{Match, Scratch};

use super::brute::{Found, Pat};

/// Compiles a set that is known to be good.
pub fn compile(patterns: &[Pat], all_ends: bool, force_tier: Option<Tier>) -> Rules {
    let options = CompileOptions {
        semantics: if all_ends { Semantics::AllEnds } else { Semantics::Leftmost },
        force_tier,
        ..CompileOptions::default()
    };
    let patterns: Vec<Pattern<'_>> =
        patterns.iter().map(|p| Pattern { bytes: &p.bytes, id: p.id, flags: p.flags }).collect();
    Rules::compile(&patterns, &options).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// All matches of an item.
pub fn scan(rules: &Rules, scratch: &mut Scratch, haystack: &[u8]) -> Vec<Found> {
    let mut out: Vec<Match> = Vec::new();
    let count = rules.scan(haystack, scratch, u64::MAX, &mut out);
    assert_eq!(count, out.len() as u64);
    out.into_iter().map(|m| (m.end, m.start, m.rule_id)).collect()
}

/// Ways of finding rules: as they are compiled, without any filter, by runs, by walks that are cut.
pub const TIERS: [Option<Tier>; 4] = [None, Some(Tier::Host), Some(Tier::Run), Some(Tier::Confirm)];

/// A scratch for each executor that this machine has.
pub fn executors() -> Vec<(Executor, Scratch)> {
    [Executor::Scalar, Executor::Avx2, Executor::Avx512]
        .into_iter()
        .filter(|executor| executor.works())
        .map(|executor| (executor, Scratch::with_executor(executor)))
        .collect()
}
