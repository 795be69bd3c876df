//! One rule's own engines: regex-automata decides, nobody else.

use regex_automata::meta;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_syntax::hir::Hir;

use super::error::{ErrorKind, Fault};
use super::options::{Limits, Semantics};

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
    pub fn build(hir: &Hir, semantics: Semantics, limits: &Limits) -> Result<Oracle, Fault> {
        let limit = usize::try_from(limits.automaton).unwrap_or(usize::MAX);
        match semantics {
            Semantics::Leftmost => {
                let config = meta::Config::new()
                    .utf8_empty(false)
                    .which_captures(WhichCaptures::Implicit)
                    .nfa_size_limit(Some(limit))
                    .hybrid_cache_capacity(LAZY_CACHE)
                    .onepass(false)
                    .dfa(false);
                let regex =
                    meta::Builder::new().configure(config).build_from_hir(hir).map_err(|e| match e.size_limit() {
                        Some(_) => too_big(limits),
                        None => refused(&e.to_string()),
                    })?;
                Ok(Oracle::Leftmost(Box::new(regex)))
            }
            Semantics::AllEnds => nfa(hir, limits).map(Oracle::AllEnds),
        }
    }

    pub fn memory_usage(&self) -> usize {
        match self {
            Oracle::Leftmost(regex) => regex.memory_usage(),
            Oracle::AllEnds(nfa) => nfa.memory_usage(),
        }
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
