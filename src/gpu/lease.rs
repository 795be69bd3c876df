//! Leases of the resident kernel: launching and stopping them. When that is to be done, `tend.rs` says.
//!
//! The kernel never decides that nobody will look; the host does, under the submit lock. A publisher bumps `published`
//! and then reads `status`; the keeper sets `status` to idle and then reads `published`. One of the two sees the other.

use super::completions::Report;
use super::layout::{self, LeaseWords};
use super::memory::Buffer;
use super::warmth::Warmth;
use super::{Device, stores};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// So long after a large item others are expected.
const LARGE_COUNT: Duration = Duration::from_secs(2);

/// What a software device may need to compile the kernel, on a busy machine.
const COMPILING: Duration = Duration::from_secs(60);

/// How leases are sized and when the kernel lets go.
#[derive(Debug, Clone, Copy)]
pub struct LeaseOptions {
    /// A lease's length before it hands over.
    pub lease: Duration,
    /// Nothing to do for so long: the GPU is given up until the next item.
    pub idle: Duration,
    /// No sign of life for so long: the kernel counts as dead.
    pub watchdog: Duration,
    /// Workers while little comes in.
    pub workers_few: u32,
    /// Workers while much does.
    pub workers_many: u32,
    /// The same while the GPU does not have its full clock.
    pub workers_cold: u32,
}

/// Where the kernel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Status {
    Running = 0,
    /// Let go; the next publisher launches it again.
    Idle = 1,
    /// Stopped for good.
    Stopped = 2,
    /// Given up on.
    Dead = 3,
}

/// Counters for the statistics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeaseCounters {
    /// Leases launched.
    pub leases: u64,
    /// Launches after an idle release.
    pub relaunches: u64,
    /// Rounds of workers that found nothing to serve.
    pub polls: u64,
    /// Pieces of large items that another worker searched than the one that has the item, as of the last lease's end.
    pub helped: u64,
    /// Longest hand-over, from the stop store to the next lease's start being seen.
    pub longest_gap: Duration,
}

pub(super) struct Leases {
    pub(super) device: Device,
    pipeline: wgpu::ComputePipeline,
    /// The one whose workers share large items out.
    sharing: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    pub control: Buffer,
    pub report: Report,
    pub(super) options: LeaseOptions,
    words: LeaseWords,
    pub(super) ring: u64,
    pub(super) start: u64,
    /// Publishers write this one, everybody reads `status`: separate lines.
    published: CachePadded<AtomicU64>,
    status: CachePadded<AtomicU8>,
    submitted: AtomicU32,
    /// The newest lease that was the first one with its kernel.
    first_with_kernel: AtomicU32,
    launch: Mutex<Launch>,
    why_dead: Mutex<String>,
    /// The keeper's thread, asleep while the kernel is.
    pub keeper: OnceLock<Thread>,
}

/// What only the holder of the submit lock touches.
pub(super) struct Launch {
    next: Option<(u32, wgpu::CommandBuffer)>,
    pub(super) counters: LeaseCounters,
    pub(super) launched_at: Instant,
    /// Items published when the newest lease was launched.
    published_then: u64,
    workers: u32,
    /// Whether they are for much.
    much: bool,
    pub(super) warmth: Warmth,
    /// Whether they share large items out, what the kernel last said of such items, and until when they count.
    sharing: bool,
    /// By kernel, whether it was launched before: the usual one, the one that shares.
    launched: [bool; 2],
    large_seen: u32,
    share_until: Option<Instant>,
}

pub(super) struct Parts {
    pub pipeline: wgpu::ComputePipeline,
    pub sharing: wgpu::ComputePipeline,
    pub bind_group: wgpu::BindGroup,
    pub control: Buffer,
    pub report: Report,
    pub words: LeaseWords,
    pub ring: u64,
    pub start: u64,
}

impl Leases {
    /// `parts.words.number` is the first lease's number.
    pub fn new(device: Device, parts: Parts, options: LeaseOptions) -> Leases {
        let before = parts.words.number.wrapping_sub(1);
        let warmth = Warmth::of(device.info.index);
        Leases {
            device,
            pipeline: parts.pipeline,
            sharing: parts.sharing,
            bind_group: parts.bind_group,
            control: parts.control,
            report: parts.report,
            options,
            words: parts.words,
            ring: parts.ring,
            start: parts.start,
            published: CachePadded::new(AtomicU64::new(0)),
            status: CachePadded::new(AtomicU8::new(Status::Idle as u8)),
            submitted: AtomicU32::new(before),
            first_with_kernel: AtomicU32::new(parts.words.number),
            launch: Mutex::new(Launch {
                next: None,
                counters: LeaseCounters::default(),
                launched_at: Instant::now(),
                published_then: 0,
                workers: options.workers_few,
                much: false,
                warmth,
                sharing: parts.words.split_idle < 0,
                launched: [false; 2],
                large_seen: 0,
                share_until: None,
            }),
            why_dead: Mutex::new(String::new()),
            keeper: OnceLock::new(),
        }
    }

    pub fn status(&self) -> Status {
        match self.status.load(Ordering::SeqCst) {
            0 => Status::Running,
            1 => Status::Idle,
            2 => Status::Stopped,
            _ => Status::Dead,
        }
    }

    pub(super) fn set_status(&self, status: Status) {
        self.status.store(status as u8, Ordering::SeqCst);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Launch> {
        self.launch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn published(&self) -> u64 {
        self.published.load(Ordering::SeqCst)
    }

    pub fn submitted(&self) -> u32 {
        self.submitted.load(Ordering::SeqCst)
    }

    pub fn ended(&self) -> u32 {
        self.report.get(layout::REPORT_ENDED)
    }

    /// Tells that `count` slots up to position `end` were written. Wakes the kernel if it had let go.
    #[inline]
    pub fn note_published(&self, end: u64, count: u64) {
        // SAFETY: the word lies in the control buffer. Publishers may overtake each other here: it is a hint.
        unsafe { stores::word(self.control.words().add(layout::CONTROL_PUBLISHED as usize), end as u32) };
        // Where the processor has locked instructions, the next one pushes out what was stored around the cache.
        #[cfg(not(target_arch = "x86_64"))]
        stores::fence();
        self.published.fetch_add(count, Ordering::SeqCst);
        if self.status.load(Ordering::SeqCst) == Status::Idle as u8 {
            self.wake();
        }
    }

    /// Launches a lease if the kernel had let go.
    #[cold]
    pub fn wake(&self) {
        let mut launch = self.lock();
        if self.status() == Status::Idle {
            self.relaunch(&mut launch);
            if let Some(keeper) = self.keeper.get() {
                keeper.unpark();
            }
        }
    }

    fn relaunch(&self, launch: &mut Launch) {
        launch.counters.relaunches += u64::from(launch.counters.leases != 0);
        launch.warmth.wakes(Instant::now());
        self.set_status(Status::Running);
        self.submit(launch);
    }

    /// The stop word: leases below `number` leave.
    pub(super) fn stop_below(&self, number: u32) {
        // SAFETY: the word lies in the control buffer; it is written under the submit lock only.
        unsafe { stores::word(self.control.words().add(layout::CONTROL_STOP as usize), number) };
        stores::fence();
    }

    fn encode(&self, number: u32, launch: &Launch) -> wgpu::CommandBuffer {
        let mut encoder = self.device.wgpu.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(if launch.sharing { &self.sharing } else { &self.pipeline });
            pass.set_bind_group(0, &self.bind_group, &[]);
            // Together they hold no more tickets than there are.
            let held = self.words.held.min((self.ring / u64::from(launch.workers)).max(1) as u32);
            pass.set_immediates(0, bytemuck::bytes_of(&LeaseWords { number, held, ..self.words }));
            pass.dispatch_workgroups(launch.workers, 1, 1);
        }
        encoder.finish()
    }

    /// Submits the next lease, encoded beforehand where it was.
    pub(super) fn submit(&self, launch: &mut Launch) {
        let number = self.submitted().wrapping_add(1);
        let published = self.published();
        let ready = launch.next.take().filter(|(n, _)| *n == number);
        let commands = ready.map_or_else(|| self.encode(number, launch), |(_, commands)| commands);
        if !std::mem::replace(&mut launch.launched[usize::from(launch.sharing)], true) {
            self.first_with_kernel.store(number, Ordering::SeqCst);
        }
        self.submitted.store(number, Ordering::SeqCst);
        launch.launched_at = Instant::now();
        launch.published_then = published;
        launch.counters.leases += 1;
        if crate::faults::gpu::launch_loses_device() {
            self.device.note_trouble("device lost at a launch, as a test asked for".into());
            return;
        }
        self.device.queue.submit([commands]);
    }

    /// Work for the quiet time after a launch: encodes the next lease and lets wgpu drop what has ended.
    pub(super) fn prepare(&self, launch: &mut Launch) {
        let _ = self.device.wgpu.poll(wgpu::PollType::Poll);
        if launch.next.is_none() {
            let number = self.submitted().wrapping_add(1);
            launch.next = Some((number, self.encode(number, launch)));
        }
    }

    /// The next lease's workers: many when the last one saw more than a few could serve without haste, or has left more
    /// than a few could have in hand.
    pub(super) fn resize(&self, launch: &mut Launch, waiting: u64) {
        let much = self.is_much(launch, waiting);
        let sharing = self.shares(launch, much);
        let workers = match (much, launch.warmth.is_cold(Instant::now())) {
            (false, _) => self.options.workers_few,
            (true, false) => self.options.workers_many,
            (true, true) => self.options.workers_cold,
        };
        if (workers, much, sharing) != (launch.workers, launch.much, launch.sharing) {
            (launch.workers, launch.much, launch.sharing) = (workers, much, sharing);
            launch.next = None;
        }
    }

    /// Whether few workers run where there is much to do, or the wrong ones where items are large: then the next lease should
    /// not wait until this one's time is up.
    pub(super) fn wants_others(&self, launch: &Launch, waiting: u64) -> bool {
        let more = self.is_few(launch) && self.is_much(launch, waiting);
        more || (!launch.much && !launch.sharing && self.shares(launch, false))
    }

    /// Looks whether the kernel has seen large items.
    pub(super) fn look_for_large(&self, launch: &mut Launch) {
        let seen = self.report.get(layout::REPORT_LARGE);
        if seen != launch.large_seen {
            (launch.large_seen, launch.share_until) = (seen, Some(Instant::now() + LARGE_COUNT));
        }
    }

    /// Whether workers should share large items out: while much comes in nobody has time for another's. A software device
    /// compiles for seconds with the first such lease, for one worker more; tests have it all the same.
    fn shares(&self, launch: &Launch, much: bool) -> bool {
        let large = launch.share_until.is_some_and(|until| until > Instant::now());
        let idle = self.words.split_idle;
        (large && !much && (idle <= 0 || !self.device.is_software())) || idle < 0
    }

    /// Whether a lease with few workers runs, where there could be many.
    pub(super) fn is_few(&self, launch: &Launch) -> bool {
        launch.workers < self.options.workers_many
    }

    fn is_much(&self, launch: &Launch, waiting: u64) -> bool {
        let since = launch.launched_at.elapsed().as_micros().max(1) as u64;
        let per_ms = (self.published() - launch.published_then) * 1000 / since;
        let few = u64::from(self.options.workers_few);
        per_ms > 200 * few || waiting > 2 * few
    }

    /// How long no sign of life is no bad sign. A software device compiles a kernel when it is first launched.
    pub(super) fn patience(&self) -> Duration {
        let first = self.first_with_kernel.load(Ordering::SeqCst);
        if self.device.is_software() && (self.ended().wrapping_sub(first) as i32) < 0 {
            self.options.watchdog.max(COMPILING)
        } else {
            self.options.watchdog
        }
    }

    pub(super) fn wait_ended(&self, number: u32, patience: Duration) -> bool {
        let began = Instant::now();
        let mut spins = 0u32;
        while (self.ended().wrapping_sub(number) as i32) < 0 {
            spins += 1;
            if spins > 200 {
                if began.elapsed() > patience || self.device.trouble().is_some() {
                    return false;
                }
                std::thread::sleep(Duration::from_micros(20));
            } else {
                std::hint::spin_loop();
            }
        }
        true
    }

    pub(super) fn declare_dead(&self, why: String) {
        let mut kept = self.why_dead.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.is_empty() {
            *kept = why;
        }
        drop(kept);
        self.set_status(Status::Dead);
    }

    pub fn why_dead(&self) -> String {
        self.why_dead.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn counters(&self) -> LeaseCounters {
        let mut counters = self.lock().counters;
        counters.polls = u64::from(self.report.get(layout::REPORT_POLLS));
        counters.helped = u64::from(self.report.get(layout::REPORT_HELPED));
        counters
    }

    /// Stops for good. False: it did not stop in time and must be left alone.
    pub fn stop(&self, patience: Duration) -> bool {
        let launch = self.lock();
        let was = self.status();
        if was != Status::Dead {
            self.set_status(Status::Stopped);
        }
        let submitted = self.submitted();
        self.stop_below(submitted.wrapping_add(1));
        let ended = self.wait_ended(submitted, patience);
        drop(launch);
        ended && self.device.wgpu.poll(wgpu::PollType::Wait { submission_index: None, timeout: Some(patience) }).is_ok()
    }
}
