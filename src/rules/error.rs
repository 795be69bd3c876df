//! What can be wrong with a pattern or a set, told so that the reader knows what to change.

use regex_syntax::{ast, hir};

/// Which kind of thing is wrong; each maps to one status of the C ABI.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The pattern itself is malformed.
    Pattern,
    /// A limit of the options is exceeded.
    Limit,
    /// The set as a whole takes more memory than allowed.
    Memory,
    /// An argument has no meaning, for instance an unknown flag.
    Invalid,
    /// A serialised set is damaged, foreign or from another version.
    Format,
}

/// `pattern_index` and `pattern_id` of an error that concerns no single pattern.
pub const NO_PATTERN: u32 = u32::MAX;

/// One reason why a set was refused. Compilation reports all it finds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CompileError {
    /// What kind of thing is wrong.
    pub kind: ErrorKind,
    /// Index into the array of patterns, or `NO_PATTERN`.
    pub pattern_index: u32,
    /// The caller's id of that pattern, or `NO_PATTERN`.
    pub pattern_id: u32,
    /// Where in the pattern, in bytes; 0 when the whole pattern is meant.
    pub byte_offset: u64,
    /// What is wrong and what to do about it.
    pub message: String,
}

/// An error that does not know yet which pattern it belongs to.
#[derive(Debug)]
pub(crate) struct Fault {
    pub kind: ErrorKind,
    pub byte_offset: u64,
    pub message: String,
}

impl Fault {
    pub fn new(kind: ErrorKind, byte_offset: u64, message: impl Into<String>) -> Self {
        Fault { kind, byte_offset, message: message.into() }
    }

    pub fn at(self, index: usize, id: u32) -> CompileError {
        CompileError {
            kind: self.kind,
            pattern_index: u32::try_from(index).unwrap_or(NO_PATTERN),
            pattern_id: id,
            byte_offset: self.byte_offset,
            message: self.message,
        }
    }

    pub fn of_set(self) -> CompileError {
        self.at(NO_PATTERN as usize, NO_PATTERN)
    }
}

impl From<regex_syntax::Error> for Fault {
    fn from(error: regex_syntax::Error) -> Self {
        let (offset, what, advice) = match &error {
            regex_syntax::Error::Parse(e) => (e.span().start.offset, e.kind().to_string(), parse_advice(e.kind())),
            regex_syntax::Error::Translate(e) => {
                (e.span().start.offset, e.kind().to_string(), translate_advice(e.kind()))
            }
            other => (0, other.to_string(), DEFAULT_ADVICE),
        };
        Fault::new(ErrorKind::Pattern, offset as u64, format!("{what} (at byte {offset}): {advice}"))
    }
}

const DEFAULT_ADVICE: &str = "correct the pattern there, or set LITERAL if it is plain text";

fn parse_advice(kind: &ast::ErrorKind) -> &'static str {
    use ast::ErrorKind as K;
    match kind {
        K::ClassUnclosed => "close the class with ], or write \\[ for a plain bracket",
        K::GroupUnclosed => "close the group with ), or write \\( for a plain parenthesis",
        K::GroupUnopened => "open a group before it, or write \\) for a plain parenthesis",
        K::RepetitionMissing => "put something to repeat before the operator, or escape it with a backslash",
        K::RepetitionCountInvalid | K::RepetitionCountUnclosed | K::RepetitionCountDecimalEmpty => {
            "write a count as {n}, {n,} or {n,m} with n <= m, or \\{ for a plain brace"
        }
        K::EscapeUnrecognized => "remove the backslash if the character is meant as it is",
        K::UnsupportedBackreference => "this dialect has no backreferences; spell the alternatives out",
        K::UnsupportedLookAround => {
            "this dialect has no look-around; match the context as part of the pattern or check it afterwards"
        }
        K::NestLimitExceeded(_) => "nest fewer groups",
        _ => DEFAULT_ADVICE,
    }
}

fn translate_advice(kind: &hir::ErrorKind) -> &'static str {
    match kind {
        hir::ErrorKind::UnicodeNotAllowed => "set UNICODE, or write (?u:...) around it, or use plain bytes as \\xNN",
        hir::ErrorKind::UnicodePropertyNotFound | hir::ErrorKind::UnicodePropertyValueNotFound => {
            "check the name of the Unicode property"
        }
        _ => DEFAULT_ADVICE,
    }
}
