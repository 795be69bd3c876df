//! Input, items, results, custom drains, direct scans.

use super::Table;
use super::abi::*;
use std::ffi::{c_char, c_void};
use std::ptr::{dangling, dangling_mut, null, null_mut};

pub fn input_and_work(table: &mut Table) {
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
        let mut copied = *b"....";
        let copy = |to: *mut u8, from: *const u8, len| trm_input_copy(to.cast(), from.cast(), len);
        table.answers("trm_input_copy", "nowhere", TRM_ERR_NULL, copy(null_mut(), b"ab".as_ptr(), 2));
        table.answers("trm_input_copy", "nothing", TRM_ERR_NULL, copy(copied.as_mut_ptr(), null(), 2));
        table.answers("trm_input_copy", "no bytes", TRM_OK, copy(null_mut(), null(), 0));
        table.answers("trm_input_copy", "good", TRM_OK, copy(copied.as_mut_ptr().add(1), b"ab".as_ptr(), 2));
        assert_eq!(&copied, b".ab.");
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
        let text = |bytes: *const u8, len, rule_set_id, reserved| {
            [
                trm_text { bytes: b"a".as_ptr().cast(), len: 1, rule_set_id: 0, correlation: 0, reserved: 0 },
                trm_text { bytes: bytes.cast(), len, rule_set_id, correlation: 0, reserved },
            ]
        };
        for (what, expected, texts) in [
            ("no bytes", TRM_ERR_NULL, text(null(), 1, 0, 0)),
            ("unknown set", TRM_ERR_NO_RULES, text(b"a".as_ptr(), 1, u32::MAX, 0)),
            ("larger than the arena", TRM_ERR_RANGE, text(large.as_ptr(), 4097, 0, 0)),
            ("reserved", TRM_ERR_INVALID, text(b"a".as_ptr(), 1, 0, 1)),
        ] {
            let got = trm_submit_batch(raw, texts.as_ptr(), 2, null_mut(), &mut accepted);
            table.answers("trm_submit_batch", what, expected, got);
            assert_eq!(accepted, 0, "{what}");
        }
        let texts = text(null(), 0, 0, 0);
        for (what, expected, texts, count) in [
            ("no texts", TRM_ERR_NULL, null(), 1),
            ("impossible count", TRM_ERR_INVALID, dangling(), usize::MAX),
            ("none", TRM_OK, null(), 0),
        ] {
            let got = trm_submit_batch(raw, texts, count, null_mut(), &mut accepted);
            table.answers("trm_submit_batch", what, expected, got);
        }
        let got = trm_submit_batch(raw, texts.as_ptr(), 2, null_mut(), null_mut());
        table.answers("trm_submit_batch", "no place", TRM_ERR_NULL, got);
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

pub fn buffers(table: &mut Table) {
    let engine = Engine::caller(&["a"], |options| options.arena_bytes = 4096);
    let raw = engine.raw();
    let bytes = [b'a'; 100];
    // SAFETY of all: as in `options_and_attach`; impossible lengths are refused before anything is touched.
    unsafe {
        let mut offset = 7;
        let mut register = |what: &str, expected, from: *const u8, len, to: *mut u32| {
            table.says("trm_buffer_register", what, expected, |error| {
                trm_buffer_register(raw, from.cast(), len, to, error)
            });
        };
        register("no place", TRM_ERR_NULL, bytes.as_ptr(), 100, null_mut());
        register("no bytes", TRM_ERR_NULL, null(), 1, &mut offset);
        register("nothing", TRM_ERR_INVALID, bytes.as_ptr(), 0, &mut offset);
        register("more than the input space", TRM_ERR_RANGE, bytes.as_ptr(), 1 << 32, &mut offset);
        register("impossible length", TRM_ERR_INVALID, bytes.as_ptr(), usize::MAX, &mut offset);
        assert_eq!(offset, 7, "a refusal writes nothing");
        let got = trm_buffer_register(raw, bytes.as_ptr().cast(), 100, &mut offset, null_mut());
        table.answers("trm_buffer_register", "good", TRM_OK, got);
        for wrong in [0, 4096, offset + 1, offset + 64, u32::MAX] {
            table.answers("trm_buffer_unregister", "nothing there", TRM_ERR_INVALID, engine.unregister(wrong, NOW));
        }
        let item = |input_offset, input_len| trm_work_item { input_offset, input_len, ..trm_work_item::default() };
        for (from, len) in [(0, 101), (100, 1), (101, 0), (1, u32::MAX)] {
            let got = trm_enqueue(raw, &item(offset + from, len), null_mut());
            table.answers("trm_enqueue", "over a buffer's end", TRM_ERR_RANGE, got);
        }
        let got = trm_enqueue(raw, &item(4000, 200), null_mut());
        table.answers("trm_enqueue", "from the arena into a buffer", TRM_ERR_RANGE, got);
        table.answers("trm_enqueue", "good", TRM_OK, trm_enqueue(raw, &item(offset + 1, 99), null_mut()));
        let unknown = trm_work_item { rule_set_id: 9, ..item(offset, 1) };
        table.answers("trm_enqueue", "unknown set", TRM_ERR_NO_RULES, trm_enqueue(raw, &unknown, null_mut()));
        table.answers("trm_buffer_unregister", "in flight", TRM_TIMEOUT, engine.unregister(offset, NOW));
        let got = trm_enqueue(raw, &item(offset, 1), null_mut());
        table.answers("trm_enqueue", "being unregistered", TRM_ERR_RANGE, got);
        let drained = engine.drain_one(NOW).map(drop);
        assert_eq!(drained, Ok(()), "{:?}", table.wrong);
        table.answers("trm_buffer_unregister", "good", TRM_OK, engine.unregister(offset, NOW));
        table.answers("trm_buffer_unregister", "twice", TRM_ERR_INVALID, engine.unregister(offset, NOW));
        let got = trm_enqueue(raw, &item(offset, 1), null_mut());
        table.answers("trm_enqueue", "unregistered", TRM_ERR_RANGE, got);
    }
    engine.collect_all(1);
    assert_eq!(engine.head(), 1);
}

pub fn results(table: &mut Table) {
    let engine = Engine::caller(&["a"], |_| ());
    let ticket = engine.submit(b"a", 0).unwrap();
    engine.drain_one(NOW).unwrap();
    let raw = engine.raw();
    for wrong in [0, ticket + 1, u64::MAX, 1 << 61, (1 << 61) + ticket] {
        table.answers("trm_is_done", "never issued", TRM_ERR_TICKET, engine.is_done(wrong));
        table.answers("trm_wait", "never issued", TRM_ERR_TICKET, engine.wait(wrong, -1).unwrap_err());
        table.answers("trm_cancel", "never issued", TRM_ERR_TICKET, engine.cancel(wrong));
    }
    table.answers("trm_cancel", "another handle's", TRM_ERR_TICKET, engine.attach().cancel(ticket));
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
    table.answers("trm_cancel", "taken", TRM_TAKEN, engine.cancel(ticket));
    for time in [i64::MIN, i64::MAX, 0, -1] {
        table.answers("trm_engine_set_deadline", "any time", TRM_OK, engine.set_deadline(time));
    }
    table.answers("trm_collect", "nothing", TRM_EMPTY, engine.collect(NOW).unwrap_err());
    table.answers("trm_engine_close", "impossible time", TRM_OK, engine.close(i64::MIN));
    table.answers("trm_engine_close", "twice", TRM_OK, engine.close(i64::MAX));
    table.answers("trm_collect", "closed", TRM_ERR_CLOSED, engine.collect(-1).unwrap_err());
}

pub fn drains(table: &mut Table) {
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

pub fn scans(table: &mut Table) {
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

pub fn files(table: &mut Table) {
    extern "C" fn go_on(_: *mut c_void, _: *const trm_match, _: usize) -> i32 {
        0
    }
    let engine = Engine::with_rules(&["a"], |_| ());
    let size = size_of::<trm_file_options>() as u32;
    let good = trm_file_options { struct_size: size, flags: 0, max_carry_bytes: 0 };
    type Sink = Option<unsafe extern "C" fn(*mut c_void, *const trm_match, usize) -> i32>;
    let mut say = |what: &str, expected, set, path: *const c_char, options: *const trm_file_options, sink: Sink| {
        // SAFETY: as in `results`.
        table.says("trm_scan_file", what, expected, |error| unsafe {
            trm_scan_file(engine.raw(), set, path, options, sink, null_mut(), null_mut(), error)
        });
    };
    let path = c"/dev/null".as_ptr();
    say("no path", TRM_ERR_NULL, 0, null(), &good, Some(go_on));
    say("no callback", TRM_ERR_NULL, 0, path, &good, None);
    say("unknown set", TRM_ERR_NO_RULES, 9, path, &good, Some(go_on));
    say("no such file", TRM_ERR_IO, 0, c"".as_ptr(), &good, Some(go_on));
    say("flags", TRM_ERR_INVALID, 0, path, &trm_file_options { flags: 1, ..good }, Some(go_on));
    for wrong in [0, 4, size - 1, 1 << 20, u32::MAX] {
        say("size", TRM_ERR_INVALID, 0, path, &trm_file_options { struct_size: wrong, ..good }, Some(go_on));
    }
}
