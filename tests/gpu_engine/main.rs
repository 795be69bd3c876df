//! The engine over the GPU drains: the same answers as the matcher alone, on whatever adapter there is.
#![cfg(feature = "gpu")]

#[path = "../common/gpu.rs"]
mod common;
#[cfg(feature = "faults")]
mod faults;
mod items;
mod registered;
#[cfg(feature = "faults")]
mod soak;

use std::collections::HashMap;
use std::sync::{Arc, RwLock, RwLockReadGuard};
use std::time::{Duration, Instant};
use trommel::drain::DrainKind;
use trommel::engine::{Answer, Buffers, Engine, Handle, Log, Mode, Options, Processor};
use trommel::rules::{CompileOptions, Pattern, Rules, flags};
use trommel::scan::{Match, Scratch};
use trommel::status::{TRM_ARENA_FULL, TRM_QUEUE_FULL};
use trommel::types::{trm_completion, trm_match, trm_work_item};

fn options() -> Options {
    common::small_engine(256)
}

fn rules(patterns: &[(&str, u32)]) -> Arc<Rules> {
    let patterns: Vec<_> = patterns
        .iter()
        .enumerate()
        .map(|(id, (text, flags))| Pattern { bytes: text.as_bytes(), id: id as u32, flags: *flags })
        .collect();
    Arc::new(Rules::compile(&patterns, &CompileOptions::default()).unwrap())
}

fn sets() -> Vec<Arc<Rules>> {
    vec![
        rules(&[]),
        rules(&[("needle", flags::LITERAL), ("Hay", flags::LITERAL | flags::CASELESS), ("ayneed", flags::LITERAL)]),
        rules(&[("ab", flags::LITERAL), ("b", flags::LITERAL), ("abcdefghij", flags::LITERAL)]),
        rules(&[("[0-9]{3}", 0), ("need\\w+", 0), ("^a|b$", 0)]),
    ]
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}

fn text(random: &mut Random) -> Vec<u8> {
    let len = match random.next() % 8 {
        0 => random.next() % 4,
        1 => random.next() % 3000,
        _ => random.next() % 200,
    };
    let mut bytes = Vec::new();
    while (bytes.len() as u64) < len {
        match random.next() % 6 {
            0 => bytes.extend_from_slice(b"hayneedle"),
            1 => bytes.extend_from_slice(b"HAY needle"),
            2 => bytes.extend_from_slice(b"abcdefghij123"),
            3 => bytes.push(b'\n'),
            _ => bytes.push(random.next() as u8),
        }
    }
    bytes.truncate(len as usize);
    bytes
}

fn collect(handle: &Handle, completions: &mut Vec<trm_completion>, matches: &mut Vec<trm_match>) -> usize {
    let mut some = [trm_completion::default(); 64];
    let mut room = vec![trm_match::default(); 1 << 16];
    let mut buffers = Buffers { completions: &mut some, matches: &mut room };
    match handle.collect(Some(Instant::now() + Duration::from_secs(20)), &mut buffers) {
        Answer::Took(taken) => {
            completions.extend_from_slice(&some[..taken.items]);
            matches.extend_from_slice(&room[..taken.matches]);
            taken.items
        }
        other => panic!("{other:?} {:?}", handle.engine().drain_now()),
    }
}

/// Pours `total` random items of all sets through a handle and compares every answer with the matcher's.
fn compare(handle: &Handle, total: usize, seed: u64) {
    let sets = sets();
    let mut random = Random(seed | 1);
    let mut scratch = Scratch::default();
    let mut expected: HashMap<u32, (u64, Vec<Match>)> = HashMap::new();
    let (mut sent, mut done) = (0usize, 0usize);
    while done < total {
        while sent < total && sent - done < 200 {
            let bytes = text(&mut random);
            let set = (random.next() % sets.len() as u64) as u32;
            if handle.submit(&bytes, set, sent as u32).is_err() {
                break;
            }
            let mut matches = Vec::new();
            let count = sets[set as usize].scan(&bytes, &mut scratch, u64::MAX, &mut matches);
            expected.insert(sent as u32, (count, matches));
            sent += 1;
        }
        if sent == done {
            // The others have the whole ring.
            std::thread::yield_now();
            continue;
        }
        let (mut completions, mut matches) = (Vec::new(), Vec::new());
        done += collect(handle, &mut completions, &mut matches);
        for completion in &completions {
            let (count, wanted) = expected.remove(&completion.correlation).expect("an item was completed twice");
            assert_eq!(completion.status, 0);
            assert_eq!(completion.match_count, count);
            let first = completion.first_match as usize;
            let found: Vec<Match> = matches[first..first + count as usize]
                .iter()
                .map(|m| Match { start: m.start, end: m.end, rule_id: m.rule_id })
                .collect();
            assert_eq!(found, wanted, "item {}", completion.correlation);
        }
    }
    assert!(expected.is_empty());
}

/// Faults are planted for the whole process: tests that want none share this lock, those that plant some have it alone.
static FAULTS: RwLock<()> = RwLock::new(());

fn calm() -> RwLockReadGuard<'static, ()> {
    FAULTS.read().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn engine(options: Options) -> Handle {
    let handle = Engine::create(options).unwrap_or_else(|e| panic!("{}", e.message));
    for (id, set) in sets().into_iter().enumerate() {
        handle.engine().load_rules(id as u32, set).unwrap();
    }
    handle
}

fn scale() -> usize {
    if common::device().is_software() { 1 } else { 20 }
}

#[test]
fn forced_is_resident_and_answers_like_the_matcher() {
    // Leases go by time: beside others that share the GPU, and where the comparison is slow, there are more of them for as
    // many items.
    let _alone = FAULTS.write().unwrap_or_else(|poisoned| poisoned.into_inner());
    let handle = engine(Options { lease_ms: 100, ..options() });
    assert_eq!(handle.engine().stats().drain, DrainKind::Persistent);
    let total = 5000 * scale();
    compare(&handle, total, 7);
    let stats = handle.engine().stats();
    assert_eq!(stats.drain, DrainKind::Persistent, "it silently went elsewhere: {:?}", handle.engine().drain_now());
    assert_eq!(stats.finished, total as u64);
    println!("{:?}", stats.device);
    assert!(stats.device.launches > 0 && stats.device.failovers == 0);
    if !common::device().is_software() {
        assert!(stats.device.launches * 1000 <= total as u64, "not resident: {:?}", stats.device);
    }
    assert!(handle.close(Some(Instant::now() + Duration::from_secs(10))).unwrap());
}

#[test]
fn batches_answer_like_the_matcher() {
    let _calm = calm();
    let handle = engine(Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() });
    let total = 5000 * scale();
    compare(&handle, total, 77);
    let stats = handle.engine().stats();
    assert_eq!(stats.drain, DrainKind::Batch, "{:?}", handle.engine().drain_now());
    println!("{:?}", stats.device);
    assert!(stats.device.launches > 0 && stats.device.host_items < total as u64);
    assert!(handle.close(Some(Instant::now() + Duration::from_secs(10))).unwrap());
}

#[test]
fn several_handles_and_engines_at_once() {
    let _calm = calm();
    let engines = [engine(options()), engine(options())];
    std::thread::scope(|scope| {
        for (e, main) in engines.iter().enumerate() {
            for n in 0..3 {
                let handle = main.attach().unwrap();
                scope.spawn(move || compare(&handle, 1000 * scale(), (e * 10 + n) as u64 + 99));
            }
        }
    });
    for main in &engines {
        assert_eq!(main.engine().stats().in_flight, 0);
    }
}

/// Regions are written again and again, in a small arena: bytes of an earlier item would show.
#[cfg(feature = "faults")]
#[test]
fn staged_input_is_moved_by_stores_and_by_copy_engines() {
    let _calm = calm();
    trommel::faults::pump(2);
    let main = engine(Options { staged_input: true, arena_bytes: 256 << 10, ..options() });
    let total = 2000 * scale();
    std::thread::scope(|scope| {
        for n in 0..3 {
            let handle = main.attach().unwrap();
            scope.spawn(move || compare(&handle, total, 33 + n));
        }
    });
    let stats = main.engine().stats();
    println!("{stats:?}");
    assert_eq!(stats.drain, DrainKind::Persistent, "{:?}", main.engine().drain_now());
    assert!(stats.device.pumped_bytes * 4 > stats.bytes && stats.device.pumped_bytes < stats.bytes, "{stats:?}");
    assert!(main.close(Some(Instant::now() + Duration::from_secs(10))).unwrap());
}

/// The comparison over as many items as `TROMMEL_CASES` says, other ones with another `TROMMEL_SEED`, through both GPU drains,
/// one of them with both kinds of input.
#[test]
fn soak_oracle() {
    let _calm = calm();
    let total: usize =
        std::env::var("TROMMEL_CASES").map_or(8_000, |cases| cases.parse().expect("TROMMEL_CASES is a number"));
    let seed: u64 = std::env::var("TROMMEL_SEED").map_or(1, |seed| seed.parse().expect("TROMMEL_SEED is a number"));
    let staged = Options { staged_input: true, ..options() };
    #[cfg(feature = "faults")]
    trommel::faults::pump(2);
    let drains = [options(), staged, Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() }];
    for (options, part) in drains.into_iter().zip([total / 2, total * 2 / 5, total / 10]) {
        let main = engine(Options { ring_size: 4096, arena_bytes: 8 << 20, cpu_threads: 6, ..options });
        let began = Instant::now();
        std::thread::scope(|scope| {
            for n in 0..8 {
                let handle = main.attach().unwrap();
                scope.spawn(move || compare(&handle, part / 8, seed * 1000 + n));
            }
        });
        let stats = main.engine().stats();
        println!("{part} items in {:?} through {:?}: {:?}", began.elapsed(), stats.drain, stats.device);
        assert_ne!(stats.drain, DrainKind::Cpu, "{:?}", main.engine().drain_now());
    }
}

#[test]
fn waits_answer_single_items_and_tickets_stay_exact() {
    let _calm = calm();
    let handle = engine(options());
    for n in 0..300u64 {
        let position = handle.submit(b"a needle", 1, n as u32).unwrap();
        let (mut completion, mut matches) = ([trm_completion::default(); 1], [trm_match::default(); 4]);
        let mut buffers = Buffers { completions: &mut completion, matches: &mut matches };
        let deadline = Some(Instant::now() + Duration::from_secs(20));
        match handle.wait(position.ticket(), deadline, &mut buffers) {
            Answer::Took(taken) => assert_eq!((taken.items, taken.matches), (1, 1)),
            other => panic!("{other:?}"),
        }
        assert_eq!((matches[0].start, matches[0].end), (2, 8));
        assert_eq!(handle.stage(position.ticket()).unwrap(), trommel::ring::Stage::Released);
    }
}

/// The descriptor says when there is something, though nobody looks: epoll, collect until there is nothing, epoll again.
#[cfg(target_os = "linux")]
#[test]
fn the_event_descriptor_tells_of_what_the_device_has_done() {
    let _calm = calm();
    let handle = engine(options());
    let fd = handle.event_fd().unwrap();
    let readable = |milliseconds| {
        let mut poll = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        // SAFETY: one entry, alive during the call.
        unsafe { libc::poll(&mut poll, 1, milliseconds) == 1 }
    };
    assert!(!readable(0));
    let mut needless = 0;
    for round in 0..100u32 {
        let count = 1 + round % 7;
        for n in 0..count {
            handle.submit(b"a needle in the hay", n % 4, n).unwrap();
        }
        let mut done = 0;
        while done < count as usize {
            assert!(readable(20_000), "round {round}: {done} of {count}, {:?}", handle.engine().stats());
            loop {
                let mut some = [trm_completion::default(); 3];
                let mut room = vec![trm_match::default(); 64];
                let mut buffers = Buffers { completions: &mut some, matches: &mut room };
                match handle.collect(Some(Instant::now()), &mut buffers) {
                    Answer::Took(taken) => done += taken.items,
                    Answer::Late => break,
                    other => panic!("{other:?}"),
                }
            }
        }
        // Now and then it is readable without need, as trommel.h says: who finished the last item tells of it a moment later.
        // The next look settles it.
        for looks in 0.. {
            if !readable(0) {
                break;
            }
            needless += 1;
            assert!(looks < 3 && needless < 30, "round {round}: nothing is left");
            let (mut some, mut room) = ([trm_completion::default(); 3], vec![trm_match::default(); 64]);
            let mut buffers = Buffers { completions: &mut some, matches: &mut room };
            assert!(matches!(handle.collect(Some(Instant::now()), &mut buffers), Answer::Late));
        }
    }
}

#[test]
fn nobody_needs_to_come_by() {
    let _calm = calm();
    let handle = engine(Options { delivery: trommel::engine::Delivery::None, ..options() });
    for n in 0..100 {
        handle.submit(b"a needle in the hay", n % 4, n).unwrap();
    }
    let began = Instant::now();
    while handle.engine().stats().in_flight > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "{:?}", handle.engine().stats());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(handle.engine().stats().finished, 100);
}

#[test]
fn sets_are_replaced_under_load() {
    let _calm = calm();
    let handle = engine(options());
    let all = sets();
    for n in 0..60 {
        handle.engine().load_rules(9, all[n % all.len()].clone()).unwrap();
        let bytes = b"hayneedle 123 ab";
        let expected = all[n % all.len()].scan(bytes, &mut Scratch::default(), u64::MAX, &mut Vec::new());
        for i in 0..10 {
            handle.submit(bytes, 9, i).unwrap();
        }
        let mut done = 0;
        while done < 10 {
            let (mut completions, mut matches) = (Vec::new(), Vec::new());
            done += collect(&handle, &mut completions, &mut matches);
            assert!(completions.iter().all(|c| c.match_count == expected));
        }
        handle.engine().unload_rules(9).unwrap();
    }
}

/// A driver may wait for its own threads while it closes a device, and for locks that ending threads of the caller hold.
#[test]
fn engines_come_and_go_on_threads_that_come_and_go() {
    let _calm = calm();
    for round in 0..scale().min(4) {
        let threads: Vec<_> = (0..6u64)
            .map(|n| {
                std::thread::spawn(move || {
                    let batch = Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() };
                    let handle = engine(if n % 2 == 0 { options() } else { batch });
                    // One that ends while others may be closing theirs.
                    let other = handle.attach().unwrap();
                    let used = std::thread::spawn(move || compare(&other, 20, n + 1));
                    compare(&handle, 50, n + 9);
                    used.join().unwrap();
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        println!("round {round}");
    }
}

#[test]
fn what_cannot_be_had_is_told() {
    let _calm = calm();
    let refused = |options: Options| Engine::create(options).err().expect("refused").message;
    let message = refused(Options { adapter: Some("no such adapter".into()), ..options() });
    assert!(message.contains("no such adapter"), "{message}");
    let auto = Options { mode: Mode::Auto, adapter: Some("no such adapter".into()), ..options() };
    let handle = Engine::create(auto).unwrap();
    assert_eq!(handle.engine().stats().drain, DrainKind::Cpu);
    assert!(handle.engine().drain_now().1.contains("no such adapter"));
    let disabled = Options { mode: Mode::Disable, processor: Processor::Any, ..options() };
    assert_eq!(Engine::create(disabled).unwrap().engine().stats().drain, DrainKind::Cpu);
}
