//! Engines as a C program has them: nothing but the exported functions, called through pointers that the compiler does
//! not see through.
#![allow(dead_code)] // Two bench programs use what they need of this.

use std::ffi::{CStr, CString};
use std::hint::black_box;
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use trommel::capi::*;
use trommel::status::{TRM_ARENA_FULL, TRM_EMPTY, TRM_OK, TRM_QUEUE_FULL, TRM_TIMEOUT, trm_status};
use trommel::types::*;

/// A handle; ended when it is dropped.
pub struct Drum(*mut trm_engine);

// SAFETY: handles may be used from any thread.
unsafe impl Send for Drum {}
// SAFETY: as above.
unsafe impl Sync for Drum {}

/// A compiled rule set.
pub struct Compiled(*mut trm_rules);

impl Compiled {
    /// Those that the library refuses are left out.
    pub fn new(patterns: &[(Vec<u8>, u32)]) -> Compiled {
        // SAFETY: as trommel.h asks for it; the patterns' bytes are there during the calls.
        unsafe {
            let mut patterns: Vec<trm_pattern> = patterns
                .iter()
                .zip(0..)
                .map(|((bytes, flags), id)| trm_pattern {
                    bytes: bytes.as_ptr().cast(),
                    len: bytes.len(),
                    id,
                    flags: *flags,
                })
                .collect();
            let stride = size_of::<trm_pattern>();
            let mut rules = null_mut();
            while {
                let mut error: trm_error = zeroed();
                error.struct_size = size_of::<trm_error>() as u32;
                let (at, count) = (patterns.as_ptr(), patterns.len());
                let status = trm_rules_compile(at, stride, count, null(), &mut rules, &mut error, 1, null_mut());
                if status != TRM_OK {
                    patterns.remove(error.pattern_index as usize);
                }
                status != TRM_OK
            } {}
            Compiled(rules)
        }
    }
}

impl Drop for Compiled {
    fn drop(&mut self) {
        // SAFETY: made by the library, and nobody uses it any more.
        unsafe { trm_rules_destroy(self.0) };
    }
}

impl Drum {
    /// An engine on this adapter with the empty rule set under id 1.
    pub fn new(adapter: &str, set: impl FnOnce(&mut trm_options)) -> Result<Drum, String> {
        let adapter = CString::new(adapter).expect("no NUL in an adapter's name");
        // SAFETY: as trommel.h asks for it; every out-parameter is there.
        unsafe {
            let mut options: trm_options = zeroed();
            assert_eq!(trm_options_init(&mut options, size_of::<trm_options>() as u32), TRM_OK);
            options.mode = TRM_MODE_FORCE;
            options.adapter = adapter.as_ptr();
            options.ring_size = 1 << 16;
            set(&mut options);
            let mut error: trm_error = zeroed();
            error.struct_size = size_of::<trm_error>() as u32;
            let mut engine = null_mut();
            if trm_engine_create(&options, &mut engine, &mut error) != TRM_OK {
                return Err(CStr::from_ptr(error.message.as_ptr()).to_string_lossy().into_owned());
            }
            let drum = Drum(engine);
            drum.load(1, &[]);
            Ok(drum)
        }
    }

    /// Loads these literals under an id.
    pub fn load(&self, id: u32, literals: &[&str]) {
        // SAFETY: as above.
        unsafe {
            let patterns: Vec<trm_pattern> = literals
                .iter()
                .zip(0..)
                .map(|(text, id)| trm_pattern {
                    bytes: text.as_ptr().cast(),
                    len: text.len(),
                    id,
                    flags: trommel::rules::flags::LITERAL,
                })
                .collect();
            let mut rules = null_mut();
            let status = trm_rules_compile(
                patterns.as_ptr(),
                size_of::<trm_pattern>(),
                patterns.len(),
                null(),
                &mut rules,
                null_mut(),
                0,
                null_mut(),
            );
            assert_eq!(status, TRM_OK);
            assert_eq!(trm_engine_load_rules(self.0, id, rules, null_mut()), TRM_OK);
            trm_rules_destroy(rules);
        }
    }

    /// Loads rules under an id.
    pub fn load_rules(&self, id: u32, rules: &Compiled) {
        // SAFETY: as above.
        assert_eq!(unsafe { trm_engine_load_rules(self.0, id, rules.0, null_mut()) }, TRM_OK);
    }

    /// Puts bytes into the arena; their offset there.
    pub fn fill(&self, bytes: &[u8]) -> u32 {
        // SAFETY: as above; the region has so many bytes.
        unsafe {
            let mut region: trm_region = zeroed();
            let status = trm_input_acquire(self.0, bytes.len() as u32, -1, &mut region);
            assert_eq!(status, TRM_OK);
            region.bytes.cast::<u8>().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
            region.input_offset
        }
    }

    /// A region of the arena.
    pub fn acquire(&self, len: usize) -> trm_region {
        // SAFETY: as above.
        unsafe {
            let mut region: trm_region = zeroed();
            assert_eq!(trm_input_acquire(self.0, len as u32, -1, &mut region), TRM_OK);
            region
        }
    }

    pub fn release(&self, offset: u32) {
        // SAFETY: as above.
        assert_eq!(unsafe { trm_input_release(self.0, offset) }, TRM_OK);
    }

    /// Registers memory that stays until it is unregistered.
    pub fn register(&self, bytes: &[u8]) -> u32 {
        let mut offset = 0;
        // SAFETY: as above.
        let status =
            unsafe { trm_buffer_register(self.0, bytes.as_ptr().cast(), bytes.len(), &mut offset, null_mut()) };
        assert_eq!(status, TRM_OK);
        offset
    }

    pub fn unregister(&self, offset: u32) {
        // SAFETY: as above.
        assert_eq!(unsafe { trm_buffer_unregister(self.0, offset, -1) }, TRM_OK);
    }

    /// The ticket of a copy of these bytes; `None`: there is no room.
    pub fn submit(&self, bytes: &[u8], set: u32, correlation: u32) -> Option<u64> {
        let mut ticket = 0;
        // SAFETY: as above.
        let status = unsafe {
            black_box(trm_submit as Submit)(
                self.0,
                bytes.as_ptr().cast(),
                bytes.len() as u32,
                set,
                correlation,
                &mut ticket,
            )
        };
        (status == TRM_OK).then_some(ticket)
    }

    /// How many of these texts were accepted.
    pub fn submit_batch(&self, texts: &[trm_text]) -> usize {
        let mut accepted = 0;
        // SAFETY: as above.
        let status = unsafe {
            let submit = black_box(trm_submit_batch as SubmitBatch);
            submit(self.0, texts.as_ptr(), texts.len(), null_mut(), &mut accepted)
        };
        assert!(matches!(status, TRM_OK | TRM_QUEUE_FULL | TRM_ARENA_FULL), "{status}");
        accepted
    }

    /// Waits for one item; its matches are counted only.
    pub fn wait(&self, ticket: u64) {
        let (mut completion, mut count) = (trm_completion::default(), 0);
        let mut matches = [trm_match::default(); 1024];
        // SAFETY: as above.
        let status = unsafe {
            let room = matches.as_mut_ptr();
            black_box(trm_wait as Wait)(self.0, ticket, -1, &mut completion, room, matches.len(), &mut count)
        };
        assert_eq!(status, TRM_OK);
    }

    /// How many items were collected, and how many matches.
    pub fn collect_all(&self, completions: &mut [trm_completion], matches: &mut [trm_match]) -> (usize, usize) {
        let (mut count, mut found) = (0, 0);
        // SAFETY: as above.
        let status = unsafe {
            let (at, room) = (completions.as_mut_ptr(), completions.len());
            let (there, space) = (matches.as_mut_ptr(), matches.len());
            black_box(trm_collect as Collect)(self.0, 0, at, room, &mut count, there, space, &mut found)
        };
        assert!(matches!(status, TRM_OK | TRM_EMPTY), "{status}");
        (count, found)
    }

    pub fn attach(&self) -> Drum {
        let mut handle = null_mut();
        // SAFETY: as above.
        assert_eq!(unsafe { trm_engine_attach(self.0, &mut handle, null_mut()) }, TRM_OK);
        Drum(handle)
    }

    pub fn stats(&self) -> trm_engine_stats_t {
        // SAFETY: as above.
        unsafe {
            let mut stats: trm_engine_stats_t = zeroed();
            stats.struct_size = size_of::<trm_engine_stats_t>() as u32;
            assert_eq!(trm_engine_stats(self.0, &mut stats), TRM_OK);
            stats
        }
    }

    /// One item, there and back.
    pub fn round_trip(&self, item: &trm_work_item) -> Duration {
        let (enqueue, wait) = (black_box(trm_enqueue as Enqueue), black_box(trm_wait as Wait));
        let (mut ticket, mut completion, mut matches) = (0, trm_completion::default(), 0);
        let began = Instant::now();
        // SAFETY: as above.
        let answers = unsafe {
            let accepted = enqueue(self.0, item, &mut ticket);
            (accepted, wait(self.0, ticket, -1, &mut completion, null_mut(), 0, &mut matches))
        };
        let took = began.elapsed();
        assert_eq!(answers, (TRM_OK, TRM_OK));
        assert_eq!((completion.ticket, completion.correlation, completion.status), (ticket, item.correlation, TRM_OK));
        took
    }

    /// One item, there and back with its matches.
    pub fn there_and_back(&self, item: &trm_work_item, matches: &mut [trm_match]) -> Duration {
        let (enqueue, wait) = (black_box(trm_enqueue as Enqueue), black_box(trm_wait as Wait));
        let (mut ticket, mut completion, mut count) = (0, trm_completion::default(), 0);
        let began = Instant::now();
        // SAFETY: as above.
        let answers = unsafe {
            let accepted = enqueue(self.0, item, &mut ticket);
            let (room, space) = (matches.as_mut_ptr(), matches.len());
            (accepted, wait(self.0, ticket, -1, &mut completion, room, space, &mut count))
        };
        let took = began.elapsed();
        assert_eq!((answers, completion.ticket), ((TRM_OK, TRM_OK), ticket));
        took
    }

    /// How many of these were accepted.
    #[inline]
    pub fn enqueue(&self, items: &[trm_work_item]) -> usize {
        // SAFETY: as above.
        unsafe {
            if let [item] = items {
                return usize::from(black_box(trm_enqueue as Enqueue)(self.0, item, null_mut()) == TRM_OK);
            }
            let mut accepted = 0;
            black_box(trm_enqueue_batch as EnqueueBatch)(
                self.0,
                items.as_ptr(),
                items.len(),
                null_mut(),
                &mut accepted,
            );
            accepted
        }
    }

    /// How many were collected.
    #[inline]
    pub fn collect(&self, completions: &mut [trm_completion], timeout_ns: i64) -> usize {
        let (mut count, mut matches) = (0, 0);
        // SAFETY: as above.
        let status = unsafe {
            let (at, room) = (completions.as_mut_ptr(), completions.len());
            black_box(trm_collect as Collect)(self.0, timeout_ns, at, room, &mut count, null_mut(), 0, &mut matches)
        };
        assert!(matches!(status, TRM_OK | TRM_EMPTY | TRM_TIMEOUT), "{status}");
        count
    }
}

impl Drop for Drum {
    fn drop(&mut self) {
        // SAFETY: as above; nobody else has this handle any more.
        unsafe { trm_engine_destroy(self.0) };
    }
}

type Submit =
    unsafe extern "C" fn(*mut trm_engine, *const std::ffi::c_void, u32, u32, u32, *mut trm_ticket) -> trm_status;
type SubmitBatch =
    unsafe extern "C" fn(*mut trm_engine, *const trm_text, usize, *mut trm_ticket, *mut usize) -> trm_status;
type Enqueue = unsafe extern "C" fn(*mut trm_engine, *const trm_work_item, *mut trm_ticket) -> trm_status;
type EnqueueBatch =
    unsafe extern "C" fn(*mut trm_engine, *const trm_work_item, usize, *mut trm_ticket, *mut usize) -> trm_status;
type Wait = unsafe extern "C" fn(
    *mut trm_engine,
    trm_ticket,
    i64,
    *mut trm_completion,
    *mut trm_match,
    usize,
    *mut usize,
) -> trm_status;
type Collect = unsafe extern "C" fn(
    *mut trm_engine,
    i64,
    *mut trm_completion,
    usize,
    *mut usize,
    *mut trm_match,
    usize,
    *mut usize,
) -> trm_status;

/// A 1 KiB item of the empty set; its bytes are whatever lies in the arena.
pub fn item(n: u32) -> trm_work_item {
    trm_work_item { input_offset: n % 1024 * 1024, input_len: 1024, rule_set_id: 1, correlation: n }
}

/// Round trips of one item at a time, sorted, in nanoseconds.
pub fn round_trips(drum: &Drum, count: usize) -> Vec<u64> {
    let mut times: Vec<u64> =
        (0..count as u32).map(|n| drum.round_trip(&item(n)).as_nanos() as u64).skip(count / 20).collect();
    times.sort_unstable();
    times
}

/// How a stream goes in and out.
#[derive(Clone, Copy)]
pub struct Stream {
    pub threads: usize,
    /// Items a call; 1: `trm_enqueue`.
    pub batch: usize,
    /// Items a thread has out at most.
    pub depth: usize,
    pub time: Duration,
}

/// Items a second, each thread with a handle of its own, one with the only one there is, feeding and collecting in turn. That no item is lost or doubled
/// is counted; which ones they are is checked elsewhere, so that the figure is not of the checking.
pub fn stream(main: &Drum, how: Stream) -> f64 {
    let total = AtomicU64::new(0);
    let attached: Vec<Drum>;
    let handles = if how.threads == 1 {
        std::slice::from_ref(main)
    } else {
        attached = (0..how.threads).map(|_| main.attach()).collect();
        &attached
    };
    let began = Instant::now();
    std::thread::scope(|scope| {
        for handle in handles {
            let total = &total;
            scope.spawn(move || {
                let items: Vec<trm_work_item> = (0..how.batch as u32).map(item).collect();
                let mut completions = vec![trm_completion::default(); 4096];
                let (mut sent, mut done) = (0, 0);
                loop {
                    let over = began.elapsed() > how.time;
                    if over && sent == done {
                        break;
                    }
                    for _ in 0..(2048 / how.batch).max(1) {
                        if over || sent - done + how.batch > how.depth {
                            break;
                        }
                        let accepted = handle.enqueue(&items);
                        sent += accepted;
                        if accepted < items.len() {
                            break;
                        }
                    }
                    done += handle.collect(&mut completions, 0);
                }
                assert_eq!(handle.collect(&mut completions, 0), 0, "more came back than went in");
                total.fetch_add(done as u64, Ordering::Relaxed);
            });
        }
    });
    total.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64()
}

/// The value below which so much of a sorted list lies, in microseconds.
pub fn percentile(sorted: &[u64], p: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * p) as usize] as f64 / 1000.0
}
