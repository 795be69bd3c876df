//! Builds C and C++ programs against the library of this very test run, and runs them.
#![allow(dead_code, reason = "every test file uses a part of it")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// A program that takes longer than this hangs.
const LIMIT: Duration = Duration::from_secs(120);

/// The project's folder.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared library that was built with this test, and under its soname beside it.
pub fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        // target/PROFILE/deps/TEST: the library lies in PROFILE, and in deps where cargo did not copy it up.
        let test = std::env::current_exe().expect("the path of this test");
        let deps = test.parent().expect("the folder of this test");
        let found = [deps.parent().expect("the profile's folder"), deps].map(|folder| folder.join("libtrommel.so"));
        let newest = found.iter().filter_map(|path| Some((path.metadata().ok()?.modified().ok()?, path))).max();
        let library = newest.expect("libtrommel.so beside the tests").1;
        let folder = library.parent().expect("the library's folder").join("c-tests");
        std::fs::create_dir_all(&folder).expect("a folder for C programs");
        for name in ["libtrommel.so", "libtrommel.so.0"] {
            // Several test programs may do this at once: the last rename wins, and all of them are the same.
            let temporary = folder.join(format!("{name}.{}", std::process::id()));
            let _ = std::fs::remove_file(&temporary);
            std::os::unix::fs::symlink(library, &temporary).expect("a link to the library");
            std::fs::rename(&temporary, folder.join(name)).expect("a link to the library");
        }
        folder.join("libtrommel.so")
    })
}

/// How a source is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    C(&'static str),
    Cpp(&'static str),
}

pub const C99: Language = Language::C("c99");
pub const CPP17: Language = Language::Cpp("c++17");

/// A compiler that is told to be strict.
pub fn compiler(language: Language) -> Command {
    let variable = |name: &str, default: &str| std::env::var_os(name).unwrap_or_else(|| default.into());
    let mut command = match language {
        Language::C(standard) => {
            let mut command = Command::new(variable("CC", "cc"));
            command.args(["-x", "c"]).arg(format!("-std={standard}"));
            command
        }
        Language::Cpp(standard) => {
            let mut command = Command::new(variable("CXX", "c++"));
            command.args(["-x", "c++"]).arg(format!("-std={standard}"));
            command
        }
    };
    command.args(["-pedantic", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-D_POSIX_C_SOURCE=200809L"]);
    command.arg("-I").arg(root().join("include"));
    command
}

/// Compiles and links `sources` into a program named after `name` and the language.
pub fn build(name: &str, language: Language, sources: &[PathBuf], flags: &[&str]) -> PathBuf {
    let folder = library().parent().expect("the library's folder");
    let standard = match language {
        Language::C(standard) | Language::Cpp(standard) => standard,
    };
    let program = folder.join(format!("{name}-{standard}-{}", std::process::id()));
    let mut command = compiler(language);
    command.args(flags).args(sources).args(["-x", "none", "-o"]).arg(&program);
    command.arg("-L").arg(folder).arg(format!("-Wl,-rpath,{}", folder.display())).args([
        "-ltrommel",
        "-lpthread",
        "-lm",
    ]);
    let output = command.output().expect("the compiler runs");
    assert!(
        output.status.success(),
        "{name} as {standard} does not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// The sources of `scan_tree`.
pub fn scan_tree_sources() -> Vec<PathBuf> {
    let folder = root().join("examples-c/scan_tree");
    let mut sources: Vec<_> = std::fs::read_dir(folder)
        .expect("the folder of scan_tree")
        .map(|entry| entry.expect("a file").path())
        .filter(|path| path.extension() == Some(OsStr::new("c")))
        .collect();
    sources.sort();
    sources
}

/// Removes a program when its test is over.
pub struct Program(pub PathBuf);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Runs to the end, with `input` as standard input; fails a test whose program hangs.
pub fn run(command: &mut Command, input: &[u8]) -> Output {
    let what = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that does not read its input closes the pipe: that is its right.
        let _ = std::io::Write::write_all(&mut stdin, &input);
    });
    let pid = child.id();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    let guard = std::thread::spawn(move || {
        let started = Instant::now();
        if is_done.recv_timeout(LIMIT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            // SAFETY: a signal to a child that was not waited for yet.
            unsafe { libc::kill(pid as libc::pid_t, libc::SIGKILL) };
            panic!("killed after {:?}", started.elapsed());
        }
    });
    let output = child.wait_with_output().expect("its output");
    drop(done);
    writer.join().expect("the writer");
    assert!(guard.join().is_ok(), "{what} hangs");
    output
}

/// Standard output as text, of a program that must have ended well.
pub fn text_of(output: &Output) -> String {
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ended with {:?}: {error}", output.status);
    String::from_utf8(output.stdout.clone()).expect("UTF-8 output")
}
