//! Which ticket an item gets: positions that a handle reserves ahead, and what becomes of those that no item gets.

use super::*;

fn take_what_is_there(handle: &Handle, most: usize) {
    let mut completions = vec![trm_completion::default(); most];
    while let Answer::Took(taken) =
        handle.collect(Some(Instant::now()), &mut Buffers { completions: &mut completions, matches: &mut [] })
    {
        assert!(taken.items > 0);
    }
}

/// Whose tickets have no gaps.
fn dense_engine() -> Handle {
    let options = Options { mode: Mode::Force, adapter: Some("echo".into()), cpu_threads: 1, ..Options::default() };
    let main = Engine::create(options).unwrap();
    let rules = Rules::compile(&[], &CompileOptions::default()).unwrap();
    main.engine().load_rules(1, rules.into()).unwrap();
    main
}

#[test]
fn the_only_handle_reserves_ahead_and_another_one_goes_on_without_a_gap() {
    let main = dense_engine();
    let ring = main.engine().ring();
    let mut next = 1;
    let mut put = |handle: &Handle| {
        let item = trm_work_item { rule_set_id: 1, ..item(next as u32) };
        assert_eq!(handle.enqueue_one(&item).unwrap().ticket(), next);
        next += 1;
        main.engine().accepted()
    };
    for round in 0..20 {
        let mut ahead = false;
        for _ in 0..80 + round {
            let accepted = put(&main);
            ahead |= ring.head() > accepted;
        }
        assert!(ahead, "one locked instruction an item");
        let other = main.attach().unwrap();
        for n in 0..90 {
            let accepted = put(if n % 7 < 3 { &other } else { &main });
            assert_eq!(ring.head(), accepted);
        }
        take_what_is_there(&other, 100);
        take_what_is_there(&main, 100);
    }
    assert_eq!(main.engine().accepted(), (80..100).sum::<u64>() + 20 * 90);
}

/// Several handles that come at the same time while the only one there was is at it.
#[test]
fn handles_that_come_together_leave_no_gap() {
    for _ in 0..200 {
        let main = dense_engine();
        let tickets = Mutex::new(Vec::new());
        let put = |handle: &Handle, count| {
            for n in 0..count {
                let item = trm_work_item { rule_set_id: 1, ..item(n) };
                let ticket = handle.enqueue_one(&item).unwrap().ticket();
                tickets.lock().unwrap().push(ticket);
            }
        };
        put(&main, 40);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| put(&main.attach().unwrap(), 50));
            }
            put(&main, 100);
        });
        let mut all = tickets.into_inner().unwrap();
        all.sort_unstable();
        assert!(all.iter().copied().eq(1..=290), "a ticket was left out");
    }
}

#[test]
fn tickets_of_all_handles_are_in_the_order_of_the_calls_unless_gaps_are_allowed() {
    let main = dense_engine();
    let others = [main.attach().unwrap(), main.attach().unwrap()];
    for n in 0..6000u32 {
        let handle = [&main, &others[0], &others[1]][(n / 7 % 3) as usize];
        let item = trm_work_item { rule_set_id: 1, ..item(n) };
        assert_eq!(handle.enqueue_one(&item).unwrap().ticket(), u64::from(n) + 1);
    }
    assert_eq!((main.engine().accepted(), main.engine().ring().head()), (6000, 6000));
}

#[test]
fn one_handle_gets_each_number_and_no_other_is_known() {
    let handle = engine();
    let mut next = 1;
    for round in 0..200u32 {
        for n in 0..300 + round {
            let accepted = match n % 50 {
                49 => handle.enqueue(&[item(n), item(n + 1)]).unwrap(),
                _ if n % 3 == 0 => (handle.submit(b"abc", 1, n).unwrap(), 1),
                _ => (handle.enqueue_one(&item(n)).unwrap(), 1),
            };
            assert_eq!(accepted.0.ticket(), next);
            next += accepted.1 as u64;
            assert_eq!(handle.engine().accepted(), next - 1);
            if n % 37 == 0 {
                for unknown in [next, next + 1, next + 7, next + 40] {
                    assert_eq!(handle.stage(unknown).unwrap_err().status, TRM_ERR_TICKET);
                    assert_eq!(handle.cancel(unknown).unwrap_err().status, TRM_ERR_TICKET);
                    let answer = handle.wait(
                        unknown,
                        Some(Instant::now()),
                        &mut Buffers { completions: &mut [], matches: &mut [] },
                    );
                    assert_eq!(answer, Answer::Never(TRM_ERR_TICKET));
                }
            }
        }
        take_what_is_there(&handle, 100 + round as usize % 7 * 100);
    }
    all_is_over(&handle, next - 1);
    assert_eq!(handle.engine().ring().head(), next - 1, "nothing is left out where nobody reserves behind it");
}

#[test]
fn what_is_not_used_is_left_out_and_nobody_waits_for_it() {
    let main = engine();
    let books = Books::default();
    let others: Vec<_> = (0..7).map(|_| main.attach().unwrap()).collect();
    let mut count = 0;
    for round in 0..50 {
        for (n, handle) in others.iter().enumerate() {
            let numbers = count..count + 100 + (round * 7 + n as u32 * 13) % 60;
            count = numbers.end;
            let last = run_up(handle, &books, numbers);
            // Numbers behind the last one are reserved, left out, or another's.
            for other in last + 1..last + 40 {
                assert_eq!(handle.cancel(other).unwrap_err().status, TRM_ERR_TICKET);
            }
        }
        assert_eq!(main.engine().accepted(), count.into());
        assert_eq!(main.engine().in_flight(), books.open.lock().unwrap().len() as u64);
        // Some go on with a batch, some are left alone, and those come back once.
        for (n, handle) in others.iter().enumerate() {
            if (n as u32 + round).is_multiple_of(3) {
                feed(handle, &books, count..count + 5, || ());
                count += 5;
            }
            while collect(handle, &books, 50 + n * 100) > 0 {}
        }
    }
    assert!(books.open.lock().unwrap().is_empty());
    all_is_over(&main, count.into());
    assert!(main.engine().ring().head() > count.into(), "something was left out");
}

#[test]
fn a_handle_that_goes_leaves_no_slot_behind() {
    let main = engine_with("echo", 1024);
    let mut count = 0;
    for round in 0..300u32 {
        let books = Books::default();
        let (one, two) = (main.attach().unwrap(), main.attach().unwrap());
        for (handle, more) in [(&one, round % 40), (&two, round % 7), (&one, round % 3)] {
            run_up(handle, &books, count..count + 100 + more);
            count += 100 + more;
        }
        if round % 2 == 0 {
            // What is taken of them or not does not matter.
            collect(&two, &books, 60);
            assert!(one.close(Some(Instant::now() + Duration::from_secs(20))).unwrap());
        }
        drop(one);
        assert!(two.close(Some(Instant::now() + Duration::from_secs(20))).unwrap());
    }
    // Nobody closed the last round's first handle: the drain's own thread finishes what that had.
    let began = Instant::now();
    while main.engine().in_flight() > 0 {
        assert!(began.elapsed() < Duration::from_secs(20), "{} items stay in flight", main.engine().in_flight());
        std::thread::sleep(Duration::from_millis(1));
    }
    all_is_over(&main, count.into());
    let all: Vec<_> = (0..1024).map(|n| trm_work_item { rule_set_id: 1, ..item(n) }).collect();
    assert_eq!(main.enqueue(&all).unwrap().1, 1024, "the whole ring is there again");
    assert!(main.close(Some(Instant::now() + Duration::from_secs(20))).unwrap());
}

#[test]
fn small_rings_are_not_filled_by_what_is_only_reserved() {
    for ring in [1, 2, 16, 64, 256, 512] {
        let main = engine_with("echo", ring);
        let handles: Vec<_> = (0..8).map(|_| main.attach().unwrap()).collect();
        let books = Books::default();
        let mut count = 0;
        while count < 40_000 {
            for handle in &handles {
                for _ in 0..(ring / 8).max(1) {
                    match handle.enqueue_one(&item(count)) {
                        Ok(position) => books.went(position.ticket(), count),
                        Err(error) => {
                            assert_eq!(error.status, TRM_QUEUE_FULL);
                            break;
                        }
                    }
                    count += 1;
                }
            }
            for handle in handles.iter().rev() {
                collect_within(handle, &books, 1 + count as usize % 100, Duration::ZERO);
            }
        }
        handles.iter().for_each(|handle| while collect(handle, &books, 100) > 0 {});
        all_is_over(&main, count.into());
    }
}

#[test]
fn a_handle_that_goes_gives_back_at_once_what_it_had_reserved() {
    let main = engine();
    // No more than fit, since nobody collects.
    for round in 1..=15 {
        let handle = main.attach().unwrap();
        run_up(&handle, &Books::default(), 0..200);
        drop(handle);
        assert_eq!(main.engine().ring().head(), 200 * round);
    }
}
