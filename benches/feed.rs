//! What the engine costs between the C ABI and a resident kernel, where the kernel costs nothing: it answers each item at
//! once, on the thread that publishes it. Runs on machines without a GPU.

#[path = "gpu/abi.rs"]
mod abi;
mod common;

use abi::{Drum, Stream, percentile, round_trips, stream};
use common::{Row, median, record};
use std::time::Duration;

fn main() {
    let drum = Drum::new("echo", |_| ()).unwrap_or_else(|why| panic!("{why}"));
    let row = |id, what: &str, value, unit| record(&Row { id, what, value, unit, peer: None, ratio: None });
    let times = round_trips(&drum, 200_000);
    row("feed-round-trip", "enqueue and wait for one item, p50", percentile(&times, 0.5), "us");
    row("feed-round-trip-p99", "the same, p99", percentile(&times, 0.99), "us");
    for (id, threads, batch) in
        [("feed-256", 1, 256), ("feed-16", 1, 16), ("feed-single", 1, 1), ("feed-256-2", 2, 256)]
    {
        let how = Stream { threads, batch, depth: (1 << 15) / threads, time: Duration::from_millis(400) };
        let rates = (0..5).map(|_| stream(&drum, how) / 1e6).collect();
        row(id, &format!("{threads} threads, {batch} items a call, enqueue and collect"), median(rates), "M items/s");
    }
}
