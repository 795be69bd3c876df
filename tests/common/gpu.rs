//! What the GPU tests share: the best adapter there is, software included, and a little ring with its bookkeeping.
#![allow(dead_code)]

use std::sync::mpsc;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use trommel::engine;
use trommel::gpu::persistent::{Kernel, Options};
use trommel::gpu::{AdapterKind, Choice, Device, Job, Probe, SetKind, adapters};

/// The adapter the tests run on: the one asked for by TROMMEL_ADAPTER, else a real one, else software.
pub fn choice() -> Choice {
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // SAFETY: set before any driver is loaded, the same value from every test thread.
        unsafe { std::env::set_var("XDG_RUNTIME_DIR", std::env::temp_dir()) };
    }
    if std::env::var_os("TROMMEL_ADAPTER").is_some() {
        return Choice::Automatic;
    }
    let found = adapters();
    let best = found.iter().filter(|a| a.persistent).min_by_key(|a| match a.kind {
        AdapterKind::Discrete => 0,
        AdapterKind::Software => 2,
        _ => 1,
    });
    Choice::Index(best.expect("no adapter: install a Vulkan driver, mesa-vulkan-drivers has a software one").index)
}

/// A small engine's options, for the resident kernel of that adapter.
pub fn small_engine(ring_size: u32) -> engine::Options {
    let adapter = match choice() {
        Choice::Index(index) => Some(index.to_string()),
        Choice::Name(name) => Some(name),
        Choice::Automatic => None,
    };
    engine::Options {
        mode: engine::Mode::Force,
        adapter,
        ring_size,
        arena_bytes: 1 << 20,
        cpu_threads: 2,
        sparse_tickets: true,
        ..Default::default()
    }
}

/// One device for all tests of a program.
pub fn device() -> Device {
    static DEVICE: std::sync::OnceLock<Device> = std::sync::OnceLock::new();
    DEVICE
        .get_or_init(|| {
            let device = Device::open_persistent(&choice()).unwrap_or_else(|e| panic!("{e}"));
            println!("adapter: {} ({})", device.info().name, device.info().driver);
            device
        })
        .clone()
}

/// How a flood went.
#[derive(Debug, Default)]
pub struct Flood {
    pub served: u64,
    pub wrong: Vec<String>,
    pub lost: u64,
}

/// Pours `total` items of `len` changing bytes through the kernel from `producers` threads, with a small arena that is
/// reused all the time, and checks each sum. Gives up when nothing comes for `patience`.
pub fn flood(
    kernel: &Kernel,
    options: &Options,
    producers: u64,
    total: u64,
    batch: u64,
    len: usize,
    patience: Duration,
) -> Flood {
    let probe = kernel.load(SetKind::Probe).expect("a probe set");
    let set = probe.index();
    let ring = u64::from(options.ring);
    let cells = ring.min((kernel.arena_len() / len.max(1)) as u64);
    // (reserved, consumed) in items from the first.
    let state = Mutex::new((0u64, 0u64, false));
    let freed = Condvar::new();
    let (sender, receiver) = mpsc::channel::<(u64, Vec<u32>)>();
    let mut outcome = Flood::default();
    std::thread::scope(|scope| {
        for _ in 0..producers {
            let sender = sender.clone();
            let (state, freed) = (&state, &freed);
            scope.spawn(move || {
                loop {
                    let mut now = state.lock().unwrap();
                    let count = loop {
                        if now.2 || now.0 == total {
                            return;
                        }
                        let room = cells - (now.0 - now.1);
                        if room > 0 {
                            break batch.min(room).min(total - now.0);
                        }
                        now = freed.wait(now).unwrap();
                    };
                    let first = now.0;
                    now.0 += count;
                    drop(now);
                    let mut sums = Vec::with_capacity(count as usize);
                    let jobs: Vec<Job> = (first..first + count)
                        .map(|item| {
                            let bytes: Vec<u8> = (0..len as u64)
                                .map(|k| (item.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (k % 48)) as u8)
                                .collect();
                            sums.push(bytes.iter().map(|&b| u32::from(b)).sum());
                            let cell = (item % cells) as usize;
                            // SAFETY: the cell's previous item has been consumed, and cells do not overlap.
                            unsafe { kernel.write_arena(cell * len, &bytes) };
                            Job { offset: (cell * len) as u32, len: len as u32, set, ..Job::default() }
                        })
                        .collect();
                    kernel.publish(options.start.wrapping_add(first), &jobs);
                    sender.send((first, sums)).unwrap();
                }
            });
        }
        drop(sender);
        let mut waiting = std::collections::BTreeMap::new();
        let mut next = 0u64;
        'all: while next < total {
            while let Ok((first, sums)) = receiver.try_recv() {
                waiting.insert(first, sums);
            }
            let Some(sums) = waiting.remove(&next) else {
                std::hint::spin_loop();
                continue;
            };
            for sum in sums {
                let position = options.start.wrapping_add(next);
                let began = Instant::now();
                let mut spins = 0u32;
                let done = loop {
                    if let Some(done) = kernel.poll_done(position) {
                        break done;
                    }
                    spins += 1;
                    if spins.is_multiple_of(4096) {
                        if began.elapsed() > patience {
                            outcome.lost = total - next;
                            let mut now = state.lock().unwrap();
                            now.2 = true;
                            freed.notify_all();
                            break 'all;
                        }
                        std::thread::yield_now();
                    }
                };
                let found: Vec<Probe> = kernel.matches(position, done).into_iter().map(Into::into).collect();
                if (done.overflow || found != [Probe { sum, len: len as u32 }]) && outcome.wrong.len() < 10 {
                    outcome.wrong.push(format!("item {next}: {done:?} {found:?}, expected {sum}"));
                }
                outcome.served += 1;
                next += 1;
            }
            let mut now = state.lock().unwrap();
            now.1 = next;
            freed.notify_all();
        }
    });
    kernel.unload(probe);
    outcome
}

/// One test at a time: software Vulkan has two cores in a test machine, and a kernel polls with both.
pub fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Counters start just below where 32 bits wrap, tickets and leases both.
pub fn options() -> Options {
    Options {
        ring: 1024,
        start: u64::from(u32::MAX) - 5000,
        first_lease: u32::MAX - 3,
        arena_bytes: 256 << 10,
        lease: Duration::from_millis(3),
        ..Options::default()
    }
}

/// Reads the served counts of a stopped kernel: every position once.
pub fn check_exactly_once(kernel: &Kernel, options: &Options, total: u64) {
    let ring = u64::from(options.ring);
    for (slot, served) in kernel.served().unwrap().into_iter().take(ring as usize).enumerate() {
        // First position of this slot at or after the start, and how many of the published ones fall on it.
        let first = options.start + (slot as u64).wrapping_sub(options.start) % ring;
        let laps = (options.start + total).saturating_sub(first).div_ceil(ring);
        let expected = ((first as u32) >> ring.trailing_zeros()).wrapping_add(laps as u32);
        let bits = ring.trailing_zeros();
        assert_eq!(served << bits, expected << bits, "slot {slot} was served another number of times");
    }
}

/// Waits for what must come.
pub fn wait(mut done: impl FnMut() -> bool, what: &str) {
    let began = Instant::now();
    while !done() {
        // A software device may compile meanwhile.
        assert!(began.elapsed() < Duration::from_secs(60), "{what} did not come");
        std::thread::sleep(Duration::from_micros(50));
    }
}
