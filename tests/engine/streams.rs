//! Streams and items in several parts through the C ABI: the answers of the joined bytes, wherever they are cut and whoever
//! scans which piece when.

use super::abi::*;
use std::thread::scope;

const PATTERNS: &[&str] = &["needle", "n[a-z]*e", r"\bkey=\w+\b", "^line.*$", "(?s)aa.{0,9}b", "e{2,}", "x$"];

struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    fn text(&mut self, words: usize) -> Vec<u8> {
        let all: &[&str] = &["needle", "nee", "dle", "key=", "abc", " ", "\n", "line ", "aa", "b", "eee", "x", "."];
        (0..words).flat_map(|_| all[self.next(all.len())].bytes()).collect()
    }

    /// In pieces of up to so many bytes.
    fn pieces<'t>(&mut self, mut text: &'t [u8], longest: usize) -> Vec<&'t [u8]> {
        let mut pieces = Vec::new();
        while !text.is_empty() {
            let (piece, rest) = text.split_at(self.next(longest + 1).min(text.len()));
            pieces.push(piece);
            text = rest;
        }
        pieces
    }
}

fn all_rules(semantics: u32) -> Rules {
    let patterns: Vec<_> = PATTERNS.iter().zip(0..).map(|(p, id)| (p.as_bytes(), id, TRM_PATTERN_MULTILINE)).collect();
    rules_with(&patterns, semantics).unwrap()
}

/// (end, start, rule): sorted as matches are.
fn sorted(matches: impl IntoIterator<Item = trm_match>) -> Vec<(u64, u64, u32)> {
    let mut all: Vec<_> = matches.into_iter().map(|m| (m.end, m.start, m.rule_id)).collect();
    all.sort_unstable();
    all
}

/// Streams one text, with as many pieces in flight as there is room for; gives all matches.
fn stream(handle: &Engine, correlation: u32, pieces: &[&[u8]]) -> Vec<trm_match> {
    let stream = handle.open_stream(0, correlation, 0).unwrap();
    let (mut all, mut open) = (Vec::new(), 0);
    let mut take = |open: &mut usize| {
        for item in handle.collect(LONG).unwrap() {
            assert_eq!((item.completion.status, item.completion.correlation), (TRM_OK, correlation));
            assert!(item.matches.is_sorted_by_key(|m| (m.end, m.start, m.rule_id)));
            all.extend(item.matches);
            *open -= 1;
        }
    };
    for piece in pieces {
        loop {
            match stream.feed(piece) {
                Ok(_) => break open += 1,
                Err((TRM_QUEUE_FULL | TRM_ARENA_FULL, _)) if open > 0 => take(&mut open),
                Err((TRM_QUEUE_FULL | TRM_ARENA_FULL, _)) => std::thread::yield_now(),
                Err(other) => panic!("{other:?}"),
            }
        }
    }
    loop {
        match stream.close() {
            Ok(_) => break open += 1,
            Err(TRM_QUEUE_FULL | TRM_ARENA_FULL) if open > 0 => take(&mut open),
            Err(TRM_QUEUE_FULL | TRM_ARENA_FULL) => std::thread::yield_now(),
            Err(other) => panic!("{other}"),
        }
    }
    while open > 0 {
        take(&mut open);
    }
    all
}

fn streams_by(drain: impl Fn(&Engine) + Sync, engine: Engine, texts: u64) {
    for semantics in [TRM_SEMANTICS_LEFTMOST, TRM_SEMANTICS_ALL_ENDS] {
        assert_eq!(engine.load(0, &all_rules(semantics)), TRM_OK);
        scope(|threads| {
            let feeders: Vec<_> = (0..3u64)
                .map(|n| {
                    let handle = engine.attach();
                    threads.spawn(move || {
                        let mut random = Random(0x9E37_79B9 + n);
                        for text in 0..texts {
                            let whole = random.text(if text % 10 == 0 { 2000 } else { 60 });
                            let longest = [1, 3, 40, 700][random.next(4)];
                            let pieces = random.pieces(&whole, longest);
                            let found = stream(&handle, n as u32, &pieces);
                            assert_eq!(sorted(found), sorted(handle.scan(0, &whole).unwrap()), "{pieces:?}");
                        }
                    })
                })
                .collect();
            while feeders.iter().any(|feeder| !feeder.is_finished()) {
                drain(&engine);
            }
        });
    }
    assert_eq!((engine.in_flight(), engine.stats().arena_used), (0, 0));
}

#[test]
fn streams_match_the_joined_bytes_on_the_cpu_drain() {
    let engine = Engine::new(|options| (options.ring_size, options.cpu_threads) = (32, 3));
    streams_by(|_| std::thread::sleep(std::time::Duration::from_millis(1)), engine, 100);
}

/// The test's thread claims several items before it marks the first one done, newest first.
#[test]
fn streams_match_the_joined_bytes_on_the_callers_drain() {
    let engine = Engine::new(|options| (options.ring_size, options.processor) = (32, TRM_PROCESSOR_CALLER));
    let drain = |engine: &Engine| {
        let mut some = Vec::new();
        while some.len() < 5
            && let Ok(claimed) = engine.claim(NOW)
        {
            some.push(claimed);
        }
        for claimed in some.into_iter().rev() {
            let matches = scan_with(claimed.0.rules, claimed.bytes()).unwrap();
            assert_eq!(engine.mark_done(claimed.ticket(), TRM_OK, &matches), TRM_OK);
        }
        std::thread::yield_now();
    };
    streams_by(drain, engine, 20);
}

#[test]
fn segments_match_the_joined_bytes() {
    let engine = Engine::new(|_| ());
    assert_eq!(engine.load(0, &all_rules(TRM_SEMANTICS_LEFTMOST)), TRM_OK);
    let mut random = Random(77);
    for n in 0..2000 {
        let whole = random.text(30);
        let longest = [1, 5, 60][random.next(3)];
        let parts = random.pieces(&whole, longest);
        let ticket = engine.submit_segments(&parts, n).unwrap();
        let item = engine.wait(ticket, LONG).unwrap();
        assert_eq!(sorted(item.matches), sorted(engine.scan(0, &whole).unwrap()), "{parts:?}");
    }
}

#[test]
fn offsets_are_of_the_stream_and_go_beyond_32_bits_of_pieces() {
    let engine = Engine::with_rules(&["needle"], |_| ());
    let filler = vec![b'.'; 100_000];
    let mut pieces: Vec<&[u8]> = vec![&filler; 30];
    pieces.extend([&b"a nee"[..], b"d", b"le."]);
    let found = stream(&engine, 1, &pieces);
    assert_eq!(spans(&found), [(3_000_002, 3_000_008, 0)]);
}

/// The limit per item counts a piece's own matches, and cuts only what is delivered.
#[test]
fn a_truncated_piece_costs_later_pieces_nothing() {
    let engine = Engine::with_rules(&["aa"], |options| options.max_matches_per_item = 2);
    let stream = engine.open_stream(0, 0, 0).unwrap();
    let tickets = [&b"aaaaaaaaa"[..], b"a.aa"].map(|piece| stream.feed(piece).unwrap());
    let last = stream.close().unwrap();
    let items = [tickets[0], tickets[1], last].map(|ticket| engine.wait(ticket, LONG).unwrap());
    let told: Vec<_> = items.iter().map(|i| (i.completion.status, i.completion.match_count, i.spans())).collect();
    assert_eq!(told[0], (TRM_TRUNCATED, 4, vec![(0, 2, 0), (2, 4, 0)]));
    assert_eq!(told[1], (TRM_OK, 2, vec![(8, 10, 0), (11, 13, 0)]));
    assert_eq!(told[2], (TRM_OK, 0, vec![]));
}

#[test]
fn a_stream_keeps_its_rules_and_frees_them() {
    let engine = Engine::with_rules(&["needle"], |options| options.max_rule_sets = 2);
    let stream = engine.open_stream(0, 0, 0).unwrap();
    stream.feed(b"a nee").unwrap();
    assert_eq!(engine.load(0, &rules(&["other"])), TRM_OK);
    assert_eq!(engine.load(1, &rules(&["third"])), TRM_ERR_LIMIT, "the stream's set is still in use");
    stream.feed(b"dle other").unwrap();
    stream.close().unwrap();
    let found: Vec<_> = engine.collect_all(3).iter().flat_map(Item::spans).collect();
    assert_eq!(found, [(2, 8, 0)]);
    drop(stream);
    until("its place", || engine.load(1, &rules(&["third"])) == TRM_OK);
}

/// One piece that is cancelled takes the stream with it: matches behind it would depend on it.
#[test]
fn cancelling_a_piece_cancels_the_stream() {
    let engine = Engine::caller(&["needle"], |_| ());
    let stream = engine.open_stream(0, 0, 0).unwrap();
    let tickets = [&b"needle"[..], b"needle", b"needle"].map(|piece| stream.feed(piece).unwrap());
    assert_eq!(engine.cancel(tickets[1]), TRM_OK);
    while engine.drain_one(NOW).is_ok() {}
    let status = tickets.map(|ticket| engine.wait(ticket, NOW).unwrap().completion.status);
    assert_eq!(status, [TRM_OK, TRM_CANCELLED, TRM_CANCELLED]);
    assert_eq!(stream.feed(b"needle").unwrap_err().0, TRM_CANCELLED);
    assert_eq!(stream.close().unwrap_err(), TRM_CANCELLED);
    drop(stream);
    assert_eq!((engine.in_flight(), engine.stats().arena_used), (0, 0));
}

/// Threads feed, one closes: every call is done or refused, and what was accepted is completed.
#[test]
fn feeding_races_with_closing() {
    let engine = Engine::with_rules(&["a"], |options| options.ring_size = 1024);
    for _ in 0..50 {
        let stream = engine.open_stream(0, 0, 0).unwrap();
        let fed = scope(|threads| {
            let feeders: Vec<_> = (0..2)
                .map(|_| {
                    threads.spawn(|| {
                        let mut fed = 0;
                        while fed < 200 {
                            match stream.feed(b"a") {
                                Ok(_) => fed += 1,
                                Err((TRM_ERR_HANDLE, _)) => break,
                                Err(other) => panic!("{other:?}"),
                            }
                        }
                        fed
                    })
                })
                .collect();
            while engine.head().is_multiple_of(37) {
                std::thread::yield_now();
            }
            stream.close().unwrap();
            feeders.into_iter().map(|feeder| feeder.join().unwrap()).sum::<usize>()
        });
        let items = engine.collect_all(fed + 1);
        assert_eq!(items.iter().map(|item| item.matches.len()).sum::<usize>(), fed);
    }
}

/// Streams whose handle or engine goes first hold nothing back.
#[test]
fn streams_may_outlive_their_handles() {
    let engine = Engine::caller(&["a"], |_| ());
    let attached = engine.attach();
    let stream = attached.open_stream(0, 0, 0).unwrap();
    stream.feed(b"a").unwrap();
    stream.feed(b"a").unwrap();
    let claimed = engine.claim(NOW).unwrap();
    attached.destroy();
    assert_eq!(engine.mark_done(claimed.ticket(), TRM_OK, &[]), TRM_OK);
    engine.drain_one(NOW).unwrap();
    assert_eq!((engine.in_flight(), engine.stats().arena_used), (0, 0));
    let other = engine.open_stream(0, 0, 0).unwrap();
    other.feed(b"a").unwrap();
    engine.destroy();
    drop(other);
    drop(stream);
}

#[test]
fn rules_tell_what_streams_keep() {
    let rules = rules(&["needle", r"a{2,5}\b", "key=.*", "^x"]);
    let (mut info, mut count) = (vec![std::mem::MaybeUninit::<trm_rule_info>::zeroed(); 4], 0);
    // SAFETY: as many as said.
    let status =
        unsafe { trm_rules_info(rules.0, info.as_mut_ptr().cast(), size_of::<trm_rule_info>(), 4, &mut count) };
    assert_eq!((status, count), (TRM_OK, 4));
    // SAFETY: written by the call; all bytes may be 0.
    let carries: Vec<u64> = info.iter().map(|info| unsafe { info.assume_init_ref() }.carry).collect();
    assert_eq!(carries, [6, 6, TRM_UNBOUNDED, 1]);
}
