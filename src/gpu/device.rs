//! An opened adapter: wgpu's device and queue, and a record of what went wrong on it.

use super::copying::CopyQueues;
use super::pipelines::Pipelines;
use super::pool::InUse;
use super::{AdapterInfo, AdapterKind, Choice, GpuError, adapter, selftest};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Its number as a maker of PCI devices.
const NVIDIA: u32 = 0x10de;

/// One opened adapter, its user's alone. Cheap to clone; the last clone leaves it to the next user.
#[derive(Clone)]
pub struct Device(Arc<InUse>);

/// What there is of it.
pub struct Opened {
    pub(super) wgpu: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) pipelines: Pipelines,
    /// Queues of the device's copy engines, where it has any.
    pub(super) copying: Option<CopyQueues>,
    pub(super) info: AdapterInfo,
    lanes: u32,
    loads_whole_slots: bool,
    trouble: Arc<Trouble>,
}

impl Deref for Device {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.0
    }
}

/// What the driver told us out of band. wgpu's default for these is to panic, which a library must not.
#[derive(Default)]
struct Trouble {
    any: AtomicBool,
    first: Mutex<String>,
}

impl Trouble {
    fn note(&self, message: String) {
        let mut first = self.first.lock().unwrap_or_else(|p| p.into_inner());
        if first.is_empty() {
            *first = message;
        }
        self.any.store(true, Ordering::Release);
    }
}

impl Device {
    /// Opens the chosen adapter with everything it supports of what the drains use.
    pub fn open(choice: &Choice) -> Result<Device, GpuError> {
        let (handle, info) = adapter::pick(choice)?;
        let device = match InUse::again(info.index) {
            Some(device) => device,
            None => InUse::new(Opened::open(&handle, info)?),
        };
        Ok(Device(Arc::new(device)))
    }

    /// Opens the chosen adapter for the resident kernel: refuses one that cannot, or on which the path fails its test.
    pub fn open_persistent(choice: &Choice) -> Result<Device, GpuError> {
        let device = Self::open(choice)?;
        if !device.info.persistent {
            return Err(GpuError::new(format!("{}: {}", device.info.name, device.info.why_not)));
        }
        selftest::once(&device)?;
        Ok(device)
    }
}

impl Opened {
    fn open(handle: &wgpu::Adapter, info: AdapterInfo) -> Result<Opened, GpuError> {
        let features = handle.features() & (adapter::PERSISTENT_FEATURES | wgpu::Features::PIPELINE_CACHE);
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("trommel"),
            required_features: features,
            required_limits: handle.limits(),
            ..Default::default()
        };
        let failed = |e: &dyn std::fmt::Display| GpuError::new(format!("{} could not be opened: {e}", info.name));
        let (wgpu, queue, copying) = match CopyQueues::open(handle, &descriptor) {
            Some(opened) => opened.map_err(|e| failed(&e))?,
            None => {
                let (wgpu, queue) = pollster::block_on(handle.request_device(&descriptor)).map_err(|e| failed(&e))?;
                (wgpu, queue, None)
            }
        };
        let trouble = Arc::new(Trouble::default());
        let noted = trouble.clone();
        wgpu.on_uncaptured_error(Arc::new(move |error| noted.note(error.to_string())));
        let noted = trouble.clone();
        wgpu.set_device_lost_callback(move |reason, message| {
            if reason != wgpu::DeviceLostReason::Destroyed {
                noted.note(format!("device lost: {message}"));
            }
        });
        // A worker of the resident kernel is a workgroup of one subgroup. 32 lanes are enough everywhere.
        let about = handle.get_info();
        let lanes = about.subgroup_max_size.clamp(4, 32);
        let loads_whole_slots = about.vendor == NVIDIA;
        let pipelines = Pipelines::default();
        Ok(Opened { wgpu, queue, pipelines, copying, info, lanes, loads_whole_slots, trouble })
    }

    /// What was opened.
    pub fn info(&self) -> &AdapterInfo {
        &self.info
    }

    /// Lanes of a worker: the workgroup size of the resident kernel.
    pub fn lanes(&self) -> u32 {
        self.lanes
    }

    /// A load of 16 bytes sees all of a store of 16 bytes or nothing of it.
    pub(super) fn loads_whole_slots(&self) -> bool {
        self.loads_whole_slots
    }

    /// Loops are cut off and submissions block while a kernel runs.
    pub fn is_software(&self) -> bool {
        self.info.kind == AdapterKind::Software
    }

    /// The first thing the driver complained about, if any.
    pub fn trouble(&self) -> Option<String> {
        self.trouble
            .any
            .load(Ordering::Acquire)
            .then(|| self.trouble.first.lock().unwrap_or_else(|p| p.into_inner()).clone())
    }

    /// Notes that the device is of no use any more.
    pub(super) fn note_trouble(&self, message: String) {
        self.trouble.note(message);
    }

    /// Makes a shader module without wgpu's run-time guards: a loop bound or a clamp in the resident kernel's loops
    /// would change what it does. The shaders are this crate's own, and the host checks every offset before it is sent.
    pub(super) fn module(&self, label: &str, source: &str) -> Result<wgpu::ShaderModule, GpuError> {
        let scope = self.wgpu.push_error_scope(wgpu::ErrorFilter::Validation);
        let descriptor =
            wgpu::ShaderModuleDescriptor { label: Some(label), source: wgpu::ShaderSource::Wgsl(source.into()) };
        // SAFETY: the shaders bound their own loops and index only inside their buffers; see shaders/.
        let module =
            unsafe { self.wgpu.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
        match pollster::block_on(scope.pop()) {
            None => Ok(module),
            Some(error) => Err(GpuError::new(format!("{} refused the shader {label}: {error}", self.info.name))),
        }
    }
}
