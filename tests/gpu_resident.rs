//! The resident kernel below the engine: nothing lost, nothing doubled, no stale byte, on whatever adapter there is.
#![cfg(feature = "gpu")]

#[path = "common/gpu.rs"]
mod common;

use common::{alone, check_exactly_once, choice, device, flood, options, wait};
use std::time::{Duration, Instant};
use trommel::gpu::persistent::{Kernel, Options};
use trommel::gpu::{Device, Job, SetKind, times_opened};

/// Real hardware is asked for a hundred times as much.
fn scale() -> u64 {
    if device().is_software() { 1 } else { 100 }
}

#[test]
fn everything_once_over_many_leases_and_both_wraps() {
    let _alone = alone();
    let options = options();
    let kernel = Kernel::new(&device(), &options).unwrap();
    let total = 20_000 * scale();
    let outcome = flood(&kernel, &options, 3, total, 64, 200, Duration::from_secs(20));
    assert!(outcome.wrong.is_empty(), "{:?}", outcome.wrong);
    assert_eq!(outcome.lost, 0, "{:?} {}", kernel.progress(), kernel.why_dead());
    assert_eq!(outcome.served, total);
    assert!(kernel.stop());
    check_exactly_once(&kernel, &options, total);
    let counters = kernel.counters();
    println!("{counters:?}");
    assert!(counters.leases >= 2, "one lease proves no hand-over: {counters:?}");
    if !device().is_software() {
        assert!(counters.leases * 1000 <= total, "a launch for less than 1,000 items is not resident: {counters:?}");
    }
}

/// Exactly once over as many items as `TROMMEL_CASES` says, handed over every 20 ms.
#[test]
fn soak_exactly_once() {
    let _alone = alone();
    let options = Options { ring: 1 << 15, arena_bytes: 1 << 19, lease: Duration::from_millis(20), ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let total =
        std::env::var("TROMMEL_CASES").map_or(20_000, |cases| cases.parse().expect("TROMMEL_CASES is a number"));
    let began = Instant::now();
    let outcome = flood(&kernel, &options, 8, total, 256, 16, Duration::from_secs(20));
    assert!(outcome.wrong.is_empty() && outcome.lost == 0, "{outcome:?} {}", kernel.why_dead());
    assert!(kernel.stop());
    check_exactly_once(&kernel, &options, total);
    println!("{total} items in {:?}, {:?}", began.elapsed(), kernel.counters());
}

#[test]
fn every_ring_size_down_to_one() {
    let _alone = alone();
    for bits in [0u32, 1, 2, 3, 5] {
        let options = Options { ring: 1 << bits, ..options() };
        let kernel = Kernel::new(&device(), &options).unwrap();
        let total = 150 << bits;
        let outcome = flood(&kernel, &options, 2, total, 7, 33, Duration::from_secs(20));
        let told = format!("{:?} {} {:?}", kernel.progress(), kernel.why_dead(), kernel.counters());
        assert!(outcome.wrong.is_empty() && outcome.lost == 0, "ring {}: {outcome:?} {told}", 1 << bits);
        assert!(kernel.stop());
        check_exactly_once(&kernel, &options, total);
    }
}

#[test]
fn lets_go_when_idle_and_comes_back() {
    let _alone = alone();
    let options = Options { idle: Duration::from_millis(5), ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let mut position = options.start;
    for _ in 0..5 {
        kernel.publish(position, &[Job { offset: 0, len: 1, set: 0, ..Job::default() }; 3]);
        for i in 0..3 {
            wait(|| kernel.poll_done(position + i).is_some(), "a completion");
        }
        position += 3;
        wait(|| !kernel.progress().resident, "the idle release");
        let there = kernel.progress();
        assert_eq!(there.submitted, there.ended, "idle means that nothing runs");
    }
    assert_eq!(kernel.counters().relaunches, 4);
}

#[test]
fn a_stalled_producer_holds_up_only_its_own_items() {
    let _alone = alone();
    let options = options();
    let kernel = Kernel::new(&device(), &options).unwrap();
    let job = [Job { offset: 0, len: 8, set: 0, ..Job::default() }];
    // Position 0 is reserved but not published.
    for i in 1..200 {
        kernel.publish(options.start + i, &job);
    }
    for i in 1..200 {
        wait(|| kernel.poll_done(options.start + i).is_some(), "a later item");
    }
    assert!(kernel.poll_done(options.start).is_none());
    kernel.publish(options.start, &job);
    wait(|| kernel.poll_done(options.start).is_some(), "the late item");
}

#[test]
fn sets_come_and_go_while_the_kernel_runs() {
    let _alone = alone();
    let options = options();
    let kernel = Kernel::new(&device(), &options).unwrap();
    let mut position = options.start;
    // SAFETY: inside the arena, nothing published yet.
    unsafe { kernel.write_arena(0, &[1; 64]) };
    for _ in 0..200 {
        let probe = kernel.load(SetKind::Probe).unwrap();
        let host = kernel.load(SetKind::Host).unwrap();
        let job = |set| Job { offset: 3, len: 40, set, ..Job::default() };
        kernel.publish(position, &[job(probe.index()), job(host.index()), job(0)]);
        let done: Vec<_> = (0..3)
            .map(|i| {
                wait(|| kernel.poll_done(position + i).is_some(), "a completion");
                kernel.poll_done(position + i).unwrap()
            })
            .collect();
        assert_eq!((done[0].count, done[0].overflow), (1, false));
        assert_eq!(kernel.matches(position, done[0])[0].a, 40);
        assert!(done[1].overflow, "a host set's item goes to the host");
        assert_eq!((done[2].count, done[2].overflow), (0, false));
        position += 3;
        kernel.unload(probe);
        kernel.unload(host);
    }
}

#[test]
fn items_outside_the_arena_go_to_the_host() {
    let _alone = alone();
    let options = options();
    let kernel = Kernel::new(&device(), &options).unwrap();
    let limit = kernel.arena_len() as u32;
    let probe = kernel.load(SetKind::Probe).unwrap();
    let job = |offset, len| Job { offset, len, set: probe.index(), ..Job::default() };
    kernel.publish(options.start, &[job(limit, 1), job(u32::MAX, u32::MAX), job(limit - 1, 1)]);
    for i in 0..3 {
        wait(|| kernel.poll_done(options.start + i).is_some(), "a completion");
        assert_eq!(kernel.poll_done(options.start + i).unwrap().overflow, i < 2);
    }
}

/// What was opened serves whoever comes next, with the kernels that it knows; who comes meanwhile opens another.
#[test]
fn an_adapter_is_opened_as_often_as_it_is_used_at_one_time() {
    let _alone = alone();
    device();
    let once = |_: u32| {
        let device = Device::open(&choice()).unwrap();
        let kernel = Kernel::new(&device, &options()).unwrap();
        assert_eq!(flood(&kernel, &options(), 1, 100, 10, 64, Duration::from_secs(20)).served, 100);
        device
    };
    let first = once(0);
    let (mut opened, began) = (times_opened(), Instant::now());
    drop(once(1));
    assert!(times_opened() <= opened + 1, "one more, unless one was idle");
    println!("opened again after {:?}", began.elapsed());
    opened = times_opened();
    (2..6).map(once).for_each(drop);
    drop(first);
    (6..9).map(once).for_each(drop);
    assert_eq!(times_opened(), opened);
}

#[test]
fn the_choice_is_the_callers() {
    let _alone = alone();
    let found = trommel::gpu::adapters();
    let chosen = trommel::gpu::Device::open(&choice()).unwrap();
    assert!(found.iter().any(|a| a.name == chosen.info().name));
    assert!(trommel::gpu::Device::open(&trommel::gpu::Choice::Name("no such adapter".into())).is_err());
}

/// Software devices cut a kernel's loops off after some time, wherever it is. What it holds then must not be lost, and
/// what it scans then must not pass for scanned. On real hardware the lease simply goes on.
#[test]
fn a_kernel_that_is_cut_off_loses_nothing() {
    let _alone = alone();
    let lease = Duration::from_secs(if device().is_software() { 30 } else { 1 });
    let options = Options { rounds: u32::MAX / 2, lease, ring: 64, ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let outcome = flood(&kernel, &options, 2, 300, 5, 3000, Duration::from_secs(20));
    assert!(outcome.wrong.is_empty(), "{:?}", outcome.wrong);
    assert_eq!(outcome.lost, 0, "{:?} {} {:?}", kernel.progress(), kernel.why_dead(), kernel.counters());
    // Quiet times, in which a kernel holds tickets of items that are not there yet.
    for i in 300..330 {
        std::thread::sleep(Duration::from_millis(20));
        kernel.publish(options.start + i, &[Job { offset: 0, len: 8, set: 0, ..Job::default() }]);
        wait(|| kernel.poll_done(options.start + i).is_some(), "an item after a quiet time");
    }
    assert!(kernel.stop());
    check_exactly_once(&kernel, &options, 330);
    if device().is_software() {
        assert!(kernel.counters().leases > 3, "it was never cut off: {:?}", kernel.counters());
    }
}
