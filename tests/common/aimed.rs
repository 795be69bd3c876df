//! Rule sets and items aimed at the borders of tiers: literals about as long as windows and as what an entry can say,
//! automata about as large as may be, runs about as long as are looked for, choices that are taken apart, anchors and matches
//! about where texts are cut into pieces. Shared by the tests and the fuzzer.

use trommel::rules::{CompileOptions, Pattern, Rules, Semantics, Tier, flags};

/// A rule: its text, whether it is a literal, and whether letters match in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub text: Vec<u8>,
    pub literal: bool,
    pub caseless: bool,
}

/// A rule set and items for it.
#[derive(Clone, Debug)]
pub struct Aimed {
    pub rules: Vec<Rule>,
    pub items: Vec<Vec<u8>>,
}

impl Aimed {
    /// The set, all of it in one tier or each rule where it belongs. The rules' ids are their numbers.
    pub fn compile(&self, semantics: Semantics, force_tier: Option<Tier>) -> Rules {
        let patterns: Vec<Pattern<'_>> = (0..)
            .zip(&self.rules)
            .map(|(id, rule)| {
                let kind = if rule.literal { flags::LITERAL } else { 0 };
                let fold = if rule.caseless { flags::CASELESS } else { 0 };
                Pattern { bytes: &rule.text, id, flags: kind | fold | flags::START }
            })
            .collect();
        let options = CompileOptions { semantics, force_tier, ..CompileOptions::default() };
        Rules::compile(&patterns, &options).unwrap_or_else(|errors| panic!("{errors:?} {:?}", self.rules))
    }
}

/// Draws for [`aimed`], the same ones for the same seed. The fuzzer has its own.
#[allow(dead_code)]
pub fn draws(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |n| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as usize % n
    }
}

/// Texts are cut into pieces of this many bytes.
pub const PIECE: usize = 64 << 10;

/// `draw(n)` is any number below n. Items are at most about `longest` bytes long.
pub fn aimed(draw: &mut dyn FnMut(usize) -> usize, items: usize, longest: usize) -> Aimed {
    let (mut rules, mut samples) = (Vec::new(), Vec::new());
    for _ in 0..1 + draw(5) {
        let (rule, some) = rule(draw);
        rules.push(rule);
        samples.extend(some);
    }
    let items = (0..items).map(|_| item(draw, &samples, longest)).collect();
    Aimed { rules, items }
}

fn word(draw: &mut dyn FnMut(usize) -> usize, len: usize) -> Vec<u8> {
    (0..len).map(|_| b"abAB\0\xff"[draw(6)]).collect()
}

/// Counted repetitions about where an automaton gets too large, and about where they need no counting.
const COUNTS: [usize; 12] = [0, 1, 2, 3, 4, 5, 7, 9, 11, 13, 40, 100];

/// A rule, and texts that match it or nearly do.
fn rule(draw: &mut dyn FnMut(usize) -> usize) -> (Rule, Vec<Vec<u8>>) {
    let caseless = draw(4) == 0;
    let count = COUNTS[draw(COUNTS.len())];
    let of = |text: String, samples: Vec<String>| {
        let samples = samples.into_iter().map(String::into_bytes).collect();
        (Rule { text: text.into_bytes(), literal: false, caseless }, samples)
    };
    let mixed: String = (0..count + 2).map(|_| ["a", "b"][draw(2)]).collect();
    let some = mixed[..count].to_string();
    match draw(9) {
        0 => {
            // About as long as windows, as the sixteen bytes that are compared at once, and as an entry's length can be.
            let near = [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 32, 255, 256, 4095, 4096];
            let seldom = if draw(20) == 0 { 0 } else { 3 };
            let len = near[draw(near.len() - seldom)];
            let text = word(draw, len);
            let (mut last, mut short) = (text.clone(), text.clone());
            *last.last_mut().expect("it has a byte") ^= 1;
            short.pop();
            (Rule { text: text.clone(), literal: true, caseless }, vec![text, last, short])
        }
        1 => of(
            format!("key[ab]*a[ab]{{{count}}}c"),
            vec![format!("keyba{some}c"), format!("keya{some}bc"), "key".into()],
        ),
        2 => of(
            format!("c[ab]{{{count}}}a[ab]*key"),
            vec![format!("c{some}abkey"), format!("c{some}bkey"), "key".into()],
        ),
        3 => {
            let (front, back) = ([r"\A", "^", "(?m)^", r"\b", ""][draw(5)], [r"\z", "$", "(?m)$", r"\b", ""][draw(5)]);
            of(
                format!("{front}word[ab]?{back}"),
                vec!["word".into(), "worda".into(), "\nwordb\n".into(), " word ".into()],
            )
        }
        4 => {
            let least = 7 + draw(11);
            let of_least = |n: usize| (0..n).map(|i| b"0123456789abcdef"[i * 7 % 16] as char).collect::<String>();
            of(format!("[0-9a-f]{{{least}}}"), vec![of_least(least), of_least(least - 1), of_least(2 * least + 1)])
        }
        5 => of(
            format!("key[a-c]{{0,{count}}}[ab=]{{0,3}}=[0-9]{{2,{}}}[;,]", count + 2),
            vec![format!("key{some}=12;"), format!("key{some}aaab==12345,"), format!("key{some}=1;")],
        ),
        6 => of("<[^>]*>".into(), vec!["<".into(), ">".into(), "<ab>".into()]),
        7 => of(
            format!("(?:data:(?s:.){{0,{count}}}[ab]+kind:|kind:[ab]+(?s:.){{0,{count}}}data:)x?"),
            vec![format!("data:{some}kind:"), format!("kind:{mixed}data:x"), "data:".into(), "kind:".into()],
        ),
        _ => of(
            format!("(?:(?:foo|bar)[ab]{{1,{}}}|[ab]{{{count}}}quux)(?:x|yy)", count + 1),
            vec![format!("foo{some}ax"), format!("bar{mixed}yy"), format!("{some}quuxx"), "foo".into(), "quux".into()],
        ),
    }
}

fn item(draw: &mut dyn FnMut(usize) -> usize, samples: &[Vec<u8>], longest: usize) -> Vec<u8> {
    let mut item = Vec::new();
    let filler = b".ab0 \n<"[draw(7)];
    match draw(8) {
        // Something about where a piece ends.
        0 if longest > PIECE => {
            item.resize(PIECE - draw(24), filler);
            item.extend_from_slice(&samples[draw(samples.len())]);
            let more = draw(24);
            item.resize(item.len() + more, filler);
        }
        // Matches beyond count.
        1 => {
            let sample = &samples[draw(samples.len())];
            while item.len() < longest.min(6000) {
                item.extend_from_slice(sample);
                let more = draw(2);
                item.resize(item.len() + more, filler);
            }
        }
        _ => {}
    }
    for _ in 0..draw(10) {
        match draw(4) {
            0 => item.extend(word_of_rules(draw)),
            1 => {
                let more = draw(40);
                item.resize(item.len() + more, filler);
            }
            _ => item.extend_from_slice(&samples[draw(samples.len())]),
        }
    }
    item
}

fn word_of_rules(draw: &mut dyn FnMut(usize) -> usize) -> Vec<u8> {
    (0..draw(20)).map(|_| b"abAB=0;x\n"[draw(9)]).collect()
}
