//! A short test of the path when an adapter is first used for the resident kernel.
//!
//! What the kernel rests on is true of the hardware it was tried on, not promised by Vulkan: that a running kernel sees
//! the host's writes to device memory, that it never reads old bytes, and that the host sees records before the
//! completion that tells of them. So it is tried here, with an arena small enough to stay in every cache.

use super::persistent::{Kernel, Options};
use super::tables::SetKind;
use super::{Device, GpuError, Job, Probe};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Adapters that were tested in this process, by name and driver, and how it went.
static TESTED: Mutex<Option<HashMap<String, Result<(), GpuError>>>> = Mutex::new(None);

/// Tests the adapter unless this process has done so.
pub(super) fn once(device: &Device) -> Result<(), GpuError> {
    let key = format!("{}/{}/{}", device.info().index, device.info().name, device.info().driver);
    let mut tested = TESTED.lock().unwrap_or_else(PoisonError::into_inner);
    tested.get_or_insert_default().entry(key).or_insert_with(|| run(device)).clone()
}

const ITEMS: usize = 64;
const ITEM: usize = 192;

fn run(device: &Device) -> Result<(), GpuError> {
    let options = Options {
        ring: 256,
        start: u64::from(u32::MAX) - 300,
        first_lease: u32::MAX - 1,
        arena_bytes: ITEMS * ITEM,
        table_bytes: 4096,
        lease: Duration::from_millis(2),
        // On a busy machine a software device may stand still for longer than the default, not only with the first lease.
        watchdog: Duration::from_secs(if device.is_software() { 60 } else { 5 }),
        workers: (4, 4),
        ..Options::default()
    };
    let failed =
        |what: String| GpuError::new(format!("the resident path failed its test on {}: {what}", device.info().name));
    let kernel = Kernel::new(device, &options)?;
    let probe = kernel.load(SetKind::Probe).map_err(|e| failed(e.to_string()))?;
    // A software device compiles the kernel on the way.
    let deadline = Instant::now() + Duration::from_secs(if device.is_software() { 90 } else { 10 });
    for lap in 0..64u64 {
        let first = options.start + lap * ITEMS as u64;
        let mut sums = [0u32; ITEMS];
        let jobs: Vec<Job> = (0..ITEMS)
            .map(|i| {
                let bytes: Vec<u8> = (0..ITEM).map(|k| (k as u64 * 7 + i as u64 * 13 + lap * 29) as u8).collect();
                sums[i] = bytes.iter().map(|&b| u32::from(b)).sum();
                // SAFETY: inside the arena; the last lap's jobs have been consumed.
                unsafe { kernel.write_arena(i * ITEM, &bytes) };
                Job { offset: (i * ITEM) as u32, len: ITEM as u32, set: probe.index(), ..Job::default() }
            })
            .collect();
        kernel.publish(first, &jobs);
        for (i, sum) in sums.into_iter().enumerate() {
            let position = first + i as u64;
            let done = loop {
                if let Some(done) = kernel.poll_done(position) {
                    break done;
                }
                if Instant::now() > deadline {
                    return Err(failed(format!("item {i} of lap {lap} was not served ({})", kernel.why_dead())));
                }
                std::hint::spin_loop();
            };
            let found: Vec<Probe> = kernel.matches(position, done).into_iter().map(Into::into).collect();
            let expected = Probe { sum, len: ITEM as u32 };
            if done.overflow || found != [expected] {
                return Err(failed(format!("item {i} of lap {lap} gave {found:?} instead of {expected:?}")));
            }
        }
    }
    if kernel.lanes_seen() < device.lanes() {
        return Err(failed(format!("subgroups of {} lanes instead of {}", kernel.lanes_seen(), device.lanes())));
    }
    if !kernel.stop() {
        return Err(failed("the kernel did not stop".into()));
    }
    Ok(())
}
