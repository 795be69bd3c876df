//! The blob that a table lives in: words on 64-byte boundaries.

use bytemuck::{Pod, Zeroable};

use super::layout::SECTION_ALIGN;

#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u32; SECTION_ALIGN]);

/// Words, 64-byte aligned. A little-endian host is assumed throughout (checked in `mod.rs`).
#[derive(Clone, Default)]
pub(crate) struct Blob {
    lines: Vec<Line>,
}

impl Blob {
    pub fn words(&self) -> &[u32] {
        bytemuck::cast_slice(&self.lines)
    }

    pub fn words_mut(&mut self) -> &mut [u32] {
        bytemuck::cast_slice_mut(&mut self.lines)
    }

    pub fn bytes(&self) -> &[u8] {
        bytemuck::cast_slice(&self.lines)
    }

    /// A zeroed section of `words` words; returns where it starts.
    pub fn section(&mut self, words: usize) -> usize {
        let at = self.lines.len() * SECTION_ALIGN;
        self.lines.resize(self.lines.len() + words.div_ceil(SECTION_ALIGN), Line([0; SECTION_ALIGN]));
        at
    }

    /// A section that holds `data`.
    pub fn push<T: Pod>(&mut self, data: &[T]) -> usize {
        let bytes: &[u8] = bytemuck::cast_slice(data);
        let at = self.section(bytes.len().div_ceil(4));
        bytemuck::cast_slice_mut::<u32, u8>(&mut self.words_mut()[at..])[..bytes.len()].copy_from_slice(bytes);
        at
    }

    /// Copies a blob from anywhere, aligned or not. None: not a whole number of lines.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes.is_empty() || !bytes.len().is_multiple_of(SECTION_ALIGN * 4) {
            return None;
        }
        let mut blob = Self::default();
        blob.push(bytes);
        Some(blob)
    }
}
