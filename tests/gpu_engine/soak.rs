//! Staged input over many laps of a small arena: as many items as `TROMMEL_CASES` says. What each must find follows from its
//! number, and all bytes are others in each lap, so that an old byte, a lost or a doubled item shows.

use super::*;
use trommel::engine::Text;

const ITEMS: usize = 256;
const SIZE: usize = 64;
/// Batches that a thread has out at most.
const OUT: usize = 8;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Way {
    Arena,
    Registered,
    Submit,
}

/// Words of 8 letters each, none of which overlaps another or itself.
fn words() -> Vec<[u8; 8]> {
    let letter = |n: usize| b'a' + (n % 25) as u8;
    (0..1000)
        .map(|n| [b'z', letter(n), letter(n / 25), b'q', letter(n / 625), letter(n * 7), letter(n * 3), b'y'])
        .collect()
}

/// The word and the place of an item's only match.
fn of(number: u64) -> (usize, usize) {
    let mixed = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    ((mixed % 1000) as usize, (mixed >> 12) as usize % (SIZE - 7))
}

fn write_items(first: u64, words: &[[u8; 8]], bytes: &mut [u8]) {
    for (number, item) in (first..).zip(bytes.chunks_exact_mut(SIZE)) {
        let (word, at) = of(number);
        item.fill(b'.' + (number % 2) as u8);
        item[at..at + 8].copy_from_slice(&words[word]);
    }
}

/// Pours items through a handle; their numbers begin at `first`. Counts what is wrong.
fn pour(handle: &Handle, way: Way, first: u64, total: u64, words: &[[u8; 8]]) -> u64 {
    let engine = handle.engine();
    let mut own: Vec<Vec<u8>> = vec![vec![0; ITEMS * SIZE]; OUT];
    let regions: Vec<_> = match way {
        Way::Arena => (0..OUT).map(|_| handle.acquire((ITEMS * SIZE) as u32, None).unwrap().unwrap()).collect(),
        _ => Vec::new(),
    };
    let offsets: Vec<u32> = match way {
        Way::Arena => regions.iter().map(|region| region.offset).collect(),
        Way::Registered => {
            // SAFETY: the vectors stay until the buffers are unregistered, and are written while none of their items is in
            // flight.
            let register = |b: &Vec<u8>| unsafe { engine.register(b.as_ptr(), b.len() as u64) };
            own.iter().map(|bytes| register(bytes).unwrap()).collect()
        }
        Way::Submit => vec![0; OUT],
    };
    let (mut numbers, mut seen) = (vec![0u64; OUT], vec![vec![true; ITEMS]; OUT]);
    let (mut pending, mut sent, mut done, mut wrong) = (vec![0usize; OUT], 0u64, 0u64, 0u64);
    let mut completions = vec![trm_completion::default(); 2048];
    let mut matches = vec![trm_match::default(); 4096];
    let mut slot = 0;
    while done < total {
        let mut left = if pending[slot] == 0 && sent < total { ITEMS } else { 0 };
        if left > 0 {
            numbers[slot] = first + sent;
            seen[slot].fill(false);
            pending[slot] = ITEMS;
            write_items(numbers[slot], words, &mut own[slot]);
            if way == Way::Arena {
                engine.arena().write(&regions[slot], &own[slot]);
            }
        }
        loop {
            if left > 0 {
                let from = ITEMS - left;
                let accepted = match way {
                    Way::Submit => handle.submit_all((from..ITEMS).map(|i| Text {
                        bytes: &own[slot][i * SIZE..][..SIZE],
                        rule_set_id: 9,
                        correlation: (slot * ITEMS + i) as u32,
                    })),
                    _ => {
                        let item = |i: usize| trm_work_item {
                            input_offset: offsets[slot] + (i * SIZE) as u32,
                            input_len: SIZE as u32,
                            rule_set_id: 9,
                            correlation: (slot * ITEMS + i) as u32,
                        };
                        handle.enqueue(&(from..ITEMS).map(item).collect::<Vec<_>>())
                    }
                };
                match accepted {
                    Ok((_, count)) => (left, sent) = (left - count, sent + count as u64),
                    Err(full) => assert!(matches!(full.status, TRM_QUEUE_FULL | TRM_ARENA_FULL), "{full:?}"),
                }
            }
            let mut buffers = Buffers { completions: &mut completions, matches: &mut matches };
            let taken = match handle.collect(Some(Instant::now()), &mut buffers) {
                Answer::Took(taken) => taken,
                Answer::Late => Default::default(),
                other => panic!("{other:?}"),
            };
            for completion in &completions[..taken.items] {
                let (slot, i) = (completion.correlation as usize / ITEMS, completion.correlation as usize % ITEMS);
                let (word, at) = of(numbers[slot] + i as u64);
                let found = &matches[completion.first_match as usize..][..completion.match_count as usize];
                let right = |m: &trm_match| (m.rule_id, m.start, m.end) == (word as u32, at as u64, at as u64 + 8);
                let once = !std::mem::replace(&mut seen[slot][i], true);
                wrong += u64::from(!once || completion.status != 0 || found.len() != 1 || !right(&found[0]));
                pending[slot] -= 1;
                done += 1;
            }
            if left == 0 {
                break;
            }
        }
        slot = (slot + 1) % OUT;
    }
    if way == Way::Registered {
        let unregister = |&offset| engine.arena().registered().unregister(offset, Some(Instant::now())).unwrap();
        assert!(offsets.iter().all(unregister));
    }
    regions.iter().for_each(|region| engine.arena().release(region.offset).unwrap());
    wrong
}

#[cfg(feature = "faults")]
#[test]
fn soak_staged() {
    let _alone = FAULTS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    let total: u64 =
        std::env::var("TROMMEL_CASES").map_or(60_000, |cases| cases.parse().expect("TROMMEL_CASES is a number"));
    let words = words();
    let patterns: Vec<_> =
        words.iter().zip(0..).map(|(word, id)| Pattern { bytes: word, id, flags: flags::LITERAL }).collect();
    let rules = Arc::new(Rules::compile(&patterns, &CompileOptions::default()).unwrap());
    const THREADS: u64 = 8;
    // Copy engines and stores in turns, call by call, and by how much comes.
    for how in [2, 0] {
        trommel::faults::pump(how);
        let options = Options { staged_input: true, ring_size: 1 << 15, arena_bytes: 16 << 20, ..options() };
        let main = Engine::create(options).unwrap_or_else(|e| panic!("{}", e.message));
        main.engine().load_rules(9, rules.clone()).unwrap();
        let began = Instant::now();
        let each = (total / 2 / THREADS).next_multiple_of(ITEMS as u64);
        let wrong: u64 = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|n| {
                    let (handle, words) = (main.attach().unwrap(), &words);
                    let way = [Way::Arena, Way::Registered, Way::Arena, Way::Submit][n as usize % 4];
                    scope.spawn(move || pour(&handle, way, n * each, each, words))
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let stats = main.engine().stats();
        println!("{} items in {:?}: {wrong} wrong; {stats:?}", each * THREADS, began.elapsed());
        assert_eq!((wrong, stats.finished, stats.in_flight), (0, each * THREADS, 0));
        assert_eq!(stats.drain, DrainKind::Persistent, "{:?}", main.engine().drain_now());
        if how == 2 {
            assert!(stats.device.pumped_bytes > stats.bytes / 4 && stats.device.pumped_bytes < stats.bytes * 3 / 4);
        }
    }
    trommel::faults::pump(0);
}
