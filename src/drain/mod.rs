//! Drains: whoever empties the ring. One file each; the engine sees this trait and nothing else of them.

#[cfg(feature = "gpu")]
mod batch;
mod caller;
mod cpu;
mod feed;
#[cfg(feature = "gpu")]
mod finishing;
#[cfg(feature = "gpu")]
mod persistent;

pub use caller::Claimed;
pub use feed::{DeviceCounters, Feed, Harvest, OnDevice, Telemetry};

use crate::engine::{Engine, Mode, Options, Processor};
use crate::input::Memory;
use crate::status::{Error, Result, TRM_ERR_UNSUPPORTED};
use std::sync::Arc;

/// The drains there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum DrainKind {
    /// Worker threads.
    Cpu = 1,
    /// The caller's own threads.
    Caller = 2,
    /// One ordinary dispatch per batch.
    Batch = 3,
    /// A resident kernel.
    Persistent = 4,
}

impl DrainKind {
    /// Its name in messages and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Caller => "caller",
            Self::Batch => "batch",
            Self::Persistent => "persistent",
        }
    }
}

/// A running drain.
pub trait Drain: Send {
    /// Returns when nothing of it runs any more; queued items may be left.
    fn stop(self: Box<Self>);
}

/// How a chosen drain is started on its engine.
type Start = Box<dyn FnOnce(&Arc<Engine>) -> Result<Box<dyn Drain>>>;

/// The drain that an engine's options lead to.
pub struct Chosen {
    /// Which one.
    pub kind: DrainKind,
    /// One sentence for the log and the stats.
    pub why: String,
    /// Where the arena must live, if the drain has a wish.
    pub memory: Option<Memory>,
    /// Starts it.
    pub start: Start,
}

/// Picks the drain. `Mode::Auto` always finds one; what was asked for and cannot be had is an error that says why.
pub fn choose(options: &Options) -> Result<Chosen> {
    match (options.processor, options.mode) {
        (Processor::Caller, _) => Ok(Chosen {
            kind: DrainKind::Caller,
            why: "the caller's own threads, as asked for".into(),
            memory: None,
            start: Box::new(|_| Ok(Box::new(caller::Idle))),
        }),
        (Processor::Cpu, _) => Ok(cpu("worker threads, as asked for".into())),
        (Processor::Any, Mode::Disable) => Ok(cpu("worker threads: the resident kernel is switched off".into())),
        (_, Mode::Force) => persistent(options).map_err(|why| {
            let message =
                format!("no resident kernel: {why}. TRM_MODE_AUTO with TRM_PROCESSOR_ANY runs on the CPU then");
            Error::new(TRM_ERR_UNSUPPORTED, message)
        }),
        (Processor::Gpu, Mode::Disable) => batch(options).map_err(no_gpu),
        (Processor::Gpu, Mode::Auto) => persistent(options).or_else(|_| batch(options)).map_err(no_gpu),
        (Processor::Any, Mode::Auto) => {
            let gpu = persistent(options).or_else(|why| {
                let mut chosen = batch(options).map_err(|_| why.clone())?;
                chosen.why = format!("{}, since there is no resident kernel: {why}", chosen.why);
                Ok::<_, String>(chosen)
            });
            Ok(gpu.unwrap_or_else(|why| cpu(format!("worker threads: {why}"))))
        }
    }
}

fn no_gpu(why: String) -> Error {
    Error::new(TRM_ERR_UNSUPPORTED, format!("no GPU drain: {why}. TRM_PROCESSOR_ANY runs on the CPU then"))
}

#[cfg(feature = "gpu")]
fn persistent(options: &Options) -> std::result::Result<Chosen, String> {
    #[cfg(feature = "faults")]
    if let Some(how) = options.adapter.as_deref().and_then(|name| name.strip_prefix("echo")) {
        let how = how.trim();
        let life = if how == "mortal" { 20_000 } else { u64::MAX };
        return Ok(persistent::choose_echo(options, how.parse().unwrap_or(0), life));
    }
    persistent::choose(options).map_err(|e| e.message)
}

#[cfg(not(feature = "gpu"))]
fn persistent(_: &Options) -> std::result::Result<Chosen, String> {
    Err("this build has no GPU drains".into())
}

#[cfg(feature = "gpu")]
fn batch(options: &Options) -> std::result::Result<Chosen, String> {
    batch::choose(options).map_err(|e| e.message)
}

#[cfg(not(feature = "gpu"))]
fn batch(_: &Options) -> std::result::Result<Chosen, String> {
    Err("this build has no GPU drains".into())
}

/// The adapter that the options name.
#[cfg(feature = "gpu")]
fn adapter_choice(options: &Options) -> crate::gpu::Choice {
    use crate::gpu::Choice;
    match options.adapter.as_deref() {
        None | Some("") => Choice::Automatic,
        Some(text) => text.parse().map_or_else(|_| Choice::Name(text.into()), Choice::Index),
    }
}

fn cpu(why: String) -> Chosen {
    Chosen {
        kind: DrainKind::Cpu,
        why,
        memory: None,
        start: Box::new(|engine| Ok(Box::new(cpu::Workers::start(engine)?))),
    }
}
