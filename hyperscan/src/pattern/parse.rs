//! Reads PCRE's dialect. What cannot be had exactly is refused where it stands.

use super::class::{Building, Dialect};
use super::escape::{self, Escape};
use super::input::Input;
use super::{Anchor, Node, Refusal, Result};
use crate::flags;

/// Groups in groups; deeper ones would cost stack.
const MOST_DEPTH: u32 = 100;
/// Hyperscan's own limit.
const MOST_REPEATS: u32 = 32767;

/// What `(?i)` and its like change, up to the end of the group.
#[derive(Clone, Copy)]
pub(super) struct Switches {
    pub caseless: bool,
    dotall: bool,
    multiline: bool,
    extended: bool,
}

/// What `(?` began.
#[derive(PartialEq, Eq)]
enum Opening {
    Group,
    Switches,
}

pub(super) struct Parsed {
    pub node: Node,
    pub utf8: bool,
}

pub(super) struct Parser<'a> {
    pub input: Input<'a>,
    pub dialect: Dialect,
    groups: u32,
    names: Vec<Vec<u8>>,
}

pub(super) fn parse(expression: &[u8], bits: u32) -> Result<Parsed> {
    let mut dialect = Dialect { utf8: bits & flags::UTF8 != 0, ucp: bits & flags::UCP != 0 };
    let mut input = Input::new(expression);
    loop {
        if input.eat(b"(*UTF8)") || input.eat(b"(*UTF)") {
            dialect.utf8 = true;
        } else if input.eat(b"(*UCP)") {
            dialect.ucp = true;
        } else {
            break;
        }
    }
    if dialect.ucp && !dialect.utf8 {
        return Err(Refusal::whole("HS_FLAG_UCP is only supported with HS_FLAG_UTF8"));
    }
    if dialect.utf8 && std::str::from_utf8(expression).is_err() {
        return Err(Refusal::whole("Expression is not valid UTF-8"));
    }
    let switches = Switches {
        caseless: bits & flags::CASELESS != 0,
        dotall: bits & flags::DOTALL != 0,
        multiline: bits & flags::MULTILINE != 0,
        extended: false,
    };
    let mut parser = Parser { input, dialect, groups: 0, names: Vec::new() };
    let node = parser.alternatives(switches, 0)?;
    if parser.input.peek().is_some() {
        return Err(Refusal::new(parser.input.at, "Unmatched parentheses"));
    }
    if let Some(&(_, at)) = parser.input.numbers.iter().find(|(number, _)| *number <= parser.groups) {
        return Err(Refusal::new(at, "Back-references are unsupported"));
    }
    Ok(Parsed { node, utf8: dialect.utf8 })
}

impl Parser<'_> {
    /// Up to the end or to a closing parenthesis, which is left.
    fn alternatives(&mut self, mut switches: Switches, depth: u32) -> Result<Node> {
        if depth > MOST_DEPTH {
            return Err(Refusal::new(self.input.at, "Groups are nested too deeply"));
        }
        let mut all = Vec::new();
        loop {
            all.push(self.sequence(&mut switches, depth)?);
            if !self.input.eat(b"|") {
                break;
            }
        }
        Ok(if all.len() == 1 { all.remove(0) } else { Node::Alternatives(all) })
    }

    fn sequence(&mut self, switches: &mut Switches, depth: u32) -> Result<Node> {
        let mut nodes = Vec::new();
        loop {
            self.skip_extended(*switches);
            let at = self.input.at;
            match self.input.peek() {
                None | Some(b'|' | b')') => break,
                Some(b'(') => {
                    self.input.bump();
                    if let Some(node) = self.group(switches, depth, at)? {
                        let node = self.repeated(node, *switches, at)?;
                        nodes.push(node);
                    }
                }
                Some(b'\\') => {
                    self.input.bump();
                    self.escaped(*switches, at, &mut nodes)?;
                }
                Some(_) => {
                    let node = self.atom(*switches, at)?;
                    let node = self.repeated(node, *switches, at)?;
                    nodes.push(node);
                }
            }
        }
        Ok(match nodes.len() {
            0 => Node::Empty,
            1 => nodes.remove(0),
            _ => Node::Concat(nodes),
        })
    }

    fn skip_extended(&mut self, switches: Switches) {
        if !switches.extended {
            return;
        }
        loop {
            match self.input.peek() {
                Some(b' ' | b'\t'..=b'\r') => self.input.at += 1,
                Some(b'#') => while self.input.bump().is_some_and(|byte| byte != b'\n') {},
                _ => return,
            }
        }
    }

    fn code(&self, code: u32, switches: Switches) -> Node {
        let mut set = Building::new(self.dialect);
        set.add(code, code);
        if switches.caseless {
            set.fold();
        }
        Node::Set(set.finish())
    }

    /// One thing that is neither a group nor escaped.
    fn atom(&mut self, switches: Switches, at: usize) -> Result<Node> {
        match self.input.peek().expect("looked at before") {
            b'.' => {
                self.input.bump();
                let mut set = Building::new(self.dialect);
                if !switches.dotall {
                    set.add(0x0A, 0x0A);
                }
                set.negate();
                Ok(Node::Set(set.finish()))
            }
            b'^' => {
                self.input.bump();
                let anchor = if switches.multiline { Anchor::LineStart } else { Anchor::Start };
                Ok(Node::Anchor(anchor, at))
            }
            b'$' => {
                self.input.bump();
                let anchor = if switches.multiline { Anchor::LineEnd } else { Anchor::EndOrNewline };
                Ok(Node::Anchor(anchor, at))
            }
            b'[' => self.bracket(switches, at),
            b'*' | b'+' | b'?' => Err(Refusal::new(at, "Invalid repeat: there is nothing to repeat")),
            b'{' if self.counts().is_some() => Err(Refusal::new(at, "Invalid repeat: there is nothing to repeat")),
            _ => {
                let code = self.input.next_code(self.dialect.utf8);
                Ok(self.code(code, switches))
            }
        }
    }

    fn escaped(&mut self, switches: Switches, at: usize, nodes: &mut Vec<Node>) -> Result<()> {
        let node = match escape::read(&mut self.input, self.dialect, false, at)? {
            Escape::Code(code) => self.code(code, switches),
            Escape::Class(set) => Node::Set(set.finish()),
            Escape::Anchor(anchor) => Node::Anchor(anchor, at),
            Escape::Nothing => return Ok(()),
            Escape::Quote => {
                let before = nodes.len();
                while self.input.peek().is_some() && !self.input.eat(b"\\E") {
                    let code = self.input.next_code(self.dialect.utf8);
                    nodes.push(self.code(code, switches));
                }
                // A quantifier behind `\E` is about the last one.
                if nodes.len() > before {
                    let last = nodes.pop().expect("one more than before");
                    nodes.push(self.repeated(last, switches, at)?);
                }
                return Ok(());
            }
        };
        let node = self.repeated(node, switches, at)?;
        nodes.push(node);
        Ok(())
    }

    // ---- quantifiers ----

    fn repeated(&mut self, node: Node, switches: Switches, at: usize) -> Result<Node> {
        self.skip_extended(switches);
        let from = self.input.at;
        let (min, max) = match self.input.peek() {
            Some(b'*') => (0, None),
            Some(b'+') => (1, None),
            Some(b'?') => (0, Some(1)),
            Some(b'{') => match self.counts() {
                Some((min, max, length)) => {
                    // The closing brace is skipped below, as the one letter of the others is.
                    self.input.at += length - 1;
                    (min, max)
                }
                None => return Ok(node),
            },
            _ => return Ok(node),
        };
        self.input.bump();
        if matches!(node, Node::Anchor(..)) {
            return Err(Refusal::new(from, "Invalid repeat: an anchor cannot be repeated"));
        }
        if max.is_some_and(|max| max < min) {
            return Err(Refusal::new(from, "Invalid repeat: the numbers are out of order"));
        }
        if min > MOST_REPEATS || max.is_some_and(|max| max > MOST_REPEATS) {
            return Err(Refusal::new(at, "Bounded repeat is too large"));
        }
        match self.input.peek() {
            // Greed decides which match comes first, never which ends there are.
            Some(b'?') => self.input.at += 1,
            Some(b'+') => return Err(Refusal::new(self.input.at, "Possessive quantifiers are not supported")),
            _ => {}
        }
        self.skip_extended(switches);
        let again = matches!(self.input.peek(), Some(b'*' | b'+' | b'?'))
            || self.input.peek() == Some(b'{') && self.counts().is_some();
        if again {
            return Err(Refusal::new(self.input.at, "Invalid repeat: a quantifier cannot be repeated"));
        }
        Ok(Node::Repeat { node: Box::new(node), min, max })
    }

    /// `{n}`, `{n,}` or `{n,m}` and how long it is; anything else is plain text.
    fn counts(&self) -> Option<(u32, Option<u32>, usize)> {
        let rest = self.input.rest();
        let end = rest.iter().position(|&byte| byte == b'}')?;
        let text = std::str::from_utf8(rest.get(1..end)?).ok()?;
        let number = |text: &str| -> Option<u32> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().unwrap_or(u32::MAX))
        };
        let (min, max) = match text.split_once(',') {
            None => (number(text)?, Some(number(text)?)),
            Some((min, "")) => (number(min)?, None),
            Some((min, max)) => (number(min)?, Some(number(max)?)),
        };
        Some((min, max, end + 1))
    }

    // ---- groups ----

    /// The opening parenthesis is read. `None`: it was a comment or switches.
    fn group(&mut self, switches: &mut Switches, depth: u32, at: usize) -> Result<Option<Node>> {
        let mut inner = *switches;
        if self.input.eat(b"?#") {
            while self.input.bump().ok_or_else(|| Refusal::new(at, "Unterminated comment"))? != b')' {}
            return Ok(None);
        }
        if self.input.eat(b"*") {
            return Err(Refusal::new(at, "Backtracking control verbs are unsupported"));
        }
        if self.input.eat(b"?") {
            if self.opening(&mut inner, at)? == Opening::Switches {
                *switches = inner;
                return Ok(None);
            }
        } else {
            self.groups += 1;
        }
        let node = self.alternatives(inner, depth + 1)?;
        if !self.input.eat(b")") {
            return Err(Refusal::new(at, "Missing close parenthesis for group started"));
        }
        // In a group of its own, so that a quantifier is about all of it.
        Ok(Some(Node::Concat(vec![node])))
    }

    /// What stands behind `(?`: a name, or switches up to `:` or `)`.
    fn opening(&mut self, switches: &mut Switches, at: usize) -> Result<Opening> {
        let refuse = |what: &str| Err(Refusal::new(at, what));
        let close = match self.input.rest() {
            [b'=' | b'!', ..] | [b'<', b'=' | b'!', ..] => return refuse("Zero-width assertions are not supported"),
            [b'>', ..] => return refuse("Atomic groups are unsupported"),
            [b'(', ..] => return refuse("Conditional patterns are unsupported"),
            [b'|', ..] => return refuse("Branch reset groups are unsupported"),
            [b'C', ..] => return refuse("Callouts are unsupported"),
            [b'R' | b'&' | b'+' | b'0'..=b'9', ..] | [b'-', b'0'..=b'9', ..] | [b'P', b'>', ..] => {
                return refuse("Recursion and subroutine references are unsupported");
            }
            [b'P', b'=', ..] => return refuse("Back-references are unsupported"),
            [b'P', b'<', ..] | [b'<', ..] => b'>',
            [b'\'', ..] => b'\'',
            _ => return self.switch(switches, at),
        };
        self.input.at += if self.input.peek() == Some(b'P') { 2 } else { 1 };
        let from = self.input.at;
        while self.input.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.input.at += 1;
        }
        let name = self.input.bytes[from..self.input.at].to_vec();
        if name.is_empty() || name[0].is_ascii_digit() || self.input.bump() != Some(close) {
            return refuse("Invalid name of a group");
        }
        if self.names.contains(&name) {
            let name = String::from_utf8_lossy(&name);
            return Err(Refusal::new(from, format!("Two named subpatterns use the name '{name}'")));
        }
        self.names.push(name);
        self.groups += 1;
        Ok(Opening::Group)
    }

    fn switch(&mut self, switches: &mut Switches, at: usize) -> Result<Opening> {
        let mut on = true;
        loop {
            match self.input.bump() {
                Some(b':') => return Ok(Opening::Group),
                Some(b')') => return Ok(Opening::Switches),
                Some(b'-') if on => on = false,
                Some(b'i') => switches.caseless = on,
                Some(b's') => switches.dotall = on,
                Some(b'm') => switches.multiline = on,
                Some(b'x') => switches.extended = on,
                _ => return Err(Refusal::new(at, "Unrecognised character after (?")),
            }
        }
    }
}
