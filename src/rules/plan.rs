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
//! A walk that would be too large is built from less: repetitions lose their upper bounds, then `rest` loses elements at its
//! end, `before` at its beginning; a Unicode word boundary becomes "anywhere". Each makes the walk say yes more often, never
//! less. Of several borders the one is taken that loses least. Then starts are only possible ones and the oracle has the last
//! word; where they are not even known (`before` was cut, or all ends are wanted), a yes makes the oracle read the whole item
//! (`WHOLE`).

use regex_syntax::hir::{Class, Hir, HirKind, Repetition};

use super::analysis::{self, Branch, Seek};
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
    /// How far before its border a match may start.
    pub window: Option<u64>,
}

/// Plans all branches of one rule.
pub(crate) fn plan(branches: Vec<Branch>, how: analysis::How, wanted: Wanted) -> Vec<Planned> {
    let single = branches.len() == 1;
    let mut all = Vec::new();
    for branch in branches {
        let (whole, kept) = plan_one(branch.clone(), single, wanted);
        let parts = if kept < ENOUGH { analysis::finer(&branch, how) } else { None };
        let parts: Vec<_> = parts.into_iter().flatten().map(|part| plan_one(part, false, wanted.less())).collect();
        match parts.iter().map(|part| part.1).min() {
            Some(least) if least > kept => all.extend(parts.into_iter().map(|part| part.0)),
            _ => all.push(whole),
        }
    }
    all
}

/// What the walks are for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub semantics: Semantics,
    /// Under all-ends semantics: starts are reported too.
    pub starts: bool,
    /// Of a walk, at most.
    pub max_words: usize,
}

impl Wanted {
    /// For what is tried besides: walks that turn out too large take the longest of all.
    fn less(self) -> Self {
        Self { max_words: self.max_words / 4, ..self }
    }
}

/// At the border that leaves most of the rule to its walks; and how much that is.
fn plan_one(mut branch: Branch, single: bool, wanted: Wanted) -> (Planned, usize) {
    let others = std::mem::take(&mut branch.others);
    let (mut best, mut kept) = plan_at(branch, single, wanted);
    for other in others {
        if kept >= ENOUGH {
            break;
        }
        let (planned, more) = plan_at(other, single, wanted.less());
        if more > kept {
            (best, kept) = (planned, more);
        }
    }
    (best, kept)
}

/// What is kept where no element had to go.
const ALL: usize = usize::MAX;
/// Walks that see so many bytes of any match seldom say yes for nothing.
const ENOUGH: usize = 12;

/// The plan for this border, and how many bytes its walks see of any match at least.
fn plan_at(branch: Branch, single: bool, wanted: Wanted) -> (Planned, usize) {
    let Wanted { semantics, starts, max_words } = wanted;
    let words = |hir: &Hir| hir.properties().look_set().contains_word_unicode();
    let mut flags = if words(&branch.before) || words(&branch.rest) { MAYBE } else { 0 };
    let before = without_unicode_words(branch.before);
    let rest = without_unicode_words(branch.rest);
    let properties = before.properties();
    let fixed = properties.minimum_len() == properties.maximum_len();
    let window = properties.maximum_len().map(|len| len as u64);
    if properties.maximum_len().is_some_and(|len| len <= 2) {
        flags |= BACK_FIRST;
    }
    let back = if semantics == Semantics::AllEnds && !starts { Kind::AnyBack } else { Kind::AllBack };
    let before = back_walk(&before, back, max_words);
    flags |= match before.how {
        How::Whole => 0,
        How::Looser => MAYBE,
        How::Cut => MAYBE | WHOLE,
    };
    let exact = flags & MAYBE == 0;
    let wanted = match semantics {
        Semantics::Leftmost => (single && fixed && exact).then_some(Kind::First),
        Semantics::AllEnds => exact.then_some(Kind::All),
    };
    let ahead = match wanted.and_then(|kind| Built::new(&rest, kind, max_words)) {
        Some(built) => {
            flags |= ENDS;
            Part { built: Some(built), how: How::Whole, kept: 0 }
        }
        None => {
            let ahead = ahead_walk(rest, max_words);
            if ahead.how != How::Whole {
                flags |= MAYBE;
            }
            if semantics == Semantics::AllEnds {
                flags |= WHOLE;
            }
            ahead
        }
    };
    let kept = match (before.how, ahead.how) {
        (How::Cut, _) | (_, How::Cut) => before.kept + ahead.kept,
        _ => ALL,
    };
    (Planned { seek: branch.seek, before: before.built, ahead: ahead.built, flags, window }, kept)
}

/// A walk of as much as fits.
struct Part {
    /// None: there is nothing to check, or nothing of it fits.
    built: Option<Built>,
    how: How,
    /// Bytes that it sees of any match, at least.
    kept: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// Of all of it.
    Whole,
    /// Of all of it, but some repetitions may go on for longer.
    Looser,
    /// Of a part.
    Cut,
}

/// Tries what there is, as it is and then with looser and looser bounds; what is cut anyway only with the loosest.
fn fit(hir: &Hir, kind: Kind, max_words: usize, cut: bool) -> Option<Part> {
    let ways = [MANY_LENGTHS, SOME_LENGTHS].map(|lengths| (looser(hir, lengths), How::Looser));
    let [many, some] = ways;
    let loosest = if some.0.is_some() { &some.0 } else { &many.0 };
    let as_it_is = (!cut || loosest.is_none()).then(|| hir.clone());
    let many = if cut || some.0 == many.0 { (None, How::Looser) } else { many };
    [(as_it_is, How::Whole), many, some].into_iter().find_map(|(hir, how)| {
        let hir = hir?;
        // Where what was cut off stood there may be an end now that can be shortened.
        let hir = if kind == Kind::Any { shortest(hir) } else { hir };
        let built = Built::new(&hir, kind, max_words)?;
        let kept = hir.properties().minimum_len().unwrap_or(0);
        Some(Part { built: Some(built), how: if cut { How::Cut } else { how }, kept })
    })
}

/// A backward walk of `before`, or of its end.
fn back_walk(before: &Hir, kind: Kind, max_words: usize) -> Part {
    if matches!(before.kind(), HirKind::Empty) {
        return Part { built: None, how: How::Whole, kept: 0 };
    }
    let subs = elements(before.clone());
    let (mut from, mut step) = (0, 1);
    while from < subs.len() {
        if let Some(part) = fit(&Hir::concat(subs[from..].to_vec()), kind, max_words, from > 0) {
            return part;
        }
        from += step;
        step *= 2;
    }
    Part { built: None, how: How::Cut, kept: 0 }
}

/// A forward walk that says whether `rest` matches, or its beginning.
fn ahead_walk(rest: Hir, max_words: usize) -> Part {
    let mut subs = elements(rest);
    let all = subs.len();
    // One element less, then two, then four: usually the last few make it large, and each says much.
    let mut cut = 1;
    while !subs.is_empty() {
        if let Some(part) = fit(&Hir::concat(subs.clone()), Kind::Any, max_words, subs.len() < all) {
            return part;
        }
        subs.truncate(subs.len().saturating_sub(cut));
        cut *= 2;
    }
    Part { built: None, how: How::Cut, kept: 0 }
}

/// Repetitions of so many different lengths are the first that are not counted any more where bounds are looser: walks go on
/// for longer in texts that are one long word.
const MANY_LENGTHS: u32 = 64;
/// And of so many where that is not enough.
const SOME_LENGTHS: u32 = 16;
/// A class of so many bytes goes on for ever in most texts: it keeps its bounds, or walks would read all of the item.
const NEARLY_ALL: usize = 160;

/// A tree that matches wherever `hir` does and counts less of how often classes are repeated at most; None if it is the same.
fn looser(hir: &Hir, lengths: u32) -> Option<Hir> {
    let all = |subs: &[Hir]| {
        let loose: Vec<Option<Hir>> = subs.iter().map(|sub| looser(sub, lengths)).collect();
        let any = loose.iter().any(Option::is_some);
        any.then(|| loose.into_iter().zip(subs).map(|(loose, sub)| loose.unwrap_or_else(|| sub.clone())).collect())
    };
    match hir.kind() {
        HirKind::Concat(subs) => all(subs).map(Hir::concat),
        HirKind::Alternation(subs) => all(subs).map(Hir::alternation),
        HirKind::Capture(capture) => looser(&capture.sub, lengths),
        HirKind::Repetition(repetition) => {
            let Repetition { min, max, greedy, sub } = repetition;
            let many = max.is_some_and(|max| max - min >= lengths);
            let max = if many && ends_soon(sub) { None } else { *max };
            let inner = looser(sub, lengths);
            (inner.is_some() || max != repetition.max).then(|| {
                let sub = Box::new(inner.unwrap_or_else(|| (**sub).clone()));
                Hir::repetition(Repetition { min: *min, max, greedy: *greedy, sub })
            })
        }
        _ => None,
    }
}

/// Whether a repetition of this ends soon in most texts, bounded or not.
fn ends_soon(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().map(|range| range.len()).sum::<usize>() < NEARLY_ALL
        }
        HirKind::Class(Class::Unicode(class)) => class.ranges().iter().all(|range| range.end() < '\u{80}'),
        HirKind::Literal(_) => true,
        _ => false,
    }
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
