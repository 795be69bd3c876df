//! The literal tier's tables: any number of byte strings, found all at once.
//!
//! A [`LiteralTable`] is compiled once and is one blob of bytes from then on (layout: [`layout`]): the CPU's
//! executors (`scan::literal`), the device and a saved file read the same words. How it finds:
//!
//! 1. Of each literal one *window* of a few bytes is chosen, rare in ordinary text and shared with few other
//!    literals ([`windows`]). With a stride of s only every s-th byte of the text is looked at, and each literal
//!    owns one window for each of the s ways it may lie.
//! 2. The text's windows are hashed and looked up in a blocked Bloom filter; few survive.
//! 3. A survivor's slot holds the window itself, so what passes is a true window, and leads to the list of the
//!    literals that own it. A check word from elsewhere in the literal dismisses most of them,
//!    a comparison of all bytes decides.
//! 4. Literals too short for that go to a small automaton, or to groups with shorter windows if there are very many.
//!
//! Work per byte of text is bounded whatever the text: at most one filter probe per group, at most
//! `max_chain` slots and at most [`LiteralTable::max_list`] entries, never more than 64, each with one word compared (and,
//! where that word agrees, one literal compared), or eight bisections of one list; and one step of the automaton.

mod blob;
mod build;
mod check;
mod entries;
pub(crate) mod layout;
mod ordinary;
pub(crate) mod pairs;
mod rarity;
mod short;
pub(crate) mod view;
mod windows;

use blob::Blob;
use layout::Header;

/// One string to look for.
#[derive(Clone, Copy, Debug)]
pub struct Literal<'a> {
    /// The bytes: at least one, any values.
    pub bytes: &'a [u8],
    /// Match ASCII letters in either case.
    pub caseless: bool,
    /// What a match reports. Need not be unique.
    pub tag: u32,
}

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Threads that may be used. One is enough as yet: 100,000 literals compile in about a second.
    pub threads: u32,
    /// Refuse tables of more bytes than this; 0: no limit.
    pub max_memory: u64,
    /// Windows of this many bytes at this stride instead of the choice by cost. Tests and benchmarks only.
    pub plan: Option<Plan>,
}

/// The shape of the main group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Bytes of a window, 3..=8.
    pub window: u32,
    /// Distance of probed starts, 1..=4.
    pub stride: u32,
}

/// Why there is no table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// A literal without bytes, which would match everywhere.
    #[error("literal {index} is empty: leave it out or give it at least one byte")]
    Empty {
        /// Its index in the list.
        index: usize,
    },
    /// The table would be larger than allowed.
    #[error(
        "the literals' tables need {needed} bytes, more than the {limit} allowed: raise the limit or split the set"
    )]
    Memory {
        /// Bytes needed.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
}

/// Why a blob is not a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("damaged literal table: {0}")]
pub struct Damaged(pub(crate) &'static str);

/// Compiled literals. Immutable; share it among threads freely.
#[derive(Clone)]
pub struct LiteralTable {
    blob: Blob,
    header: Header,
    /// See [`view::wide_pairs`].
    wide: Box<[Option<pairs::WidePairs>]>,
}

impl std::fmt::Debug for LiteralTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiteralTable").field("header", &self.header).finish_non_exhaustive()
    }
}

#[cfg(not(target_endian = "little"))]
compile_error!("literal tables are little-endian words used in place");

impl LiteralTable {
    /// Compiles `literals`. Equal literals are kept once; all their tags are reported.
    pub fn build(literals: &[Literal<'_>], options: &BuildOptions) -> Result<Self, BuildError> {
        build::build(literals, options)
    }

    /// The table's bytes, as [`LiteralTable::from_bytes`] takes them.
    pub fn as_bytes(&self) -> &[u8] {
        self.blob.bytes()
    }

    /// A table from bytes of [`LiteralTable::as_bytes`], at any alignment. Every offset, count and index is
    /// checked: a table that this returns can find wrong things if its bytes were changed (a checksum is the
    /// caller's to keep), but it reads nothing outside itself and the text, and it cannot hang.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Damaged> {
        let blob = Blob::from_bytes(bytes).ok_or(Damaged("not a whole number of 64-byte lines"))?;
        Self::from_blob(blob)
    }

    fn from_blob(blob: Blob) -> Result<Self, Damaged> {
        let header = check::check(blob.words())?;
        Ok(Self::new(blob, header))
    }

    fn new(blob: Blob, header: Header) -> Self {
        let mut table = Self { blob, header, wide: Box::default() };
        table.wide = view::wide_pairs(&table);
        table
    }

    /// All words, as a device gets them.
    pub(crate) fn words(&self) -> &[u32] {
        self.blob.words()
    }

    /// The number of different literals.
    pub fn len(&self) -> usize {
        self.header.literals as usize
    }

    /// True if there is nothing to find.
    pub fn is_empty(&self) -> bool {
        self.header.literals == 0
    }

    /// The longest literal, in bytes.
    pub fn max_len(&self) -> usize {
        self.header.max_len as usize
    }

    /// The most literals that are looked at for one probed byte, at most 64: of those that share a window, in a long list those
    /// alone that a bisection leaves, or one for each bisection.
    pub fn max_list(&self) -> usize {
        self.header.max_list as usize
    }

    /// A line for people: groups, windows, sizes.
    pub fn describe(&self) -> String {
        let h = &self.header;
        let mut text = format!("{} literals, {} bytes", h.literals, self.as_bytes().len());
        for g in &h.group[..h.groups as usize] {
            text += &format!(
                "; windows of {} at stride {}: {} windows, {} entries, longest list {}, chain {}, filter {} KiB, slots {} KiB",
                g.window,
                g.stride,
                g.windows,
                g.entries,
                g.max_list,
                g.max_chain,
                4 << g.filter_log2 >> 10,
                16 << g.slots_log2 >> 10
            );
            if g.pairs_at != 0 {
                text += if g.follows == 0 { ", pairs" } else { ", the same pairs" };
            }
        }
        if h.short.states > 0 {
            text += &format!("; automaton of {} states, {} classes", h.short.states, h.short.classes);
        }
        text
    }
}
