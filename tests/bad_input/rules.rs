//! Compiling, saving and loading rules.

use super::abi::*;
use super::{STRIDE, Table};
use std::mem::MaybeUninit;
use std::ptr::{dangling_mut, null, null_mut};

pub fn rules_calls(table: &mut Table) {
    let good = trm_pattern { bytes: b"a".as_ptr().cast(), len: 1, id: 7, flags: 0 };
    let compile_options = trm_compile_options {
        struct_size: size_of::<trm_compile_options>() as u32,
        semantics: 0,
        flags: 0,
        threads: 0,
        max_memory: 0,
        max_pattern_bytes: 0,
        max_automaton_bytes: 0,
    };
    // SAFETY of all: as in `options_and_attach`.
    unsafe {
        let compile = |table: &mut Table, what: &str, expected, patterns: &[trm_pattern], options: *const _| {
            table.says("trm_rules_compile", what, expected, |error| {
                let (mut rules, mut count) = (dangling_mut(), 9);
                let status = trm_rules_compile(
                    patterns.as_ptr(),
                    STRIDE,
                    patterns.len(),
                    options,
                    &mut rules,
                    error,
                    1,
                    &mut count,
                );
                assert!(rules.is_null(), "{what}: NULL on failure");
                status
            });
        };
        let pattern =
            |text: &'static [u8], flags| trm_pattern { bytes: text.as_ptr().cast(), len: text.len(), id: 7, flags };
        compile(table, "no bytes", TRM_ERR_NULL, &[good, trm_pattern { bytes: null(), ..good }], null());
        compile(table, "impossible length", TRM_ERR_INVALID, &[trm_pattern { len: usize::MAX, ..good }], null());
        compile(table, "unknown flag", TRM_ERR_INVALID, &[trm_pattern { flags: 1 << 30, ..good }], null());
        compile(table, "malformed", TRM_ERR_PATTERN, &[good, pattern(b"a(b", 0)], null());
        compile(table, "not UTF-8", TRM_ERR_PATTERN, &[pattern(b"\xFF", 0)], null());
        let small = trm_compile_options { max_pattern_bytes: 3, ..compile_options };
        compile(table, "too long", TRM_ERR_LIMIT, &[pattern(b"abcd", 0)], &small);
        for (what, options) in [
            ("size 0", trm_compile_options { struct_size: 0, ..compile_options }),
            ("size unbelievable", trm_compile_options { struct_size: u32::MAX, ..compile_options }),
            ("semantics", trm_compile_options { semantics: 2, ..compile_options }),
            ("flags", trm_compile_options { flags: 1, ..compile_options }),
        ] {
            compile(table, what, TRM_ERR_INVALID, &[good], &options);
        }
        let call = |patterns: *const _, stride, count, rules: *mut *mut trm_rules| {
            move |error: *mut trm_error| {
                trm_rules_compile(
                    patterns,
                    stride,
                    count,
                    null(),
                    rules,
                    error,
                    usize::from(!error.is_null()),
                    null_mut(),
                )
            }
        };
        let mut made = null_mut();
        table.says("trm_rules_compile", "no place", TRM_ERR_NULL, call(&good, STRIDE, 1, null_mut()));
        table.says("trm_rules_compile", "no patterns", TRM_ERR_NULL, call(null(), STRIDE, 1, &mut made));
        table.says("trm_rules_compile", "stride", TRM_ERR_INVALID, call(&good, STRIDE - 1, 1, &mut made));
        table.says("trm_rules_compile", "count", TRM_ERR_INVALID, call(&good, STRIDE, usize::MAX, &mut made));
        table.answers("trm_rules_compile", "nothing", TRM_OK, call(null(), 0, 0, &mut made)(null_mut()));
        assert_eq!(Rules(made).scan(b"a").unwrap().len(), 0);
        every_problem_is_told();
        let rules = rules(&["a", "b"]);
        let (mut count, size) = (0, size_of::<trm_rule_info>());
        let mut info = MaybeUninit::<[trm_rule_info; 2]>::zeroed();
        let info = info.as_mut_ptr().cast::<trm_rule_info>();
        let mut ask = |what: &str, expected, got| table.answers("trm_rules_info", what, expected, got);
        ask("no count", TRM_ERR_NULL, trm_rules_info(rules.0, info, size, 2, null_mut()));
        ask("no array", TRM_ERR_NULL, trm_rules_info(rules.0, null_mut(), size, 2, &mut count));
        ask("stride", TRM_ERR_INVALID, trm_rules_info(rules.0, info, 47, 2, &mut count));
        ask("capacity", TRM_ERR_INVALID, trm_rules_info(rules.0, info, size, usize::MAX, &mut count));
        ask("an old caller", TRM_OK, trm_rules_info(rules.0, info, 48, 2, &mut count));
        ask("one of two", TRM_ERR_BUFFER, trm_rules_info(rules.0, info, size, 1, &mut count));
        assert_eq!((count, (*info).id), (2, 0));
    }
}

pub fn saved_rules(table: &mut Table) {
    let rules = rules(&["a", "b+"]);
    // SAFETY of all: as in `options_and_attach`.
    unsafe {
        let mut needed = 0;
        let mut save = |what: &str, expected, got| table.answers("trm_rules_serialize", what, expected, got);
        save("no place for the size", TRM_ERR_NULL, trm_rules_serialize(rules.0, null_mut(), 0, null_mut()));
        save("how many", TRM_ERR_BUFFER, trm_rules_serialize(rules.0, null_mut(), 0, &mut needed));
        let mut bytes = vec![0u8; needed];
        save("no array", TRM_ERR_NULL, trm_rules_serialize(rules.0, null_mut(), needed, &mut needed));
        let room = bytes.len();
        let short = trm_rules_serialize(rules.0, bytes.as_mut_ptr().cast(), room - 1, &mut needed);
        save("one byte short", TRM_ERR_BUFFER, short);
        assert!(needed == room && bytes.iter().all(|&byte| byte == 0), "nothing is written");
        save("good", TRM_OK, trm_rules_serialize(rules.0, bytes.as_mut_ptr().cast(), room, &mut needed));
        let load = |bytes: *const u8, len, rules: *mut *mut trm_rules| {
            move |error: *mut trm_error| trm_rules_deserialize(bytes.cast(), len, rules, error)
        };
        let mut made = dangling_mut();
        table.says("trm_rules_deserialize", "no place", TRM_ERR_NULL, load(bytes.as_ptr(), room, null_mut()));
        table.says("trm_rules_deserialize", "no bytes", TRM_ERR_NULL, load(null(), room, &mut made));
        assert!(made.is_null(), "NULL on failure");
        table.says("trm_rules_deserialize", "nothing", TRM_ERR_FORMAT, load(bytes.as_ptr(), 0, &mut made));
        table.says("trm_rules_deserialize", "length", TRM_ERR_INVALID, load(bytes.as_ptr(), usize::MAX, &mut made));
        table.says("trm_rules_deserialize", "cut short", TRM_ERR_FORMAT, load(bytes.as_ptr(), room - 1, &mut made));
        bytes[room / 2] ^= 1;
        table.says("trm_rules_deserialize", "damaged", TRM_ERR_FORMAT, load(bytes.as_ptr(), room, &mut made));
        bytes[room / 2] ^= 1;
        table.answers("trm_rules_deserialize", "good", TRM_OK, load(bytes.as_ptr(), room, &mut made)(null_mut()));
        assert_eq!(Rules(made).scan(b"abb").unwrap().len(), 2, "loaded rules answer");
    }
}

fn every_problem_is_told() {
    let texts: [&[u8]; 4] = [b"(", b"fine", b"a{2,1}", b"[z-a]"];
    let patterns = texts.map(|text| trm_pattern { bytes: text.as_ptr().cast(), len: text.len(), id: 5, flags: 0 });
    let (mut rules, mut errors, mut count) = (null_mut(), [no_error(), no_error()], 0);
    // SAFETY: living values, and as many as said.
    let status = unsafe {
        trm_rules_compile(patterns.as_ptr(), STRIDE, 4, null(), &mut rules, errors.as_mut_ptr(), 2, &mut count)
    };
    assert_eq!((status, count), (TRM_ERR_PATTERN, 3));
    assert_eq!(
        errors.map(|error| (error.code, error.pattern_index, error.pattern_id)),
        [(TRM_ERR_PATTERN, 0, 5), (TRM_ERR_PATTERN, 2, 5)]
    );
    assert!(errors.iter().all(|error| sentence(error).len() > 10));
}
