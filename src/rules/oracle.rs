//! One rule's own engines: regex-automata decides, nobody else.

use regex_automata::meta;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_syntax::hir::Hir;

use super::error::{ErrorKind, Fault};
use super::options::{Limits, Semantics};
use super::{Pattern, parse};

/// What answers for one rule on bytes that may match it.
pub(crate) enum Oracle {
    /// `find_iter` of this engine is the answer.
    Leftmost(Box<meta::Regex>),
    /// The set of ends comes from simulating this automaton.
    AllEnds(NFA),
}

/// Lazily built automata of one rule may take this much in each thread before they are thrown away and rebuilt.
const LAZY_CACHE: usize = 1 << 20;

impl Oracle {
    /// The oracle of a pattern that compilation accepted.
    pub fn of(pattern: &Pattern<'_>, semantics: Semantics) -> Oracle {
        let limits = Limits::NONE;
        // It does parse: compilation accepted it. A loaded set could hold anything, though, and must not panic.
        let hir = parse::parse(pattern, &limits).unwrap_or_else(|_| Hir::fail());
        match semantics {
            Semantics::Leftmost => {
                let config = meta::Config::new()
                    .utf8_empty(false)
                    .which_captures(WhichCaptures::Implicit)
                    .nfa_size_limit(None)
                    .hybrid_cache_capacity(LAZY_CACHE)
                    .onepass(false)
                    .dfa(false);
                let regex = meta::Builder::new().configure(config).build_from_hir(&hir);
                Oracle::Leftmost(Box::new(regex.expect("the automaton was built before")))
            }
            Semantics::AllEnds => Oracle::AllEnds(nfa(&hir, &limits).expect("the automaton was built before")),
        }
    }
}

/// What the oracle of a rule will take, judged by its forward automaton: a search for leftmost spans has a backward one and
/// prefilters as well.
pub(crate) fn expected_memory(nfa: &NFA, semantics: Semantics) -> u64 {
    let forward = nfa.memory_usage() as u64;
    match semantics {
        Semantics::Leftmost => 3 * forward + 4096,
        Semantics::AllEnds => forward,
    }
}

/// The forward automaton of `hir` within the limit.
pub(crate) fn nfa(hir: &Hir, limits: &Limits) -> Result<NFA, Fault> {
    let config = thompson::Config::new()
        .utf8(false)
        .which_captures(WhichCaptures::None)
        .nfa_size_limit(Some(usize::try_from(limits.automaton).unwrap_or(usize::MAX)));
    thompson::Compiler::new().configure(config).build_from_hir(hir).map_err(|e| match e.size_limit() {
        Some(_) => too_big(limits),
        None => refused(&e.to_string()),
    })
}

fn too_big(limits: &Limits) -> Fault {
    let message = format!(
        "the pattern's automaton would take more than {} bytes: lower the counts in {{n,m}}, leave UNICODE off where it isn't needed, or raise the limit",
        limits.automaton
    );
    Fault::new(ErrorKind::Limit, 0, message)
}

fn refused(why: &str) -> Fault {
    Fault::new(ErrorKind::Pattern, 0, format!("the pattern cannot be compiled: {why}: simplify it"))
}
