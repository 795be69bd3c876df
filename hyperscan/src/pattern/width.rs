//! How long matches are, in bytes, and whether they are tied to the end of the data.

use super::{Anchor, Node, Set};

/// What can be told of an expression without compiling it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Widths {
    /// The shortest match.
    pub min: u64,
    /// The longest match; `None`: no bound.
    pub max: Option<u64>,
    /// Some match ends because the data does.
    pub at_end: bool,
    /// Every match does.
    pub only_at_end: bool,
}

const EMPTY: Widths = Widths { min: 0, max: Some(0), at_end: false, only_at_end: false };

pub(crate) fn of(node: &Node) -> Widths {
    match node {
        Node::Empty => EMPTY,
        Node::Set(set) => set_width(set),
        Node::Anchor(anchor, _) => {
            // The end of a line may be one that is not the last, and a word ends there too.
            let only = matches!(anchor, Anchor::End | Anchor::EndOrNewline);
            let also = matches!(anchor, Anchor::LineEnd | Anchor::Word | Anchor::NotWord);
            Widths { at_end: only || also, only_at_end: only, ..EMPTY }
        }
        Node::Concat(nodes) => nodes.iter().fold(EMPTY, |sum, node| {
            let next = of(node);
            Widths {
                min: sum.min.saturating_add(next.min),
                max: sum.max.zip(next.max).map(|(a, b)| a.saturating_add(b)),
                at_end: next.at_end || (sum.at_end && next.min == 0),
                only_at_end: sum.only_at_end || next.only_at_end,
            }
        }),
        Node::Alternatives(nodes) => {
            let mut all = nodes.iter().map(of);
            let first = all.next().unwrap_or(EMPTY);
            all.fold(first, |sum, next| Widths {
                min: sum.min.min(next.min),
                max: sum.max.zip(next.max).map(|(a, b)| a.max(b)),
                at_end: sum.at_end || next.at_end,
                only_at_end: sum.only_at_end && next.only_at_end,
            })
        }
        Node::Repeat { node, min, max } => {
            let one = of(node);
            let longest = match (one.max, max) {
                (Some(0), _) | (_, Some(0)) => Some(0),
                (Some(length), Some(times)) => Some(length.saturating_mul(u64::from(*times))),
                _ => None,
            };
            Widths {
                min: one.min.saturating_mul(u64::from(*min)),
                max: longest,
                at_end: one.at_end && *max != Some(0),
                only_at_end: one.only_at_end && *min > 0,
            }
        }
    }
}

/// Whether it matches where there is no data at all: no word begins or ends there.
pub(crate) fn matches_no_data(node: &Node) -> bool {
    match node {
        Node::Empty => true,
        Node::Set(_) => false,
        Node::Anchor(anchor, _) => *anchor != Anchor::Word,
        Node::Concat(nodes) => nodes.iter().all(matches_no_data),
        Node::Alternatives(nodes) => nodes.iter().any(matches_no_data),
        Node::Repeat { node, min, .. } => *min == 0 || matches_no_data(node),
    }
}

fn set_width(set: &Set) -> Widths {
    let (min, max) = match set {
        Set::Bytes(_) => (1, 1),
        Set::Chars(class) => {
            let first = class.ranges().first().map_or(1, |range| range.start().len_utf8());
            let last = class.ranges().last().map_or(1, |range| range.end().len_utf8());
            (first as u64, last as u64)
        }
    };
    Widths { min, max: Some(max), ..EMPTY }
}
