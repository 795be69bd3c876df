//! Large items, which workers of the resident kernel share out among themselves: whatever the borders of their pieces cut, what
//! is found is what one worker finds.
#![cfg(feature = "gpu")]

#[path = "common/gpu.rs"]
mod common;

use common::{alone, check_exactly_once, device, options, wait};
use std::time::Duration;
use trommel::gpu::persistent::{Kernel, Options, Split};
use trommel::gpu::{Job, SetKind, SetSlot};
use trommel::rules::literal::{BuildOptions, Literal, LiteralTable, Plan};
use trommel::scan::literal::LiteralScratch;

/// Everything is shared out that is longer than two pieces, whether anybody is free or not.
fn pieces_of(bytes: u32) -> Split {
    Split { over: 2 * bytes, least: bytes, most: bytes, idle: i32::MIN }
}

fn table(strings: &[&[u8]], plan: Option<Plan>) -> LiteralTable {
    let literals: Vec<Literal<'_>> =
        strings.iter().zip(0..).map(|(bytes, tag)| Literal { bytes, tag, caseless: tag % 3 == 2 }).collect();
    LiteralTable::build(&literals, &BuildOptions { plan, ..BuildOptions::default() }).unwrap()
}

fn load(kernel: &Kernel, table: &LiteralTable) -> SetSlot {
    let words: Vec<u32> = table.as_bytes().chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect();
    kernel.load(SetKind::Literal(&words)).unwrap()
}

/// Publishes texts so many at a time and compares each answer; how many the host would have to scan.
fn compare(
    kernel: &Kernel,
    table: &LiteralTable,
    set: &SetSlot,
    texts: &[(usize, Vec<u8>)],
    position: &mut u64,
    together: usize,
) -> usize {
    let (mut scratch, mut by_host) = (LiteralScratch::default(), 0);
    for some in texts.chunks(together) {
        let room = some.iter().map(|(_, text)| text.len() + 64).max().unwrap().next_multiple_of(64);
        let jobs: Vec<Job> = some
            .iter()
            .enumerate()
            .map(|(n, (skew, text))| {
                let offset = n * room + skew % 64;
                // SAFETY: inside the arena; everything before has been consumed.
                unsafe { kernel.write_arena(offset, text) };
                Job { offset: offset as u32, len: text.len() as u32, set: set.index(), ..Job::default() }
            })
            .collect();
        kernel.publish(*position, &jobs);
        for (skew, text) in some {
            wait(|| kernel.poll_done(*position).is_some(), "a completion");
            let done = kernel.poll_done(*position).unwrap();
            let mut expected = Vec::new();
            table.find(text, &mut scratch, &mut |tag, start, end| expected.push((tag, start as u32, end as u32)));
            expected.sort_unstable();
            let mut found: Vec<_> = kernel.matches(*position, done).iter().map(|r| (r.a, r.b, r.c)).collect();
            found.sort_unstable();
            if done.overflow {
                by_host += 1;
            } else {
                assert!(found == expected, "{} at {skew}: {found:?}, not {expected:?}", text.escape_ascii());
            }
            *position += 1;
        }
    }
    by_host
}

/// Strings shorter than a window, as long as pieces, and longer, at each place about the borders.
#[test]
fn every_place_about_a_border_is_searched_once() {
    let _alone = alone();
    let long: Vec<u8> = (0..70).map(|i| b"long_string "[i % 12]).collect();
    let strings: [&[u8]; 9] =
        [b"ab", b"needle", b"EeDl", b"edle", &long, b"x", b"\0\xff\0\xff", b"0123456789abcdef", b"deadbee"];
    let software = device().is_software();
    let (mut items, mut by_host, mut helped) = (0, 0, 0);
    for piece in [16, 48] {
        let options = Options { split: pieces_of(piece), ..options() };
        let kernel = Kernel::new(&device(), &options).unwrap();
        let mut position = options.start;
        for plan in [(4, 1), (5, 2), (4, 2), (8, 1), (6, 3), (4, 4)] {
            let plan = Plan { window: plan.0, stride: plan.1 };
            // Strides want strings that are longer than a window.
            let some: Vec<&[u8]> = strings
                .iter()
                .copied()
                .filter(|s| s.len() as u32 >= plan.window + plan.stride || s.len() < 4)
                .collect();
            let table = table(if plan.stride == 1 { &strings } else { &some }, Some(plan));
            let set = load(&kernel, &table);
            let mut texts = Vec::new();
            for shift in (0..2 * piece as usize + 3).step_by(if software { 5 } else { 1 }) {
                for (n, string) in strings.iter().enumerate() {
                    let mut text = vec![b"._"[n % 2]; shift];
                    text.extend_from_slice(string);
                    text.extend_from_slice(strings[(n + shift) % strings.len()]);
                    text.resize((text.len() + n * 7).max(2 * piece as usize + 1), b'-');
                    text.extend_from_slice(string);
                    texts.push((shift * 5 + n, text));
                }
            }
            items += texts.len();
            by_host += compare(&kernel, &table, &set, &texts, &mut position, 8);
            kernel.unload(set);
        }
        assert!(kernel.stop());
        check_exactly_once(&kernel, &options, position - options.start);
        helped += kernel.counters().helped;
    }
    println!("{items} items, {by_host} for the host, {helped} pieces by helpers");
    assert!(by_host * 10 <= items && (software || by_host == 0), "{by_host} of {items} went to the host");
    assert!(helped > 0, "nobody helped");
}

/// Random texts over few letters, of lengths about those of pieces, through many hand-overs.
#[test]
fn pieces_and_hand_overs_go_together() {
    let _alone = alone();
    let strings: [&[u8]; 6] = [b"abba", b"ba", b"aaaa", b"abababab", b"bbbbbbbbbbbbbbbbbbbb", b"b"];
    let table = table(&strings, None);
    let software = device().is_software();
    let options =
        Options { split: pieces_of(64), lease: Duration::from_millis(1), ring: 64, spill_kib: 64, ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let set = load(&kernel, &table);
    let mut state = 0x5eed_u64;
    let mut below = |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let (mut position, mut by_host, mut items) = (options.start, 0, 0);
    for _ in 0..if software { 12 } else { 1500 } {
        let texts: Vec<(usize, Vec<u8>)> = (0..32)
            .map(|_| {
                let letters: &[u8] =
                    [&b"ab.........,,,,,,,,,,,,,"[..], b"ab", b"a.b,"][below(8).saturating_sub(5) as usize];
                let longest = [200, 1000, 3000][below(3) as usize];
                let len = 1 + below(longest);
                (below(64) as usize, (0..len).map(|_| letters[below(letters.len() as u64) as usize]).collect())
            })
            .collect();
        items += texts.len();
        by_host += compare(&kernel, &table, &set, &texts, &mut position, 8);
    }
    assert!(kernel.stop());
    check_exactly_once(&kernel, &options, position - options.start);
    let counters = kernel.counters();
    println!("{items} items, {by_host} for the host, {counters:?}");
    assert!(counters.leases > 2 && counters.helped > 0, "{counters:?}");
    assert!(by_host * 4 <= items, "{by_host} of {items} went to the host");
}

/// As the default has it: one item alone, while the other workers wait.
#[test]
fn an_item_alone_is_shared_out() {
    let _alone = alone();
    let split = Split { idle: 0, ..Split::default() };
    let options = Options { arena_bytes: 4 << 20, split, ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let table = table(&[b"needle", b"straw"], None);
    let set = load(&kernel, &table);
    let len = if device().is_software() { 40 << 10 } else { 3 << 20 };
    let mut text = vec![b'.'; len];
    for at in (0..len - 8).step_by(1021) {
        text[at..at + 6].copy_from_slice(b"needle");
    }
    let mut position = options.start;
    let by_host = compare(&kernel, &table, &set, &vec![(3, text); 20], &mut position, 1);
    assert!(kernel.stop());
    let counters = kernel.counters();
    println!("{by_host} of 20 for the host, {counters:?}");
    // Of the two workers on a software device one may be asleep all the while.
    assert!((device().is_software() || counters.helped > 0) && by_host < 10, "{by_host} for the host, {counters:?}");
}

/// More records than a board has room for: the host is asked, and what was taken for the item comes back.
#[test]
fn too_many_records_are_the_hosts() {
    let _alone = alone();
    let options = Options { split: pieces_of(256), spill_kib: 64, ring: 16, ..options() };
    let kernel = Kernel::new(&device(), &options).unwrap();
    let table = table(&[b"ab"], None);
    let set = load(&kernel, &table);
    let mut position = options.start;
    for round in 0..20 {
        let many = compare(&kernel, &table, &set, &[(round, b"ab".repeat(6000))], &mut position, 1);
        assert_eq!(many, 1, "an item has no room for so many");
        let some = compare(&kernel, &table, &set, &[(round, b"ab.".repeat(500))], &mut position, 1);
        assert!(some == 0 || device().is_software(), "chunks did not come back");
    }
}
