//! The answer by definition, slow and plain, from the patterns' text: nothing of the library takes part.

use regex_automata::nfa::thompson::{self, pikevm};
use regex_automata::{Anchored, Input, MatchKind, util::syntax};
use std::cell::{OnceCell, RefCell};

pub const LITERAL: u32 = 1;
pub const CASELESS: u32 = 2;
pub const DOTALL: u32 = 4;
pub const MULTILINE: u32 = 8;
pub const UNICODE: u32 = 16;
pub const SINGLE: u32 = 32;
pub const START: u32 = 64;

/// A pattern as the C ABI takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pat {
    pub bytes: Vec<u8>,
    pub id: u32,
    pub flags: u32,
}

/// (end, start, id): tuples sort in the order in which matches are reported.
pub type Found = (u64, u64, u32);

/// One pattern, ready to be asked.
pub struct Brute {
    first: Simulation,
    all: OnceCell<Simulation>,
    text: String,
    id: u32,
    flags: u32,
}

/// The plainest of all engines, and the memory that it works in.
struct Simulation {
    vm: pikevm::PikeVM,
    cache: RefCell<pikevm::Cache>,
}

impl Simulation {
    fn new(text: &str, flags: u32, kind: MatchKind) -> Option<Self> {
        let syntax = syntax::Config::new()
            .utf8(false)
            .unicode(flags & UNICODE != 0)
            .case_insensitive(flags & CASELESS != 0)
            .dot_matches_new_line(flags & DOTALL != 0)
            .multi_line(flags & MULTILINE != 0);
        let vm = pikevm::PikeVM::builder()
            .configure(pikevm::PikeVM::config().match_kind(kind))
            .syntax(syntax)
            .thompson(thompson::Config::new().utf8(false).nfa_size_limit(Some(10 << 20)))
            .build(text)
            .ok()?;
        let cache = RefCell::new(vm.create_cache());
        Some(Self { vm, cache })
    }
}

/// A literal as a regex that means the same.
fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(&regex_syntax::escape(chunk.valid()));
        for b in chunk.invalid() {
            text.push_str(&format!("(?-u:\\x{b:02X})"));
        }
    }
    text
}

impl Brute {
    /// None if the dialect refuses the pattern.
    pub fn new(pat: &Pat) -> Option<Brute> {
        let literal = pat.flags & LITERAL != 0;
        let text = if literal { escape(&pat.bytes) } else { String::from_utf8(pat.bytes.clone()).ok()? };
        let first = Simulation::new(&text, pat.flags, MatchKind::LeftmostFirst)?;
        Some(Brute { first, all: OnceCell::new(), text, id: pat.id, flags: pat.flags })
    }

    /// `find_iter`.
    pub fn leftmost(&self, haystack: &[u8]) -> Vec<Found> {
        let mut cache = self.first.cache.borrow_mut();
        let found = self.first.vm.find_iter(&mut cache, haystack).map(|m| (m.end() as u64, m.start() as u64, self.id));
        if self.flags & SINGLE != 0 { found.take(1).collect() } else { found.collect() }
    }

    /// For every end some start from which an anchored match of the whole pattern reaches exactly that end.
    pub fn all_ends(&self, haystack: &[u8]) -> Vec<Found> {
        let all = self.all.get_or_init(|| {
            Simulation::new(&self.text, self.flags, MatchKind::All).expect("it was built with the other semantics")
        });
        let mut cache = all.cache.borrow_mut();
        let mut smallest: Vec<Option<u64>> = vec![None; haystack.len() + 1];
        for start in 0..=haystack.len() {
            let mut upto = haystack.len();
            // The longest match within the span, then the longest shorter one, and so on.
            loop {
                let input = Input::new(haystack).span(start..upto).anchored(Anchored::Yes);
                let mut slots = [None, None];
                if all.vm.search_slots(&mut cache, &input, &mut slots).is_none() {
                    break;
                }
                let end = slots[1].expect("a match has an end").get();
                smallest[end].get_or_insert(start as u64);
                if end == start {
                    break;
                }
                upto = end - 1;
            }
        }
        let starts = self.flags & START != 0;
        let ends = (0u64..).zip(smallest).filter_map(|(end, start)| start.map(|start| (end, start)));
        let found = ends.map(|(end, start)| (end, if starts { start } else { end }, self.id));
        if self.flags & SINGLE != 0 { found.take(1).collect() } else { found.collect() }
    }
}

/// The whole set's answer: sorted, without duplicates.
pub fn answer(rules: &[Brute], all_ends: bool, haystack: &[u8]) -> Vec<Found> {
    let mut out: Vec<Found> = rules
        .iter()
        .flat_map(|rule| if all_ends { rule.all_ends(haystack) } else { rule.leftmost(haystack) })
        .collect();
    out.sort_unstable();
    out.dedup();
    out
}
