//! The callers' own memory as a part of the input space: behind the arena, each buffer has a range of offsets.
//!
//! A buffer stays readable until its unregistering is over, and that waits for the items in flight: each holds a use of
//! its buffer from before it is accepted until its bytes are not needed any more.

use crate::ring::parking::WaitList;
use crate::ring::retire::Uses;
use crate::status::{Error, Result, TRM_ERR_INVALID, TRM_ERR_RANGE};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Instant;

/// Offsets of buffers are multiples of this.
const ALIGNMENT: u64 = 64;
/// What a u32 offset can name.
const END: u64 = 1 << 32;

/// The registered buffers of one input space.
pub struct Registered {
    /// Below this offset is the arena.
    begin: u64,
    /// By their offsets.
    table: RwLock<BTreeMap<u32, Arc<Buffer>>>,
    unused: WaitList,
    bytes_kept: AtomicU64,
}

struct Buffer {
    base: *const u8,
    len: u32,
    uses: Uses,
    /// What lets a device read it in place; it goes with the buffer.
    kept: OnceLock<Box<dyn Any + Send + Sync>>,
}

// SAFETY: an address and a length that never change; whoever registers a buffer promises that any thread may read it.
unsafe impl Send for Buffer {}
// SAFETY: as above.
unsafe impl Sync for Buffer {}

impl Registered {
    /// None yet, behind an arena of so many bytes.
    pub fn behind(arena_bytes: u64) -> Self {
        // Not directly behind: the arena's end is an offset of the arena (of empty items).
        let begin = (arena_bytes + 1).next_multiple_of(ALIGNMENT);
        Self { begin, table: RwLock::default(), unused: WaitList::new(), bytes_kept: AtomicU64::new(0) }
    }

    /// Whether an offset lies where buffers are, not in the arena.
    #[inline]
    pub fn is_here(&self, offset: u32) -> bool {
        u64::from(offset) >= self.begin
    }

    /// Whether there are any.
    pub fn any(&self) -> bool {
        !self.read().is_empty()
    }

    /// Gives a buffer a range of offsets; answers where that begins.
    ///
    /// # Safety
    /// Until `unregister` has answered `true` for it, `len` bytes from `base` on can be read by any thread.
    pub unsafe fn register(&self, base: *const u8, len: u64) -> Result<u32> {
        let mut table = self.write();
        let mut begin = self.begin;
        for (&offset, buffer) in table.iter() {
            if begin + len <= u64::from(offset) {
                break;
            }
            begin = (u64::from(offset) + u64::from(buffer.len)).next_multiple_of(ALIGNMENT);
        }
        if begin + len > END || begin == END {
            return Err(Error::new(
                TRM_ERR_RANGE,
                format!(
                    "no {len} bytes in a row are left of the input space, whose 4 GiB hold the arena and all registered \
                     buffers: register a part, unregister others, or choose a smaller arena_bytes"
                ),
            ));
        }
        let offset = begin as u32;
        table.insert(offset, Arc::new(Buffer { base, len: len as u32, uses: Uses::new(), kept: OnceLock::new() }));
        Ok(offset)
    }

    /// Keeps what lets a device read the buffer that begins here in place.
    pub fn keep(&self, offset: u32, kept: Box<dyn Any + Send + Sync>) {
        // Already unregistered: then nobody needs it.
        if let Some(buffer) = self.read().get(&offset)
            && buffer.kept.set(kept).is_ok()
        {
            self.bytes_kept.fetch_add(u64::from(buffer.len), Ordering::Relaxed);
        }
    }

    /// Whether a device reads the buffer that an offset lies in where it is.
    pub fn is_kept(&self, offset: u32) -> bool {
        find(&self.read(), offset, 0).is_some_and(|(_, buffer)| buffer.kept.get().is_some())
    }

    /// Bytes of buffers that a device reads where they are.
    pub fn bytes_kept(&self) -> u64 {
        self.bytes_kept.load(Ordering::Relaxed)
    }

    /// Whether there are such buffers.
    pub fn any_kept(&self) -> bool {
        self.bytes_kept() > 0
    }

    /// Takes a buffer out of the input space: no new item gets it from now on. `false`: there are still items in flight
    /// in it, and it can be asked for again.
    pub fn unregister(&self, offset: u32, deadline: Option<Instant>) -> Result<bool> {
        let Some(buffer) = self.read().get(&offset).cloned() else {
            return Err(Error::new(
                TRM_ERR_INVALID,
                format!(
                    "no registered buffer starts at offset {offset}: it was unregistered before, or never registered"
                ),
            ));
        };
        let _unused_already = buffer.uses.retire();
        let waited = self.unused.wait_until(deadline, || (buffer.uses.count() == 0).then_some(()));
        if waited.is_some() {
            let mut table = self.write();
            // Of two who waited for the same buffer, the second may find another one there by now.
            if table.get(&offset).is_some_and(|there| Arc::ptr_eq(there, &buffer)) {
                table.remove(&offset);
                if buffer.kept.get().is_some() {
                    self.bytes_kept.fetch_sub(u64::from(buffer.len), Ordering::Relaxed);
                }
            }
        }
        Ok(waited.is_some())
    }

    /// Whether `[offset, offset + len)` lies in one buffer.
    pub fn contains(&self, offset: u32, len: u32) -> bool {
        find(&self.read(), offset, len).is_some()
    }

    /// Holds the buffers that these items, offset and length each, lie in, or none of them: an error if one lies in no
    /// buffer, or in one that is being unregistered.
    pub fn hold_all(&self, items: impl Iterator<Item = (u32, u32)> + Clone) -> Result<()> {
        let table = self.read();
        // Those of one buffer in a row are counted together.
        let mut rest = items.clone().peekable();
        let mut held = 0;
        while let Some((offset, len)) = rest.next() {
            let found = find(&table, offset, len);
            let mut alike = 1;
            while rest.next_if(|&(offset, len)| is_in(found, offset, len)).is_some() {
                alike += 1;
            }
            if !found.is_some_and(|(_, buffer)| buffer.uses.try_add(alike as u64)) {
                drop(table);
                self.let_go_all(items.map(|(offset, _)| offset).take(held));
                let message = format!("offset {offset} + length {len} lies in a buffer that is being unregistered");
                return Err(Error::new(TRM_ERR_RANGE, message));
            }
            held += alike;
        }
        Ok(())
    }

    /// These items do not need their bytes any more.
    pub fn let_go_all(&self, offsets: impl Iterator<Item = u32>) {
        let mut rest = offsets.peekable();
        if rest.peek().is_none() {
            return;
        }
        let (table, mut unused) = (self.read(), false);
        while let Some(offset) = rest.next() {
            let found = find(&table, offset, 0);
            let mut alike = 1;
            while rest.next_if(|&offset| is_in(found, offset, 0)).is_some() {
                alike += 1;
            }
            let (_, buffer) = found.expect("a buffer stays while an item holds it");
            unused |= buffer.uses.sub(alike);
        }
        drop(table);
        if unused {
            self.unused.notify_all();
        }
    }

    /// An item does not need its bytes any more.
    pub fn done(&self, offset: u32) {
        self.let_go_all(std::iter::once(offset));
    }

    /// The bytes of an item that holds its buffer.
    pub fn bytes(&self, offset: u32, len: u32) -> &[u8] {
        let table = self.read();
        let (begin, buffer) = find(&table, offset, len).expect("a buffer stays while an item holds it");
        // SAFETY: inside the buffer, and whoever registered it keeps it until it is unregistered, which waits for the
        // item. That nobody writes the bytes meanwhile is the contract of trm_enqueue.
        unsafe { std::slice::from_raw_parts(buffer.base.add((offset - begin) as usize), len as usize) }
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<u32, Arc<Buffer>>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<u32, Arc<Buffer>>> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The buffer that a range lies in, and where that begins.
fn find(table: &BTreeMap<u32, Arc<Buffer>>, offset: u32, len: u32) -> Option<(u32, &Arc<Buffer>)> {
    let (&begin, buffer) = table.range(..=offset).next_back()?;
    let end = u64::from(offset - begin) + u64::from(len);
    (end <= u64::from(buffer.len)).then_some((begin, buffer))
}

/// Whether a range lies in a buffer that was found before. Where one buffer ends another may begin, so what begins at the
/// end of it is to be looked up.
fn is_in(found: Option<(u32, &Arc<Buffer>)>, offset: u32, len: u32) -> bool {
    found.is_some_and(|(begin, buffer)| {
        (begin..).contains(&offset)
            && offset - begin < buffer.len
            && u64::from(offset - begin) + u64::from(len) <= u64::from(buffer.len)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(all: &Registered, bytes: &[u8]) -> Result<u32> {
        // SAFETY: the tests keep their bytes.
        unsafe { all.register(bytes.as_ptr(), bytes.len() as u64) }
    }

    #[test]
    fn each_buffer_has_a_range_of_its_own() {
        let all = Registered::behind(4096);
        let texts: Vec<Vec<u8>> = (1..50u8).map(|n| vec![n; n as usize * 7]).collect();
        let offsets: Vec<u32> = texts.iter().map(|text| register(&all, text).unwrap()).collect();
        for (text, &offset) in texts.iter().zip(&offsets) {
            let len = text.len() as u32;
            assert!(all.is_here(offset) && offset % 64 == 0 && offset > 4096);
            assert!(all.contains(offset, len) && !all.contains(offset, len + 1) && !all.contains(offset + 1, len));
            assert!(all.contains(offset + len, 0) && all.bytes(offset + 3, 4) == &text[3..7]);
        }
        assert!(!all.is_here(4096) && !all.contains(4096, 0));
        // What became free is given out again, where it fits.
        assert!(all.unregister(offsets[20], None).unwrap());
        assert_eq!(register(&all, &texts[10]).unwrap(), offsets[20]);
        assert_eq!(all.unregister(offsets[20] + 1, None).unwrap_err().status, TRM_ERR_INVALID);
    }

    #[test]
    fn unregistering_waits_for_the_items() {
        let all = Registered::behind(4096);
        let text = [7u8; 100];
        let offset = register(&all, &text).unwrap();
        all.hold_all([(offset, 100)].into_iter()).unwrap();
        all.hold_all([(offset + 50, 50)].into_iter()).unwrap();
        let now = Some(Instant::now());
        assert!(!all.unregister(offset, now).unwrap(), "two items hold it");
        assert_eq!(all.hold_all([(offset, 1)].into_iter()).unwrap_err().status, TRM_ERR_RANGE, "no new ones");
        all.done(offset);
        assert!(!all.unregister(offset, now).unwrap());
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| all.unregister(offset, None).unwrap());
            std::thread::sleep(std::time::Duration::from_millis(20));
            assert_eq!(all.bytes(offset, 100), text);
            all.done(offset + 50);
            assert!(waiter.join().unwrap());
        });
        assert!(!all.contains(offset, 1));
        assert_eq!(all.unregister(offset, now).unwrap_err().status, TRM_ERR_INVALID);
    }

    #[test]
    fn items_of_several_buffers_are_each_counted_where_they_lie() {
        let all = Registered::behind(4096);
        let texts = [[1u8; 64], [2; 64]];
        let [a, b] = texts.each_ref().map(|text| register(&all, text).unwrap());
        assert_eq!(a + 64, b, "one begins where the other ends");
        // Empty ones at both ends, and back and forth.
        let items = [(a, 64), (a + 63, 1), (b, 0), (b, 64), (a, 0), (b + 64, 0), (a + 5, 7), (a + 6, 58)];
        all.hold_all(items.into_iter()).unwrap();
        let uses = |offset| all.read()[&offset].uses.count();
        assert_eq!((uses(a), uses(b)), (5, 3));
        // None of them is held if one is refused.
        assert!(all.hold_all([(a, 1), (b, 1), (b, 65)].into_iter()).is_err());
        assert!(all.hold_all([(a, 1), (4096, 1)].into_iter()).is_err());
        assert_eq!((uses(a), uses(b)), (5, 3));
        let now = Some(Instant::now());
        assert!(!all.unregister(b, now).unwrap());
        assert!(all.hold_all([(a, 1), (b, 1)].into_iter()).is_err());
        assert_eq!((uses(a), uses(b)), (5, 3));
        all.let_go_all(items.iter().map(|&(offset, _)| offset));
        assert_eq!((uses(a), uses(b)), (0, 0));
        assert!(all.unregister(b, now).unwrap() && all.unregister(a, now).unwrap());
    }

    #[test]
    fn the_input_space_ends_at_4_gib() {
        let all = Registered::behind(1 << 32);
        assert_eq!(register(&all, b"x").unwrap_err().status, TRM_ERR_RANGE, "the arena fills it");
        let all = Registered::behind(4096);
        // SAFETY: never read.
        let far = |len: u64| unsafe { all.register(std::ptr::dangling(), len) };
        assert_eq!(far(1 << 32).unwrap_err().status, TRM_ERR_RANGE);
        let whole = (1 << 32) - (4096 + 64);
        let offset = far(whole).unwrap();
        assert!(all.contains(offset, whole as u32) && all.contains(u32::MAX, 1));
        assert_eq!(far(1).unwrap_err().status, TRM_ERR_RANGE);
    }
}
