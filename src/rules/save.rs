//! Rule sets as bytes: written once, loaded without compiling.
//!
//! A header of 64 bytes, a list of sections, the sections: the tables as they are used, each at a multiple of 64. All
//! numbers are little-endian. Before anything is used, the reader checks in this order: magic, version, target, length,
//! checksum of every byte, Unicode tables, and that every index and offset in every table stays inside.
//! Rules that no table finds (the host tier) are compiled again while loading; their oracles, like all, when first needed.

use bytemuck::{Pod, Zeroable, bytes_of, cast_slice};
use once_cell::race::OnceBox;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, HirKind};
use xxhash_rust::xxh3::Xxh3;

use super::info::SavedInfo;
use super::{Rules, Semantics, Texts};

pub(super) const MAGIC: [u8; 8] = *b"TROMMEL\x1a";
/// Changes whenever a table changes its form or its meaning.
pub(super) const VERSION: u32 = 2;
/// Reads differently where bytes lie in another order.
pub(super) const TARGET: u32 = 0x0102_0304;
/// Sections start at multiples of this.
const ALIGN: usize = 64;

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct Header {
    pub magic: [u8; 8],
    pub version: u32,
    pub target: u32,
    /// Bytes of the whole.
    pub length: u64,
    /// Of all bytes, these eight taken as 0.
    pub checksum: u64,
    /// Fingerprint of the Unicode tables that the rules were compiled with; 0: they need none.
    pub unicode: u64,
    pub semantics: u32,
    pub sections: u32,
    pub memory: u64,
    pub reserved: u64,
}

/// Where the checksum lies.
pub(super) const CHECKSUM: std::ops::Range<usize> = 24..32;

#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(super) struct Section {
    pub kind: u32,
    pub zero: u32,
    pub offset: u64,
    pub length: u64,
}

/// The kinds of sections, in the order in which they are written.
pub(super) mod kind {
    pub const RULES: u32 = 1;
    pub const INFO: u32 = 2;
    pub const WHY: u32 = 3;
    pub const WHY_ENDS: u32 = 4;
    pub const FACTORS: u32 = 5;
    pub const FACTOR_ENDS: u32 = 6;
    pub const TEXTS: u32 = 7;
    pub const TEXT_ENDS: u32 = 8;
    pub const STRINGS: u32 = 9;
    pub const USE_STARTS: u32 = 10;
    pub const USES: u32 = 11;
    pub const RUNS: u32 = 12;
    pub const BRANCHES: u32 = 13;
    pub const WALKS: u32 = 14;
    pub const CLASSES: u32 = 15;
    pub const ROWS: u32 = 16;
    pub const HOSTS: u32 = 17;
    pub const COUNT: usize = 17;
}

/// The checksum of a saved set.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&bytes[..CHECKSUM.start]);
    hash.update(&[0; 8]);
    hash.update(&bytes[CHECKSUM.end..]);
    hash.digest()
}

/// Tells Unicode tables apart: a hash over what classes and case folding they give. Never 0.
pub(super) fn unicode_fingerprint() -> u64 {
    // Made twice rather than waited for: a child that is forked meanwhile would wait for ever.
    static FINGERPRINT: OnceBox<u64> = OnceBox::new();
    *FINGERPRINT.get_or_init(|| {
        let mut hash = Xxh3::new();
        for text in ["\\w", "\\d", "\\s", "\\p{L}", "\\p{Greek}", "(?i)\\p{Lu}", "\\p{M}"] {
            let hir = ParserBuilder::new().build().parse(text);
            let Ok(HirKind::Class(Class::Unicode(class))) = hir.map(regex_syntax::hir::Hir::into_kind) else {
                continue;
            };
            for range in class.ranges() {
                hash.update(&(range.start() as u32).to_le_bytes());
                hash.update(&(range.end() as u32).to_le_bytes());
            }
        }
        Box::new(hash.digest() | 1)
    })
}

impl Rules {
    /// The set as bytes for `deserialize`, to be kept as long as library and Unicode tables stay the same.
    pub fn serialize(&self) -> Vec<u8> {
        let info = SavedInfo::from(self.info());
        let mut hosts: Vec<u32> = self.groups.iter().flat_map(|group| group.rules.iter().copied()).collect();
        hosts.extend(&self.always);
        hosts.sort_unstable();
        let strings = self.finder.as_ref().map_or(&[][..], |finder| finder.as_bytes());
        let Texts { bytes: texts, ends: text_ends } = &self.texts;
        let parts: [(u32, &[u8]); kind::COUNT] = [
            (kind::RULES, cast_slice(&self.rules)),
            (kind::INFO, cast_slice(&info.records)),
            (kind::WHY, &info.why.bytes),
            (kind::WHY_ENDS, cast_slice(&info.why.ends)),
            (kind::FACTORS, &info.factors.bytes),
            (kind::FACTOR_ENDS, cast_slice(&info.factors.ends)),
            (kind::TEXTS, texts),
            (kind::TEXT_ENDS, cast_slice(text_ends)),
            (kind::STRINGS, strings),
            (kind::USE_STARTS, cast_slice(&self.use_starts)),
            (kind::USES, cast_slice(&self.uses)),
            (kind::RUNS, cast_slice(&self.runs)),
            (kind::BRANCHES, cast_slice(&self.branches)),
            (kind::WALKS, cast_slice(&self.walks.walks)),
            (kind::CLASSES, &self.walks.classes),
            (kind::ROWS, cast_slice(&self.walks.rows)),
            (kind::HOSTS, cast_slice(&hosts)),
        ];
        // One string needs no Unicode tables; whatever else there is may have been made with them.
        let needs_unicode = !self.branches.is_empty() || !hosts.is_empty();
        let mut header = Header {
            magic: MAGIC,
            version: VERSION,
            target: TARGET,
            unicode: if needs_unicode { unicode_fingerprint() } else { 0 },
            semantics: match self.semantics {
                Semantics::Leftmost => 0,
                Semantics::AllEnds => 1,
            },
            sections: kind::COUNT as u32,
            memory: self.memory,
            ..Header::zeroed()
        };
        let mut out = vec![0u8; size_of::<Header>() + kind::COUNT * size_of::<Section>()];
        for (i, (kind, bytes)) in parts.into_iter().enumerate() {
            out.resize(out.len().next_multiple_of(ALIGN), 0);
            let section = Section { kind, zero: 0, offset: out.len() as u64, length: bytes.len() as u64 };
            out.extend_from_slice(bytes);
            let at = size_of::<Header>() + i * size_of::<Section>();
            out[at..at + size_of::<Section>()].copy_from_slice(bytes_of(&section));
        }
        header.length = out.len() as u64;
        out[..size_of::<Header>()].copy_from_slice(bytes_of(&header));
        let sum = checksum(&out);
        out[CHECKSUM].copy_from_slice(&sum.to_le_bytes());
        out
    }
}
