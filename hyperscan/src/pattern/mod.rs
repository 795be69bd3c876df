//! Expressions in PCRE's dialect, as Hyperscan takes them: parsed, checked, and written in Rust's.
//!
//! The tree has no flags left in it: classes are spelled out, folded where the expression is caseless, and every anchor
//! says which of PCRE's it is. What remains to be told apart from Rust's dialect is `$` before a last line feed: two
//! expressions are written, one for the whole data and one for the data without its last line feed.

mod anchors;
mod bracket;
mod class;
mod emit;
mod escape;
mod input;
mod parse;
mod width;

pub use width::Widths;

use crate::flags;
use regex_syntax::hir::{ClassBytes, ClassUnicode};
use std::fmt;

/// Why an expression is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, without the position.
    pub what: String,
    /// Where in the expression, in bytes; `None` where all of it is meant.
    pub at: Option<usize>,
}

impl Refusal {
    /// A refusal of what stands at a position.
    pub fn new(at: usize, what: impl Into<String>) -> Self {
        Self { what: what.into(), at: Some(at) }
    }

    /// A refusal of the expression as a whole.
    pub fn whole(what: impl Into<String>) -> Self {
        Self { what: what.into(), at: None }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            Some(at) => write!(f, "{} at index {at}.", self.what),
            None => write!(f, "{}.", self.what),
        }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Refusal>;

/// One byte, or one code point in UTF-8 mode, out of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Set {
    Bytes(ClassBytes),
    Chars(ClassUnicode),
}

/// PCRE's zero-width tests, as far as they can be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// `\A`, and `^` without the multi-line flag.
    Start,
    /// `^` with the multi-line flag: never after a line feed that is the last byte.
    LineStart,
    /// `\z`.
    End,
    /// `\Z`, and `$` without the multi-line flag: also before a line feed that is the last byte.
    EndOrNewline,
    /// `$` with the multi-line flag.
    LineEnd,
    Word,
    NotWord,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Empty,
    Set(Set),
    /// With its position in the expression.
    Anchor(Anchor, usize),
    Concat(Vec<Node>),
    Alternatives(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
    },
}

/// An expression in Rust's dialect.
#[derive(Clone, Debug)]
pub struct Translated {
    /// For the whole data.
    pub whole: String,
    /// For the data without its last byte, where that is a line feed; `None`: nothing more is found there.
    pub before_newline: Option<String>,
    /// Rust's Unicode mode: sets are of code points.
    pub utf8: bool,
    /// Lengths of matches, and where they can end.
    pub widths: Widths,
}

/// Translates an expression. `bits` are [`flags`].
pub fn translate(expression: &[u8], bits: u32) -> Result<Translated> {
    let parsed = parse::parse(expression, bits)?;
    let widths = width::of(&parsed.node);
    if width::matches_no_data(&parsed.node) && bits & flags::ALLOWEMPTY == 0 {
        return Err(Refusal::whole("Pattern matches empty buffer; use HS_FLAG_ALLOWEMPTY to enable support"));
    }
    let ends_before_newline = anchors::check(&parsed.node)?;
    Ok(Translated {
        whole: emit::write(&parsed.node, false),
        before_newline: ends_before_newline.then(|| emit::write(&parsed.node, true)),
        utf8: parsed.utf8,
        widths,
    })
}
