//! A handle's event: a descriptor for epoll and its kin that is readable while there is something to collect.

use super::signal::Signal;
use crate::ring::level::Level;
use crate::status::Result;
use std::sync::OnceLock;

/// A descriptor that is made when first asked for.
#[derive(Default)]
pub struct Event {
    signal: OnceLock<Signal>,
    level: Level,
}

impl Event {
    /// The descriptor; the handle keeps it and closes it.
    pub fn fd(&self) -> Result<i32> {
        if let Some(signal) = self.signal.get() {
            return Ok(signal.number());
        }
        // Whoever loses the race closes its own.
        let signal = Signal::new()?;
        Ok(self.signal.get_or_init(|| signal).number())
    }

    /// Whether anybody asked for the descriptor.
    pub fn exists(&self) -> bool {
        self.signal.get().is_some()
    }

    /// Makes the descriptor readable.
    pub fn raise(&self) {
        if let Some(signal) = self.signal.get() {
            self.level.raise(|| signal.set());
        }
    }

    /// Makes it unreadable. What finished since the caller last looked must be looked for again afterwards.
    pub fn lower(&self) {
        if let Some(signal) = self.signal.get() {
            self.level.lower(|| signal.clear());
        }
    }
}
