//! The `trommel` command: its commands, what they print for machines, and their exit codes.

mod cc;

use cc::Program;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

fn sources() -> Vec<PathBuf> {
    let folder = cc::root().join("tools/trommel");
    let own = std::fs::read_dir(folder).expect("tools/trommel").map(|entry| entry.expect("a file").path());
    let own = own.filter(|path| path.extension().is_some_and(|extension| extension == "c"));
    let scan = cc::scan_tree_sources().into_iter().filter(|path| !path.ends_with("program.c"));
    own.chain(scan).collect()
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    &PROGRAM.get_or_init(|| Program(cc::build("trommel", cc::C99, &sources(), &[]))).0
}

fn trommel(arguments: &[&str], input: &[u8]) -> Output {
    cc::run(Command::new(program()).args(arguments), input)
}

fn json_lines(output: &Output) -> Vec<serde_json::Value> {
    let text = std::str::from_utf8(&output.stdout).expect("UTF-8");
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))).collect()
}

/// A rule file that goes with its folder.
fn rules(text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("test.rules");
    std::fs::write(&path, text).expect("rules");
    (folder, path.to_str().expect("a UTF-8 path").to_owned())
}

#[test]
fn scan_is_scan_tree_under_another_name() {
    let (_folder, file) = rules("digits:/[0-9]+/\n");
    let output = trommel(&["scan", "-f", &file, "--drain", "cpu"], b"a 12 b\n");
    assert_eq!(cc::text_of(&output), "(standard input):1:3: digits: 12\n");
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("trommel scan: 1 findings"));
    assert_eq!(trommel(&["scan", "-f", &file, "--drain", "cpu"], b"none").status.code(), Some(1));
    assert_eq!(trommel(&["scan"], b"").status.code(), Some(2));
}

#[test]
fn check_tells_of_every_rule() {
    let (_folder, file) = rules("fox:/fox/l\n\"quoted\":/ab+c/i\nwords:/\\b\\w+\\b/u\n");
    let output = trommel(&["check", "--json", &file], b"");
    let lines = json_lines(&output);
    let names: Vec<_> = lines.iter().map(|line| line["rule"].as_str().expect("a name")).collect();
    assert_eq!(names, ["fox", "\"quoted\"", "words"]);
    assert_eq!((lines[0]["tier"].as_str(), lines[0]["max_len"].as_u64()), (Some("literal"), Some(3)));
    assert!(lines[1]["max_len"].is_null(), "{}", lines[1]);
    let sums = &json_lines(&trommel(&["check", "--json", "--tiers", &file], b""))[0];
    let total: u64 = sums.as_object().expect("an object").values().map(|n| n.as_u64().expect("a number")).sum();
    assert_eq!(total, 3);
    let table = cc::text_of(&trommel(&["check", &file], b""));
    assert!(table.contains("fox") && table.contains("3 rules: "), "{table}");
}

#[test]
fn check_names_the_line_of_every_problem() {
    let (_folder, file) = rules("a:/x(/\nfine:/x/\nb:/y**)/\n");
    let output = trommel(&["check", &file], b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        said.contains("test.rules:1: ") && said.contains("test.rules:3: ") && !said.contains("rules:2: "),
        "{said}"
    );
}

#[test]
fn bench_measures_and_draws() {
    let folder = tempfile::tempdir().expect("a folder");
    let chart = folder.path().join("chart.svg");
    let chart_path = chart.to_str().expect("a UTF-8 path");
    let arguments = ["bench", "--drain", "cpu", "--seconds", "0.01", "--literals", "20", "--json", "--svg", chart_path];
    let lines = json_lines(&trommel(&arguments, b""));
    assert_eq!(lines.len(), 11);
    assert!(lines.iter().all(|line| line["drain"] == "cpu" && line["items_per_second"].is_number()), "{lines:?}");
    let rules: Vec<_> = lines.iter().map(|line| line["rules"].as_u64().expect("a number")).collect();
    assert_eq!(rules, [20, 20, 20, 20, 20, 20, 10, 100, 1000, 10_000, 100_000]);
    let svg = std::fs::read_to_string(chart).expect("a chart");
    assert!(
        svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>") && svg.matches("<polyline").count() == 2,
        "{svg}"
    );
}

#[test]
fn top_shows_an_engine_while_it_is_there() {
    let (_folder, file) = rules("digits:/[0-9]+/\n");
    let stats = tempfile::tempdir().expect("a folder");
    let folder = stats.path().to_str().expect("a UTF-8 path");
    let look = || trommel(&["top", "--json", "--interval", "0.5", folder], b"");
    assert_eq!(look().status.code(), Some(1), "there is none yet");
    let mut scan = Command::new(program());
    scan.args(["scan", "-f", &file, "--drain", "cpu"]).env("TROMMEL_STATS", folder);
    let mut scan = scan.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("a scan");
    let deadline = Instant::now() + Duration::from_secs(60);
    let seen = loop {
        if let [engine] = &json_lines(&look())[..] {
            break engine.clone();
        }
        assert!(Instant::now() < deadline, "it never showed up");
    };
    assert_eq!((seen["pid"].as_u64(), seen["drain"].as_str()), (Some(u64::from(scan.id())), Some("cpu")), "{seen}");
    assert_eq!((seen["rule_sets"].as_u64(), seen["in_flight"].as_u64()), (Some(1), Some(0)), "{seen}");
    let table = cc::text_of(&trommel(&["top", "-n", "1", "--interval", "0.1", folder], b""));
    assert!(table.contains("GB/s") && table.contains(&scan.id().to_string()), "{table}");
    drop(scan.stdin.take());
    assert_eq!(scan.wait().expect("its end").code(), Some(1));
    assert_eq!(look().status.code(), Some(1), "it is gone");
    assert_eq!(stats.path().read_dir().expect("the folder").count(), 0, "nothing is left behind");
}

#[test]
fn a_scan_works_where_its_stats_cannot_be_told() {
    let (_folder, file) = rules("digits:/[0-9]+/\n");
    let mut scan = Command::new(program());
    scan.args(["scan", "-f", &file, "--drain", "cpu"]).env("TROMMEL_STATS", "/nowhere/at/all");
    assert_eq!(cc::text_of(&cc::run(&mut scan, b"a 12 b\n")), "(standard input):1:3: digits: 12\n");
}

#[test]
fn adapters_are_listed_for_machines() {
    let output = trommel(&["adapters", "--json"], b"");
    let lines = json_lines(&output);
    let usable = lines.iter().any(|line| line["persistent"] == true || line["batch"] == true);
    assert_eq!(output.status.code(), Some(if usable { 0 } else { 1 }));
}

#[test]
fn wrong_arguments_end_in_two_and_help_in_zero() {
    for wrong in [
        &[][..],
        &["juggle"],
        &["check"],
        &["check", "/nowhere"],
        &["check", "--what", "x"],
        &["adapters", "x"],
        &["bench", "--seconds", "soon"],
        &["top", "/nowhere"],
        &["top", "--interval", "0", "."],
        &["top", "--count", "-1", "."],
        &["top", "--what"],
        &["bench", "--drain", "abacus"],
        &["bench", "--literals"],
        &["bench", "--seconds", "0.01", "--drain", "cpu", "--svg", "/nowhere/chart.svg"],
    ] {
        let output = trommel(wrong, b"");
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
        assert!(!output.stderr.is_empty(), "{wrong:?}");
    }
    for help in [
        &["--help"][..],
        &["--version"],
        &["scan", "--help"],
        &["check", "-h"],
        &["adapters", "-h"],
        &["bench", "-h"],
        &["top", "-h"],
    ] {
        assert!(cc::text_of(&trommel(help, b"")).contains("trommel"), "{help:?}");
    }
}
