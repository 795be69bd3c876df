//! Hyperscan's calls over libtrommel: `libtrommel_hs.so` exports `hs_compile`, `hs_scan` and their like, so that a
//! program written against Hyperscan or Vectorscan relinks and finds the same matches. Patterns are PCRE there and Rust's
//! dialect here: [`pattern`] translates exactly, or refuses with the position and the reason. What each call and flag
//! does is in `docs/hyperscan.md`.

pub mod abi;
pub mod database;
pub mod flags;
pub mod pattern;
pub mod scan;
pub mod stream;
