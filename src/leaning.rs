//! A lock that leans to the thread that uses it alone: that thread locks and unlocks it by plain stores.
//!
//! Most handles are used by one thread, and a lock's two locked instructions are a third of what accepting an item costs. The
//! thread that the lock leans to tells in its record (`threads.rs`) that it holds the lock, and then looks whether the lock still
//! leans to it. Everybody else takes the mutex, which only its holder may make lean: so whoever has the mutex ends the leaning,
//! asks for a barrier on all threads, and waits until that one thread does not say that it holds the lock. After that nobody
//! else gets in without the mutex.

use crate::threads::{self, Record};
use std::cell::UnsafeCell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicPtr, Ordering, compiler_fence};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

/// It leans to a thread that locked it so often without another between ...
const TURNS: u32 = 64;
/// ... and each time that another one comes all the same it waits twice as long, up to this: a barrier costs microseconds.
const MOST_TURNS: u32 = 1 << 20;

/// See the module.
pub(crate) struct Leaning<T> {
    /// The record of the thread that it leans to. Changed by the mutex's holder.
    to: AtomicPtr<Record>,
    mutex: Mutex<Habit>,
    value: UnsafeCell<T>,
}

// SAFETY: one thread at a time reaches the value, as the module says.
unsafe impl<T: Send> Sync for Leaning<T> {}

/// Who has locked it lately.
struct Habit {
    last: *const Record,
    turns: u32,
    needed: u32,
}

// SAFETY: the pointer is compared only.
unsafe impl Send for Habit {}

/// The lock is held while this lives.
pub(crate) struct Guard<'a, T> {
    lock: &'a Leaning<T>,
    how: How<'a>,
    _of_this_thread: PhantomData<*const ()>,
}

enum How<'a> {
    /// By having told so.
    Told(&'static Record),
    Locked(MutexGuard<'a, Habit>),
}

impl<T: Default> Default for Leaning<T> {
    fn default() -> Self {
        let habit = Habit { last: std::ptr::null(), turns: 0, needed: TURNS };
        Self { to: AtomicPtr::default(), mutex: Mutex::new(habit), value: UnsafeCell::default() }
    }
}

impl<T> Leaning<T> {
    /// Waits for the lock.
    #[inline]
    pub fn lock(&self) -> Guard<'_, T> {
        let to = self.to.load(Ordering::Relaxed);
        if !to.is_null()
            && let Some(record) = threads::mine()
            && std::ptr::eq(record, to)
            && record.lock.load(Ordering::Relaxed).is_null()
        {
            record.lock.store(self.address(), Ordering::Relaxed);
            // Keeps the compiler from looking first; `stand` keeps the processor from it.
            compiler_fence(Ordering::SeqCst);
            // Acquire: it may have been made to lean again by a thread that had this record before.
            if std::ptr::eq(record, self.to.load(Ordering::Acquire)) {
                return self.guard(How::Told(record));
            }
            record.lock.store(std::ptr::null_mut(), Ordering::Release);
        }
        self.lock_slowly()
    }

    #[cold]
    fn lock_slowly(&self) -> Guard<'_, T> {
        let mut habit = self.mutex.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = self.stand() {
            habit.needed = (habit.needed * 2).min(MOST_TURNS);
            let mut patience = 0u32;
            while self.is_held_by(record) {
                match patience {
                    0..100 => std::hint::spin_loop(),
                    100..200 => std::thread::yield_now(),
                    _ => std::thread::sleep(Duration::from_micros(50)),
                }
                patience = patience.saturating_add(1);
            }
        }
        let me = threads::mine().map_or(std::ptr::null(), std::ptr::from_ref);
        habit.turns = if std::ptr::eq(habit.last, me) { habit.turns.saturating_add(1) } else { 0 };
        habit.last = me;
        self.guard(How::Locked(habit))
    }

    /// The lock, if nobody holds it.
    pub fn try_lock(&self) -> Option<Guard<'_, T>> {
        let mut habit = match self.mutex.try_lock() {
            Ok(habit) => habit,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        if let Some(record) = self.stand()
            && self.is_held_by(record)
        {
            // It leans as before: that thread is the only one that can be inside.
            self.to.store(std::ptr::from_ref(record).cast_mut(), Ordering::Release);
            return None;
        }
        // Whoever looks like this comes again soon: better that it finds the lock upright then, if nobody came meanwhile.
        habit.turns = 0;
        Some(self.guard(How::Locked(habit)))
    }

    /// Ends the leaning, as the mutex's holder: the thread that it leaned to, which may be inside and cannot come in again.
    fn stand(&self) -> Option<&'static Record> {
        let to = self.to.load(Ordering::Relaxed);
        // SAFETY: records are never freed.
        let record = unsafe { to.as_ref() }?;
        self.to.store(std::ptr::null_mut(), Ordering::SeqCst);
        // There were barriers when the record was made, so there are.
        while !threads::barrier() {
            std::thread::sleep(Duration::from_millis(1));
        }
        Some(record)
    }

    /// Acquire: what was done while it was held was done before.
    fn is_held_by(&self, record: &Record) -> bool {
        record.lock.load(Ordering::Acquire) == self.address()
    }

    fn address(&self) -> *mut () {
        std::ptr::from_ref(self).cast_mut().cast()
    }

    #[inline]
    fn guard<'a>(&'a self, how: How<'a>) -> Guard<'a, T> {
        Guard { lock: self, how, _of_this_thread: PhantomData }
    }
}

impl<T> Drop for Guard<'_, T> {
    #[inline]
    fn drop(&mut self) {
        match &self.how {
            // Release: what was done while it was held was done before.
            How::Told(record) => record.lock.store(std::ptr::null_mut(), Ordering::Release),
            How::Locked(habit) => {
                if habit.turns >= habit.needed && !habit.last.is_null() {
                    self.lock.to.store(habit.last.cast_mut(), Ordering::Release);
                }
            }
        }
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: the lock is held.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: the lock is held, and this guard is borrowed alone.
        unsafe { &mut *self.lock.value.get() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    #[test]
    fn it_leans_to_who_is_alone_and_stands_up_for_others() {
        let lock = Leaning::<u64>::default();
        let leans = || !lock.to.load(Ordering::Relaxed).is_null();
        (0..TURNS).for_each(|_| *lock.lock() += 1);
        assert!(!leans());
        let can = threads::mine().is_some();
        (0..2).for_each(|_| *lock.lock() += 1);
        assert_eq!(leans(), can);
        let held = lock.lock();
        std::thread::scope(|scope| {
            scope.spawn(|| assert!(lock.try_lock().is_none())).join().unwrap();
        });
        drop(held);
        assert_eq!(leans(), can, "a look does not change it");
        *lock.lock() += 1;
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(*lock.lock(), u64::from(TURNS) + 3)).join().unwrap();
        });
        assert!(!leans());
        assert_eq!(*lock.try_lock().unwrap(), u64::from(TURNS) + 3);
    }

    #[test]
    fn it_keeps_threads_apart_whoever_it_leans_to() {
        // Two words that are equal whenever nobody is inside.
        let lock = Leaning::<(u64, u64)>::default();
        let over = AtomicBool::new(false);
        let enter = |mut words: Guard<'_, (u64, u64)>| {
            assert_eq!(words.0, words.1);
            words.0 += 1;
            std::hint::spin_loop();
            words.1 += 1;
        };
        let total: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..3u64)
                .map(|n| {
                    let (lock, over) = (&lock, &over);
                    scope.spawn(move || {
                        let mut count = 0;
                        while !over.load(Ordering::Relaxed) {
                            // Long runs, so that it leans again and again, and pauses, so that others do.
                            for _ in 0..300 << (2 * n) {
                                enter(lock.lock());
                                count += 1;
                            }
                            if let Some(words) = lock.try_lock() {
                                enter(words);
                                count += 1;
                            }
                            std::thread::sleep(Duration::from_micros(30 * n));
                        }
                        count
                    })
                })
                .collect();
            let begin = std::time::Instant::now();
            while begin.elapsed() < Duration::from_millis(400) {
                // So that it does not cease to lean.
                lock.mutex.lock().unwrap_or_else(PoisonError::into_inner).needed = TURNS;
                std::thread::sleep(Duration::from_millis(1));
            }
            over.store(true, Ordering::Relaxed);
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(*lock.lock(), (total, total));
    }
}
