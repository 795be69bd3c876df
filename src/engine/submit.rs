//! Items whose bytes the engine copies first: those of `submit`, and for a device those in registered buffers.

use super::accept::Bytes;
use super::handle::Port;
use super::{Delivery, Job};
use crate::ring::Position;
use crate::status::{Result, *};
use crate::types::trm_work_item;

/// So many texts are copied before they are enqueued: they should still be in the processor's caches for whoever scans.
pub const AT_ONCE: usize = 256;

/// A text to be copied and scanned.
pub struct Text<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// As in a work item.
    pub rule_set_id: u32,
    /// As in a work item.
    pub correlation: u32,
}

impl Port {
    /// A device sees the arena only: items in registered buffers are moved there. The first items that are all of one
    /// kind are accepted, as many as fit.
    pub(super) fn enqueue_copies(&self, items: &[trm_work_item]) -> Result<(Position, usize)> {
        let registered = self.is_registered(&items[0]);
        let alike = items.iter().take_while(|item| self.is_registered(item) == registered).count();
        let items = &items[..alike];
        if !registered {
            return self.accept(items, Bytes::Callers);
        }
        let items = &items[..self.with_room(items.len())?];
        let (arena, buffers) = (&self.engine.arena, self.engine.arena.registered());
        // Held before they are accepted: the device may be done with them before this goes on.
        buffers.hold_all(items.iter().map(|item| (item.input_offset, item.input_len)))?;
        // Those that copy engines read in place, or those that they don't.
        let in_place = buffers.any_kept() && buffers.is_kept(items[0].input_offset);
        let mut items = items;
        if buffers.any_kept() {
            let alike = items.iter().take_while(|item| buffers.is_kept(item.input_offset) == in_place).count();
            buffers.let_go_all(items[alike..].iter().map(|item| item.input_offset));
            items = &items[..alike];
        }
        let sources: Vec<u32> = items.iter().map(|item| item.input_offset).collect();
        if !in_place {
            let texts: Vec<&[u8]> = items.iter().map(|item| buffers.bytes(item.input_offset, item.input_len)).collect();
            let accepted = self.accept_copies(&texts, items.iter().copied());
            buffers.let_go_all(sources.iter().copied());
            return accepted;
        }
        let accepted = arena.place_all(items.iter().map(|item| item.input_len)).and_then(|offsets| {
            if offsets.is_empty() {
                return Err(TRM_ARENA_FULL.into());
            }
            let place = |(item, &input_offset): (&trm_work_item, &u32)| trm_work_item { input_offset, ..*item };
            let placed: Vec<trm_work_item> = items.iter().zip(&offsets).map(place).collect();
            let accepted = self.accept(&placed, Bytes::Elsewhere(&sources));
            let count = accepted.as_ref().map_or(0, |&(_, count)| count);
            arena.release_copies(offsets[count..].iter().copied());
            accepted
        });
        let count = accepted.as_ref().map_or(0, |&(_, count)| count);
        buffers.let_go_all(sources[count..].iter().copied());
        accepted
    }

    /// Copies texts into the arena and enqueues them, with one reservation: the first ones that fit.
    pub fn submit_all<'a>(&self, texts: impl ExactSizeIterator<Item = Text<'a>>) -> Result<(Position, usize)> {
        self.check_open()?;
        let count = self.with_room(texts.len())?;
        let (mut bytes, mut items) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for Text { bytes: some, rule_set_id, correlation } in texts.take(count) {
            bytes.push(some);
            items.push(trm_work_item { input_offset: 0, input_len: 0, rule_set_id, correlation });
        }
        self.accept_copies(&bytes, items.into_iter())
    }

    /// How many of so many items a look at the ring gives hope for, at least one: it would be a pity to copy the others.
    fn with_room(&self, want: usize) -> Result<usize> {
        let ring = &self.engine.ring;
        let room = u64::from(ring.capacity()).saturating_sub(ring.in_flight()) as usize;
        // Where not all is collected, reserving may free some by itself.
        match room {
            0 if self.engine.options.delivery == Delivery::All => Err(TRM_QUEUE_FULL.into()),
            0 => Ok(want),
            room => Ok(want.min(room)),
        }
    }

    /// Copies texts, and enqueues the copies as these items: the first ones that fit.
    fn accept_copies(&self, texts: &[&[u8]], items: impl Iterator<Item = trm_work_item>) -> Result<(Position, usize)> {
        let arena = &self.engine.arena;
        let offsets = arena.copy_all(texts)?;
        if offsets.is_empty() {
            return Err(TRM_ARENA_FULL.into());
        }
        let copies: Vec<trm_work_item> = items
            .zip(offsets.iter().zip(texts))
            .map(|(item, (&input_offset, text))| trm_work_item { input_offset, input_len: text.len() as u32, ..item })
            .collect();
        let accepted = self.accept(&copies, Bytes::Copied);
        let count = accepted.as_ref().map_or(0, |&(_, count)| count);
        arena.release_copies(offsets[count..].iter().copied());
        accepted
    }

    /// Copies the bytes into the arena and enqueues them.
    pub fn submit(&self, bytes: &[u8], rule_set_id: u32, correlation: u32) -> Result<Position> {
        self.submit_parts(&[bytes], rule_set_id, correlation)
    }

    /// As `submit`, of bytes that lie in several places.
    pub fn submit_parts(&self, parts: &[&[u8]], rule_set_id: u32, correlation: u32) -> Result<Position> {
        self.check_open()?;
        self.accept_copy(parts, rule_set_id, correlation, Bytes::Copied)
    }

    pub(super) fn accept_copy(&self, parts: &[&[u8]], id: u32, correlation: u32, whose: Bytes<'_>) -> Result<Position> {
        let region = self.engine.arena.copy_in(parts)?.ok_or(TRM_ARENA_FULL)?;
        let item = trm_work_item { input_offset: region.offset, input_len: region.len, rule_set_id: id, correlation };
        // The copy was made before the handle's lock is taken: whoever tells the device of it has had that lock, and what one
        // that leans has a thread store before, around the caches too, is there for who has it next (`leaning.rs`).
        if matches!(whose, Bytes::Copied)
            && let Some(position) = self.accept_behind(&item, Job::OWNS_REGION)
        {
            return Ok(position);
        }
        match self.accept(&[item], whose) {
            Ok((position, _)) => Ok(position),
            Err(refusal) => {
                self.engine.arena.release_copy(region.offset);
                Err(refusal)
            }
        }
    }
}
