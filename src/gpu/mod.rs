//! The GPU rooms: which adapter, which memory, which kernel, and how leases of the resident kernel hand over.
//!
//! Everything below works on positions and 16-byte jobs; it knows nothing of engines, handles or the host ring.
//! `docs/resident-kernel.md` tells the whole story in order.

mod adapter;
pub mod batch;
mod build;
mod completions;
mod copy_engines;
mod copying;
mod depth;
mod device;
mod equal;
mod import;
mod layout;
mod lease;
mod lines;
mod memory;
pub mod persistent;
mod piece;
mod pipelines;
mod pool;
mod pump;
mod readback;
mod records;
mod selftest;
mod shader;
mod slots;
mod staging;
pub(crate) mod stores;
mod tables;
mod tend;
mod warmth;

pub use adapter::{ADAPTER_VARIABLE, AdapterInfo, AdapterKind, Choice, adapters};
#[cfg(feature = "faults")]
pub(crate) use completions::{plain, plain_run};
pub use device::{Device, Opened};
pub use layout::{Job, Probe, RawMatch, Run};
pub use pool::times_opened;
pub use records::ForHost;
#[cfg(feature = "faults")]
pub(crate) use records::{Where, seal, visit};
pub use shader::{BATCH, RESIDENT, compose};
pub use tables::{SetKind, SetSlot, TABLES, TableError};
#[cfg(feature = "faults")]
pub(crate) use {lines::write as write_items, slots::write as write_slots};

/// Why something on the GPU side could not be had, in a sentence for the caller.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct GpuError {
    /// What failed and what to do about it.
    pub message: String,
}

impl GpuError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into() }
    }
}
