//! No Vulkan driver, or a broken one: an answer, never a crash. Each case is a process of its own, since a loader reads its
//! environment once.
#![cfg(feature = "gpu")]

use std::process::Command;
use trommel::drain::DrainKind;
use trommel::engine::{Engine, Mode, Options, Processor};

/// What the processes below do: ask for adapters and engines where there is none.
#[test]
fn asks_where_nothing_is() {
    if std::env::var_os("TROMMEL_NO_DRIVER").is_none() {
        return;
    }
    assert!(trommel::gpu::adapters().iter().all(|adapter| !adapter.persistent || adapter.why_not.is_empty()));
    assert!(!trommel::gpu::adapters().iter().any(|adapter| adapter.persistent));
    let auto = Engine::create(Options::default()).unwrap_or_else(|e| panic!("{}", e.message));
    assert_eq!(auto.engine().stats().drain, DrainKind::Cpu);
    let (_, why) = auto.engine().drain_now();
    assert!(why.contains("adapter"), "the reason is told: {why}");
    for options in [
        Options { mode: Mode::Force, ..Options::default() },
        Options { processor: Processor::Gpu, ..Options::default() },
        Options { processor: Processor::Gpu, mode: Mode::Disable, ..Options::default() },
    ] {
        let refused = Engine::create(options).err().expect("there is no GPU").message;
        assert!(refused.contains("adapter"), "{refused}");
    }
}

fn ask(drivers: &str) {
    let output = Command::new(std::env::current_exe().expect("this program has a path"))
        .args(["--exact", "asks_where_nothing_is", "--nocapture"])
        .env("TROMMEL_NO_DRIVER", "1")
        .env("VK_DRIVER_FILES", drivers)
        .env("VK_ICD_FILENAMES", drivers)
        .env_remove("TROMMEL_ADAPTER")
        .env("LIBGL_DRIVERS_PATH", "/nowhere")
        .output()
        .expect("a process starts");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && text.contains("1 passed"), "{drivers}: {text}");
}

#[test]
fn no_driver_is_an_answer() {
    ask("/nowhere/driver.json");
}

#[test]
fn a_broken_driver_is_an_answer() {
    let folder = tempfile::tempdir().expect("a folder");
    let library = folder.path().join("broken.so");
    std::fs::write(&library, "this is no library").expect("a file");
    for library in [library.to_str().expect("UTF-8"), "/nowhere/driver.so"] {
        let json = folder.path().join("driver.json");
        let text = format!(
            "{{\"file_format_version\": \"1.0.0\", \"ICD\": {{\"library_path\": \"{library}\", \"api_version\": \"1.3.0\"}}}}"
        );
        std::fs::write(&json, text).expect("a file");
        ask(json.to_str().expect("UTF-8"));
        std::fs::write(&json, "{ this is no JSON").expect("a file");
        ask(json.to_str().expect("UTF-8"));
    }
}
