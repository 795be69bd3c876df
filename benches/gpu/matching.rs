//! Matching through the C ABI: bytes that are in the arena already, a handle a thread, every match delivered.

use super::Bench;
use super::abi::Drum;
use crate::sets::{self, Sources};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::rules::flags;
use trommel::types::*;

const TEXT: usize = 48 << 20;
const TIME: Duration = Duration::from_millis(500);

type Patterns = Vec<(Vec<u8>, u32)>;

fn rule_sets() -> Vec<(&'static str, Option<Patterns>)> {
    let data = std::env::var_os("TROMMEL_DATA").map_or_else(|| "../shared/data".into(), std::path::PathBuf::from);
    let literals = |set: sets::Set| -> Patterns {
        let flags = |caseless| flags::LITERAL | if caseless { flags::CASELESS } else { 0 };
        set.into_iter().map(|(bytes, caseless)| (bytes, flags(caseless))).collect()
    };
    let regexes = |set: Vec<String>| -> Patterns { set.into_iter().map(|rule| (rule.into_bytes(), 0)).collect() };
    vec![
        ("lits1000", sets::lines(&data.join("lits1000.txt")).map(literals)),
        ("lits10000", sets::lines(&data.join("lits10000.txt")).map(literals)),
        ("keywords", sets::keywords(&data.join("gitleaks.toml")).map(literals)),
        ("gitleaks", crate::sources::gitleaks(&data.join("gitleaks.toml")).map(regexes)),
        ("intrusion", Some(regexes(crate::sources::intrusion(2000)))),
    ]
}

pub(super) fn rows(bench: &mut Bench) {
    if !bench.wants("abi_match") || bench.device.is_software() {
        return;
    }
    let some = Sources::find().text(8 << 20);
    if some.is_empty() {
        return println!("abi_match: no crate sources on this machine");
    }
    let text: Vec<u8> = some.iter().copied().cycle().take(TEXT).collect();
    for (name, set) in rule_sets() {
        let Some(set) = set else { continue };
        for workers in [0, 2112] {
            let drum =
                Drum::new(&bench.adapter, |options| options.gpu_workers = workers).unwrap_or_else(|e| panic!("{e}"));
            let offset = drum.fill(&text);
            drum.load_rules(2, &set);
            for size in [16 << 10, 1 << 10] {
                stream(&drum, offset, size);
                let before = drum.stats();
                let (items, found, seconds) = stream(&drum, offset, size);
                let after = drum.stats();
                let what = format!(
                    "{name}, {size} B, {} workers: {:.1} M items/s, {:.3} matches an item, host {:.2}% of the items, {:.2} cores",
                    if workers == 0 { "default".into() } else { workers.to_string() },
                    items as f64 / seconds / 1e6,
                    found as f64 / items as f64,
                    (after.host_items - before.host_items) as f64 * 100.0 / items as f64,
                    (after.host_ns - before.host_ns) as f64 / 1e9 / seconds,
                );
                bench.plain("abi_match", what, items as f64 * size as f64 / seconds / 1e9, "GB/s");
            }
        }
    }
}

/// Items, matches, seconds.
fn stream(main: &Drum, offset: u32, size: usize) -> (u64, u64, f64) {
    let threads = (std::thread::available_parallelism().map_or(1, usize::from) / 2).clamp(1, 8);
    let (items_done, matches_found) = (AtomicU64::new(0), AtomicU64::new(0));
    let handles: Vec<Drum> = (0..threads).map(|_| main.attach()).collect();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for (t, handle) in handles.iter().enumerate() {
            let (items_done, matches_found) = (&items_done, &matches_found);
            scope.spawn(move || {
                let item = |n: usize| trm_work_item {
                    input_offset: offset + (n * size % TEXT) as u32,
                    input_len: size as u32,
                    rule_set_id: 2,
                    correlation: n as u32,
                };
                let items: Vec<_> = (0..TEXT / size).map(item).collect();
                let mut completions = vec![trm_completion::default(); 1024];
                let mut matches = vec![trm_match::default(); 1 << 20];
                let (mut next, mut sent, mut done, mut found) = (t * items.len() / 16, 0, 0, 0);
                // Enough for every worker, not more than the ring.
                let depth = (8192 / threads).max(512);
                loop {
                    let over = began.elapsed() > TIME;
                    if over && sent == done {
                        break;
                    }
                    if !over && sent - done + 256 <= depth {
                        let end = (next + 256).min(items.len());
                        let accepted = handle.enqueue(&items[next..end]);
                        sent += accepted;
                        next = (next + accepted) % items.len();
                    }
                    let (count, more) = handle.collect_all(&mut completions, &mut matches);
                    done += count;
                    found += more;
                }
                items_done.fetch_add(done as u64, Ordering::Relaxed);
                matches_found.fetch_add(found as u64, Ordering::Relaxed);
            });
        }
    });
    (items_done.into_inner(), matches_found.into_inner(), began.elapsed().as_secs_f64())
}
