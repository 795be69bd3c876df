//! Patterns become syntax trees (`Hir`): the dialect is decided here and nowhere else.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind};

use super::Pattern;
use super::error::{ErrorKind, Fault};
use super::flags;
use super::options::Limits;

/// Checks flags and length, parses, and drops capture groups: nobody asks for them, and without them neighbours
/// merge into longer literals.
pub(crate) fn parse(pattern: &Pattern<'_>, limits: &Limits) -> Result<Hir, Fault> {
    let unknown = pattern.flags & !flags::KNOWN;
    if unknown != 0 {
        let message = format!("unknown flag bits {unknown:#x}: use the TRM_PATTERN_* constants only");
        return Err(Fault::new(ErrorKind::Invalid, 0, message));
    }
    let len = pattern.bytes.len() as u64;
    if len > limits.pattern_len {
        let message = format!(
            "the pattern is {len} bytes long, the limit is {}: shorten it, split it or raise the limit",
            limits.pattern_len
        );
        return Err(Fault::new(ErrorKind::Limit, limits.pattern_len, message));
    }
    if pattern.flags & flags::LITERAL != 0 {
        return Ok(literal(pattern.bytes, pattern.flags));
    }
    let text = std::str::from_utf8(pattern.bytes).map_err(|e| {
        let at = e.valid_up_to();
        let message = format!(
            "a regex must be valid UTF-8, byte {at} is not: write raw bytes as \\xNN, or set LITERAL if it is plain bytes"
        );
        Fault::new(ErrorKind::Pattern, at as u64, message)
    })?;
    let hir = ParserBuilder::new()
        .utf8(false)
        .unicode(pattern.flags & flags::UNICODE != 0)
        .case_insensitive(pattern.flags & flags::CASELESS != 0)
        .dot_matches_new_line(pattern.flags & flags::DOTALL != 0)
        .multi_line(pattern.flags & flags::MULTILINE != 0)
        .build()
        .parse(text)?;
    Ok(simplify(hir))
}

/// A literal's tree. Caseless folds ASCII letters; with UNICODE every scalar value of the valid UTF-8 in it.
fn literal(bytes: &[u8], flag_bits: u32) -> Hir {
    if flag_bits & flags::CASELESS == 0 {
        return Hir::literal(bytes);
    }
    let unicode = flag_bits & flags::UNICODE != 0;
    let mut parts = Vec::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            parts.push(folded(c, unicode));
        }
        parts.push(Hir::literal(chunk.invalid()));
    }
    Hir::concat(parts)
}

fn folded(c: char, unicode: bool) -> Hir {
    if c.is_ascii() && !unicode {
        let b = c as u8;
        let mut class = ClassBytes::new([ClassBytesRange::new(b, b)]);
        class.case_fold_simple();
        return Hir::class(Class::Bytes(class));
    }
    if unicode {
        let mut class = ClassUnicode::new([ClassUnicodeRange::new(c, c)]);
        class.case_fold_simple();
        return Hir::class(Class::Unicode(class));
    }
    Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes())
}

/// The same tree without capture groups and without parts that can never match (`[a&&b]`): lengths and other
/// properties are reliable only then. Depth is bounded by the parser's nest limit.
pub(crate) fn simplify(hir: Hir) -> Hir {
    match hir.into_kind() {
        HirKind::Capture(capture) => simplify(*capture.sub),
        HirKind::Repetition(mut repetition) => {
            repetition.sub = Box::new(simplify(*repetition.sub));
            match (is_fail(&repetition.sub), repetition.min) {
                (true, 0) => Hir::empty(),
                (true, _) => Hir::fail(),
                _ => Hir::repetition(repetition),
            }
        }
        HirKind::Concat(subs) => {
            let subs: Vec<Hir> = subs.into_iter().map(simplify).collect();
            if subs.iter().any(is_fail) { Hir::fail() } else { Hir::concat(subs) }
        }
        HirKind::Alternation(subs) => {
            Hir::alternation(subs.into_iter().map(simplify).filter(|sub| !is_fail(sub)).collect())
        }
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(lit) => Hir::literal(lit.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Look(look) => Hir::look(look),
    }
}

/// An empty class, which is how trees say "never".
fn is_fail(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Class(Class::Bytes(class)) => class.ranges().is_empty(),
        HirKind::Class(Class::Unicode(class)) => class.ranges().is_empty(),
        _ => false,
    }
}
