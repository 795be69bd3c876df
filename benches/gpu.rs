//! Figures of the resident kernel, on the adapter that TROMMEL_ADAPTER names or the best there is.
//!
//! Prints a table and appends JSON lines to target/bench/results.jsonl (TROMMEL_BENCH_RESULTS names another file).
//! `cargo bench --bench gpu -- NAME...` runs only the rows whose name contains one of the words.

#[path = "../tests/common/gpu.rs"]
mod common;

use std::io::Write;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::engine::{Answer, Buffers, Engine, Handle, Mode};
use trommel::gpu::persistent::{Kernel, Options};
use trommel::gpu::{Device, Job, SetKind};
use trommel::rules::{CompileOptions, Rules};
use trommel::types::{trm_completion, trm_work_item};

struct Row {
    id: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    peer: &'static str,
    peer_value: f64,
}

struct Bench {
    device: Device,
    hardware: String,
    file: Option<std::fs::File>,
    only: Vec<String>,
}

impl Bench {
    fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| id.contains(word.as_str()))
    }

    fn row(&mut self, row: Row) {
        let ratio = if row.peer_value > 0.0 { row.value / row.peer_value } else { 0.0 };
        println!("{:<28} {:>12.3} {:<9} {}", row.id, row.value, row.unit, row.what);
        let line = serde_json::json!({
            "id": row.id, "what": row.what, "value": row.value, "unit": row.unit, "peer": row.peer,
            "peer_value": row.peer_value, "ratio": ratio, "hardware": self.hardware,
        });
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{line}");
        }
    }

    fn plain(&mut self, id: &'static str, what: impl Into<String>, value: f64, unit: &'static str) {
        self.row(Row { id, what: what.into(), value, unit, peer: "", peer_value: 0.0 });
    }
}

fn main() {
    let only: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let device = common::device();
    let path = std::env::var("TROMMEL_BENCH_RESULTS").unwrap_or_else(|_| "target/bench/results.jsonl".into());
    if let Some(parent) = std::path::Path::new(&path).parent() {
        let _ = std::fs::create_dir_all(parent);
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).ok();
    let hardware = format!(
        "{}, {}, {} cores",
        device.info().name,
        device.info().driver,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!("{hardware}");
    let mut bench = Bench { device, hardware, file, only };
    warm(&mut bench);
    if bench.wants("submit_wait") {
        submit_wait(&mut bench);
    }
    if bench.wants("round_trip") {
        round_trip(&mut bench);
    }
    if bench.wants("items") {
        for workers in [64, 132, 264, 528] {
            throughput(&mut bench, "items_1_thread", 1, workers, 256, Duration::from_millis(10));
            throughput(&mut bench, "items_8_threads", 8, workers, 256, Duration::from_millis(10));
        }
        for batch in [16, 64, 1024] {
            throughput(&mut bench, "items_1_thread", 1, 132, batch, Duration::from_millis(10));
        }
    }
    if bench.wants("lease") {
        for ms in [5, 10, 20, 100, 10_000] {
            throughput(&mut bench, "lease_items", 1, 132, 256, Duration::from_millis(ms));
        }
    }
    if bench.wants("burst") {
        burst(&mut bench);
    }
    if bench.wants("first_after_idle") {
        first_after_idle(&mut bench);
    }
    if bench.wants("engine") {
        engine_rows(&mut bench);
    }
    if bench.wants("power") {
        power(&mut bench);
    }
}

fn engine(bench: &Bench, ring_size: u32) -> Handle {
    let adapter = Some(bench.device.info().index.to_string());
    let options = trommel::engine::Options { mode: Mode::Force, adapter, ring_size, ..Default::default() };
    let handle = Engine::create(options).unwrap_or_else(|e| panic!("{}", e.message));
    let empty = Rules::compile(&[], &CompileOptions::default()).unwrap();
    handle.engine().load_rules(1, std::sync::Arc::new(empty)).unwrap();
    handle
}

/// Through the engine, as the C ABI calls it.
fn engine_rows(bench: &mut Bench) {
    let software = bench.device.is_software();
    let handle = engine(bench, 1 << 16);
    let item = |i: u32| trm_work_item { input_offset: i * 1024, input_len: 1024, rule_set_id: 1, correlation: i };
    // SAFETY: plain integers.
    let zero: trm_completion = unsafe { std::mem::zeroed() };
    let mut completions = vec![zero; 4096];
    let mut times = Vec::new();
    for _ in 0..if software { 2000 } else { 100_000 } {
        let began = Instant::now();
        let (position, _) = handle.enqueue(&[item(0)]).unwrap();
        let mut buffers = Buffers { completions: &mut completions, matches: &mut [] };
        let answer = handle.wait(position.ticket(), None, &mut buffers);
        times.push(began.elapsed().as_nanos() as u64);
        assert!(matches!(answer, Answer::Took(_)));
    }
    times.sort_unstable();
    bench.plain("engine_round_trip_p50", "one 1 KiB item, empty set, enqueue and wait", percentile(&times, 0.5), "us");
    bench.plain("engine_round_trip_p99", "same", percentile(&times, 0.99), "us");
    drop(handle);
    for (id, threads, batch) in
        [("engine_items_1_thread", 1, 256), ("engine_items_8_threads", 8, 256), ("engine_single", 1, 1)]
    {
        let main = engine(bench, 1 << 16);
        let total = AtomicU64::new(0);
        let began = Instant::now();
        let time = Duration::from_millis(500);
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let handle = main.attach().unwrap();
                let total = &total;
                scope.spawn(move || {
                    let items: Vec<_> = (0..batch as u32).map(item).collect();
                    let mut completions = vec![zero; 4096];
                    let (mut sent, mut done) = (0u64, 0u64);
                    let depth = (1u64 << 15) / threads;
                    loop {
                        let over = began.elapsed() > time;
                        if over && sent == done {
                            break;
                        }
                        if !over {
                            for _ in 0..(1024 / batch).max(1) {
                                if sent - done < depth
                                    && let Ok((_, count)) = handle.enqueue(&items)
                                {
                                    sent += count as u64;
                                }
                            }
                        }
                        let mut buffers = Buffers { completions: &mut completions, matches: &mut [] };
                        if let Answer::Took(taken) = handle.collect(Some(began), &mut buffers) {
                            done += taken.items as u64;
                        }
                    }
                    total.fetch_add(done, Ordering::Relaxed);
                });
            }
        });
        let rate = total.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
        bench.plain(id, format!("enqueue and collect, {threads} threads, batches of {batch}"), rate / 1e6, "M items/s");
    }
}

fn nvidia_smi(field: &str) -> Option<f64> {
    let output = std::process::Command::new("nvidia-smi")
        .args([&format!("--query-gpu={field}"), "--format=csv,noheader,nounits"])
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.lines().next()?.trim().parse().ok()
}

/// A cold GPU runs at a fraction of its clock: work for a second, then look.
fn warm(bench: &mut Bench) {
    if bench.device.is_software() {
        return;
    }
    throughput_of(&bench.device, 2, 528, 256, Duration::from_millis(10), Duration::from_secs(1));
    let options = Options { idle: Duration::from_secs(10), ..Options::default() };
    let kernel = Kernel::new(&bench.device, &options).unwrap();
    kernel.publish(0, &[Job::default()]);
    std::thread::sleep(Duration::from_millis(300));
    if let Some(clock) = nvidia_smi("clocks.sm") {
        bench.plain("warm_clock", "SM clock while resident", clock, "MHz");
        assert!(clock > 1000.0, "the GPU is not warm: figures would mean nothing");
    }
}

fn percentile(sorted: &[u64], p: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * p) as usize] as f64 / 1000.0
}

#[inline]
fn spin_done(kernel: &Kernel, position: u64) {
    if kernel.poll_done(position).is_none() {
        spin_slow(kernel, position);
    }
}

fn spin_slow(kernel: &Kernel, position: u64) {
    let began = Instant::now();
    let mut spins = 0u64;
    while kernel.poll_done(position).is_none() {
        spins += 1;
        if spins.is_multiple_of(1 << 20) {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "no completion: {:?} {}",
                kernel.progress(),
                kernel.why_dead()
            );
            if kernel.progress().dead {
                panic!("dead: {}", kernel.why_dead());
            }
        }
        std::hint::spin_loop();
    }
}

fn submit_wait(bench: &mut Bench) {
    let mut times =
        trommel::gpu::batch::submit_wait_times(&bench.device, if bench.device.is_software() { 100 } else { 2000 });
    times.sort_unstable();
    bench.plain("submit_wait_p50", "wgpu: one dispatch submitted, waited for", percentile(&times, 0.5), "us");
    bench.plain("submit_wait_p99", "same", percentile(&times, 0.99), "us");
}

fn round_trip(bench: &mut Bench) {
    let count = if bench.device.is_software() { 2000u64 } else { 100_000 };
    for (id50, id99, what, kind, store) in [
        ("round_trip_p50", "round_trip_p99", "one 1 KiB item, empty set", SetKind::Empty, false),
        (
            "round_trip_stored_p50",
            "round_trip_stored_p99",
            "one 1 KiB item, bytes stored, all read",
            SetKind::Probe,
            true,
        ),
    ] {
        for workers in [1, 64, 132, 264] {
            let options = Options { idle: Duration::from_secs(2), workers: (workers, workers), ..Options::default() };
            let kernel = Kernel::new(&bench.device, &options).unwrap();
            let set = kernel.load(kind).unwrap();
            let bytes = [7u8; 1024];
            let mut times = Vec::new();
            for position in 0..count {
                let began = Instant::now();
                if store {
                    // SAFETY: inside the arena; the item before has been consumed.
                    unsafe { kernel.write_arena(0, &bytes) };
                }
                kernel.publish(position, &[Job { offset: 0, len: 1024, set: set.index() }]);
                spin_done(&kernel, position);
                times.push(began.elapsed().as_nanos() as u64);
            }
            times.sort_unstable();
            let peer = "wgpu submit+wait 33 us, CUDA launch+wait 9.8 us, gdrcopy 1.09 us";
            let what = format!("{what}, {workers} workers");
            bench.row(Row {
                id: id50,
                what: what.clone(),
                value: percentile(&times, 0.5),
                unit: "us",
                peer,
                peer_value: 9.8,
            });
            bench.row(Row { id: id99, what, value: percentile(&times, 0.99), unit: "us", peer: "", peer_value: 0.0 });
        }
    }
}

/// Items a second, and the longest time without a completion.
fn throughput_of(
    device: &Device,
    threads: u64,
    workers: u32,
    batch: u64,
    lease: Duration,
    time: Duration,
) -> (f64, Vec<u64>, u64) {
    let ring = 1u64 << 16;
    let options = Options { ring: ring as u32, workers: (workers, workers), lease, ..Options::default() };
    let kernel = Kernel::new(device, &options).unwrap();
    // Blocks of `batch` positions: a block may be published when its slots' previous lap was consumed.
    let blocks = ring / batch;
    let consumed: Vec<AtomicU32> = (0..blocks).map(|_| AtomicU32::new(0)).collect();
    let next = AtomicU64::new(0);
    let total = AtomicU64::new(0);
    let gaps = std::sync::Mutex::new(Vec::new());
    let jobs: Vec<Job> = (0..batch).map(|i| Job { offset: (i * 1024) as u32, len: 1024, set: 0 }).collect();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut mine = std::collections::VecDeque::new();
                let mut reserved = None;
                let mut last = Instant::now();
                let mut worst = Vec::new();
                let mut sum = 0;
                let depth = (blocks / threads / 2).max(1) as usize;
                loop {
                    let over = began.elapsed() > time;
                    if !over && reserved.is_none() && mine.len() < depth {
                        reserved = Some(next.fetch_add(1, Ordering::Relaxed));
                    }
                    // A reserved block is published even when time is up: others may wait for a later one.
                    let free = |block: &u64| {
                        u64::from(consumed[(block % blocks) as usize].load(Ordering::Acquire)) == block / blocks
                    };
                    if let Some(block) = reserved.take_if(|block| free(block)) {
                        kernel.publish(block * batch, &jobs);
                        mine.push_back(block);
                    }
                    let Some(&block) = mine.front() else {
                        if over && reserved.is_none() {
                            break;
                        }
                        continue;
                    };
                    let done = kernel.poll_done(block * batch + batch - 1).is_some();
                    if !done && !over && reserved.is_none() && mine.len() < depth {
                        continue;
                    }
                    for i in 0..batch {
                        spin_done(&kernel, block * batch + i);
                    }
                    mine.pop_front();
                    let now = Instant::now();
                    worst.push((now - last).as_nanos() as u64);
                    last = now;
                    sum += batch;
                    consumed[(block % blocks) as usize].store((block / blocks + 1) as u32, Ordering::Release);
                }
                total.fetch_add(sum, Ordering::Relaxed);
                gaps.lock().unwrap().extend(worst.into_iter().skip(depth));
            });
        }
    });
    let rate = total.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64();
    let leases = kernel.counters().leases;
    (rate, gaps.into_inner().unwrap(), leases)
}

fn throughput(bench: &mut Bench, id: &'static str, threads: u64, workers: u32, batch: u64, lease: Duration) {
    let time = Duration::from_millis(400);
    let (rate, mut gaps, leases) = throughput_of(&bench.device, threads, workers, batch, lease, time);
    let what = format!("{threads} threads, batches of {batch}, {workers} workers, lease {lease:?}, {leases} leases");
    bench.plain(id, what.clone(), rate / 1e6, "M items/s");
    if id == "lease_items" {
        // The gaps of hand-overs are the longest ones, one a lease.
        gaps.sort_unstable();
        let worst = &gaps[gaps.len() - (leases as usize).clamp(1, gaps.len())..];
        bench.plain("lease_gap_p50", what.clone(), percentile(worst, 0.5), "us");
        bench.plain("lease_gap_max", what, percentile(worst, 1.0), "us");
    }
}

/// 10,000 jobs at once, from the first publish to the last completion.
fn burst(bench: &mut Bench) {
    let options = Options { idle: Duration::from_secs(2), ..Options::default() };
    let kernel = Kernel::new(&bench.device, &options).unwrap();
    let jobs = vec![Job { offset: 0, len: 1024, set: 0 }; 256];
    let mut times = Vec::new();
    let mut position = 0;
    for _ in 0..if bench.device.is_software() { 3 } else { 200 } {
        let began = Instant::now();
        let first = position;
        for _ in 0..39 {
            kernel.publish(position, &jobs);
            position += 256;
        }
        for p in first..position {
            spin_done(&kernel, p);
        }
        times.push(began.elapsed().as_nanos() as u64);
    }
    times.sort_unstable();
    let value = percentile(&times, 0.5);
    bench.row(Row {
        id: "burst_10000_p50",
        what: "9,984 jobs of 1 KiB already there, batches of 256, first publish to last completion".into(),
        value,
        unit: "us",
        peer: "10,000 CUDA launches",
        peer_value: 41_000.0,
    });
    bench.plain("burst_10000_p99", "same", percentile(&times, 0.99), "us");
}

fn first_after_idle(bench: &mut Bench) {
    let options = Options { idle: Duration::from_millis(2), ..Options::default() };
    let kernel = Kernel::new(&bench.device, &options).unwrap();
    let mut times = Vec::new();
    for position in 0..100 {
        while kernel.progress().resident {
            std::thread::sleep(Duration::from_micros(100));
        }
        std::thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        kernel.publish(position, &[Job::default()]);
        spin_done(&kernel, position);
        times.push(began.elapsed().as_nanos() as u64);
    }
    times.sort_unstable();
    bench.plain("first_after_idle_p50", "first item after the idle release", percentile(&times, 0.5), "us");
    bench.plain("first_after_idle_p99", "same", percentile(&times, 0.99), "us");
}

fn power(bench: &mut Bench) {
    let settled = |seconds| {
        std::thread::sleep(Duration::from_secs(seconds));
        let readings: Vec<f64> = (0..5)
            .filter_map(|_| {
                std::thread::sleep(Duration::from_millis(150));
                nvidia_smi("power.draw")
            })
            .collect();
        readings.iter().sum::<f64>() / readings.len().max(1) as f64
    };
    if nvidia_smi("power.draw").is_none() {
        return;
    }
    for workers in [32, 64, 132] {
        let options = Options { idle: Duration::from_secs(60), workers: (workers, workers), ..Options::default() };
        let kernel = Kernel::new(&bench.device, &options).unwrap();
        kernel.publish(0, &[Job::default()]);
        let watts = settled(3);
        bench.plain("power_resident", format!("idle resident, {workers} workers"), watts, "W");
    }
    let options = Options { idle: Duration::from_millis(5), ..Options::default() };
    let kernel = Kernel::new(&bench.device, &options).unwrap();
    kernel.publish(0, &[Job::default()]);
    let watts = settled(6);
    bench.plain("power_released", "after idle release, engine open", watts, "W");
}
