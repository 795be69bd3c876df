//! Engines and handles: options, create, attach, close, destroy, counters.

use super::call::{call, call_with, clear, deadline, known_size, out, read_struct, trm_error};
use super::object::{Entered, Objects};
use crate::drain::DrainKind;
use crate::engine::{Delivery, Engine, Handle, Level, Log, Mode, Options, Processor};
use crate::status::*;
use std::ffi::{CStr, c_char, c_void};

/// One drum, or an attached handle on it. Any number of threads may use one at once.
#[allow(non_camel_case_types)]
pub struct trm_engine {
    _opaque: [u8; 0],
}

static ENGINES: Objects<Handle> = Objects::new();

/// Enters a call on an engine handle.
pub(super) fn enter(engine: *const trm_engine) -> Result<Entered<Handle>> {
    ENGINES.enter(engine.cast())
}

/// Whether a resident kernel is used (`TRM_MODE_*`).
#[allow(non_camel_case_types)]
pub type trm_mode = u32;
/// A resident kernel where the adapter supports it, else batches on a GPU, else the CPU.
pub const TRM_MODE_AUTO: trm_mode = 0;
/// A resident kernel, or an error that says why not.
pub const TRM_MODE_FORCE: trm_mode = 1;
/// Never a resident kernel.
pub const TRM_MODE_DISABLE: trm_mode = 2;

/// Who drains the ring (`TRM_PROCESSOR_*`).
#[allow(non_camel_case_types)]
pub type trm_processor = u32;
/// The mode decides.
pub const TRM_PROCESSOR_ANY: trm_processor = 0;
/// A GPU, or an error that says why not.
pub const TRM_PROCESSOR_GPU: trm_processor = 1;
/// Worker threads of the engine.
pub const TRM_PROCESSOR_CPU: trm_processor = 2;
/// The caller's own threads, through `trm_claim` and `trm_mark_done`.
pub const TRM_PROCESSOR_CALLER: trm_processor = 3;

/// Which finished items hand out a completion (`TRM_DELIVER_*`).
#[allow(non_camel_case_types)]
pub type trm_delivery = u32;
/// A completion for every item.
pub const TRM_DELIVER_ALL: trm_delivery = 0;
/// Only for items with a match or an error; the others free their slot when done.
pub const TRM_DELIVER_HITS: trm_delivery = 1;
/// None: `trm_is_done` and the counters only. Slots are freed when items are done.
pub const TRM_DELIVER_NONE: trm_delivery = 2;

/// `trm_options.flags`: round `ring_size` up to a power of two instead of refusing it.
pub const TRM_OPTION_ROUND_UP_RING: u32 = 1;
/// `trm_options.flags`: the arena is ordinary host memory also where a resident kernel drains. What is enqueued is moved to
/// the GPU then, by the processor while it is little and by the GPU's copy engines while it is much, each time that it is
/// enqueued. For bytes that are scanned once and come faster than a few threads can store to a GPU. Without it the arena is
/// the GPU's own memory: written once over the bus, and best for one item at a time. Other drains take no notice.
pub const TRM_OPTION_STAGED_INPUT: u32 = 2;
/// `trm_options.flags`: tickets may have gaps. A handle that enqueues or submits items one by one for a resident kernel has the
/// next few tickets set aside for itself, which makes that up to ten times as fast where several threads do so. Tickets still go
/// up within a handle and none is given out twice, but they are not in the order of all handles' calls, and one that is not
/// needed after all is left out: no call gives it out, and asked for it is as one never issued, or, when it is old, as one that
/// is done. Without it a ticket is the number of the item among all that the engine accepted, and only a handle that has the
/// engine to itself goes the faster way. Other drains take no notice.
pub const TRM_OPTION_SPARSE_TICKETS: u32 = 4;

/// `level` of a log message: answers may be late; something should be done.
pub const TRM_LOG_ERROR: i32 = 1;
/// `level` of a log message: something works otherwise than asked for.
pub const TRM_LOG_WARN: i32 = 2;
/// `level` of a log message: what was chosen and why.
pub const TRM_LOG_INFO: i32 = 3;

/// How an engine is made. Call `trm_options_init` first, then change what you need.
#[repr(C)]
#[derive(Clone, Copy)]
#[allow(non_camel_case_types)]
pub struct trm_options {
    /// `sizeof(trm_options)`; set by `trm_options_init`.
    pub struct_size: u32,
    /// `TRM_OPTION_*`, or 0.
    pub flags: u32,
    /// Work items that can be in flight, a power of two from 1 to 2^24 (default 8192).
    pub ring_size: u32,
    /// `TRM_MODE_*` (default AUTO).
    pub mode: trm_mode,
    /// `TRM_PROCESSOR_*` (default ANY).
    pub processor: trm_processor,
    /// `TRM_DELIVER_*` (default ALL).
    pub delivery: trm_delivery,
    /// Bytes of the input arena, up to 4 GiB (default 64 MiB). Memory is taken when it is first written.
    pub arena_bytes: u64,
    /// A GPU by index or by part of its name, NUL-terminated UTF-8; NULL chooses (default). Read during create only.
    pub adapter: *const c_char,
    /// Worker threads of the CPU drain; 0: one a core (default).
    pub cpu_threads: u32,
    /// Rule sets at one time, those unloaded but still in use included (default 64, at most 65536).
    pub max_rule_sets: u32,
    /// Matches delivered per item; more are counted and the item says TRM_TRUNCATED (default 2^20).
    pub max_matches_per_item: u64,
    /// Longest run of one launch of the resident kernel, in milliseconds (default 10).
    pub lease_ms: u32,
    /// Idle time after which the GPU is given up, in milliseconds (default 100).
    pub idle_ms: u32,
    /// Time without progress after which the GPU counts as lost, in milliseconds (default 5000).
    pub watchdog_ms: u32,
    /// Share of a GPU that the resident kernel takes while much comes in: workers of one subgroup each, of which an H100
    /// can run 2,112 at once. 0: enough for what a PCIe link brings (default, 528), and 2,112 for 0.4 s after the GPU had
    /// nothing to do for long, since it does not have its full clock then. At most 65535.
    pub gpu_workers: u32,
    /// Hears what the engine has to say, NUL-terminated UTF-8, from any thread, also during create and destroy.
    /// It must not call back into this engine. NULL: silence (default).
    pub log: Option<unsafe extern "C" fn(user: *mut c_void, level: i32, message: *const c_char)>,
    /// Passed to `log`.
    pub log_user: *mut c_void,
}

/// Fills in the defaults.
///
/// @param options      to fill in
/// @param struct_size  `sizeof(trm_options)` of the caller
/// @return TRM_OK; TRM_ERR_NULL; TRM_ERR_INVALID when `struct_size` is smaller than this library's oldest
///
/// Any thread.
///
/// # Safety
/// `options` is NULL or points to `struct_size` writable bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_options_init(options: *mut trm_options, struct_size: u32) -> trm_status {
    call(|| {
        if options.is_null() {
            return Err(TRM_ERR_NULL.into());
        }
        known_size::<trm_options>("trm_options", struct_size)?;
        let defaults = Options::default();
        // SAFETY: the caller says that so many bytes are there; what this library does not know is left 0.
        unsafe {
            options.cast::<u8>().write_bytes(0, struct_size as usize);
            options.write(trm_options {
                struct_size,
                flags: 0,
                ring_size: defaults.ring_size,
                mode: TRM_MODE_AUTO,
                processor: TRM_PROCESSOR_ANY,
                delivery: TRM_DELIVER_ALL,
                arena_bytes: defaults.arena_bytes,
                adapter: std::ptr::null(),
                cpu_threads: 0,
                max_rule_sets: defaults.max_rule_sets,
                max_matches_per_item: defaults.max_matches_per_item,
                lease_ms: defaults.lease_ms,
                idle_ms: defaults.idle_ms,
                watchdog_ms: defaults.watchdog_ms,
                gpu_workers: 0,
                log: None,
                log_user: std::ptr::null_mut(),
            });
        }
        Ok(TRM_OK)
    })
}

/// # Safety
/// As [`trm_engine_create`].
unsafe fn read_options(options: *const trm_options) -> Result<Options> {
    let invalid = |message: String| Err(Error::new(TRM_ERR_INVALID, message));
    if options.is_null() {
        return Ok(Options::default());
    }
    // SAFETY: passed on.
    let given = unsafe { read_struct("trm_options", options) }?;
    if given.flags & !(TRM_OPTION_ROUND_UP_RING | TRM_OPTION_STAGED_INPUT | TRM_OPTION_SPARSE_TICKETS) != 0 {
        return invalid(format!("trm_options.flags has unknown bits (0x{:x}): use TRM_OPTION_* only", given.flags));
    }
    let mode = match given.mode {
        TRM_MODE_AUTO => Mode::Auto,
        TRM_MODE_FORCE => Mode::Force,
        TRM_MODE_DISABLE => Mode::Disable,
        other => return invalid(format!("mode is {other}: use a TRM_MODE_*")),
    };
    let processor = match given.processor {
        TRM_PROCESSOR_ANY => Processor::Any,
        TRM_PROCESSOR_GPU => Processor::Gpu,
        TRM_PROCESSOR_CPU => Processor::Cpu,
        TRM_PROCESSOR_CALLER => Processor::Caller,
        other => return invalid(format!("processor is {other}: use a TRM_PROCESSOR_*")),
    };
    let delivery = match given.delivery {
        TRM_DELIVER_ALL => Delivery::All,
        TRM_DELIVER_HITS => Delivery::Hits,
        TRM_DELIVER_NONE => Delivery::None,
        other => return invalid(format!("delivery is {other}: use a TRM_DELIVER_*")),
    };
    let adapter = match given.adapter.is_null() {
        true => None,
        // SAFETY: not NULL, and NUL-terminated as documented.
        false => match unsafe { CStr::from_ptr(given.adapter) }.to_str() {
            Ok(name) => Some(name.to_owned()),
            Err(_) => return invalid("adapter is not UTF-8: give an index or part of a name from trm_adapters".into()),
        },
    };
    let log = match given.log {
        None => Log::default(),
        // SAFETY: the documentation of `log` asks for exactly this.
        Some(callback) => unsafe { Log::new(callback, given.log_user) },
    };
    Ok(Options {
        ring_size: given.ring_size,
        round_up_ring: given.flags & TRM_OPTION_ROUND_UP_RING != 0,
        mode,
        processor,
        delivery,
        arena_bytes: given.arena_bytes,
        adapter,
        cpu_threads: given.cpu_threads,
        max_rule_sets: given.max_rule_sets,
        max_matches_per_item: given.max_matches_per_item,
        lease_ms: given.lease_ms,
        idle_ms: given.idle_ms,
        watchdog_ms: given.watchdog_ms,
        gpu_workers: given.gpu_workers,
        staged_input: given.flags & TRM_OPTION_STAGED_INPUT != 0,
        sparse_tickets: given.flags & TRM_OPTION_SPARSE_TICKETS != 0,
        log,
    })
}

/// Makes an engine and starts its drain.
///
/// @param options  how; NULL: the defaults
/// @param engine   receives the handle, NULL on failure. Ends with `trm_engine_destroy`.
/// @param error    receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_ERR_NULL; TRM_ERR_INVALID (an option; the message says which and what to choose);
///         TRM_ERR_UNSUPPORTED (a GPU was asked for and cannot be used: the message says why); TRM_ERR_DEVICE;
///         TRM_ERR_MEMORY
///
/// Any thread. Without a usable GPU, TRM_MODE_AUTO runs on the CPU; the log and `trm_engine_stats` say why.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_create(
    options: *const trm_options,
    engine: *mut *mut trm_engine,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        clear(engine);
        call_with(error, || {
            let engine = out(engine)?;
            let handle = Engine::create(read_options(options)?)?;
            *engine = ENGINES.add(handle).cast();
            Ok(TRM_OK)
        })
    }
}

/// Makes another handle on the same drum: the same ring, arena, rules and drain, but what it enqueues is completed on
/// it, and its event is its own. One a thread scales, because handles share no completions. (Queue pairs, as NVMe,
/// DPDK and io_uring have them.)
///
/// @param engine  any handle of the drum
/// @param handle  receives the new one. Ends with `trm_engine_destroy`; in any order with the others.
/// @param error   receives the reason of a failure; may be NULL
/// @return TRM_OK; TRM_ERR_NULL; TRM_ERR_HANDLE; TRM_ERR_FORKED; TRM_ERR_CLOSED
///
/// Any thread.
///
/// # Safety
/// Pointers are NULL or valid as documented.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_attach(
    engine: *mut trm_engine,
    handle: *mut *mut trm_engine,
    error: *mut trm_error,
) -> trm_status {
    // SAFETY: passed on.
    unsafe {
        clear(handle);
        call_with(error, || {
            let handle = out(handle)?;
            *handle = ENGINES.add(enter(engine)?.attach()?).cast();
            Ok(TRM_OK)
        })
    }
}

/// Takes no new work and waits for what was accepted. Completions stay and can be collected afterwards.
///
/// The handle that `trm_engine_create` gave closes the whole drum: no handle accepts anything any more, and the call
/// waits for the items of all of them. An attached handle closes only itself.
///
/// @param engine      a handle
/// @param timeout_ns  0 only closes, below 0 waits for ever
/// @return TRM_OK: all accepted items are done; TRM_TIMEOUT: closed, but some are not done yet (with the caller drain,
///         `trm_unfinished` tells the tickets that were claimed and never marked done); TRM_ERR_NULL; TRM_ERR_HANDLE;
///         TRM_ERR_FORKED. Closing again is allowed and waits again.
///
/// Any thread; also while others enqueue: each of their items is either accepted and done, or refused with
/// TRM_ERR_CLOSED.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_close(engine: *mut trm_engine, timeout_ns: i64) -> trm_status {
    call(|| {
        let handle = enter(engine)?;
        if handle.close(deadline(timeout_ns))? {
            return Ok(TRM_OK);
        }
        let unfinished = handle.engine().unfinished_claims();
        if handle.engine().drain_kind().0 == DrainKind::Caller && !unfinished.is_empty() {
            let named: Vec<String> = unfinished.iter().take(16).map(u64::to_string).collect();
            let message = format!(
                "closing: {} items were claimed and not marked done, tickets {}{}",
                unfinished.len(),
                named.join(", "),
                if unfinished.len() > named.len() { ", ..." } else { "" }
            );
            handle.engine().options().log.say(Level::Warn, &message);
        }
        Ok(TRM_TIMEOUT)
    })
}

/// Ends a handle. Calls that other threads have inside it return TRM_ERR_HANDLE. Completions that were not collected
/// are dropped: close and collect first if you want them. The last handle of a drum ends the drum: items that no drain
/// has begun are dropped then.
///
/// @param engine  a handle; NULL does nothing. So does a handle that is destroyed already (best effort: after some
///                thousand later handles an old one's place is used again) or inherited through `fork()`.
///
/// Any thread, but not from the log callback.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_destroy(engine: *mut trm_engine) {
    call(|| {
        drop(ENGINES.remove(engine.cast(), Handle::orphan));
        Ok(TRM_OK)
    });
}

/// Slots of the ring; 0 for what is no handle. Any thread.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_ring_size(engine: *const trm_engine) -> u32 {
    enter(engine).map_or(0, |handle| handle.engine().ring().capacity())
}

/// Items of the drum that are accepted and not yet collected (or freed, where completions are not wanted). Never more
/// than the ring has slots. 0 for what is no handle. Any thread.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_in_flight(engine: *const trm_engine) -> u64 {
    enter(engine).map_or(0, |handle| handle.engine().in_flight())
}

/// Items that the drum accepted so far: the newest ticket, less those left out (TRM_OPTION_SPARSE_TICKETS). 0 for what
/// is no handle. Any thread.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_head(engine: *const trm_engine) -> u64 {
    enter(engine).map_or(0, |handle| handle.engine().accepted())
}

/// Items that the drum's drain claimed so far. 0 for what is no handle. Any thread.
///
/// # Safety
/// `engine` is NULL or was a handle of this library.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn trm_engine_tail(engine: *const trm_engine) -> u64 {
    enter(engine).map_or(0, |handle| handle.engine().claimed())
}
