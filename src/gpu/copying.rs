//! The queues of a GPU's copy engines, which wgpu does not open by itself. They copy from host memory to the device's
//! while its compute units are busy with the resident kernel.

use super::import;
use ash::vk;
use wgpu::hal::api::Vulkan;

/// Queues of one family that copies and does nothing else.
pub(super) struct CopyQueues {
    pub family: u32,
    pub queues: Vec<vk::Queue>,
    /// They can read the callers' memory where it is: its addresses are to be multiples of this.
    pub import_alignment: Option<u64>,
}

/// Two keep the link busy: while one begins a submission the other still copies.
const WANTED: u32 = 2;
/// The family that wgpu takes its only queue from.
const WGPU_FAMILY: u32 = 0;

type Opened = (wgpu::Device, wgpu::Queue, Option<CopyQueues>);

/// The queue families that use a buffer which copy engines write.
pub(super) fn families(device: &super::Device) -> Vec<u32> {
    device.copying.iter().flat_map(|copying| [WGPU_FAMILY, copying.family]).collect()
}

impl CopyQueues {
    /// Opens the adapter with such queues. `None`: it has none, and is to be opened as usual.
    pub fn open(
        adapter: &wgpu::Adapter,
        descriptor: &wgpu::DeviceDescriptor<'_>,
    ) -> Option<Result<Opened, wgpu::RequestDeviceError>> {
        // SAFETY: the guard keeps the adapter alive to the end of this function. The callback adds queues of a family that
        // the adapter told of, as many as it has, and takes nothing away. The device is made of what was opened here.
        unsafe {
            let hal = adapter.as_hal::<Vulkan>()?;
            let instance = hal.shared_instance().raw_instance();
            let families = instance.get_physical_device_queue_family_properties(hal.raw_physical_device());
            let copies = |flags: vk::QueueFlags| {
                flags.contains(vk::QueueFlags::TRANSFER)
                    && !flags.intersects(vk::QueueFlags::GRAPHICS | vk::QueueFlags::COMPUTE)
            };
            // One that does something else as well is not a copy engine; sharing such queues ended in lost devices.
            let family = families.iter().position(|family| copies(family.queue_flags))? as u32;
            let count = families[family as usize].queue_count.min(WANTED);
            let import_alignment = import::alignment(&hal);
            let priorities = [1.0f32; WANTED as usize];
            let opened = hal.open_with_callback(
                descriptor.required_features,
                &descriptor.required_limits,
                &descriptor.memory_hints,
                Some(Box::new(|args| {
                    let info = vk::DeviceQueueCreateInfo::default()
                        .queue_family_index(family)
                        .queue_priorities(&priorities[..count as usize]);
                    args.queue_create_infos.push(info);
                    if import_alignment.is_some() && !args.extensions.contains(&import::EXTENSION) {
                        args.extensions.push(import::EXTENSION);
                    }
                })),
            );
            // What it is refused for, the usual way will say.
            let opened = opened.ok()?;
            let raw = opened.device.raw_device().clone();
            let queues = (0..count).map(|n| raw.get_device_queue(family, n)).collect();
            let made = adapter.create_device_from_hal(opened, descriptor);
            Some(made.map(|(device, queue)| (device, queue, Some(CopyQueues { family, queues, import_alignment }))))
        }
    }
}
