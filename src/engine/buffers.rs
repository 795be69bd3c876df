//! Registered buffers as an engine has them: read where they are by worker threads, by copy engines where they can, and
//! copied into the arena otherwise.

use super::{Engine, Job, Level};
use crate::ring::Position;
use crate::status::Result;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where in the input space the bytes of items are that are elsewhere than where the device gets them, by slot. There once
/// there is such an item.
#[derive(Default)]
pub(super) struct Sources(OnceLock<Box<[AtomicU32]>>);

impl Engine {
    /// Registers a buffer: where it begins in the input space.
    ///
    /// # Safety
    /// Until it is unregistered, `len` bytes from `base` on can be read by any thread and by the device.
    pub unsafe fn register(&self, base: *const u8, len: u64) -> Result<u32> {
        // SAFETY: passed on.
        let offset = unsafe { self.arena.registered().register(base, len) }?;
        // SAFETY: passed on; what it gives is dropped before unregistering is over.
        match unsafe { self.arena.import(offset, base, len) } {
            Ok(None) => {}
            Ok(Some(kept)) => self.arena.registered().keep(offset, kept),
            Err(why) => {
                let message = format!(
                    "the buffer registered at offset {offset} is not read in place: {why}. Its items are copied"
                );
                self.options.log.say(Level::Warn, &message);
            }
        }
        Ok(offset)
    }

    /// Where the bytes of an item are that is elsewhere. To be asked by whoever has its claim.
    #[inline]
    pub fn source(&self, position: Position) -> u32 {
        let sources = self.sources.0.get().expect("an item that is elsewhere has its source there");
        // Relaxed: the claim came with whatever was written before the item was published.
        sources[self.slot(position)].load(Ordering::Relaxed)
    }

    /// Says where the bytes of reserved items are, one after the other.
    pub(super) fn set_sources(&self, first: Position, offsets: &[u32]) {
        let new = || (0..self.ring.capacity()).map(|_| AtomicU32::new(0)).collect();
        let sources = self.sources.0.get_or_init(new);
        for (n, &offset) in (0..).zip(offsets) {
            sources[self.slot(first.plus(n))].store(offset, Ordering::Relaxed);
        }
    }

    fn slot(&self, position: Position) -> usize {
        (position.ticket() - 1) as usize & (self.ring.capacity() as usize - 1)
    }

    /// An item's bytes, for whoever has its claim.
    #[inline]
    pub fn bytes_of(&self, position: Position, job: &Job) -> &[u8] {
        let offset = if job.is_elsewhere() { self.source(position) } else { job.input_offset };
        self.arena.bytes(offset, job.input_len)
    }

    /// The bytes of items of a piece are not needed any more.
    #[cfg(feature = "gpu")]
    pub(crate) fn let_go_all(&self, first: Position, jobs: impl Iterator<Item = Job> + Clone) {
        let jobs = || jobs.clone();
        self.arena.release_copies(jobs().filter(Job::owns_region).map(|job| job.input_offset));
        // They are all of one kind.
        if !jobs().next().is_some_and(|job| job.is_elsewhere()) {
            return;
        }
        let positions = (0..).map(|n| first.plus(n));
        let elsewhere = positions.zip(jobs()).filter(|(_, job)| job.is_elsewhere());
        self.arena.registered().let_go_all(elsewhere.map(|(position, _)| self.source(position)));
    }

    /// An item's bytes are not needed any more.
    #[inline]
    pub fn let_go(&self, position: Position, job: &Job) {
        if job.is_elsewhere() {
            self.arena.registered().done(self.source(position));
        }
        self.let_go_in_place(job);
    }

    /// The same of an item that is not elsewhere: only a device drain gets those.
    #[inline]
    pub fn let_go_in_place(&self, job: &Job) {
        if job.owns_region() {
            self.arena.release_copy(job.input_offset);
        } else if self.arena.registered().is_here(job.input_offset) {
            self.arena.registered().done(job.input_offset);
        }
    }
}
