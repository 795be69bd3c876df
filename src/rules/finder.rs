//! The seam to the literal tables: strings with tags in, every occurrence out.

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::analysis::prefixes::Factor;

/// Finds every occurrence, overlapping ones included, of every string of a set.
pub(crate) struct Finder {
    exact: Option<Automaton>,
    caseless: Option<Automaton>,
}

struct Automaton {
    search: AhoCorasick,
    tags: Vec<u32>,
}

impl Finder {
    /// String number i gets the tag i. None of them may be empty.
    pub fn build(strings: &[Factor], _threads: u32, _max_memory: u64) -> Result<Finder, String> {
        Ok(Finder { exact: Automaton::build(strings, false)?, caseless: Automaton::build(strings, true)? })
    }

    /// Calls `hit(tag, start, end)` for each occurrence, in no promised order.
    pub fn find(&self, haystack: &[u8], mut hit: impl FnMut(u32, usize, usize)) {
        for automaton in [&self.exact, &self.caseless].into_iter().flatten() {
            for found in automaton.search.find_overlapping_iter(haystack) {
                hit(automaton.tags[found.pattern().as_usize()], found.start(), found.end());
            }
        }
    }

    pub fn memory_usage(&self) -> usize {
        let of = |automaton: &Automaton| automaton.search.memory_usage() + automaton.tags.len() * 4;
        self.exact.as_ref().map_or(0, of) + self.caseless.as_ref().map_or(0, of)
    }
}

impl Automaton {
    fn build(strings: &[Factor], caseless: bool) -> Result<Option<Automaton>, String> {
        let tags: Vec<u32> =
            (0u32..).zip(strings).filter(|(_, f)| f.caseless == caseless).map(|(tag, _)| tag).collect();
        if tags.is_empty() {
            return Ok(None);
        }
        let kind = if tags.len() > 2000 { AhoCorasickKind::ContiguousNFA } else { AhoCorasickKind::DFA };
        let search = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .ascii_case_insensitive(caseless)
            .kind(Some(kind))
            .build(tags.iter().map(|&tag| strings[tag as usize].bytes.as_slice()))
            .map_err(|e| e.to_string())?;
        Ok(Some(Automaton { search, tags }))
    }
}
