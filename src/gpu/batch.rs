//! Ordinary dispatches over whatever is ready; any backend.

use super::{Device, shader};
use std::time::Instant;

/// Nanoseconds of `count` dispatches of one workgroup, each submitted and waited for: what the resident kernel saves.
#[doc(hidden)]
pub fn submit_wait_times(device: &Device, count: usize) -> Vec<u64> {
    let source = "@group(0) @binding(0) var<storage, read_write> word: array<u32>;
        @compute @workgroup_size(32) fn touch() { word[0] = 1u; }";
    let _ = shader::BATCH;
    let Ok(module) = device.module("touch", source) else { return Vec::new() };
    let raw = &device.wgpu;
    let pipeline = raw.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
        label: Some("touch"),
        layout: None,
        module: &module,
        entry_point: Some("touch"),
        compilation_options: Default::default(),
        cache: None,
    });
    let buffer = raw.create_buffer(&wgpu::BufferDescriptor {
        label: Some("touch"),
        size: 256,
        usage: wgpu::BufferUsages::STORAGE,
        mapped_at_creation: false,
    });
    let bind_group = raw.create_bind_group(&wgpu::BindGroupDescriptor {
        label: Some("touch"),
        layout: &pipeline.get_bind_group_layout(0),
        entries: &[wgpu::BindGroupEntry { binding: 0, resource: buffer.as_entire_binding() }],
    });
    (0..count)
        .map(|_| {
            let began = Instant::now();
            let mut encoder = raw.create_command_encoder(&Default::default());
            {
                let mut pass = encoder.begin_compute_pass(&Default::default());
                pass.set_pipeline(&pipeline);
                pass.set_bind_group(0, &bind_group, &[]);
                pass.dispatch_workgroups(1, 1, 1);
            }
            device.queue.submit([encoder.finish()]);
            let _ = raw.poll(wgpu::PollType::wait_indefinitely());
            began.elapsed().as_nanos() as u64
        })
        .collect()
}
