//! Producers among themselves, against consumers, and against close.

use super::*;
use trommel::ring::{Refused, Stage};

/// Nothing is lost, doubled or invented between two producers and a consumer.
#[test]
fn two_producers_and_a_consumer() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let producers = [1, 2].map(|value| spawn(&ring, move |ring| put(ring, value)));
        let mut seen = finish_some(&ring, 1);
        seen.extend(finish_some(&ring, 2));
        producers.map(|producer| assert!(producer.join().unwrap().is_some()));
        seen.extend(finish_some(&ring, 2));
        seen.sort();
        assert_eq!((seen, ring.in_flight()), (vec![1, 2], 0));
    });
}

/// One slot: the second item waits for the first to be over, and overwrites nothing that is still read.
#[test]
fn one_slot_is_used_in_turn() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 1).unwrap();
        let producer = spawn(&ring, |ring| put(ring, 2).or_else(|| put(ring, 2)).is_some());
        let mut seen = finish_some(&ring, 2);
        seen.extend(finish_some(&ring, 2));
        let second = producer.join().unwrap();
        seen.extend(finish_some(&ring, 2));
        assert_eq!(seen, if second { vec![1, 2] } else { vec![1] });
    });
}

/// A full ring refuses; two producers that see one slot come free get it once.
#[test]
fn a_full_ring_has_room_for_one() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        put(&ring, 1).unwrap();
        put(&ring, 2).unwrap();
        let producers = [3, 4].map(|value| spawn(&ring, move |ring| put(ring, value).is_some()));
        assert_eq!(finish_some(&ring, 1), [1]);
        let accepted = producers.map(|producer| producer.join().unwrap());
        assert!(accepted != [true, true], "one slot was given twice");
        assert_eq!(ring.in_flight(), 1 + u64::from(accepted != [false, false]));
        let seen = finish_some(&ring, 4);
        let third = [(accepted[0], 3), (accepted[1], 4)].into_iter().filter(|&(accepted, _)| accepted);
        assert_eq!(seen, [2].into_iter().chain(third.map(|(_, value)| value)).collect::<Vec<_>>());
    });
}

/// Two batches that together are more than fit: consecutive, apart, and no more than there is room for.
#[test]
fn batches_are_reserved_whole() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        put(&ring, 9).unwrap();
        let batch = |value: u32| {
            move |ring: &Numbers| {
                let reservation = ring.reserve(2).unwrap();
                let range = (reservation.first(), reservation.count());
                ring.publish(reservation, |i| value + i as u32);
                range
            }
        };
        let producers = [10, 20].map(|value| spawn(&ring, batch(value)));
        let mut seen = finish_some(&ring, 1);
        let ranges = producers.map(|producer| producer.join().unwrap());
        seen.extend(finish_some(&ring, 8));
        let (tens, twenties) = (&[10, 11][..ranges[0].1], &[20, 21][..ranges[1].1]);
        let tens_first = ranges[0].0 == start.plus(1);
        let [one, two] = if tens_first { [tens, twenties] } else { [twenties, tens] };
        assert_eq!(seen, [&[9], one, two].concat());
    });
}

/// Slots that one producer sees come free are written by another one only after what was in them was read.
#[test]
fn what_one_has_seen_free_is_free_for_the_other() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        ring.publish(ring.reserve(4).unwrap(), |i| i as u32);
        let consumer = spawn(&ring, |ring| finish_some(ring, 4));
        let looks_ahead = spawn(&ring, |ring| {
            let Ok(reservation) = ring.reserve(2) else { return 0 };
            let count = reservation.count();
            ring.publish(reservation, |_| 10);
            count
        });
        let mine = usize::from(put(&ring, 20).is_some());
        let first = consumer.join().unwrap();
        let others = looks_ahead.join().unwrap();
        let mut seen = [first, finish_some(&ring, 4)].concat();
        assert_eq!(seen.drain(..4).collect::<Vec<_>>(), [0, 1, 2, 3]);
        seen.sort();
        assert_eq!(seen, [vec![10; others], vec![20; mine]].concat());
    });
}

/// A producer that stalls between reserving and publishing delays what is behind it, and close returns all the same.
#[test]
fn a_stalled_producer_delays_only() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let stalled = ring.reserve(1).unwrap();
        let other = spawn(&ring, |ring| put(ring, 2));
        let consumer = spawn(&ring, |ring| finish_some(ring, 2));
        ring.close();
        assert_eq!(ring.stage(start), Stage::Reserved);
        let behind = other.join().unwrap().is_some();
        ring.publish(stalled, |_| 1);
        let mut seen = consumer.join().unwrap();
        seen.extend(finish_some(&ring, 2));
        assert_eq!(seen, if behind { vec![1, 2] } else { vec![1] });
        assert_eq!(ring.in_flight(), 0);
    });
}

/// What was accepted before close is kept; nothing is accepted after close returned, and it stays closed.
#[test]
fn close_races_with_enqueue() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        let producers = [1, 2].map(|value| spawn(&ring, move |ring| put(ring, value).is_some()));
        ring.close();
        let accepted = ring.head();
        assert_eq!(ring.reserve(1).unwrap_err(), Refused::Closed);
        let count = producers.map(|producer| u64::from(producer.join().unwrap())).iter().sum::<u64>();
        assert!(ring.is_closed());
        assert_eq!((ring.head(), count), (accepted, accepted));
        assert_eq!(finish_some(&ring, 4).len() as u64, accepted);
    });
}

/// Reserves two positions, publishes the first, and gives the second back, or publishes it too where it has to.
fn put_of_two(ring: &Numbers, value: u32) -> Vec<u32> {
    let Ok(mut left) = ring.reserve(2) else { return Vec::new() };
    let one = left.split_to(1);
    ring.publish(one, |_| value);
    if left.count() == 0 {
        return vec![value];
    }
    match ring.unreserve(left) {
        Ok(()) => vec![value],
        Err(left) => {
            ring.publish(left, |_| value + 1);
            vec![value, value + 1]
        }
    }
}

/// What is given back is as if it never had been reserved, and what cannot be given back is there.
#[test]
fn what_is_given_back_is_reserved_again() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        let other = spawn(&ring, |ring| put(ring, 9).map(|at| (at, ring.stage(at))));
        let mut put = put_of_two(&ring, 1);
        let (at, stage) = other.join().unwrap().unwrap();
        assert_eq!(stage, Stage::Queued);
        let place = usize::try_from(at.distance_from(start)).unwrap();
        put.insert(place, 9);
        assert_eq!(ring.head(), put.len() as u64);
        assert_eq!((finish_some(&ring, 4), ring.in_flight()), (put, 0));
    });
}

/// The head that somebody has read goes up and comes down again before they swap it.
#[test]
fn a_head_that_comes_back_is_as_good_as_new() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        let other = spawn(&ring, |ring| put(ring, 9));
        let given_back = ring.reserve(1).map(|reservation| ring.unreserve(reservation).unwrap());
        let mine = put(&ring, 1);
        let other = other.join().unwrap();
        assert!(mine.is_none() || other.is_none(), "one slot was given twice");
        // Each of them may have been refused for a reservation of the other that was given back.
        if given_back.is_err() {
            assert!(other.is_some());
        }
        let seen = finish_some(&ring, 2);
        assert_eq!(seen.len(), usize::from(mine.is_some()) + usize::from(other.is_some()));
        assert!(seen.iter().all(|&value| value == if mine.is_some() { 1 } else { 9 }));
        assert_eq!((ring.in_flight(), ring.head()), (0, seen.len() as u64));
    });
}

/// A close is not undone by what is given back.
#[test]
fn giving_back_leaves_the_ring_closed() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        let producer = spawn(&ring, |ring| put_of_two(ring, 1));
        ring.close();
        assert_eq!(ring.reserve(1).unwrap_err(), Refused::Closed);
        let put = producer.join().unwrap();
        assert!(ring.is_closed() && ring.reserve(1).is_err());
        assert_eq!((ring.head(), finish_some(&ring, 4)), (put.len() as u64, put));
    });
}

/// A consumer that skips what others claimed does not skip what is given back and then published for it.
#[test]
fn what_is_given_back_is_not_skipped() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let consumer = spawn(&ring, |ring| {
            ring.skip_claimed();
            finish_some(ring, 2)
        });
        let mut left = ring.reserve(2).unwrap();
        let kept = ring.publish_kept(left.split_to(1));
        ring.unreserve(left).unwrap();
        assert_eq!(put(&ring, 2), Some(start.plus(1)));
        let mut seen = consumer.join().unwrap();
        ring.skip_claimed();
        seen.extend(finish_some(&ring, 2));
        assert_eq!(seen, [2]);
        ring.finish_kept(&mut vec![kept]);
        assert_eq!(ring.in_flight(), 0);
    });
}
