//! Consumers among themselves, and claims that change hands.

use super::*;
use trommel::ring::Stage;

/// Every item goes to one of two consumers.
#[test]
fn two_consumers_share_the_work() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        for value in 1..=3 {
            put(&ring, value).unwrap();
        }
        let consumers = [1, 2].map(|max| spawn(&ring, move |ring| finish_some(ring, max)));
        let mut seen: Vec<_> = consumers.map(|consumer| consumer.join().unwrap()).concat();
        seen.extend(finish_some(&ring, 4));
        seen.sort();
        assert_eq!((seen, ring.in_flight(), ring.tail()), (vec![1, 2, 3], 0, 3));
    });
}

/// Two producers and two consumers on two slots.
#[test]
fn two_producers_and_two_consumers() {
    model(2, || {
        let ring = Arc::new(Numbers::new(2));
        let producers = [1, 2].map(|value| spawn(&ring, move |ring| put(ring, value)));
        let consumer = spawn(&ring, |ring| finish_some(ring, 2));
        let mut seen = finish_some(&ring, 1);
        producers.map(|producer| assert!(producer.join().unwrap().is_some()));
        seen.extend(consumer.join().unwrap());
        seen.extend(finish_some(&ring, 2));
        seen.sort();
        assert_eq!(seen, [1, 2]);
    });
}

/// A batch that is published while it is claimed comes out complete and in order, however it is cut.
#[test]
fn a_batch_is_claimed_as_it_is_published() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(4, start));
        let producer = spawn(&ring, |ring| {
            let reservation = ring.reserve(3).unwrap();
            ring.publish(reservation, |i| i as u32);
        });
        let mut seen = Vec::new();
        for _ in 0..2 {
            if let Some(claims) = ring.claim(4) {
                ring.for_each(&claims, |payload| seen.push(payload));
                ring.finish_all(claims);
            }
        }
        producer.join().unwrap();
        seen.extend(finish_some(&ring, 4));
        assert_eq!((seen, ring.in_flight()), (vec![0, 1, 2], 0));
    });
}

/// Batches that lie apart are counted before any of them is free: never more in flight than there are slots.
#[test]
fn batches_are_counted_before_they_are_free() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let mut batches: Vec<_> = (0..2).map(|_| ring.publish_kept(ring.reserve(1).unwrap())).collect();
        let producer = spawn(&ring, |ring| (put(ring, 3).is_some(), ring.in_flight()));
        ring.finish_kept(&mut batches);
        ring.skip_claimed();
        let (put, in_flight) = producer.join().unwrap();
        assert!(in_flight <= 2 && batches.is_empty());
        assert_eq!((finish_some(&ring, 2).len(), ring.in_flight()), (usize::from(put), 0));
    });
}

/// A consumer that dies with a claim in hand is visible for ever, and nothing else gets hold of its item.
#[test]
fn an_abandoned_claim_stays_visible() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        put(&ring, 1).unwrap();
        assert_eq!(ring.stage(start), Stage::Queued);
        let dies = spawn(&ring, |ring| drop(ring.claim(1).unwrap()));
        let producer = spawn(&ring, |ring| (put(ring, 2).is_some(), put(ring, 3).is_some()));
        assert!(matches!(ring.stage(start), Stage::Queued | Stage::Claimed));
        dies.join().unwrap();
        assert_eq!(ring.stage(start), Stage::Claimed);
        assert!(ring.reclaim(start).is_none());
        assert_eq!(producer.join().unwrap(), (true, false), "its slot is not given away");
        assert_eq!(finish_some(&ring, 2), [2]);
        assert_eq!((ring.stage(start), ring.in_flight()), (Stage::Claimed, 1));
    });
}

/// A lent claim is got back by one of those who name it; what was put in comes along.
#[test]
fn a_lent_claim_goes_to_one() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        let name = move |ring: &Numbers| {
            let claim = ring.reclaim(start)?;
            let outcome = u64::from(ring.payload(&claim)) * 100;
            ring.complete(claim, outcome);
            Some(outcome)
        };
        let namers = [spawn(&ring, name), spawn(&ring, name)];
        put(&ring, 7).unwrap();
        let claim = ring.claim(1).unwrap().next().unwrap();
        ring.lend(claim);
        let mut got: Vec<_> = namers.into_iter().filter_map(|namer| namer.join().unwrap()).collect();
        got.extend(name(&ring));
        assert_eq!(got, [700], "completed once");
        assert_eq!(take(&ring, start), Some(700));
    });
}

/// A claim that was lent by one thread and reclaimed by another can be finished, and the slot is used again.
#[test]
fn a_reclaimed_item_frees_its_slot() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 1).unwrap();
        let lender = spawn(&ring, |ring| {
            let claim = ring.claim(1).unwrap().next().unwrap();
            // What it reads is read before the slot can be used again.
            assert_eq!(ring.payload(&claim), 1);
            ring.lend(claim);
        });
        let producer = spawn(&ring, |ring| put(ring, 2).is_some());
        let mine = ring.reclaim(start).map(|claim| (ring.payload(&claim), ring.finish(claim)).0);
        lender.join().unwrap();
        let second = producer.join().unwrap();
        assert!(mine.is_some() || !second);
        if mine.is_none() {
            assert_eq!(ring.reclaim(start).map(|claim| (ring.payload(&claim), ring.finish(claim)).0), Some(1));
        }
        assert_eq!(ring.in_flight(), u64::from(second));
    });
}
