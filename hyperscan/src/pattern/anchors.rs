//! Anchors in places where they cannot be had exactly.

use super::{Anchor, Node, Refusal, Result, width};

/// What can be matched behind a node.
#[derive(Clone, Copy)]
struct Behind {
    /// Nothing but the empty string.
    only_empty: bool,
    /// The empty string, perhaps among others.
    may_be_empty: bool,
}

impl Behind {
    fn and(self, node: &Node) -> Self {
        let width = width::of(node);
        Self { only_empty: self.only_empty && width.max == Some(0), may_be_empty: self.may_be_empty && width.min == 0 }
    }
}

/// Whether some match may end before a last line feed because of `$` or `\Z`.
pub(super) fn check(node: &Node) -> Result<bool> {
    let mut found = false;
    visit(node, Behind { only_empty: true, may_be_empty: true }, &mut found)?;
    Ok(found)
}

fn visit(node: &Node, behind: Behind, found: &mut bool) -> Result<()> {
    match node {
        Node::Empty | Node::Set(_) => Ok(()),
        Node::Anchor(Anchor::EndOrNewline, at) if !behind.only_empty => Err(Refusal::new(
            *at,
            "Embedded end anchors not supported: what follows $ or \\Z must match nothing but the empty string",
        )),
        Node::Anchor(Anchor::EndOrNewline, _) => {
            *found = true;
            Ok(())
        }
        Node::Anchor(Anchor::LineStart, at) if behind.may_be_empty => Err(Refusal::new(
            *at,
            "^ with HS_FLAG_MULTILINE is not supported where what follows can be empty (it must not match after a last \
             line feed)",
        )),
        Node::Anchor(..) => Ok(()),
        Node::Concat(nodes) => {
            let mut behind = behind;
            for node in nodes.iter().rev() {
                visit(node, behind, found)?;
                behind = behind.and(node);
            }
            Ok(())
        }
        Node::Alternatives(nodes) => nodes.iter().try_for_each(|node| visit(node, behind, found)),
        Node::Repeat { node: inner, max, .. } => {
            // Behind one round stands the next.
            let behind = if *max == Some(1) || *max == Some(0) {
                behind
            } else {
                Behind { only_empty: behind.only_empty && width::of(inner).max == Some(0), ..behind }
            };
            visit(inner, behind, found)
        }
    }
}
