//! A text in pieces, scanned by whoever feeds it.

use super::{Settled, Tail};
use crate::rules::Rules;
use crate::scan::{Match, Scratch};
use crate::status::Error;
use std::sync::Arc;

/// See the module. A clone goes on from where the text is.
#[derive(Clone)]
pub struct Text {
    rules: Arc<Rules>,
    limit: u64,
    tail: Tail,
    settled: Settled,
    /// What is kept, and behind it room for what comes.
    bytes: Vec<u8>,
}

impl Text {
    /// Nothing yet. At most `limit` bytes are kept from one piece to the next.
    pub fn new(rules: Arc<Rules>, limit: u64) -> Self {
        Self { rules, limit, tail: Tail::default(), settled: Settled::default(), bytes: Vec::new() }
    }

    /// Bytes so far.
    pub fn len(&self) -> u64 {
        self.tail.len()
    }

    /// Whether nothing came yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes that are kept for the next piece.
    pub fn kept(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// No match that is still to come starts before this offset.
    pub fn open(&self) -> u64 {
        self.tail.open(&self.rules)
    }

    /// Goes on with what `read` appends, and gives the matches that are settled now. An error changes nothing.
    pub fn feed_by<E: From<Error>>(
        &mut self,
        scratch: &mut Scratch,
        read: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<Vec<Match>, E> {
        let kept = self.bytes.len();
        let next = read(&mut self.bytes).and_then(|()| {
            let (old, new) = self.bytes.split_at(kept);
            Ok(self.tail.next_of(&self.rules, old, new, self.limit)?)
        });
        let next = match next {
            Ok(next) => next,
            Err(error) => {
                self.bytes.truncate(kept);
                return Err(error);
            }
        };
        let mut found = Vec::new();
        self.rules.scan(&self.bytes, scratch, u64::MAX, &mut found);
        let new = self.settled.take(&self.rules, &next.span, &self.bytes, &found, scratch);
        let keep = self.tail.went_on(&next);
        self.bytes.drain(..self.bytes.len() - keep);
        Ok(new)
    }

    /// As `feed_by`, with bytes.
    pub fn feed(&mut self, bytes: &[u8], scratch: &mut Scratch) -> Result<Vec<Match>, Error> {
        self.feed_by(scratch, |to| {
            to.extend_from_slice(bytes);
            Ok(())
        })
    }

    /// The text ends: gives all matches that were not settled.
    pub fn end(mut self, scratch: &mut Scratch) -> Vec<Match> {
        let mut found = Vec::new();
        self.rules.scan(&self.bytes, scratch, u64::MAX, &mut found);
        self.settled.take(&self.rules, &self.tail.last(), &self.bytes, &found, scratch)
    }
}
