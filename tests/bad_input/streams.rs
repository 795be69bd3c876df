//! Streams and items in several parts.

use super::Table;
use super::abi::*;
use std::ptr::{dangling, dangling_mut, null, null_mut};

pub fn streams(table: &mut Table) {
    let engine = Engine::caller(&["a+$"], |options| (options.arena_bytes, options.ring_size) = (4096, 4));
    let raw = engine.raw();
    let size = size_of::<trm_stream_options>() as u32;
    let good = trm_stream_options { struct_size: size, flags: 0, max_carry_bytes: 0 };
    // SAFETY of all: pointers are NULL or to living values, or refused before they are used.
    unsafe {
        let open = |table: &mut Table, what: &str, expected, set, options: *const trm_stream_options| {
            table.says("trm_stream_open", what, expected, |error| {
                let mut stream = dangling_mut();
                let status = trm_stream_open(raw, set, 0, options, &mut stream, error);
                assert!(stream.is_null(), "{what}: NULL on failure");
                status
            });
        };
        open(table, "unknown set", TRM_ERR_NO_RULES, 5, &good);
        open(table, "flags", TRM_ERR_INVALID, 0, &trm_stream_options { flags: 1, ..good });
        for wrong in [0, 4, size - 1, 1 << 20, u32::MAX] {
            open(table, "size", TRM_ERR_INVALID, 0, &trm_stream_options { struct_size: wrong, ..good });
        }
        table.says("trm_stream_open", "no place", TRM_ERR_NULL, |error| {
            trm_stream_open(raw, 0, 0, &good, null_mut(), error)
        });

        let stream = engine.open_stream(0, 7, 16).unwrap();
        let feed = |table: &mut Table, what: &str, expected, bytes: *const u8, len| {
            table.says("trm_stream_feed", what, expected, |error| {
                trm_stream_feed(stream.0, bytes.cast(), len, null_mut(), error)
            });
        };
        feed(table, "no bytes", TRM_ERR_NULL, null(), 1);
        feed(table, "impossible length", TRM_ERR_INVALID, dangling(), usize::MAX);
        let large = vec![b'x'; 4097];
        feed(table, "larger than the arena", TRM_ERR_RANGE, large.as_ptr(), large.len());
        let open_ended = [b'a'; 64];
        feed(table, "too much under way", TRM_ERR_LIMIT, open_ended.as_ptr(), open_ended.len());
        for n in 0..4 {
            stream.feed(if n == 0 { b"" } else { b"aa" }).unwrap();
        }
        feed(table, "full", TRM_QUEUE_FULL, b"a".as_ptr(), 1);
        table.answers("trm_stream_close", "full", TRM_QUEUE_FULL, trm_stream_close(stream.0, null_mut()));
        engine.drain_one(NOW).unwrap();
        engine.collect_all(1);
        table.answers("trm_stream_close", "good", TRM_OK, trm_stream_close(stream.0, null_mut()));
        table.answers("trm_stream_close", "closed", TRM_ERR_HANDLE, trm_stream_close(stream.0, null_mut()));
        feed(table, "closed", TRM_ERR_HANDLE, b"a".as_ptr(), 1);
        while engine.drain_one(NOW).is_ok() {}
        let last = engine.collect_all(4).pop().unwrap();
        assert_eq!(
            (last.spans(), last.completion.correlation),
            (vec![(0, 6, 0)], 7),
            "what was refused changed nothing"
        );

        // Streams of handles that are gone, and of closed engines.
        let attached = engine.attach();
        let (orphan, late) = (attached.open_stream(0, 0, 0).unwrap(), engine.open_stream(0, 0, 0).unwrap());
        attached.destroy();
        for (name, call) in every::on_stream() {
            table.answers(name, "its handle is destroyed", TRM_ERR_HANDLE, call(orphan.0));
        }
        assert_eq!(engine.close(LONG), TRM_OK);
        for (name, call) in every::on_stream() {
            table.answers(name, "its engine is closed", TRM_ERR_CLOSED, call(late.0));
        }
        engine.destroy();
        for (name, call) in every::on_stream() {
            table.answers(name, "its engine is destroyed", TRM_ERR_HANDLE, call(late.0));
        }
        trm_stream_destroy(late.0);
        for (name, call) in every::on_stream() {
            table.answers(name, "destroyed", TRM_ERR_HANDLE, call(late.0));
        }
    }
}

pub fn segments(table: &mut Table) {
    let engine = Engine::with_rules(&["abc"], |options| options.arena_bytes = 4096);
    let segment = |bytes: *const u8, len| trm_segment { bytes: bytes.cast(), len };
    let good = segment(b"ab".as_ptr(), 2);
    let (no_bytes, impossible) = ([good, segment(null(), 1)], [good, segment(dangling(), usize::MAX)]);
    let (two, three) = ([good, good], [good, segment(null(), 0), segment(b"c".as_ptr(), 1)]);
    let tries = [
        ("no segments", TRM_ERR_NULL, null(), 1, 0),
        ("impossible count", TRM_ERR_INVALID, dangling(), usize::MAX, 0),
        ("no bytes", TRM_ERR_NULL, no_bytes.as_ptr(), 2, 0),
        ("impossible length", TRM_ERR_INVALID, impossible.as_ptr(), 2, 0),
        ("unknown set", TRM_ERR_NO_RULES, two.as_ptr(), 2, 9),
        ("good", TRM_OK, three.as_ptr(), 3, 0),
        ("none", TRM_OK, null(), 0, 0),
    ];
    for (what, expected, segments, count, set) in tries {
        // SAFETY: as in `streams`.
        let got = unsafe { trm_submit_segments(engine.raw(), segments, count, set, 0, null_mut()) };
        table.answers("trm_submit_segments", what, expected, got);
    }
    let large = vec![b'x'; 2049];
    let got = engine.submit_segments(&[&large, &large], 0).unwrap_err();
    table.answers("trm_submit_segments", "larger than the arena", TRM_ERR_RANGE, got);
    let items = engine.collect_all(2);
    assert_eq!((items[0].spans(), items[1].spans()), (vec![(0, 3, 0)], vec![]));
    assert_eq!(engine.stats().arena_used, 0);
}
