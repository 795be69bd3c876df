//! The bytes behind an arena: one mapping that lives as long as the arena, never moves and is read by drains while
//! callers write other parts of it. All `unsafe` of the input room is here.

use super::pages;
use crate::status::{Error, Result, TRM_ERR_MEMORY};
use std::any::Any;
use std::ptr::NonNull;

/// Bytes past the end that executors may read (a vector load that starts inside an item).
pub const TAIL_PADDING: usize = 64;

/// One fixed block of memory.
pub struct Memory {
    base: NonNull<u8>,
    len: usize,
    owner: Kept,
}

/// Who made the mapping that an arena is over: a device's side of it.
pub trait Owner: Send + Sync {
    /// Lets the device read a registered buffer where it is, as long as what this gives is kept. `None`: its bytes are to be
    /// copied into the arena; an error says why they have to be.
    ///
    /// # Safety
    /// `len` bytes from `base` on stay readable until what this gives is dropped.
    unsafe fn import(
        &self,
        begin: u32,
        base: *const u8,
        len: u64,
    ) -> std::result::Result<Option<Box<dyn Any + Send + Sync>>, String>;
}

enum Kept {
    /// Anonymous pages of this process: zero until written, and resident only where touched.
    Pages,
    /// Somebody else's mapping (the GPU's), kept alive by what stands here.
    #[cfg(feature = "gpu")]
    Foreign(Box<dyn Owner>),
}

// SAFETY: `Memory` is a pointer and a length that never change; who may write which bytes when is the arena's contract
// with the callers (a region belongs to its acquirer until its items are enqueued).
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// `len` bytes of zeroed pages, plus the tail padding.
    pub fn pages(len: usize) -> Result<Self> {
        let Some(base) = pages::map(len + TAIL_PADDING) else {
            return Err(Error::new(
                TRM_ERR_MEMORY,
                format!("the arena's {len} bytes could not be mapped: choose a smaller arena_bytes"),
            ));
        };
        Ok(Self { base, len, owner: Kept::Pages })
    }

    /// A mapping that `keep_alive` owns.
    ///
    /// # Safety
    /// `base` is valid for reads and writes of `len + TAIL_PADDING` bytes for as long as `keep_alive` lives.
    #[cfg(feature = "gpu")]
    pub unsafe fn foreign(base: NonNull<u8>, len: usize, keep_alive: Box<dyn Owner>) -> Self {
        Self { base, len, owner: Kept::Foreign(keep_alive) }
    }

    /// See [`Owner::import`].
    ///
    /// # Safety
    /// As there.
    #[cfg_attr(not(feature = "gpu"), allow(unused_variables))]
    pub unsafe fn import(
        &self,
        begin: u32,
        base: *const u8,
        len: u64,
    ) -> std::result::Result<Option<Box<dyn Any + Send + Sync>>, String> {
        match &self.owner {
            Kept::Pages => Ok(None),
            // SAFETY: passed on.
            #[cfg(feature = "gpu")]
            Kept::Foreign(owner) => unsafe { owner.import(begin, base, len) },
        }
    }

    /// Whether a device reads it, and what a device is to see has to be here.
    pub fn is_devices(&self) -> bool {
        !matches!(self.owner, Kept::Pages)
    }

    /// Usable bytes, without the padding.
    #[allow(clippy::len_without_is_empty, reason = "it never is")]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Where byte `offset` lies.
    pub fn at(&self, offset: u32) -> *mut u8 {
        assert!(offset as usize <= self.len);
        // SAFETY: inside the mapping, checked above.
        unsafe { self.base.as_ptr().add(offset as usize) }
    }

    /// The bytes of an item. The caller of the ABI promises not to write them while the item is in flight.
    pub fn bytes(&self, offset: u32, len: u32) -> &[u8] {
        assert!(offset as u64 + len as u64 <= self.len as u64);
        // SAFETY: inside the mapping, checked above, and initialised (pages start zeroed). That nobody writes them
        // meanwhile is the contract of trm_enqueue.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(offset as usize), len as usize) }
    }

    /// Copies `source` to `offset`, in a region that only this caller holds.
    pub fn write(&self, offset: u32, source: &[u8]) {
        assert!(offset as u64 + source.len() as u64 <= self.len as u64);
        // SAFETY: inside the mapping, checked above; the region was acquired for this copy, so nothing reads it yet.
        unsafe {
            match self.owner {
                // Our own threads read it next.
                Kept::Pages => std::ptr::copy_nonoverlapping(source.as_ptr(), self.at(offset), source.len()),
                #[cfg(feature = "gpu")]
                Kept::Foreign(_) => super::around_caches(self.at(offset), source),
            }
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        match &self.owner {
            // SAFETY: the mapping made in `pages`, unmapped once.
            Kept::Pages => unsafe { pages::unmap(self.base, self.len + TAIL_PADDING) },
            #[cfg(feature = "gpu")]
            Kept::Foreign(_) => {}
        }
    }
}
