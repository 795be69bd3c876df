//! The GPUs of this machine.

use super::call::{call, check_strides, out};
use crate::status::*;
use std::ffi::c_char;

/// `trm_adapter.drains`: an engine can run a resident kernel there.
pub const TRM_ADAPTER_PERSISTENT: u32 = 1;
/// `trm_adapter.drains`: an engine can dispatch batches there.
pub const TRM_ADAPTER_BATCH: u32 = 2;

/// `trm_adapter.kind`: something else.
pub const TRM_ADAPTER_OTHER: u32 = 0;
/// `trm_adapter.kind`: a GPU of its own, with memory of its own.
pub const TRM_ADAPTER_DISCRETE: u32 = 1;
/// `trm_adapter.kind`: a GPU that shares the host's memory.
pub const TRM_ADAPTER_INTEGRATED: u32 = 2;
/// `trm_adapter.kind`: the driver runs on the CPU.
pub const TRM_ADAPTER_SOFTWARE: u32 = 3;
/// `trm_adapter.kind`: a virtual machine's part of a GPU.
pub const TRM_ADAPTER_VIRTUAL: u32 = 4;

/// One GPU, as one backend sees it. Texts are NUL-terminated UTF-8.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_adapter {
    /// Number to choose it by in `trm_options.adapter`.
    pub index: u32,
    /// `TRM_ADAPTER_DISCRETE` and its like.
    pub kind: u32,
    /// `TRM_ADAPTER_PERSISTENT | TRM_ADAPTER_BATCH`, or a part of them.
    pub drains: u32,
    /// Unused; 0.
    pub reserved: u32,
    /// Bytes of its own memory; 0 where the backend does not say.
    pub memory_bytes: u64,
    /// Of those, bytes that the host can write directly.
    pub host_mapped_bytes: u64,
    /// The GPU's name.
    pub name: [c_char; 128],
    /// "vulkan", "metal", "dx12" or "gl".
    pub backend: [c_char; 16],
    /// The driver and its version.
    pub driver: [c_char; 128],
    /// Why a drain is missing in `drains`; empty where none is.
    pub why_not: [c_char; 256],
}

/// Lists the GPUs. No GPU, no driver or a broken driver is a list of 0.
///
/// @param out       receives the first `capacity` of them; may be NULL where `capacity` is 0
/// @param stride    `sizeof(trm_adapter)` of the caller; a smaller one gets the first so many bytes of each
/// @param capacity  how many fit
/// @param count     receives how many there are
/// @return TRM_OK; TRM_ERR_BUFFER: there are more than `capacity`; TRM_ERR_NULL; TRM_ERR_INVALID: `stride` is below 16
///
/// Any thread. It may take a second: drivers are loaded.
///
/// # Safety
/// `out` is NULL or points to `capacity * stride` writable bytes; `count` is NULL or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_adapters(
    out_: *mut trm_adapter,
    stride: usize,
    capacity: usize,
    count: *mut usize,
) -> trm_status {
    call(|| {
        // SAFETY: passed on.
        let count = unsafe { out(count) }?;
        *count = 0;
        if capacity > 0 && out_.is_null() {
            return Err(TRM_ERR_NULL.into());
        }
        check_strides(capacity, stride, 16)?;
        let found = list();
        *count = found.len();
        for (i, adapter) in found.iter().take(capacity).enumerate() {
            // SAFETY: the caller says that `capacity * stride` bytes are there; no more than `stride` of each are
            // written, and the source has `size_of` of them.
            unsafe {
                let to = out_.cast::<u8>().add(i * stride);
                to.copy_from_nonoverlapping(std::ptr::from_ref(adapter).cast(), stride.min(size_of::<trm_adapter>()));
                if stride > size_of::<trm_adapter>() {
                    to.add(size_of::<trm_adapter>()).write_bytes(0, stride - size_of::<trm_adapter>());
                }
            }
        }
        Ok(if found.len() > capacity { TRM_ERR_BUFFER } else { TRM_OK })
    })
}

#[cfg(not(feature = "gpu"))]
fn list() -> Vec<trm_adapter> {
    Vec::new()
}

#[cfg(feature = "gpu")]
fn list() -> Vec<trm_adapter> {
    crate::gpu::adapters().iter().map(describe).collect()
}

#[cfg(feature = "gpu")]
fn describe(info: &crate::gpu::AdapterInfo) -> trm_adapter {
    use super::call::put_text;
    use crate::gpu::AdapterKind;
    let mut adapter = trm_adapter {
        index: info.index,
        kind: match info.kind {
            AdapterKind::Discrete => TRM_ADAPTER_DISCRETE,
            AdapterKind::Integrated => TRM_ADAPTER_INTEGRATED,
            AdapterKind::Software => TRM_ADAPTER_SOFTWARE,
            AdapterKind::Virtual => TRM_ADAPTER_VIRTUAL,
            AdapterKind::Other => TRM_ADAPTER_OTHER,
        },
        drains: u32::from(info.persistent) * TRM_ADAPTER_PERSISTENT + u32::from(info.batch) * TRM_ADAPTER_BATCH,
        reserved: 0,
        memory_bytes: info.memory_bytes,
        host_mapped_bytes: info.host_mapped_bytes,
        name: [0; 128],
        backend: [0; 16],
        driver: [0; 128],
        why_not: [0; 256],
    };
    put_text(&mut adapter.name, &info.name);
    put_text(&mut adapter.backend, &info.backend.to_lowercase());
    put_text(&mut adapter.driver, &info.driver);
    put_text(&mut adapter.why_not, &info.why_not);
    adapter
}
