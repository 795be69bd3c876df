//! A set's tables in one piece, as a device gets them: [`DeviceHeader`], then the parts that it tells of.
//!
//! They are the CPU's tables, word for word. `shaders/walk.wgsl` and `shaders/class_run.wgsl` read them.

use bytemuck::{Pod, Zeroable};

use super::Rules;
use super::tables::NONE;

/// Where the parts begin, in words from the header's first.
#[repr(C)]
#[derive(Clone, Copy, Debug, Pod, Zeroable)]
pub(crate) struct DeviceHeader {
    /// The table of strings, or `NONE`.
    pub literals_at: u32,
    pub use_starts_at: u32,
    pub uses_at: u32,
    /// `BranchTable`s.
    pub branches_at: u32,
    /// `Walk`s.
    pub walks_at: u32,
    /// 256 bytes each.
    pub classes_at: u32,
    pub rows_at: u32,
    /// `RunTable`s.
    pub runs_at: u32,
    pub runs: u32,
    pub spare: [u32; 7],
}

/// The strings begin where one of their sections may: on 64 bytes.
const ALIGN: usize = 16;

impl Rules {
    /// None if a device cannot address them.
    pub(crate) fn device_words(&self) -> Option<Vec<u32>> {
        let mut words = vec![0u32; size_of::<DeviceHeader>() / 4];
        let mut add = |part: &[u32]| {
            words.resize(words.len().next_multiple_of(ALIGN), 0);
            let at = u32::try_from(words.len()).ok();
            words.extend_from_slice(part);
            at
        };
        let header = DeviceHeader {
            literals_at: match &self.finder {
                Some(finder) => add(finder.words())?,
                None => NONE,
            },
            use_starts_at: add(&self.use_starts)?,
            uses_at: add(bytemuck::cast_slice(&self.uses))?,
            branches_at: add(bytemuck::cast_slice(&self.branches))?,
            walks_at: add(bytemuck::cast_slice(&self.walks.walks))?,
            classes_at: add(&little_endian(&self.walks.classes))?,
            rows_at: add(&self.walks.rows)?,
            runs_at: add(bytemuck::cast_slice(&self.runs))?,
            runs: self.runs.len() as u32,
            spare: [0; 7],
        };
        words[..size_of::<DeviceHeader>() / 4].copy_from_slice(bytemuck::cast_slice(std::slice::from_ref(&header)));
        Some(words)
    }
}

fn little_endian(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(|four| u32::from_le_bytes(four.try_into().expect("four bytes"))).collect()
}
