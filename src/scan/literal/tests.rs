//! Against aho-corasick's overlapping search, each executor forced.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use proptest::prelude::*;

use super::{Executor, LiteralScratch};
use crate::rules::literal::{BuildOptions, Literal, LiteralTable, Plan};

pub(super) type Found = Vec<(u32, usize, usize)>;

pub(super) struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn bytes(&mut self, len: usize, alphabet: &[u8]) -> Vec<u8> {
        (0..len).map(|_| alphabet[self.below(alphabet.len())]).collect()
    }
}

/// The set as the witness sees it: one automaton for each case rule.
struct Witness(Vec<(AhoCorasick, Vec<u32>)>);

impl Witness {
    fn new(set: &[(Vec<u8>, bool)]) -> Self {
        let of = |caseless: bool| {
            let tags: Vec<u32> = (0..set.len() as u32).filter(|&i| set[i as usize].1 == caseless).collect();
            let automaton = AhoCorasickBuilder::new()
                .match_kind(MatchKind::Standard)
                .ascii_case_insensitive(caseless)
                .build(tags.iter().map(|&i| &set[i as usize].0))
                .unwrap();
            (automaton, tags)
        };
        Self(vec![of(false), of(true)])
    }

    fn find(&self, text: &[u8]) -> Found {
        let mut found = Found::new();
        for (automaton, tags) in &self.0 {
            found.extend(
                automaton.find_overlapping_iter(text).map(|m| (tags[m.pattern().as_usize()], m.start(), m.end())),
            );
        }
        found.sort_unstable();
        found
    }
}

pub(super) fn table(set: &[(Vec<u8>, bool)], plan: Option<Plan>) -> LiteralTable {
    let literals: Vec<Literal<'_>> = set
        .iter()
        .enumerate()
        .map(|(i, (bytes, caseless))| Literal { bytes, caseless: *caseless, tag: i as u32 })
        .collect();
    LiteralTable::build(&literals, &BuildOptions { plan, ..Default::default() }).unwrap()
}

pub(super) fn find(table: &LiteralTable, executor: Executor, text: &[u8], scratch: &mut LiteralScratch) -> Found {
    let mut found = Found::new();
    table.find_with(executor, text, scratch, &mut |tag, start, end| found.push((tag, start, end)));
    found.sort_unstable();
    found
}

pub(super) fn executors() -> Vec<Executor> {
    [Executor::Scalar, Executor::Avx2, Executor::Avx512].into_iter().filter(|e| e.works()).collect()
}

fn plans() -> Vec<Option<Plan>> {
    let mut plans = vec![None];
    for window in 3..=8 {
        for stride in 1..=4 {
            if 3 * stride + window <= 16 {
                plans.push(Some(Plan { window, stride }));
            }
        }
    }
    plans
}

/// Every executor against the witness.
pub(super) fn agree(set: &[(Vec<u8>, bool)], plan: Option<Plan>, texts: &[Vec<u8>]) {
    let witness = Witness::new(set);
    let table = table(set, plan);
    let again = LiteralTable::from_bytes(table.as_bytes()).unwrap();
    let mut scratch = LiteralScratch::default();
    for text in texts {
        let expected = witness.find(text);
        for executor in executors() {
            for table in [&table, &again] {
                let found = find(table, executor, text, &mut scratch);
                assert_eq!(found, expected, "{executor:?} {plan:?} in {text:?} for {set:?}");
            }
        }
    }
}

fn set(literals: &[&str]) -> Vec<(Vec<u8>, bool)> {
    literals.iter().map(|l| (l.as_bytes().to_vec(), false)).collect()
}

/// A text too short for the first of two groups that share pair tables, after a long one: nothing is left over from that.
#[test]
fn short_texts_after_long_ones() {
    let mut literals = set(&["secret_key", "password"]);
    literals.extend((0..60u32).map(|n| (format!("z{:02}", n).into_bytes(), false)));
    assert!(table(&literals, None).describe().contains("the same pairs"));
    let mut texts = Vec::new();
    for len in 0..80 {
        texts.push(b"z17 a password z59 ".repeat(20));
        texts.push(b"z05z59z1password".repeat(5)[..len].to_vec());
    }
    agree(&literals, None, &texts);
}

#[test]
fn nothing_and_empty() {
    let none = table(&[], None);
    assert!(none.is_empty());
    assert_eq!(find(&none, Executor::best(), b"anything", &mut LiteralScratch::default()), []);
    let literals = [Literal { bytes: b"", caseless: false, tag: 0 }];
    assert!(LiteralTable::build(&literals, &BuildOptions::default()).is_err());
}

#[test]
fn every_length_and_alignment() {
    let mut random = Random(7);
    let set = set(&["needle", "edleneed", "aba", "b", "bab", "haystacks", "abababababababababababababababababab"]);
    let text = random.bytes(400, b"ab");
    let mut texts = Vec::new();
    for len in 0..=300 {
        for shift in [0, 1, 2, 3, 7, 15, 31] {
            let mut t = text[shift..shift + len].to_vec();
            if len >= 6 {
                let at = random.below(len - 5);
                t[at..at + 6].copy_from_slice(b"needle");
            }
            texts.push(t);
        }
    }
    for plan in plans() {
        agree(&set, plan, &texts);
    }
}

#[test]
fn every_place_in_a_long_text() {
    let set = set(&["boundary", "bound", "dary"]);
    for plan in [None, Some(Plan { window: 4, stride: 1 }), Some(Plan { window: 4, stride: 2 })] {
        let table = table(&set, plan);
        let mut scratch = LiteralScratch::default();
        let len = 4300;
        let mut text = vec![b'.'; len];
        for at in 0..=len - 8 {
            text[at..at + 8].copy_from_slice(b"boundary");
            for executor in executors() {
                let found = find(&table, executor, &text, &mut scratch);
                assert_eq!(found, [(0, at, at + 8), (1, at, at + 5), (2, at + 4, at + 8)], "{executor:?} {plan:?}");
            }
            text[at..at + 8].fill(b'.');
        }
    }
}

#[test]
fn random_sets() {
    let mut random = Random(42);
    let alphabets: [&[u8]; 5] = [b"ab", b"aAbB", b"abcdefgh _", &[0, 0x20, 0xff, b'a', b'A', b'@', b'`'], b"eE tT\n{["];
    for round in 0..120 {
        let alphabet = alphabets[round % alphabets.len()];
        let count = 1 + random.below([3, 30, 300][round % 3]);
        let longest = 1 + random.below([4, 12, 40][round / 3 % 3]);
        let caseless = round % 4;
        let set: Vec<(Vec<u8>, bool)> = (0..count)
            .map(|_| {
                let len = 1 + random.below(longest);
                let fold = match caseless {
                    0 => false,
                    1 => true,
                    _ => random.below(2) == 0,
                };
                (random.bytes(len, alphabet), fold)
            })
            .collect();
        let texts: Vec<Vec<u8>> = (0..6)
            .map(|i| {
                let len = random.below([20, 80, 300, 1500, 3000, 5000][i]);
                random.bytes(len, alphabet)
            })
            .collect();
        let plans = plans();
        let plan = plans[random.below(plans.len())];
        agree(&set, plan, &texts);
        agree(&set, None, &texts);
    }
}

#[test]
fn equal_literals_report_every_tag() {
    let set = vec![
        (b"Token".to_vec(), false),
        (b"token".to_vec(), true),
        (b"TOKEN".to_vec(), true),
        (b"Token".to_vec(), false),
        (b"t".to_vec(), true),
        (b"T".to_vec(), true),
        (b"12345".to_vec(), true),
        (b"12345".to_vec(), false),
    ];
    agree(&set, None, &[b"a Token, a tOKen, t 12345 token".to_vec(), b"token".to_vec()]);
}

#[test]
fn many_short_literals() {
    let mut random = Random(3);
    let all: Vec<u8> = (0..=255).collect();
    let mut set: Vec<(Vec<u8>, bool)> = (0..=255).map(|b| (vec![b], false)).collect();
    set.extend((0..3000).map(|i| (random.bytes(1 + i % 5, &all), i % 7 == 0)));
    let texts: Vec<Vec<u8>> = (0..5).map(|i| random.bytes(700 * i, &all)).collect();
    agree(&set, None, &texts);
    set.truncate(256);
    agree(&set, None, &texts);
}

#[test]
fn long_literals() {
    let mut random = Random(5);
    let text = random.bytes(30_000, b"abcdefghijklmnop");
    let set: Vec<(Vec<u8>, bool)> = [1, 5, 255, 256, 300, 4094, 4095, 4096, 5000, 20_000]
        .iter()
        .flat_map(|&len| {
            let at = random.below(text.len() - len);
            let mut bytes = text[at..at + len].to_vec();
            let good = (bytes.clone(), len % 2 == 0);
            *bytes.last_mut().unwrap() ^= 1;
            [good, (bytes, false)]
        })
        .collect();
    for plan in [None, Some(Plan { window: 5, stride: 2 })] {
        agree(&set, plan, std::slice::from_ref(&text));
    }
}

#[test]
fn nested_and_crowded_windows() {
    // Each in the next, and hundreds that differ in their last byte only.
    let mut set: Vec<(Vec<u8>, bool)> = (1..200).map(|n| (vec![b'a'; n], false)).collect();
    set.extend((0..=255).map(|b| ([b"common", &[b][..]].concat(), false)));
    let mut text = vec![b'a'; 300];
    text.extend(b"commoncommon\0common\xff");
    agree(&set, None, &[text]);
}

#[test]
fn literals_that_no_window_tells_apart() {
    // Two bytes differ, further apart than any window: every list is long, and check words must do it.
    let set: Vec<(Vec<u8>, bool)> = (0..4096u32)
        .map(|i| {
            ([b"<", &[b'0' + (i % 64) as u8][..], b"-common-middle-", &[b'0' + (i / 64) as u8], b">"].concat(), false)
        })
        .collect();
    let mut random = Random(9);
    let mut text = Vec::new();
    for _ in 0..300 {
        text.extend(&set[random.below(set.len())].0);
        text.truncate(text.len() - random.below(3));
    }
    for plan in [None, Some(Plan { window: 4, stride: 2 })] {
        assert!(table(&set, plan).max_list() <= 64);
        agree(&set, plan, std::slice::from_ref(&text));
    }
    // Thousands that share all windows but their last.
    let set: Vec<(Vec<u8>, bool)> =
        (0..5000).map(|i| (format!("one_common_window_{i:04}").into_bytes(), i % 2 == 0)).collect();
    assert!(table(&set, None).max_list() <= 12);
    let text = "one_common_window_".repeat(50) + "one_common_window_4999 One_common_window_4998";
    agree(&set, None, &[text.into_bytes()]);
}

#[test]
fn damage_is_refused_or_harmless() {
    let mut random = Random(11);
    let mut set = set(&["alpha", "beta", "gamma_ray", "xy", "z", "delta_force_of_nature"]);
    set.extend((0..40).map(|_| (random.bytes(9, b"abcdef"), random.below(2) == 0)));
    set.extend([(b"beta".to_vec(), false)]);
    let table = table(&set, None);
    let bytes = table.as_bytes().to_vec();
    let text: Vec<u8> =
        [&b"alpha beta gamma_ray xyz delta_force_of_nature"[..], &random.bytes(500, b"abcdef")].concat();
    let mut scratch = LiteralScratch::default();
    for cut in [0, 1, 63, 64, 512, bytes.len() - 64, bytes.len() - 1] {
        assert!(LiteralTable::from_bytes(&bytes[..cut]).is_err());
    }
    let mut unaligned = vec![0u8; bytes.len() + 1];
    unaligned[1..].copy_from_slice(&bytes);
    assert!(LiteralTable::from_bytes(&unaligned[1..]).is_ok());
    let (mut refused, mut taken) = (0, 0);
    for i in 0..20_000 {
        let mut damaged = bytes.clone();
        // The header often, the rest now and then.
        for _ in 0..1 + random.below(3) {
            let at = if i % 2 == 0 { random.below(512) } else { random.below(damaged.len()) };
            damaged[at] = [0, 1, 0x7f, 0x80, 0xff, damaged[at] ^ 1 << random.below(8)][random.below(6)];
        }
        match LiteralTable::from_bytes(&damaged) {
            Err(_) => refused += 1,
            Ok(table) => {
                taken += 1;
                for executor in executors() {
                    find(&table, executor, &text, &mut scratch);
                }
            }
        }
    }
    assert!(refused > 1000 && taken > 1000, "{refused} {taken}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Other literals, their order and repetition change no answer about one.
    #[test]
    fn neighbours_change_nothing(
        one in proptest::collection::vec(0u8..4, 1..9),
        others in proptest::collection::vec((proptest::collection::vec(0u8..4, 1..12), any::<bool>()), 0..30),
        text in proptest::collection::vec(0u8..4, 0..400),
        caseless: bool,
    ) {
        let of_one = |found: Found| found.into_iter().filter(|f| f.0 == 0).collect::<Vec<_>>();
        let mut scratch = LiteralScratch::default();
        let mut set = vec![(one, caseless)];
        let alone = find(&table(&set, None), Executor::best(), &text, &mut scratch);
        set.extend(others);
        let among = find(&table(&set, None), Executor::best(), &text, &mut scratch);
        prop_assert_eq!(of_one(among), alone);
    }

    #[test]
    fn any_bytes(
        set in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 1..10), any::<bool>()), 1..40),
        text in proptest::collection::vec(any::<u8>(), 0..300),
        cuts in proptest::collection::vec((0usize..40, 0usize..300), 0..10),
    ) {
        // Literals planted, so that there is something to find.
        let mut text = text;
        for (which, at) in cuts {
            let literal = &set[which % set.len()].0;
            let at = at % (text.len() + 1);
            text.splice(at..at, literal.iter().copied());
        }
        agree(&set, None, &[text]);
    }
}
