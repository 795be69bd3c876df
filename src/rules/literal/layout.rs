//! The layout of a literal table: one blob of little-endian u32 words, the same bytes for the CPU, the
//! device and a file. Every offset is in words from the blob's start; every section starts on a multiple
//! of 64 bytes.
//!
//! | section | what it holds |
//! | --- | --- |
//! | [`Header`] | 64 words: sizes, offsets, up to [`MAX_GROUPS`] groups' headers |
//! | filter (one a group) | `1 << filter_log2` words of a blocked Bloom filter, see [`Hash`] |
//! | slots (one a group) | `1 << slots_log2` [`Slot`]s: which windows exist, open addressing |
//! | entries (one a group) | [`Entry`] lists: the literals that own a window |
//! | nested (one a group, if a list needs it) | a word for each entry: which lists are in the order of their bytes |
//! | bytes | a record for each literal: its length, then its bytes padded to words |
//! | tags | lists `count, tag, tag, ..` of literals that carry several tags |
//! | short | the automaton of the short literals, see [`ShortHeader`] |

use bytemuck::{Pod, Zeroable};

/// First word of every table.
pub(crate) const MAGIC: u32 = u32::from_le_bytes(*b"TLIT");
/// Raised whenever the meaning of any word changes.
pub(crate) const VERSION: u32 = 3;
/// Words in front of the first section.
pub(crate) const HEADER_WORDS: usize = 128;
/// Words that a section's start is a multiple of (64 bytes).
pub(crate) const SECTION_ALIGN: usize = 16;
/// One group of long literals, and at most one for each short length.
pub(crate) const MAX_GROUPS: usize = 5;
/// ASCII letters of four bytes folded to one case (other bytes collide too: compared exactly later).
pub(crate) const FOLD: u32 = 0x2020_2020;

/// The places in a window that a group's pair tables tell about.
pub(crate) const PAIRS: [(usize, usize); 6] = [(0, 1), (1, 2), (2, 3), (0, 2), (1, 3), (0, 3)];

/// The blob's first words.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Header {
    pub magic: u32,
    pub version: u32,
    /// Length of the whole blob.
    pub total_words: u32,
    /// [`FOLD`] if any literal is caseless (then every window and check word is folded), else 0.
    pub fold: u32,
    /// Distinct literals.
    pub literals: u32,
    /// Longest literal in bytes.
    pub max_len: u32,
    /// The most entries of any group that are looked at for one probed byte, bisections aside.
    pub max_list: u32,
    pub groups: u32,
    pub bytes_at: u32,
    pub bytes_words: u32,
    pub tags_at: u32,
    pub tags_words: u32,
    pub short: ShortHeader,
    pub group: [GroupHeader; MAX_GROUPS],
    pub spare: [u32; 24],
}

/// Where the short literals' tables lie. All zero if there are none.
///
/// The automaton: `classes` maps a byte to its class; `next[state + class]` is the next state, where a
/// state is its row's first index (u16, so the rows hold at most 65,536 numbers). States from `first_match`
/// on are those where a literal ends; `outs[row number - first matching row number]` is the first of their
/// outs, up to the following number. The nibble tables repeat the same literals for byte shuffles:
/// in lane group `i` bit `b` stands for `lits[8 i + b]`, and the literal may start at a byte if its bit is set in
/// `low[k][byte k & 15] & high[k][byte k >> 4]` for every k in 0..4.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct ShortHeader {
    /// 64 words: the class of each byte.
    pub classes_at: u32,
    pub classes: u32,
    /// `states * classes` u16 numbers, padded to words.
    pub next_at: u32,
    pub states: u32,
    pub first_match: u32,
    /// One word for each matching state and one more.
    pub outs_at: u32,
    /// Pairs of words: tag, length.
    pub out_at: u32,
    pub out_len: u32,
    /// 32 words for each group of eight literals: low nibbles of bytes 0..4, then high nibbles.
    pub nibbles_at: u32,
    /// Groups of eight literals; 0 if there are too many literals for this.
    pub nibble_groups: u32,
    /// Pairs of words for each bit: tag, length (0: no literal).
    pub lits_at: u32,
    pub max_len: u32,
}

/// A group: literals that are found by windows of one length, probed at every `stride`-th byte of the text.
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct GroupHeader {
    /// Bytes of a window, 1..=8.
    pub window: u32,
    /// Distance of the probed starts, 1..=4; start 0 of the text is probed.
    pub stride: u32,
    pub filter_at: u32,
    pub filter_log2: u32,
    pub slots_at: u32,
    pub slots_log2: u32,
    pub entries_at: u32,
    pub entries: u32,
    /// Longest chain of slots to look at; less than the number of slots.
    pub max_chain: u32,
    pub mul_low: u32,
    pub mul_high: u32,
    /// The most entries of one list that are looked at.
    pub max_list: u32,
    /// Number of different windows.
    pub windows: u32,
    /// Pair tables in front of this group, or 0: 48 words, for windows of two to four bytes at stride 1. For each of [`PAIRS`] 32 bytes: bit `b & 7` of byte
    /// `a + 16 * (b >> 3)` says that some window has the low nibbles `a` and `b` at the pair's two places.
    /// A window of less than four bytes has all nibbles at the places behind it.
    pub pairs_at: u32,
    /// 1: its pair tables are those of the group before it.
    pub follows: u32,
    /// A word for each entry, or 0 if no list is in the order of its bytes: [`Entry::UNORDERED`] in other lists; else the
    /// entry of the longest literal of the same run that this one begins with, which lies before it, or [`Entry::ALONE`].
    pub nested_at: u32,
}

/// One window: its first four bytes and its last four (equal or overlapping for windows of less than
/// eight), folded as the table says. A chain is walked from the hash's slot on, while `count` has [`Slot::MORE`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Slot {
    pub low: u32,
    pub high: u32,
    /// First entry of the list.
    pub first: u32,
    /// Number of entries (0: the slot is free), and [`Slot::MORE`].
    pub count: u32,
}

impl Slot {
    /// Set if a window that belongs at or before this slot lies behind it.
    pub const MORE: u32 = 1 << 31;
    /// The bits of `count` that count.
    pub const COUNT: u32 = Slot::MORE - 1;
}

/// One literal at one window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct Entry {
    /// Its record in the bytes section, in words from the section's start.
    pub record: u32,
    /// Its tag, or with [`Entry::TAG_LIST`] where its tags start in the tags section.
    pub tag: u32,
    /// Four of the literal's bytes, folded, preferably outside the window.
    pub check: u32,
    /// Bits 0..8: the window's offset in the literal. 8..16: the check word's offset from the window's
    /// start, signed. 16..28: the literal's length, or 4095 if it is longer. 28..32: flags.
    pub meta: u32,
}

impl Entry {
    /// Compare without regard to ASCII case; the record holds lower case.
    pub const CASELESS: u32 = 1 << 28;
    /// Several literals' worth of tags.
    pub const TAG_LIST: u32 = 1 << 29;
    /// The literal has less than four bytes: no check word.
    pub const NO_CHECK: u32 = 1 << 30;
    /// Window and check word together prove the literal: nothing more to compare.
    pub const PROVEN: u32 = 1 << 31;
    /// Lists of more entries than this are in order: first those whose check word lies elsewhere than the last one's, then the
    /// others by their check words. Where those leave more than [`Entry::MAX_LIST`] literals, the list is in the order of
    /// [`Entry::run`] and then of the literals' bytes instead.
    pub const LONG_LIST: usize = 16;
    /// The most entries of a list that are looked at for one probed byte, bisections aside.
    pub const MAX_LIST: usize = 64;
    /// In a list in the order of its bytes no window lies further behind its literal's start than this.
    pub const NEAR: usize = 4;
    /// In `nested`: this list is not in the order of its bytes.
    pub const UNORDERED: u32 = u32::MAX;
    /// In `nested`: no other literal of the run begins this one.
    pub const ALONE: u32 = u32::MAX - 1;
    /// The greatest length that `meta` can say.
    pub const LEN_MAX: u32 = 0xfff;
    /// The greatest offset of a window in its literal.
    pub const OFFSET_MAX: usize = 255;

    pub fn offset(&self) -> usize {
        (self.meta & 0xff) as usize
    }

    pub fn delta(&self) -> isize {
        (self.meta >> 8) as u8 as i8 as isize
    }

    /// What literals that are compared by their bytes must have in common: where the window lies, and their case rule.
    pub fn run(&self) -> (bool, usize) {
        (self.meta & Entry::CASELESS != 0, self.offset())
    }

    /// Whether the check words of both lie at one place.
    pub fn beside(&self, other: &Entry) -> bool {
        const PLACE: u32 = 0xff << 8 | Entry::NO_CHECK;
        (self.meta ^ other.meta) & PLACE == 0
    }

    pub fn short_len(&self) -> usize {
        (self.meta >> 16 & Self::LEN_MAX) as usize
    }
}

/// How a window is hashed: the one definition that tables, executors and shaders share.
///
/// `low` and `high` are the window's first and last four bytes as little-endian words (a window of less
/// than four bytes: masked to its length, `high == low`), folded if the table folds. The top `filter_log2`
/// bits of the hash pick the filter's word; the bits `31 - (hash & 31)` and `31 - (hash >> 5 & 31)` of it are
/// set for a window that exists (so an executor shifts left and looks at the sign).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hash {
    pub mul_low: u32,
    pub mul_high: u32,
}

impl Hash {
    /// Spreads the hash again for the slot: its top `slots_log2` bits are the slot.
    pub const SLOT_MUL: u32 = 0xC2B2_AE35;

    #[inline(always)]
    pub fn of(self, low: u32, high: u32) -> u32 {
        let h = low.wrapping_mul(self.mul_low).wrapping_add(high.wrapping_mul(self.mul_high));
        h ^ h >> 15
    }

    #[inline(always)]
    pub fn slot(hash: u32, slots_log2: u32) -> usize {
        (hash.wrapping_mul(Self::SLOT_MUL) >> (32 - slots_log2)) as usize
    }

    #[inline(always)]
    pub fn filter_bits(hash: u32) -> u32 {
        (0x8000_0000 >> (hash & 31)) | (0x8000_0000 >> (hash >> 5 & 31))
    }

    /// The constants of attempt `n`: a set that makes a chain too long gets the next.
    pub fn attempt(n: u32) -> Self {
        let mut x = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(u64::from(n) * 2 + 1);
        x ^= x >> 29;
        x = x.wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^= x >> 32;
        Self { mul_low: (x >> 32) as u32 | 1, mul_high: x as u32 | 1 }
    }
}

/// The four bytes' mask of a window of `window` bytes.
pub(crate) fn low_mask(window: u32) -> u32 {
    if window >= 4 { u32::MAX } else { (1 << (8 * window)) - 1 }
}

/// Where a window's last word starts, from the window's start.
pub(crate) fn high_offset(window: u32) -> usize {
    window.saturating_sub(4) as usize
}

/// Reads window words from bytes that may be too few: missing bytes read as zero.
pub(crate) fn word_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    let rest = bytes.get(at..).unwrap_or_default();
    let n = rest.len().min(4);
    word[..n].copy_from_slice(&rest[..n]);
    u32::from_le_bytes(word)
}
