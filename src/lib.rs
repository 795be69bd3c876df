//! A drum sieve for bytes.

#[doc(hidden)]
pub mod ring;
