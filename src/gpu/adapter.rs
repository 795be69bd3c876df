//! Which GPUs there are, what each can drain, and which one to take.

use super::{GpuError, memory};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Names an adapter: by index or a part of its name where the caller's option does not.
pub const ADAPTER_VARIABLE: &str = "TROMMEL_ADAPTER";

/// What sort of processor an adapter is; the automatic choice goes by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AdapterKind {
    /// A card with its own memory.
    Discrete,
    /// Shares memory with the processor.
    Integrated,
    /// A GPU handed through by a hypervisor.
    Virtual,
    /// The processor itself, pretending.
    Software,
    /// The driver does not say.
    Other,
}

/// One adapter and what can be done with it.
#[derive(Debug, Clone)]
pub struct AdapterInfo {
    /// Position in the list; stable as long as the machine's drivers are.
    pub index: u32,
    /// The driver's name for it.
    pub name: String,
    /// Vulkan, Metal, Dx12.
    pub backend: String,
    /// Driver and its version.
    pub driver: String,
    /// Discrete, integrated, software.
    pub kind: AdapterKind,
    /// Bytes of device memory, 0 where the backend does not tell.
    pub memory_bytes: u64,
    /// Bytes of device memory that the processor can write directly; 0: none.
    pub host_mapped_bytes: u64,
    /// Can run the resident kernel.
    pub persistent: bool,
    /// Its memory can be written by the processor while kernels read it.
    pub mapped: bool,
    /// Can run ordinary dispatches.
    pub batch: bool,
    /// Why not persistent; empty where it is.
    pub why_not: String,
}

/// How the caller names an adapter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// The environment variable if set, else discrete, integrated, virtual; software never.
    #[default]
    Automatic,
    /// By its index in [`adapters`].
    Index(u32),
    /// By a part of its name, in any case of letters.
    Name(String),
}

/// Every adapter of this machine. No GPU, no loader, a broken driver: an empty list.
pub fn adapters() -> Vec<AdapterInfo> {
    list().map(|found| found.into_iter().map(|(_, info)| info).collect()).unwrap_or_default()
}

/// An adapter with its wgpu handle.
type Found = (wgpu::Adapter, AdapterInfo);

/// The adapters with their wgpu handles. Drivers are loaded once a process: it takes long, and some print.
pub(super) fn list() -> Result<Vec<Found>, GpuError> {
    type Listed = Result<Vec<Found>, GpuError>;
    static LIST: Mutex<Option<(u32, Listed)>> = Mutex::new(None);
    let mut list = LIST.lock().unwrap_or_else(PoisonError::into_inner);
    match &*list {
        // A driver's state does not survive a fork.
        Some((process, found)) if *process == std::process::id() => found.clone(),
        _ => {
            let found = load();
            *list = Some((std::process::id(), found.clone()));
            found
        }
    }
}

fn load() -> Result<Vec<Found>, GpuError> {
    // Drivers and loaders are other people's code: a panic in the binding must not reach the caller.
    catch_unwind(AssertUnwindSafe(|| {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
        descriptor.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(descriptor);
        pollster::block_on(instance.enumerate_adapters(wgpu::Backends::all()))
            .into_iter()
            .enumerate()
            .map(|(index, adapter)| {
                let info = describe(index as u32, &adapter);
                (adapter, info)
            })
            .collect()
    }))
    .map_err(|_| GpuError::new("the graphics driver failed while its adapters were listed"))
}

/// Takes the adapter that `choice` names.
pub(super) fn pick(choice: &Choice) -> Result<(wgpu::Adapter, AdapterInfo), GpuError> {
    let mut found = list()?;
    if found.is_empty() {
        return Err(GpuError::new(
            "no GPU adapter found: no Vulkan, Metal or Direct3D 12 driver is installed, or none loads",
        ));
    }
    let infos: Vec<AdapterInfo> = found.iter().map(|(_, info)| info.clone()).collect();
    let position = position(choice, std::env::var(ADAPTER_VARIABLE).ok().as_deref(), &infos)?;
    Ok(found.swap_remove(position))
}

/// The choice itself, apart from any driver.
fn position(choice: &Choice, variable: Option<&str>, infos: &[AdapterInfo]) -> Result<usize, GpuError> {
    match (choice, variable.filter(|v| !v.is_empty())) {
        (Choice::Index(index), _) => by_index(*index, infos),
        (Choice::Name(name), _) => by_name(name, infos),
        (Choice::Automatic, Some(value)) => match value.parse() {
            Ok(index) => by_index(index, infos),
            Err(_) => by_name(value, infos),
        },
        (Choice::Automatic, None) => {
            let rank = |info: &AdapterInfo| match info.kind {
                AdapterKind::Discrete => Some(0),
                AdapterKind::Integrated => Some(1),
                AdapterKind::Virtual => Some(2),
                AdapterKind::Other => Some(3),
                AdapterKind::Software => None,
            };
            (0..infos.len())
                .filter_map(|i| Some((rank(&infos[i])?, !infos[i].persistent, i)))
                .min()
                .map(|(_, _, i)| i)
                .ok_or_else(|| {
                    GpuError::new(format!(
                        "only software adapters found ({}): name one by index, name or {ADAPTER_VARIABLE} to use it",
                        names(infos)
                    ))
                })
        }
    }
}

fn by_index(index: u32, infos: &[AdapterInfo]) -> Result<usize, GpuError> {
    if (index as usize) < infos.len() {
        return Ok(index as usize);
    }
    Err(GpuError::new(format!("no adapter {index}: there are {} ({})", infos.len(), names(infos))))
}

fn by_name(name: &str, infos: &[AdapterInfo]) -> Result<usize, GpuError> {
    let wanted = name.to_lowercase();
    // The same card may be listed by two backends: take the one that does more.
    (0..infos.len())
        .filter(|&i| infos[i].name.to_lowercase().contains(&wanted))
        .min_by_key(|&i| !infos[i].persistent)
        .ok_or_else(|| GpuError::new(format!("no adapter is named like \"{name}\": found {}", names(infos))))
}

fn names(infos: &[AdapterInfo]) -> String {
    if infos.is_empty() {
        return "none".into();
    }
    infos.iter().map(|i| format!("{}: {}", i.index, i.name)).collect::<Vec<_>>().join(", ")
}

/// What the resident kernel needs from wgpu.
pub(super) const PERSISTENT_FEATURES: wgpu::Features = wgpu::Features::SUBGROUP
    .union(wgpu::Features::SUBGROUP_BARRIER)
    .union(wgpu::Features::IMMEDIATES)
    .union(wgpu::Features::MEMORY_DECORATION_COHERENT)
    .union(wgpu::Features::MEMORY_DECORATION_VOLATILE);

fn describe(index: u32, adapter: &wgpu::Adapter) -> AdapterInfo {
    let info = adapter.get_info();
    let kind = match info.device_type {
        wgpu::DeviceType::DiscreteGpu => AdapterKind::Discrete,
        wgpu::DeviceType::IntegratedGpu => AdapterKind::Integrated,
        wgpu::DeviceType::VirtualGpu => AdapterKind::Virtual,
        wgpu::DeviceType::Cpu => AdapterKind::Software,
        wgpu::DeviceType::Other => AdapterKind::Other,
    };
    let heaps = memory::Heaps::of(adapter);
    let why_not = why_not(adapter, &info, heaps.as_ref());
    AdapterInfo {
        index,
        name: info.name.clone(),
        backend: format!("{:?}", info.backend),
        driver: format!("{} {}", info.driver, info.driver_info).trim().to_string(),
        kind,
        memory_bytes: heaps.as_ref().map_or(0, |h| h.device_bytes),
        host_mapped_bytes: heaps.as_ref().map_or(0, |h| h.mapped_bytes),
        persistent: why_not.is_empty(),
        mapped: heaps.as_ref().is_some_and(|heaps| heaps.mapped_bytes >= SMALLEST_WINDOW),
        batch: adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS),
        why_not,
    }
}

/// Smallest window of host-mapped device memory that the resident kernel's defaults fit in.
const SMALLEST_WINDOW: u64 = 64 << 20;

fn why_not(adapter: &wgpu::Adapter, info: &wgpu::AdapterInfo, heaps: Option<&memory::Heaps>) -> String {
    if info.backend != wgpu::Backend::Vulkan {
        return format!("the resident kernel needs Vulkan, this is {:?}", info.backend);
    }
    let missing = PERSISTENT_FEATURES.difference(adapter.features());
    if !missing.is_empty() {
        return format!("the driver lacks {missing:?}");
    }
    match heaps {
        None => "the driver does not tell its memory types".into(),
        Some(heaps) if heaps.mapped_bytes < SMALLEST_WINDOW => {
            "no device memory that the processor can write (switch on resizable BAR in the firmware)".into()
        }
        Some(heaps) if !heaps.has_cached => "no cached host memory that the device can write".into(),
        _ if info.subgroup_max_size < 4 => "subgroups are too small".into(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(index: u32, name: &str, kind: AdapterKind) -> AdapterInfo {
        AdapterInfo {
            index,
            name: name.into(),
            backend: "Vulkan".into(),
            driver: String::new(),
            kind,
            memory_bytes: 0,
            host_mapped_bytes: 0,
            persistent: true,
            mapped: true,
            batch: true,
            why_not: String::new(),
        }
    }

    #[test]
    fn automatic_prefers_discrete_and_never_takes_software_unasked() {
        let all = [
            info(0, "llvmpipe", AdapterKind::Software),
            info(1, "Iris", AdapterKind::Integrated),
            info(2, "H100", AdapterKind::Discrete),
        ];
        assert_eq!(position(&Choice::Automatic, None, &all).unwrap(), 2);
        assert_eq!(position(&Choice::Automatic, None, &all[..2]).unwrap(), 1);
        let refused = position(&Choice::Automatic, None, &all[..1]).unwrap_err();
        assert!(refused.message.contains("llvmpipe"), "{refused}");
    }

    #[test]
    fn names_indexes_and_the_variable() {
        let all = [info(0, "llvmpipe (LLVM 15)", AdapterKind::Software), info(1, "NVIDIA H100", AdapterKind::Discrete)];
        assert_eq!(position(&Choice::Name("LLVM".into()), None, &all).unwrap(), 0);
        assert_eq!(position(&Choice::Index(1), Some("0"), &all).unwrap(), 1, "an option beats the variable");
        assert_eq!(position(&Choice::Automatic, Some("0"), &all).unwrap(), 0);
        assert_eq!(position(&Choice::Automatic, Some("h100"), &all).unwrap(), 1);
        assert_eq!(position(&Choice::Automatic, Some(""), &all).unwrap(), 1);
        assert!(position(&Choice::Automatic, Some("Radeon"), &all).is_err());
        assert!(position(&Choice::Index(2), None, &all).is_err());
        assert!(position(&Choice::Index(0), None, &[]).is_err());
    }

    #[test]
    fn listing_answers_on_any_machine() {
        for (i, adapter) in adapters().iter().enumerate() {
            assert_eq!(adapter.index as usize, i);
            assert_eq!(adapter.persistent, adapter.why_not.is_empty());
        }
    }
}
