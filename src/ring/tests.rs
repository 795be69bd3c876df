//! What one thread can see of the ring, and a soak of many threads.

use super::*;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64 as Count;

type Numbers = Ring<u64, u64>;

/// Just below the wraps of 32-bit and 64-bit words and of 32-bit tickets, and the ordinary start.
fn starts() -> [Position; 4] {
    let just_below = |word: u64| Position::from_index(word / 16).plus(0u64.wrapping_sub(3));
    [Position::FIRST, just_below(1 << 32), just_below(1 << 36), just_below(0)]
}

fn put(ring: &Numbers, values: &[u64]) -> Position {
    let reservation = ring.reserve(values.len()).unwrap();
    assert_eq!(reservation.count(), values.len());
    let first = reservation.first();
    ring.publish(reservation, |i| values[i]);
    first
}

#[test]
fn an_item_goes_through_its_stages() {
    for start in starts() {
        let ring = Numbers::with_start(4, start);
        for lap in 0..10 {
            let at = start.plus(lap);
            assert_eq!(ring.stage(at), Stage::NeverIssued);
            let reservation = ring.reserve(1).unwrap();
            assert_eq!((reservation.first(), ring.stage(at)), (at, Stage::Reserved));
            assert!(ring.claim(1).is_none());
            ring.publish(reservation, |_| 7 + lap);
            assert_eq!(ring.stage(at), Stage::Queued);
            let claim = ring.claim(9).unwrap().next().unwrap();
            assert_eq!(ring.stage(at), Stage::Claimed);
            assert_eq!(ring.payload(&claim), 7 + lap);
            assert_eq!(ring.take(at, |_| true), Taken::No);
            ring.complete(claim, 70 + lap);
            assert_eq!((ring.stage(at), ring.in_flight()), (Stage::Done, 1));
            assert_eq!(ring.take(at, |_| false), Taken::Left);
            let look =
                |payload: &u64, outcome: Option<&mut u64>| (*payload, outcome.copied()) == (7 + lap, Some(70 + lap));
            assert_eq!(ring.take_with(at, look), Taken::Yes);
            assert_eq!((ring.stage(at), ring.in_flight()), (Stage::Released, 0));
            assert_eq!(ring.take(at, |_| true), Taken::No);
            assert_eq!((ring.head(), ring.tail()), (lap + 1, lap + 1));
        }
        assert_eq!(ring.stage(start), Stage::Released);
        assert_eq!(ring.stage(start.plus(0u64.wrapping_sub(1))), Stage::NeverIssued, "before the first");
    }
}

#[test]
fn a_slot_is_used_again_only_when_its_item_is_over() {
    for start in starts() {
        let ring = Numbers::with_start(2, start);
        let first = put(&ring, &[1, 2]);
        assert_eq!(ring.reserve(1).unwrap_err(), Refused::Full);
        let mut claims = ring.claim(2).unwrap();
        let (one, two) = (claims.next().unwrap(), claims.next().unwrap());
        assert_eq!(ring.reserve(1).unwrap_err(), Refused::Full, "claimed is not over");
        ring.finish(two);
        assert_eq!(ring.reserve(1).unwrap_err(), Refused::Full, "the older one still has the next slot");
        ring.complete(one, 10);
        assert_eq!(ring.reserve(1).unwrap_err(), Refused::Full, "done is not over");
        assert_eq!(ring.take(first, |_| true), Taken::Yes);
        let both = ring.reserve(5).unwrap();
        assert_eq!((both.first(), both.count()), (first.plus(2), 2));
        ring.publish(both, |i| i as u64);
        assert_eq!(ring.in_flight(), 2);
    }
}

#[test]
fn a_batch_is_taken_in_whole_or_as_a_prefix() {
    for start in starts() {
        let ring = Numbers::with_start(8, start);
        put(&ring, &[0, 1, 2, 3, 4]);
        let reservation = ring.reserve(100).unwrap();
        assert_eq!(reservation.count(), 3);
        ring.publish(reservation, |i| 5 + i as u64);
        let mut claims = ring.claim(6).unwrap();
        let front = claims.split_to(2);
        assert_eq!((front.len(), claims.len(), claims.first()), (2, 4, start.plus(2)));
        let seen: Vec<_> = front.chain(claims).map(|claim| (ring.payload(&claim), ring.finish(claim)).0).collect();
        assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
        let rest = ring.claim(100).unwrap();
        assert_eq!(rest.len(), 2);
        ring.finish_all(rest);
        assert!(ring.claim(1).is_none());
        assert_eq!(ring.in_flight(), 0);
    }
}

#[test]
fn a_hole_holds_up_what_is_behind_it_only() {
    let ring = Numbers::new(4);
    put(&ring, &[1]);
    let stalled = ring.reserve(1).unwrap();
    put(&ring, &[3]);
    let claims = ring.claim(4).unwrap();
    assert_eq!(claims.len(), 1);
    ring.finish_all(claims);
    assert!(ring.claim(4).is_none());
    ring.close();
    assert!(ring.is_closed());
    assert_eq!(ring.reserve(1).unwrap_err(), Refused::Closed);
    ring.publish(stalled, |_| 2);
    assert_eq!(ring.claim(4).unwrap().len(), 2);
}

#[test]
fn a_lent_claim_is_got_back_once() {
    let ring = Numbers::new(2);
    let at = put(&ring, &[5]);
    assert!(ring.reclaim(at).is_none(), "not claimed");
    let claim = ring.claim(1).unwrap().next().unwrap();
    assert!(ring.reclaim(at).is_none(), "somebody has it in hand");
    assert_eq!(ring.lend(claim), at);
    assert_eq!(ring.stage(at), Stage::Claimed);
    let claim = ring.reclaim(at).unwrap();
    assert_eq!((ring.stage(at), ring.payload(&claim)), (Stage::Claimed, 5));
    assert!(ring.reclaim(at).is_none());
    let again = ring.lend(claim);
    ring.complete(ring.reclaim(again).unwrap(), 50);
    assert!(ring.reclaim(at).is_none());
    assert_eq!(ring.take(at, |outcome| outcome == Some(&mut 50)), Taken::Yes);
}

#[test]
#[should_panic(expected = "did not give it out")]
fn a_token_is_good_for_its_own_ring_only() {
    let (one, other) = (Numbers::new(2), Numbers::new(2));
    other.publish(one.reserve(1).unwrap(), |_| 0);
}

#[test]
fn outcomes_are_dropped_once() {
    let ring = Ring::<u8, std::sync::Arc<()>>::new(4);
    let outcome = std::sync::Arc::new(());
    let reservation = ring.reserve(3).unwrap();
    let first = reservation.first();
    ring.publish(reservation, |_| 0);
    for claim in ring.claim(2).unwrap() {
        ring.complete(claim, outcome.clone());
    }
    assert_eq!(std::sync::Arc::strong_count(&outcome), 3);
    let panic =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ring.take(first, |_| panic!("while looking"))));
    assert!(panic.is_err());
    assert_eq!(ring.stage(first), Stage::Done, "left as it was");
    assert_eq!(ring.take(first, |_| true), Taken::Yes);
    assert_eq!(std::sync::Arc::strong_count(&outcome), 2);
    drop(ring);
    assert_eq!(std::sync::Arc::strong_count(&outcome), 1);
}

/// Many threads on a small ring: every item is completed and taken once, and the counters never leave their bounds.
#[test]
fn nothing_is_lost_doubled_or_miscounted_under_load() {
    const PRODUCERS: u64 = 2;
    const EACH: u64 = 20_000;
    for (capacity, start) in [(1, starts()[1]), (16, starts()[3])] {
        let ring = Numbers::with_start(capacity, start);
        let (taken, finished) = (Mutex::new(HashSet::new()), Count::new(0));
        let over = || ring.in_flight() == 0 && ring.head() == PRODUCERS * EACH;
        std::thread::scope(|scope| {
            let (ring, taken, finished) = (&ring, &taken, &finished);
            for producer in 0..PRODUCERS {
                scope.spawn(move || {
                    let mut next = 0;
                    while next < EACH {
                        match ring.reserve((1 + next % 5).min(EACH - next) as usize) {
                            Ok(reservation) => {
                                let count = reservation.count() as u64;
                                ring.publish(reservation, |i| producer * EACH + next + i as u64);
                                next += count;
                            }
                            Err(_) => std::thread::yield_now(),
                        }
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(move || {
                    while !over() {
                        assert!(ring.in_flight() <= u64::from(ring.capacity()));
                        let Some(claims) = ring.claim(3) else {
                            std::thread::yield_now();
                            continue;
                        };
                        let mut batch = ring.completer(claims);
                        while batch.left() > 0 {
                            let value = batch.payload(0);
                            match value % 4 {
                                0 => {
                                    finished.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                                    ring.finish(batch.split().unwrap());
                                }
                                1 => batch.complete_blank(),
                                2 => batch.complete_with(|outcome| *outcome = value),
                                _ => ring.complete(batch.split().unwrap(), value),
                            }
                        }
                    }
                });
            }
            for _ in 0..2 {
                scope.spawn(move || {
                    let mut at = start;
                    while !over() {
                        let oldest = start.plus(ring.head().saturating_sub(u64::from(ring.capacity())));
                        if at.distance_from(oldest) < 0 || ring.stage(at) == Stage::NeverIssued {
                            at = oldest;
                            std::thread::yield_now();
                        }
                        let look = |payload: &u64, outcome: Option<&mut u64>| {
                            assert_eq!(outcome.copied(), (payload % 4 > 1).then_some(*payload));
                            assert!(taken.lock().unwrap().insert(*payload), "taken twice");
                            true
                        };
                        ring.take_with(at, look);
                        at = at.plus(1);
                    }
                });
            }
        });
        assert_eq!(taken.lock().unwrap().len() as u64 + finished.into_inner(), PRODUCERS * EACH);
    }
}

#[test]
fn batches_that_lie_apart_are_freed_together() {
    let ring = Ring::<u32, ()>::new(8);
    let mut batches: Vec<_> =
        [2, 1, 3, 2].map(|count| ring.publish_kept(ring.reserve(count).unwrap())).into_iter().collect();
    let (kept, also_kept) = (batches.remove(1), batches.remove(2));
    ring.finish_kept(&mut batches);
    assert!(batches.is_empty() && ring.in_flight() == 3);
    ring.finish_kept(&mut batches);
    // The first two are free again, then one is in the way.
    let again = ring.reserve(8).unwrap();
    assert_eq!((again.first().ticket(), again.count()), (9, 2));
    ring.finish_kept(&mut vec![ring.publish_kept(again)]);
    ring.finish_kept(&mut vec![kept, also_kept]);
    assert_eq!((ring.in_flight(), ring.reserve(8).map(|all| all.count())), (0, Ok(8)));
}
