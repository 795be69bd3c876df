//! What happens to items when the device, or what leads to it, fails as a test asked for.

use super::*;
use std::sync::RwLockWriteGuard;
use trommel::faults::*;

/// Items that no caller picks up are finished by a thread of the drain; meanwhile their sets go and others take
/// their places. The echo answers at once, so this needs no GPU.
#[test]
fn a_completion_names_its_own_set_though_another_has_its_place() {
    let _calm = calm();
    let options = Options { adapter: Some("echo".into()), max_rule_sets: 3, ..options() };
    let handle = Engine::create(options).unwrap();
    let (empty, over) = (rules(&[]), std::sync::atomic::AtomicBool::new(false));
    let mut wrong = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // Takes whatever place is free, again and again.
            while !over.load(std::sync::atomic::Ordering::Relaxed) {
                if handle.engine().load_rules(9_000_000, empty.clone()).is_ok() {
                    let _ = handle.engine().unload_rules(9_000_000);
                }
            }
        });
        for round in 0..300 {
            let ids = [100 + 2 * round, 101 + 2 * round];
            for id in ids {
                while handle.engine().load_rules(id, empty.clone()).is_err() {
                    std::thread::yield_now();
                }
            }
            for n in 0..40 {
                let id = ids[(n % 2) as usize];
                handle.submit(b"text", id, id).unwrap();
            }
            for id in ids {
                handle.engine().unload_rules(id).unwrap();
            }
            std::thread::sleep(Duration::from_micros(300));
            let mut done = 0;
            while done < 40 {
                let (mut completions, mut matches) = (Vec::new(), Vec::new());
                done += collect(&handle, &mut completions, &mut matches);
                wrong.extend(completions.into_iter().filter(|c| c.rule_set_id != c.correlation));
            }
        }
        over.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(wrong.is_empty(), "{wrong:?}");
}

/// Faults are the whole process's: one test at a time, and none is left behind.
struct Alone(#[allow(dead_code)] RwLockWriteGuard<'static, ()>);

impl Drop for Alone {
    fn drop(&mut self) {
        plant_in_kernels(0);
        fail_allocation(0);
        lose_device_at_launch(0);
        fail_read_back(0);
        stall_producer(0);
        lose_copy_engines(0);
    }
}

fn alone() -> Alone {
    // The self-test of the path comes first: it is not to meet the fault.
    common::device();
    Alone(FAULTS.write().unwrap_or_else(|p| p.into_inner()))
}

fn until(what: &str, handle: &Handle, done: impl Fn(&trommel::engine::Stats) -> bool) {
    let began = Instant::now();
    while !done(&handle.engine().stats()) {
        assert!(began.elapsed() < Duration::from_secs(30), "{what}: {:?}", handle.engine().drain_now());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_dead_kernel_loses_nothing_and_the_gpu_is_tried_again() {
    let _alone = alone();
    // Deaf from the start; gone between two leases; gone with items in hand.
    for plant in [3, 4, 5] {
        plant_in_kernels(plant);
        let handle = engine(Options { watchdog_ms: 300, lease_ms: 1, ..options() });
        plant_in_kernels(0);
        let began = Instant::now();
        while handle.engine().stats().device.failovers == 0 {
            assert!(began.elapsed() < Duration::from_secs(30), "planted fault {plant} went unnoticed");
            compare(&handle, 300, 3);
        }
        until("the GPU again", &handle, |stats| stats.drain == DrainKind::Persistent);
        compare(&handle, 500, 4);
        assert_eq!(handle.engine().stats().drain, DrainKind::Persistent);
        assert_eq!(handle.engine().stats().device.failovers, 1);
        assert!(handle.close(Some(Instant::now() + Duration::from_secs(10))).unwrap());
    }
}

/// Positions that were reserved under the dead kernel and are published under nobody, or under the next one.
#[test]
fn a_producer_that_stalls_over_a_failover_loses_nothing() {
    let _alone = alone();
    plant_in_kernels(3);
    let main = engine(Options { watchdog_ms: 200, lease_ms: 1, ..options() });
    plant_in_kernels(0);
    std::thread::scope(|scope| {
        for n in 0..3u64 {
            let handle = main.attach().unwrap();
            scope.spawn(move || {
                for round in 0..4 {
                    // Longer than the watchdog's patience, and than the wait before the GPU is tried again.
                    stall_producer(if round == 1 { 1500 } else { 300 });
                    compare(&handle, 150, 7 + 10 * n + round);
                }
            });
        }
    });
    let stats = main.engine().stats();
    // On a busy machine a software device may be given up again.
    assert!(stats.device.failovers >= 1 && stats.in_flight == 0, "{stats:?} {:?}", main.engine().drain_now());
    assert!(main.close(Some(Instant::now() + Duration::from_secs(10))).unwrap());
}

#[test]
fn lost_copy_engines_lose_no_item() {
    let _alone = alone();
    pump(1);
    for n in [1, 2, 7] {
        let handle = engine(Options { staged_input: true, lease_ms: 1, ..options() });
        lose_copy_engines(n);
        compare(&handle, 600, 5 + u64::from(n));
        until("the loss", &handle, |stats| stats.device.failovers == 1);
        assert_eq!(handle.engine().stats().drain, DrainKind::Cpu);
        compare(&handle, 100, 6);
        assert!(handle.close(Some(Instant::now() + Duration::from_secs(10))).unwrap());
    }
    pump(0);
}

#[test]
fn a_lost_device_loses_no_item() {
    let _alone = alone();
    for n in [1, 2, 3] {
        for mode in [Mode::Force, Mode::Disable] {
            let handle = engine(Options { mode, processor: Processor::Gpu, lease_ms: 1, ..options() });
            lose_device_at_launch(n);
            let began = Instant::now();
            while handle.engine().stats().drain != DrainKind::Cpu {
                assert!(began.elapsed() < Duration::from_secs(30), "a lost device went unnoticed");
                compare(&handle, 300, n.into());
            }
            compare(&handle, 300, 9);
            assert!(handle.engine().drain_now().1.contains("device lost"), "{:?}", handle.engine().drain_now());
            assert!(handle.close(Some(Instant::now() + Duration::from_secs(10))).unwrap());
        }
    }
}

#[test]
fn a_batch_that_does_not_come_back_is_scanned_here() {
    let _alone = alone();
    let handle = engine(Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() });
    fail_read_back(2);
    compare(&handle, 1000, 5);
    assert_eq!(handle.engine().stats().drain, DrainKind::Cpu);
}

#[test]
fn no_memory_is_an_answer_at_every_allocation() {
    let _alone = alone();
    let mut refused = 0;
    for n in 1..40 {
        fail_allocation(n);
        match Engine::create(options()) {
            Err(error) => {
                assert!(error.message.contains("no resident kernel"), "{}", error.message);
                refused += 1;
            }
            Ok(handle) => {
                fail_allocation(0);
                drop(handle);
                break;
            }
        }
        fail_allocation(n);
        let handle = Engine::create(Options { mode: Mode::Auto, ..options() }).unwrap();
        assert_ne!(handle.engine().stats().drain, DrainKind::Persistent);
        assert!(handle.engine().drain_now().1.contains("memory"), "{:?}", handle.engine().drain_now());
    }
    assert!(refused >= 7, "only {refused} allocations were tried");
}

#[test]
fn a_producer_that_stalls_makes_nothing_wrong() {
    let _alone = alone();
    let main = engine(options());
    std::thread::scope(|scope| {
        for n in 0..3u64 {
            let handle = main.attach().unwrap();
            scope.spawn(move || {
                stall_producer(200);
                compare(&handle, 300, 50 + n);
            });
        }
    });
    assert!(main.close(Some(Instant::now() + Duration::from_secs(10))).unwrap());
}
