//! Rule sets: compile, look at, serialise, load.

use super::call::{call, call_with, check_size, check_strides, clear, out, put_text, read_struct, trm_error};
use super::engine::{enter as enter_engine, trm_engine};
use super::object::{Entered, Objects};
use crate::engine::LoadedSet;
use crate::panics::guarded;
use crate::rules::{CompileError, CompileOptions, ErrorKind, Pattern, RuleInfo, Rules, Semantics, Tier};
use crate::status::*;
use std::ffi::{c_char, c_void};
use std::sync::Arc;

/// Compiled rules: immutable, usable from any number of threads and engines at once.
#[allow(non_camel_case_types)]
pub struct trm_rules {
    _opaque: [u8; 0],
}

static RULES: Objects<Held> = Objects::new();

/// Behind a rules handle.
pub(super) struct Held {
    rules: Arc<Rules>,
    /// Belongs to an engine, which lent it to a caller's drain.
    lent: bool,
}

impl Held {
    pub(super) fn get(&self) -> &Rules {
        &self.rules
    }
}

/// A handle that an engine's set shows, for as long as the set is there.
struct Lent(usize);

impl Drop for Lent {
    fn drop(&mut self) {
        RULES.remove(self.0 as *const _, |_| ());
    }
}

/// A handle for new rules.
pub(super) fn add(rules: Rules) -> *mut trm_rules {
    RULES.add(Held { rules: Arc::new(rules), lent: false }).cast()
}

pub(super) fn enter(rules: *const trm_rules) -> Result<Entered<Held>> {
    RULES.enter(rules.cast())
}

pub(super) fn lend(set: &LoadedSet) -> *const trm_rules {
    let shown =
        set.shown.get_or_init(|| Box::new(Lent(RULES.add(Held { rules: set.rules.clone(), lent: true }) as usize)));
    let lent = shown.downcast_ref::<Lent>().expect("nothing else is shown");
    lent.0 as *const trm_rules
}

/// The pattern is plain bytes, not a regex. Any bytes, NUL included.
pub const TRM_PATTERN_LITERAL: u32 = 1;
/// Letters match in either case: ASCII letters, and with TRM_PATTERN_UNICODE all.
pub const TRM_PATTERN_CASELESS: u32 = 2;
/// `.` matches a line feed too.
pub const TRM_PATTERN_DOTALL: u32 = 4;
/// `^` and `$` also match at line borders.
pub const TRM_PATTERN_MULTILINE: u32 = 8;
/// Classes, `.`, `\b` and folding follow Unicode; off, they are ASCII and `.` is any byte but a line feed.
pub const TRM_PATTERN_UNICODE: u32 = 16;
/// Only an item's first match is reported: LEFTMOST the leftmost, ALL_ENDS the one with the smallest end.
pub const TRM_PATTERN_SINGLE: u32 = 32;
/// ALL_ENDS: `start` is the smallest start of a match with that end; without it `start == end`.
pub const TRM_PATTERN_START: u32 = 64;

/// Per pattern, the non-overlapping leftmost-first matches, as Rust's `regex` crate finds them on bytes.
pub const TRM_SEMANTICS_LEFTMOST: u32 = 0;
/// Per pattern, every offset at which some match ends.
pub const TRM_SEMANTICS_ALL_ENDS: u32 = 1;

/// One pattern: bytes and a length, never a C string.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_pattern {
    /// The literal's bytes, or the regex as UTF-8 (other bytes as `\xNN`) in the syntax of Rust's `regex` crate.
    /// NULL where `len` is 0. Read during compile only.
    pub bytes: *const c_void,
    /// How many bytes.
    pub len: usize,
    /// The caller's number, reported with each match. Patterns that share one are reported as one set.
    pub id: u32,
    /// `TRM_PATTERN_*`, or 0.
    pub flags: u32,
}

/// How rules are compiled. All fields 0 but `struct_size` are the defaults.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_compile_options {
    /// `sizeof(trm_compile_options)`.
    pub struct_size: u32,
    /// `TRM_SEMANTICS_*`.
    pub semantics: u32,
    /// Unused; 0.
    pub flags: u32,
    /// Threads that compiling may use; 0 and 1: the calling one.
    pub threads: u32,
    /// Most bytes of the set, while it is compiled (beside about 4 MiB for each thread) and afterwards; 0: 2 GiB.
    pub max_memory: u64,
    /// Most bytes of one pattern; 0: 64 KiB.
    pub max_pattern_bytes: u64,
    /// Most bytes of one pattern's automaton; 0: 10 MiB.
    pub max_automaton_bytes: u64,
}

/// A literal: tables alone find it.
pub const TRM_TIER_LITERAL: u32 = 0;
/// A required factor is found by tables, automata check around it.
pub const TRM_TIER_FACTOR: u32 = 1;
/// A run of a byte class is found first.
pub const TRM_TIER_RUN: u32 = 2;
/// Tables find candidates that are confirmed by the full regex engine.
pub const TRM_TIER_CONFIRM: u32 = 3;
/// The full regex engine reads the whole item.
pub const TRM_TIER_HOST: u32 = 4;

// Plain numbers above, because the header is made from the text; here they are held against what is meant.
const _: () = assert!(
    TRM_TIER_LITERAL == Tier::Literal as u32
        && TRM_TIER_FACTOR == Tier::Factor as u32
        && TRM_TIER_RUN == Tier::Run as u32
        && TRM_TIER_CONFIRM == Tier::Confirm as u32
        && TRM_TIER_HOST == Tier::Host as u32
);

/// `trm_rule_info.max_len` and `.window`: no bound.
pub const TRM_UNBOUNDED: u64 = u64::MAX;

/// What became of one pattern. Texts are NUL-terminated.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_rule_info {
    /// The caller's id.
    pub id: u32,
    /// The pattern's flags.
    pub flags: u32,
    /// `TRM_TIER_*`.
    pub tier: u32,
    /// Required factors: every match contains at least one. 0 where none are known or needed.
    pub factor_count: u32,
    /// The shortest match, in bytes.
    pub min_len: u64,
    /// The longest match, in bytes, or TRM_UNBOUNDED.
    pub max_len: u64,
    /// A match starts at most so many bytes before its factor, or TRM_UNBOUNDED.
    pub window: u64,
    /// Bytes of this rule's own tables.
    pub table_bytes: u64,
    /// Why that tier, UTF-8.
    pub why: [c_char; 192],
    /// The first factor, bytes outside printable ASCII written as `\xNN`, cut where it is too long.
    pub factor: [c_char; 64],
    /// Bytes that a stream keeps for this rule at most, or TRM_UNBOUNDED: as many as a match may be under way for.
    pub carry: u64,
}

/// Compiles patterns into rules.
///
/// @param patterns        `count` patterns, each `stride` bytes after the one before
/// @param stride          `sizeof(trm_pattern)` of the caller
/// @param count           0 is allowed: rules that match nothing
/// @param options         NULL: the defaults
/// @param rules           receives the rules, NULL on failure. Ends with `trm_rules_destroy`.
/// @param errors          receives one entry a problem, all problems of the set, as many as fit, in pattern order; may
///                        be NULL where `error_capacity` is 0. `errors[0].struct_size` must be set: it is the stride.
/// @param error_capacity  how many fit
/// @param error_count     receives how many there are; may be NULL
/// @return TRM_OK; TRM_ERR_PATTERN (some pattern is malformed: see `errors`); TRM_ERR_LIMIT (a limit of the options);
///         TRM_ERR_MEMORY (`max_memory`); TRM_ERR_INVALID (an option, an unknown flag); TRM_ERR_NULL. The status is
///         the first error's.
///
/// Any thread. Nothing is kept of the caller's memory.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_rules_compile(
    patterns: *const trm_pattern,
    stride: usize,
    count: usize,
    options: *const trm_compile_options,
    rules: *mut *mut trm_rules,
    errors: *mut trm_error,
    error_capacity: usize,
    error_count: *mut usize,
) -> trm_status {
    // SAFETY: NULL or writable, as documented.
    unsafe {
        clear(rules);
        if let Some(count) = error_count.as_mut() {
            *count = 0;
        }
    }
    let errors = if error_capacity == 0 { std::ptr::null_mut() } else { errors };
    // SAFETY: passed on.
    if let Err(wrong) = unsafe { check_size(errors) } {
        return wrong.status;
    }
    let compiled = guarded(|| {
        // SAFETY: passed on.
        let compile = || unsafe {
            let rules = out(rules)?;
            Ok((rules, read_patterns(patterns, stride, count)?, read_options(options)?))
        };
        let (rules, patterns, options) = compile().map_err(|error: Error| vec![plain(&error)])?;
        let compiled =
            Rules::compile(&patterns, &options).map_err(|all| all.iter().map(of_pattern).collect::<Vec<_>>())?;
        *rules = add(compiled);
        Ok(())
    });
    let found = match compiled {
        Some(Ok(())) => return TRM_OK,
        Some(Err(found)) => found,
        None => vec![plain(&TRM_ERR_PANIC.into())],
    };
    // SAFETY: as above.
    if let Some(count) = unsafe { error_count.as_mut() } {
        *count = found.len();
    }
    if !errors.is_null() {
        // SAFETY: there is at least one, and its size was checked; it is the stride of all of them.
        let stride = unsafe { (*errors).struct_size };
        for (i, error) in found.iter().take(error_capacity).enumerate() {
            // SAFETY: the caller gave room for `error_capacity` of them, `stride` bytes apart.
            unsafe {
                let place = errors.cast::<u8>().add(i * stride as usize).cast::<trm_error>();
                place.write_unaligned(trm_error { struct_size: stride, ..*error });
            }
        }
    }
    found.first().map_or(TRM_ERR_PANIC, |first| first.code)
}

fn plain(error: &Error) -> trm_error {
    trm_error::plain(error.status, &error.message)
}

fn of_pattern(error: &CompileError) -> trm_error {
    trm_error {
        pattern_index: error.pattern_index,
        pattern_id: error.pattern_id,
        byte_offset: error.byte_offset,
        ..trm_error::plain(status_of(error.kind), &error.message)
    }
}

pub(super) fn status_of(kind: ErrorKind) -> trm_status {
    match kind {
        ErrorKind::Pattern => TRM_ERR_PATTERN,
        ErrorKind::Limit => TRM_ERR_LIMIT,
        ErrorKind::Memory => TRM_ERR_MEMORY,
        ErrorKind::Invalid => TRM_ERR_INVALID,
        ErrorKind::Format => TRM_ERR_FORMAT,
    }
}

/// # Safety
/// As [`trm_rules_compile`].
unsafe fn read_patterns<'a>(patterns: *const trm_pattern, stride: usize, count: usize) -> Result<Vec<Pattern<'a>>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    if patterns.is_null() {
        return Err(TRM_ERR_NULL.into());
    }
    check_strides(count, stride, size_of::<trm_pattern>())?;
    let read = |i: usize| {
        // SAFETY: one of `count` patterns, `stride` bytes apart.
        let pattern = unsafe { patterns.cast::<u8>().add(i * stride).cast::<trm_pattern>().read_unaligned() };
        // SAFETY: the pattern says how many bytes there are.
        let bytes = unsafe { super::call::slice(pattern.bytes.cast::<u8>(), pattern.len) }
            .map_err(|error| Error::new(error.status, format!("pattern {i}: bytes is NULL or len is impossible")))?;
        Ok(Pattern { bytes, id: pattern.id, flags: pattern.flags })
    };
    (0..count).map(read).collect()
}

/// # Safety
/// `options` is NULL or points to options whose `struct_size` is set.
unsafe fn read_options(options: *const trm_compile_options) -> Result<CompileOptions> {
    let invalid = |message: String| Err(Error::new(TRM_ERR_INVALID, message));
    if options.is_null() {
        return Ok(CompileOptions::default());
    }
    // SAFETY: passed on.
    let given = unsafe { read_struct("trm_compile_options", options) }?;
    let semantics = match given.semantics {
        TRM_SEMANTICS_LEFTMOST => Semantics::Leftmost,
        TRM_SEMANTICS_ALL_ENDS => Semantics::AllEnds,
        other => return invalid(format!("semantics is {other}: use a TRM_SEMANTICS_*")),
    };
    if given.flags != 0 {
        return invalid(format!("trm_compile_options.flags is 0x{:x}: it must be 0", given.flags));
    }
    Ok(CompileOptions {
        semantics,
        threads: given.threads,
        max_memory: given.max_memory,
        max_pattern_len: given.max_pattern_bytes,
        max_automaton: given.max_automaton_bytes,
        ..CompileOptions::default()
    })
}

/// Tells how each pattern will be executed, in the order they were compiled in.
///
/// @param rules     compiled rules
/// @param info      receives the first `capacity` of them; may be NULL where `capacity` is 0
/// @param stride    `sizeof(trm_rule_info)` of the caller; a smaller one gets the first so many bytes of each
/// @param capacity  how many fit
/// @param count     receives how many there are
/// @return TRM_OK; TRM_ERR_BUFFER: more than `capacity`; TRM_ERR_INVALID: `stride` is below 48; TRM_ERR_NULL;
///         TRM_ERR_HANDLE
///
/// Any thread.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_rules_info(
    rules: *const trm_rules,
    info: *mut trm_rule_info,
    stride: usize,
    capacity: usize,
    count: *mut usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let count = unsafe { out(count) }?;
        *count = 0;
        let rules = enter(rules)?;
        check_strides(capacity, stride, 48)?;
        if capacity > 0 && info.is_null() {
            return Err(TRM_ERR_NULL.into());
        }
        let all = rules.get().info();
        // An older caller's array has no room for it, and need not wait for it.
        let reach = (stride >= size_of::<trm_rule_info>()).then(|| rules.get().reach());
        for (i, one) in all.iter().take(capacity).enumerate() {
            let carry = reach.map(|reach| reach.of_rule(i as u32).carry().unwrap_or(TRM_UNBOUNDED));
            let one = describe(one, carry.unwrap_or(0));
            let bytes = stride.min(size_of::<trm_rule_info>());
            // SAFETY: the caller gave room for `capacity` of them, `stride` bytes apart.
            unsafe {
                let place = info.cast::<u8>().add(i * stride);
                std::ptr::copy_nonoverlapping(std::ptr::from_ref(&one).cast::<u8>(), place, bytes);
            }
        }
        *count = all.len();
        Ok(if all.len() > capacity { TRM_ERR_BUFFER } else { TRM_OK })
    })
}

fn describe(info: &RuleInfo, carry: u64) -> trm_rule_info {
    let mut shown = trm_rule_info {
        id: info.id,
        flags: info.flags,
        tier: info.tier as u32,
        factor_count: info.factors.len() as u32,
        min_len: info.min_len,
        max_len: info.max_len.unwrap_or(TRM_UNBOUNDED),
        window: info.window.unwrap_or(TRM_UNBOUNDED),
        table_bytes: info.table_bytes,
        why: [0; 192],
        factor: [0; 64],
        carry,
    };
    put_text(&mut shown.why, &info.why);
    if let Some(factor) = info.factors.first() {
        put_text(&mut shown.factor, &factor.escape_ascii().to_string());
    }
    shown
}

/// Ends the caller's hold on rules. Engines that loaded them keep what they need.
///
/// @param rules  NULL does nothing; so do rules that are destroyed already (best effort) or lent by `trm_claim`
///
/// Any thread.
///
/// # Safety
/// `rules` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_rules_destroy(rules: *mut trm_rules) {
    call(|| {
        if !enter(rules)?.lent {
            drop(RULES.remove(rules.cast(), |_| ()));
        }
        Ok(TRM_OK)
    });
}

/// Loads rules into a drum under an id, while it runs. Over an id that is in use it replaces: items accepted before
/// keep the old set, later ones get the new.
///
/// @param engine       any handle of the drum
/// @param rule_set_id  the caller's choice
/// @param rules        may be destroyed afterwards
/// @param error        receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_ERR_LIMIT: `max_rule_sets` are loaded or still in use; TRM_ERR_CLOSED; TRM_ERR_NULL;
///         TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_load_rules(
    engine: *mut trm_engine,
    rule_set_id: u32,
    rules: *const trm_rules,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        call_with(error, || {
            let handle = enter_engine(engine)?;
            let rules = enter(rules)?.rules.clone();
            handle.check_open()?;
            handle.engine().load_rules(rule_set_id, rules)?;
            Ok(TRM_OK)
        })
    }
}

/// Takes a rule set away: later items that name it are refused, those in flight still get their answers.
///
/// @param engine       any handle of the drum
/// @param rule_set_id  from `trm_engine_load_rules`
/// @return TRM_OK; TRM_ERR_NO_RULES; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED
///
/// Any thread.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_unload_rules(engine: *mut trm_engine, rule_set_id: u32) -> trm_status {
    call(|| {
        enter_engine(engine)?.engine().unload_rules(rule_set_id)?;
        Ok(TRM_OK)
    })
}
