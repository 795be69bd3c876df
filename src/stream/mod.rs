//! Texts that come in pieces: what is kept of one piece for the next, and which matches are settled.
//!
//! ```text
//!  piece n      [ kept of n-1 | new bytes          ]
//!  piece n+1                        [ kept | new bytes     ]
//! ```
//!
//! Every piece is scanned like any item, by whoever scans; `settle` makes the text's matches of it.

mod prefix;
mod reach;
mod settle;
mod text;

pub(crate) use reach::{Mark, Reach};
pub(crate) use settle::{Settled, Span};
pub use text::Text;

use crate::rules::Rules;
use crate::status::{Error, TRM_ERR_LIMIT};
use reach::BEHIND;

/// The end of a text, as far as later pieces need it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tail {
    /// Kept bytes.
    bytes: Vec<u8>,
    /// Offset of the first of them in the text.
    start: u64,
    /// None: nothing came yet.
    mark: Option<Mark>,
}

/// What comes with the next piece.
pub(crate) struct Next {
    /// Where the piece lies that is made of what was kept and the new bytes.
    pub span: Span,
    /// Bytes of that piece that are kept: its last ones.
    keep: u64,
}

impl Tail {
    /// What the next piece begins with.
    pub fn kept(&self) -> &[u8] {
        &self.bytes
    }

    /// Bytes of the text so far.
    pub fn len(&self) -> u64 {
        self.mark.map_or(0, |mark| mark.len)
    }

    /// No match that is still to come starts before this offset.
    fn open(&self, rules: &Rules) -> u64 {
        self.mark.map_or(0, |mark| rules.reach().open(mark))
    }

    /// Looks at the piece that `new` makes with what was kept. More than `limit` bytes are never kept: where they would
    /// have to be, the piece is refused and nothing is changed.
    pub fn next(&self, rules: &Rules, new: &[u8], limit: u64) -> Result<Next, Error> {
        self.next_of(rules, &self.bytes, new, limit)
    }

    /// As [`Tail::next`], where the kept bytes lie elsewhere.
    pub fn next_of(&self, rules: &Rules, kept: &[u8], new: &[u8], limit: u64) -> Result<Next, Error> {
        let reach = rules.reach();
        let len = self.len() + new.len() as u64;
        let open = self.open(rules);
        let backwards = new.iter().rev().chain(kept.iter().rev()).copied();
        let mut with = reach.mark(len, len - open, backwards.clone());
        // What was settled stays so.
        with.alive = with.alive.max(self.mark.map_or(0, |mark| mark.alive));
        let keep = len - reach.open(with).saturating_sub(BEHIND).max(self.start);
        if keep > limit {
            let of = reach.culprit(rules, limit - BEHIND.min(limit), backwards);
            let of = of.map_or_else(|| "a rule".into(), |id| format!("rule {id}"));
            let message = format!(
                "{of} may still match from more than {limit} bytes back: give the rule a bound, raise max_carry_bytes, or end the text here"
            );
            return Err(Error::new(TRM_ERR_LIMIT, message));
        }
        Ok(Next { span: Span { start: self.start, before: self.mark, with }, keep })
    }

    /// The last piece: what was kept, and nothing behind it.
    pub fn last(&self) -> Span {
        Span { start: self.start, before: self.mark, with: Mark::OVER }
    }

    /// Goes on to the piece that was looked at.
    pub fn advance(&mut self, next: &Next, new: &[u8]) {
        let keep = next.keep as usize;
        match keep.checked_sub(new.len()) {
            Some(old) => {
                self.bytes.drain(..self.bytes.len() - old);
                self.bytes.extend_from_slice(new);
            }
            None => {
                self.bytes.clear();
                self.bytes.extend_from_slice(&new[new.len() - keep..]);
            }
        }
        self.went_on(next);
    }

    /// As [`Tail::advance`], where the kept bytes lie elsewhere; answers how many that are now.
    pub fn went_on(&mut self, next: &Next) -> usize {
        self.mark = Some(next.span.with);
        self.start = next.span.with.len - next.keep;
        next.keep as usize
    }
}
