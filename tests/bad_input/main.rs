//! Every call with every wrong argument: a documented status, a sentence where there is a place for one, no crash.

// The reason stands once a function, for all of its calls.
#![allow(clippy::undocumented_unsafe_blocks)]

#[path = "../abi/mod.rs"]
mod abi;
mod engines;
mod items;
mod rules;
mod streams;

use abi::*;
use std::collections::BTreeSet;
use std::ptr::null_mut;

/// Which calls were tried, and that each answered as documented.
#[derive(Default)]
struct Table {
    tried: BTreeSet<&'static str>,
    wrong: Vec<String>,
}

impl Table {
    fn answers(&mut self, call: &'static str, what: &str, expected: trm_status, got: trm_status) {
        self.tried.insert(call);
        if got != expected {
            self.wrong.push(format!("{call}, {what}: {got} instead of {expected}"));
        }
    }

    /// As `answers`, for a call that explains itself.
    fn says(
        &mut self,
        call: &'static str,
        what: &str,
        expected: trm_status,
        run: impl Fn(*mut trm_error) -> trm_status,
    ) {
        self.answers(call, what, expected, run(null_mut()));
        let mut error = no_error();
        let got = run(&mut error);
        if got != expected || error.code != expected || sentence(&error).len() < 10 {
            let said = sentence(&error);
            self.wrong.push(format!("{call}, {what}: {got} instead of {expected}, code {}, {said:?}", error.code));
        }
        for size in [0, 4, size_of::<trm_error>() as u32 - 1, 1 << 20, u32::MAX] {
            error.struct_size = size;
            self.answers(call, "trm_error of a wrong size", TRM_ERR_INVALID, run(&mut error));
        }
    }
}

/// The functions that the header declares.
fn declared() -> BTreeSet<String> {
    let header = include_str!("../../include/trommel.h");
    let code: String = header.split("*/").map(|part| part.split("/*").next().unwrap_or("")).collect();
    let code: Vec<&str> = code.lines().map(|line| line.split("//").next().unwrap_or("")).collect();
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let names = code.join("\n");
    let calls = names.match_indices('(').filter_map(|(at, _)| names[..at].rsplit(|c| !is_word(c)).next());
    calls.filter(|name| name.starts_with("trm_")).map(str::to_owned).collect()
}

const STRIDE: usize = size_of::<trm_pattern>();

#[test]
fn every_call_answers_every_wrong_argument() {
    let table = &mut Table::default();
    engines::versions(table);
    engines::handles(table);
    engines::closed(table);
    engines::options_and_attach(table);
    rules::rules_calls(table);
    rules::saved_rules(table);
    items::input_and_work(table);
    items::buffers(table);
    items::results(table);
    items::drains(table);
    items::scans(table);
    items::files(table);
    streams::streams(table);
    streams::segments(table);
    assert!(table.wrong.is_empty(), "{:#?}", table.wrong);
    let tried: BTreeSet<String> = table.tried.iter().map(|&name| name.into()).collect();
    assert!(declared().len() > 30);
    assert_eq!(tried, declared(), "every call of the header stands in this table, and nothing else");
}
