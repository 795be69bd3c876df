//! Items that their producers claim, among others that wait for a consumer.

use super::*;

/// Publishes an item claimed, fills it in and looks at it as its consumer, and ends it.
fn pass(ring: &Numbers, value: u32) -> Option<Vec<u32>> {
    let claims = ring.fill(ring.publish_kept(ring.reserve(1).ok()?), |_| value);
    let seen = ring.payloads(&claims, 0).collect();
    ring.finish_all(claims);
    Some(seen)
}

fn skip_and_finish(ring: &Numbers) -> Vec<u32> {
    ring.skip_claimed();
    finish_some(ring, 2)
}

/// Of one item of each kind, in whatever order they come, one is skipped and the other is claimed.
#[test]
fn claimed_items_are_skipped_and_others_are_not() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let consumer = spawn(&ring, |ring| {
            let mut seen = skip_and_finish(ring);
            seen.extend(skip_and_finish(ring));
            seen
        });
        let ordinary = spawn(&ring, |ring| put(ring, 2).is_some());
        assert_eq!(pass(&ring, 1), Some(vec![1]));
        assert!(ordinary.join().unwrap());
        let mut seen = consumer.join().unwrap();
        seen.extend(skip_and_finish(&ring));
        ring.skip_claimed();
        assert_eq!((seen, ring.tail(), ring.in_flight()), (vec![2], 2, 0));
    });
}

/// Two consumers skip the same items and share the others.
#[test]
fn two_skip_the_same_items() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        assert_eq!(pass(&ring, 1), Some(vec![1]));
        assert!(put(&ring, 2).is_some());
        assert_eq!(pass(&ring, 3), Some(vec![3]));
        assert!(put(&ring, 4).is_some());
        let other = spawn(&ring, skip_and_finish);
        let mut seen = skip_and_finish(&ring);
        seen.extend(other.join().unwrap());
        seen.extend(skip_and_finish(&ring));
        seen.sort();
        assert_eq!((seen, ring.tail(), ring.in_flight()), (vec![2, 4], 4, 0));
    });
}

/// The tail may lie laps behind, and nothing is skipped that a later lap put into the same slot.
#[test]
fn a_tail_that_lies_behind_catches_up() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        let consumer = spawn(&ring, |ring| {
            let mut seen = skip_and_finish(ring);
            seen.extend(skip_and_finish(ring));
            seen
        });
        for value in 1..=2 {
            assert_eq!(pass(&ring, value), Some(vec![value]));
        }
        assert!(put(&ring, 3).is_some());
        let mut seen = consumer.join().unwrap();
        seen.extend(skip_and_finish(&ring));
        assert_eq!((seen, ring.tail(), ring.in_flight()), (vec![3], 3, 0));
    });
}

/// What is filled in late comes along with the outcome, and the slot is used again only after that; what is never filled in is
/// freed by its keeper.
#[test]
fn what_is_filled_in_late_comes_along() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let mut kept = ring.publish_kept(ring.reserve(2).unwrap());
        let mine = kept.split_to(1);
        let collector = spawn(&ring, move |ring| {
            let mut seen = None;
            ring.take_with(start.plus(1), |payload, outcome| {
                seen = Some((*payload, outcome.copied()));
                true
            });
            (seen, put(ring, 3).is_some())
        });
        ring.finish_kept(&mut vec![mine]);
        let claim = ring.fill(kept, |_| 8).next().unwrap();
        ring.complete(claim, 800);
        let (seen, _) = collector.join().unwrap();
        assert!(seen.is_none() || seen == Some((8, Some(800))));
        assert!(ring.in_flight() <= 2);
    });
}
