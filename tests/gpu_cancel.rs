//! Cancelled and late items on the GPU drains: each completes once, and is cancelled exactly where it was said to be.
#![cfg(feature = "gpu")]

#[path = "common/gpu.rs"]
mod common;

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::{Duration, Instant};
use trommel::engine::{Answer, Buffers, Engine, Handle, Mode, Options, Processor};
use trommel::rules::{CompileOptions, Pattern, Rules, flags};
use trommel::status::{TRM_ARENA_FULL, TRM_CANCELLED, TRM_OK, TRM_QUEUE_FULL};
use trommel::types::{trm_completion, trm_match};

const ITEMS: u64 = 4000;

fn options() -> Options {
    common::small_engine(64)
}

fn engine(options: Options) -> Handle {
    let handle = Engine::create(options).unwrap_or_else(|e| panic!("{e}"));
    let pattern = Pattern { bytes: b"needle", id: 0, flags: flags::LITERAL };
    let rules = Rules::compile(&[pattern], &CompileOptions::default()).unwrap();
    handle.engine().load_rules(0, rules.into()).unwrap();
    handle
}

fn collect(handle: &Handle, done: &mut Vec<trm_completion>) {
    let (mut some, mut room) = ([trm_completion::default(); 16], [trm_match::default(); 64]);
    let mut buffers = Buffers { completions: &mut some, matches: &mut room };
    match handle.collect(Some(Instant::now() + Duration::from_secs(30)), &mut buffers) {
        Answer::Took(taken) => done.extend_from_slice(&some[..taken.items]),
        answer => panic!("{answer:?} with {} done", done.len()),
    }
}

fn submit(handle: &Handle, n: u64, done: &mut Vec<trm_completion>) -> u64 {
    let text: &[u8] = if n.is_multiple_of(3) { b"a needle" } else { b"no such thing" };
    loop {
        match handle.submit(text, 0, n as u32) {
            Ok(position) => return position.ticket(),
            Err(error) if matches!(error.status, TRM_QUEUE_FULL | TRM_ARENA_FULL) => collect(handle, done),
            Err(error) => panic!("{error}"),
        }
    }
}

/// One thread enqueues and collects, another cancels.
fn cancel_under_load(handle: &Handle, finds: bool) {
    let (tickets, cancelled, over) = (Mutex::new(Vec::new()), Mutex::new(HashSet::new()), AtomicBool::new(false));
    let mut done = Vec::new();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                for ticket in std::mem::take::<Vec<u64>>(&mut tickets.lock().unwrap()) {
                    if ticket.is_multiple_of(3) && handle.cancel(ticket).unwrap() {
                        cancelled.lock().unwrap().insert(ticket);
                    }
                }
                std::thread::yield_now();
            }
        });
        for n in 0..ITEMS {
            let ticket = submit(handle, n, &mut done);
            tickets.lock().unwrap().push(ticket);
        }
        // At least one that is cancelled in time, whatever the machine does.
        let ticket = submit(handle, 1, &mut done);
        assert!(handle.cancel(ticket).unwrap());
        cancelled.lock().unwrap().insert(ticket);
        while (done.len() as u64) < ITEMS + 1 {
            collect(handle, &mut done);
        }
        over.store(true, SeqCst);
    });
    let tickets: HashSet<u64> = done.iter().map(|completion| completion.ticket).collect();
    assert_eq!((tickets.len(), done.len() as u64), (done.len(), ITEMS + 1), "each once");
    let said: HashSet<u64> = done.iter().filter(|c| c.status == TRM_CANCELLED).map(|c| c.ticket).collect();
    assert_eq!(said, cancelled.into_inner().unwrap());
    for completion in done.iter().filter(|c| c.status != TRM_CANCELLED) {
        let found = u64::from(finds && completion.correlation.is_multiple_of(3));
        assert_eq!((completion.status, completion.match_count), (TRM_OK, found), "item {}", completion.ticket);
    }
    assert_eq!((handle.engine().in_flight(), handle.engine().stats().arena_used), (0, 0));
}

/// Items whose time is up, among others.
fn late_under_load(handle: &Handle, finds: bool) {
    let mut done = Vec::new();
    for n in 0..ITEMS {
        handle.set_deadline(n.is_multiple_of(5).then_some(Duration::ZERO)).unwrap();
        submit(handle, n, &mut done);
    }
    while (done.len() as u64) < ITEMS {
        collect(handle, &mut done);
    }
    for completion in done {
        let n = completion.correlation;
        let expected = match n.is_multiple_of(5) {
            true => (TRM_CANCELLED, 0),
            false => (TRM_OK, u64::from(finds && n.is_multiple_of(3))),
        };
        assert_eq!((completion.status, completion.match_count), expected, "item {n}");
    }
}

#[test]
fn by_a_resident_kernel() {
    let handle = engine(options());
    cancel_under_load(&handle, true);
    late_under_load(&handle, true);
}

#[test]
fn by_batches() {
    let handle = engine(Options { mode: Mode::Disable, processor: Processor::Gpu, ..options() });
    cancel_under_load(&handle, true);
    late_under_load(&handle, true);
}

/// The echo answers at once and finds nothing: everything is done when it is cancelled, and not collected.
#[cfg(feature = "faults")]
#[test]
fn by_an_echo() {
    let handle = engine(Options { adapter: Some("echo".into()), ..options() });
    cancel_under_load(&handle, false);
    late_under_load(&handle, false);
}
