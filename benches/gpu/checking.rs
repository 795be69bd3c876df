//! The whole text of the benches through the C ABI with every rule set, each item's matches against those of the regex crate,
//! rule by rule.

use super::Bench;
use super::abi::Drum;
use super::matching::Set;
use regex::bytes::{Regex, RegexBuilder};
use std::sync::atomic::{AtomicUsize, Ordering};
use trommel::rules::flags;
use trommel::types::*;

/// (end, start, rule), in the order in which an item's matches are told.
type Found = (u64, u64, u32);

/// Panics where an item's matches differ.
pub(super) fn check(bench: &mut Bench, set: &Set, text: &[u8]) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let rules: Vec<(u32, Regex)> = (0..)
        .zip(&set.patterns)
        .filter_map(|(id, (bytes, flags))| {
            let text = String::from_utf8(bytes.clone()).ok()?;
            let text = if flags & flags::LITERAL != 0 { regex::escape(&text) } else { text };
            let folds = flags & flags::CASELESS != 0;
            let built = RegexBuilder::new(&text).unicode(false).case_insensitive(folds).size_limit(100 << 20).build();
            Some((id, built.ok()?))
        })
        .collect();
    let drum = Drum::new(&bench.adapter, |_| ()).unwrap_or_else(|e| panic!("{e}"));
    let offset = drum.fill(text);
    drum.load_rules(2, set.compiled());
    for size in [16 << 10, 1 << 10, 333] {
        // Every rule takes time for each item: of the smallest ones only so many.
        let count = (text.len() / size).min(if set.patterns.len() > 20_000 { 2048 } else { 8192 });
        let items: Vec<&[u8]> = text.chunks(size).take(count).collect();
        let wanted = by_the_regex_crate(&rules, &items, threads);
        let jobs: Vec<trm_work_item> = (0..items.len())
            .map(|n| trm_work_item {
                input_offset: offset + (n * size) as u32,
                input_len: items[n].len() as u32,
                rule_set_id: 2,
                correlation: n as u32,
            })
            .collect();
        let (mut completions, mut matches) =
            (vec![trm_completion::default(); 256], vec![trm_match::default(); 1 << 20]);
        let (mut sent, mut done, mut seen, mut found) = (0, 0, vec![false; items.len()], 0);
        while done < items.len() {
            if sent < items.len() {
                sent += drum.enqueue(&jobs[sent..(sent + 256).min(items.len())]);
            }
            let (count, _) = drum.collect_all(&mut completions, &mut matches);
            for completion in &completions[..count] {
                let n = completion.correlation as usize;
                assert!(!std::mem::replace(&mut seen[n], true), "item {n} came back twice");
                let first = completion.first_match as usize;
                let got: Vec<Found> = matches[first..first + completion.match_count as usize]
                    .iter()
                    .map(|one| (one.end, one.start, one.rule_id))
                    .collect();
                assert_eq!(got, wanted[n], "{}: item {n} of {size} bytes", set.name);
                found += got.len();
            }
            done += count;
        }
        let what = format!("{}, {} items of {size} B as the regex crate finds them", set.name, items.len());
        bench.plain("abi_check", what, found as f64, "matches");
    }
}

fn by_the_regex_crate(rules: &[(u32, Regex)], items: &[&[u8]], threads: usize) -> Vec<Vec<Found>> {
    let next = AtomicUsize::new(0);
    let parts: Vec<Vec<(usize, Found)>> = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    // Some rules at a time: a thread has caches of its own for those alone.
                    while let Some(some) = rules.chunks(64).nth(next.fetch_add(1, Ordering::Relaxed)) {
                        for (id, rule) in some {
                            let rule = rule.clone();
                            for (n, item) in items.iter().enumerate() {
                                mine.extend(rule.find_iter(item).map(|m| (n, (m.end() as u64, m.start() as u64, *id))));
                            }
                        }
                    }
                    mine
                })
            })
            .collect();
        running.into_iter().map(|thread| thread.join().expect("it ends")).collect()
    });
    let mut wanted = vec![Vec::new(); items.len()];
    parts.into_iter().flatten().for_each(|(n, found)| wanted[n].push(found));
    wanted.iter_mut().for_each(|of_item| of_item.sort_unstable());
    wanted
}
