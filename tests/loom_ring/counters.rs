//! The counters under concurrency: exact, never below zero, never above the capacity.

use super::*;

/// With one or two items in flight at any moment, no snapshot says anything else.
#[test]
fn in_flight_is_a_snapshot() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        put(&ring, 0).unwrap();
        // The one who asks is the thread that hears of nothing else: it may be told any old value.
        let asker = spawn(&ring, |ring| ring.in_flight());
        for value in 1..=2 {
            put(&ring, value).unwrap();
            assert_eq!(finish_some(&ring, 1), [value - 1]);
        }
        let seen = asker.join().unwrap();
        assert!((1..=2).contains(&seen), "{seen} in flight");
        assert_eq!(ring.in_flight(), 1);
    });
}

/// The same, asked by the thread that the others don't wait for.
#[test]
fn in_flight_is_a_snapshot_while_another_works() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        put(&ring, 0).unwrap();
        let drum = spawn(&ring, |ring| {
            for value in 1..=2 {
                put(ring, value).unwrap();
                assert_eq!(finish_some(ring, 1), [value - 1]);
            }
        });
        let seen = ring.in_flight();
        assert!((1..=2).contains(&seen), "{seen} in flight");
        drum.join().unwrap();
        assert_eq!(ring.in_flight(), 1);
    });
}

/// Producer and consumer in two threads: the snapshot of a third stays within the capacity.
#[test]
fn in_flight_stays_in_bounds() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 0).unwrap();
        let producer = spawn(&ring, |ring| put(ring, 1).is_some());
        let consumer = spawn(&ring, |ring| finish_some(ring, 1));
        let seen = ring.in_flight();
        assert!(seen <= 1, "{seen} in flight");
        consumer.join().unwrap();
        let second = producer.join().unwrap();
        assert_eq!(ring.in_flight(), u64::from(second));
    });
}

/// The same where items are taken, not finished.
#[test]
fn in_flight_counts_until_taken() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 0).unwrap();
        complete_some(&ring, 1);
        let taker = spawn(&ring, move |ring| {
            assert_eq!(take(ring, start), Some(0));
            put(ring, 1).unwrap();
        });
        let seen = ring.in_flight();
        assert!(seen <= 1, "{seen} in flight");
        taker.join().unwrap();
        assert_eq!((ring.in_flight(), ring.head(), ring.tail()), (1, 2, 1));
    });
}

/// A close between two looks at the head is no item.
#[test]
fn in_flight_does_not_count_the_close() {
    model(3, || {
        let ring = Arc::new(Numbers::new(1));
        put(&ring, 0).unwrap();
        let closer = spawn(&ring, |ring| ring.close());
        assert_eq!((ring.in_flight(), ring.head()), (1, 1));
        closer.join().unwrap();
        assert_eq!((ring.in_flight(), ring.head()), (1, 1));
    });
}

/// What is reserved and given back may be counted meanwhile, and no more than that.
#[test]
fn in_flight_is_a_snapshot_while_some_is_given_back() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        put(&ring, 0).unwrap();
        let drum = spawn(&ring, |ring| {
            let mut left = ring.reserve(2).unwrap();
            ring.publish(left.split_to(1), |_| 1);
            ring.unreserve(left).unwrap();
            assert_eq!(finish_some(ring, 2), [0, 1]);
        });
        let seen = ring.in_flight();
        assert!(seen <= 3, "{seen} in flight");
        drum.join().unwrap();
        assert_eq!(ring.in_flight(), 0);
    });
}
