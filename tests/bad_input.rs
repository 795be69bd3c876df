//! Every call with every wrong argument: a documented status, a sentence where there is a place for one, no crash.

// The reason stands once a function, for all of its calls.
#![allow(clippy::undocumented_unsafe_blocks)]

mod abi;

use abi::*;
use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::ptr::{dangling, dangling_mut, null, null_mut};

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
    let header = include_str!("../include/trommel.h");
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
    versions(table);
    handles(table);
    closed(table);
    options_and_attach(table);
    rules_calls(table);
    saved_rules(table);
    input_and_work(table);
    results(table);
    drains(table);
    scans(table);
    assert!(table.wrong.is_empty(), "{:#?}", table.wrong);
    let tried: BTreeSet<String> = table.tried.iter().map(|&name| name.into()).collect();
    assert!(declared().len() > 30);
    assert_eq!(tried, declared(), "every call of the header stands in this table, and nothing else");
}

fn versions(table: &mut Table) {
    // SAFETY of all: static strings.
    let text = |text| unsafe { std::ffi::CStr::from_ptr(text) }.to_str().unwrap();
    assert_eq!(trm_abi_version(), TRM_ABI_VERSION);
    assert_eq!(text(trm_version_string()), env!("CARGO_PKG_VERSION"));
    for status in (-30..30).chain([i32::MIN, i32::MAX]) {
        assert!(text(trm_status_string(status)).len() > 3);
    }
    table.tried.extend(["trm_abi_version", "trm_version_string", "trm_status_string"]);
    // SAFETY: nothing is written where the capacity is 0; one adapter has room for the count of 16 bytes.
    unsafe {
        let (mut count, size) = (0, size_of::<trm_adapter>());
        let mut adapter = MaybeUninit::<trm_adapter>::zeroed();
        let got = trm_adapters(null_mut(), size, 0, &mut count);
        table.answers("trm_adapters", "counting", if count == 0 { TRM_OK } else { TRM_ERR_BUFFER }, got);
        table.answers("trm_adapters", "no count", TRM_ERR_NULL, trm_adapters(null_mut(), size, 0, null_mut()));
        table.answers("trm_adapters", "no array", TRM_ERR_NULL, trm_adapters(null_mut(), size, 1, &mut count));
        let tiny = trm_adapters(adapter.as_mut_ptr(), 15, 1, &mut count);
        table.answers("trm_adapters", "tiny stride", TRM_ERR_INVALID, tiny);
        let huge = trm_adapters(adapter.as_mut_ptr(), size, usize::MAX, &mut count);
        table.answers("trm_adapters", "impossible capacity", TRM_ERR_INVALID, huge);
    }
}

/// Every call on every kind of thing that is no handle.
fn handles(table: &mut Table) {
    let (engine, dead, other, rules) = (Engine::new(|_| ()), Engine::new(|_| ()), engine_of_two(), rules(&["a"]));
    dead.destroy();
    other.destroy();
    let on_stack = [0u64; 64];
    let inside = engine.raw().cast::<u8>().wrapping_add(8);
    let wrong: [(&str, trm_status, *mut trm_engine); 8] = [
        ("NULL", TRM_ERR_NULL, null_mut()),
        ("destroyed", TRM_ERR_HANDLE, dead.raw()),
        ("destroyed, with items in flight", TRM_ERR_HANDLE, other.raw()),
        ("on the stack", TRM_ERR_HANDLE, on_stack.as_ptr().cast_mut().cast()),
        ("dangling", TRM_ERR_HANDLE, dangling_mut()),
        ("the last address", TRM_ERR_HANDLE, std::ptr::without_provenance_mut(usize::MAX)),
        ("inside a handle", TRM_ERR_HANDLE, inside.cast()),
        ("rules", TRM_ERR_HANDLE, rules.0.cast()),
    ];
    for (what, expected, handle) in wrong {
        for (name, call) in every::on_engine() {
            table.answers(name, what, expected, call(handle));
        }
        for (name, get) in every::getters() {
            table.answers(name, what, 0, get(handle) as trm_status);
        }
        for (name, call) in every::on_rules() {
            let handle = if what == "rules" { engine.raw() } else { handle };
            table.answers(name, what, expected, call(handle.cast_const().cast()));
        }
        // SAFETY: destroying what is no handle does nothing.
        unsafe {
            trm_engine_destroy(handle);
            trm_rules_destroy(if what == "rules" { engine.raw() } else { handle }.cast());
        }
    }
    table.tried.extend(["trm_engine_destroy", "trm_rules_destroy"]);
    assert_eq!(engine.ring_size(), 256, "the good one lives");
    assert!(rules.scan(b"a").is_ok());
    let pointer = rules.0;
    drop(rules);
    for (name, call) in every::on_rules() {
        table.answers(name, "destroyed", TRM_ERR_HANDLE, call(pointer));
    }
    let load = |error| unsafe { trm_engine_load_rules(engine.raw(), 0, pointer, error) };
    table.says("trm_engine_load_rules", "destroyed rules", TRM_ERR_HANDLE, load);
    let load = |error| unsafe { trm_engine_load_rules(engine.raw(), 0, null(), error) };
    table.says("trm_engine_load_rules", "no rules", TRM_ERR_NULL, load);
    let load = |error| unsafe { trm_engine_load_rules(engine.raw(), 0, engine.raw().cast(), error) };
    table.says("trm_engine_load_rules", "an engine", TRM_ERR_HANDLE, load);
    table.answers("trm_engine_unload_rules", "an unknown id", TRM_ERR_NO_RULES, engine.unload(77));
}

fn engine_of_two() -> Engine {
    let engine = Engine::caller(&["a"], |_| ());
    engine.submit(b"a", 0).unwrap();
    engine.submit(b"a", 0).unwrap();
    engine.claim(NOW).unwrap();
    engine
}

/// Every call on a closed engine.
fn closed(table: &mut Table) {
    let engine = Engine::caller(&["a"], |_| ());
    assert_eq!(engine.close(LONG), TRM_OK);
    for (name, call) in every::on_engine() {
        let expected = match name {
            "trm_engine_close" | "trm_engine_stats" | "trm_event_fd" | "trm_unfinished" => TRM_OK,
            "trm_input_release" => TRM_ERR_INVALID,
            "trm_is_done" | "trm_wait" | "trm_mark_done" => TRM_ERR_TICKET,
            // The rules are still there, and the item has a match more than there is room for.
            "trm_scan" => TRM_ERR_NO_RULES,
            "trm_engine_unload_rules" => TRM_OK,
            _ => TRM_ERR_CLOSED,
        };
        table.answers(name, "closed", expected, call(engine.raw()));
    }
}

fn options_and_attach(table: &mut Table) {
    // SAFETY of all: pointers are NULL where that is tested, else to living values; a size that is said is there.
    unsafe {
        let size = size_of::<trm_options>() as u32;
        let mut good = options();
        table.answers("trm_options_init", "NULL", TRM_ERR_NULL, trm_options_init(null_mut(), size));
        for wrong in [0, 4, size - 1, 1 << 20, u32::MAX] {
            table.answers("trm_options_init", "size", TRM_ERR_INVALID, trm_options_init(&mut good, wrong));
        }
        let mut newer = [MaybeUninit::<trm_options>::zeroed(), MaybeUninit::zeroed()];
        let longer = trm_options_init(newer.as_mut_ptr().cast(), size + 8);
        table.answers("trm_options_init", "a newer caller", TRM_OK, longer);
        good.ring_size = 4;
        good.arena_bytes = 4096;
        good.processor = TRM_PROCESSOR_CALLER;
        let create = |table: &mut Table, what: &str, expected, options: *const trm_options| {
            table.says("trm_engine_create", what, expected, |error| {
                let mut engine = dangling_mut();
                let status = trm_engine_create(options, &mut engine, error);
                assert!(engine.is_null(), "{what}: NULL on failure");
                status
            });
        };
        table.says("trm_engine_create", "no place", TRM_ERR_NULL, |error| trm_engine_create(&good, null_mut(), error));
        let newer = newer[0].as_mut_ptr();
        newer.write(trm_options { struct_size: size + 8, ..good });
        let mut made = null_mut();
        table.answers("trm_engine_create", "a newer caller", TRM_OK, trm_engine_create(newer, &mut made, null_mut()));
        trm_engine_destroy(made);
        newer.cast::<u8>().add(size as usize).write(1);
        create(table, "an unknown field", TRM_ERR_INVALID, newer);
        let not_utf8 = c"\xFF";
        type Try = (&'static str, trm_status, fn(&mut trm_options));
        let tries: [Try; 26] = [
            ("size 0", TRM_ERR_INVALID, |o| o.struct_size = 0),
            ("size too small", TRM_ERR_INVALID, |o| o.struct_size -= 1),
            ("size unbelievable", TRM_ERR_INVALID, |o| o.struct_size = u32::MAX),
            ("flags", TRM_ERR_INVALID, |o| o.flags = 1 << 31),
            ("ring 0", TRM_ERR_INVALID, |o| o.ring_size = 0),
            ("ring 3", TRM_ERR_INVALID, |o| o.ring_size = 3),
            ("ring too large", TRM_ERR_INVALID, |o| o.ring_size = 1 << 25),
            ("ring too large to round", TRM_ERR_INVALID, |o| (o.ring_size, o.flags) = (u32::MAX, 1)),
            ("mode", TRM_ERR_INVALID, |o| o.mode = 3),
            ("processor", TRM_ERR_INVALID, |o| o.processor = 4),
            ("delivery", TRM_ERR_INVALID, |o| o.delivery = 3),
            ("arena 0", TRM_ERR_INVALID, |o| o.arena_bytes = 0),
            ("arena too large", TRM_ERR_INVALID, |o| o.arena_bytes = (1 << 32) + 1),
            ("arena unbelievable", TRM_ERR_INVALID, |o| o.arena_bytes = u64::MAX),
            ("threads", TRM_ERR_INVALID, |o| o.cpu_threads = u32::MAX),
            ("no rule sets", TRM_ERR_INVALID, |o| o.max_rule_sets = 0),
            ("too many rule sets", TRM_ERR_INVALID, |o| o.max_rule_sets = u32::MAX),
            ("no matches", TRM_ERR_INVALID, |o| o.max_matches_per_item = 0),
            ("lease 0", TRM_ERR_INVALID, |o| o.lease_ms = 0),
            ("lease for ever", TRM_ERR_INVALID, |o| o.lease_ms = u32::MAX),
            ("idle 0", TRM_ERR_INVALID, |o| o.idle_ms = 0),
            ("watchdog 0", TRM_ERR_INVALID, |o| o.watchdog_ms = 0),
            ("reserved", TRM_ERR_INVALID, |o| o.reserved = 1),
            ("force on the CPU", TRM_ERR_INVALID, |o| (o.mode, o.processor) = (TRM_MODE_FORCE, TRM_PROCESSOR_CPU)),
            ("force by callers", TRM_ERR_INVALID, |o| (o.mode, o.processor) = (TRM_MODE_FORCE, TRM_PROCESSOR_CALLER)),
            ("no such adapter", TRM_ERR_UNSUPPORTED, |o| {
                (o.mode, o.processor) = (TRM_MODE_FORCE, TRM_PROCESSOR_GPU);
                o.adapter = c"no adapter is called this".as_ptr();
            }),
        ];
        for (what, expected, spoil) in tries {
            let mut bad = good;
            spoil(&mut bad);
            create(table, what, expected, &bad);
        }
        create(table, "adapter", TRM_ERR_INVALID, &trm_options { adapter: not_utf8.as_ptr(), ..good });
        let (_, said) = Engine::try_new(|options| options.ring_size = 1000).err().unwrap();
        assert!(said.contains("1024"), "the next power of two is named: {said}");
        let rounded = Engine::new(|options| (options.ring_size, options.flags) = (1000, TRM_OPTION_ROUND_UP_RING));
        assert_eq!(rounded.ring_size(), 1024);
        let attach = |error| trm_engine_attach(rounded.raw(), null_mut(), error);
        table.says("trm_engine_attach", "no place", TRM_ERR_NULL, attach);
        table.says("trm_engine_attach", "no engine", TRM_ERR_NULL, |error| {
            let mut handle = dangling_mut();
            let status = trm_engine_attach(null_mut(), &mut handle, error);
            assert!(handle.is_null(), "NULL on failure");
            status
        });
        table.answers("trm_engine_stats", "NULL", TRM_ERR_NULL, trm_engine_stats(rounded.raw(), null_mut()));
        let mut stats = MaybeUninit::<trm_engine_stats_t>::zeroed();
        for wrong in [0, size_of::<trm_engine_stats_t>() as u32 - 1, 1 << 20, u32::MAX] {
            (*stats.as_mut_ptr()).struct_size = wrong;
            table.answers(
                "trm_engine_stats",
                "size",
                TRM_ERR_INVALID,
                trm_engine_stats(rounded.raw(), stats.as_mut_ptr()),
            );
        }
    }
}

fn rules_calls(table: &mut Table) {
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

fn saved_rules(table: &mut Table) {
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

fn input_and_work(table: &mut Table) {
    let engine = Engine::caller(&["a"], |options| (options.arena_bytes, options.ring_size) = (4096, 4));
    let raw = engine.raw();
    // SAFETY of all: as in `options_and_attach`.
    unsafe {
        let mut region = trm_region { input_offset: 0, len: 0, bytes: null_mut() };
        table.answers("trm_input_acquire", "no place", TRM_ERR_NULL, trm_input_acquire(raw, 1, NOW, null_mut()));
        for len in [4097, u32::MAX] {
            let got = trm_input_acquire(raw, len, -1, &mut region);
            table.answers("trm_input_acquire", "larger than the arena", TRM_ERR_RANGE, got);
        }
        table.answers("trm_input_acquire", "nothing", TRM_OK, trm_input_acquire(raw, 0, NOW, &mut region));
        table.answers("trm_input_acquire", "full", TRM_ARENA_FULL, trm_input_acquire(raw, 4096, NOW, &mut region));
        for offset in [1, 64, 4096, u32::MAX] {
            table.answers("trm_input_release", "nothing there", TRM_ERR_INVALID, engine.release(offset));
        }
        table.answers("trm_input_release", "good", TRM_OK, engine.release(region.input_offset));
        table.answers("trm_input_release", "twice", TRM_ERR_INVALID, engine.release(region.input_offset));

        let item = |offset, len| trm_work_item { input_offset: offset, input_len: len, rule_set_id: 0, correlation: 0 };
        table.answers("trm_enqueue", "no item", TRM_ERR_NULL, trm_enqueue(raw, null(), null_mut()));
        let mut accepted = 9;
        let mut batch = |what: &str, expected, items: *const _, count| {
            let got = trm_enqueue_batch(raw, items, count, null_mut(), &mut accepted);
            table.answers("trm_enqueue_batch", what, expected, got);
            assert_eq!(accepted, 0, "{what}");
            accepted = 9;
        };
        batch("no items", TRM_ERR_NULL, null(), 1);
        batch("impossible count", TRM_ERR_INVALID, dangling(), usize::MAX);
        batch("none", TRM_OK, null(), 0);
        let got = trm_enqueue_batch(raw, dangling(), 0, null_mut(), null_mut());
        table.answers("trm_enqueue_batch", "no place", TRM_ERR_NULL, got);
        for (offset, len) in [(0, 4097), (4097, 0), (4096, 1), (u32::MAX, 0), (1, u32::MAX), (u32::MAX, u32::MAX)] {
            let got = trm_enqueue(raw, &item(offset, len), null_mut());
            table.answers("trm_enqueue", "outside", TRM_ERR_RANGE, got);
            let got = trm_enqueue_batch(raw, [item(0, 0), item(offset, len)].as_ptr(), 2, null_mut(), &mut accepted);
            table.answers("trm_enqueue_batch", "outside", TRM_ERR_RANGE, got);
        }
        let unknown = trm_work_item { rule_set_id: 1, ..item(0, 0) };
        table.answers("trm_enqueue", "unknown set", TRM_ERR_NO_RULES, trm_enqueue(raw, &unknown, null_mut()));
        let submit = |bytes: *const u8, len, set| trm_submit(raw, bytes.cast(), len, set, 0, null_mut());
        table.answers("trm_submit", "no bytes", TRM_ERR_NULL, submit(null(), 1, 0));
        table.answers("trm_submit", "unknown set", TRM_ERR_NO_RULES, submit(b"a".as_ptr(), 1, u32::MAX));
        let large = vec![0; 4097];
        table.answers("trm_submit", "larger than the arena", TRM_ERR_RANGE, submit(large.as_ptr(), 4097, 0));
        table.answers("trm_submit", "nothing", TRM_OK, submit(null(), 0, 0));
        table.answers("trm_enqueue", "nothing, at the very end", TRM_OK, trm_enqueue(raw, &item(4096, 0), null_mut()));
        table.answers("trm_enqueue", "everything", TRM_OK, trm_enqueue(raw, &item(0, 4096), null_mut()));
        table.answers("trm_enqueue", "nothing", TRM_OK, trm_enqueue(raw, &item(0, 0), null_mut()));
        table.answers("trm_enqueue", "full", TRM_QUEUE_FULL, trm_enqueue(raw, &item(0, 0), null_mut()));
        table.answers("trm_submit", "full", TRM_QUEUE_FULL, submit(null(), 0, 0));
    }
    for _ in 0..4 {
        engine.drain_one(NOW).unwrap();
    }
    engine.collect_all(4);
    assert_eq!((engine.head(), engine.stats().arena_used), (4, 0), "what was refused left nothing behind");
}

fn results(table: &mut Table) {
    let engine = Engine::caller(&["a"], |_| ());
    let ticket = engine.submit(b"a", 0).unwrap();
    engine.drain_one(NOW).unwrap();
    let raw = engine.raw();
    for wrong in [0, ticket + 1, u64::MAX, 1 << 61, (1 << 61) + ticket] {
        table.answers("trm_is_done", "never issued", TRM_ERR_TICKET, engine.is_done(wrong));
        table.answers("trm_wait", "never issued", TRM_ERR_TICKET, engine.wait(wrong, -1).unwrap_err());
    }
    // SAFETY of all: as in `options_and_attach`; impossible lengths are refused before anything is touched.
    unsafe {
        let (mut completion, mut count, mut items) = (trm_completion::default(), 0, 0);
        let mut wait = |what: &str, expected, c: *mut _, m: *mut _, room, n: *mut usize| {
            table.answers("trm_wait", what, expected, trm_wait(raw, ticket, NOW, c, m, room, n));
        };
        wait("no completion", TRM_ERR_NULL, null_mut(), null_mut(), 0, &mut count);
        wait("no matches", TRM_ERR_NULL, &mut completion, null_mut(), 1, &mut count);
        wait("no count", TRM_ERR_NULL, &mut completion, null_mut(), 0, null_mut());
        wait("impossible room", TRM_ERR_INVALID, &mut completion, dangling_mut(), usize::MAX, &mut count);
        wait("no room", TRM_ERR_BUFFER, &mut completion, null_mut(), 0, &mut count);
        let mut collect = |what: &str, expected, c: *mut _, cap, n: *mut usize, m: *mut _, room, k: *mut usize| {
            table.answers("trm_collect", what, expected, trm_collect(raw, NOW, c, cap, n, m, room, k));
        };
        let c: *mut trm_completion = &mut completion;
        let (n, k): (*mut usize, *mut usize) = (&mut items, &mut count);
        collect("no completions", TRM_ERR_NULL, null_mut(), 1, n, null_mut(), 0, k);
        collect("room for none", TRM_ERR_INVALID, c, 0, n, null_mut(), 0, k);
        collect("impossible capacity", TRM_ERR_INVALID, c, usize::MAX, n, null_mut(), 0, k);
        collect("no count", TRM_ERR_NULL, c, 1, null_mut(), null_mut(), 0, k);
        collect("no matches", TRM_ERR_NULL, c, 1, n, null_mut(), 1, k);
        collect("no match count", TRM_ERR_NULL, c, 1, n, null_mut(), 0, null_mut());
        collect("no room", TRM_ERR_BUFFER, c, 1, n, null_mut(), 0, k);
        table.answers("trm_event_fd", "no place", TRM_ERR_NULL, trm_event_fd(raw, null_mut()));
    }
    assert_eq!(engine.wait(ticket, NOW).unwrap().spans(), [(0, 1, 0)], "nothing was consumed");
    table.answers("trm_wait", "taken", TRM_TAKEN, engine.wait(ticket, -1).unwrap_err());
    table.answers("trm_collect", "nothing", TRM_EMPTY, engine.collect(NOW).unwrap_err());
    table.answers("trm_engine_close", "impossible time", TRM_OK, engine.close(i64::MIN));
    table.answers("trm_engine_close", "twice", TRM_OK, engine.close(i64::MAX));
    table.answers("trm_collect", "closed", TRM_ERR_CLOSED, engine.collect(-1).unwrap_err());
}

fn drains(table: &mut Table) {
    let engine = Engine::caller(&["a"], |_| ());
    let ticket = engine.submit(b"a", 0).unwrap();
    let raw = engine.raw();
    // SAFETY of all: as in `results`.
    unsafe {
        table.answers("trm_claim", "no place", TRM_ERR_NULL, trm_claim(raw, NOW, null_mut()));
        assert_eq!(engine.tail(), 0, "nothing was claimed");
        table.answers("trm_mark_done", "not claimed", TRM_ERR_TICKET, engine.mark_done(ticket, TRM_OK, &[]));
        engine.claim(NOW).unwrap();
        table.answers("trm_mark_done", "no matches", TRM_ERR_NULL, trm_mark_done(raw, ticket, TRM_OK, null(), 1));
        let many = trm_mark_done(raw, ticket, TRM_OK, dangling(), usize::MAX);
        table.answers("trm_mark_done", "impossible count", TRM_ERR_INVALID, many);
        table.answers("trm_mark_done", "no status", TRM_ERR_INVALID, engine.mark_done(ticket, TRM_PENDING, &[]));
        let mut count = 0;
        table.answers("trm_unfinished", "no count", TRM_ERR_NULL, trm_unfinished(raw, null_mut(), 0, null_mut()));
        table.answers("trm_unfinished", "no array", TRM_ERR_NULL, trm_unfinished(raw, null_mut(), 1, &mut count));
        table.answers("trm_unfinished", "no room", TRM_ERR_BUFFER, trm_unfinished(raw, null_mut(), 0, &mut count));
        assert_eq!(count, 1);
    }
    table.answers("trm_mark_done", "good", TRM_OK, engine.mark_done(ticket, TRM_OK, &[]));
    table.answers("trm_mark_done", "twice", TRM_TAKEN, engine.mark_done(ticket, TRM_OK, &[]));
    let cpu = Engine::new(|_| ());
    table.answers("trm_claim", "another drain", TRM_ERR_UNSUPPORTED, cpu.claim(NOW).err().unwrap());
    table.answers("trm_mark_done", "another drain", TRM_ERR_UNSUPPORTED, cpu.mark_done(1, TRM_OK, &[]));
}

fn scans(table: &mut Table) {
    let engine = Engine::with_rules(&["a"], |_| ());
    let rules = rules(&["a"]);
    let (bytes, mut n) = (b"aa".as_ptr(), 0);
    let n: *mut usize = &mut n;
    let mut one = trm_match::default();
    let one: *mut trm_match = &mut one;
    type Try = (&'static str, trm_status, u32, *const u8, usize, *mut trm_match, usize, *mut usize);
    let tries: [Try; 8] = [
        ("no bytes", TRM_ERR_NULL, 0, null(), 1, one, 1, n),
        ("impossible length", TRM_ERR_INVALID, 0, bytes, usize::MAX, one, 1, n),
        ("no matches", TRM_ERR_NULL, 0, bytes, 2, null_mut(), 1, n),
        ("impossible room", TRM_ERR_INVALID, 0, bytes, 2, one, usize::MAX, n),
        ("no count", TRM_ERR_NULL, 0, bytes, 2, one, 1, null_mut()),
        ("too many", TRM_ERR_BUFFER, 0, bytes, 2, one, 1, n),
        ("no room", TRM_ERR_BUFFER, 0, bytes, 2, null_mut(), 0, n),
        ("unknown set", TRM_ERR_NO_RULES, 5, bytes, 2, one, 1, n),
    ];
    for (what, expected, set, bytes, len, matches, room, count) in tries {
        // SAFETY: as in `results`.
        table.says("trm_scan", what, expected, |error| unsafe {
            trm_scan(engine.raw(), set, bytes.cast(), len, matches, room, count, error)
        });
        if set == 0 {
            // SAFETY: as in `results`.
            table.says("trm_rules_scan", what, expected, |error| unsafe {
                trm_rules_scan(rules.0, bytes.cast(), len, matches, room, count, error)
            });
        }
    }
    assert_eq!(spans(&engine.scan(0, b"").unwrap()), []);
}
