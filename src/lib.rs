//! A drum sieve for bytes.
