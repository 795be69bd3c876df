//! Sets made so that thousands of literals share their windows: what is looked at for one place of a text stays bounded,
//! and the answers stay those of the witness.

use super::tests::{Random, agree, executors, find, table};
use super::{Executor, LiteralScratch};
use crate::rules::literal::layout::Entry;
use crate::rules::literal::{LiteralTable, Plan};

type Set = Vec<(Vec<u8>, bool)>;

fn plans() -> [Option<Plan>; 4] {
    let plan = |window, stride| Some(Plan { window, stride });
    [None, plan(4, 1), plan(5, 2), plan(8, 2)]
}

fn check(set: &Set, text: &[u8]) {
    for plan in plans() {
        let table = table(set, plan);
        assert!(table.max_list() <= Entry::MAX_LIST, "{}", table.describe());
        agree(set, plan, &[text.to_vec()]);
    }
}

/// Whether some list is in the order of its bytes.
fn is_ordered(table: &LiteralTable) -> bool {
    (0..table.group_count()).any(|i| !table.group(i).nested().is_empty())
}

/// There are 32 windows of five bytes over two letters, and thousands of literals.
fn of_two_letters(count: usize, random: &mut Random) -> Set {
    let mut one = |i| {
        let len = 12 + random.below(20);
        (random.bytes(len, b"ab"), i % 3 == 0)
    };
    (0..count).map(&mut one).collect()
}

#[test]
fn literals_of_two_letters() {
    let mut random = Random(21);
    let mut set = of_two_letters(4000, &mut random);
    // Nested ones: beginnings and ends of others.
    for i in 0..600 {
        let (bytes, caseless) = set[i * 5].clone();
        let at = random.below(bytes.len() - 8);
        set.push(if i % 2 == 0 { (bytes[..at + 8].to_vec(), caseless) } else { (bytes[at..].to_vec(), caseless) });
    }
    assert!(is_ordered(&table(&set, None)));
    let mut text = random.bytes(600, b"aabbB");
    for _ in 0..60 {
        text.extend(&set[random.below(set.len())].0);
        text.truncate(text.len() - random.below(2));
    }
    check(&set, &text);
}

#[test]
fn every_spelling_of_one_word() {
    let spelled = |word: &[u8], upper: usize| {
        let letter = |(i, b): (usize, &u8)| if upper >> i & 1 != 0 { b.to_ascii_uppercase() } else { *b };
        word.iter().enumerate().map(letter).collect::<Vec<u8>>()
    };
    let word = b"abcdefghijkl";
    let mut set: Set = (0..4096).map(|upper| (spelled(word, upper), false)).collect();
    set.extend((8..12).map(|len| (word[..len].to_vec(), true)));
    set.push((b"aBcdEfGhIjkLm".to_vec(), false));
    set.push((word.to_vec(), true));
    assert!(is_ordered(&table(&set, None)));
    let mut random = Random(22);
    let mut text = Vec::new();
    for _ in 0..200 {
        text.extend(spelled(word, random.below(4096)));
        text.truncate(text.len() - random.below(4));
    }
    text.extend(b"aBcdEfGhIjkLm");
    check(&set, &text);
}

#[test]
fn windows_far_from_their_literals_starts() {
    // The only rare window lies at another offset in each, and what tells them apart is where no check word reaches.
    let set: Set = (0..2600)
        .map(|i| {
            let first = [b'c' + (i % 13) as u8, b'c' + (i / 13 % 2) as u8];
            let middle = b"ab".repeat(55 + i / 26);
            ([&first[..], &middle, b"!#%&$"].concat(), i % 7 == 0)
        })
        .collect();
    let mut text = b"ab".repeat(160);
    text.extend(b"!#%&$dc");
    text.extend(b"ab".repeat(70));
    text.extend(b"!#%&$");
    for i in [0, 1, 500, 1234, 2599] {
        text.extend(&set[i].0);
    }
    check(&set, &text);
}

#[test]
fn a_hundred_thousand_that_share_their_windows() {
    let set: Set = (0..100_000u32)
        .map(|i| ((0..17).map(|bit| if i >> bit & 1 != 0 { b'a' } else { b'b' }).collect(), false))
        .collect();
    let table = table(&set, None);
    assert!(is_ordered(&table) && table.max_list() <= Entry::MAX_LIST, "{}", table.describe());
    let text = Random(23).bytes(1000, b"ab");
    let number = |bytes: &[u8]| (0..17).map(|bit| u32::from(bytes[bit] == b'a') << bit).sum::<u32>();
    let windows = text.windows(17).enumerate().map(|(at, bytes)| (number(bytes), at, at + 17));
    let mut expected: Vec<_> = windows.filter(|found| found.0 < 100_000).collect();
    expected.sort_unstable();
    for executor in executors() {
        assert_eq!(find(&table, executor, &text, &mut LiteralScratch::default()), expected, "{executor:?}");
    }
}

#[test]
fn damage_is_refused_or_harmless() {
    let mut random = Random(24);
    let set = of_two_letters(4000, &mut random);
    let table = table(&set, None);
    assert!(is_ordered(&table));
    let group = table.group(0);
    // The words behind the entries are those that say how they are nested.
    let nested = table.as_bytes().len() - 4 * group.nested().len().next_multiple_of(16);
    let text = random.bytes(300, b"ab");
    let mut scratch = LiteralScratch::default();
    let (mut refused, mut taken) = (0, 0);
    for i in 0..1500 {
        let mut damaged = table.as_bytes().to_vec();
        for _ in 0..1 + random.below(4) {
            let from = if i % 2 == 0 { nested } else { 512 };
            let at = from + random.below(damaged.len() - from);
            damaged[at] = [0, 1, 0x7f, 0x80, 0xff, damaged[at] ^ 1 << random.below(8)][random.below(6)];
        }
        match LiteralTable::from_bytes(&damaged) {
            Err(_) => refused += 1,
            Ok(table) => {
                taken += 1;
                find(&table, Executor::best(), &text, &mut scratch);
            }
        }
    }
    assert!(refused > 100 && taken > 100, "{refused} {taken}");
}
