//! Many texts in one call.

use super::abi::*;
use super::text_of;
use std::thread::scope;

/// Submits all of these, however often there is no room first, and checks their answers.
fn check_all(handle: &Engine, numbers: &[u64]) {
    let texts: Vec<_> = numbers.iter().map(|&n| text_of(n)).collect();
    let bytes: Vec<&[u8]> = texts.iter().map(|(text, _)| &text[..]).collect();
    let (mut sent, mut seen, mut tickets) = (0, 0, std::collections::HashMap::new());
    while seen < texts.len() {
        match handle.submit_batch(0, &bytes[sent..]) {
            Ok((first, accepted)) => {
                assert!(accepted <= 256 && (accepted > 0 || sent == texts.len()));
                // A text's correlation counts from the first of its call.
                tickets.extend((0..accepted as u64).map(|n| (first + n, (sent, n as usize))));
                sent += accepted;
            }
            Err(status) => assert!(matches!(status, TRM_QUEUE_FULL | TRM_ARENA_FULL), "{status}"),
        }
        if seen < sent {
            for item in handle.collect(LONG).unwrap() {
                let (before, nth) = tickets.remove(&item.completion.ticket).expect("each ticket comes once");
                assert_eq!(item.completion.correlation as usize, nth);
                assert_eq!(item.spans(), texts[before + nth].1);
                seen += 1;
            }
        }
    }
    assert!(tickets.is_empty());
}

#[test]
fn many_texts_are_each_answered_once_whatever_there_is_room_for() {
    for (ring_size, arena_bytes) in [(8192, 64 << 20), (64, 64 << 20), (8192, 4096), (1, 4096)] {
        let engine = Engine::with_rules(&["needle"], |options| {
            options.ring_size = ring_size;
            options.arena_bytes = arena_bytes;
        });
        let count = if ring_size == 1 { 300 } else { 3000 };
        scope(|threads| {
            for t in 0..3 {
                let handle = engine.attach();
                threads.spawn(move || check_all(&handle, &(t * count..(t + 1) * count).collect::<Vec<_>>()));
            }
        });
        let stats = engine.stats();
        assert_eq!((stats.finished, stats.arena_used <= 3 << 20), (3 * count, true), "a block a thread may be kept");
    }
}

#[test]
fn large_texts_lie_apart_between_small_ones() {
    let engine = Engine::with_rules(&["needle"], |options| options.arena_bytes = 64 << 20);
    let large = [vec![b'.'; 3 << 20], b"needle".to_vec()].concat();
    let texts = [b"needle", &large[..], b"", &large, b"a needle"];
    assert_eq!(engine.submit_batch(0, &texts), Ok((1, 5)));
    for (item, expected) in engine.collect_all(5).iter().zip([Some(0), Some(3 << 20), None, Some(3 << 20), Some(2)]) {
        assert_eq!(item.spans(), expected.map(|at| (at, at + 6, 0)).into_iter().collect::<Vec<_>>());
    }
    // As many as there is room for: two of them.
    let engine = Engine::with_rules(&["needle"], |options| options.arena_bytes = 8 << 20);
    assert_eq!(engine.submit_batch(0, &[&large, &large, &large]), Ok((1, 2)));
    engine.collect_all(2);
    assert_eq!(engine.stats().arena_used, 0);
}
