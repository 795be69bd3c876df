//! What the bench programs share: medians, and the rows of figures that they leave behind.

#![allow(dead_code)] // Each program uses what it needs of this.

use serde_json::json;
use std::io::Write;
use std::path::PathBuf;

/// One figure.
pub struct Row<'a> {
    /// Its name in the documentation.
    pub id: &'a str,
    /// What was measured, in a few words.
    pub what: &'a str,
    pub value: f64,
    pub unit: &'a str,
    /// What it was compared with in the same run, and that one's value.
    pub peer: Option<(&'a str, f64)>,
    /// How many times as good as the peer.
    pub ratio: Option<f64>,
}

/// Prints a row and appends it to `target/bench/results.jsonl`.
pub fn record(row: &Row<'_>) {
    let peer = row.peer.map_or(String::new(), |(name, value)| format!("{name} {value:.2}"));
    let ratio = row.ratio.map_or(String::new(), |ratio| format!("{ratio:.2}x"));
    println!("{:<16} {:>10.2} {:<10} {:<28} {:>8}  {}", row.id, row.value, row.unit, peer, ratio, row.what);
    let line = json!({
        "id": row.id,
        "what": row.what,
        "value": row.value,
        "unit": row.unit,
        "peer": row.peer.map(|peer| peer.0),
        "peer_value": row.peer.map(|peer| peer.1),
        "ratio": row.ratio,
        "hardware": hardware(),
    });
    let folder = target().join("bench");
    std::fs::create_dir_all(&folder).expect("the target folder can be written to");
    let file = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("results.jsonl"));
    writeln!(file.expect("results.jsonl can be opened"), "{line}").expect("results.jsonl can be written to");
}

/// The middle one; of an even number the upper of the two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The processor's name and how many of them there are.
pub fn hardware() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = info.lines().find_map(|line| line.strip_prefix("model name")).and_then(|rest| rest.split(": ").nth(1));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    format!("{} x {cores}", name.unwrap_or(std::env::consts::ARCH))
}

fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => folder.into(),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target"),
    }
}

/// Seconds of processor time that this thread has used.
pub fn thread_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: a valid pointer to a timespec.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time) };
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
