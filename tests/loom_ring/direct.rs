//! Items that their producers claim, among others that wait for a consumer.

use super::*;

/// Publishes an item claimed, looks at it as its consumer, and ends it.
fn pass(ring: &Numbers, value: u32) -> Option<Vec<u32>> {
    let claims = ring.publish_claimed(ring.reserve(1).ok()?, |_| value);
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
