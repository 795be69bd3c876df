//! Through the C ABI: round trips, streams, bursts, hand-overs, the batch drain, and what it costs the host.

use super::Bench;
use super::abi::{Drum, Stream, item, percentile, round_trips, stream};
use std::time::{Duration, Instant};
use trommel::capi::{TRM_DELIVER_NONE, TRM_MODE_DISABLE, TRM_OPTION_SPARSE_TICKETS, TRM_PROCESSOR_GPU};
use trommel::types::{trm_completion, trm_work_item};

/// Median of a few streams: each is short, and neighbours on the machine come and go.
fn rate(drum: &Drum, how: Stream) -> f64 {
    let mut rates: Vec<f64> = (0..5).map(|_| stream(drum, how) / 1e6).collect();
    rates.sort_by(f64::total_cmp);
    rates[2]
}

fn how(threads: usize, batch: usize) -> Stream {
    Stream { threads, batch, depth: (1 << 15) / threads, time: Duration::from_millis(300) }
}

pub(super) fn rows(bench: &mut Bench) {
    let drum = |bench: &Bench| Drum::new(&bench.adapter, |_| ()).unwrap_or_else(|why| panic!("{why}"));
    if bench.wants("abi_round_trip") {
        let drum = drum(bench);
        let times = round_trips(&drum, if bench.device.is_software() { 2000 } else { 200_000 });
        bench.plain("abi_round_trip_p50", "one 1 KiB item, empty set: enqueue and wait", percentile(&times, 0.5), "us");
        bench.plain("abi_round_trip_p99", "the same", percentile(&times, 0.99), "us");
        bench.plain("abi_round_trip_p999", "the same", percentile(&times, 0.999), "us");
    }
    if bench.wants("abi_items") {
        let drum = drum(bench);
        for (id, threads, batch) in [
            ("abi_items_1", 1, 256),
            ("abi_items_1", 1, 1024),
            ("abi_items_1", 1, 16),
            ("abi_items_8", 8, 256),
            ("abi_items_8", 8, 1024),
            ("abi_items_single", 1, 1),
        ] {
            let value = rate(&drum, how(threads, batch));
            let what = format!("{threads} handles on as many threads, {batch} a call: enqueue and collect");
            bench.plain(id, what, value, "M items/s");
        }
        let sparse = Drum::new(&bench.adapter, |options| options.flags = TRM_OPTION_SPARSE_TICKETS);
        let value = rate(&sparse.unwrap_or_else(|why| panic!("{why}")), how(1, 1));
        bench.plain("abi_items_single", "the same with gaps between tickets allowed", value, "M items/s");
    }
    if bench.wants("abi_burst") {
        burst(bench, &drum(bench));
    }
    if bench.wants("abi_lease") {
        leases(bench);
    }
    if bench.wants("abi_first_after_idle") {
        first_after_idle(bench);
    }
    if bench.wants("abi_batch") {
        batches(bench);
    }
    if bench.wants("abi_host_cpu") {
        host_cpu(bench);
    }
}

/// 10,000 jobs at once, from the first enqueue to the last completion.
fn burst(bench: &mut Bench, drum: &Drum) {
    let items: Vec<trm_work_item> = (0..10_000).map(item).collect();
    let mut completions = vec![trm_completion::default(); 4096];
    let mut fed = Vec::new();
    let mut times: Vec<u64> = (0..if bench.device.is_software() { 3 } else { 200 })
        .map(|_| {
            let began = Instant::now();
            for batch in items.chunks(256) {
                assert_eq!(drum.enqueue(batch), batch.len());
            }
            fed.push(began.elapsed().as_nanos() as u64);
            let mut done = 0;
            while done < items.len() {
                done += drum.collect(&mut completions, -1);
            }
            began.elapsed().as_nanos() as u64
        })
        .collect();
    times.sort_unstable();
    fed.sort_unstable();
    bench.plain("abi_burst_fed_p50", "10,000 x 1 KiB, batches of 256: enqueueing", percentile(&fed, 0.5), "us");
    let what = "10,000 x 1 KiB, batches of 256: first enqueue to last completion";
    bench.plain("abi_burst_10000_p50", what, percentile(&times, 0.5), "us");
    bench.plain("abi_burst_10000_p99", "the same", percentile(&times, 0.99), "us");
}

/// What hand-overs cost: the longest time without a completion per lease, and the rate. One long lease beside it shows how
/// long the machine keeps either thread from running anyway.
fn leases(bench: &mut Bench) {
    for lease_ms in [5, 10, 3_600_000] {
        let drum =
            Drum::new(&bench.adapter, |options| options.lease_ms = lease_ms).unwrap_or_else(|why| panic!("{why}"));
        let what = if lease_ms < 1000 { format!("leases of {lease_ms} ms") } else { "one lease".into() };
        bench.plain("abi_lease_items", format!("1 thread, 256 a call, {what}"), rate(&drum, how(1, 256)), "M items/s");
        let items: Vec<trm_work_item> = (0..256).map(item).collect();
        let mut completions = vec![trm_completion::default(); 4096];
        let window = Duration::from_millis(lease_ms.min(10).into());
        let (before, began) = (drum.stats().launches, Instant::now());
        let (mut last, mut out) = (Instant::now(), 0);
        let mut longest = vec![0; (Duration::from_secs(1).as_nanos() / window.as_nanos()) as usize];
        while began.elapsed() < Duration::from_secs(1) {
            // Few at a time, so that a pause of the kernel shows.
            while out < 2048 {
                out += drum.enqueue(&items);
            }
            let count = drum.collect(&mut completions, 0);
            if count > 0 {
                let now = Instant::now();
                let at = ((now - began).as_nanos() / window.as_nanos()) as usize;
                if let Some(longest) = longest.get_mut(at) {
                    *longest = u64::max(*longest, (now - last).as_nanos() as u64);
                }
                (last, out) = (now, out - count);
            }
        }
        while out > 0 {
            out -= drum.collect(&mut completions, -1);
        }
        let launched = drum.stats().launches - before;
        longest.sort_unstable();
        let what = format!("{what}, {launched} begun: longest time without a completion in each {window:?}");
        bench.plain("abi_lease_gap_p50", what.clone(), percentile(&longest, 0.5), "us");
        bench.plain("abi_lease_gap_max", what, percentile(&longest, 1.0), "us");
    }
}

fn first_after_idle(bench: &mut Bench) {
    let drum = Drum::new(&bench.adapter, |options| options.idle_ms = 2).unwrap_or_else(|why| panic!("{why}"));
    drum.round_trip(&item(0));
    let mut times: Vec<u64> = (0..100)
        .map(|n| {
            std::thread::sleep(Duration::from_millis(30));
            drum.round_trip(&item(n)).as_nanos() as u64
        })
        .collect();
    assert!(drum.stats().relaunches >= 90, "the GPU was not given up in between: {}", drum.stats().relaunches);
    times.sort_unstable();
    bench.plain("abi_first_after_idle_p50", "first item after the idle release", percentile(&times, 0.5), "us");
    bench.plain("abi_first_after_idle_p99", "the same", percentile(&times, 0.99), "us");
}

fn batches(bench: &mut Bench) {
    let drum = Drum::new(&bench.adapter, |options| {
        (options.mode, options.processor, options.ring_size) = (TRM_MODE_DISABLE, TRM_PROCESSOR_GPU, 1 << 17);
    })
    .unwrap_or_else(|why| panic!("{why}"));
    let depth = 1 << 16;
    let value = rate(&drum, Stream { threads: 1, batch: 8192, depth, time: Duration::from_millis(500) });
    bench.plain("abi_batch_items", "batch drain, 8,192 a call, 1 KiB, empty set", value, "M items/s");
    let value = rate(&drum, Stream { threads: 4, batch: 8192, depth: depth / 4, time: Duration::from_millis(500) });
    bench.plain("abi_batch_items_4", "the same, 4 handles", value, "M items/s");
}

/// CPU seconds of this process so far.
pub(super) fn cpu_time() -> f64 {
    // SAFETY: plain integers, written by the call.
    unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_SELF, &mut usage);
        let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        seconds(usage.ru_utime) + seconds(usage.ru_stime)
    }
}

/// What the engine's own threads take while the GPU scans and no caller is inside.
fn host_cpu(bench: &mut Bench) {
    let drum =
        Drum::new(&bench.adapter, |options| options.delivery = TRM_DELIVER_NONE).unwrap_or_else(|why| panic!("{why}"));
    drum.load(2, &["needle that is not there", "another one that is not"]);
    let len = if bench.device.is_software() { 4 << 10 } else { 4 << 20 };
    let long = trm_work_item { input_offset: 0, input_len: len, rule_set_id: 2, correlation: 0 };
    let items = vec![long; 1024];
    let mut shares = Vec::new();
    for _ in 0..5 {
        while drum.stats().in_flight < 60_000 && drum.enqueue(&items) > 0 {}
        let (began, before) = (Instant::now(), cpu_time());
        std::thread::sleep(Duration::from_millis(300));
        let share = (cpu_time() - before) / began.elapsed().as_secs_f64();
        if drum.stats().in_flight > 0 {
            shares.push(share);
        }
    }
    if shares.is_empty() {
        println!("abi_host_cpu: the GPU was done too soon");
        return;
    }
    shares.sort_by(f64::total_cmp);
    let what = format!("the GPU scans {} KiB items, nobody waits", len >> 10);
    bench.plain("abi_host_cpu", what, shares[shares.len() / 2], "cores");
    println!("{} items scanned on the host", drum.stats().host_items);
}
