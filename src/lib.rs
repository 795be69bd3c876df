//! A drum sieve for bytes.

#[cfg(feature = "gpu")]
#[doc(hidden)]
pub mod gpu;
#[doc(hidden)]
pub mod ring;
pub mod rules;
pub mod scan;
