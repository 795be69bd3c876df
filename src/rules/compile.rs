//! From patterns to a set: parse each, decide how it is found, build what is needed, count what it costs.

use std::borrow::Cow;
use std::mem::size_of;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use regex_syntax::hir::Hir;

use super::analysis::prefixes::{Factor, MAX_STRINGS, MIN_STRINGS, Room};
use super::analysis::{self, Seek, Shape};
use super::error::{CompileError, ErrorKind, Fault};
use super::info::{RuleInfo, Tier};
use super::options::{CompileOptions, Limits, MAX_PATTERNS};
use super::plan::{self, Planned};
use super::walk::Built;
use super::{Pattern, Rules, assemble, flags, oracle, parse, walk};

/// Strings that a whole set may look for before each rule gets fewer.
const STRINGS: usize = 1 << 18;
/// With few patterns strings of three bytes cost no pass of their own in the literal tables, and need not grow.
const FEW: usize = 500;
/// Patterns below which no thread more is started, and the most that a thread takes at once.
const LEAST: usize = 16;
const MOST: usize = 256;
/// Threads beyond this would wait for memory.
const MAX_THREADS: usize = 64;
/// What any string takes while the tables are made: measured, and checked by a test.
const STRING: u64 = 600;
/// Words of a walk when tests want walks to be cut.
const TOO_FEW: usize = 64;

/// One pattern on its way.
pub(super) struct Draft {
    pub info: RuleInfo,
    pub find: Find,
    /// Bytes of walks, which are laid out anew.
    pub walks: u64,
    /// Bytes beyond `info.table_bytes` that it will have taken when the set is made.
    temporary: u64,
}

/// How a pattern will be found.
pub(super) enum Find {
    /// Not at all: it cannot match.
    Never,
    /// It is this string.
    Literal(Factor),
    /// Through borders.
    Branches(Vec<Planned>),
    /// Only by reading the whole item.
    Host(Hir),
}

pub(super) fn compile(patterns: &[Pattern<'_>], options: &CompileOptions) -> Result<Rules, Vec<CompileError>> {
    let limits = options.limits();
    if patterns.len() > MAX_PATTERNS {
        let message = format!("{} patterns, the limit is {MAX_PATTERNS}: use several rule sets", patterns.len());
        return Err(vec![Fault::new(ErrorKind::Limit, 0, message).of_set()]);
    }
    let drafts = draft_all(patterns, options, &limits)?;
    assemble::assemble(drafts, patterns, options, &limits).map_err(|error| vec![error])
}

/// Drafts in the patterns' order, or all errors in the patterns' order. Threads take the next few patterns whenever they
/// are free: one regex may cost as much as thousands of literals.
fn draft_all(
    patterns: &[Pattern<'_>],
    options: &CompileOptions,
    limits: &Limits,
) -> Result<Vec<Draft>, Vec<CompileError>> {
    let threads = (options.threads.max(1) as usize).min(patterns.len() / LEAST + 1).min(MAX_THREADS);
    let share = (patterns.len() / (16 * threads)).clamp(1, MOST);
    let room = Room {
        strings: (STRINGS / patterns.len().max(1)).clamp(MIN_STRINGS, MAX_STRINGS),
        enough: if patterns.len() <= FEW { 3 } else { 4 },
    };
    let (next, used) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || -> Vec<(usize, Result<Draft, CompileError>)> {
        let mut out = Vec::new();
        loop {
            let first = next.fetch_add(share, Ordering::Relaxed);
            let Some(part) = patterns.get(first..patterns.len().min(first.saturating_add(share))) else { return out };
            if part.is_empty() {
                return out;
            }
            for (index, pattern) in (first..).zip(part) {
                let result = draft(pattern, options, limits, room).and_then(|draft| {
                    let bytes = draft.info.table_bytes + draft.temporary;
                    if used.fetch_add(bytes, Ordering::Relaxed) + bytes > limits.memory {
                        return Err(over_memory(limits));
                    }
                    Ok(draft)
                });
                let stop = matches!(&result, Err(fault) if fault.kind == ErrorKind::Memory);
                out.push((index, result.map_err(|fault| fault.at(index, pattern.id))));
                if stop {
                    // The memory is spent: what follows can only fail in the same way.
                    next.store(patterns.len(), Ordering::Relaxed);
                    return out;
                }
            }
        }
    };
    // A scope leaves something behind in the thread that calls it: none is made for one thread.
    let together = || {
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut results = work();
            for thread in others {
                match thread.join() {
                    Ok(part) => results.extend(part),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            results
        })
    };
    let mut results = if threads == 1 { work() } else { together() };
    results.sort_unstable_by_key(|(index, _)| *index);
    let mut drafts = Vec::with_capacity(results.len());
    let mut errors = Vec::new();
    for (_, result) in results {
        match result {
            Ok(draft) => drafts.push(draft),
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(drafts) } else { Err(errors) }
}

pub(super) fn over_memory(limits: &Limits) -> Fault {
    let message = format!(
        "the set takes more than {} bytes from this pattern on, what compiling it needs included: raise max_memory or use several sets",
        limits.memory
    );
    Fault::new(ErrorKind::Memory, 0, message)
}

fn draft(pattern: &Pattern<'_>, options: &CompileOptions, limits: &Limits, room: Room) -> Result<Draft, Fault> {
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
    let how = analysis::How { room, prefer_runs: options.force_tier == Some(Tier::Run) };
    let shape = match analysis::analyse(&hir, how) {
        // Tests force a rule down the road that needs no analysis.
        Shape::Literal(_) | Shape::Branches(_) if options.force_tier == Some(Tier::Host) => {
            Shape::Opaque("forced by a test")
        }
        shape => shape,
    };
    let mut memory = (size_of::<Draft>() + pattern.bytes.len()) as u64;
    let (mut walks, mut temporary) = (0, 0);
    if matches!(shape, Shape::Branches(_) | Shape::Opaque(_)) {
        // The oracle is built when it is first needed; that it can be is settled here.
        memory += oracle::expected_memory(&oracle::nfa(&hir, limits)?, options.semantics);
    }
    let find = match shape {
        Shape::Never => {
            info.tier = Tier::Literal;
            info.why = Cow::Borrowed("it can never match: nothing is looked for");
            Find::Never
        }
        Shape::Literal(factor) => {
            info.tier = Tier::Literal;
            info.why = Cow::Borrowed("it is one string");
            info.window = Some(0);
            info.factors = vec![factor.bytes.clone()];
            memory += factor.bytes.len() as u64 + 64;
            temporary = string(&factor);
            Find::Literal(factor)
        }
        Shape::Branches(branches) => {
            let max_words = if options.force_tier == Some(Tier::Confirm) { TOO_FEW } else { walk::MAX_WORDS };
            let starts = pattern.flags & flags::START != 0;
            let wanted = plan::Wanted { semantics: options.semantics, starts, max_words };
            let planned = plan::plan(branches, how, wanted);
            info.window = planned.iter().map(|branch| branch.window).reduce(|a, b| Some(a?.max(b?))).flatten();
            describe(&planned, &mut info);
            memory += planned.iter().map(size).sum::<u64>();
            walks = planned.iter().map(walk_bytes).sum();
            let strings = planned.iter().flat_map(|branch| match &branch.seek {
                Seek::Strings(factors) => factors.as_slice(),
                Seek::Run { .. } => &[],
            });
            temporary = walks + strings.map(string).sum::<u64>();
            Find::Branches(planned)
        }
        Shape::Opaque(why) => {
            info.why = Cow::Borrowed(why);
            Find::Host(hir)
        }
    };
    info.table_bytes = memory;
    Ok(Draft { info, find, walks, temporary })
}

/// Tier, reason and strings of a rule that is found through branches.
fn describe(planned: &[Planned], info: &mut RuleInfo) {
    let maybe = planned.iter().any(|branch| branch.flags & plan::MAYBE != 0);
    let whole = planned.iter().any(|branch| branch.flags & plan::WHOLE != 0);
    let runs = planned.iter().any(|branch| matches!(branch.seek, Seek::Run { .. }));
    let ends = planned.iter().all(|branch| branch.flags & plan::ENDS != 0);
    let mut factors: Vec<&Factor> = planned
        .iter()
        .flat_map(|branch| match &branch.seek {
            Seek::Strings(factors) => factors.as_slice(),
            Seek::Run { .. } => &[],
        })
        .collect();
    factors.sort();
    factors.dedup();
    info.factors = factors.into_iter().map(|factor| factor.bytes.clone()).collect();
    let (tier, why) = match (maybe, whole, runs, ends) {
        (true, true, ..) => {
            (Tier::Confirm, "its automata are too large or need Unicode words: the oracle reads items that may match")
        }
        (true, false, ..) => {
            (Tier::Confirm, "its automata are too large or need Unicode words: the oracle judges possible starts")
        }
        (false, true, ..) => {
            (Tier::Confirm, "its automaton of all ends is too large: the oracle reads items that match")
        }
        (.., true, true) => (Tier::Run, "found by a run of one class; automata give every match"),
        (.., true, false) => (Tier::Run, "found by a run of one class; automata give every start, the oracle the ends"),
        (.., true) => (Tier::Factor, "found by a string in every match; automata give every match"),
        _ => (Tier::Factor, "found by a string in every match; automata give every start, the oracle the ends"),
    };
    info.tier = tier;
    info.why = Cow::Borrowed(why);
}

/// What the tables of a string take while they are made, beyond what they take then.
fn string(factor: &Factor) -> u64 {
    STRING + 8 * factor.bytes.len() as u64
}

fn walk_bytes(branch: &Planned) -> u64 {
    [&branch.before, &branch.ahead].into_iter().flatten().map(Built::bytes).sum()
}

fn size(branch: &Planned) -> u64 {
    let walks = walk_bytes(branch);
    let strings = match &branch.seek {
        Seek::Strings(factors) => factors.iter().map(|factor| factor.bytes.len() as u64 + 64).sum(),
        Seek::Run { .. } => 64,
    };
    walks + strings + 64
}
