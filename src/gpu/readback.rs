//! Reading a device buffer once nothing runs: for tests and for the batch drain's results.

use super::{Device, GpuError};
use std::time::Duration;

/// Copies a buffer out and waits for it.
pub(super) fn words(device: &Device, buffer: &wgpu::Buffer) -> Result<Vec<u32>, GpuError> {
    let copy = device.wgpu.create_buffer(&wgpu::BufferDescriptor {
        label: Some("read back"),
        size: buffer.size(),
        usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
        mapped_at_creation: false,
    });
    let mut encoder = device.wgpu.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(buffer, 0, &copy, 0, buffer.size());
    device.queue.submit([encoder.finish()]);
    copy.map_async(wgpu::MapMode::Read, .., |_| {});
    device
        .wgpu
        .poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(10)) })
        .map_err(|e| GpuError::new(format!("reading back failed: {e}")))?;
    let mapped = copy.get_mapped_range(..).map_err(|e| GpuError::new(format!("reading back failed: {e}")))?;
    Ok(bytemuck::cast_slice(&mapped).to_vec())
}
