//! The flags of a pattern. The values are part of the C ABI (`TRM_PATTERN_*`) and of serialised rule sets.

/// The pattern is plain bytes, not a regex.
pub const LITERAL: u32 = 1;
/// Letters match in either case: ASCII letters only, unless `UNICODE` is set.
pub const CASELESS: u32 = 2;
/// `.` matches `\n` as well.
pub const DOTALL: u32 = 4;
/// `^` and `$` also match at the borders of lines.
pub const MULTILINE: u32 = 8;
/// `\w \d \s \b`, classes, `.` and case folding follow Unicode.
pub const UNICODE: u32 = 16;
/// Only the first match of an item is reported.
pub const SINGLE: u32 = 32;
/// Under all-ends semantics: report the smallest start of each end (otherwise start equals end).
pub const START: u32 = 64;

/// Every flag that has a meaning. A pattern with any other bit is refused: the caller meant something by it.
pub const KNOWN: u32 = LITERAL | CASELESS | DOTALL | MULTILINE | UNICODE | SINGLE | START;
