//! The C programs under valgrind: no memory error, nothing leaked.

mod cc;

use std::path::Path;
use std::process::Command;

/// Runs `program` under valgrind without a GPU: drivers leak, and are not what is looked at here.
fn clean(program: &Path, arguments: &[&str], input: &[u8]) {
    let mut command = Command::new("valgrind");
    command
        .args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--fair-sched=yes"])
        .args(["--show-leak-kinds=definite,indirect,possible", "--errors-for-leak-kinds=definite,indirect,possible"])
        .arg(program)
        .args(arguments)
        .current_dir(cc::root())
        .env("VK_DRIVER_FILES", "/nonexistent")
        .env("VK_ICD_FILENAMES", "/nonexistent");
    if Command::new("valgrind").arg("--version").output().is_err() {
        panic!("valgrind is missing: apt-get install valgrind");
    }
    let output = cc::run(&mut command, input);
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{}: {error}", program.display());
    assert!(!error.contains("=="), "{}: {error}", program.display());
}

#[test]
fn examples() {
    for (file, language) in [("quickstart.c", cc::C99), ("custom_drain.c", cc::C99), ("quickstart.cpp", cc::CPP17)] {
        let name = format!("valgrind_{}", file.replace('.', "_"));
        let program = cc::Program(cc::build(&name, language, &[cc::root().join("examples-c").join(file)], &[]));
        clean(&program.0, &[], b"");
    }
}

#[test]
fn scan_tree() {
    let program = cc::Program(cc::build("valgrind_scan_tree", cc::C99, &cc::scan_tree_sources(), &[]));
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules");
    std::fs::write(&rules, "fn:/fn [a-z_]+/\nempty:/^$/m\nword:/\\bself\\b/\n").expect("rules");
    let rules = rules.to_str().expect("a path");
    let with = |more: &[&'static str]| [&["-f", rules, "--drain", "cpu"][..], more].concat();
    clean(&program.0, &with(&["src", "include"]), b"");
    // Files that do not fit into the arena, and a pipe.
    clean(&program.0, &with(&["--arena", "16K", "--json", "src", "-"]), &b"fn main() {}\n".repeat(4000));
}
