//! Every example, compiled as C99 and as C++17 with all warnings as errors, and run: what it prints is what it should.

mod cc;

use cc::{C99, CPP17, Language, Program};
use std::process::Command;

const QUICKSTART: &str = "\
text 0: 1 matches
  rule 7 at 16: fox
text 1: 0 matches
text 2: 3 matches
  rule 7 at 2: fox
  rule 7 at 18: FOX
  rule 8 at 25: 10:42
text 3: 0 matches
";

fn example(file: &str, language: Language, flags: &[&str]) -> Program {
    let stem = file.replace('.', "_");
    Program(cc::build(&stem, language, &[cc::root().join("examples-c").join(file)], flags))
}

fn run(program: &Program) -> String {
    cc::text_of(&cc::run(&mut Command::new(&program.0), b""))
}

/// Answers come in any order: an item's lines stay together, items are sorted.
fn by_item(output: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    let mut matches: Vec<String> = Vec::new();
    for line in output.lines() {
        if line.starts_with("  ") { matches.push(line.into()) } else { items.push(line.into()) }
    }
    items.sort();
    matches.sort();
    items.extend(matches);
    items
}

#[test]
fn quickstart_in_c_and_as_cpp() {
    for language in [C99, CPP17] {
        assert_eq!(by_item(&run(&example("quickstart.c", language, &[]))), by_item(QUICKSTART), "{language:?}");
    }
}

#[test]
fn quickstart_in_cpp_with_and_without_exceptions() {
    let expected = format!("{QUICKSTART}and at once: 2 matches\n");
    for (standard, flags) in [("c++17", &[][..]), ("c++11", &[][..]), ("c++20", &["-fno-exceptions"][..])] {
        let program = example("quickstart.cpp", Language::Cpp(standard), flags);
        assert_eq!(by_item(&run(&program)), by_item(&expected), "{standard} {flags:?}");
    }
}

#[test]
fn custom_drain_answers_every_item() {
    for language in [C99, CPP17] {
        assert_eq!(run(&example("custom_drain.c", language, &[])), "1000 items, 334 long lines\n", "{language:?}");
    }
}

#[test]
fn scan_tree_builds_as_cpp_too() {
    let program = Program(cc::build("scan_tree_twin", CPP17, &cc::scan_tree_sources(), &[]));
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules");
    std::fs::write(&rules, "digits:/[0-9]+/\n").expect("rules");
    let output = cc::run(Command::new(&program.0).arg("-f").arg(&rules), b"a 12 b\n");
    assert_eq!(cc::text_of(&output), "(standard input):1:3: digits: 12\n");
}

/// The C example of the README is a program that compiles and does what the text beside it says.
#[test]
fn readme_example() {
    let readme = std::fs::read_to_string(cc::root().join("README.md")).expect("README.md");
    let (_, rest) = readme.split_once("```c\n").expect("a C example in the README");
    let (code, after) = rest.split_once("```").expect("the example's end");
    assert!(code.lines().count() <= 24, "the README's example has grown to {} lines", code.lines().count());
    let (_, rest) = after.split_once("```text\n").expect("the example's output in the README");
    let (expected, _) = rest.split_once("```").expect("the output's end");
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("readme.c");
    std::fs::write(&source, code).expect("a source");
    for language in [C99, CPP17] {
        let program = Program(cc::build("readme", language, std::slice::from_ref(&source), &[]));
        assert_eq!(run(&program), expected, "{language:?}");
    }
}

/// A program built against a header of another ABI is told so by trommel.hpp before anything is made.
#[test]
fn cpp_refuses_a_library_of_another_abi() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("other_abi.cpp");
    let code = r#"
#include "trommel.h"
#undef TRM_ABI_VERSION
#define TRM_ABI_VERSION 4711
#include "trommel.hpp"
#include <cstdio>
template <class Make> static void expect_refusal(const char *what, Make make) {
  try {
    make();
    std::printf("%s: made\n", what);
  } catch (const std::runtime_error &e) {
    std::printf("%s: %s\n", what, e.what());
  }
}
int main() {
  trommel::rules rules;
  trommel::engine engine;
  if (trommel::rules::try_compile({}, rules) != TRM_ERR_UNSUPPORTED) return 1;
  if (trommel::rules::try_deserialize("", rules) != TRM_ERR_UNSUPPORTED) return 1;
  if (trommel::engine::try_create(engine) != TRM_ERR_UNSUPPORTED) return 1;
  expect_refusal("rules", [] { trommel::rules::compile({}); });
  expect_refusal("saved rules", [] { trommel::rules::deserialize(""); });
  expect_refusal("engine", [] { trommel::engine::create(); });
  return 0;
}
"#;
    std::fs::write(&source, code).expect("a source");
    let program = Program(cc::build("other_abi", CPP17, std::slice::from_ref(&source), &[]));
    let sentence = "libtrommel is of another ABI version than trommel.hpp";
    assert_eq!(run(&program), format!("rules: {sentence}\nsaved rules: {sentence}\nengine: {sentence}\n"));
}
