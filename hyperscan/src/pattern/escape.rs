//! What a backslash means.

use super::class::{self, Building, Dialect};
use super::input::Input;
use super::{Anchor, Refusal, Result};

/// What stands behind a backslash.
pub(super) enum Escape {
    /// One byte or code point.
    Code(u32),
    /// A class; its letters have their case already.
    Class(Building),
    Anchor(Anchor),
    /// `\Q`: everything up to `\E` is plain.
    Quote,
    /// `\E` without a `\Q`: nothing.
    Nothing,
}

/// `at` is where the backslash stands, which is read already.
pub(super) fn read(input: &mut Input<'_>, dialect: Dialect, in_class: bool, at: usize) -> Result<Escape> {
    let Some(letter) = input.bump() else {
        return Err(Refusal::new(at, "\\ at end of pattern"));
    };
    let code = match letter {
        b'a' => 0x07,
        b'e' => 0x1B,
        b'f' => 0x0C,
        b'n' => 0x0A,
        b'r' => 0x0D,
        b't' => 0x09,
        b'b' if in_class => 0x08,
        b'c' => control(input, at)?,
        b'x' => hexadecimal(input, dialect, at)?,
        b'o' => braced_octal(input, dialect, at)?,
        b'0' => octal(input, 0, 2),
        b'1'..=b'9' => return number(input, dialect, letter, in_class, at),
        b'Q' => return Ok(Escape::Quote),
        b'E' => return Ok(Escape::Nothing),
        b'p' | b'P' => return unicode(input, dialect, letter, at).map(Escape::Class),
        b'A' | b'Z' | b'z' | b'b' | b'B' if !in_class => return anchor(letter, dialect, at).map(Escape::Anchor),
        b'C' if !in_class && !dialect.utf8 => {
            let mut all = Building::new(dialect);
            all.add(0, 0xFF);
            return Ok(Escape::Class(all));
        }
        b'N' if !in_class && input.peek() != Some(b'{') => {
            return Ok(Escape::Class(class::by_letter(dialect, letter).expect("a class")));
        }
        b'd' | b'D' | b'w' | b'W' | b's' | b'S' | b'h' | b'H' | b'v' | b'V' => {
            return Ok(Escape::Class(class::by_letter(dialect, letter).expect("a class")));
        }
        // What PCRE knows and this cannot do exactly, what it gives an error for, and what it may give a meaning later.
        _ if letter.is_ascii_alphanumeric() => {
            return Err(Refusal::new(at, format!("'\\{}' is not supported", letter as char)));
        }
        _ => {
            input.back();
            input.next_code(dialect.utf8)
        }
    };
    Ok(Escape::Code(code))
}

fn anchor(letter: u8, dialect: Dialect, at: usize) -> Result<Anchor> {
    match letter {
        b'A' => Ok(Anchor::Start),
        b'Z' => Ok(Anchor::EndOrNewline),
        b'z' => Ok(Anchor::End),
        // Unicode's words are not the same in both dialects.
        _ if dialect.ucp => Err(Refusal::new(at, format!("\\{} unsupported in UCP mode", letter as char))),
        b'b' => Ok(Anchor::Word),
        _ => Ok(Anchor::NotWord),
    }
}

fn control(input: &mut Input<'_>, at: usize) -> Result<u32> {
    match input.bump() {
        Some(c) if (0x20..0x7F).contains(&c) => Ok(u32::from(c.to_ascii_uppercase() ^ 0x40)),
        _ => Err(Refusal::new(at, "\\c must be followed by an ASCII character")),
    }
}

/// Whether a number can be a byte, or a code point.
fn in_range(code: u32, dialect: Dialect, at: usize, kind: &str) -> Result<u32> {
    let fits = if dialect.utf8 { char::from_u32(code).is_some() } else { code <= 0xFF };
    if fits {
        return Ok(code);
    }
    let limit = if dialect.utf8 { "no code point" } else { "greater than \\xFF" };
    Err(Refusal::new(at, format!("{kind} value is {limit}")))
}

fn hexadecimal(input: &mut Input<'_>, dialect: Dialect, at: usize) -> Result<u32> {
    let digit = |byte: Option<u8>| byte.and_then(|b| (b as char).to_digit(16));
    let mut code = 0;
    if input.peek() == Some(b'{') {
        input.bump();
        let mut digits = 0;
        while let Some(value) = digit(input.peek()) {
            input.bump();
            digits += 1;
            code = code << 4 | value;
            if digits > 6 {
                return Err(Refusal::new(at, "Hexadecimal value is too long"));
            }
        }
        if digits == 0 || input.bump() != Some(b'}') {
            return Err(Refusal::new(at, "Value in \\x{...} sequence is non-hex or missing }"));
        }
        return in_range(code, dialect, at, "Hexadecimal");
    }
    for _ in 0..2 {
        let Some(value) = digit(input.peek()) else { break };
        input.bump();
        code = code << 4 | value;
    }
    Ok(code)
}

fn octal(input: &mut Input<'_>, mut code: u32, most: u32) -> u32 {
    for _ in 0..most {
        let Some(value) = input.peek().and_then(|b| (b as char).to_digit(8)) else { break };
        input.bump();
        code = code << 3 | value;
    }
    code
}

fn braced_octal(input: &mut Input<'_>, dialect: Dialect, at: usize) -> Result<u32> {
    let wrong = || Refusal::new(at, "Value in \\o{...} sequence is non-octal or missing braces");
    if input.bump() != Some(b'{') {
        return Err(wrong());
    }
    let before = input.at;
    let code = octal(input, 0, 8);
    if input.at == before || input.bump() != Some(b'}') {
        return Err(wrong());
    }
    in_range(code, dialect, at, "Octal")
}

/// A back reference or an octal number: PCRE decides by the number of groups.
fn number(input: &mut Input<'_>, dialect: Dialect, first: u8, in_class: bool, at: usize) -> Result<Escape> {
    if matches!(first, b'8' | b'9') || (!in_class && !input.peek().is_some_and(|b| b.is_ascii_digit())) {
        return Err(Refusal::new(at, "Back-references are unsupported"));
    }
    if !in_class {
        let mut decimal = u32::from(first - b'0');
        let digits = input.rest().iter().take_while(|b| b.is_ascii_digit()).take(6);
        digits.for_each(|digit| decimal = decimal * 10 + u32::from(digit - b'0'));
        input.note_number(decimal, at);
    }
    let code = octal(input, u32::from(first - b'0'), 2);
    if !dialect.utf8 && code > 0xFF {
        return Err(Refusal::new(at, "Octal value is greater than \\377"));
    }
    Ok(Escape::Code(code))
}

fn unicode(input: &mut Input<'_>, dialect: Dialect, letter: u8, at: usize) -> Result<Building> {
    let malformed = || Refusal::new(at, "Malformed property after \\p or \\P");
    let mut negated = letter == b'P';
    let mut name = String::new();
    match input.bump().ok_or_else(malformed)? {
        b'{' => {
            if input.peek() == Some(b'^') {
                input.bump();
                negated = !negated;
            }
            loop {
                match input.bump().ok_or_else(malformed)? {
                    b'}' => break,
                    byte if byte.is_ascii() => name.push(byte as char),
                    _ => return Err(malformed()),
                }
            }
        }
        byte if byte.is_ascii_alphabetic() => name.push(byte as char),
        _ => return Err(malformed()),
    }
    let mut set = class::property(dialect, &name, at)?;
    if negated {
        set.negate();
    }
    Ok(set)
}
