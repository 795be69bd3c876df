//! What the engine costs on top of its matcher: the CPU drain against the same matcher in a bare loop with as many
//! threads, over the same items; and what an engine costs to make and end.

mod common;

use common::{Row, median, record};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use trommel::engine::{Answer, Buffers, Engine, Options, Processor};
use trommel::rules::{CompileOptions, Pattern, Rules, flags};
use trommel::scan::Scratch;
use trommel::types::{trm_completion, trm_match, trm_work_item};

const ROUNDS: usize = 9;
const CORPUS: usize = 32 << 20;
/// Times that the corpus is scanned in a round.
const LAPS: usize = 4;

fn main() {
    let corpus = source_text(CORPUS);
    let rules = Arc::new(keywords());
    // The thread that feeds has a processor too.
    let threads = std::thread::available_parallelism().map_or(1, |all| (all.get() - 1).max(1));
    let names: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let wanted = |id: &str| names.is_empty() || names.iter().any(|name| id.contains(name.as_str()));
    let rows = [("engine-1k", 1024, false), ("engine-256", 256, false), ("engine-registered", 16 << 10, true)];
    for (id, size, registered) in rows.into_iter().filter(|row| wanted(row.0)) {
        let (mut ratios, mut rates, mut cpu) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let bare = bare_loop(&rules, &corpus, size, threads, LAPS);
            let engine = through_engine(&rules, &corpus, size, threads, registered, LAPS);
            assert_eq!(engine.0, bare.0, "the engine and the bare loop find the same");
            ratios.push(bare.1[0] / engine.1[0]);
            cpu.push(bare.1[1] / engine.1[1]);
            rates.push([engine.1[0], bare.1[0]].map(|seconds| (LAPS * corpus.len()) as f64 / seconds / 1e9));
        }
        let (value, peer) =
            (median(rates.iter().map(|r| r[0]).collect()), median(rates.iter().map(|r| r[1]).collect()));
        let what = format!(
            "{size} B items of crate sources, {threads} worker threads, one feeding{}",
            if registered { ", a registered buffer" } else { "" }
        );
        record(&Row {
            id,
            what: &what,
            value,
            unit: "GB/s",
            peer: Some(("bare matcher", peer)),
            ratio: Some(median(ratios)),
        });
        println!("{id:<16} {:.2}x by processor time, the feeding thread's included", median(cpu));
    }
    let rows: [(&'static str, &str, usize, usize, Way); 2] = [
        ("engine-stream", "one stream in pieces of 64 KiB", 64 << 10, threads, |rules, corpus, threads| {
            through_stream(rules, corpus, 64 << 10, threads)
        }),
        ("engine-file", "trm_scan_file of a file in the page cache", 64 << 10, 1, |rules, corpus, _| {
            through_file(rules, corpus)
        }),
    ];
    for (id, what, size, threads, way) in rows.into_iter().filter(|row| wanted(row.0)) {
        let (mut ratios, mut rates) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (bare, [seconds, _]) = bare_loop(&rules, &corpus, size, threads, 1);
            let other = way(&rules, &corpus, threads);
            // Bare items are cut where streams and files are not.
            assert!(other.0 >= bare && other.0 - bare < 64, "{id}: {} and {bare} matches", other.0);
            ratios.push(seconds / other.1);
            rates.push((corpus.len() as f64 / other.1 / 1e9, corpus.len() as f64 / seconds / 1e9));
        }
        let (value, peer) = (median(rates.iter().map(|r| r.0).collect()), median(rates.iter().map(|r| r.1).collect()));
        let (peer, ratio) = (Some(("bare matcher", peer)), Some(median(ratios)));
        record(&Row { id, what: &format!("{what}, {threads} threads scanning"), value, unit: "GB/s", peer, ratio });
    }
    if wanted("engine-open") {
        open_and_close();
    }
}

/// Matches and seconds of one way to scan everything.
type Way = fn(&Arc<Rules>, &[u8], usize) -> (u64, f64);

/// Bytes of Rust sources that the build itself downloaded, or, where there are none, generated text.
fn source_text(len: usize) -> Vec<u8> {
    let mut text = Vec::with_capacity(len);
    let home = std::env::var_os("CARGO_HOME").map(std::path::PathBuf::from);
    let home = home.or_else(|| std::env::home_dir().map(|home| home.join(".cargo"))).unwrap_or_default();
    let mut folders = vec![home.join("registry/src")];
    while let Some(folder) = folders.pop() {
        let mut entries: Vec<_> = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|e| e.path()).collect();
        entries.sort();
        for path in entries {
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(rs) if rs == "rs" && text.len() < len => text.extend(std::fs::read(path).unwrap_or_default()),
                _ => {}
            }
        }
    }
    let mut n = 0u64;
    while text.len() < len {
        n += 1;
        text.extend(format!("let value_{n} = call({});\n", n.wrapping_mul(2654435761) % 9973).bytes());
    }
    text.truncate(len);
    text
}

/// A thousand words that are rare in sources, as a scanner's rules are.
fn keywords() -> Rules {
    let words: Vec<String> =
        (0..1000u32).map(|n| format!("key{:05x}_token", n.wrapping_mul(2654435761) >> 12)).collect();
    let patterns: Vec<Pattern<'_>> = words
        .iter()
        .zip(0..)
        .map(|(word, id)| Pattern { bytes: word.as_bytes(), id, flags: flags::LITERAL })
        .chain([Pattern { bytes: b"unsafe", id: 5000, flags: flags::LITERAL }])
        .collect();
    Rules::compile(&patterns, &CompileOptions::default()).expect("plain words compile")
}

/// Seconds since a start, by the clock and by what the process used of all processors. The latter tells the same on a
/// machine that does something else.
struct Watch(Instant, f64);

impl Watch {
    fn start() -> Self {
        Self(Instant::now(), Self::processors())
    }

    fn stop(self) -> [f64; 2] {
        [self.0.elapsed().as_secs_f64(), Self::processors() - self.1]
    }

    fn processors() -> f64 {
        let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: a valid pointer to a timespec.
        unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    }
}

/// Matches and seconds of the matcher alone.
fn bare_loop(rules: &Rules, corpus: &[u8], size: usize, threads: usize, laps: usize) -> (u64, [f64; 2]) {
    const SHARE: usize = 64;
    let (next, watch) = (AtomicUsize::new(0), Watch::start());
    let count = std::thread::scope(|scope| {
        let work = || {
            let (mut scratch, mut out, mut found) = (Scratch::default(), Vec::new(), 0);
            loop {
                let first = next.fetch_add(SHARE, Ordering::Relaxed) * size;
                if first >= laps * corpus.len() {
                    return found;
                }
                let first = first % corpus.len();
                for item in corpus[first..corpus.len().min(first + SHARE * size)].chunks(size) {
                    out.clear();
                    found += rules.scan(item, &mut scratch, u64::MAX, &mut out);
                }
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    (count, watch.stop())
}

/// Matches and seconds of the same items, lying in the arena or in a registered buffer, through ring, drain and
/// collection.
fn through_engine(
    rules: &Arc<Rules>,
    corpus: &[u8],
    size: usize,
    threads: usize,
    registered: bool,
    laps: usize,
) -> (u64, [f64; 2]) {
    let options = Options {
        processor: Processor::Cpu,
        cpu_threads: threads as u32,
        arena_bytes: corpus.len() as u64,
        ..Options::default()
    };
    let handle = Engine::create(options).expect("an engine can be made");
    handle.engine().load_rules(1, rules.clone()).expect("there is room for a set");
    let arena = handle.engine().arena();
    let offset = if registered {
        // SAFETY: the engine is gone before the corpus is.
        unsafe { arena.registered().register(corpus.as_ptr(), corpus.len() as u64) }.expect("it fits")
    } else {
        let region = handle.acquire(corpus.len() as u32, None).expect("it fits").expect("the arena is empty");
        arena.write(&region, corpus);
        region.offset
    };
    let items: Vec<trm_work_item> = (0..laps * corpus.len() / size)
        .map(|n| trm_work_item {
            input_offset: offset + (n * size % corpus.len()) as u32,
            input_len: size as u32,
            rule_set_id: 1,
            correlation: n as u32,
        })
        .collect();
    let mut completions = vec![trm_completion::default(); 1024];
    let mut matches = vec![trm_match::default(); 8192];
    let mut scan = |items: &[trm_work_item]| {
        let (mut sent, mut done, mut found) = (0, 0, 0);
        while done < items.len() {
            while sent < items.len() {
                match handle.enqueue(&items[sent..items.len().min(sent + 1024)]) {
                    Ok((_, count)) => sent += count,
                    Err(_full) => break,
                }
            }
            let mut buffers = Buffers { completions: &mut completions, matches: &mut matches };
            if let Answer::Took(taken) = handle.collect(None, &mut buffers) {
                done += taken.items;
                found += completions[..taken.items].iter().map(|completion| completion.match_count).sum::<u64>();
            }
        }
        found
    };
    // The engine's own memory is touched for the first time here.
    scan(&items[..items.len() / laps]);
    let watch = Watch::start();
    (scan(&items), watch.stop())
}

/// Matches and seconds of one stream.
fn through_stream(rules: &Arc<Rules>, corpus: &[u8], size: usize, threads: usize) -> (u64, f64) {
    let options = Options { processor: Processor::Cpu, cpu_threads: threads as u32, ..Options::default() };
    let handle = Engine::create(options).expect("an engine can be made");
    handle.engine().load_rules(1, rules.clone()).expect("there is room for a set");
    let stream = handle.open_stream(1, 0, 1 << 20).expect("it is open");
    let mut completions = vec![trm_completion::default(); 256];
    let mut matches = vec![trm_match::default(); 1 << 16];
    let (mut open, mut found) = (0, 0);
    let mut collect = |open: &mut usize| {
        let mut buffers = Buffers { completions: &mut completions, matches: &mut matches };
        if let Answer::Took(taken) = handle.collect(None, &mut buffers) {
            *open -= taken.items;
            found += completions[..taken.items].iter().map(|completion| completion.match_count).sum::<u64>();
        }
    };
    let start = Instant::now();
    for piece in corpus.chunks(size) {
        while open >= 64 || stream.feed(piece).is_err() {
            collect(&mut open);
        }
        open += 1;
    }
    stream.close().expect("there is room");
    open += 1;
    while open > 0 {
        collect(&mut open);
    }
    (found, start.elapsed().as_secs_f64())
}

/// Matches and seconds of a file.
fn through_file(rules: &Arc<Rules>, corpus: &[u8]) -> (u64, f64) {
    let handle = Engine::create(Options { processor: Processor::Cpu, cpu_threads: 1, ..Options::default() })
        .expect("an engine can be made");
    handle.engine().load_rules(1, rules.clone()).expect("there is room for a set");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), corpus).expect("room for it");
    let (mut found, mut scanned) = (0, 0);
    let start = Instant::now();
    let whole = handle.engine().scan_file(1, file.path(), 1 << 20, &mut scanned, |matches| {
        found += matches.len() as u64;
        true
    });
    assert!(whole.expect("it can be read"));
    (found, start.elapsed().as_secs_f64())
}

fn open_and_close() {
    let mut times = Vec::new();
    let before = resident();
    let mut most = 0;
    for _ in 0..20 {
        let start = Instant::now();
        let handle =
            Engine::create(Options { processor: Processor::Cpu, ..Options::default() }).expect("an engine can be made");
        most = most.max(resident().saturating_sub(before));
        handle.close(None).expect("it closes");
        drop(handle);
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let row = |id, what, value, unit| record(&Row { id, what, value, unit, peer: None, ratio: None });
    row("engine-open", "create + close + destroy, CPU drain, default options", median(times), "ms");
    row("engine-open-rss", "memory that it makes resident", most as f64 / f64::from(1 << 20), "MiB");
}

/// Resident bytes of this process.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).map_or(0, |pages| pages * 4096)
}
