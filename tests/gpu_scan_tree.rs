//! scan_tree on a GPU prints byte for byte what it prints on the CPU.
#![cfg(feature = "gpu")]

mod cc;
#[path = "common/gpu.rs"]
mod common;

use std::process::Command;
use trommel::gpu::Choice;

const RULES: &str =
    "fn:/fn [a-z_]+/\nself:/\\bself\\b/\nunsafe:/unsafe/l\nempty:/^$/m\nnumber:/[0-9]{3,}/\nuses:/^use [^;]*;/ms\n";

/// The findings in a fixed order, and the closing line.
fn scan(drain: &str, more: &[&str]) -> (Vec<String>, String) {
    let program = cc::Program(cc::build(&format!("scan_tree_{drain}"), cc::C99, &cc::scan_tree_sources(), &[]));
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules");
    std::fs::write(&rules, RULES).expect("rules");
    let mut command = Command::new(&program.0);
    command.current_dir(cc::root()).arg("-f").arg(&rules).args(["--drain", drain]).args(more);
    command.args(["src", "include", "shaders"]);
    let output = cc::run(&mut command, b"");
    let mut lines: Vec<String> = cc::text_of(&output).lines().map(str::to_owned).collect();
    lines.sort_unstable();
    (lines, String::from_utf8_lossy(&output.stderr).lines().last().unwrap_or_default().to_owned())
}

#[test]
fn every_drain_finds_the_same() {
    let adapter = match common::choice() {
        Choice::Index(index) => index.to_string(),
        _ => String::new(),
    };
    let more: Vec<&str> = if adapter.is_empty() { vec![] } else { vec!["--adapter", &adapter] };
    let (on_cpu, closing) = scan("cpu", &[]);
    assert!(closing.ends_with("drain cpu"), "{closing}");
    assert!(on_cpu.len() > 1000, "only {} findings", on_cpu.len());
    for drain in ["persistent", "batch"] {
        let (on_gpu, closing) = scan(drain, &more);
        println!("{closing}");
        assert!(closing.ends_with(&format!("drain {drain}")), "{closing}");
        assert_eq!(on_gpu.len(), on_cpu.len(), "{drain}");
        for (gpu, cpu) in on_gpu.iter().zip(&on_cpu) {
            assert_eq!(gpu, cpu, "{drain}");
        }
    }
}
