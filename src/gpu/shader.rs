//! The shaders, put together from their files.

/// The files of one kernel, in order.
pub type Parts = &'static [(&'static str, &'static str)];

macro_rules! parts {
    ($($file:literal),* $(,)?) => { &[$(($file, include_str!(concat!("../../shaders/", $file)))),*] };
}

/// The resident kernel.
pub const RESIDENT: Parts = parts![
    "layout.wgsl",
    "resident_bindings.wgsl",
    "emit.wgsl",
    "probe.wgsl",
    "text.wgsl",
    "effort.wgsl",
    "walk.wgsl",
    "literal.wgsl",
    "filter.wgsl",
    "short.wgsl",
    "class_run.wgsl",
    "search.wgsl",
    "text_out.wgsl",
    "run.wgsl",
    "claim.wgsl",
    "complete.wgsl",
    "split.wgsl",
    "resident.wgsl",
];

/// The kernel of the batch drain.
pub const BATCH: Parts = parts![
    "layout.wgsl",
    "batch_bindings.wgsl",
    "emit.wgsl",
    "probe.wgsl",
    "text.wgsl",
    "effort.wgsl",
    "walk.wgsl",
    "literal.wgsl",
    "filter.wgsl",
    "short.wgsl",
    "class_run.wgsl",
    "search.wgsl",
    "run.wgsl",
    "batch.wgsl"
];

/// One source text; `lanes` is the workgroup size.
pub fn compose(parts: Parts, lanes: u32) -> String {
    let mut source = format!("const LANES: u32 = {lanes}u;\n");
    for (name, text) in parts {
        source.push_str("// ---- ");
        source.push_str(name);
        source.push('\n');
        source.push_str(text);
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::valid::{Capabilities, ValidationFlags, Validator};

    #[test]
    fn every_kernel_composes_and_validates() {
        for parts in [RESIDENT, BATCH] {
            for lanes in [4, 8, 32] {
                let source = compose(parts, lanes);
                let module =
                    naga::front::wgsl::parse_str(&source).unwrap_or_else(|e| panic!("{}", e.emit_to_string(&source)));
                Validator::new(ValidationFlags::all(), Capabilities::all())
                    .subgroup_stages(naga::valid::ShaderStages::COMPUTE)
                    .subgroup_operations(naga::valid::SubgroupOperationSet::all())
                    .validate(&module)
                    .unwrap_or_else(|e| panic!("{}", e.emit_to_string(&source)));
            }
        }
    }

    /// Adapters without subgroups, and backends without memory decorations, have the batch kernel.
    #[test]
    fn the_batch_kernel_needs_no_extension() {
        let module = naga::front::wgsl::parse_str(&compose(BATCH, 64)).unwrap();
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .subgroup_stages(naga::valid::ShaderStages::empty())
            .subgroup_operations(naga::valid::SubgroupOperationSet::empty())
            .validate(&module)
            .expect("it validates without any capability");
        let resident = naga::front::wgsl::parse_str(&compose(RESIDENT, 32)).unwrap();
        Validator::new(ValidationFlags::all(), Capabilities::empty())
            .validate(&resident)
            .expect_err("the resident one needs some, so this would notice");
    }

    #[test]
    fn every_shader_file_is_used() {
        let used: std::collections::BTreeSet<_> =
            RESIDENT.iter().chain(BATCH).map(|(name, _)| name.to_string()).collect();
        let there = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders")).unwrap();
        for entry in there {
            let name = entry.unwrap().file_name().into_string().unwrap();
            assert!(!name.ends_with(".wgsl") || used.contains(&name), "{name} is in no kernel");
        }
    }
}
