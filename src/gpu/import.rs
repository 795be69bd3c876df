//! The callers' own memory as a source for the copy engines: where the driver allows, they read it where it is.

use super::Device;
use crate::engine::lock;
use ash::vk;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use wgpu::hal::api::Vulkan;

/// What can be asked of the driver for this.
pub(super) const EXTENSION: &std::ffi::CStr = ash::ext::external_memory_host::NAME;

/// A registered buffer.
pub(super) struct Import {
    base: *const u8,
    len: u64,
    /// As the copy engines know it, where there are any: otherwise a thread of ours copies.
    known: Option<Known>,
}

struct Known {
    raw: ash::Device,
    buffer: vk::Buffer,
    memory: vk::DeviceMemory,
    /// Whole pages are imported; so many bytes in front are not the caller's.
    before: u64,
    // The raw device is alive as long as this.
    _device: wgpu::Device,
}

// SAFETY: an address and a length that never change, of memory that any thread may read while it is registered.
unsafe impl Send for Import {}
// SAFETY: as above.
unsafe impl Sync for Import {}

impl Import {
    /// Imports memory.
    ///
    /// # Safety
    /// It stays readable for as long as this lives, or longer: while something of it is being copied.
    unsafe fn new(device: &Device, base: *const u8, len: u64) -> Result<Import, String> {
        let refused = |why: &dyn std::fmt::Display| format!("the driver does not import it ({why})");
        if crate::faults::gpu::import_fails() {
            return Err(refused(&"as a test asked for"));
        }
        let Some(copying) = &device.copying else { return Ok(Import { base, len, known: None }) };
        let alignment = copying.import_alignment.ok_or_else(|| refused(&"it cannot import host memory"))?;
        let before = base.addr() as u64 % alignment;
        let size = (before + len).next_multiple_of(alignment);
        let start = base.wrapping_sub(before as usize).cast_mut().cast();
        let kind = vk::ExternalMemoryHandleTypeFlags::HOST_ALLOCATION_EXT;
        // SAFETY: the guard keeps the device alive meanwhile, and `_device` does afterwards. What is made here is handed to
        // `Known`, which destroys it, or destroyed before returning. The memory is the caller's, in whole pages.
        let known = unsafe {
            let hal = device.wgpu.as_hal::<Vulkan>().ok_or_else(|| refused(&"not Vulkan"))?;
            let raw = hal.raw_device().clone();
            let extension = ash::ext::external_memory_host::Device::new(hal.shared_instance().raw_instance(), &raw);
            let mut properties = vk::MemoryHostPointerPropertiesEXT::default();
            let ask = extension.fp().get_memory_host_pointer_properties_ext;
            ask(raw.handle(), kind, start, &mut properties).result().map_err(|e| refused(&e))?;
            let mut external = vk::ExternalMemoryBufferCreateInfo::default().handle_types(kind);
            let info = vk::BufferCreateInfo::default()
                .size(size)
                .usage(vk::BufferUsageFlags::TRANSFER_SRC)
                .sharing_mode(vk::SharingMode::EXCLUSIVE)
                .push_next(&mut external);
            let buffer = raw.create_buffer(&info, None).map_err(|e| refused(&e))?;
            let needs = raw.get_buffer_memory_requirements(buffer);
            let types = needs.memory_type_bits & properties.memory_type_bits;
            let memory = match types.trailing_zeros() {
                32 => Err(vk::Result::ERROR_FEATURE_NOT_PRESENT),
                index => {
                    let mut import =
                        vk::ImportMemoryHostPointerInfoEXT::default().handle_type(kind).host_pointer(start);
                    let allocate = vk::MemoryAllocateInfo::default()
                        .allocation_size(size)
                        .memory_type_index(index)
                        .push_next(&mut import);
                    raw.allocate_memory(&allocate, None)
                }
            };
            let bound = memory.and_then(|memory| {
                raw.bind_buffer_memory(buffer, memory, 0).inspect_err(|_| raw.free_memory(memory, None))?;
                Ok(memory)
            });
            match bound {
                Ok(memory) => Known { raw, buffer, memory, before, _device: device.wgpu.clone() },
                Err(e) => {
                    raw.destroy_buffer(buffer, None);
                    return Err(refused(&e));
                }
            }
        };
        Ok(Import { base, len, known: Some(known) })
    }

    #[cfg(test)]
    pub fn for_tests(bytes: &[u8]) -> Import {
        Import { base: bytes.as_ptr(), len: bytes.len() as u64, known: None }
    }

    /// Where byte `at` of it lies.
    pub fn pointer(&self, at: u64) -> *const u8 {
        debug_assert!(at <= self.len);
        self.base.wrapping_add(at as usize)
    }

    /// The copy engines' buffer, and where byte `at` lies in it.
    pub fn source(&self, at: u64) -> Option<(vk::Buffer, u64)> {
        self.known.as_ref().map(|known| (known.buffer, known.before + at))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        // SAFETY: whoever copies holds the import, so nothing is copied out of it any more.
        unsafe {
            self.raw.destroy_buffer(self.buffer, None);
            self.raw.free_memory(self.memory, None);
        }
    }
}

/// The imported buffers of one arena, by where they begin in the input space.
#[derive(Default)]
pub(super) struct Imports {
    table: Mutex<BTreeMap<u32, Arc<Import>>>,
}

impl Imports {
    /// Imports a registered buffer; it is forgotten when what this gives is dropped.
    ///
    /// # Safety
    /// The memory stays readable until then.
    pub unsafe fn add(
        self: &Arc<Self>,
        device: &Device,
        begin: u32,
        base: *const u8,
        len: u64,
    ) -> Result<Box<dyn Any + Send + Sync>, String> {
        // SAFETY: passed on; copies on their way are waited for by the items that they are for.
        let import = Arc::new(unsafe { Import::new(device, base, len) }?);
        lock(&self.table).insert(begin, import.clone());
        Ok(Box::new(Kept { imports: self.clone(), begin, import }))
    }

    /// The import that an offset of the input space lies in, and where in it.
    pub fn find(&self, offset: u32) -> Option<(Arc<Import>, u64)> {
        let table = lock(&self.table);
        let (&begin, import) = table.range(..=offset).next_back()?;
        let at = u64::from(offset - begin);
        (at < import.len).then(|| (import.clone(), at))
    }
}

/// Keeps a buffer imported.
struct Kept {
    imports: Arc<Imports>,
    begin: u32,
    import: Arc<Import>,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut table = lock(&self.imports.table);
        // Another buffer may have this place by now.
        if table.get(&self.begin).is_some_and(|there| Arc::ptr_eq(there, &self.import)) {
            table.remove(&self.begin);
        }
    }
}

/// What addresses of imported memory have to be multiples of; `None`: the adapter does not import.
pub(super) fn alignment(adapter: &wgpu::hal::vulkan::Adapter) -> Option<u64> {
    let instance = adapter.shared_instance().raw_instance();
    // SAFETY: the physical device belongs to this instance and both are alive.
    unsafe {
        let extensions = instance.enumerate_device_extension_properties(adapter.raw_physical_device()).ok()?;
        let mut names = extensions.iter().filter_map(|extension| extension.extension_name_as_c_str().ok());
        names.any(|name| name == EXTENSION).then(|| {
            let mut host = vk::PhysicalDeviceExternalMemoryHostPropertiesEXT::default();
            let mut properties = vk::PhysicalDeviceProperties2::default().push_next(&mut host);
            instance.get_physical_device_properties2(adapter.raw_physical_device(), &mut properties);
            host.min_imported_host_pointer_alignment.max(1)
        })
    }
}

/// So that the arena's owner need not know of any of this.
impl crate::input::Owner for super::persistent::Arena {
    unsafe fn import(
        &self,
        begin: u32,
        base: *const u8,
        len: u64,
    ) -> Result<Option<Box<dyn Any + Send + Sync>>, String> {
        let Some(imports) = &self.imports else { return Ok(None) };
        // SAFETY: passed on.
        unsafe { imports.1.add(&imports.0, begin, base, len) }.map(Some)
    }
}
