//! Registered buffers: the callers' own memory as input, read in place.

mod abi;

use abi::*;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread::scope;

const PATTERNS: [&str; 2] = ["needle", "[0-9]+x"];

fn text() -> Vec<u8> {
    let words: [&[u8]; 5] = [b"hay ", b"needle", b"12x ", b"9", b"stack of needles "];
    (0..4000usize).flat_map(|n| words[(n * n / 7 + n) % 5].iter().copied()).collect()
}

fn item(offset: u32, from: usize, len: usize, correlation: u32) -> trm_work_item {
    trm_work_item { input_offset: offset + from as u32, input_len: len as u32, rule_set_id: 0, correlation }
}

#[test]
fn items_in_a_buffer_have_the_answers_of_their_bytes() {
    let text = text();
    let engine = Engine::with_rules(&PATTERNS, |options| options.arena_bytes = 1 << 16);
    // SAFETY: the text stays until it is unregistered.
    let offset = unsafe { engine.register(&text) }.unwrap();
    let in_arena = engine.put(b"a needle");
    for round in 0..40usize {
        let cuts: Vec<(usize, usize)> = (0..50)
            .map(|n| {
                let from = (n * 313 + round * 7919) % (text.len() - 300);
                (from, (n * n + round) % 300)
            })
            .collect();
        let mut items: Vec<_> =
            cuts.iter().enumerate().map(|(n, &(from, len))| item(offset, from, len, n as u32)).collect();
        // Both kinds in one batch.
        items.insert(round, item(in_arena.input_offset, 0, 8, 1000));
        let (mut sent, mut answers) = (0, Vec::new());
        while answers.len() < items.len() {
            if sent < items.len() {
                sent += engine.enqueue_batch(&items[sent..]).map_or(0, |(_, accepted)| accepted);
            }
            answers.extend(engine.collect(LONG).unwrap());
        }
        for answer in &answers {
            let bytes = match answer.completion.correlation {
                1000 => &b"a needle"[..],
                n => &text[cuts[n as usize].0..][..cuts[n as usize].1],
            };
            let expected = engine.scan(0, bytes).unwrap();
            let found: Vec<_> = answer.matches.iter().map(|m| (m.start, m.end, m.rule_id)).collect();
            let wanted: Vec<_> = expected.iter().map(|m| (m.start, m.end, m.rule_id)).collect();
            assert_eq!(found, wanted);
        }
    }
    assert_eq!(engine.unregister(offset, LONG), TRM_OK);
    assert_eq!(engine.release(in_arena.input_offset), TRM_OK);
    assert_eq!(engine.stats().arena_used, 0);
}

#[test]
fn nothing_is_copied_for_the_callers_own_threads() {
    let text = text();
    let engine = Engine::caller(&PATTERNS, |options| options.arena_bytes = 4096);
    // SAFETY: the text stays until it is unregistered.
    let offset = unsafe { engine.register(&text) }.unwrap();
    let ticket = engine.enqueue(item(offset, 100, 5000, 0)).unwrap();
    let claimed = engine.claim(LONG).unwrap();
    assert_eq!((claimed.ticket(), claimed.0.bytes), (ticket, text[100..].as_ptr().cast()));
    assert_eq!(engine.stats().arena_used, 0);
    assert_eq!(engine.unregister(offset, 1_000_000), TRM_TIMEOUT, "its item is claimed");
    assert_eq!(engine.mark_done(ticket, TRM_OK, &[]), TRM_OK);
    assert_eq!(engine.unregister(offset, LONG), TRM_OK, "nobody has collected it, and nobody needs to");
    assert_eq!(engine.collect(NOW).unwrap().len(), 1);
}

/// Unregistering races with the enqueueing of others: what was accepted is answered, and then the memory is free. It is
/// written over at once, so that an answer made later would show.
#[test]
fn unregistering_waits_for_what_others_enqueue() {
    const WORDS: usize = 250;
    let engine = Engine::with_rules(&PATTERNS, |options| options.ring_size = 64);
    for round in 0..100u64 {
        let mut text = b"needle. ".repeat(2 * WORDS);
        // SAFETY: the text stays until it is unregistered.
        let offset = unsafe { engine.register(&text) }.unwrap();
        let refused = AtomicBool::new(false);
        scope(|threads| {
            let handle = engine.attach();
            let refused = &refused;
            threads.spawn(move || {
                let (mut sent, mut seen) = (0usize, 0);
                let check = |items: &[Item]| {
                    for item in items {
                        assert_eq!(item.completion.match_count, WORDS as u64, "read after it was unregistered");
                    }
                    items.len()
                };
                while !refused.load(SeqCst) {
                    match handle.enqueue(item(offset, 8 * (sent % WORDS), 8 * WORDS, 0)) {
                        Ok(_) => sent += 1,
                        Err(TRM_ERR_RANGE) => refused.store(true, SeqCst),
                        Err(status) => assert_eq!(status, TRM_QUEUE_FULL),
                    }
                    seen += handle.collect(NOW).map_or(0, |items| check(&items));
                }
                check(&handle.collect_all(sent - seen));
            });
            std::thread::sleep(std::time::Duration::from_micros(round * 20));
            assert_eq!(engine.unregister(offset, LONG), TRM_OK);
            text.fill(b'.');
        });
        assert!(refused.load(SeqCst));
        assert_eq!(engine.unregister(offset, NOW), TRM_ERR_INVALID);
    }
}
