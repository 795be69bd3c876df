//! Vulkan memory that wgpu cannot give: device memory that stays mapped, and cached host memory that the device writes.
//!
//! Which kind a buffer lives in decides correctness, not only speed:
//! a running kernel sees the host's writes only in device memory, and the host sees the kernel's only in host memory.

use super::GpuError;
use ash::vk;
use std::ptr::NonNull;
use wgpu::hal::api::Vulkan;

/// Where a buffer lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Device memory that the host writes and never reads: slots, control words, input, tables.
    Mapped,
    /// Cached host memory that the device writes and never reads: completions, matches, reports.
    Cached,
}

/// What an adapter's memory offers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Heaps {
    pub device_bytes: u64,
    pub mapped_bytes: u64,
    pub has_cached: bool,
}

impl Heaps {
    /// None where the backend is not Vulkan.
    pub fn of(adapter: &wgpu::Adapter) -> Option<Heaps> {
        // SAFETY: the handle is only used to read properties, while the guard keeps the adapter alive.
        let hal = unsafe { adapter.as_hal::<Vulkan>() }?;
        let properties = properties(&hal);
        let heaps = properties.memory_heaps_as_slice();
        let device_bytes = heaps
            .iter()
            .filter(|heap| heap.flags.contains(vk::MemoryHeapFlags::DEVICE_LOCAL))
            .map(|heap| heap.size)
            .max()
            .unwrap_or(0);
        let mapped_bytes = find(&properties, u32::MAX, Place::Mapped)
            .map_or(0, |index| heaps[properties.memory_types[index as usize].heap_index as usize].size);
        let has_cached = find(&properties, u32::MAX, Place::Cached).is_some();
        Some(Heaps { device_bytes, mapped_bytes, has_cached })
    }
}

fn properties(adapter: &wgpu::hal::vulkan::Adapter) -> vk::PhysicalDeviceMemoryProperties {
    let instance = adapter.shared_instance().raw_instance();
    // SAFETY: the physical device belongs to this instance and both are alive.
    unsafe { instance.get_physical_device_memory_properties(adapter.raw_physical_device()) }
}

/// The memory type for `place` among those that `allowed` has a bit for.
fn find(properties: &vk::PhysicalDeviceMemoryProperties, allowed: u32, place: Place) -> Option<u32> {
    use vk::MemoryPropertyFlags as Flags;
    let wanted = match place {
        Place::Mapped => Flags::DEVICE_LOCAL | Flags::HOST_VISIBLE | Flags::HOST_COHERENT,
        Place::Cached => Flags::HOST_VISIBLE | Flags::HOST_COHERENT | Flags::HOST_CACHED,
    };
    let fits = |index: &u32| {
        allowed & (1 << index) != 0 && properties.memory_types[*index as usize].property_flags.contains(wanted)
    };
    let local = |index: u32| properties.memory_types[index as usize].property_flags.contains(Flags::DEVICE_LOCAL);
    // Where host and device share memory one type does both; elsewhere cached memory must not be the device's own.
    (0..properties.memory_type_count).filter(fits).min_by_key(|&index| place == Place::Cached && local(index))
}

/// A buffer of `Place` memory, mapped for its whole life and bound to a wgpu buffer.
pub(super) struct Buffer {
    pub wgpu: wgpu::Buffer,
    pointer: NonNull<u8>,
    // Order of drops: `wgpu` holds a second reference to the backing until no submission uses it, and the device must
    // outlive whichever of the two goes last.
    backing: std::sync::Arc<Backing>,
    _device: wgpu::Device,
}

/// The Vulkan objects; freed when the host's mapping and wgpu's buffer are both gone.
struct Backing {
    device: ash::Device,
    buffer: vk::Buffer,
    memory: vk::DeviceMemory,
}

// SAFETY: the pointer is to memory that lives as long as the value; who may touch which byte when is the protocol's
// business (slots.rs, completions.rs), not this type's, which only hands the pointer out.
unsafe impl Send for Buffer {}
// SAFETY: as above; the methods only read plain fields.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A zeroed buffer of at least `bytes` bytes.
    pub fn new(device: &wgpu::Device, label: &str, bytes: usize, place: Place) -> Result<Buffer, GpuError> {
        Self::shared(device, label, bytes, place, &[])
    }

    /// The same for several queue families at one time.
    pub fn shared(
        device: &wgpu::Device,
        label: &str,
        bytes: usize,
        place: Place,
        families: &[u32],
    ) -> Result<Buffer, GpuError> {
        let bytes = bytes.max(256).next_multiple_of(256);
        let failed = |what: &str, result: vk::Result| {
            GpuError::new(format!("{what} of {} KiB for {label} failed ({result})", bytes >> 10))
        };
        if crate::faults::gpu::allocation_fails() {
            return Err(failed("memory", vk::Result::ERROR_OUT_OF_DEVICE_MEMORY));
        }
        // SAFETY: the guard keeps the raw device alive through this block; every object made here is either handed to
        // `Backing`, which destroys it, or destroyed on the error path before returning.
        let (backing, pointer) = unsafe {
            let hal = device.as_hal::<Vulkan>().ok_or_else(|| GpuError::new("not a Vulkan device"))?;
            let raw = hal.raw_device();
            let mut info = vk::BufferCreateInfo::default()
                .size(bytes as u64)
                .usage(
                    vk::BufferUsageFlags::STORAGE_BUFFER
                        | vk::BufferUsageFlags::TRANSFER_SRC
                        | vk::BufferUsageFlags::TRANSFER_DST,
                )
                .sharing_mode(vk::SharingMode::EXCLUSIVE);
            if families.len() > 1 {
                info = info.sharing_mode(vk::SharingMode::CONCURRENT).queue_family_indices(families);
            }
            let buffer = raw.create_buffer(&info, None).map_err(|e| failed("a buffer", e))?;
            let needs = raw.get_buffer_memory_requirements(buffer);
            let properties =
                hal.shared_instance().raw_instance().get_physical_device_memory_properties(hal.raw_physical_device());
            let bound = find(&properties, needs.memory_type_bits, place)
                .ok_or(vk::Result::ERROR_FEATURE_NOT_PRESENT)
                .and_then(|index| {
                    let allocate =
                        vk::MemoryAllocateInfo::default().allocation_size(needs.size).memory_type_index(index);
                    raw.allocate_memory(&allocate, None)
                })
                .and_then(|memory| {
                    raw.bind_buffer_memory(buffer, memory, 0)
                        .and_then(|()| raw.map_memory(memory, 0, vk::WHOLE_SIZE, vk::MemoryMapFlags::empty()))
                        .map(|pointer| (memory, pointer))
                        .inspect_err(|_| raw.free_memory(memory, None))
                });
            let (memory, pointer) = match bound {
                Ok(bound) => bound,
                Err(e) => {
                    raw.destroy_buffer(buffer, None);
                    return Err(failed("memory", e));
                }
            };
            let backing = std::sync::Arc::new(Backing { device: raw.clone(), buffer, memory });
            (backing, NonNull::new(pointer.cast::<u8>()))
        };
        let pointer = pointer.ok_or_else(|| GpuError::new(format!("the driver mapped {label} to nothing")))?;
        // SAFETY: the mapping covers `bytes` and nobody else has seen it yet.
        unsafe { pointer.as_ptr().write_bytes(0, bytes) };
        let kept = backing.clone();
        // SAFETY: the raw buffer comes from this device, has the size and usages of the descriptor, is initialised, and
        // the callback's reference keeps it alive until wgpu has dropped its last use.
        let wgpu = unsafe {
            let hal =
                wgpu::hal::vulkan::Buffer::from_raw_externally_owned(backing.buffer, Box::new(move || drop(kept)));
            device.create_buffer_from_hal::<Vulkan>(
                hal,
                &wgpu::BufferDescriptor {
                    label: Some(label),
                    size: bytes as u64,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                },
            )
        };
        Ok(Buffer { wgpu, pointer, backing, _device: device.clone() })
    }

    /// The Vulkan buffer, alive as long as this.
    pub fn raw(&self) -> vk::Buffer {
        self.backing.buffer
    }

    /// First mapped byte.
    pub fn pointer(&self) -> *mut u8 {
        self.pointer.as_ptr()
    }

    /// The mapping as words.
    pub fn words(&self) -> *mut u32 {
        self.pointer.as_ptr().cast()
    }
}

impl Drop for Backing {
    fn drop(&mut self) {
        // SAFETY: both owners are gone (the `Buffer` and wgpu's last use), so nothing refers to buffer or memory;
        // freeing the memory unmaps it. The device is alive: `Buffer` holds it, and wgpu's buffer does.
        unsafe {
            self.device.destroy_buffer(self.buffer, None);
            self.device.free_memory(self.memory, None);
        }
    }
}
