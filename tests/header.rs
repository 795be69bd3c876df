//! The header: made from `src/capi`, committed as made, and clean alone in every C and C++ that people compile with.

mod cc;

use cc::Language;
use std::path::PathBuf;

/// Where the C ABI is written, in the order in which the header tells it; other files of `src/capi` come behind.
const ORDER: [&str; 13] = [
    "src/status.rs",
    "src/types.rs",
    "src/capi/version.rs",
    "src/capi/call.rs",
    "src/capi/adapter.rs",
    "src/capi/engine.rs",
    "src/capi/rules.rs",
    "src/capi/input.rs",
    "src/capi/work.rs",
    "src/capi/results.rs",
    "src/capi/scan.rs",
    "src/capi/drain.rs",
    "src/capi/stats.rs",
];

fn sources() -> Vec<PathBuf> {
    let mut sources: Vec<PathBuf> = ORDER.iter().map(|file| cc::root().join(file)).collect();
    let folder = std::fs::read_dir(cc::root().join("src/capi")).expect("src/capi");
    let mut others: Vec<PathBuf> = folder.map(|entry| entry.expect("a file").path()).collect();
    others.retain(|path| {
        path.extension().is_some_and(|e| e == "rs") && !path.ends_with("mod.rs") && !sources.contains(path)
    });
    others.sort();
    sources.extend(others);
    sources
}

fn generated() -> String {
    let root = cc::root();
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("cbindgen.toml");
    let mut builder = cbindgen::Builder::new().with_config(config);
    for source in sources() {
        builder = builder.with_src(source);
    }
    let mut text = Vec::new();
    builder.generate().expect("a header").write(&mut text);
    without_safety_sections(&String::from_utf8(text).expect("UTF-8"))
}

/// What Rust's documentation says to callers from Rust, under `# Safety`, says nothing to those from C.
fn without_safety_sections(header: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut in_section = false;
    for line in header.lines() {
        let comment = line.trim();
        in_section = comment == "* # Safety" || in_section && comment.starts_with('*') && comment != "*/";
        if in_section {
            continue;
        }
        if comment == "*/" && kept.last().is_some_and(|last| last.trim() == "*") {
            kept.pop();
        }
        kept.push(line);
    }
    kept.join("\n") + "\n"
}

#[test]
fn header_is_up_to_date() {
    let path = cc::root().join("include/trommel.h");
    let new = generated();
    if std::env::var_os("TROMMEL_WRITE_HEADER").is_some() {
        std::fs::write(&path, &new).expect("the header can be written");
    }
    let old = std::fs::read_to_string(&path).expect("include/trommel.h");
    if old != new {
        let line = old
            .lines()
            .zip(new.lines())
            .position(|(a, b)| a != b)
            .unwrap_or(old.lines().count().min(new.lines().count()));
        panic!(
            "include/trommel.h is not what src/capi says, from line {} on:\n  has    {:?}\n  wanted {:?}\nRun `make header`.",
            line + 1,
            old.lines().nth(line).unwrap_or("(its end)"),
            new.lines().nth(line).unwrap_or("(its end)")
        );
    }
}

fn compiles_alone(language: Language, header: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("alone.c");
    // Twice, for the include guard.
    let text = format!("#include \"{header}\"\n#include \"{header}\"\nint trommel_header_test;\n");
    std::fs::write(&source, text).expect("a source");
    let output = cc::compiler(language).arg("-fsyntax-only").arg(&source).output().expect("the compiler runs");
    assert!(output.status.success(), "{header} as {language:?}:\n{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn header_compiles_alone() {
    for standard in ["c99", "c11", "c2x"] {
        compiles_alone(Language::C(standard), "trommel.h");
    }
    for standard in ["c++11", "c++20"] {
        compiles_alone(Language::Cpp(standard), "trommel.h");
    }
}

#[test]
fn cpp_header_compiles_alone() {
    for standard in ["c++11", "c++14", "c++17", "c++20"] {
        compiles_alone(Language::Cpp(standard), "trommel.hpp");
    }
}

#[test]
fn every_function_is_documented() {
    let header = std::fs::read_to_string(cc::root().join("include/trommel.h")).expect("include/trommel.h");
    let lines: Vec<&str> = header.lines().collect();
    let mut functions = 0;
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with("TRM_API")) {
        functions += 1;
        // The comment ends on the line before, or before the line that says the result must be used.
        let before = (0..number).rev().map(|i| lines[i].trim()).find(|line| !line.starts_with("TRM_"));
        assert_eq!(before, Some("*/"), "no comment before line {}: {line}", number + 1);
    }
    assert!(functions >= 30, "only {functions} functions in the header");
}

/// What is made from the header beside it: the calls that the Go package looks up at run time, and the list of symbols.
#[test]
fn what_is_made_from_the_header_is_up_to_date() {
    let run = |program: &[&str]| {
        let output = std::process::Command::new(program[0]).args(&program[1..]).current_dir(cc::root()).output();
        String::from_utf8(output.unwrap_or_else(|why| panic!("{program:?}: {why}")).stdout).expect("UTF-8")
    };
    let read = |path: &str| std::fs::read_to_string(cc::root().join(path)).expect(path);
    let scripts = ["awk", "-f", "packaging/reference/header.awk", "-f", "bindings/go/stubs.awk", "include/trommel.h"];
    let stubs = run(&scripts);
    assert!(stubs.contains("trm_engine_create"));
    assert!(stubs == read("bindings/go/dlopen.c"), "bindings/go/dlopen.c is not up to date: run make go-stubs");
    let header = read("include/trommel.h");
    for symbol in header.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| word.starts_with("trm_"))
    {
        let is_call = header.contains(&format!(" {symbol}(")) || header.contains(&format!("*{symbol}("));
        let listed = read("packaging/abi/symbols").lines().any(|line| line == symbol);
        assert!(!is_call || listed, "packaging/abi/symbols lacks {symbol}: run make abi-baseline");
    }
}
