//! Versions, handles, closed engines, options.

use super::Table;
use super::abi::*;
use std::mem::MaybeUninit;
use std::ptr::{dangling_mut, null, null_mut};

pub fn versions(table: &mut Table) {
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
pub fn handles(table: &mut Table) {
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
        for (name, call) in every::on_stream() {
            table.answers(name, what, expected, call(handle.cast()));
        }
        // SAFETY: destroying what is no handle does nothing.
        unsafe {
            trm_engine_destroy(handle);
            trm_stream_destroy(handle.cast());
            trm_rules_destroy(if what == "rules" { engine.raw() } else { handle }.cast());
        }
    }
    table.tried.extend(["trm_engine_destroy", "trm_rules_destroy", "trm_stream_destroy"]);
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
pub fn closed(table: &mut Table) {
    let engine = Engine::caller(&["a"], |_| ());
    assert_eq!(engine.close(LONG), TRM_OK);
    for (name, call) in every::on_engine() {
        let expected = match name {
            "trm_engine_close" | "trm_engine_stats" | "trm_event_fd" | "trm_unfinished" => TRM_OK,
            "trm_input_release" | "trm_buffer_unregister" => TRM_ERR_INVALID,
            "trm_is_done" | "trm_wait" | "trm_mark_done" | "trm_cancel" => TRM_ERR_TICKET,
            // The rules are still there, and the item has a match more than there is room for.
            "trm_scan" | "trm_scan_file" => TRM_ERR_NO_RULES,
            "trm_engine_unload_rules" => TRM_OK,
            _ => TRM_ERR_CLOSED,
        };
        table.answers(name, "closed", expected, call(engine.raw()));
    }
}

pub fn options_and_attach(table: &mut Table) {
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
            ("gpu_workers", TRM_ERR_INVALID, |o| o.gpu_workers = 65_536),
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
        // A program that was built before the struct grew gets what it knows of, and not a byte more.
        let oldest = std::mem::offset_of!(trm_engine_stats_t, host_bytes) as u32;
        (*stats.as_mut_ptr()).struct_size = oldest;
        (*stats.as_mut_ptr()).host_ns = 77;
        let answer = trm_engine_stats(rounded.raw(), stats.as_mut_ptr());
        table.answers("trm_engine_stats", "an older size", TRM_OK, answer);
        assert_eq!((*stats.as_ptr()).host_ns, 77);
        for wrong in [0, oldest - 1, 1 << 20, u32::MAX] {
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
