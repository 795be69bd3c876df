//! Kernels with a fault planted in them: the checks of the sound kernel's tests must notice. In a program of their own,
//! since what such a kernel leaves behind on the device is nobody's to rely on.
#![cfg(feature = "gpu")]

#[path = "common/gpu.rs"]
mod common;

use common::{alone, check_exactly_once, device, options, wait};
use std::time::{Duration, Instant};
use trommel::gpu::Job;
use trommel::gpu::persistent::{Kernel, Options};

/// An item that is published late, behind others that were served leases ago: the ticket has to be parked over them,
/// and they must not be served again. Whether all went well.
fn late_item(plant: u32) -> bool {
    let options = Options { plant, watchdog: Duration::from_secs(60), lease: Duration::from_millis(1), ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let job = [Job { offset: 0, len: 8, set: 0, ..Job::default() }];
    let total = 50;
    for i in 1..total {
        kernel.publish(options.start + i, &job);
    }
    let served = |i: u64, patience: Duration| {
        let began = Instant::now();
        while kernel.poll_done(options.start + i).is_none() && began.elapsed() < patience {
            std::thread::sleep(Duration::from_micros(50));
        }
        kernel.poll_done(options.start + i).is_some()
    };
    let mut good = (1..total).all(|i| served(i, Duration::from_secs(10)));
    let ended = kernel.progress().ended;
    wait(|| kernel.progress().ended.wrapping_sub(ended) >= 3, "three leases");
    kernel.publish(options.start, &job);
    good &= served(0, Duration::from_secs(2));
    kernel.stop();
    let once = std::panic::AssertUnwindSafe(|| check_exactly_once(&kernel, &options, total));
    good && std::panic::catch_unwind(once).is_ok()
}

#[test]
fn planted_faults_are_caught() {
    let _alone = alone();
    assert!(late_item(0));
    // Park nothing: held tickets are lost at the end of a lease.
    assert!(!late_item(1), "a kernel that does not park went unnoticed");
    // Forget what was served: it is served again.
    assert!(!late_item(2), "a kernel that serves twice went unnoticed");
}

#[test]
fn a_kernel_that_stops_serving_is_noticed() {
    let _alone = alone();
    let options = Options { plant: 3, watchdog: Duration::from_millis(300), ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    kernel.publish(options.start, &[Job::default(); 4]);
    wait(|| kernel.progress().dead, "the watchdog");
    assert!(kernel.why_dead().contains("did not"), "{}", kernel.why_dead());
    assert!(kernel.poll_done(options.start).is_none());
    kernel.stop();
}
