//! scan_tree as its users know it: formats, options, exit codes, and that it neither loses nor invents a finding.

mod cc;

use cc::Program;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Built once for all tests of this file.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    &PROGRAM.get_or_init(|| Program(cc::build("scan_tree", cc::C99, &cc::scan_tree_sources(), &[]))).0
}

/// A folder with rules, and files made by the test.
struct Tree(TempDir);

impl Tree {
    fn new(rules: &str) -> Self {
        let tree = Self(TempDir::new().expect("a folder"));
        fs::write(tree.rules(), rules).expect("rules");
        fs::create_dir(tree.root()).expect("a tree");
        tree
    }

    fn rules(&self) -> PathBuf {
        self.0.path().join("test.rules")
    }

    fn root(&self) -> PathBuf {
        self.0.path().join("tree")
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> &Self {
        let path = self.root().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
        fs::write(path, bytes).expect("a file");
        self
    }

    /// The cpu drain unless the arguments say otherwise: these tests are about the program, not about a GPU.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.root()).arg("-f").arg(self.rules()).args(["--drain", "cpu"]).args(arguments);
        command
    }

    fn scan(&self, arguments: &[&str]) -> Scan {
        self.scan_input(arguments, b"")
    }

    fn scan_input(&self, arguments: &[&str], input: &[u8]) -> Scan {
        Scan::from(&cc::run(&mut self.command(arguments), input))
    }
}

#[derive(Debug)]
struct Scan {
    code: Option<i32>,
    out: String,
    err: String,
}

impl From<&Output> for Scan {
    fn from(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Scan {
    #[track_caller]
    fn expect(&self, code: i32, out: &str) -> &Self {
        assert_eq!((self.code, self.out.as_str()), (Some(code), out), "stderr: {}", self.err);
        self
    }

    #[track_caller]
    fn says(&self, what: &str) -> &Self {
        assert!(self.err.contains(what), "no {what:?} in: {}", self.err);
        self
    }

    fn sorted(&self) -> Vec<&str> {
        let mut lines: Vec<_> = self.out.lines().collect();
        lines.sort_unstable();
        lines
    }
}

// ---- what is printed ----

#[test]
fn a_finding_is_path_line_column_id_and_text() {
    let tree = Tree::new("# a comment\n\nword:/b[a-z]+/\n number:/[0-9]+/ \n");
    tree.file("one.txt", "a big\nbad 7\n\n  42");
    let expected = "one.txt:1:3: word: big\none.txt:2:1: word: bad\none.txt:2:5: number: 7\none.txt:4:3: number: 42\n";
    tree.scan(&["one.txt"]).expect(0, expected).says("4 findings in 1 of 1 files").says("drain cpu").says("GB/s");
}

#[test]
fn folders_are_walked_and_a_files_findings_stand_together() {
    let tree = Tree::new("x:/x/\n");
    for i in 0..300 {
        tree.file(&format!("d{}/f{i}.txt", i % 7), "x\nx\nx\n");
    }
    tree.file("d1/.hidden/e.txt", "x").file("d1/empty", "");
    let scan = tree.scan(&["--threads", "4", "."]);
    assert_eq!(scan.code, Some(0), "{}", scan.err);
    let paths: Vec<_> = scan.out.lines().map(|line| line.split(':').next().expect("a path")).collect();
    let mut groups = paths.clone();
    groups.dedup();
    assert_eq!((paths.len(), groups.len()), (901, 301), "findings of one file are torn apart");
    scan.says("901 findings in 301 of 302 files");
}

#[test]
fn findings_are_in_the_order_of_the_file() {
    let tree = Tree::new("long:/a.*z/\nshort:/b/\n");
    tree.file("f", "a b z").scan(&["f"]).expect(0, "f:1:1: long: a b z\nf:1:3: short: b\n");
}

#[test]
fn text_is_made_visible_and_stays_one_line() {
    let tree = Tree::new("all:/<[^>]*>/s\n");
    tree.file("f", b"<a\nb\r\x1b[1m\xff\xc3\xa9\x07>")
        .scan(&["f"])
        .expect(0, "f:1:1: all: <a\\nb\\r\\x1B[1m\\xFFé\\x07>\n");
}

#[test]
fn json_is_one_object_a_line() {
    let tree = Tree::new("all:/<[^>]*>/s\n");
    tree.file("a \"b\"", "x\n <q\"\\\n\u{1}é>").file("raw", b"<\xff\x00>");
    let scan = tree.scan(&["--json", "-a", "."]);
    let mut objects: Vec<serde_json::Value> =
        scan.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    objects.sort_by_key(|object| object["path"].to_string());
    let text = serde_json::json!({"path": "./a \"b\"", "line": 2, "column": 2, "start": 3, "end": 12, "id": "all", "text": "<q\"\\\n\u{1}é>"});
    let raw = serde_json::json!({"path": "./raw", "line": 1, "column": 1, "start": 0, "end": 4, "id": "all", "text_base64": "PP8APg=="});
    assert_eq!(objects, [text, raw]);
    assert_eq!(scan.code, Some(0));
}

#[test]
fn json_names_a_path_that_is_no_text() {
    let tree = Tree::new("x:/x/\n");
    let name = std::ffi::OsStr::from_bytes(b"n\xff");
    fs::write(tree.root().join(name), "x").expect("a file");
    let scan = tree.scan(&["--json", "."]);
    let object: serde_json::Value = serde_json::from_str(scan.out.trim()).expect("JSON");
    assert_eq!(object["path_base64"], "Li9u/w==");
}

#[test]
fn count_and_max_matches() {
    let tree = Tree::new("x:/x/\n");
    tree.file("a", "x x x").file("b", "x").file("c", "");
    assert_eq!(tree.scan(&["-c", "."]).sorted(), ["./a:3", "./b:1"]);
    assert_eq!(tree.scan(&["--count", "--json", "a"]).out, "{\"path\":\"a\",\"count\":3}\n");
    tree.scan(&["-m", "2", "a"]).expect(0, "a:1:1: x: x\na:1:3: x: x\n").says("3 findings").says("(1 not shown)");
    tree.scan(&["--max-matches=1", "-c", "a"]).expect(0, "a:1\n");
    tree.scan(&["-m0", "a"]).expect(0, "");
}

// ---- exit codes ----

#[test]
fn exit_codes_are_greps() {
    let tree = Tree::new("x:/x/\n");
    tree.file("yes", "x").file("no", "y");
    assert_eq!(tree.scan(&["yes", "no"]).code, Some(0));
    tree.scan(&["no"]).expect(1, "").says("0 findings in 0 of 1 files");
    // Trouble shows in the exit code even where something was found, and does not stop the rest.
    tree.scan(&["missing", "yes"]).expect(2, "yes:1:1: x: x\n").says("scan_tree: missing: No such file or directory");
}

#[test]
fn bad_options_are_refused_with_a_sentence() {
    let tree = Tree::new("x:/x/\n");
    for (arguments, sentence) in [
        (&["--nonsense"][..], "unknown option: --nonsense"),
        (&["-z"], "unknown option: -z"),
        (&["--threads", "0"], "not a number of threads from 1 to 256: 0"),
        (&["--threads"], "option needs a value: --threads"),
        (&["--max-matches", "many"], "not a number of findings: many"),
        (&["--drain", "bucket"], "not auto, cpu, batch or persistent: bucket"),
        (&["--arena", "1"], "not a size"),
        (&["--arena=99999999999G"], "not a size"),
        (&["--json=yes"], "option takes no value: --json=yes"),
    ] {
        tree.scan(arguments).expect(2, "").says(sentence);
    }
    let without_rules = cc::run(Command::new(program()).arg("."), b"");
    Scan::from(&without_rules).expect(2, "").says("no rules");
}

#[test]
fn help_and_version() {
    let help = Scan::from(&cc::run(Command::new(program()).arg("-h"), b""));
    assert_eq!((help.code, help.err.as_str()), (Some(0), ""));
    for option in
        ["--rules", "--literals", "--text", "--count", "--max-matches", "--json", "--drain", "--adapter", "--threads"]
    {
        assert!(help.out.contains(option), "{option} is not in the help");
    }
    let version = Scan::from(&cc::run(Command::new(program()).arg("--version"), b""));
    assert!(version.out.contains(env!("CARGO_PKG_VERSION")), "{version:?}");
}

#[test]
fn full_standard_output_is_trouble() {
    let tree = Tree::new("x:/x/\n");
    tree.file("f", "x");
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("/dev/full");
    let output = tree.command(&["f"]).stdout(full).output().expect("it runs");
    Scan::from(&output).expect(2, "").says("standard output: cannot be written");
}

// ---- rules ----

#[test]
fn rule_files_are_refused_with_line_numbers() {
    let tree = Tree::new("ok:/x/\nno colon\n:/x/\nid:x\nid:/x\n# fine\nid:/x/iz\nbad:/a(/\nworse:/[z-a]/\n");
    let scan = tree.scan(&["."]);
    let file = tree.rules().display().to_string();
    scan.expect(2, "");
    for line in [2, 3, 4, 5, 7] {
        scan.says(&format!("{file}:{line}: "));
    }
    scan.says("no ':' behind the id")
        .says("the id is empty")
        .says("no '/' behind")
        .says("no closing '/'")
        .says("'z' is not a flag");

    let tree = Tree::new("# first\nbad:/a(/\nok:/x/\n\nworse:/[z-a]/\n");
    let scan = tree.scan(&["."]);
    let file = tree.rules().display().to_string();
    scan.expect(2, "").says(&format!("{file}:2: ")).says(&format!("{file}:5: "));
    assert!(!scan.err.contains(":3: "), "{}", scan.err);

    Tree::new("# nothing\n").scan(&["."]).expect(2, "").says("no rules in it");
    let missing = cc::run(Command::new(program()).args(["-f", "/nonexistent/rules", "."]), b"");
    Scan::from(&missing).expect(2, "").says("/nonexistent/rules: No such file or directory");
}

#[test]
fn many_errors_are_counted() {
    let rules: String = (0..50).fold(String::new(), |mut text, i| {
        writeln!(text, "r{i}:/(/").expect("text");
        text
    });
    Tree::new(&rules).scan(&["."]).expect(2, "").says(":20: ").says("and 30 more");
}

#[test]
fn rule_flags() {
    let tree = Tree::new("i:/ab/i\ns:/c.d/s\nm:/^e$/m\nl:/f.g/l\nH:/h/H\nu:/\\x{e9}+/iu\nslash:/j/k/\n");
    tree.file("f", "AB\nc\nd\ne\nf.g fxg\nh h\nÉé\nj/k\n");
    let expected =
        "f:1:1: i: AB\nf:2:1: s: c\\nd\nf:4:1: m: e\nf:5:1: l: f.g\nf:6:1: H: h\nf:7:1: u: Éé\nf:8:1: slash: j/k\n";
    tree.scan(&["f"]).expect(0, expected);
}

#[test]
fn rules_of_one_name_are_one_rule() {
    let tree = Tree::new("two:/b/\na:/a/\ntwo:/[bc]/\n");
    tree.file("f", "abc").scan(&["f"]).expect(0, "f:1:1: a: a\nf:1:2: two: b\nf:1:3: two: c\n");
}

#[test]
fn literals_are_bytes_and_their_ids_are_line_numbers() {
    let tree = Tree::new("a.c\n\n#d\n");
    tree.file("f", "abc a.c #d").scan(&["-F", "f"]).expect(0, "f:1:5: 1: a.c\nf:1:9: 3: #d\n");
    let rules = tree.rules();
    fs::write(&rules, b"\xff\x00\n").expect("rules");
    tree.file("b", b"x\xff\x00").scan(&["-aF", "b"]).expect(0, "b:1:2: 1: \\xFF\\x00\n");
}

#[test]
fn the_credential_rules_find_what_they_name() {
    let tree = Tree::new("");
    fs::copy(cc::root().join("examples-c/credentials.rules"), tree.rules()).expect("the rule file");
    let repeat = |text: &str, n: usize| text.repeat(n);
    // Made up, and put together here so that no scanner takes this file for a leak.
    let samples = [
        ("private-key", format!("-----BEGIN RSA {} KEY-----", "PRIVATE")),
        ("private-key", format!("-----BEGIN {} KEY-----", "PRIVATE")),
        ("private-key", format!("-----BEGIN PGP {} KEY BLOCK-----", "PRIVATE")),
        ("aws-access-key-id", format!("AKIA{}", repeat("ABCD2345", 2))),
        ("github-token", format!("ghp_{}", repeat("aB3", 12))),
        ("github-fine-grained-token", format!("github_pat_{}_{}", repeat("a1", 11), repeat("b", 59))),
        ("gitlab-token", format!("glpat-{}", repeat("aB-_5", 4))),
        ("google-api-key", format!("AIza{}", repeat("aB-_5", 7))),
        ("slack-token", format!("xoxb-{}", repeat("123-", 4))),
        ("npm-token", format!("npm_{}", repeat("aB3", 12))),
        ("stripe-key", format!("sk_live_{}", repeat("aB34", 6))),
        ("telegram-bot-token", format!("123456789:AA{}", repeat("abc", 11))),
        ("sendgrid-key", format!("SG.{}.{}", repeat("ab", 11), repeat("c", 43))),
        ("json-web-token", format!("eyJ{}.eyJ{}.{}", repeat("a", 12), repeat("b", 12), repeat("c", 20))),
        ("password-in-url", format!("postgres://user:{}@db.example.org", "hunter2")),
        ("netrc-password", format!("machine example.org login me {} hunter2", "password")),
        ("digitalocean-token", format!("dop_v1_{}", repeat("0f", 32))),
        ("hugging-face-token", format!("hf_{}", repeat("aB", 17))),
        ("assigned-password", format!("password = \"{}\"", "correct-horse")),
        ("basic-authorization", format!("Authorization: Basic {}=", repeat("Ab1", 5))),
    ];
    let file: String = samples.iter().fold(String::new(), |mut text, (_, sample)| {
        writeln!(text, "{sample}").expect("text");
        text
    });
    tree.file("samples", file);
    let scan = tree.scan(&["samples"]);
    for (line, (id, sample)) in samples.iter().enumerate() {
        let expected = format!("samples:{}:1: {id}: {sample}", line + 1);
        assert!(scan.out.lines().any(|found| found == expected), "not found: {expected}\nin:\n{}", scan.out);
    }
    tree.file(
        "harmless",
        "AKIA1234 ghp_short https://example.org:8080/a@b sk_live_ eyJ.eyJ. password = os.environ[\"PASSWORD\"]\n",
    );
    tree.scan(&["harmless"]).expect(1, "");
}

// ---- what is read ----

#[test]
fn standard_input() {
    let tree = Tree::new("x:/x$/\nempty:/^$/\n");
    tree.scan_input(&[], b"a x").expect(0, "(standard input):1:3: x: x\n");
    tree.scan_input(&["-"], b"").expect(0, "(standard input):1:1: empty: \n");
    tree.file("f", "fx").scan_input(&["f", "-"], b"ax");
    let both = tree.scan_input(&["f", "-"], b"ax");
    assert_eq!(both.sorted(), ["(standard input):1:2: x: x", "f:1:2: x: x"]);
    let seeked = Command::new("sh")
        .args(["-c", "{ dd bs=2 count=1 of=/dev/null 2>/dev/null; exec \"$@\"; } < f", "sh"])
        .arg(program())
        .arg("-f")
        .arg(tree.rules())
        .args(["--drain", "cpu"])
        .current_dir(tree.root())
        .output()
        .expect("sh");
    Scan::from(&seeked).expect(0, "(standard input):1:1: empty: \n");
}

#[test]
fn empty_files_are_texts_too() {
    let tree = Tree::new("empty:/^$/\n");
    tree.file("e", "").file("f", "x").scan(&["e", "f"]).expect(0, "e:1:1: empty: \n");
}

#[test]
fn binaries_are_skipped_unless_asked_for() {
    let tree = Tree::new("x:/x/\n");
    tree.file("bin", b"x\0").file("txt", "x");
    let mut late = vec![b'y'; 1 << 16];
    late.extend_from_slice(b"\0x");
    tree.file("late", late);
    let scan = tree.scan(&["-c", "."]);
    assert_eq!(scan.sorted(), ["./late:1", "./txt:1"]);
    scan.says("1 binaries skipped");
    assert_eq!(tree.scan(&["-c", "-a", "."]).sorted(), ["./bin:1", "./late:1", "./txt:1"]);
    assert_eq!(tree.scan(&["-c", "--text", "bin"]).out, "bin:1\n");
}

#[test]
fn links_and_pipes_in_a_tree_are_left_alone() {
    let tree = Tree::new("x:/x/\n");
    tree.file("d/f", "x");
    std::os::unix::fs::symlink("..", tree.root().join("d/loop")).expect("a link");
    let pipe = std::ffi::CString::new(tree.root().join("d/pipe").as_os_str().as_bytes()).expect("a path");
    // SAFETY: a path that ends in NUL.
    assert_eq!(unsafe { libc::mkfifo(pipe.as_ptr(), 0o600) }, 0);
    tree.scan(&["."]).expect(0, "./d/f:1:1: x: x\n");
    // A link that is named is followed.
    std::os::unix::fs::symlink("d", tree.root().join("link")).expect("a link");
    tree.scan(&["link"]).expect(0, "link/f:1:1: x: x\n");
}

/// A text with matches at every kind of place, and the findings that it has.
fn numbered_text(len: usize, name: &str) -> (Vec<u8>, String) {
    let mut text = Vec::with_capacity(len);
    let mut findings = String::new();
    let mut line = 1;
    while text.len() + 32 < len {
        if line % 50 == 1 {
            writeln!(findings, "{name}:{line}:4: n: <{line}>").expect("text");
            text.extend_from_slice(format!("abc<{line}>\n").as_bytes());
        } else {
            text.extend_from_slice(b"a line with nothing in it\n");
        }
        line += 1;
    }
    text.resize(len - 3, b'-');
    writeln!(
        findings,
        "{name}:{line}:{}: n: <0>",
        text.len() - text.iter().rposition(|&b| b == b'\n').expect("a line")
    )
    .expect("text");
    text.extend_from_slice(b"<0>");
    (text, findings)
}

#[test]
fn files_larger_than_the_arena_are_scanned_whole() {
    let tree = Tree::new("n:/<[0-9]+>/\nwhole:/\\Aabc[^!]*<0>\\z/H\n");
    let (text, findings) = numbered_text(3 << 20, "big");
    tree.file("big", &text);
    // Without the rule that spans the file, which would print it.
    fs::write(tree.rules(), "n:/<[0-9]+>/\n").expect("rules");
    tree.scan(&["--arena", "64K", "big"]).expect(0, &findings);
    let piped = tree.scan_input(&["--arena=64K", "-"], &text);
    piped.expect(0, &findings.replace("big:", "(standard input):"));
    fs::write(tree.rules(), "whole:/\\Aabc[^!]*<0>\\z/\n").expect("rules");
    tree.scan(&["--arena", "64K", "-c", "big"]).expect(0, "big:1\n");
}

#[test]
fn every_arena_gives_the_same_findings() {
    let tree = Tree::new("n:/<[0-9]+>/\n");
    for i in 0..200 {
        let (text, _) = numbered_text(100 + i * 97, "f");
        tree.file(&format!("{i:03}"), text);
    }
    let expected = tree.scan(&["."]);
    assert_eq!(expected.code, Some(0), "{}", expected.err);
    for arena in ["4K", "16K", "100K", "1M"] {
        for threads in ["1", "5"] {
            let scan = tree.scan(&["--arena", arena, "--threads", threads, "."]);
            assert_eq!(scan.sorted(), expected.sorted(), "arena {arena}, {threads} threads: {}", scan.err);
        }
    }
}

#[test]
fn many_findings_in_one_file_all_arrive() {
    let tree = Tree::new("a:/a/\n");
    tree.file("f", "a".repeat(300_000)).scan(&["-c", "f"]).expect(0, "f:300000\n");
    tree.scan(&["-c", "--arena", "4K", "f"]).expect(0, "f:300000\n");
}

// ---- leaving ----

#[test]
fn sigint_leaves_cleanly() {
    let tree = Tree::new("x:/x/\n");
    tree.file("f", "x");
    // A standard input that stays open: without the signal it would wait for ever.
    let mut child = tree
        .command(&["f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it runs");
    std::thread::sleep(Duration::from_millis(300));
    // SAFETY: a signal to our own child, which was not waited for yet.
    assert_eq!(unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGINT) }, 0);
    let asked = Instant::now();
    let _open = child.stdin.take();
    while child.try_wait().expect("a child").is_none() {
        assert!(asked.elapsed() < Duration::from_secs(20), "it does not leave");
        std::thread::sleep(Duration::from_millis(10));
    }
    let scan = Scan::from(&child.wait_with_output().expect("its output"));
    scan.expect(130, "f:1:1: x: x\n").says("stopped early");
}
