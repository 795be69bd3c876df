//! The ring beside crossbeam's `ArrayQueue`: one producer thread, one consumer thread, 16-byte payloads.
//!
//! The ring does more than a queue: it keeps a slot until its item is finished and counts what is in flight. An item
//! goes through reserve, publish, claim and finish here; the queue's goes through push and pop.

mod common;

use common::{Row, median, record};
use crossbeam_queue::ArrayQueue;
use crossbeam_utils::Backoff;
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use trommel::ring::Ring;

const CAPACITY: usize = 1024;
/// Many short rounds: most of them pass undisturbed even on a machine that is busy with other things.
const ROUNDS: usize = 401;
const ITEMS: u64 = 30_000;

type Payload = [u64; 2];

fn payload(n: u64) -> Payload {
    [n, !n]
}

/// The number that was put in, if all of the payload arrived.
fn check([n, inverse]: Payload) -> u64 {
    n & !(n ^ !inverse)
}

fn main() {
    let items = ITEMS;
    let mut times: [Vec<f64>; 3] = Default::default();
    // Interleaved, so that whatever else the machine does meets all three alike.
    for round in 0..ROUNDS + 2 {
        let taken = [queue(items), ring_single(items), ring_batch(items, 16)];
        if round >= 2 {
            times.iter_mut().zip(taken).for_each(|(all, one)| all.push(one));
        }
    }
    let [queue, single, batch] = times;
    for (id, what, ours) in [
        ("ring-single", "1 producer, 1 consumer, single items", single),
        ("ring-batch16", "1 producer, 1 consumer, batches of 16", batch),
    ] {
        let ratio = median(queue.iter().zip(&ours).map(|(peer, own)| peer / own).collect());
        let rate = |seconds: &[f64]| items as f64 / median(seconds.to_vec()) / 1e6;
        record(&Row {
            id,
            what,
            value: rate(&ours),
            unit: "M items/s",
            peer: Some(("crossbeam ArrayQueue", rate(&queue))),
            ratio: Some(ratio),
        });
    }
}

/// Seconds from when both threads are ready to when both are through. Both are told what the other needs to know only
/// by the queue between them.
fn race(produce: impl FnOnce() + Send, consume: impl FnOnce() -> u64, items: u64) -> f64 {
    let waiting = AtomicUsize::new(2);
    let start_together = || {
        waiting.fetch_sub(1, Ordering::AcqRel);
        let backoff = Backoff::new();
        while waiting.load(Ordering::Acquire) > 0 {
            backoff.snooze();
        }
    };
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| {
            stay_on(1);
            start_together();
            produce();
        });
        stay_on(0);
        start_together();
        let begin = Instant::now();
        let sum = consume();
        let seconds = begin.elapsed().as_secs_f64();
        producer.join().unwrap();
        assert_eq!(sum, items * (items - 1) / 2, "every item once");
        seconds
    })
}

/// Keeps the calling thread on one core: two threads on the same core would measure the scheduler.
#[cfg(target_os = "linux")]
fn stay_on(core: usize) {
    // SAFETY: all zeros is the empty set, and the call only reads it.
    unsafe {
        let mut cores: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut cores);
        libc::sched_setaffinity(0, size_of_val(&cores), &cores);
    }
}

#[cfg(not(target_os = "linux"))]
fn stay_on(_: usize) {}

fn queue(items: u64) -> f64 {
    let queue = ArrayQueue::new(CAPACITY);
    let produce = || {
        for n in 0..items {
            let backoff = Backoff::new();
            while queue.push(payload(black_box(n))).is_err() {
                backoff.snooze();
            }
        }
    };
    let consume = || {
        let mut sum = 0;
        for _ in 0..items {
            let backoff = Backoff::new();
            sum += loop {
                match queue.pop() {
                    Some(got) => break check(got),
                    None => backoff.snooze(),
                }
            };
        }
        sum
    };
    race(produce, consume, items)
}

fn ring_single(items: u64) -> f64 {
    let ring = Ring::<Payload, ()>::new(CAPACITY as u32);
    let produce = || {
        for n in 0..items {
            let backoff = Backoff::new();
            let reservation = loop {
                match ring.reserve(1) {
                    Ok(reservation) => break reservation,
                    Err(_) => backoff.snooze(),
                }
            };
            ring.publish(reservation, |_| payload(black_box(n)));
        }
    };
    let consume = || {
        let mut sum = 0;
        for _ in 0..items {
            let backoff = Backoff::new();
            let claim = loop {
                match ring.claim(1).and_then(|mut claims| claims.next()) {
                    Some(claim) => break claim,
                    None => backoff.snooze(),
                }
            };
            sum += check(ring.payload(&claim));
            ring.finish(claim);
        }
        sum
    };
    race(produce, consume, items)
}

fn ring_batch(items: u64, batch: u64) -> f64 {
    let ring = Ring::<Payload, ()>::new(CAPACITY as u32);
    let produce = || {
        let mut next = 0;
        while next < items {
            let backoff = Backoff::new();
            let reservation = loop {
                match ring.reserve(batch.min(items - next) as usize) {
                    Ok(reservation) => break reservation,
                    Err(_) => backoff.snooze(),
                }
            };
            let count = reservation.count() as u64;
            ring.publish(reservation, |i| payload(black_box(next + i as u64)));
            next += count;
        }
    };
    let consume = || {
        let (mut sum, mut seen) = (0, 0);
        while seen < items {
            let backoff = Backoff::new();
            let claims = loop {
                match ring.claim(batch as usize) {
                    Some(claims) => break claims,
                    None => backoff.snooze(),
                }
            };
            seen += claims.len() as u64;
            ring.for_each(&claims, |payload| sum += check(payload));
            ring.finish_all(claims);
        }
        sum
    };
    race(produce, consume, items)
}
