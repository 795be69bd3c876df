//! The persistent drain: items go to a resident kernel, what it cannot answer goes to worker threads here, and so does
//! everything if the kernel dies.
//!
//! Callers hand their items over themselves and keep the claims (`Loans`); whoever has the handle's lock finishes what
//! the device has done. So an item is finished once, also when the drain changes under way: after a failover nobody
//! looks at the old kernel's completions any more, and every claim that is still lent goes to the worker threads.

#[cfg(feature = "faults")]
mod echo;
mod found;
mod harvest;
mod keeper;
mod kernel;
mod shared;
mod worker;

#[cfg(feature = "faults")]
pub(super) use echo::choose as choose_echo;

use super::{Chosen, Drain, DrainKind};
use crate::engine::{Engine, Options};
use crate::gpu::persistent::{Arena, Kernel, Options as KernelOptions};
use crate::gpu::{Device, GpuError, TABLES};
use crate::input::Memory;
use crate::status::{Error, Result, TRM_ERR_MEMORY};
use keeper::Keeper;
use kernel::Resident;
use shared::{Make, Shared};
use std::ptr::NonNull;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use worker::Worker;

/// Opens the device, tests the path, and takes the memory: everything that can fail.
pub(super) fn choose(options: &Options) -> std::result::Result<Chosen, GpuError> {
    let device = Device::open_persistent(&super::adapter_choice(options))?;
    let bytes = options.arena_bytes as usize;
    let arena = if options.staged_input { Arena::staged(&device, bytes)? } else { Arena::new(&device, bytes)? };
    let kernel = Kernel::over(&device, &kernel_options(options, 0), arena.clone())?;
    let base = NonNull::new(arena.pointer()).ok_or_else(|| GpuError { message: "the arena was not mapped".into() })?;
    // SAFETY: the arena is mapped for as long as a clone of it lives, and has more padding than is asked for.
    let memory = unsafe { Memory::foreign(base, bytes, Box::new(arena.clone())) };
    let name = device.info().name.clone();
    let why = format!("resident kernel on {name} ({})", device.info().driver);
    let make: Make<Kernel> = Box::new(move |engine, start| match device.trouble() {
        Some(trouble) => Err(trouble),
        None => Kernel::over(&device, &kernel_options(engine.options(), start), arena.clone()).map_err(|e| e.message),
    });
    Ok(chosen(kernel, make, name, why, Some(memory)))
}

fn chosen<K: Resident>(kernel: K, make: Make<K>, name: String, why: String, memory: Option<Memory>) -> Chosen {
    Chosen {
        kind: DrainKind::Persistent,
        why: why.clone(),
        memory,
        start: Box::new(move |engine| {
            let shared = Arc::new(Shared::new(Arc::new(kernel), make, name, why));
            Ok(Box::new(Persistent::start(engine, shared)?))
        }),
    }
}

fn kernel_options(options: &Options, start: u64) -> KernelOptions {
    KernelOptions {
        ring: options.ring_size,
        start,
        arena_bytes: options.arena_bytes as usize,
        lease: Duration::from_millis(options.lease_ms.into()),
        idle: Duration::from_millis(options.idle_ms.into()),
        watchdog: Duration::from_millis(options.watchdog_ms.into()),
        table_bytes: TABLES,
        workers: workers(options),
        workers_cold: if options.gpu_workers == 0 { COLD_WORKERS } else { 0 },
        held: held(options),
        // A KiB for each slot: items with more than a few matches are seldom all of them.
        spill_kib: options.ring_size.clamp(1 << 10, 64 << 10),
        split: crate::faults::gpu::split().unwrap_or_default(),
        plant: crate::faults::gpu::plant(),
        ..KernelOptions::default()
    }
}

/// While a large GPU does not have its full clock all that it can run at once keep up with a link as a quarter does later.
const COLD_WORKERS: u32 = 2112;

/// Workers while little comes in and while much does. The default keeps up with a PCIe 5 link with every kind of rules that
/// was measured (docs/device-matchers.md), and leaves three quarters of a large GPU to others.
fn workers(options: &Options) -> (u32, u32) {
    let many = if options.gpu_workers == 0 { 528 } else { options.gpu_workers };
    (many.min(64), many)
}

/// Tickets of a worker. Staged input comes in heaps that are on their way for long: an item that is stored meanwhile stands
/// behind them, and is seen at once only if all of them are held by somebody.
fn held(options: &Options) -> u32 {
    if options.staged_input { (options.ring_size / workers(options).1).clamp(8, 32) } else { 8 }
}

/// The running drain.
struct Persistent<K> {
    shared: Arc<Shared<K>>,
    threads: Vec<JoinHandle<()>>,
}

impl<K: Resident> Persistent<K> {
    fn start(engine: &Arc<Engine>, shared: Arc<Shared<K>>) -> Result<Self> {
        // First of all, since the threads ask for it.
        engine.set_feed(shared.clone());
        engine.set_telemetry(shared.clone());
        let mut drain = Self { shared, threads: Vec::new() };
        let started = drain.spawn(engine, "trommel-keeper".into(), |shared, engine| Keeper::new().run(shared, engine));
        let started = started.and_then(|()| {
            (0..engine.options().cpu_threads).try_for_each(|n| {
                let name = format!("trommel-{n}");
                match drain.spawn(engine, name, |shared, engine| Worker::default().run(shared, engine)) {
                    Err(_) if n > 0 => Ok(()),
                    other => other,
                }
            })
        });
        if let Err(error) = started {
            engine.halt();
            Box::new(drain).stop();
            return Err(error);
        }
        Ok(drain)
    }

    fn spawn(&mut self, engine: &Arc<Engine>, name: String, run: fn(&Shared<K>, &Engine)) -> Result<()> {
        let (shared, engine) = (self.shared.clone(), engine.clone());
        let thread = std::thread::Builder::new().name(name).spawn(move || run(&shared, &engine)).map_err(|why| {
            Error::new(TRM_ERR_MEMORY, format!("no worker thread could be started ({why}): raise the limit of threads"))
        })?;
        self.threads.push(thread);
        Ok(())
    }
}

impl<K: Resident> Drain for Persistent<K> {
    fn stop(self: Box<Self>) {
        self.shared.work.notify_all();
        self.shared.wake_keeper();
        for thread in self.threads {
            // Workers catch the panics of matchers; if one dies all the same there is nothing left to do for it.
            let _ = thread.join();
        }
        let live = self.shared.change().take();
        if let Some(live) = live {
            live.kernel.stop();
        }
    }
}
