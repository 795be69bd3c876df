//! Items that are not like most: large, in registered buffers, with many matches, hostile.

use super::*;

/// Software devices cut loops off, and an item this large runs into it: what was not looked at must not count as clean.
#[test]
fn large_items_are_scanned_to_their_end() {
    let _calm = calm();
    for options in [options(), Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() }] {
        let handle = engine(options);
        for (n, len) in [9_000, 30_000, 60_000, 110_000, 190_000, 400_000].into_iter().enumerate() {
            let mut bytes = vec![b'.'; len];
            for at in [0, len / 3, len - 6] {
                bytes[at..at + 6].copy_from_slice(b"needle");
            }
            handle.submit(&bytes, 1, n as u32).unwrap();
            let (mut completions, mut matches) = (Vec::new(), Vec::new());
            assert_eq!(collect(&handle, &mut completions, &mut matches), 1);
            let starts: Vec<u64> = matches.iter().map(|m| m.start).collect();
            assert_eq!(starts, [0, len as u64 / 3, len as u64 - 6], "{len} bytes");
        }
    }
}

/// The device sees the arena only: items in registered buffers are copied there, and the buffer is free at once.
#[test]
fn items_in_registered_buffers_are_found_on_the_device() {
    let _calm = calm();
    let text = b"hay needle hay needle ".repeat(200);
    for options in [options(), Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() }] {
        let handle = engine(options);
        let registered = handle.engine().arena().registered();
        // SAFETY: the text stays to the end of the test.
        let offset = unsafe { registered.register(text.as_ptr(), text.len() as u64) }.unwrap();
        let in_arena = handle.acquire(8, None).unwrap().unwrap();
        handle.engine().arena().write(&in_arena, b"a needle");
        let items: Vec<_> = (0..100u32)
            .map(|n| trm_work_item {
                input_offset: if n % 10 == 3 { in_arena.offset } else { offset + 22 * n },
                input_len: if n % 10 == 3 { 8 } else { 22 },
                rule_set_id: 1,
                correlation: n,
            })
            .collect();
        let mut sent = 0;
        let (mut completions, mut matches) = (Vec::new(), Vec::new());
        while completions.len() < items.len() {
            while sent < items.len() {
                match handle.enqueue(&items[sent..]) {
                    Ok((_, accepted)) => sent += accepted,
                    Err(full) => {
                        assert!(full.status == TRM_ARENA_FULL || full.status == TRM_QUEUE_FULL, "{full:?}");
                        break;
                    }
                }
            }
            collect(&handle, &mut completions, &mut matches);
        }
        for completion in &completions {
            let wanted = if completion.correlation % 10 == 3 { 1 } else { 4 };
            assert_eq!(completion.match_count, wanted, "{completion:?}");
        }
        assert!(registered.unregister(offset, Some(Instant::now())).unwrap());
        handle.engine().arena().release(in_arena.offset).unwrap();
        assert_eq!(handle.engine().arena().used(), 0);
    }
}

/// Thousands of matches in an item are the device's to report; what is left for the host is counted.
#[test]
fn items_with_many_matches_are_answered_by_the_device() {
    let _calm = calm();
    let set = &sets()[1];
    for options in [options(), Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() }] {
        let handle = engine(options);
        for n in 0..40 {
            let bytes = b"hay needle, ".repeat(10 * n);
            let mut expected = Vec::new();
            set.scan(&bytes, &mut Scratch::default(), u64::MAX, &mut expected);
            handle.submit(&bytes, 1, n as u32).unwrap();
            let (mut completions, mut matches) = (Vec::new(), Vec::new());
            assert_eq!(collect(&handle, &mut completions, &mut matches), 1);
            let found: Vec<Match> =
                matches.iter().map(|m| Match { start: m.start, end: m.end, rule_id: m.rule_id }).collect();
            assert_eq!(found, expected, "{n}");
        }
        let device = handle.engine().stats().device;
        println!("{device:?}");
        if common::device().is_software() {
            assert!(device.host_items < 30, "{device:?}");
        } else {
            assert_eq!(device.host_items, 0, "{device:?}");
        }
    }
}

/// A text made to cost: at each of its strings a walk would go on to the end. The device gives it up in time, and the host
/// answers.
#[test]
fn a_hostile_item_is_given_up_by_the_device() {
    let _calm = calm();
    let handle = engine(Options { arena_bytes: 4 << 20, ..options() });
    let rules = rules(&[("key[a-z ]+!", 0)]);
    handle.engine().load_rules(50, rules.clone()).unwrap();
    let mut bytes = b"key ".repeat(64 << 10);
    for end in [b'.', b'!'] {
        *bytes.last_mut().unwrap() = end;
        let before = handle.engine().stats().device;
        let began = Instant::now();
        handle.submit(&bytes, 50, 0).unwrap();
        let (mut completions, mut matches) = (Vec::new(), Vec::new());
        assert_eq!(collect(&handle, &mut completions, &mut matches), 1);
        let mut expected = Vec::new();
        rules.scan(&bytes, &mut Scratch::default(), u64::MAX, &mut expected);
        let found: Vec<Match> =
            matches.iter().map(|m| Match { start: m.start, end: m.end, rule_id: m.rule_id }).collect();
        assert_eq!(found, expected);
        let after = handle.engine().stats().device;
        println!("{:?}, {after:?}", began.elapsed());
        assert_eq!(after.host_items - before.host_items, 1);
        assert_eq!(after.host_bytes - before.host_bytes, bytes.len() as u64);
        assert!(after.host_ns > before.host_ns);
        assert_eq!(after.failovers, 0, "the watchdog is not what ends it");
    }
}

/// A set whose tables don't fit says so with the numbers, and its items are answered all the same; other sets stay on the
/// device.
#[test]
fn a_set_that_is_too_large_for_the_device_is_scanned_here() {
    let _calm = calm();
    let texts: Vec<String> = (0..2000).map(|n| format!("{n}:{}", "x".repeat(40_000))).collect();
    let patterns: Vec<(&str, u32)> = texts.iter().map(|text| (text.as_str(), flags::LITERAL)).collect();
    let large = rules(&patterns);
    for options in [options(), Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() }] {
        static SAID: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());
        unsafe extern "C" fn note(_: *mut std::ffi::c_void, _: i32, message: *const std::ffi::c_char) {
            // SAFETY: a string, by the callback's contract.
            let message = unsafe { std::ffi::CStr::from_ptr(message) }.to_string_lossy().into_owned();
            SAID.lock().unwrap().push(message);
        }
        // SAFETY: the callback needs nothing.
        let log = unsafe { Log::new(note, std::ptr::null_mut()) };
        let handle = engine(Options { log, ..options });
        handle.engine().load_rules(70, large.clone()).unwrap();
        let before = handle.engine().stats().device;
        let text = format!("-7:{}-", "x".repeat(40_000));
        handle.submit(text.as_bytes(), 70, 0).unwrap();
        handle.submit(b"a needle", 1, 1).unwrap();
        let (mut completions, mut matches) = (Vec::new(), Vec::new());
        while completions.len() < 2 {
            collect(&handle, &mut completions, &mut matches);
        }
        let mut found: Vec<_> = matches.iter().map(|m| (m.rule_id, m.start)).collect();
        found.sort_unstable();
        assert!(found.contains(&(7, 1)), "{found:?}");
        assert_eq!(completions.iter().map(|one| one.match_count).sum::<u64>(), 2);
        let after = handle.engine().stats().device;
        assert_eq!(after.host_bytes - before.host_bytes, text.len() as u64, "the small set's item is the device's");
        let said = std::mem::take(&mut *SAID.lock().unwrap());
        let warning = said.iter().find(|one| one.contains("rule set 70")).unwrap_or_else(|| panic!("{said:?}"));
        assert!(warning.contains("bytes") && warning.contains("67108864"), "{warning}");
    }
}
