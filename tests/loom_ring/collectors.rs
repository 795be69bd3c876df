//! Taking outcomes, and asking how far an item has come.

use super::*;
use loom::cell::UnsafeCell;
use trommel::ring::{Stage, Taken};

/// An outcome is taken once, and holds what the drain wrote.
#[test]
fn take_races_with_take() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 1).unwrap();
        let takers = [(); 2].map(|()| spawn(&ring, move |ring| take(ring, start)));
        assert_eq!(complete_some(&ring, 1), 1);
        let mut got: Vec<_> = takers.into_iter().filter_map(|taker| taker.join().unwrap()).collect();
        got.extend(take(&ring, start));
        assert_eq!((got, ring.in_flight()), (vec![100], 0));
        assert_eq!(ring.stage(start), Stage::Released);
    });
}

/// A taker gives back just the slots that it took, whether they are neighbours or not, while producers wait for them.
#[test]
fn a_taker_gives_back_what_it_took() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        for number in 1..=4 {
            put(&ring, number).unwrap();
        }
        assert_eq!(complete_some(&ring, 4), 4);
        let producer = spawn(&ring, |ring| put(ring, 5).is_some());
        let mut taker = ring.taker();
        let mut got = Vec::new();
        for skip in [0, 1, 3] {
            let taken = taker.take(start.plus(skip), |outcome| {
                got.extend(outcome.copied());
                true
            });
            assert_eq!(taken, Taken::Yes);
        }
        drop(taker);
        let in_time = producer.join().unwrap();
        assert_eq!(got.len(), 3);
        assert_eq!(ring.in_flight(), if in_time { 2 } else { 1 });
        assert_eq!(ring.stage(start.plus(2)), Stage::Done, "it was not taken");
        assert_eq!(ring.stage(start.plus(1)), Stage::Released);
        assert!(in_time || put(&ring, 5).is_some());
    });
}

/// Who looks at an outcome and leaves it hands it on as it left it.
#[test]
fn a_left_outcome_is_handed_on() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 1).unwrap();
        complete_some(&ring, 1);
        let looker = spawn(&ring, move |ring| {
            ring.take_with(start, |payload, outcome| {
                *outcome.unwrap() += u64::from(*payload);
                false
            })
        });
        let mut got = take(&ring, start);
        let looked = looker.join().unwrap();
        got = got.or_else(|| take(&ring, start));
        // Either it was taken first, and nothing was there to look at, or it was looked at first.
        assert_eq!(got, Some(if looked == Taken::Left { 101 } else { 100 }));
    });
}

/// A slot whose item is taken goes to the next producer, who overwrites nothing that is still looked at.
#[test]
fn a_taken_slot_is_used_again() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 1).unwrap();
        complete_some(&ring, 1);
        let producer = spawn(&ring, |ring| put(ring, 2).is_some());
        let mut seen = None;
        let taken = ring.take_with(start, |payload, outcome| {
            seen = Some((*payload, *outcome.unwrap()));
            true
        });
        assert_eq!((taken, seen), (Taken::Yes, Some((1, 100))));
        let second = producer.join().unwrap() || put(&ring, 2).is_some();
        assert!(second);
        assert_eq!(complete_some(&ring, 1), 1);
        assert_eq!(take(&ring, start), None, "the old position names nothing any more");
        assert_eq!(take(&ring, start.plus(1)), Some(200));
    });
}

/// Takes one item; answers what its producer put in, and its outcome.
fn look(ring: &Numbers, at: Position) -> Option<(u32, Option<u64>)> {
    let mut got = None;
    ring.take_with(at, |payload, outcome| {
        got = Some((*payload, outcome.copied()));
        true
    });
    got
}

/// Items that have nothing to tell are told done together: what the producer put in is there, an outcome is not, and one
/// of several takers gets each of them.
#[test]
fn blank_items_are_taken_once() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let drain = spawn(&ring, |ring| {
            if let Some(claims) = ring.claim(2) {
                ring.complete_blank(claims);
            }
        });
        let reservation = ring.reserve(2).unwrap();
        ring.publish(reservation, |i| 7 + i as u32);
        let other = spawn(&ring, move |ring| look(ring, start));
        let mine = look(&ring, start);
        drain.join().unwrap();
        let theirs = other.join().unwrap();
        if let Some(claims) = ring.claim(2) {
            ring.complete_blank(claims);
        }
        let last = look(&ring, start);
        assert_eq!([mine, theirs, last].into_iter().flatten().collect::<Vec<_>>(), [(7, None)]);
        assert_eq!(ring.take(start.plus(1), |outcome| outcome.is_some()), Taken::Left, "it stays what it was");
        assert_eq!((look(&ring, start.plus(1)), ring.in_flight()), (Some((8, None)), 0));
    });
}

/// What a drain read of an item that has nothing to tell was read before its slot is used again.
#[test]
fn a_blank_slot_is_used_again() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 7).unwrap();
        let drain = spawn(&ring, |ring| {
            let claims = ring.claim(1).unwrap();
            assert_eq!(ring.payloads(&claims, 0).collect::<Vec<_>>(), [7]);
            ring.complete_blank(claims);
        });
        let early = look(&ring, start);
        if early.is_some() {
            assert!(put(&ring, 8).is_some());
        }
        drain.join().unwrap();
        assert_eq!(early.or_else(|| look(&ring, start)), Some((7, None)));
    });
}

/// Items of a batch that are passed on together are told apart, and what was written for one comes along.
#[test]
fn a_batch_is_passed_on_together() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        let reservation = ring.reserve(3).unwrap();
        ring.publish(reservation, |i| 7 + i as u32);
        let drain = spawn(&ring, move |ring| {
            let mut batch = ring.completer(ring.claim(3).unwrap());
            batch.complete_with(|outcome| *outcome = 700);
            assert_eq!((batch.left(), batch.position(), batch.payload(0)), (2, start.plus(1), 8));
            batch.complete_blank();
            assert_eq!((batch.ready(), batch.left()), (2, 1));
            let last = batch.split().unwrap();
            ring.complete(last, 900);
        });
        let early = [1, 0].map(|nth| look(&ring, start.plus(nth)));
        drain.join().unwrap();
        assert_eq!(early[0].or_else(|| look(&ring, start.plus(1))), Some((8, None)));
        assert_eq!(early[1].or_else(|| look(&ring, start)), Some((7, Some(700))));
        assert_eq!((look(&ring, start.plus(2)), ring.in_flight()), (Some((9, Some(900))), 0));
    });
}

/// A late look at an old position never touches the item that has its slot now.
#[test]
fn an_old_position_is_never_mistaken() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 1).unwrap();
        complete_some(&ring, 1);
        let late = spawn(&ring, move |ring| (take(ring, start), ring.reclaim(start).is_some(), ring.stage(start)));
        let first = take(&ring, start);
        if first.is_some() {
            put(&ring, 2).unwrap();
            complete_some(&ring, 1);
        }
        let (second, reclaimed, stage) = late.join().unwrap();
        assert_eq!(first.or(second), Some(100));
        assert!(first.is_none() || second.is_none());
        assert!(!reclaimed);
        assert!(matches!(stage, Stage::Done | Stage::Released));
        if first.is_some() {
            assert_eq!(take(&ring, start.plus(1)), Some(200));
        }
    });
}

/// An item's stage only goes forward, and an accepted item never looks like one of an earlier lap.
#[test]
fn stages_go_forward() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 1).unwrap();
        finish_some(&ring, 1);
        let drum = spawn(&ring, |ring| {
            put(ring, 2).unwrap();
            complete_some(ring, 1);
        });
        let rank = |stage| match stage {
            Stage::NeverIssued => 0,
            Stage::Reserved => 1,
            Stage::Queued => 2,
            Stage::Claimed => 3,
            Stage::Done => 4,
            Stage::Released => 5,
        };
        let mut before = 0;
        for _ in 0..3 {
            let now = rank(ring.stage(start.plus(1)));
            assert!(now >= before && now < 5);
            assert_eq!(ring.stage(start), Stage::Released);
            before = now;
        }
        drum.join().unwrap();
        assert_eq!(ring.stage(start.plus(1)), Stage::Done);
        assert_eq!(ring.stage(start.plus(2)), Stage::NeverIssued);
    });
}

/// A stranger who never heard of an item from its producer still finds its slot in the right lap.
#[test]
fn a_stranger_sees_the_right_lap() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        let stranger = spawn(&ring, move |ring| (ring.stage(start.plus(1)), ring.stage(start.plus(1))));
        let other = spawn(&ring, |ring| put(ring, 1).is_some() && !finish_some(ring, 1).is_empty());
        let second = ring.reserve(1).ok().filter(|second| second.first() == start.plus(1));
        stranger.join().unwrap();
        other.join().unwrap();
        drop(second);
    });
}

/// Whoever is told that an item is done, or over, sees what the drain wrote before.
fn done_carries(over: Stage, end: fn(&Numbers)) {
    model_at_all_starts(3, move |start| {
        struct Shared(UnsafeCell<u32>);
        // SAFETY: the model is there to show that no two threads use the cell at a time.
        unsafe impl Sync for Shared {}
        // SAFETY: as above.
        unsafe impl Send for Shared {}
        let ring = Arc::new(Numbers::with_start(1, start));
        let written = Arc::new(Shared(UnsafeCell::new(0)));
        put(&ring, 1).unwrap();
        let asker = spawn(&ring, {
            let written = written.clone();
            move |ring| {
                if ring.stage(start) == over {
                    // SAFETY: the drain is through with it.
                    assert_eq!(written.0.with(|cell| unsafe { *cell }), 5);
                }
            }
        });
        // SAFETY: nobody reads it before the item is done.
        written.0.with_mut(|cell| unsafe { *cell = 5 });
        end(&ring);
        asker.join().unwrap();
    });
}

#[test]
fn done_carries_what_was_written_before() {
    done_carries(Stage::Done, |ring| {
        complete_some(ring, 1);
    });
}

#[test]
fn released_carries_what_was_written_before() {
    done_carries(Stage::Released, |ring| {
        finish_some(ring, 1);
    });
}
