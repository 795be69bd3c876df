//! Models of the ring: loom runs each of them under every schedule and every value that a load may return, within a
//! bound on preemptions. Run with `RUSTFLAGS="--cfg loom" cargo test --release --no-default-features --test loom_ring`.
//!
//! `docs/ring-proofs.md` lists which of them fails when an ordering or a check in the ring is weakened.
#![cfg(loom)]

mod cancel;
mod collectors;
mod consumers;
mod counters;
mod direct;
mod level;
mod parking;
mod producers;
mod retire;

use loom::sync::Arc;
use loom::thread::{self, JoinHandle};
use trommel::ring::{Position, Ring};

/// Payloads and outcomes are distinct types, so that one can't pass for the other.
type Numbers = Ring<u32, u64>;

/// Runs a model with at most `preemptions` switches away from a thread that could have gone on.
fn model(preemptions: usize, f: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 20_000;
    builder.check(f);
}

/// [`model`] for an ordinary start and for counters just below the wraps of a 32-bit word, of a 32-bit ticket and of
/// a 64-bit word.
fn model_at_all_starts(preemptions: usize, f: impl Fn(Position) + Sync + Send + Copy + 'static) {
    // Weakened rings are looked at from one start only: none of what is weakened knows where the ring began.
    let starts = if std::env::var_os("RING_MODELS_ONE_START").is_some() { 1 } else { 4 };
    for word in [0u64.wrapping_sub(16), (1 << 32) - 16, (1 << 36) - 16, 0].into_iter().take(starts) {
        model(preemptions, move || f(Position::from_index(word / 16)));
    }
}

fn spawn<T: 'static>(ring: &Arc<Numbers>, f: impl FnOnce(&Numbers) -> T + 'static) -> JoinHandle<T> {
    let ring = ring.clone();
    thread::spawn(move || f(&ring))
}

/// Puts one item in if there is room.
fn put(ring: &Numbers, value: u32) -> Option<Position> {
    let reservation = ring.reserve(1).ok()?;
    let at = reservation.first();
    ring.publish(reservation, |_| value);
    Some(at)
}

/// Claims up to `max` items, finishes them and says what was in them.
fn finish_some(ring: &Numbers, max: usize) -> Vec<u32> {
    let claims = ring.claim(max).into_iter().flatten();
    claims.map(|claim| (ring.payload(&claim), ring.finish(claim)).0).collect()
}

/// Claims up to `max` items and completes them with a hundred times what was in them.
fn complete_some(ring: &Numbers, max: usize) -> usize {
    let mut completed = 0;
    for claim in ring.claim(max).into_iter().flatten() {
        let outcome = u64::from(ring.payload(&claim)) * 100;
        ring.complete(claim, outcome);
        completed += 1;
    }
    completed
}

/// Takes one item; answers its outcome.
fn take(ring: &Numbers, at: Position) -> Option<u64> {
    let mut taken = None;
    ring.take(at, |outcome| {
        taken = outcome.copied();
        true
    });
    taken
}
