//! Staged input from registered buffers: moved from where it is by copy engines and by the processor, or copied first.

use super::*;

/// Random text, made of the same pieces as other items'.
fn fill(random: &mut Random, buffer: &mut [u8]) {
    let mut at = 0;
    while at < buffer.len() {
        let mut some = text(random);
        some.truncate(buffer.len() - at);
        buffer[at..at + some.len()].copy_from_slice(&some);
        at += some.len().max(1);
    }
}

/// Where the items of a round lie in a buffer of so many bytes: a large one, a row of neighbours, small ones anywhere.
fn cuts(random: &mut Random, len: usize) -> Vec<(usize, usize)> {
    let mut cuts = Vec::new();
    let mut below = |limit: usize| (random.next() % limit as u64) as usize;
    let large = 8 << 10 | below(32 << 10);
    cuts.push((below(len - large), large));
    let (from, each) = (below(len - 64 * 640), 64 * (1 + below(9)));
    cuts.extend((0..below(60)).map(|n| (from + n * each, each)));
    for _ in 0..5 {
        let from = below(len);
        cuts.push((from, below(300).min(len - from)));
    }
    cuts.push((len, 0));
    cuts.push((len - 1, 1));
    cuts
}

/// Rounds of items in registered buffers, whose bytes are others in each round, between items of other kinds.
fn pour(handle: &Handle, rounds: usize, seed: u64, imported: impl Fn(usize) -> bool) {
    let sets = sets();
    let (mut random, mut scratch) = (Random(seed | 1), Scratch::default());
    let mut memory = [vec![0u8; 150_001], vec![0; 70_000]];
    let engine = handle.engine();
    let before = engine.stats().imported_bytes;
    let offsets: Vec<u32> = memory
        .iter()
        .enumerate()
        .map(|(n, bytes)| {
            // Not at the start of a page, and not to the end of one.
            let bytes = &bytes[1 + n..];
            // SAFETY: it stays until it is unregistered, and is written only while no item is in flight.
            unsafe { engine.register(bytes.as_ptr(), bytes.len() as u64) }.unwrap()
        })
        .collect();
    let wanted: usize = (0..2).filter(|&n| imported(n)).map(|n| memory[n].len() - 1 - n).sum();
    if seed.is_multiple_of(2) {
        // No other thread registers.
        assert_eq!(engine.stats().imported_bytes - before, wanted as u64);
    }
    let region = handle.acquire(640, None).unwrap().unwrap();
    for round in 0..rounds {
        let mut items = Vec::new();
        let mut expected = Vec::new();
        let mut expect = |bytes: &[u8], set: u32| {
            let mut matches = Vec::new();
            sets[set as usize].scan(bytes, &mut scratch, u64::MAX, &mut matches);
            expected.push(Some(matches));
        };
        for (n, bytes) in memory.iter_mut().enumerate() {
            let bytes = &mut bytes[1 + n..];
            fill(&mut random, bytes);
            for (from, len) in cuts(&mut random, bytes.len()) {
                let set = (random.next() % sets.len() as u64) as u32;
                let correlation = items.len() as u32;
                let input_offset = offsets[n] + from as u32;
                items.push(trm_work_item { input_offset, input_len: len as u32, rule_set_id: set, correlation });
                expect(&bytes[from..from + len], set);
            }
            let own = [&b"a needle "[..], &[b'0' + round as u8 % 10; 3]].concat();
            engine.arena().write(&region, &own);
            if n == 0 {
                let (input_offset, correlation) = (region.offset, items.len() as u32);
                items.push(trm_work_item { input_offset, input_len: own.len() as u32, rule_set_id: 3, correlation });
                expect(&own, 3);
            }
        }
        let (mut sent, mut done) = (0, 0);
        while done < items.len() {
            if sent < items.len() {
                let upto = items.len().min(sent + 1 + (random.next() % 40) as usize);
                match handle.enqueue(&items[sent..upto]) {
                    Ok((_, accepted)) => sent += accepted,
                    Err(full) => assert!(matches!(full.status, TRM_ARENA_FULL | TRM_QUEUE_FULL), "{full:?}"),
                }
            }
            if sent == done {
                // Others have all of the room.
                std::thread::yield_now();
                continue;
            }
            let (mut completions, mut matches) = (Vec::new(), Vec::new());
            done += collect(handle, &mut completions, &mut matches);
            for completion in &completions {
                let nth = completion.correlation as usize;
                let wanted = expected[nth].take().expect("an item was completed twice");
                let found: Vec<Match> = matches[completion.first_match as usize..][..completion.match_count as usize]
                    .iter()
                    .map(|m| Match { start: m.start, end: m.end, rule_id: m.rule_id })
                    .collect();
                assert!(found == wanted, "round {round}, {:?}: {found:?} for {wanted:?}", items[nth]);
            }
        }
    }
    for offset in offsets {
        assert!(engine.arena().registered().unregister(offset, Some(Instant::now())).unwrap(), "all items are over");
    }
    engine.arena().release(region.offset).unwrap();
}

fn staged() -> Options {
    Options { staged_input: true, ring_size: 512, arena_bytes: 512 << 10, ..options() }
}

#[cfg(feature = "faults")]
#[test]
fn registered_buffers_are_read_where_they_are_or_copied() {
    let _alone = FAULTS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    // Moved by copy engines, by both in turns, by how much it is; with none, one and both of the buffers refused.
    for (how, refused) in [(1, 0), (2, 1), (0, 0), (1, 2), (2, 3)] {
        trommel::faults::pump(how);
        let handle = engine(staged());
        let seed = 2 * u64::from(how) + 4;
        match refused {
            3 => {
                trommel::faults::refuse_import(1);
                pour(&handle, 3, seed, |n| n != 0);
                trommel::faults::refuse_import(2);
                pour(&handle, 3, seed, |n| n != 1);
            }
            n => {
                trommel::faults::refuse_import(n);
                pour(&handle, 4 * scale(), seed, |buffer| buffer + 1 != n as usize);
            }
        }
        trommel::faults::refuse_import(0);
        let stats = handle.engine().stats();
        println!("{how} {refused} {stats:?}");
        assert_eq!(
            (stats.drain, stats.imported_bytes),
            (DrainKind::Persistent, 0),
            "{:?}",
            handle.engine().drain_now()
        );
        assert!(how != 1 || stats.device.pumped_bytes > stats.bytes / 4, "{stats:?}");
        assert!(stats.arena_used <= 128 << 10, "a block of copies may be kept: {stats:?}");
    }
    trommel::faults::pump(0);
}

#[test]
fn several_threads_share_the_way_from_their_buffers() {
    let _calm = calm();
    let main = engine(Options { arena_bytes: 8 << 20, ..staged() });
    std::thread::scope(|scope| {
        for n in 0..3 {
            let handle = main.attach().unwrap();
            scope.spawn(move || pour(&handle, 5 * scale(), 2 * n + 11, |_| true));
        }
        let handle = main.attach().unwrap();
        scope.spawn(move || compare(&handle, 500 * scale(), 3));
    });
    let stats = main.engine().stats();
    assert_eq!((stats.in_flight, stats.imported_bytes), (0, 0), "{stats:?}");
}

/// When the device is lost the items are scanned where their bytes are, and the buffers are free as soon as that is over.
#[cfg(feature = "faults")]
#[test]
fn a_lost_device_reads_no_buffer_that_is_gone() {
    let _alone = FAULTS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    for n in [1, 3, 6] {
        trommel::faults::pump(1);
        let handle = engine(Options { lease_ms: 1, ..staged() });
        trommel::faults::lose_copy_engines(n);
        let began = Instant::now();
        while handle.engine().stats().device.failovers == 0 {
            pour(&handle, 1, 8, |_| true);
            assert!(began.elapsed() < Duration::from_secs(30), "the loss went unnoticed");
        }
        pour(&handle, 2, 10, |_| true);
        assert_eq!(handle.engine().stats().in_flight, 0);
    }
    trommel::faults::lose_copy_engines(0);
    trommel::faults::pump(0);
}
