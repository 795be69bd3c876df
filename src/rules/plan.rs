//! From branches to tables: which walks check what stands before and behind a border, and what that proves.
//!
//! At a border found at offset `at`, let B be "`before` ends at `at`" and R be "`rest` starts at `at`", both judged on
//! the item's own bytes. A match of the branch with this border exists if and only if B and R hold, and its possible
//! starts are those of B. So:
//!
//! - Leftmost: the viable starts of a rule are the union over all borders where R holds of the starts of B. The first
//!   match starts at the smallest of them, the next at the smallest at or after its end, and so on: what is
//!   left to know is the end that leftmost-first prefers from a given start.
//!   If the rule has one branch and `before` has a fixed length, then the start fixes the border, every way through
//!   `before` leads there, and the preferred end is the one that `rest` prefers: a walk gives it (`ENDS`).
//!   Else the oracle, anchored at the start.
//! - All ends: the ends are those of R's matches where B holds; the smallest start of each is the smallest of B's over all
//!   borders that lead to that end. No preference is involved, so walks give everything.
//!
//! A walk that would be too large is built from less: `rest` loses elements at its end, `before` at its beginning, a
//! Unicode word boundary becomes "anywhere". Each makes the walk say yes more often, never less. Then starts are only
//! possible ones and the oracle has the last word; where they are not even known (`before` was cut, or all ends are
//! wanted), a yes makes the oracle read the whole item (`WHOLE`).

use regex_syntax::hir::{Hir, HirKind, Repetition};

use super::analysis::{Branch, Seek};
use super::group::without_unicode_words;
use super::options::Semantics;
use super::walk::{Built, Kind};

/// The forward walk tells the preferred end (leftmost) or all ends (all-ends) of a match.
pub(crate) const ENDS: u32 = 1;
/// A yes only says that the oracle must read the whole item.
pub(crate) const WHOLE: u32 = 2;
/// The backward walk is so short that it goes first.
pub(crate) const BACK_FIRST: u32 = 4;
/// A yes may be wrong.
pub(crate) const MAYBE: u32 = 8;

/// A branch with its walks.
pub(crate) struct Planned {
    pub seek: Seek,
    /// Backwards from the border; None: nothing to check, a match starts at the border.
    pub before: Option<Built>,
    /// Forwards from the border; None: finding the border is all the proof there is.
    pub ahead: Option<Built>,
    pub flags: u32,
}

/// Plans all branches of one rule.
pub(crate) fn plan(branches: Vec<Branch>, semantics: Semantics, starts: bool, max_words: usize) -> Vec<Planned> {
    let single = branches.len() == 1;
    branches.into_iter().map(|branch| plan_one(branch, semantics, starts, single, max_words)).collect()
}

fn plan_one(branch: Branch, semantics: Semantics, starts: bool, single: bool, max_words: usize) -> Planned {
    let words = |hir: &Hir| hir.properties().look_set().contains_word_unicode();
    let mut flags = if words(&branch.before) || words(&branch.rest) { MAYBE } else { 0 };
    let before = without_unicode_words(branch.before);
    let rest = without_unicode_words(branch.rest);
    let properties = before.properties();
    let fixed = properties.minimum_len() == properties.maximum_len();
    if properties.maximum_len().is_some_and(|len| len <= 2) {
        flags |= BACK_FIRST;
    }
    let back = if semantics == Semantics::AllEnds && !starts { Kind::AnyBack } else { Kind::AllBack };
    let (before, cut) = back_walk(&before, back, max_words);
    if cut {
        flags |= MAYBE | WHOLE;
    }
    let exact = flags & MAYBE == 0;
    let wanted = match semantics {
        Semantics::Leftmost => (single && fixed && exact).then_some(Kind::First),
        Semantics::AllEnds => exact.then_some(Kind::All),
    };
    let ahead = match wanted.and_then(|kind| Built::new(&rest, kind, max_words)) {
        Some(built) => {
            flags |= ENDS;
            Some(built)
        }
        None => {
            let (built, cut) = ahead_walk(rest, max_words);
            if cut {
                flags |= MAYBE;
            }
            if semantics == Semantics::AllEnds {
                flags |= WHOLE;
            }
            built
        }
    };
    Planned { seek: branch.seek, before, ahead, flags }
}

/// A backward walk of as much of `before` as fits; true if some of its beginning had to go.
fn back_walk(before: &Hir, kind: Kind, max_words: usize) -> (Option<Built>, bool) {
    if matches!(before.kind(), HirKind::Empty) {
        return (None, false);
    }
    let subs = elements(before.clone());
    let (mut from, mut step) = (0, 1);
    while from < subs.len() {
        if let Some(built) = Built::new(&Hir::concat(subs[from..].to_vec()), kind, max_words) {
            return (Some(built), from > 0);
        }
        from += step;
        step *= 2;
    }
    (None, true)
}

/// A forward walk that says whether as much of `rest` as fits matches; true if some of its end had to go.
fn ahead_walk(rest: Hir, max_words: usize) -> (Option<Built>, bool) {
    let mut subs = elements(shortest(rest));
    let all = subs.len();
    // One element less, then two, then four: usually the last few make it large, and each says much.
    let mut cut = 1;
    while !subs.is_empty() {
        // What was cut off may leave an end that can be shortened.
        if let Some(built) = Built::new(&shortest(Hir::concat(subs.clone())), Kind::Any, max_words) {
            return (Some(built), subs.len() < all);
        }
        subs.truncate(subs.len().saturating_sub(cut));
        cut *= 2;
    }
    (None, true)
}

fn elements(hir: Hir) -> Vec<Hir> {
    match hir.into_kind() {
        HirKind::Concat(subs) => subs,
        HirKind::Empty => Vec::new(),
        HirKind::Literal(lit) => vec![Hir::literal(lit.0)],
        HirKind::Class(class) => vec![Hir::class(class)],
        HirKind::Look(look) => vec![Hir::look(look)],
        HirKind::Repetition(repetition) => vec![Hir::repetition(repetition)],
        HirKind::Alternation(subs) => vec![Hir::alternation(subs)],
        HirKind::Capture(capture) => elements(*capture.sub),
    }
}

/// A tree that matches somewhere ahead of a place exactly where `hir` does, with nothing at its end that could be left
/// out: if `X Y{n,m}` matches there then so does `X Y{n}`, and the other way round.
fn shortest(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Concat(mut subs) => {
            while let Some(last) = subs.pop() {
                let last = shortest(last);
                if !matches!(last.kind(), HirKind::Empty) {
                    subs.push(last);
                    break;
                }
            }
            Hir::concat(subs)
        }
        HirKind::Alternation(subs) => {
            let subs: Vec<Hir> = subs.into_iter().map(shortest).collect();
            // One way is to match nothing: then nothing need match.
            if subs.iter().any(|sub| matches!(sub.kind(), HirKind::Empty)) {
                Hir::empty()
            } else {
                Hir::alternation(subs)
            }
        }
        HirKind::Repetition(Repetition { min, greedy, sub, .. }) => {
            Hir::repetition(Repetition { min, max: Some(min), greedy, sub })
        }
        HirKind::Capture(capture) => shortest(*capture.sub),
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(lit) => Hir::literal(lit.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
    }
}
