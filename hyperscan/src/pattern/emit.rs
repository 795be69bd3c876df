//! Writes the tree in Rust's dialect. Sets are spelled out, so no flag has a say in what they mean.

use super::{Anchor, Node, Set};
use std::fmt::Write;

/// What never matches, in both of Rust's modes.
const NEVER: &str = "[a&&b]";

/// `before_newline`: for data whose last line feed was cut off.
pub(super) fn write(node: &Node, before_newline: bool) -> String {
    let mut out = String::new();
    put(node, before_newline, &mut out);
    out
}

fn put(node: &Node, before_newline: bool, out: &mut String) {
    match node {
        Node::Empty => {}
        Node::Set(set) => put_set(set, out),
        Node::Anchor(anchor, _) => out.push_str(match anchor {
            Anchor::Start => r"\A",
            Anchor::LineStart => "(?m:^)",
            // The end of the cut data is not the end.
            Anchor::End => {
                if before_newline {
                    NEVER
                } else {
                    r"\z"
                }
            }
            Anchor::EndOrNewline => r"\z",
            Anchor::LineEnd => "(?m:$)",
            Anchor::Word => r"(?-u:\b)",
            Anchor::NotWord => r"(?-u:\B)",
        }),
        Node::Concat(nodes) => nodes.iter().for_each(|node| grouped(node, before_newline, out)),
        Node::Alternatives(nodes) => {
            for (i, node) in nodes.iter().enumerate() {
                if i > 0 {
                    out.push('|');
                }
                put(node, before_newline, out);
            }
        }
        Node::Repeat { node, min, max } => {
            out.push_str("(?:");
            put(node, before_newline, out);
            out.push(')');
            let written = match (min, max) {
                (0, None) => write!(out, "*"),
                (1, None) => write!(out, "+"),
                (0, Some(1)) => write!(out, "?"),
                (min, None) => write!(out, "{{{min},}}"),
                (min, Some(max)) => write!(out, "{{{min},{max}}}"),
            };
            written.expect("a String takes everything");
        }
    }
}

/// As part of a sequence.
fn grouped(node: &Node, before_newline: bool, out: &mut String) {
    if matches!(node, Node::Alternatives(_)) {
        out.push_str("(?:");
        put(node, before_newline, out);
        out.push(')');
    } else {
        put(node, before_newline, out);
    }
}

fn put_set(set: &Set, out: &mut String) {
    let ranges: Vec<(u32, u32)> = match set {
        Set::Bytes(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
        Set::Chars(class) => class.iter().map(|range| (range.start().into(), range.end().into())).collect(),
    };
    match ranges[..] {
        [] => out.push_str(NEVER),
        [(only, last)] if only == last => put_code(only, out),
        _ => {
            out.push('[');
            for (first, last) in ranges {
                put_code(first, out);
                if last > first {
                    out.push('-');
                    put_code(last, out);
                }
            }
            out.push(']');
        }
    }
}

fn put_code(code: u32, out: &mut String) {
    match char::from_u32(code) {
        Some(c) if c.is_ascii_alphanumeric() => out.push(c),
        _ if code < 0x100 => write!(out, "\\x{code:02X}").expect("a String takes everything"),
        _ => write!(out, "\\x{{{code:X}}}").expect("a String takes everything"),
    }
}
