//! What several test programs share: generated rule sets and items, and the brute-force answer to them.
#![allow(dead_code)]

pub mod brute;
pub mod cases;
pub mod sets;
