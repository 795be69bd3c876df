//! What stands beside the figures: other ways to run one job, the GPU's power, and others on the same GPU.

use super::Bench;
use super::abi::{Drum, Stream, item, percentile, stream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// One number that nvidia-smi tells of the first GPU.
pub(super) fn nvidia_smi(field: &str) -> Option<f64> {
    let output = Command::new("nvidia-smi")
        .args([&format!("--query-gpu={field}"), "--format=csv,noheader,nounits"])
        .output()
        .ok()?;
    String::from_utf8(output.stdout).ok()?.lines().next()?.trim().parse().ok()
}

/// The GPU's power once it has settled for some seconds.
pub(super) fn watts(seconds: u64) -> Option<f64> {
    nvidia_smi("power.draw")?;
    std::thread::sleep(Duration::from_secs(seconds));
    let readings: Vec<f64> = (0..5)
        .filter_map(|_| {
            std::thread::sleep(Duration::from_millis(150));
            nvidia_smi("power.draw")
        })
        .collect();
    Some(readings.iter().sum::<f64>() / readings.len().max(1) as f64)
}

/// Builds benches/gpu/launch.cu, where there is a compiler for it.
fn cuda() -> Option<PathBuf> {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/gpu/launch.cu");
    let source = if source.exists() { source } else { "benches/gpu/launch.cu".into() };
    let program = std::env::temp_dir().join(format!("trommel-launch-{}", std::process::id()));
    let nvcc = ["nvcc", "/usr/local/cuda/bin/nvcc"];
    let built = nvcc.iter().any(|nvcc| {
        Command::new(nvcc).arg("-O2").arg("-o").arg(&program).arg(&source).status().is_ok_and(|status| status.success())
    });
    built.then_some(program)
}

/// The same job as an ordinary launch.
pub(super) fn baselines(bench: &mut Bench) {
    if !bench.wants("base") {
        return;
    }
    let count = if bench.device.is_software() { 100 } else { 2000 };
    let mut times = trommel::gpu::batch::submit_wait_times(&bench.device, count);
    times.sort_unstable();
    bench.plain("base_wgpu_p50", "wgpu: one dispatch submitted and waited for", percentile(&times, 0.5), "us");
    bench.plain("base_wgpu_p99", "the same", percentile(&times, 0.99), "us");
    let Some(program) = cuda() else {
        println!("base_cuda: no nvcc here");
        return;
    };
    let output = Command::new(&program).arg("launch").output().expect("the program that was built runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    let [p50, p99, burst] = numbers[..] else { panic!("launch.cu said {text}") };
    bench.plain("base_cuda_p50", "CUDA: one kernel of one 1 KiB item launched and waited for", p50, "us");
    bench.plain("base_cuda_p99", "the same", p99, "us");
    bench.plain("base_cuda_10000", "CUDA: 10,000 such launches, then one wait", burst, "us");
    let output = Command::new(&program).arg("copy").output().expect("the program that was built runs");
    let link = String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number");
    bench.plain("base_link", "CUDA: copies of 256 MiB of pinned memory to the device", link, "GB/s");
    let _ = std::fs::remove_file(program);
}

pub(super) fn rows(bench: &mut Bench) {
    if bench.wants("abi_power") {
        power(bench);
    }
    if bench.wants("abi_beside") {
        beside(bench);
    }
}

fn power(bench: &mut Bench) {
    let Some(bare) = bench.bare_watts else { return };
    bench.plain("abi_power_none", "no process on the GPU", bare, "W");
    let drum = Drum::new(&bench.adapter, |options| options.idle_ms = 60_000).unwrap_or_else(|why| panic!("{why}"));
    drum.round_trip(&item(0));
    let resident = watts(4).unwrap_or_default();
    bench.plain("abi_power_resident", "idle resident, over no process", resident - bare, "W");
    drop(drum);
    let drum = Drum::new(&bench.adapter, |options| options.idle_ms = 5).unwrap_or_else(|why| panic!("{why}"));
    drum.round_trip(&item(0));
    let released = watts(8).unwrap_or_default();
    bench.plain("abi_power_released", "after the idle release, over no process", released - bare, "W");
}

const SECOND: Stream = Stream { threads: 1, batch: 256, depth: 1 << 14, time: Duration::from_secs(1) };

/// A stream of a second in a process of its own; prints its rate.
pub(super) fn child(adapter: &str) {
    let drum = Drum::new(adapter, |_| ()).unwrap_or_else(|why| panic!("{why}"));
    let rate = stream(&drum, Stream { time: Duration::from_secs(3), ..SECOND });
    let stats = drum.stats();
    println!("{} {} {}", rate / 1e6, stats.failovers, stats.launches);
}

/// Others on the same GPU: all progress, nothing is lost (`stream` checks that each item comes back).
fn beside(bench: &mut Bench) {
    let new = |bench: &Bench| Drum::new(&bench.adapter, |_| ()).unwrap_or_else(|why| panic!("{why}"));
    let alone = stream(&new(bench), SECOND) / 1e6;
    bench.plain("abi_beside_nobody", "one engine, 1 thread, 256 a call", alone, "M items/s");
    let two = [new(bench), new(bench)];
    let rates: Vec<f64> = std::thread::scope(|scope| {
        let running: Vec<_> = two.iter().map(|drum| scope.spawn(|| stream(drum, SECOND) / 1e6)).collect();
        running.into_iter().map(|thread| thread.join().expect("a stream ends")).collect()
    });
    assert!(two.iter().all(|drum| drum.stats().failovers == 0), "an engine gave the GPU up beside another");
    for rate in rates {
        bench.plain("abi_beside_engine", "each of two engines in one process", rate, "M items/s");
    }
    drop(two);
    let program = std::env::current_exe().expect("this program has a path");
    let children: Vec<Child> = (0..2)
        .map(|_| {
            let mut command = Command::new(&program);
            command.args(["--stream", &bench.adapter]).stdout(Stdio::piped());
            command.spawn().expect("a second process starts")
        })
        .collect();
    for child in children {
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success(), "a process on a shared GPU failed");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        assert_eq!(numbers[1], 0.0, "it gave the GPU up: {text}");
        let what = format!("each of two processes, {} leases", numbers[2]);
        bench.plain("abi_beside_process", what, numbers[0], "M items/s");
    }
    let Some(program) = cuda() else {
        println!("abi_beside_cuda: no nvcc here");
        return;
    };
    let mut other = Command::new(&program).arg("busy").stdout(Stdio::piped()).spawn().expect("it starts");
    std::thread::sleep(Duration::from_secs(1));
    let drum = new(bench);
    let rate = stream(&drum, SECOND) / 1e6;
    assert_eq!(drum.stats().failovers, 0, "the GPU was given up beside another program");
    let _ = other.kill();
    let _ = other.wait();
    bench.plain("abi_beside_cuda", "beside a CUDA program that keeps the GPU full", rate, "M items/s");
    let _ = std::fs::remove_file(program);
}
