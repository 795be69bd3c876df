//! The C ABI with Rust's manners: handles that end by themselves, slices and results. Nothing is hidden: every method is
//! one call of the ABI, and statuses are passed on as they are.

#![allow(dead_code)]

mod engine;
pub mod every;
mod stream;

pub use engine::Engine;
#[allow(unused_imports)]
pub use stream::Stream;

use std::ffi::{CStr, c_void};
use std::ptr::{null, null_mut};
pub use std::result::Result;
use std::time::{Duration, Instant};
pub use trommel::capi::*;
pub use trommel::status::*;
pub use trommel::types::*;

/// A poll.
pub const NOW: i64 = 0;
/// As good as for ever, but a test that hangs fails.
pub const LONG: i64 = 60_000_000_000;

/// Compiled rules: destroyed when dropped.
pub struct Rules(pub *mut trm_rules);

// SAFETY: as for `Engine`.
unsafe impl Send for Rules {}
// SAFETY: as for `Engine`.
unsafe impl Sync for Rules {}

impl Drop for Rules {
    fn drop(&mut self) {
        // SAFETY: as for `Engine`.
        unsafe { trm_rules_destroy(self.0) };
    }
}

/// One finished item.
#[derive(Debug, Clone)]
pub struct Item {
    pub completion: trm_completion,
    pub matches: Vec<trm_match>,
}

impl Item {
    pub fn ticket(&self) -> u64 {
        self.completion.ticket
    }

    pub fn spans(&self) -> Vec<(u64, u64, u32)> {
        spans(&self.matches)
    }
}

/// (start, end, rule) of each match.
pub fn spans(matches: &[trm_match]) -> Vec<(u64, u64, u32)> {
    matches.iter().map(|m| (m.start, m.end, m.rule_id)).collect()
}

/// An empty `trm_error`.
pub fn no_error() -> trm_error {
    trm_error {
        struct_size: size_of::<trm_error>() as u32,
        code: 0,
        pattern_index: 0,
        pattern_id: 0,
        byte_offset: 0,
        message: [0; 256],
    }
}

/// The sentence of an error.
pub fn sentence(error: &trm_error) -> String {
    // SAFETY: the array has a NUL: it began as zeros, or the library wrote it.
    unsafe { CStr::from_ptr(error.message.as_ptr()) }.to_str().expect("messages are UTF-8").to_owned()
}

pub fn options() -> trm_options {
    let mut options = std::mem::MaybeUninit::uninit();
    // SAFETY: room for the whole struct, which the call fills.
    unsafe {
        assert_eq!(trm_options_init(options.as_mut_ptr(), size_of::<trm_options>() as u32), TRM_OK);
        options.assume_init()
    }
}

/// Polls until `condition` holds; the tests that use it are right however long that takes.
pub fn until(what: &str, condition: impl Fn() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_nanos(LONG as u64), "{what} never came");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Compiles regexes with ids 0, 1, ...
pub fn rules(patterns: &[&str]) -> Rules {
    rules_with(&patterns.iter().zip(0..).map(|(p, id)| (p.as_bytes(), id, 0)).collect::<Vec<_>>(), 0).unwrap()
}

/// Compiles (bytes, id, flags) with some semantics.
pub fn rules_with(patterns: &[(&[u8], u32, u32)], semantics: u32) -> Result<Rules, (trm_status, String)> {
    let patterns: Vec<_> = patterns
        .iter()
        .map(|&(bytes, id, flags)| trm_pattern { bytes: bytes.as_ptr().cast(), len: bytes.len(), id, flags })
        .collect();
    let options = trm_compile_options {
        struct_size: size_of::<trm_compile_options>() as u32,
        semantics,
        flags: 0,
        threads: 0,
        max_memory: 0,
        max_pattern_bytes: 0,
        max_automaton_bytes: 0,
    };
    let (mut rules, mut error, mut count) = (null_mut(), no_error(), 0);
    // SAFETY: all pointers are to living values of the right length.
    let status = unsafe {
        let stride = size_of::<trm_pattern>();
        trm_rules_compile(patterns.as_ptr(), stride, patterns.len(), &options, &mut rules, &mut error, 1, &mut count)
    };
    if status == TRM_OK { Ok(Rules(rules)) } else { Err((status, sentence(&error))) }
}

impl Rules {
    /// The length and the matches are the caller's problem: all of them come.
    pub fn scan(&self, bytes: &[u8]) -> Result<Vec<trm_match>, trm_status> {
        scan_with(self.0, bytes)
    }
}

/// `trm_rules_scan` with an array that grows.
pub fn scan_with(rules: *const trm_rules, bytes: &[u8]) -> Result<Vec<trm_match>, trm_status> {
    // SAFETY: the arrays are as long as said.
    grow(|matches, count| unsafe {
        trm_rules_scan(
            rules,
            bytes.as_ptr().cast(),
            bytes.len(),
            matches.as_mut_ptr(),
            matches.len(),
            count,
            null_mut(),
        )
    })
}

fn grow(mut call: impl FnMut(&mut [trm_match], &mut usize) -> trm_status) -> Result<Vec<trm_match>, trm_status> {
    let mut matches = vec![trm_match::default(); 64];
    loop {
        let mut count = 0;
        match call(&mut matches, &mut count) {
            TRM_OK => {
                matches.truncate(count);
                return Ok(matches);
            }
            TRM_ERR_BUFFER => {
                assert!(count > matches.len());
                matches.resize(count, trm_match::default());
            }
            status => return Err(status),
        }
    }
}

/// An item that was claimed and not yet marked done.
pub struct Claimed(pub trm_claimed);

// SAFETY: the ABI says that any thread may mark it done.
unsafe impl Send for Claimed {}

impl Claimed {
    pub fn ticket(&self) -> u64 {
        self.0.ticket
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: they stay until the item is marked done; no test writes to them meanwhile.
        unsafe { std::slice::from_raw_parts(self.0.bytes.cast(), self.0.item.input_len as usize) }
    }
}
