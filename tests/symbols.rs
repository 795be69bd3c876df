//! What the shared library shows to the dynamic linker: its calls, its name, and that it stays once loaded.

mod cc;

use std::collections::BTreeSet;
use std::process::Command;

fn output_of(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).arg(cc::library()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be run: {error}; it is in Debian's binutils"));
    cc::text_of(&output)
}

fn exported() -> BTreeSet<String> {
    output_of("nm", &["-D", "--defined-only"])
        .lines()
        .map(|line| line.split_whitespace().last().expect("a name").to_owned())
        .collect()
}

#[test]
fn only_our_calls_are_exported() {
    let foreign: Vec<_> = exported().into_iter().filter(|name| !name.starts_with("trm_")).collect();
    assert!(foreign.is_empty(), "also exported: {foreign:?}");
}

#[test]
fn the_header_and_the_library_have_the_same_calls() {
    let header = std::fs::read_to_string(cc::root().join("include/trommel.h")).expect("include/trommel.h");
    let mut declared = BTreeSet::new();
    let mut declaration = String::new();
    for line in header.lines() {
        if line.starts_with("TRM_API") {
            declaration.clear();
        }
        declaration.push_str(line);
        declaration.push(' ');
        if declaration.starts_with("TRM_API") && line.contains('(') {
            let before = declaration.split('(').next().expect("text before the arguments");
            let name = before.split(|c: char| !c.is_alphanumeric() && c != '_').rfind(|word| !word.is_empty());
            declared.insert(name.expect("a name").to_owned());
            declaration = String::from(" ");
        }
    }
    // Calls that inject faults exist in test builds only, and in no header.
    let exported: BTreeSet<_> = exported().into_iter().filter(|name| !name.starts_with("trm_fault")).collect();
    assert_eq!(declared, exported, "left: declared in the header, right: exported");
}

#[test]
fn soname_and_nodelete() {
    let dynamic = output_of("readelf", &["-d", "-W"]);
    assert!(dynamic.contains("Library soname: [libtrommel.so.0]"), "{dynamic}");
    assert!(dynamic.contains("NODELETE"), "{dynamic}");
}
