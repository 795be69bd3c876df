//! Match records of the resident kernel: a few beside the completion, more in chunks, the host where none is left.
#![cfg(feature = "gpu")]

#[path = "common/gpu.rs"]
mod common;

use common::{alone, device, options, wait};
use trommel::gpu::persistent::{DeviceCompletion, Kernel, Options};
use trommel::gpu::{Job, SetKind, SetSlot};
use trommel::rules::literal::{BuildOptions, Literal, LiteralTable};

/// A table for one string.
fn load(kernel: &Kernel, string: &[u8]) -> SetSlot {
    let literals = [Literal { bytes: string, tag: 7, caseless: false }];
    let table = LiteralTable::build(&literals, &BuildOptions::default()).unwrap();
    let words: Vec<u32> = table.as_bytes().chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect();
    kernel.load(SetKind::Literal(&words)).unwrap()
}

/// `count` times the string, with something between them.
fn text(string: &[u8], count: usize, lap: usize) -> (Vec<u8>, Vec<(u32, u32)>) {
    let (mut text, mut places) = (vec![b'.'; lap % 5], Vec::new());
    for i in 0..count {
        places.push((text.len() as u32, (text.len() + string.len()) as u32));
        text.extend_from_slice(string);
        text.extend((0..(i + lap) % 7).map(|_| b'-'));
    }
    (text, places)
}

fn found(kernel: &Kernel, position: u64, done: DeviceCompletion) -> Vec<(u32, u32)> {
    let mut found: Vec<_> = kernel.matches(position, done).iter().map(|r| (r.b, r.c)).collect();
    found.sort_unstable();
    found
}

/// Longer strings go through the queue of windows, short ones through the automaton.
const STRINGS: [&[u8]; 2] = [b"needle", b"ab"];

/// Every count about which the room changes, again and again over the same slots and chunks.
#[test]
fn every_count_is_delivered_by_the_device() {
    let _alone = alone();
    let options = Options { ring: 16, spill_kib: 64, ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let (mut position, mut by_host) = (options.start, 0);
    let laps = if device().is_software() { 3 } else { 200 };
    for string in STRINGS {
        let set = load(&kernel, string);
        for lap in 0..laps {
            for count in [0, 1, 14, 15, 16, 17, 47, 63, 64, 65, 77, 78, 79, 80, 141, 142, 300, 700] {
                let (bytes, places) = text(string, count, lap);
                // SAFETY: inside the arena; the item before has been consumed.
                unsafe { kernel.write_arena(lap % 16, &bytes) };
                kernel.publish(
                    position,
                    &[Job { offset: (lap % 16) as u32, len: bytes.len() as u32, set: set.index(), ..Job::default() }],
                );
                wait(|| kernel.poll_done(position).is_some(), "a completion");
                let done = kernel.poll_done(position).unwrap();
                let found = found(&kernel, position, done);
                if done.overflow {
                    by_host += 1;
                } else {
                    assert_eq!(done.count as usize, count);
                    assert_eq!(found, places, "{count} times, lap {lap}");
                }
                position += 1;
            }
        }
        kernel.unload(set);
    }
    // A software device may cut a search off; hardware has no excuse.
    println!("{by_host} by the host");
    assert!(by_host * 4 <= laps * 36 && (device().is_software() || by_host == 0), "{by_host} went to the host");
}

/// Chunks come back: many more are used in all than there are. While none is left the host is asked, and nobody else.
#[test]
fn without_chunks_the_host_is_asked_and_chunks_come_back() {
    let _alone = alone();
    let options = Options { ring: 64, spill_kib: 4, ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let set = load(&kernel, STRINGS[0]);
    let (bytes, places) = text(STRINGS[0], 40, 0);
    // SAFETY: inside the arena, nothing is published yet.
    unsafe { kernel.write_arena(0, &bytes) };
    let job = Job { offset: 0, len: bytes.len() as u32, set: set.index(), ..Job::default() };
    let mut position = options.start;
    for _ in 0..10 {
        // Nothing is taken while these run, and there are four chunks for sixteen items that want one.
        kernel.publish(position, &[job; 16]);
        let mut refused = 0;
        for i in 0..16 {
            wait(|| kernel.poll_done(position + i).is_some(), "a completion");
        }
        for i in 0..16 {
            let done = kernel.poll_done(position + i).unwrap();
            let found = found(&kernel, position + i, done);
            assert!(done.overflow || found == places);
            refused += usize::from(done.overflow);
        }
        assert!((12..16).contains(&refused), "{refused} of 16 items were refused");
        position += 16;
    }
}

/// Records that are late, of another lap or cut are never shown: the seals of a slot that was used before don't fit.
#[test]
fn an_empty_item_behind_a_full_one_shows_nothing() {
    let _alone = alone();
    let options = Options { ring: 1, ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let set = load(&kernel, STRINGS[0]);
    for (position, count) in (options.start..).zip([20, 0, 3, 0, 16, 1, 0]) {
        let (bytes, places) = text(STRINGS[0], count, 0);
        // SAFETY: inside the arena; the item before has been consumed.
        unsafe { kernel.write_arena(0, &bytes) };
        kernel.publish(position, &[Job { offset: 0, len: bytes.len() as u32, set: set.index(), ..Job::default() }]);
        wait(|| kernel.poll_done(position).is_some(), "a completion");
        let done = kernel.poll_done(position).unwrap();
        assert!(!done.overflow);
        assert_eq!(found(&kernel, position, done), places);
    }
}
