//! A table's sections as slices, for executors.

use super::LiteralTable;
use super::layout::{Entry, GroupHeader, Hash, Slot, high_offset, low_mask};
use super::pairs::{self, Pairs, WidePairs};

/// A group and what it refers to.
#[derive(Clone, Copy)]
pub(crate) struct GroupView<'a> {
    pub window: usize,
    pub stride: usize,
    pub fold: u32,
    pub low_mask: u32,
    pub high_offset: usize,
    pub hash: Hash,
    pub filter_log2: u32,
    pub slots_log2: u32,
    pub max_chain: u32,
    pub filter: &'a [u32],
    pub slots: &'a [Slot],
    pub entries: &'a [Entry],
    /// Pair tables for executors that look up 64 bytes at once.
    pub wide_pairs: Option<&'a WidePairs>,
    /// What the pair tables leave was found for the group before.
    pub follows: bool,
    /// What is seldom needed is looked up when it is: short items would feel it.
    table: &'a LiteralTable,
    header: &'a GroupHeader,
}

/// The short literals' automaton and nibble tables.
#[derive(Clone, Copy)]
pub(crate) struct ShortView<'a> {
    pub classes: &'a [u8],
    pub next: &'a [u16],
    pub first_match: usize,
    pub width: usize,
    pub outs: &'a [u32],
    pub out: &'a [[u32; 2]],
    pub nibbles: &'a [[u8; 128]],
    pub lits: &'a [[u32; 2]],
    pub max_len: usize,
}

/// By group, its wide pair tables, if it has pair tables: a group that follows has those of the group before it.
pub(super) fn wide_pairs(table: &LiteralTable) -> Box<[Option<WidePairs>]> {
    let mut all: Vec<Option<WidePairs>> = Vec::new();
    let mut leader = 0;
    for i in 0..table.group_count() {
        let group = table.group(i);
        all.push(group.pairs().map(|_| [[0; 64]; 6]));
        leader = if group.follows { leader } else { i };
        if let Some(pairs) = &mut all[leader]
            && group.pairs().is_some()
        {
            for slot in group.slots.iter().filter(|slot| slot.count & Slot::COUNT != 0) {
                pairs::add_wide(pairs, slot.low, group.window);
            }
        }
    }
    for i in 1..all.len() {
        if table.group(i).follows {
            all[i] = all[i - 1];
        }
    }
    all.into()
}

impl LiteralTable {
    pub(crate) fn group_count(&self) -> usize {
        self.header.groups as usize
    }

    /// Groups behind group `i` that share its pair tables.
    pub(crate) fn followers(&self, i: usize) -> usize {
        let groups = &self.header.group[..self.group_count()];
        groups[i + 1..].iter().take_while(|group| group.follows != 0).count()
    }

    #[inline]
    pub(crate) fn group(&self, i: usize) -> GroupView<'_> {
        let words = self.words();
        let h = &self.header;
        let g: &GroupHeader = &h.group[i];
        let part = |at: u32, len: usize| &words[at as usize..at as usize + len];
        GroupView {
            window: g.window as usize,
            stride: g.stride as usize,
            fold: h.fold,
            low_mask: low_mask(g.window),
            high_offset: high_offset(g.window),
            hash: Hash { mul_low: g.mul_low, mul_high: g.mul_high },
            filter_log2: g.filter_log2,
            slots_log2: g.slots_log2,
            max_chain: g.max_chain,
            filter: part(g.filter_at, 1 << g.filter_log2),
            slots: bytemuck::cast_slice(part(g.slots_at, 4 << g.slots_log2)),
            entries: bytemuck::cast_slice(part(g.entries_at, 4 * g.entries as usize)),
            follows: g.follows != 0,
            wide_pairs: self.wide.get(i).and_then(Option::as_ref),
            table: self,
            header: g,
        }
    }

    pub(crate) fn short(&self) -> Option<ShortView<'_>> {
        let words = self.words();
        let s = &self.header.short;
        if s.states == 0 {
            return None;
        }
        let part = |at: u32, len: usize| &words[at as usize..at as usize + len];
        let numbers = (s.states * s.classes) as usize;
        let next: &[u16] = bytemuck::cast_slice(part(s.next_at, numbers.div_ceil(2)));
        Some(ShortView {
            classes: bytemuck::cast_slice(part(s.classes_at, 64)),
            next: &next[..numbers],
            first_match: s.first_match as usize,
            width: s.classes as usize,
            outs: part(s.outs_at, s.states as usize - s.first_match as usize / s.classes as usize + 1),
            out: bytemuck::cast_slice(part(s.out_at, 2 * s.out_len as usize)),
            nibbles: bytemuck::cast_slice(part(s.nibbles_at, 32 * s.nibble_groups as usize)),
            lits: bytemuck::cast_slice(part(s.lits_at, 16 * s.nibble_groups as usize)),
            max_len: s.max_len as usize,
        })
    }
}

impl<'a> GroupView<'a> {
    fn part(&self, at: u32, len: u32) -> &'a [u32] {
        &self.table.words()[at as usize..][..len as usize]
    }

    pub fn records(&self) -> &'a [u32] {
        self.part(self.table.header.bytes_at, self.table.header.bytes_words)
    }

    pub fn tags(&self) -> &'a [u32] {
        self.part(self.table.header.tags_at, self.table.header.tags_words)
    }

    /// See [`GroupHeader::nested_at`]; empty if no list is in the order of its bytes.
    pub fn nested(&self) -> &'a [u32] {
        self.part(self.header.nested_at, if self.header.nested_at == 0 { 0 } else { self.header.entries })
    }

    pub fn pairs(&self) -> Option<&'a Pairs> {
        let at = self.header.pairs_at;
        (at != 0).then(|| bytemuck::from_bytes(bytemuck::cast_slice(self.part(at, 48))))
    }

    /// Whole strides in so many bytes: a division by a number that is not known takes as long as a whole block of probes.
    #[inline]
    pub fn strides(&self, bytes: usize) -> usize {
        match self.stride {
            1 => bytes,
            2 => bytes / 2,
            3 => bytes / 3,
            _ => bytes / 4,
        }
    }

    /// Number of starts to probe in a text of `len` bytes.
    #[inline]
    pub fn probes(&self, len: usize) -> usize {
        if len < self.window { 0 } else { self.strides(len - self.window) + 1 }
    }
}
