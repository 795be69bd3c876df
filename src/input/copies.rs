//! Copies that the engine makes of callers' texts: where they lie in the arena, and giving them back.

use super::blocks::{PAGE, Put};
use super::{Arena, Held, Region, UNIT};
use crate::status::{Error, Result, TRM_ERR_RANGE};

impl Arena {
    /// A region that holds copies of `parts`, one after the other, and that only the engine releases; `None` when there
    /// is no room.
    pub fn copy_in(&self, parts: &[&[u8]]) -> Result<Option<Region>> {
        let len = parts.iter().map(|part| part.len() as u64).fold(0, u64::saturating_add);
        let len = self.check_copy(len)?;
        let region = match self.blocks.put(len, |len| self.take_block(len), |offset| self.free_block(offset)) {
            Put::Here(offset) => Some(Region { offset, len, bytes: self.memory.at(offset) }),
            Put::Apart => self.try_acquire(len, true),
        };
        if let Some(region) = &region {
            let mut at = region.offset;
            for part in parts {
                self.memory.write(at, part);
                // Only behind the last part of a region that ends where 32 bits do can this be too much.
                at = at.wrapping_add(part.len() as u32);
            }
        }
        Ok(region)
    }

    /// Copies of as many of these texts as there is room for, each as by [`Arena::copy_in`]: where each begins.
    pub fn copy_all(&self, texts: &[&[u8]]) -> Result<Vec<u32>> {
        for text in texts {
            self.check_copy(text.len() as u64)?;
        }
        let offsets = self.place_all(texts.iter().map(|text| text.len() as u32))?;
        for (&offset, text) in offsets.iter().zip(texts) {
            self.memory.write(offset, text);
        }
        Ok(offsets)
    }

    /// Room for copies of as many texts, of these lengths, as there is room for, to be released as copies: where each begins.
    pub fn place_all(&self, lens: impl Iterator<Item = u32> + Clone) -> Result<Vec<u32>> {
        for len in lens.clone() {
            self.check_copy(len.into())?;
        }
        let (mut offsets, mut lens) = (Vec::with_capacity(lens.size_hint().0), lens.peekable());
        while lens.peek().is_some() {
            let mut filler = self.blocks.filler(|len| self.take_block(len), |offset| self.free_block(offset));
            while let Some(&len) = lens.peek()
                && let Put::Here(offset) = filler.put(len)
            {
                offsets.push(offset);
                lens.next();
            }
            drop(filler);
            // Looked for without the block at hand: somebody may have to give theirs back for it.
            let Some(len) = lens.next() else { break };
            let Some(region) = self.try_acquire(len, true) else { break };
            offsets.push(region.offset);
        }
        Ok(offsets)
    }

    /// A copy's length, if the arena could hold it.
    fn check_copy(&self, len: u64) -> Result<u32> {
        // An arena has 4 GiB at most, and an item a byte less.
        if len > self.len().min(u32::MAX.into()) {
            let message =
                format!("{len} bytes never fit an arena of {}: use trm_scan or raise arena_bytes", self.len());
            return Err(Error::new(TRM_ERR_RANGE, message));
        }
        Ok(len as u32)
    }

    /// Gives back a region made by [`Arena::copy_in`].
    pub fn release_copy(&self, offset: u32) {
        self.release_copies(std::iter::once(offset));
    }

    /// As `release_copy`; for those of one block in a row at once.
    pub fn release_copies(&self, offsets: impl Iterator<Item = u32>) {
        let (mut block, mut copies) = (0, 0);
        let done = |block, copies| {
            if copies > 0 {
                self.blocks.done(block, copies, |block| self.free_block(block), || self.freed.notify_all());
            }
        };
        for offset in offsets {
            match self.blocks.block_of(offset) {
                Some(same) if same == block => copies += 1,
                Some(other) => {
                    done(block, copies);
                    (block, copies) = (other, 1);
                }
                None => self.free(offset, true).expect("the engine frees each of its copies once"),
            }
        }
        done(block, copies);
    }

    /// A block for copies, at a multiple of a page.
    fn take_block(&self, len: u32) -> Option<u32> {
        let units = (u64::from(len) + PAGE - UNIT) / UNIT;
        let mut regions = self.lock();
        let allocation = regions.allocator.allocate(units as u32)?;
        let offset = (u64::from(allocation.offset) * UNIT).next_multiple_of(PAGE) as u32;
        regions.used_units += units;
        regions.held.insert(offset, Held { allocation, units: units as u32, by_engine: true });
        Some(offset)
    }

    pub(super) fn free_block(&self, offset: u32) {
        self.free(offset, true).expect("a block is freed once");
    }
}
