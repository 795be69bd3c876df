//! Drains: whoever empties the ring. One file each; the engine sees this trait and nothing else of them.

mod caller;
mod cpu;

pub use caller::Claimed;

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

    /// Whether items may be done that the host's ring never saw claimed, because the device claims for itself.
    pub fn completes_unclaimed(self) -> bool {
        self == Self::Persistent
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
    let none = "this build has no GPU drain";
    match (options.processor, options.mode) {
        (Processor::Caller, _) => Ok(Chosen {
            kind: DrainKind::Caller,
            why: "the caller's own threads, as asked for".into(),
            memory: None,
            start: Box::new(|_| Ok(Box::new(caller::Idle))),
        }),
        (_, Mode::Force) | (Processor::Gpu, _) => Err(Error::new(
            TRM_ERR_UNSUPPORTED,
            format!("{none}: use TRM_MODE_AUTO with TRM_PROCESSOR_ANY to run on the CPU"),
        )),
        (Processor::Cpu, _) => Ok(cpu("worker threads, as asked for".into())),
        (Processor::Any, _) => Ok(cpu(format!("worker threads: {none}"))),
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
