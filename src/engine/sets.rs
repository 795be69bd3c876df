//! The rule sets loaded into one engine: an id names a set, an item keeps the set that it was accepted with.
//!
//! Each loaded set stands in a slab place; the ring's jobs carry the place, not the id. A place is emptied when its
//! set was unloaded or replaced *and* the last item that was accepted with it is finished ([`Uses`] counts them).

use crate::ring::retire::Uses;
use crate::rules::Rules;
use crate::status::{Error, Result, TRM_ERR_LIMIT, TRM_ERR_NO_RULES};
use crossbeam_utils::CachePadded;
use std::any::Any;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

/// A rule set at its place in an engine.
pub struct LoadedSet {
    /// The id that the caller loaded it under.
    pub id: u32,
    /// Its slab place: what jobs carry.
    pub place: u16,
    /// The compiled rules.
    pub rules: Arc<Rules>,
    /// What the ABI shows a caller's drain of this set; it goes when the set goes.
    pub shown: OnceLock<Box<dyn Any + Send + Sync>>,
    /// Where it lies on the GPU.
    pub device: crate::drain::OnDevice,
    /// Counted by all threads, beside what all threads read.
    uses: CachePadded<Uses>,
}

/// All sets of an engine.
pub struct SetTable {
    inner: RwLock<Inner>,
    /// Counts loads and unloads, so that a handle's remembered set can be checked without the lock.
    version: AtomicU64,
    max: u32,
}

struct Inner {
    by_id: HashMap<u32, Arc<LoadedSet>>,
    places: Vec<Option<Arc<LoadedSet>>>,
}

/// A handle's last looked-up set: most callers use one set for many items.
#[derive(Default)]
pub struct Remembered {
    version: u64,
    set: Option<Arc<LoadedSet>>,
    /// Uses of it that are counted in and that no item has: the next items'. All handles share the count, so a handle
    /// counts many in at a time, and keeps those of items that are finished.
    spare: u64,
}

/// So many more uses are counted in with those of a call, once a set is used again.
const SPARE: u64 = 4096;

/// Sets that somebody looked up by their places before.
#[derive(Default)]
pub struct Known {
    version: u64,
    sets: Vec<Arc<LoadedSet>>,
}

impl Inner {
    /// A free place for a set under `id`: when all are taken, that of the set it replaces, if no item needs that one.
    fn place_for(&mut self, id: u32, max: u32) -> Option<usize> {
        if let Some(free) = self.places.iter().position(Option::is_none) {
            return Some(free);
        }
        if self.places.len() < max as usize {
            self.places.push(None);
            return Some(self.places.len() - 1);
        }
        let old = self.by_id.get(&id)?;
        old.uses.retire_if_unused().then_some(old.place as usize)
    }

    /// Lets nobody new use a set; gives back what stood at its place if nobody uses it any more.
    fn retire(&mut self, set: &LoadedSet) -> Option<Arc<LoadedSet>> {
        if set.uses.retire() { self.places[set.place as usize].take() } else { None }
    }
}

impl SetTable {
    /// An empty table for `max` sets at one time, those that unloaded but are still in use included.
    pub fn new(max: u32) -> Self {
        let inner = Inner { by_id: HashMap::new(), places: Vec::new() };
        Self { inner: RwLock::new(inner), version: AtomicU64::new(1), max }
    }

    /// Loads `rules` under `id`, replacing what stood there for later items.
    pub fn load(&self, id: u32, rules: Arc<Rules>) -> Result<Arc<LoadedSet>> {
        let mut inner = self.write();
        let Some(place) = inner.place_for(id, self.max) else {
            return Err(Error::new(
                TRM_ERR_LIMIT,
                format!(
                    "{} rule sets are loaded or still in use by items in flight: unload some, or raise max_rule_sets",
                    self.max
                ),
            ));
        };
        let set = Arc::new(LoadedSet {
            id,
            place: place as u16,
            rules,
            shown: OnceLock::new(),
            device: Default::default(),
            uses: CachePadded::new(Uses::new()),
        });
        let unused = inner.places[place].replace(set.clone());
        let old = inner.by_id.insert(id, set.clone());
        let left = old.as_ref().and_then(|old| inner.retire(old));
        self.version.fetch_add(1, Ordering::SeqCst);
        // The last hold on a set frees its tables, which nobody needs to wait for.
        drop(inner);
        drop((unused, old, left));
        Ok(set)
    }

    /// Takes the set under `id` away from later items.
    pub fn unload(&self, id: u32) -> Result<()> {
        let mut inner = self.write();
        let Some(old) = inner.by_id.remove(&id) else { return Err(not_loaded(id)) };
        let left = inner.retire(&old);
        self.version.fetch_add(1, Ordering::SeqCst);
        drop(inner);
        drop((old, left));
        Ok(())
    }

    /// The set that items with this id get now.
    pub fn get(&self, id: u32) -> Result<Arc<LoadedSet>> {
        self.read().by_id.get(&id).cloned().ok_or_else(|| not_loaded(id))
    }

    /// The place of the set that items with this id get now, counted in for `items` items; every one is to be counted out
    /// by [`SetTable::finished`] or [`SetTable::give_back`].
    #[inline]
    pub fn use_for(&self, id: u32, items: u64, remembered: &mut Remembered) -> Result<u16> {
        loop {
            let version = self.version.load(Ordering::SeqCst);
            match &remembered.set {
                Some(set) if remembered.version == version && set.id == id => {
                    let place = set.place;
                    if let Some(left) = remembered.spare.checked_sub(items) {
                        remembered.spare = left;
                        return Ok(place);
                    }
                    if set.uses.try_add(items + SPARE) {
                        remembered.spare += SPARE;
                        return Ok(place);
                    }
                    // It was unloaded between the look-up and the count: look again.
                    self.forget(remembered);
                }
                _ => {
                    self.forget(remembered);
                    let set = self.get(id)?;
                    let used = set.uses.try_add(items);
                    let place = set.place;
                    *remembered = Remembered { version, set: Some(set), spare: 0 };
                    if used {
                        return Ok(place);
                    }
                    self.forget(remembered);
                }
            }
        }
    }

    /// As [`SetTable::use_for`] of one item, if the handle has a use in hand for it.
    #[inline]
    pub fn use_spare(&self, id: u32, remembered: &mut Remembered) -> Option<u16> {
        let set = remembered.set.as_ref().filter(|set| set.id == id)?;
        if remembered.version != self.version.load(Ordering::SeqCst) {
            return None;
        }
        remembered.spare = remembered.spare.checked_sub(1)?;
        Some(set.place)
    }

    /// Puts such a use back.
    #[inline]
    pub fn spare_again(&self, remembered: &mut Remembered) {
        remembered.spare += 1;
    }

    /// Counts out items that this handle is done with: for its next ones, if they are of the set that it remembers.
    #[inline]
    pub fn give_back(&self, place: u16, items: u64, remembered: &mut Remembered, known: &mut Known) {
        // In this version the remembered set is the one at its place, so it is the one that these items use.
        let again = remembered.version == self.version.load(Ordering::SeqCst)
            && remembered.set.as_ref().is_some_and(|set| set.place == place);
        if !again {
            return self.finished(self.known(place, known), items);
        }
        remembered.spare += items;
        if remembered.spare > 4 * SPARE
            && let Some(set) = &remembered.set
        {
            let many = remembered.spare - SPARE;
            remembered.spare = SPARE;
            self.finished(set, many);
        }
    }

    /// Forgets a remembered set, and counts its spare uses out.
    pub fn forget(&self, remembered: &mut Remembered) {
        let Remembered { set, spare, .. } = std::mem::take(remembered);
        if let Some(set) = set.filter(|_| spare > 0) {
            self.finished(&set, spare);
        }
    }

    /// As `forget`, if something was loaded or unloaded meanwhile.
    pub fn forget_old(&self, remembered: &mut Remembered) {
        if remembered.version != self.version.load(Ordering::SeqCst) {
            self.forget(remembered);
        }
    }

    /// Counts items in that get a set which the caller has a use of: it may be unloaded.
    pub fn use_again(&self, set: &LoadedSet, items: u64) {
        set.uses.add_again(items);
    }

    /// The set at a place that an item in flight carries.
    pub fn at(&self, place: u16) -> Arc<LoadedSet> {
        self.read().places[place as usize].clone().expect("a set stays at its place while items use it")
    }

    /// As [`SetTable::at`], mostly without a lock: a place gets another set only by a load, which changes the version.
    #[inline]
    pub fn known<'k>(&self, place: u16, known: &'k mut Known) -> &'k Arc<LoadedSet> {
        let version = self.version.load(Ordering::SeqCst);
        if known.version != version {
            *known = Known { version, sets: Vec::new() };
        }
        let at = known.sets.iter().position(|set| set.place == place);
        let at = at.unwrap_or_else(|| self.learn(place, known));
        &known.sets[at]
    }

    #[cold]
    fn learn(&self, place: u16, known: &mut Known) -> usize {
        known.sets.push(self.at(place));
        known.sets.len() - 1
    }

    /// Counts `items` finished items out.
    pub fn finished(&self, set: &Arc<LoadedSet>, items: u64) {
        if set.uses.sub(items) {
            // `set` is another hold on it, so nothing is freed under the lock.
            let mut inner = self.write();
            let place = &mut inner.places[set.place as usize];
            if place.as_ref().is_some_and(|there| Arc::ptr_eq(there, set)) {
                *place = None;
            }
        }
    }

    /// Sets loaded now.
    pub fn loaded(&self) -> usize {
        self.read().by_id.len()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn not_loaded(id: u32) -> Error {
    Error::new(TRM_ERR_NO_RULES, format!("no rule set is loaded under id {id}: call trm_engine_load_rules first"))
}
