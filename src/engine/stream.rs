//! Streams: texts that come in pieces, each piece an item like any other.

use super::accept::Bytes;
use super::handle::{Handle, Port};
use super::lock;
use super::pieces::{Piece, Pieces};
use super::sets::Remembered;
use crate::ring::Position;
use crate::status::{Result, *};
use crate::stream::{Span, Tail};
use std::sync::{Arc, Mutex};

/// Bytes that a stream keeps at most, unless its options say otherwise.
pub const DEFAULT_CARRY: u64 = 1 << 20;

/// A stream's feeding side. What is enqueued through it is completed on the handle that opened it.
pub struct Stream {
    port: Port,
    pieces: Arc<Pieces>,
    correlation: u32,
    limit: u64,
    inner: Mutex<Inner>,
}

struct Inner {
    tail: Tail,
    next: u64,
    over: bool,
}

impl Handle {
    /// A new stream, over the set that is loaded under `id` now.
    pub fn open_stream(&self, id: u32, correlation: u32, limit: u64) -> Result<Stream> {
        self.check_open()?;
        let place = self.engine.sets.use_for(id, 1, &mut Remembered::default())?;
        let pieces = Arc::new(Pieces::new(&self.engine, self.engine.set_at(place)));
        // Here rather than in the first feed: it may take a while.
        pieces.set.rules.reach();
        let inner = Mutex::new(Inner { tail: Tail::default(), next: 0, over: false });
        Ok(Stream { port: self.port().clone(), pieces, correlation, limit, inner })
    }
}

impl Stream {
    /// Goes on with `bytes`. The piece completes with the matches that are settled with it and were not before.
    pub fn feed(&self, bytes: &[u8]) -> Result<Position> {
        let mut inner = self.enter()?;
        let next = inner.tail.next(&self.pieces.set.rules, bytes, self.limit)?;
        let position = self.put(&inner, &[inner.tail.kept(), bytes], next.span)?;
        inner.tail.advance(&next, bytes);
        inner.next += 1;
        Ok(position)
    }

    /// Ends the text: the last piece completes with all that was not settled.
    pub fn close(&self) -> Result<Position> {
        let mut inner = self.enter()?;
        let position = self.put(&inner, &[inner.tail.kept()], inner.tail.last())?;
        inner.over = true;
        Ok(position)
    }

    fn enter(&self) -> Result<std::sync::MutexGuard<'_, Inner>> {
        let inner = lock(&self.inner);
        if inner.over {
            return Err(TRM_ERR_HANDLE.into());
        }
        self.port.check_alive()?;
        self.port.check_open()?;
        match self.pieces.broken() {
            Some(status) => Err(Error::new(status, "the stream was cancelled, or a piece of it failed: open another")),
            None => Ok(inner),
        }
    }

    fn put(&self, inner: &Inner, parts: &[&[u8]], span: Span) -> Result<Position> {
        let piece = Piece { pieces: self.pieces.clone(), number: inner.next, span };
        self.port.accept_copy(parts, self.pieces.set.id, self.correlation, Bytes::Piece(piece))
    }
}
