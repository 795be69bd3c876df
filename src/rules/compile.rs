//! From patterns to a set: parse each, decide how it is found, build what is needed, count what it costs.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::mem::size_of;
use std::sync::atomic::{AtomicU64, Ordering};

use regex_syntax::hir::Hir;

use super::analysis::{self, Shape, prefixes::Factor};
use super::error::{CompileError, ErrorKind, Fault};
use super::finder::Finder;
use super::info::{RuleInfo, Tier};
use super::options::{CompileOptions, Limits, MAX_PATTERNS};
use super::oracle::Oracle;
use super::{Pattern, Rule, Rules, Use, flags, group, parse};

/// One pattern on its way.
struct Draft {
    info: RuleInfo,
    rule: Rule,
    /// Strings to look for, and whether finding one is already a match.
    factors: Vec<Factor>,
    exact: bool,
    /// The tree, for rules that must be asked about in groups.
    grouped: Option<Hir>,
}

pub(super) fn compile(patterns: &[Pattern<'_>], options: &CompileOptions) -> Result<Rules, Vec<CompileError>> {
    let limits = options.limits();
    if patterns.len() > MAX_PATTERNS {
        let message = format!("{} patterns, the limit is {MAX_PATTERNS}: use several rule sets", patterns.len());
        return Err(vec![Fault::new(ErrorKind::Limit, 0, message).of_set()]);
    }
    let drafts = draft_all(patterns, options, &limits)?;
    assemble(drafts, patterns, options, &limits).map_err(|error| vec![error])
}

/// Drafts in the patterns' order, or all errors in the patterns' order.
fn draft_all(
    patterns: &[Pattern<'_>],
    options: &CompileOptions,
    limits: &Limits,
) -> Result<Vec<Draft>, Vec<CompileError>> {
    let threads = (options.threads.max(1) as usize).min(patterns.len() / 16 + 1);
    let share = patterns.len().div_ceil(threads).max(1);
    let used = AtomicU64::new(0);
    let work = |first: usize, part: &[Pattern<'_>]| -> Vec<Result<Draft, CompileError>> {
        let mut out = Vec::with_capacity(part.len());
        for (i, pattern) in part.iter().enumerate() {
            let result = draft(pattern, options, limits).and_then(|draft| {
                let bytes = draft.info.table_bytes;
                if used.fetch_add(bytes, Ordering::Relaxed) + bytes > limits.memory {
                    return Err(over_memory(limits));
                }
                Ok(draft)
            });
            let stop = matches!(&result, Err(fault) if fault.kind == ErrorKind::Memory);
            out.push(result.map_err(|fault| fault.at(first + i, pattern.id)));
            if stop {
                break; // The memory is spent: what follows can only fail in the same way.
            }
        }
        out
    };
    let mut results: Vec<Result<Draft, CompileError>> = Vec::with_capacity(patterns.len());
    if threads == 1 {
        results = work(0, patterns);
    } else {
        let work = &work;
        std::thread::scope(|scope| {
            let running: Vec<_> = patterns
                .chunks(share)
                .enumerate()
                .map(|(n, part)| scope.spawn(move || work(n * share, part)))
                .collect();
            for thread in running {
                match thread.join() {
                    Ok(part) => results.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
        });
    }
    let mut drafts = Vec::with_capacity(results.len());
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(draft) => drafts.push(draft),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(drafts) } else { Err(errors) }
}

fn over_memory(limits: &Limits) -> Fault {
    let message = format!(
        "the set takes more than {} bytes from this pattern on: raise max_memory or use several sets",
        limits.memory
    );
    Fault::new(ErrorKind::Memory, 0, message)
}

fn draft(pattern: &Pattern<'_>, options: &CompileOptions, limits: &Limits) -> Result<Draft, Fault> {
    let hir = parse::parse(pattern, limits)?;
    let properties = hir.properties();
    let mut info = RuleInfo {
        id: pattern.id,
        flags: pattern.flags,
        tier: Tier::Host,
        why: Cow::Borrowed(""),
        factors: Vec::new(),
        window: None,
        min_len: properties.minimum_len().unwrap_or(0) as u64,
        max_len: properties.maximum_len().map(|len| len as u64),
        table_bytes: 0,
    };
    let mut rule = Rule {
        id: pattern.id,
        single: pattern.flags & flags::SINGLE != 0,
        start: pattern.flags & flags::START != 0,
        oracle: None,
    };
    let mut factors = Vec::new();
    let (mut exact, mut grouped) = (false, None);
    let shape = match analysis::analyse(&hir) {
        // Tests force a rule down the road that needs no analysis.
        Shape::Literal(_) | Shape::Branches(_) if options.force_tier == Some(Tier::Host) => {
            Shape::Opaque("forced by a test")
        }
        shape => shape,
    };
    match shape {
        Shape::Never => {
            info.tier = Tier::Literal;
            info.why = Cow::Borrowed("it can never match: nothing is looked for");
        }
        Shape::Literal(factor) => {
            info.tier = Tier::Literal;
            info.why = Cow::Borrowed("it is one string");
            info.window = Some(0);
            factors = vec![factor];
            exact = true;
        }
        Shape::Branches(branches) => {
            info.tier = Tier::Confirm;
            info.why = Cow::Borrowed("every match contains one of a few strings");
            info.window = window(&branches);
            factors = branches.into_iter().flat_map(|branch| branch.factors).collect();
            rule.oracle = Some(Oracle::build(&hir, options.semantics, limits)?);
        }
        Shape::Opaque(why) => {
            info.tier = Tier::Host;
            info.why = Cow::Borrowed(why);
            rule.oracle = Some(Oracle::build(&hir, options.semantics, limits)?);
            grouped = Some(hir);
        }
    }
    factors.sort();
    factors.dedup();
    info.factors = factors.iter().map(|factor| factor.bytes.clone()).collect();
    info.table_bytes = rule.oracle.as_ref().map_or(0, Oracle::memory_usage) as u64
        + factors.iter().map(|factor| factor.bytes.len() as u64 + 32).sum::<u64>()
        + size_of::<Draft>() as u64;
    Ok(Draft { info, rule, factors, exact, grouped })
}

/// How far before its factor a match may start, over all branches.
fn window(branches: &[analysis::Branch]) -> Option<u64> {
    branches.iter().map(|branch| branch.before.properties().maximum_len().map(|len| len as u64)).max().flatten()
}

fn assemble(
    drafts: Vec<Draft>,
    patterns: &[Pattern<'_>],
    options: &CompileOptions,
    limits: &Limits,
) -> Result<Rules, CompileError> {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    let mut strings: BTreeMap<Factor, Vec<Use>> = BTreeMap::new();
    let (mut info, mut rules, mut grouped) = (Vec::new(), Vec::new(), Vec::new());
    for (rule, draft) in (0u32..).zip(drafts) {
        for factor in draft.factors {
            let what = if draft.exact { Use::Match(rule) } else { Use::Wake(rule) };
            strings.entry(factor).or_default().push(what);
        }
        if let Some(hir) = draft.grouped {
            grouped.push((rule, hir));
        }
        info.push(draft.info);
        rules.push(draft.rule);
    }
    let (mut use_starts, mut uses, mut factors) = (vec![0u32], Vec::new(), Vec::new());
    for (factor, list) in strings {
        uses.extend(list);
        use_starts.push(uses.len() as u32);
        factors.push(factor);
    }
    let finder = match factors.is_empty() {
        true => None,
        false => Some(Finder::build(&factors).map_err(|why| {
            Fault::new(ErrorKind::Limit, 0, format!("the literal tables cannot be built: {why}: use several sets"))
                .of_set()
        })?),
    };
    // Rules that match nearly everything gain nothing from being asked about first.
    let (ask, always): (Vec<_>, Vec<_>) = grouped
        .into_iter()
        .partition(|(_, hir)| hir.properties().minimum_len() != Some(0) || !hir.properties().look_set().is_empty());
    let mut always: Vec<u32> = always.into_iter().map(|(rule, _)| rule).collect();
    let (groups, alone) = group::build(&ask);
    always.extend(alone);
    always.sort_unstable();
    let memory = info.iter().map(|i: &RuleInfo| i.table_bytes).sum::<u64>()
        + finder.as_ref().map_or(0, Finder::memory_usage) as u64
        + groups.iter().map(|g| g.dfa.memory_usage() as u64).sum::<u64>();
    if memory > limits.memory {
        let last = patterns.len().saturating_sub(1);
        return Err(over_memory(limits).at(last, patterns.get(last).map_or(super::NO_PATTERN, |p| p.id)));
    }
    Ok(Rules {
        serial: SERIAL.fetch_add(1, Ordering::Relaxed),
        semantics: options.semantics,
        info,
        rules,
        finder,
        use_starts,
        uses,
        groups,
        always,
        memory,
    })
}
