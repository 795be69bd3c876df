//! Every offset at which some match of one rule ends, with the smallest start of each.
//!
//! A simulation of the rule's automaton over sets of states. Each state in the set carries the smallest start from
//! which it can be reached. Threads are kept in the order of their starts and the youngest, the one that starts here,
//! comes last; so whoever reaches a state first has the smallest start, and nobody need look again. All looks are judged
//! on the item's own bytes. Time is at most (automaton size) x (item length), whatever the bytes are.

use regex_automata::nfa::thompson::{NFA, State};
use regex_automata::util::primitives::StateID;

use super::{Match, Scratch};
use crate::rules::RuleTable;

/// Sets of states, reused from item to item.
#[derive(Default)]
pub(super) struct Sets {
    now: Set,
    next: Set,
    stack: Vec<StateID>,
}

#[derive(Default)]
struct Set {
    /// (state, start), by ascending start.
    threads: Vec<(StateID, u64)>,
    /// `seen[state] == stamp`: the state is in the set.
    seen: Vec<u64>,
    stamp: u64,
}

impl Set {
    fn clear(&mut self, states: usize) {
        self.threads.clear();
        if self.seen.len() < states {
            self.seen.resize(states, 0);
        }
        self.stamp += 1;
    }

    fn insert(&mut self, state: StateID) -> bool {
        let seen = &mut self.seen[state.as_usize()];
        let new = *seen != self.stamp;
        *seen = self.stamp;
        new
    }
}

impl Sets {
    pub(super) fn bytes(&self) -> usize {
        let of = |set: &Set| set.threads.capacity() * 16 + set.seen.capacity() * 8;
        of(&self.now) + of(&self.next) + self.stack.capacity() * 4
    }
}

pub(super) fn find(nfa: &NFA, rule: RuleTable, shared: bool, haystack: &[u8], scratch: &mut Scratch) {
    let Scratch { sets, found, .. } = scratch;
    let states = nfa.states().len();
    let only_at_start = nfa.is_always_start_anchored();
    sets.now.clear(states);
    for at in 0..=haystack.len() {
        if at == 0 || !only_at_start {
            follow(nfa, nfa.start_anchored(), at as u64, haystack, at, &mut sets.now, &mut sets.stack);
        } else if sets.now.threads.is_empty() {
            break;
        }
        sets.next.clear(states);
        let mut first = None;
        let byte = haystack.get(at).copied();
        for &(state, start) in &sets.now.threads {
            let to = match nfa.state(state) {
                State::Match { .. } => {
                    first = first.or(Some(start));
                    continue;
                }
                State::ByteRange { trans } => byte.filter(|&b| trans.matches_byte(b)).map(|_| trans.next),
                State::Sparse(sparse) => byte.and_then(|b| sparse.matches_byte(b)),
                State::Dense(dense) => byte.and_then(|b| dense.matches_byte(b)),
                _ => None,
            };
            if let Some(to) = to {
                follow(nfa, to, start, haystack, at + 1, &mut sets.next, &mut sets.stack);
            }
        }
        if let Some(start) = first {
            let end = at as u64;
            let start = if rule.start() { start } else { end };
            found.push(Match { start, end, rule_id: rule.id }, shared);
            if rule.single() {
                return;
            }
        }
        std::mem::swap(&mut sets.now, &mut sets.next);
    }
}

/// Adds `from` and all that it reaches without a byte at offset `at`.
fn follow(nfa: &NFA, from: StateID, start: u64, haystack: &[u8], at: usize, set: &mut Set, stack: &mut Vec<StateID>) {
    stack.push(from);
    while let Some(state) = stack.pop() {
        if !set.insert(state) {
            continue;
        }
        match nfa.state(state) {
            State::Union { alternates } => stack.extend(alternates.iter().rev()),
            State::BinaryUnion { alt1, alt2 } => stack.extend([*alt2, *alt1]),
            State::Capture { next, .. } => stack.push(*next),
            State::Look { look, next } => {
                if nfa.look_matcher().matches(*look, haystack, at) {
                    stack.push(*next);
                }
            }
            State::Fail => {}
            _ => set.threads.push((state, start)),
        }
    }
}
