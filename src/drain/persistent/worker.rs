//! A worker thread: scans what the device could not, and everything while there is none.

use super::kernel::Resident;
use super::shared::{Shared, Task};
use crate::drain::cpu;
use crate::drain::finishing::{Finishing, confirmed};
use crate::engine::{Engine, Outcome, Owners, lock};
use crate::gpu::ForHost;
use crate::scan::Scratch;
use std::time::Instant;

#[derive(Default)]
pub(super) struct Worker {
    scratch: Box<Scratch>,
    owners: Owners,
    bytes: Vec<u8>,
}

/// Most items that a worker takes at a time.
const SOME: usize = 8;

impl Worker {
    pub fn run<K: Resident>(mut self, shared: &Shared<K>, engine: &Engine) {
        let mut claims = Vec::with_capacity(SOME);
        loop {
            let found = shared.work.wait_until(None, || {
                if engine.is_stopping() {
                    return Some(false);
                }
                take(shared, engine, &mut claims);
                (!claims.is_empty()).then_some(true)
            });
            if found != Some(true) {
                return;
            }
            self.scan(shared, engine, claims.drain(..));
        }
    }

    fn scan<K: Resident>(&mut self, shared: &Shared<K>, engine: &Engine, claims: impl Iterator<Item = Task>) {
        let (began, mut items, mut bytes) = (Instant::now(), 0, 0);
        let mut finishing = Finishing::new(engine, &mut self.owners);
        for Task { claim, known: ForHost { found, text } } in claims {
            let job = engine.ring().payload(&claim);
            let set = finishing.set(job.set());
            if engine.is_off(claim.position(), &job) {
                let cancelled = Outcome::cancelled();
                finishing.finish(claim, &job, cancelled);
                continue;
            }
            items += 1;
            bytes += u64::from(job.input_len);
            let mut there = engine.bytes_of(claim.position(), &job);
            if let Some(text) = &text {
                there = text;
            } else if !job.is_elsewhere() {
                // Device memory is slow to read, so it is read once, in order.
                self.bytes.clear();
                // SAFETY: the bytes lie in the arena, which begins on a page and has more padding than a block behind it.
                unsafe { crate::gpu::stores::read(there.as_ptr(), there.len(), &mut self.bytes) };
                there = &self.bytes;
            }
            let outcome = found.and_then(|found| confirmed(engine, set, there, &found, &mut self.scratch));
            let outcome = outcome.unwrap_or_else(|| cpu::scan_bytes(engine, set, there, &mut self.scratch));
            finishing.finish(claim, &job, outcome);
        }
        // Counted before the last of them can be seen done.
        shared.host.add(items, bytes, began.elapsed());
        finishing.end();
    }
}

/// Some items: those that came back from the device, and those that were never with it.
fn take<K: Resident>(shared: &Shared<K>, engine: &Engine, claims: &mut Vec<Task>) {
    {
        let mut queue = lock(&shared.queue);
        // One at a time while there are few, so that all workers have some.
        let share = queue.len().div_ceil(engine.options().cpu_threads.max(1) as usize).min(SOME);
        claims.extend(queue.drain(..share));
    }
    if claims.is_empty() {
        let ring = engine.ring();
        ring.skip_claimed();
        claims.extend(ring.claim(SOME).into_iter().flatten().map(Task::new));
    }
}
