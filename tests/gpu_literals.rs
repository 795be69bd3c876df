//! The device's literal matcher against the host's, on random tables and texts of every alignment and length.
#![cfg(feature = "gpu")]

#[path = "common/gpu.rs"]
mod common;

use std::time::{Duration, Instant};
use trommel::gpu::persistent::{Kernel, Options};
use trommel::gpu::{Job, SetKind};
use trommel::rules::literal::{BuildOptions, Literal, LiteralTable, Plan};
use trommel::scan::literal::LiteralScratch;

struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

/// Strings over a small alphabet, so that they overlap, share windows and hit each other's borders.
fn strings(random: &mut Random, count: u64, longest: u64) -> Vec<Vec<u8>> {
    (0..count)
        .map(|_| {
            let len = 1 + random.below(longest);
            (0..len).map(|_| b"aAbB\0\xff"[random.below(6) as usize]).collect()
        })
        .collect()
}

fn text(random: &mut Random, strings: &[Vec<u8>]) -> Vec<u8> {
    let len = match random.below(4) {
        0 => random.below(20),
        1 => random.below(2000),
        _ => random.below(200),
    } as usize;
    let mut text = Vec::new();
    while text.len() < len {
        if random.below(8) == 0 {
            text.extend_from_slice(&strings[random.below(strings.len() as u64) as usize]);
        } else {
            // Mostly bytes that no string has, so that answers fit beside the completion.
            text.push(b"xyzw..aB"[random.below(8) as usize]);
        }
    }
    text.truncate(len);
    text
}

#[test]
fn the_device_finds_what_the_host_finds() {
    let device = common::device();
    let options = Options { ring: 64, arena_bytes: 1 << 20, ..Options::default() };
    let kernel = Kernel::new(&device, &options).unwrap();
    let mut random = Random(0x5eed);
    let mut scratch = LiteralScratch::default();
    let (mut position, mut exact, mut passed_on) = (0u64, 0, 0);
    let rounds = if device.is_software() { 60 } else { 1500 };
    for round in 0..rounds {
        let (count, longest) = [(1, 3), (3, 12), (20, 5), (100, 30), (8, 300)][round % 5];
        let strings = strings(&mut random, count, longest);
        let literals: Vec<Literal<'_>> = strings
            .iter()
            .enumerate()
            .map(|(tag, bytes)| Literal { bytes, caseless: random.below(3) == 0, tag: tag as u32 })
            .collect();
        let plan = match random.below(3) {
            0 => None,
            _ => Some(Plan { window: 4 + random.below(5) as u32, stride: 1 + random.below(2) as u32 }),
        };
        let Ok(table) = LiteralTable::build(&literals, &BuildOptions { plan, ..BuildOptions::default() }) else {
            continue;
        };
        let words: Vec<u32> =
            table.as_bytes().chunks_exact(4).map(|w| u32::from_le_bytes(w.try_into().unwrap())).collect();
        let set = kernel.load(SetKind::Literal(&words)).unwrap();
        let texts: Vec<Vec<u8>> = (0..32).map(|_| text(&mut random, &strings)).collect();
        let mut at = 0usize;
        let jobs: Vec<Job> = texts
            .iter()
            .map(|text| {
                at += random.below(70) as usize;
                // SAFETY: inside the arena; everything before has been consumed.
                unsafe { kernel.write_arena(at, text) };
                let job = Job { offset: at as u32, len: text.len() as u32, set: set.index(), ..Job::default() };
                at += text.len();
                job
            })
            .collect();
        kernel.publish(position, &jobs);
        for text in &texts {
            let began = Instant::now();
            let done = loop {
                if let Some(done) = kernel.poll_done(position) {
                    break done;
                }
                assert!(began.elapsed() < Duration::from_secs(20), "{:?} {}", kernel.progress(), kernel.why_dead());
            };
            let mut expected = Vec::new();
            table.find(text, &mut scratch, &mut |tag, start, end| expected.push((tag, start as u32, end as u32)));
            expected.sort_unstable();
            if done.overflow {
                // Software devices cut loops off; else only what no chunks are left for.
                assert!(
                    device.is_software() || expected.len() > 4000,
                    "{} records, {} bytes",
                    expected.len(),
                    text.len()
                );
                passed_on += 1;
            } else {
                let mut found: Vec<_> = kernel.matches(position, done).iter().map(|r| (r.a, r.b, r.c)).collect();
                found.sort_unstable();
                assert_eq!(found, expected, "{} {:?}", table.describe(), String::from_utf8_lossy(text));
                exact += 1;
            }
            position += 1;
        }
        kernel.unload(set);
    }
    println!("{exact} items compared, {passed_on} with too many matches");
    assert!(exact > passed_on);
}
