//! Sets of bytes or code points: single ones, ranges, and the classes that have names.

use super::{Refusal, Result, Set};
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, HirKind};

/// What decides the meaning of a class.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    pub utf8: bool,
    pub ucp: bool,
}

/// A set under construction.
pub(super) enum Building {
    Bytes(ClassBytes),
    Chars(ClassUnicode),
}

impl Building {
    pub fn new(dialect: Dialect) -> Self {
        if dialect.utf8 { Self::Chars(ClassUnicode::empty()) } else { Self::Bytes(ClassBytes::empty()) }
    }

    /// Adds a range of codes. Surrogates are none that data can have.
    pub fn add(&mut self, first: u32, last: u32) {
        match self {
            Self::Bytes(class) => {
                if let Ok(first) = u8::try_from(first) {
                    class.push(ClassBytesRange::new(first, last.min(0xFF) as u8));
                }
            }
            Self::Chars(class) => {
                for (first, last) in [(first, last.min(0xD7FF)), (first.max(0xE000), last.min(0x10FFFF))] {
                    if let (true, Some(first), Some(last)) =
                        (first <= last, char::from_u32(first), char::from_u32(last))
                    {
                        class.push(ClassUnicodeRange::new(first, last));
                    }
                }
            }
        }
    }

    /// Adds all of another one.
    pub fn join(&mut self, other: Self) {
        match (self, other) {
            (Self::Bytes(class), Self::Bytes(other)) => class.union(&other),
            (Self::Chars(class), Self::Chars(other)) => class.union(&other),
            _ => unreachable!("one expression has sets of one kind"),
        }
    }

    /// Everything that is not in it.
    pub fn negate(&mut self) {
        match self {
            Self::Bytes(class) => class.negate(),
            Self::Chars(class) => class.negate(),
        }
    }

    /// Adds the other cases of its letters: ASCII letters in bytes, simple folding in code points.
    pub fn fold(&mut self) {
        match self {
            Self::Bytes(class) => class.case_fold_simple(),
            Self::Chars(class) => class.case_fold_simple(),
        }
    }

    pub fn finish(self) -> Set {
        match self {
            Self::Bytes(class) => Set::Bytes(class),
            Self::Chars(class) => Set::Chars(class),
        }
    }
}

const HORIZONTAL: [(u32, u32); 8] = [
    (0x09, 0x09),
    (0x20, 0x20),
    (0xA0, 0xA0),
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200A),
    (0x202F, 0x202F),
    (0x205F, 0x205F),
];
const IDEOGRAPHIC_SPACE: (u32, u32) = (0x3000, 0x3000);
const VERTICAL: [(u32, u32); 3] = [(0x0A, 0x0D), (0x85, 0x85), (0x2028, 0x2029)];

fn of_ranges(dialect: Dialect, ranges: &[(u32, u32)]) -> Building {
    let mut set = Building::new(dialect);
    ranges.iter().for_each(|&(first, last)| set.add(first, last));
    set
}

/// Properties by their names; the dialect is UTF-8.
fn of_properties(dialect: Dialect, names: &[&str]) -> Building {
    let mut set = Building::new(dialect);
    for name in names {
        set.join(Building::Chars(general(name).expect("a property that every Unicode table has")));
    }
    set
}

fn general(name: &str) -> Option<ClassUnicode> {
    let hir = regex_syntax::parse(&format!("\\p{{{name}}}")).ok()?;
    match hir.into_kind() {
        HirKind::Class(Class::Unicode(class)) => Some(class),
        // A property of one member is a literal by then.
        HirKind::Literal(literal) => {
            let mut chars = std::str::from_utf8(&literal.0).ok()?.chars();
            let only = chars.next().filter(|_| chars.next().is_none())?;
            Some(ClassUnicode::new([ClassUnicodeRange::new(only, only)]))
        }
        _ => None,
    }
}

/// The class of `\d \w \s \h \v \N` or, in upper case, its complement; `None` for other letters.
pub(super) fn by_letter(dialect: Dialect, letter: u8) -> Option<Building> {
    let mut set = match letter.to_ascii_lowercase() {
        b'd' if dialect.ucp => of_properties(dialect, &["Nd"]),
        b'd' => of_ranges(dialect, &[(0x30, 0x39)]),
        b'w' if dialect.ucp => word(dialect),
        b'w' => of_ranges(dialect, &[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]),
        b's' if dialect.ucp => space(dialect),
        b's' => of_ranges(dialect, &[(0x09, 0x0D), (0x20, 0x20)]),
        b'h' => horizontal(dialect),
        b'v' => of_ranges(dialect, &VERTICAL),
        // Only the complement has a letter.
        b'n' if letter == b'N' => of_ranges(dialect, &[(0x0A, 0x0A)]),
        _ => return None,
    };
    if letter.is_ascii_uppercase() {
        set.negate();
    }
    Some(set)
}

fn horizontal(dialect: Dialect) -> Building {
    let mut set = of_ranges(dialect, &HORIZONTAL);
    set.add(IDEOGRAPHIC_SPACE.0, IDEOGRAPHIC_SPACE.1);
    set
}

fn word(dialect: Dialect) -> Building {
    let mut set = of_properties(dialect, &["L", "N"]);
    set.add(0x5F, 0x5F);
    set
}

fn space(dialect: Dialect) -> Building {
    let mut set = of_properties(dialect, &["Z"]);
    set.join(horizontal(dialect));
    set.join(of_ranges(dialect, &VERTICAL));
    set
}

/// `[:name:]`. Caseless, `upper` and `lower` are `alpha`.
pub(super) fn posix(dialect: Dialect, name: &[u8], caseless: bool, at: usize) -> Result<Building> {
    let name = match name {
        b"upper" | b"lower" if caseless => b"alpha",
        other => other,
    };
    let set = match (name, dialect.ucp) {
        (b"alpha", true) => of_properties(dialect, &["L"]),
        (b"lower", true) => of_properties(dialect, &["Ll"]),
        (b"upper", true) => of_properties(dialect, &["Lu"]),
        (b"alnum", true) => of_properties(dialect, &["L", "N"]),
        (b"digit", true) => of_properties(dialect, &["Nd"]),
        (b"space", true) => space(dialect),
        (b"word", true) => word(dialect),
        (b"blank", true) => horizontal(dialect),
        (b"graph" | b"print" | b"punct", true) => {
            return Err(Refusal::new(at, "[:graph:], [:print:] and [:punct:] are not supported with HS_FLAG_UCP"));
        }
        (b"alpha", _) => of_ranges(dialect, &[(0x41, 0x5A), (0x61, 0x7A)]),
        (b"lower", _) => of_ranges(dialect, &[(0x61, 0x7A)]),
        (b"upper", _) => of_ranges(dialect, &[(0x41, 0x5A)]),
        (b"alnum", _) => of_ranges(dialect, &[(0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)]),
        (b"digit", _) => of_ranges(dialect, &[(0x30, 0x39)]),
        (b"cntrl", _) => of_ranges(dialect, &[(0, 0x1F), (0x7F, 0x7F)]),
        (b"space", _) => of_ranges(dialect, &[(0x09, 0x0D), (0x20, 0x20)]),
        (b"word", _) => of_ranges(dialect, &[(0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A)]),
        (b"blank", _) => of_ranges(dialect, &[(0x09, 0x09), (0x20, 0x20)]),
        (b"graph", _) => of_ranges(dialect, &[(0x21, 0x7E)]),
        (b"print", _) => of_ranges(dialect, &[(0x20, 0x7E)]),
        (b"punct", _) => of_ranges(dialect, &[(0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)]),
        (b"ascii", _) => of_ranges(dialect, &[(0, 0x7F)]),
        (b"xdigit", _) => of_ranges(dialect, &[(0x30, 0x39), (0x41, 0x46), (0x61, 0x66)]),
        _ => return Err(Refusal::new(at, "Invalid POSIX named class")),
    };
    Ok(set)
}

/// `\p{name}`: general categories, scripts, and PCRE's own.
pub(super) fn property(dialect: Dialect, name: &str, at: usize) -> Result<Building> {
    if !dialect.utf8 {
        return Err(Refusal::new(at, "\\p and \\P are only supported with HS_FLAG_UTF8"));
    }
    let unknown = || Refusal::new(at, format!("Unknown property name '{name}' after \\p or \\P"));
    match name {
        "Any" => return Ok(of_ranges(dialect, &[(0, 0x10FFFF)])),
        "L&" => return Ok(of_properties(dialect, &["Lu", "Ll", "Lt"])),
        "Xan" => return Ok(of_properties(dialect, &["L", "N"])),
        "Xsp" | "Xps" => return Ok(space(dialect)),
        "Xwd" => return Ok(word(dialect)),
        _ => {}
    }
    // Rust's dialect reads names loosely and knows more of them: only what PCRE writes is taken.
    let letters = name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_');
    let capital = name.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
    let category = name.len() <= 2 && name.as_bytes().get(1).is_none_or(u8::is_ascii_lowercase);
    if !letters || !capital {
        return Err(unknown());
    }
    let query = if category { format!("gc={name}") } else { format!("sc={name}") };
    general(&query).map(Building::Chars).ok_or_else(unknown)
}
