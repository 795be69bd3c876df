//! Below the engine: the kernel and its memory alone.

use super::{Bench, Row, abi::percentile};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::gpu::persistent::{Kernel, Options};
use trommel::gpu::{Device, Job, SetKind};

pub(super) fn rows(bench: &mut Bench) {
    if bench.wants("kernel_round_trip") {
        round_trip(bench);
    }
    if bench.wants("kernel_items") {
        for workers in [64, 132, 264, 528] {
            throughput(bench, "kernel_items_1", 1, workers, 256, Duration::from_millis(10));
            throughput(bench, "kernel_items_8", 8, workers, 256, Duration::from_millis(10));
        }
        for batch in [16, 64, 1024] {
            throughput(bench, "kernel_items_1", 1, 132, batch, Duration::from_millis(10));
        }
    }
    if bench.wants("kernel_lease") {
        for ms in [5, 10, 100, 10_000] {
            throughput(bench, "kernel_lease_items", 1, 132, 256, Duration::from_millis(ms));
        }
    }
    if bench.wants("kernel_burst") {
        burst(bench);
    }
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

fn round_trip(bench: &mut Bench) {
    let count = if bench.device.is_software() { 2000u64 } else { 100_000 };
    for (id50, id99, what, kind, store) in [
        ("kernel_round_trip_p50", "kernel_round_trip_p99", "one 1 KiB item, empty set", SetKind::Empty, false),
        (
            "kernel_round_trip_stored_p50",
            "kernel_round_trip_stored_p99",
            "one 1 KiB item, bytes stored, all read",
            SetKind::Probe,
            true,
        ),
    ] {
        for workers in [1, 64, 132, 264] {
            let options = Options { idle: Duration::from_secs(2), workers: (workers, workers), ..Options::default() };
            let kernel = Kernel::new(&bench.device, &options).unwrap();
            let set = kernel.load(kind.clone()).unwrap();
            let bytes = [7u8; 1024];
            let mut times = Vec::new();
            for position in 0..count {
                let began = Instant::now();
                if store {
                    // SAFETY: inside the arena; the item before has been consumed.
                    unsafe { kernel.write_arena(0, &bytes) };
                }
                kernel.publish(position, &[Job { offset: 0, len: 1024, set: set.index(), ..Job::default() }]);
                spin_done(&kernel, position);
                times.push(began.elapsed().as_nanos() as u64);
            }
            times.sort_unstable();
            let what = format!("{what}, {workers} workers");
            bench.row(Row {
                id: id50,
                what: what.clone(),
                value: percentile(&times, 0.5),
                unit: "us",
                peer: "",
                peer_value: 0.0,
            });
            bench.row(Row { id: id99, what, value: percentile(&times, 0.99), unit: "us", peer: "", peer_value: 0.0 });
        }
    }
}

/// Items a second, and the longest time without a completion.
pub(super) fn throughput_of(
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
    let jobs: Vec<Job> =
        (0..batch).map(|i| Job { offset: (i * 1024) as u32, len: 1024, set: 0, ..Job::default() }).collect();
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
    if id == "kernel_lease_items" {
        // The gaps of hand-overs are the longest ones, one a lease.
        gaps.sort_unstable();
        let worst = &gaps[gaps.len() - (leases as usize).clamp(1, gaps.len())..];
        bench.plain("kernel_lease_gap_p50", what.clone(), percentile(worst, 0.5), "us");
        bench.plain("kernel_lease_gap_max", what, percentile(worst, 1.0), "us");
    }
}

/// 10,000 jobs at once, from the first publish to the last completion.
fn burst(bench: &mut Bench) {
    let options = Options { idle: Duration::from_secs(2), ..Options::default() };
    let kernel = Kernel::new(&bench.device, &options).unwrap();
    let jobs = vec![Job { offset: 0, len: 1024, set: 0, ..Job::default() }; 256];
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
        id: "kernel_burst_10000_p50",
        what: "9,984 jobs of 1 KiB already there, batches of 256, first publish to last completion".into(),
        value,
        unit: "us",
        peer: "",
        peer_value: 0.0,
    });
    bench.plain("kernel_burst_10000_p99", "same", percentile(&times, 0.99), "us");
}
