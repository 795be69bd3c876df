//! Kernels as the driver compiled them. That takes it a second, so an opened adapter keeps its own, and what the driver
//! made for one serves the next one in this process.

use super::shader::{self, Parts};
use super::{Device, GpuError};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A kernel's source and what it binds.
pub(super) struct Plan {
    /// Its entry point, and its name in messages.
    name: &'static str,
    parts: Parts,
    /// Bindings, and those among them that it only reads.
    bindings: u32,
    read_only: &'static [u32],
    /// Bytes of immediate data.
    immediates: u32,
    /// wgpu sees to it that workgroup memory begins with zeros.
    zeroes: bool,
}

/// The kernel that stays. The tables are the only thing that it reads through a cache.
pub(super) const RESIDENT: Plan = Plan {
    name: "resident",
    parts: shader::RESIDENT,
    bindings: 9,
    read_only: &[3, 8],
    immediates: size_of::<super::layout::LeaseWords>() as u32,
    zeroes: false,
};

/// The kernel of the batch drain.
pub(super) const BATCH: Plan =
    Plan { name: "batch", parts: shader::BATCH, bindings: 8, read_only: &[0, 1, 2, 3, 7], immediates: 0, zeroes: true };

/// A kernel that can be launched.
#[derive(Clone)]
pub(super) struct Kernel {
    pub pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    name: &'static str,
}

impl Kernel {
    /// Binds these buffers, in order.
    pub fn bind(&self, device: &Device, buffers: &[&wgpu::Buffer]) -> wgpu::BindGroup {
        let entries: Vec<_> = buffers
            .iter()
            .enumerate()
            .map(|(n, buffer)| wgpu::BindGroupEntry { binding: n as u32, resource: buffer.as_entire_binding() })
            .collect();
        device.wgpu.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(self.name),
            layout: &self.layout,
            entries: &entries,
        })
    }
}

/// What makes one kernel different from another: its name, its lanes, its constants.
type Key = (&'static str, u32, Vec<(&'static str, u32)>);

/// The kernels of one opened adapter.
#[derive(Default)]
pub(super) struct Pipelines(Mutex<HashMap<Key, Kernel>>);

/// What the driver made, by adapter and kernel, as it may be given to it again. Also the lock under which kernels are made:
/// of two that want the same one at the same time, the second has it from the first.
static MADE: Mutex<Option<Blobs>> = Mutex::new(None);
type Blobs = HashMap<(u32, Key), Vec<u8>>;

impl Pipelines {
    /// The kernel, made if it is new here.
    pub fn get(
        &self,
        device: &Device,
        plan: &Plan,
        lanes: u32,
        constants: &[(&'static str, u32)],
    ) -> Result<Kernel, GpuError> {
        let key = (plan.name, lanes, constants.to_vec());
        let mut here = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kernel) = here.get(&key) {
            return Ok(kernel.clone());
        }
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let blob = made.get_or_insert_default().entry((device.info.index, key.clone())).or_default();
        let kernel = make(device, plan, lanes, constants, blob)?;
        here.insert(key, kernel.clone());
        Ok(kernel)
    }
}

/// Makes a kernel. `blob`: what the driver made of it before, or nothing; then it is filled.
fn make(
    device: &Device,
    plan: &Plan,
    lanes: u32,
    constants: &[(&'static str, u32)],
    blob: &mut Vec<u8>,
) -> Result<Kernel, GpuError> {
    let raw = &device.wgpu;
    let module = device.module(plan.name, &shader::compose(plan.parts, lanes))?;
    let scope = raw.push_error_scope(wgpu::ErrorFilter::Validation);
    let entry = |binding: u32| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: plan.read_only.contains(&binding) },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    };
    let entries: Vec<_> = (0..plan.bindings).map(entry).collect();
    let layout =
        raw.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(plan.name), entries: &entries });
    let pipeline_layout = raw.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
        label: Some(plan.name),
        bind_group_layouts: &[Some(&layout)],
        immediate_size: plan.immediates,
    });
    let cache = raw.features().contains(wgpu::Features::PIPELINE_CACHE).then(|| {
        let data = (!blob.is_empty()).then_some(&**blob);
        // SAFETY: the data, if any, came from `get_data` in this process.
        unsafe {
            raw.create_pipeline_cache(&wgpu::PipelineCacheDescriptor { label: Some(plan.name), data, fallback: true })
        }
    });
    let values: Vec<_> = constants.iter().map(|&(name, value)| (name, f64::from(value))).collect();
    let pipeline = raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some(plan.name),
        layout: Some(&pipeline_layout),
        module: &module,
        entry_point: Some(plan.name),
        compilation_options: wgpu::PipelineCompilationOptions {
            constants: &values,
            zero_initialize_workgroup_memory: plan.zeroes,
        },
        cache: cache.as_ref(),
    });
    if let Some(error) = pollster::block_on(scope.pop()) {
        return Err(GpuError::new(format!("{} refused the {} kernel: {error}", device.info().name, plan.name)));
    }
    if blob.is_empty() {
        *blob = cache.and_then(|cache| cache.get_data()).unwrap_or_default();
    }
    Ok(Kernel { pipeline, layout, name: plan.name })
}
