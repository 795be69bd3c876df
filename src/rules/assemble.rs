//! From drafts of single patterns to the tables of a set: what several rules share is kept once.

use std::collections::BTreeMap;
use std::mem::size_of_val;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use regex_syntax::hir::Hir;

use super::analysis::{Seek, prefixes::Factor};
use super::combined::Combined;
use super::compile::{Draft, Find, over_memory};
use super::error::{CompileError, ErrorKind, Fault};
use super::literal::{BuildOptions, Literal, LiteralTable};
use super::options::{CompileOptions, Limits};
use super::plan::Planned;
use super::tables::{NONE, shared_ids};
use super::walk::Walks;
use super::{BranchTable, Meaning, NO_PATTERN, Pattern, RuleTable, Rules, RunTable, Texts, Use, group};

/// A number for each set of this process.
pub(super) fn next_serial() -> u64 {
    static SERIAL: AtomicU64 = AtomicU64::new(1);
    SERIAL.fetch_add(1, Ordering::Relaxed)
}

/// Rules that only the oracle can find, on their way into groups.
pub(super) fn group(hosts: Vec<(u32, Hir)>) -> (Vec<group::Group>, Vec<u32>) {
    // Rules that match nearly everything gain nothing from being asked about first.
    let (ask, always): (Vec<_>, Vec<_>) = hosts
        .into_iter()
        .partition(|(_, hir)| hir.properties().minimum_len() != Some(0) || !hir.properties().look_set().is_empty());
    let (groups, alone) = group::build(&ask);
    let mut always: Vec<u32> = always.into_iter().map(|(rule, _)| rule).chain(alone).collect();
    always.sort_unstable();
    (groups, always)
}

/// What the tables are made of, as it grows rule by rule.
#[derive(Default)]
struct Parts {
    strings: BTreeMap<Factor, Vec<Use>>,
    branches: Vec<BranchTable>,
    runs: Vec<RunTable>,
    walks: Walks,
    hosts: Vec<(u32, Hir)>,
}

impl Parts {
    /// False if some index does not fit into its 31 or 32 bits.
    fn add(&mut self, rule: u32, find: Find) -> bool {
        match find {
            Find::Never => true,
            Find::Literal(factor) => {
                self.strings.entry(factor).or_default().push(Use::of_match(rule));
                true
            }
            Find::Branches(planned) => planned.into_iter().all(|branch| self.add_branch(rule, branch)),
            Find::Host(hir) => {
                self.hosts.push((rule, hir));
                true
            }
        }
    }

    fn add_branch(&mut self, rule: u32, planned: Planned) -> bool {
        if self.branches.len() >= 1 << 31 {
            return false;
        }
        let index = self.branches.len() as u32;
        let mut place = |built| match built {
            None => Some(NONE),
            Some(built) => self.walks.add(built),
        };
        let (Some(before), Some(ahead)) = (place(planned.before), place(planned.ahead)) else { return false };
        self.branches.push(BranchTable { rule, before, ahead, flags: planned.flags });
        match planned.seek {
            Seek::Strings(factors) => {
                for factor in factors {
                    self.strings.entry(factor).or_default().push(Use::of_border(index));
                }
            }
            Seek::Run { class, min } => {
                let mut bits = [0u32; 8];
                for (byte, member) in class.iter().enumerate() {
                    bits[byte >> 5] |= u32::from(*member) << (byte & 31);
                }
                self.runs.push(RunTable { class: bits, min, branch: index });
            }
        }
        true
    }
}

pub(super) fn assemble(
    drafts: Vec<Draft>,
    patterns: &[Pattern<'_>],
    options: &CompileOptions,
    limits: &Limits,
) -> Result<Rules, CompileError> {
    let mut parts = Parts::default();
    parts.walks.reserve(drafts.iter().map(|draft| draft.walks).sum());
    let (mut info, mut rules, mut texts) = (Vec::new(), Vec::new(), Texts::default());
    for ((rule, draft), pattern) in (0u32..).zip(drafts).zip(patterns) {
        if !parts.add(rule, draft.find) {
            return Err(over_memory(limits).at(rule as usize, pattern.id));
        }
        info.push(draft.info);
        rules.push(RuleTable { id: pattern.id, flags: pattern.flags });
        texts.push(pattern.bytes);
    }
    let Parts { strings, branches, runs, mut walks, hosts } = parts;
    walks.finish();
    let (mut use_starts, mut uses, mut factors) = (vec![0u32], Vec::new(), Vec::new());
    for (factor, mut list) in strings {
        // Matches come first: the scanner sometimes stops behind them.
        list.sort_by_key(|what| matches!(what.meaning(), Meaning::Border(_)));
        uses.extend(list);
        use_starts.push(uses.len() as u32);
        factors.push(factor);
    }
    let finder = match factors.is_empty() {
        true => None,
        false => Some(string_table(&factors, options, limits)?),
    };
    let (groups, always) = group(hosts);
    let oracles = rules.iter().map(|_| OnceLock::new()).collect();
    let mut set = Rules {
        serial: next_serial(),
        semantics: options.semantics,
        info: OnceLock::from(info),
        saved_info: None,
        shared_ids: shared_ids(&rules),
        rules,
        finder,
        use_starts,
        uses,
        runs,
        walks,
        groups,
        combined: Combined::of(&branches),
        branches,
        always,
        texts,
        oracles,
        memory: 0,
        #[cfg(feature = "gpu")]
        direct: OnceLock::new(),
        reach: OnceLock::new(),
    };
    set.memory = set.weigh();
    if set.memory > limits.memory {
        let last = patterns.len().saturating_sub(1);
        return Err(over_memory(limits).at(last, patterns.get(last).map_or(NO_PATTERN, |p| p.id)));
    }
    Ok(set)
}

/// The tables that find the strings: string number i has the tag i.
fn string_table(factors: &[Factor], options: &CompileOptions, limits: &Limits) -> Result<LiteralTable, CompileError> {
    let literals: Vec<Literal<'_>> = (0u32..)
        .zip(factors)
        .map(|(tag, factor)| Literal { bytes: &factor.bytes, caseless: factor.caseless, tag })
        .collect();
    let build = BuildOptions { threads: options.threads, max_memory: limits.memory, ..BuildOptions::default() };
    LiteralTable::build(&literals, &build).map_err(|why| Fault::new(ErrorKind::Memory, 0, why.to_string()).of_set())
}

impl Rules {
    /// Bytes held, oracles that were not needed yet included.
    pub(super) fn weigh(&self) -> u64 {
        let flat = size_of_val(self.rules.as_slice())
            + size_of_val(self.uses.as_slice())
            + size_of_val(self.use_starts.as_slice())
            + size_of_val(self.branches.as_slice())
            + size_of_val(self.runs.as_slice());
        self.info().iter().map(|info| info.table_bytes).sum::<u64>()
            + self.finder.as_ref().map_or(0, |finder| finder.as_bytes().len() as u64)
            + self.groups.iter().map(|group| group.dfa.memory_usage() as u64).sum::<u64>()
            + flat as u64
    }
}
