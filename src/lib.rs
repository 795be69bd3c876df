//! libtrommel: a drum sieve for bytes. Rule sets are loaded once, small scan jobs are poured in by the thousand, exact
//! matches come out. The product is the C ABI ([`capi`], `include/trommel.h`); the rooms behind it are public so that
//! tests and benches can reach them, and promise nothing.

pub mod capi;
#[doc(hidden)]
pub mod drain;
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod faults;
#[cfg(feature = "gpu")]
#[doc(hidden)]
pub mod gpu;
#[doc(hidden)]
pub mod input;
mod leaning;
#[doc(hidden)]
pub mod panics;
#[doc(hidden)]
pub mod ring;
#[doc(hidden)]
pub mod rules;
#[doc(hidden)]
pub mod scan;
pub mod status;
#[doc(hidden)]
pub mod stream;
mod threads;
pub mod types;
