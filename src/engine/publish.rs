//! An engine's stats for other processes: where `TROMMEL_STATS` names a folder, each engine keeps a small text file there
//! that `trommel top`, or any program, can read.

use super::log::Level;
use super::{Engine, lock};
use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The environment variable that names the folder.
pub const VARIABLE: &str = "TROMMEL_STATS";
/// How often the file is renewed.
const PERIOD: Duration = Duration::from_millis(250);

/// Keeps one engine's file up to date until it is dropped; then the file is gone.
pub struct Publisher {
    ended: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
    file: PathBuf,
}

impl Publisher {
    /// Starts where the environment asks for it. An engine works without: what goes wrong is only logged.
    pub fn start(engine: &Arc<Engine>) -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(VARIABLE).filter(|folder| !folder.is_empty())?);
        match Self::start_in(&folder, engine) {
            Ok(publisher) => Some(publisher),
            Err(why) => {
                let folder = folder.display();
                let message = format!("no stats in {VARIABLE}={folder} ({why}): name a folder that can be written to");
                engine.options.log.say(Level::Warn, &message);
                None
            }
        }
    }

    fn start_in(folder: &Path, engine: &Arc<Engine>) -> io::Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let file = folder.join(format!("{name}.trommel"));
        let draft = folder.join(format!(".{name}.draft"));
        let begin = Instant::now();
        write(&draft, &file, &page(engine, begin))?;
        let ended = Arc::new((Mutex::new(false), Condvar::new()));
        let (engine, ended_too, file_too) = (Arc::downgrade(engine), ended.clone(), file.clone());
        let run = move || keep(&engine, &ended_too, &draft, &file_too, begin);
        let thread = std::thread::Builder::new().name("trommel-stats".into()).spawn(run);
        let mut publisher = Self { ended, thread: None, file };
        // Where there is no thread, the file goes again with the publisher.
        publisher.thread = Some(thread?);
        Ok(publisher)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        *lock(&self.ended.0) = true;
        self.ended.1.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = std::fs::remove_file(&self.file);
    }
}

/// Renews the file until the end.
fn keep(engine: &Weak<Engine>, ended: &(Mutex<bool>, Condvar), draft: &Path, file: &Path, begin: Instant) {
    let mut over = lock(&ended.0);
    while !*over {
        let waited = ended.1.wait_timeout(over, PERIOD);
        over = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
        if let Some(engine) = engine.upgrade().filter(|_| !*over) {
            // A disk that is full now may not be so the next time.
            let _ = write(draft, file, &page(&engine, begin));
        }
    }
}

/// Whoever reads the file sees one page or the next, never half of one.
fn write(draft: &Path, file: &Path, text: &str) -> io::Result<()> {
    std::fs::write(draft, text)?;
    std::fs::rename(draft, file)
}

/// A line `name value` for each thing; `program` and `why` are text to the end of the line.
fn page(engine: &Engine, begin: Instant) -> String {
    let stats = engine.stats();
    let program = std::env::current_exe().ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
    let (_, why) = engine.drain_now();
    let mut text = String::with_capacity(1024);
    let mut say = |name: &str, value: &dyn std::fmt::Display| {
        let value = value.to_string().replace(['\n', '\r', '\0'], " ");
        writeln!(text, "{name} {value}").expect("a string takes everything");
    };
    say("trommel", &env!("CARGO_PKG_VERSION"));
    say("pid", &std::process::id());
    say("program", &program.unwrap_or_default());
    say("milliseconds", &begin.elapsed().as_millis());
    say("drain", &stats.drain.name());
    for (name, value) in [
        ("accepted", stats.accepted),
        ("claimed", stats.claimed),
        ("finished", stats.finished),
        ("bytes", stats.bytes),
        ("matches", stats.matches),
        ("truncated", stats.truncated),
        ("failed", stats.failed),
        ("panics", stats.panics),
        ("in_flight", stats.in_flight),
        ("ring_size", u64::from(engine.ring.capacity())),
        ("arena_used", stats.arena_used),
        ("arena_bytes", stats.arena_bytes),
        ("rule_sets", u64::from(stats.rule_sets)),
        ("launches", stats.device.launches),
        ("relaunches", stats.device.relaunches),
        ("longest_gap_ns", stats.device.longest_gap_ns),
        ("failovers", stats.device.failovers),
        ("host_items", stats.device.host_items),
        ("host_bytes", stats.device.host_bytes),
        ("host_ns", stats.device.host_ns),
        ("pumped_bytes", stats.device.pumped_bytes),
    ] {
        say(name, &value);
    }
    say("why", &why);
    text
}
