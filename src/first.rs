//! Values made once a process, without a lock: a child that is forked while another thread makes one would wait for ever.

use std::sync::atomic::{AtomicPtr, Ordering};

/// Such a value, never freed. Threads that ask at one time may each make one; all get the same.
pub struct First<T: 'static>(AtomicPtr<T>);

impl<T: Send + Sync> First<T> {
    /// Not made yet.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The value; `make` makes it.
    #[inline]
    pub fn get(&self, make: impl FnOnce() -> T) -> &'static T {
        // SAFETY: what is stored here was a box, is never freed and only read. Acquire: it is there whole.
        match unsafe { self.0.load(Ordering::Acquire).as_ref() } {
            Some(made) => made,
            None => self.set(Box::new(make())),
        }
    }

    #[cold]
    fn set(&self, new: Box<T>) -> &'static T {
        let new = Box::into_raw(new);
        let set = self.0.compare_exchange(std::ptr::null_mut(), new, Ordering::AcqRel, Ordering::Acquire);
        // SAFETY: either the new one, which is stored now, or the one that was; the new one is nobody's then.
        unsafe {
            match set {
                Ok(_) => &*new,
                Err(there) => {
                    drop(Box::from_raw(new));
                    &*there
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_get_the_same() {
        static FIRST: First<String> = First::new();
        let all: Vec<usize> = std::thread::scope(|scope| {
            let ask = |n: usize| scope.spawn(move || FIRST.get(|| format!("of {n}")) as *const String as usize);
            (0..8).map(ask).collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(all.windows(2).all(|two| two[0] == two[1]));
        assert!(FIRST.get(|| unreachable!()).starts_with("of "));
    }
}
