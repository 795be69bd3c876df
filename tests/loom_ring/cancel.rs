//! Items that are cancelled while others work on them: whoever cancels and whoever completes agree on which came first.

use super::*;
use trommel::ring::Stage;

/// What a cancelled item's outcome becomes.
const CANCELLED: u64 = 9;

/// Claims one item and settles it with a hundred times what was in it.
fn settle_one(ring: &Numbers) -> bool {
    let Some(claim) = ring.claim(1).and_then(|mut claims| claims.next()) else { return false };
    let outcome = u64::from(ring.payload(&claim)) * 100;
    ring.settle(claim, outcome, |outcome| *outcome = CANCELLED);
    true
}

fn expected(cancelled: bool, value: u64) -> u64 {
    if cancelled { CANCELLED } else { value * 100 }
}

/// A cancelled item is claimed like any other and completed once; the outcome is what the cancelling was told.
#[test]
fn cancelling_meets_completing() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 7).unwrap();
        let drain = spawn(&ring, settle_one);
        let cancelled = ring.cancel(start);
        if cancelled {
            assert!(ring.cancel(start) || ring.stage(start) == Stage::Done, "it stays so until it is completed");
        }
        if !drain.join().unwrap() {
            assert!(settle_one(&ring));
        }
        assert!(!ring.cancel(start), "too late");
        assert_eq!(take(&ring, start), Some(expected(cancelled, 7)));
        assert_eq!(ring.in_flight(), 0);
    });
}

/// Two cancel, one completes: all agree.
#[test]
fn two_cancel_the_same_item() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        put(&ring, 7).unwrap();
        put(&ring, 8).unwrap();
        let others = [spawn(&ring, move |ring| ring.cancel(start)), spawn(&ring, settle_one)];
        let mine = ring.cancel(start);
        let [theirs, _] = others.map(|other| other.join().unwrap());
        assert!(settle_one(&ring));
        let outcome = take(&ring, start).unwrap();
        assert_eq!(outcome, expected(mine || theirs, 7));
        assert!(settle_one(&ring) || ring.tail() == 2);
        assert_eq!(take(&ring, start.plus(1)), Some(800), "its neighbour is not cancelled");
    });
}

/// An item whose outcome nobody wants is freed, or whoever wants to know of its cancelling gets it.
#[test]
fn an_unwanted_item_is_freed_or_cancelled() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 7).unwrap();
        let drain = spawn(&ring, |ring| {
            let claim = ring.claim(1).unwrap().next().unwrap();
            match ring.finish_unless_cancelled(claim) {
                Some(claim) => {
                    ring.settle(claim, 0, |outcome| *outcome = CANCELLED);
                    true
                }
                None => false,
            }
        });
        let cancelled = ring.cancel(start);
        assert_eq!(drain.join().unwrap(), cancelled);
        assert_eq!(take(&ring, start), cancelled.then_some(CANCELLED));
        assert_eq!((ring.in_flight(), ring.stage(start)), (0, Stage::Released));
        assert!(put(&ring, 8).is_some(), "the slot is used again");
        assert!(!ring.cancel(start), "a later lap's item is another one");
        settle_one(&ring);
        assert_eq!(take(&ring, start.plus(1)), Some(800));
    });
}

/// A claim that is lent while its item is cancelled goes to one of those who name it, and keeps the mark.
#[test]
fn cancelling_meets_lending() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 7).unwrap();
        let lender = spawn(&ring, |ring| {
            let claim = ring.claim(1).unwrap().next().unwrap();
            ring.lend(claim);
        });
        let namer = spawn(&ring, move |ring| {
            let claim = ring.reclaim(start)?;
            let outcome = u64::from(ring.payload(&claim)) * 100;
            ring.settle(claim, outcome, |outcome| *outcome = CANCELLED);
            Some(())
        });
        let cancelled = ring.cancel(start);
        lender.join().unwrap();
        if namer.join().unwrap().is_none() {
            let claim = ring.reclaim(start).expect("it is lent and nobody has it");
            assert_eq!(ring.is_cancelled(claim.position()), cancelled);
            assert!(ring.reclaim(start).is_none(), "the claim is out");
            // Refused and lent again.
            ring.lend(claim);
            let claim = ring.reclaim(start).expect("it was lent again");
            ring.settle(claim, 700, |outcome| *outcome = CANCELLED);
        }
        assert_eq!(take(&ring, start), Some(expected(cancelled, 7)));
    });
}

/// An item that its producer claimed is cancelled by another thread; no consumer gets hold of it by that.
#[test]
fn an_item_with_a_device_is_cancelled() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let kept = ring.publish_kept(ring.reserve(1).unwrap());
        assert!(put(&ring, 8).is_some());
        let consumer = spawn(&ring, |ring| {
            ring.skip_claimed();
            settle_one(ring)
        });
        let canceller = spawn(&ring, move |ring| ring.cancel(start));
        let claim = ring.fill(kept, |_| 7).next().unwrap();
        ring.settle(claim, 700, |outcome| *outcome = CANCELLED);
        let cancelled = canceller.join().unwrap();
        if !consumer.join().unwrap() {
            ring.skip_claimed();
            assert!(settle_one(&ring));
        }
        assert_eq!(take(&ring, start), Some(expected(cancelled, 7)));
        assert_eq!(take(&ring, start.plus(1)), Some(800));
        assert_eq!((ring.tail(), ring.in_flight()), (2, 0));
    });
}

/// Whoever sees the item done sees what was settled, without any other word from the one who did it.
#[test]
fn a_settled_outcome_comes_along() {
    model_at_all_starts(3, |start| {
        let ring = Arc::new(Numbers::with_start(1, start));
        put(&ring, 7).unwrap();
        let drain = spawn(&ring, settle_one);
        let early = take(&ring, start);
        drain.join().unwrap();
        assert_eq!(early.or_else(|| take(&ring, start)), Some(700));
    });
}

/// The tail moves past what its producer claimed, and not past what waits, cancelled or not.
#[test]
fn a_cancelled_item_that_waits_is_not_skipped() {
    model_at_all_starts(2, |start| {
        let ring = Arc::new(Numbers::with_start(2, start));
        let kept = ring.publish_kept(ring.reserve(1).unwrap());
        let waits = put(&ring, 8).unwrap();
        let canceller = spawn(&ring, move |ring| ring.cancel(waits));
        ring.skip_claimed();
        assert!(canceller.join().unwrap(), "nobody has come to it");
        ring.skip_claimed();
        assert!(settle_one(&ring));
        assert_eq!(take(&ring, waits), Some(CANCELLED));
        ring.finish_kept(&mut vec![kept]);
        assert_eq!((ring.tail(), ring.in_flight()), (2, 0));
    });
}
