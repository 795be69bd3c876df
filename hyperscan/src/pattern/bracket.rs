//! Classes in brackets.

use super::class::{self, Building};
use super::escape::{self, Escape};
use super::parse::{Parser, Switches};
use super::{Node, Refusal, Result};

impl Parser<'_> {
    pub fn bracket(&mut self, switches: Switches, at: usize) -> Result<Node> {
        for kind in [b':', b'.', b'='] {
            if self.is_posix(kind) {
                return Err(Refusal::new(at, "POSIX named classes are only supported inside a class"));
            }
        }
        self.input.bump();
        let negated = self.input.eat(b"^");
        let mut plain = Building::new(self.dialect); // to be folded
        let mut named = Building::new(self.dialect);
        let mut first = true;
        loop {
            if self.input.peek() == Some(b']') && !first {
                self.input.bump();
                break;
            }
            first = false;
            let item_at = self.input.at;
            let Some(from) = self.member(switches, at, &mut named)? else { continue };
            let range = self.input.peek() == Some(b'-') && !matches!(self.input.rest().get(1), None | Some(b']'));
            if !range {
                plain.add(from, from);
                continue;
            }
            self.input.bump();
            let Some(to) = self.member(switches, at, &mut named)? else {
                return Err(Refusal::new(item_at, "Invalid range in character class"));
            };
            if to < from {
                return Err(Refusal::new(self.input.at, "Range out of order in character class"));
            }
            plain.add(from, to);
        }
        if switches.caseless {
            plain.fold();
        }
        plain.join(named);
        if negated {
            plain.negate();
        }
        Ok(Node::Set(plain.finish()))
    }

    /// `[:`, `[.` or `[=` here, with its closing counterpart before the next bracket.
    fn is_posix(&self, kind: u8) -> bool {
        let rest = self.input.rest();
        rest.starts_with(&[b'[', kind])
            && rest[2..].iter().position(|&byte| byte == b']').is_some_and(|end| end > 0 && rest[end + 1] == kind)
    }

    /// One member's code; `None`: a class, which went to `named`, or nothing at all.
    fn member(&mut self, switches: Switches, at: usize, named: &mut Building) -> Result<Option<u32>> {
        let here = self.input.at;
        let unterminated = || Refusal::new(at, "Unterminated character class starting");
        match self.input.peek().ok_or_else(unterminated)? {
            b'[' if self.is_posix(b'.') || self.is_posix(b'=') => {
                Err(Refusal::new(here, "Unsupported POSIX collating element"))
            }
            b'[' if self.is_posix(b':') => {
                self.input.at += 2;
                let negated = self.input.eat(b"^");
                let end = self.input.rest().iter().position(|&byte| byte == b']').ok_or_else(unterminated)?;
                let name = self.input.rest()[..end - 1].to_vec();
                self.input.at += end + 1;
                let mut set = class::posix(self.dialect, &name, switches.caseless, here)?;
                if negated {
                    set.negate();
                }
                self.no_range_behind(here)?;
                named.join(set);
                Ok(None)
            }
            b'\\' => {
                self.input.bump();
                match escape::read(&mut self.input, self.dialect, true, here)? {
                    Escape::Code(code) => Ok(Some(code)),
                    Escape::Class(set) => {
                        self.no_range_behind(here)?;
                        named.join(set);
                        Ok(None)
                    }
                    Escape::Nothing => Ok(None),
                    Escape::Quote => Err(Refusal::new(here, "\\Q is not supported in a character class")),
                    Escape::Anchor(_) => unreachable!("there are none in a class"),
                }
            }
            _ => Ok(Some(self.input.next_code(self.dialect.utf8))),
        }
    }

    /// Engines differ on what a hyphen behind a class means.
    fn no_range_behind(&self, at: usize) -> Result<()> {
        match self.input.rest() {
            [b'-', next, ..] if *next != b']' => Err(Refusal::new(at, "Invalid range in character class")),
            _ => Ok(()),
        }
    }
}
