//! Figures of the GPU drains, on the adapter that TROMMEL_ADAPTER names or the best there is.
//!
//! Prints a table and appends JSON lines to target/bench/results.jsonl (TROMMEL_BENCH_RESULTS names another file).
//! `cargo bench --bench gpu -- NAME...` runs only the rows whose name contains one of the words. Rows that begin with
//! `abi` call nothing but the exported C functions; those that begin with `kernel` leave the engine out.

mod abi;
mod checking;
#[path = "../../tests/common/gpu.rs"]
mod common;
mod engine;
mod feeding;
mod kernel;
mod matching;
mod others;
#[allow(dead_code)]
#[path = "../literals/sets.rs"]
mod sets;
#[allow(dead_code)]
#[path = "../rules/sources.rs"]
mod sources;
#[path = "../literals/vectorscan.rs"]
mod vectorscan;

use std::io::Write;
use std::time::Duration;
use trommel::gpu::persistent::{Kernel, Options};
use trommel::gpu::{Device, Job};

struct Row {
    id: &'static str,
    what: String,
    value: f64,
    unit: &'static str,
    peer: &'static str,
    peer_value: f64,
}

struct Bench {
    device: Device,
    /// As an engine's options name it.
    adapter: String,
    hardware: String,
    file: Option<std::fs::File>,
    only: Vec<String>,
    /// Power with no process on the GPU.
    bare_watts: Option<f64>,
}

impl Bench {
    fn wants(&self, id: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|word| id.contains(word.as_str()) || word.contains(id))
    }

    fn row(&mut self, row: Row) {
        let ratio = if row.peer_value > 0.0 { row.value / row.peer_value } else { 0.0 };
        let peer = if row.peer_value > 0.0 { format!("  ({} {:.3})", row.peer, row.peer_value) } else { String::new() };
        println!("{:<28} {:>12.3} {:<9} {}{peer}", row.id, row.value, row.unit, row.what);
        let line = serde_json::json!({
            "id": row.id, "what": row.what, "value": row.value, "unit": row.unit, "peer": row.peer,
            "peer_value": row.peer_value, "ratio": ratio, "hardware": self.hardware,
        });
        if let Some(file) = &mut self.file {
            let _ = writeln!(file, "{line}");
        }
    }

    fn plain(&mut self, id: &'static str, what: impl Into<String>, value: f64, unit: &'static str) {
        self.row(Row { id, what: what.into(), value, unit, peer: "", peer_value: 0.0 });
    }
}

fn main() {
    let mut arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    if arguments.first().is_some_and(|a| a == "--stream") {
        return others::child(&arguments[1]);
    }
    arguments.retain(|a| !a.starts_with("--"));
    let wants_power = arguments.is_empty() || arguments.iter().any(|word| "abi_power".contains(word.as_str()));
    // Before this process has anything on the GPU.
    let bare_watts = if wants_power { others::watts(2) } else { None };
    let device = common::device();
    let path = std::env::var("TROMMEL_BENCH_RESULTS").unwrap_or_else(|_| "target/bench/results.jsonl".into());
    if let Some(parent) = std::path::Path::new(&path).parent() {
        let _ = std::fs::create_dir_all(parent);
    }
    let file = std::fs::OpenOptions::new().create(true).append(true).open(&path).ok();
    let hardware = format!(
        "{}, {}, {} cores",
        device.info().name,
        device.info().driver,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    println!("{hardware}");
    let adapter = device.info().index.to_string();
    let mut bench = Bench { device, adapter, hardware, file, only: arguments, bare_watts };
    warm(&mut bench);
    others::baselines(&mut bench);
    engine::rows(&mut bench);
    matching::rows(&mut bench);
    feeding::rows(&mut bench);
    kernel::rows(&mut bench);
    others::rows(&mut bench);
}

/// A cold GPU runs at a fraction of its clock: work for a second, then look.
fn warm(bench: &mut Bench) {
    if bench.device.is_software() {
        return;
    }
    kernel::throughput_of(&bench.device, 2, 528, 256, Duration::from_millis(10), Duration::from_secs(1));
    let options = Options { idle: Duration::from_secs(10), ..Options::default() };
    let kernel = Kernel::new(&bench.device, &options).unwrap();
    kernel.publish(0, &[Job::default()]);
    std::thread::sleep(Duration::from_millis(300));
    if let Some(clock) = others::nvidia_smi("clocks.sm") {
        bench.plain("warm_clock", "SM clock while resident", clock, "MHz");
        assert!(clock > 1000.0, "the GPU is not warm: figures would mean nothing");
    }
}
