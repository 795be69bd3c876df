//! Databases: compiled expressions with what Hyperscan's flags ask of their matches. Immutable.

use crate::flags::*;
use crate::pattern::{self, Refusal};
use std::sync::Arc;
use trommel::rules::{self, CompileOptions, Rules, Semantics};
use xxhash_rust::xxh3::xxh3_64;

/// One expression as the caller gives it.
pub struct Expression<'a> {
    /// Its bytes.
    pub bytes: &'a [u8],
    /// `flags::*`.
    pub flags: u32,
    /// The caller's number, told with each match.
    pub id: u32,
    /// It is plain text, not a pattern.
    pub literal: bool,
    /// Further limits.
    pub limits: Limits,
}

/// `hs_expr_ext`, as far as it is honoured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Matches end here or later.
    pub min_offset: u64,
    /// Matches end here or earlier.
    pub max_offset: u64,
    /// Matches have so many bytes at least.
    pub min_length: u64,
}

impl Limits {
    /// All matches.
    pub const NONE: Limits = Limits { min_offset: 0, max_offset: u64::MAX, min_length: 0 };
}

/// Why a database cannot be made; the expression's index where one is to blame.
#[derive(Debug, PartialEq, Eq)]
pub struct Failure {
    /// A sentence.
    pub message: String,
    /// Index of the expression.
    pub expression: Option<usize>,
}

/// What is done with the matches of one expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Report {
    /// The caller's number.
    pub id: u32,
    /// `flags::*`.
    pub flags: u32,
    /// Which are told.
    pub limits: Limits,
    /// Data is UTF-8 and the expression may match nothing: not inside a code point.
    pub between_characters: bool,
}

/// Compiled expressions. A rule's id is its expression's index.
pub struct Database {
    /// `MODE_BLOCK`, `MODE_VECTORED` or `MODE_STREAM`.
    pub mode: u32,
    /// One for each expression.
    pub reports: Vec<Report>,
    /// For the whole data.
    pub whole: Arc<Rules>,
    /// For data without its last line feed: those with `$`.
    pub before_newline: Option<Arc<Rules>>,
}

const OPTIONS_MAX_PATTERN: u64 = 16 << 20;

fn compile_rules(texts: &[(usize, Vec<u8>, u32)]) -> Result<Rules, Failure> {
    let patterns: Vec<_> = texts
        .iter()
        .map(|(index, text, flags)| rules::Pattern { bytes: text, id: *index as u32, flags: *flags })
        .collect();
    let options = CompileOptions {
        semantics: Semantics::AllEnds,
        max_pattern_len: OPTIONS_MAX_PATTERN,
        ..CompileOptions::default()
    };
    Rules::compile(&patterns, &options).map_err(|errors| {
        let first = errors.into_iter().next();
        let expression = first.as_ref().and_then(|error| texts.get(error.pattern_index as usize)).map(|text| text.0);
        // Positions are those of the translation: of no use to the caller.
        let message = first.map_or_else(|| "The expressions cannot be compiled.".into(), |error| error.message);
        Failure { message, expression }
    })
}

fn check_flags(flags: u32, literal: bool) -> Result<(), Refusal> {
    if flags & !KNOWN != 0 {
        return Err(Refusal::whole("Unrecognised flag used"));
    }
    if flags & COMBINATION != 0 {
        return Err(Refusal::whole("HS_FLAG_COMBINATION is not supported"));
    }
    // As Hyperscan has it: what is about patterns has no meaning for plain text.
    if literal && flags & !(CASELESS | SINGLEMATCH | SOM_LEFTMOST | MULTILINE | DOTALL | QUIET) != 0 {
        return Err(Refusal::whole(
            "Only HS_FLAG_CASELESS, HS_FLAG_SINGLEMATCH and HS_FLAG_SOM_LEFTMOST go with a literal",
        ));
    }
    Ok(())
}

/// What an expression becomes: its report and one or two texts.
struct Prepared {
    report: Report,
    whole: (Vec<u8>, u32),
    before_newline: Option<(Vec<u8>, u32)>,
}

fn prepare(expression: &Expression<'_>) -> Result<Prepared, Refusal> {
    let Expression { flags, limits, .. } = *expression;
    check_flags(flags, expression.literal)?;
    let mut bits = if flags & SOM_LEFTMOST != 0 || limits.min_length > 0 { rules::flags::START } else { 0 };
    let report = |between_characters| Report { id: expression.id, flags, limits, between_characters };
    if expression.literal {
        if expression.bytes.is_empty() {
            return Err(Refusal::whole("A literal needs at least one byte"));
        }
        bits |= rules::flags::LITERAL | if flags & CASELESS != 0 { rules::flags::CASELESS } else { 0 };
        return Ok(Prepared { report: report(false), whole: (expression.bytes.to_vec(), bits), before_newline: None });
    }
    let translated = pattern::translate(expression.bytes, flags)?;
    bits |= if translated.utf8 { rules::flags::UNICODE } else { 0 };
    Ok(Prepared {
        report: report(translated.utf8 && translated.widths.min == 0),
        whole: (translated.whole.into_bytes(), bits),
        before_newline: translated.before_newline.map(|text| (text.into_bytes(), bits)),
    })
}

/// Refuses what cannot be had of data in pieces.
fn fits_streams(prepared: Prepared, mode: u32, horizons: u32) -> Result<Prepared, Refusal> {
    let report = &prepared.report;
    if mode == MODE_STREAM && report.between_characters {
        return Err(Refusal::whole(
            "HS_FLAG_UTF8 with an expression that may match nothing is not supported in streams",
        ));
    }
    if mode == MODE_STREAM && report.flags & SOM_LEFTMOST != 0 && horizons == 0 {
        return Err(Refusal::whole("HS_FLAG_SOM_LEFTMOST in streams needs one of the HS_MODE_SOM_HORIZON modes"));
    }
    Ok(prepared)
}

impl Database {
    /// Compiles expressions; the first that is refused is told.
    pub fn compile(expressions: &[Expression<'_>], mode: u32) -> Result<Database, Failure> {
        let horizons = mode & MODE_SOM_HORIZONS;
        let whole_set = |message: &str| Failure { message: message.into(), expression: None };
        let mode = mode & !MODE_SOM_HORIZONS;
        match mode {
            MODE_STREAM if horizons.count_ones() > 1 => {
                return Err(whole_set("Invalid parameter: one of the HS_MODE_SOM_HORIZON modes at most."));
            }
            MODE_STREAM => {}
            _ if horizons != 0 => {
                return Err(whole_set("Invalid parameter: the HS_MODE_SOM_HORIZON modes are for HS_MODE_STREAM."));
            }
            MODE_BLOCK | MODE_VECTORED => {}
            _ => {
                let message = "Invalid parameter: mode must be HS_MODE_BLOCK, HS_MODE_STREAM or HS_MODE_VECTORED.";
                return Err(whole_set(message));
            }
        }
        let (mut reports, mut whole, mut cut) = (Vec::new(), Vec::new(), Vec::new());
        for (index, expression) in expressions.iter().enumerate() {
            let prepared = prepare(expression)
                .and_then(|prepared| fits_streams(prepared, mode, horizons))
                .map_err(|refusal| Failure { message: refusal.to_string(), expression: Some(index) })?;
            reports.push(prepared.report);
            whole.push((index, prepared.whole.0, prepared.whole.1));
            cut.extend(prepared.before_newline.map(|(text, flags)| (index, text, flags)));
        }
        Ok(Database {
            mode,
            reports,
            whole: Arc::new(compile_rules(&whole)?),
            before_newline: if cut.is_empty() { None } else { Some(Arc::new(compile_rules(&cut)?)) },
        })
    }

    /// Bytes that it takes.
    pub fn size(&self) -> usize {
        let rules = self.whole.memory_usage() + self.before_newline.as_ref().map_or(0, |rules| rules.memory_usage());
        size_of::<Self>() + self.reports.len() * size_of::<Report>() + rules as usize
    }

    /// As `hs_database_info` tells it.
    pub fn info(&self) -> String {
        let mode = match self.mode {
            MODE_BLOCK => "BLOCK",
            MODE_STREAM => "STREAM",
            _ => "VECTORED",
        };
        format!("Version: {} Features: libtrommel Mode: {mode}", crate::abi::VERSION)
    }
}

// ---- as bytes ----

const MAGIC: [u8; 8] = *b"TRMHSDB1";

/// What is wrong with bytes that should be a database.
#[derive(Debug, PartialEq, Eq)]
pub enum Damage {
    /// Not a database, cut short, or changed.
    Damaged,
    /// Of another version.
    OtherVersion,
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn bytes(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Damage::Damaged)?;
        self.0 = tail;
        Ok(head)
    }

    fn word(&mut self) -> Result<u64, Damage> {
        Ok(u64::from_le_bytes(self.bytes(8)?.try_into().expect("eight bytes")))
    }

    fn rules(&mut self) -> Result<Option<Rules>, Damage> {
        let length = usize::try_from(self.word()?).map_err(|_| Damage::Damaged)?;
        let bytes = self.bytes(length)?;
        if bytes.is_empty() {
            return Ok(None);
        }
        // The checksum over all of it was right: what is left is another version of the rules.
        Rules::deserialize(bytes).map(Some).map_err(|_| Damage::OtherVersion)
    }
}

impl Database {
    /// Bytes that [`Database::deserialize`] loads.
    pub fn serialize(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        let word = |value: u64, out: &mut Vec<u8>| out.extend(value.to_le_bytes());
        word(self.mode.into(), &mut out);
        word(self.reports.len() as u64, &mut out);
        for r in &self.reports {
            let numbers = [r.id.into(), r.flags.into(), r.limits.min_offset, r.limits.max_offset, r.limits.min_length];
            numbers.into_iter().chain([r.between_characters.into()]).for_each(|number| word(number, &mut out));
        }
        for rules in [Some(&self.whole), self.before_newline.as_ref()] {
            let bytes = rules.map_or_else(Vec::new, |rules| rules.serialize());
            word(bytes.len() as u64, &mut out);
            out.extend(bytes);
        }
        let sum = xxh3_64(&out);
        out.extend(sum.to_le_bytes());
        out
    }

    /// Everything is checked before anything is used.
    pub fn deserialize(bytes: &[u8]) -> Result<Database, Damage> {
        let (body, sum) = bytes.split_at_checked(bytes.len().wrapping_sub(8)).ok_or(Damage::Damaged)?;
        if !body.starts_with(&MAGIC[..7]) || sum != xxh3_64(body).to_le_bytes() {
            return Err(Damage::Damaged);
        }
        if !body.starts_with(&MAGIC) {
            return Err(Damage::OtherVersion);
        }
        let mut reader = Reader(&body[MAGIC.len()..]);
        let mode = reader.word()? as u32;
        let count = reader.word()?;
        let mut reports = Vec::new();
        for _ in 0..count {
            let (id, flags) = (reader.word()? as u32, reader.word()? as u32);
            let limits = Limits { min_offset: reader.word()?, max_offset: reader.word()?, min_length: reader.word()? };
            reports.push(Report { id, flags, limits, between_characters: reader.word()? != 0 });
        }
        let whole = reader.rules()?.ok_or(Damage::Damaged)?;
        let before_newline = reader.rules()?;
        let known = |rules: &Rules| rules.info().iter().all(|rule| (rule.id as usize) < reports.len());
        if !known(&whole) || !before_newline.as_ref().is_none_or(known) {
            return Err(Damage::Damaged);
        }
        Ok(Database { mode, reports, whole: Arc::new(whole), before_newline: before_newline.map(Arc::new) })
    }
}
