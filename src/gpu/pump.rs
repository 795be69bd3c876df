//! The pump: moves items from host memory to the device's with its copy engines, while the resident kernel runs.
//!
//! A load is the bytes of some items and their slots. One submission copies the bytes, then, behind a barrier, the slots:
//! so the kernel sees the items come with nothing left for the host to do, and never sees one before its bytes. A device
//! without copy engines gets the same from a thread that stores.

use super::copy_engines::Engines;
use super::layout::Run;
use super::memory::Buffer;
use super::piece::Piece;
use super::{Device, stores};
use crate::engine::lock;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, Thread};
use std::time::{Duration, Instant};

/// Bytes of a submission, at most, unless one load has more.
const MOST: u64 = 8 << 20;
/// Pieces of memory in it, at most, unless one load has more.
const MOST_PIECES: usize = 4096;
/// While something is on its way, so much is waited for: every submission costs some 14 us whatever is in it ...
const LEAST: u64 = 4 << 20;
/// ... but no longer than this. While each queue has something it is waited for `MOST` ...
const WAIT: Duration = Duration::from_micros(60);
/// ... but no longer than this: they have a submission on its way for about as long.
const WAIT_BUSY: Duration = Duration::from_micros(200);
/// How long it looks for more before it sleeps.
const LINGER: Duration = Duration::from_micros(200);
/// How long the copies on their way may take when the pump ends. They take a millisecond.
const PATIENCE: Duration = Duration::from_secs(2);

/// Items to be moved. Their slots lie in the host's copy of the ring.
pub(super) struct Load {
    pub pieces: Vec<Piece>,
    pub bytes: u64,
    pub runs: Vec<Run>,
}

/// The four buffers that it copies between.
pub(super) struct Between {
    pub host_arena: Arc<Buffer>,
    pub arena: Arc<Buffer>,
    pub host_slots: Arc<Buffer>,
    pub slots: Arc<Buffer>,
    pub ring: u64,
}

pub(super) struct Pump {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    worker: Thread,
}

struct Shared {
    loads: Mutex<VecDeque<Load>>,
    /// Bytes of loads that are not sent yet.
    waiting: AtomicU64,
    asleep: AtomicBool,
    ending: AtomicBool,
}

impl Pump {
    pub fn start(device: &Device, between: Between) -> std::io::Result<Pump> {
        let shared = Arc::new(Shared {
            loads: Mutex::default(),
            waiting: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        });
        let (mine, device) = (shared.clone(), device.clone());
        let thread = std::thread::Builder::new().name("trommel-pump".into()).spawn(move || {
            let engines = device.copying.as_ref().map(|queues| Engines::new(&device, queues)).transpose();
            match engines {
                Ok(engines) => run(&mine, &device, &between, engines),
                Err(error) => device.note_trouble(format!("the copy engines could not be had ({error})")),
            }
            if device.trouble().is_some() {
                // Perhaps they still copy.
                std::mem::forget(between);
            }
        })?;
        let worker = thread.thread().clone();
        Ok(Pump { shared, thread: Mutex::new(Some(thread)), worker })
    }

    /// Bytes that it was given and has not sent.
    pub fn waiting(&self) -> u64 {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Takes a load over. The bytes and slots stay as they are until the kernel is done with the items.
    pub fn push(&self, load: Load) {
        self.shared.waiting.fetch_add(load.bytes.max(1), Ordering::Relaxed);
        lock(&self.shared.loads).push_back(load);
        // The counterpart of the look that the thread takes between saying that it sleeps and sleeping.
        std::sync::atomic::fence(Ordering::SeqCst);
        if self.shared.asleep.load(Ordering::Relaxed) {
            self.worker.unpark();
        }
    }

    /// Ends it when nothing is on its way any more.
    pub fn stop(&self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        self.worker.unpark();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    /// Loads for one submission.
    fn take(&self, some: &mut Vec<Load>) {
        let (mut bytes, mut pieces) = (0, 0);
        let mut loads = lock(&self.loads);
        while let Some(load) = loads.front() {
            if !some.is_empty() && (bytes + load.bytes > MOST || pieces + load.pieces.len() > MOST_PIECES) {
                break;
            }
            bytes += load.bytes;
            pieces += load.pieces.len();
            some.extend(loads.pop_front());
        }
    }

    fn sent(&self, some: &mut Vec<Load>) {
        let bytes: u64 = some.drain(..).map(|load| load.bytes.max(1)).sum();
        self.waiting.fetch_sub(bytes, Ordering::Relaxed);
    }
}

fn run(shared: &Shared, device: &Device, between: &Between, mut engines: Option<Engines<'_>>) {
    short_sleeps();
    let (mut some, mut busy_at, mut waits_since) = (Vec::new(), Instant::now(), None);
    while !shared.ending.load(Ordering::SeqCst) {
        let flying = engines.as_mut().map_or(0, |engines| engines.look());
        let waiting = shared.waiting.load(Ordering::Relaxed);
        let room = engines.as_ref().is_none_or(|engines| engines.has_room());
        if waiting == 0 {
            if busy_at.elapsed() < LINGER {
                std::hint::spin_loop();
                continue;
            }
            shared.asleep.store(true, Ordering::SeqCst);
            if shared.waiting.load(Ordering::SeqCst) == 0 && !shared.ending.load(Ordering::SeqCst) {
                std::thread::park_timeout(Duration::from_millis(100));
            }
            shared.asleep.store(false, Ordering::SeqCst);
            continue;
        }
        let now = Instant::now();
        busy_at = now;
        let since = *waits_since.get_or_insert(now);
        let busy = engines.as_ref().is_some_and(|engines| flying >= engines.queues());
        let (least, wait) = if busy { (MOST, WAIT_BUSY) } else { (LEAST, WAIT) };
        if !room || (flying > 0 && waiting < least && now - since < wait) {
            std::thread::sleep(Duration::from_micros(5));
            continue;
        }
        waits_since = None;
        shared.take(&mut some);
        if some.is_empty() {
            // Its bytes are counted a moment before it is there.
            continue;
        }
        if crate::faults::gpu::pump_fails() {
            device.note_trouble("the copy engines were lost, as a test asked for".into());
            break;
        }
        match &mut engines {
            None => store(between, &some),
            Some(engines) => {
                if let Err(error) = engines.submit(between, &some) {
                    device.note_trouble(format!("the copy engines were lost ({error})"));
                    break;
                }
            }
        }
        shared.sent(&mut some);
    }
    // The bytes that are on their way must not arrive when the memory has another use.
    if let Some(mut engines) = engines {
        let began = Instant::now();
        while engines.look() > 0 && device.trouble().is_none() {
            if began.elapsed() > PATIENCE {
                device.note_trouble("the copy engines do not finish".into());
            }
            std::thread::sleep(Duration::from_micros(20));
        }
        if device.trouble().is_some() {
            // As what they copy between.
            std::mem::forget(engines);
        }
    }
}

/// Sleeps of this thread end when they are asked to, not up to 50 us later: copies on their way take about as long.
fn short_sleeps() {
    #[cfg(target_os = "linux")]
    // SAFETY: an option of this thread with one plain argument.
    unsafe {
        libc::prctl(libc::PR_SET_TIMERSLACK, 1_000 as libc::c_ulong);
    }
}

/// The slots of a load, as pieces of the ring in bytes.
pub(super) fn slots_of(load: &Load, ring: u64) -> impl Iterator<Item = Piece> {
    load.runs.iter().flat_map(move |run| {
        let begin = run.first & (ring - 1);
        let straight = run.count.min(ring - begin);
        let piece = |first: u64, count: u64| Piece::of_arena(first * 16, count * 16);
        [piece(begin, straight), piece(0, run.count - straight)].into_iter().filter(|piece| piece.len > 0)
    })
}

/// What the copy engines do, by stores.
fn store(between: &Between, loads: &[Load]) {
    let copy = |from: &Buffer, to: &Buffer, piece: &Piece| {
        // SAFETY: a piece of both buffers, or of a registered one; the host's is not written until the kernel is done with
        // it, the device's is written here only.
        unsafe {
            let bytes = std::slice::from_raw_parts(piece.pointer(from), piece.len as usize);
            stores::bytes(to.pointer().add(piece.offset as usize), bytes);
        }
    };
    for load in loads {
        load.pieces.iter().for_each(|piece| copy(&between.host_arena, &between.arena, piece));
    }
    stores::fence();
    for load in loads {
        slots_of(load, between.ring).for_each(|piece| copy(&between.host_slots, &between.slots, &piece));
    }
    stores::fence();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_a_load_are_one_piece_or_two_where_the_ring_ends() {
        let of_runs = |runs| {
            let load = Load { pieces: Vec::new(), bytes: 0, runs };
            slots_of(&load, 8).map(|piece| (piece.offset / 16, piece.len / 16)).collect::<Vec<_>>()
        };
        let of = |first, count| of_runs(vec![Run { first, count }]);
        assert_eq!(of(2, 3), [(2, 3)]);
        assert_eq!(of_runs(vec![Run { first: 15, count: 2 }, Run { first: 18, count: 1 }]), [(7, 1), (0, 1), (2, 1)]);
        assert_eq!(of(13, 3), [(5, 3)]);
        assert_eq!(of(14, 5), [(6, 2), (0, 3)]);
        assert_eq!(of(u64::MAX, 8), [(7, 1), (0, 7)]);
    }
}
