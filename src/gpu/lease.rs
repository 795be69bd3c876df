//! Leases of the resident kernel: launching, handing over, letting go when idle, noticing that it died.
//!
//! The kernel never decides that nobody will look; the host does, under the submit lock. A publisher bumps `published`
//! and then reads `status`; the keeper sets `status` to idle and then reads `published`. One of the two sees the other.

use super::completions::{Completions, Report};
use super::layout::{self, LeaseWords};
use super::memory::Buffer;
use super::{Device, stores};
use crossbeam_utils::CachePadded;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

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
    /// Longest hand-over, from the stop store to the next lease's start being seen.
    pub longest_gap: Duration,
}

pub(super) struct Leases {
    device: Device,
    pipeline: wgpu::ComputePipeline,
    bind_group: wgpu::BindGroup,
    pub control: Buffer,
    pub report: Report,
    options: LeaseOptions,
    words: LeaseWords,
    ring: u64,
    start: u64,
    /// Publishers write this one, everybody reads `status`: separate lines.
    published: CachePadded<AtomicU64>,
    status: CachePadded<AtomicU8>,
    submitted: AtomicU32,
    launch: Mutex<Launch>,
    why_dead: Mutex<String>,
    /// The keeper's thread, asleep while the kernel is.
    pub keeper: OnceLock<Thread>,
}

/// What only the holder of the submit lock touches.
struct Launch {
    next: Option<(u32, wgpu::CommandBuffer)>,
    counters: LeaseCounters,
    launched_at: Instant,
    /// Items published when the newest lease was launched.
    published_then: u64,
    workers: u32,
}

pub(super) struct Parts {
    pub pipeline: wgpu::ComputePipeline,
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
        Leases {
            device,
            pipeline: parts.pipeline,
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
            launch: Mutex::new(Launch {
                next: None,
                counters: LeaseCounters::default(),
                launched_at: Instant::now(),
                published_then: 0,
                workers: options.workers_few,
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

    fn set_status(&self, status: Status) {
        self.status.store(status as u8, Ordering::SeqCst);
    }

    fn lock(&self) -> MutexGuard<'_, Launch> {
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
        self.set_status(Status::Running);
        self.submit(launch);
    }

    /// The stop word: leases below `number` leave.
    fn stop_below(&self, number: u32) {
        // SAFETY: the word lies in the control buffer; it is written under the submit lock only.
        unsafe { stores::word(self.control.words().add(layout::CONTROL_STOP as usize), number) };
        stores::fence();
    }

    fn encode(&self, number: u32, workers: u32) -> wgpu::CommandBuffer {
        let mut encoder = self.device.wgpu.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&self.pipeline);
            pass.set_bind_group(0, &self.bind_group, &[]);
            pass.set_immediates(0, bytemuck::bytes_of(&LeaseWords { number, ..self.words }));
            pass.dispatch_workgroups(workers, 1, 1);
        }
        encoder.finish()
    }

    /// Submits the next lease, encoded beforehand where it was.
    fn submit(&self, launch: &mut Launch) {
        let number = self.submitted().wrapping_add(1);
        let published = self.published();
        let ready = launch.next.take().filter(|(n, _)| *n == number);
        let commands = ready.map_or_else(|| self.encode(number, launch.workers), |(_, commands)| commands);
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
    fn prepare(&self, launch: &mut Launch) {
        let _ = self.device.wgpu.poll(wgpu::PollType::Poll);
        if launch.next.is_none() {
            let number = self.submitted().wrapping_add(1);
            launch.next = Some((number, self.encode(number, launch.workers)));
        }
    }

    /// The next lease's workers: many when the last one saw more than a few could serve without haste, or has left more
    /// than a few could have in hand.
    fn resize(&self, launch: &mut Launch, waiting: u64) {
        let since = launch.launched_at.elapsed().as_micros().max(1) as u64;
        let per_ms = (self.published() - launch.published_then) * 1000 / since;
        let few = u64::from(self.options.workers_few);
        let workers =
            if per_ms > 200 * few || waiting > 2 * few { self.options.workers_many } else { self.options.workers_few };
        if workers != launch.workers {
            launch.workers = workers;
            launch.next = None;
        }
    }

    /// How long no sign of life is no bad sign. A software device compiles the kernel when it is first launched.
    fn patience(&self) -> Duration {
        let none_ended = self.ended() == self.words.number.wrapping_sub(1);
        if self.device.is_software() && none_ended {
            self.options.watchdog.max(COMPILING)
        } else {
            self.options.watchdog
        }
    }

    fn wait_ended(&self, number: u32, patience: Duration) -> bool {
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

    fn declare_dead(&self, why: String) {
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
        counters
    }

    /// One look of the keeper. Returns how long it may sleep.
    pub fn tend(&self, keeper: &mut Keeper, completions: &Completions) -> Duration {
        if self.status() != Status::Running {
            return Duration::from_secs(3600);
        }
        if let Some(trouble) = self.device.trouble() {
            self.declare_dead(trouble);
            return Duration::ZERO;
        }
        let all_done = keeper.catch_up(completions, self.start, self.ring, self.published());
        let mut launch = self.lock();
        if self.status() != Status::Running {
            return Duration::ZERO;
        }
        let tick = (self.options.lease / 4).clamp(Duration::from_micros(250), Duration::from_millis(5));
        let submitted = self.submitted();
        if self.ended() == submitted {
            // It left by itself: a budget ran out, or it was asked to when it looked idle.
            return self.settle(&mut launch, keeper, completions);
        }
        let now = Instant::now();
        if let Some(since) = keeper.still_since(self.ended(), all_done, now)
            && now - since > self.patience()
        {
            let what = if all_done { "end its lease" } else { "serve an item" };
            self.declare_dead(format!("the resident kernel did not {what} for {:?}", now - since));
            return Duration::ZERO;
        }
        if all_done && now - keeper.busy_at > self.options.idle {
            self.stop_below(submitted.wrapping_add(1));
            if self.wait_ended(submitted, self.patience()) {
                return self.settle(&mut launch, keeper, completions);
            }
            self.declare_dead("the resident kernel did not stop".into());
            return Duration::ZERO;
        }
        if launch.launched_at.elapsed() >= self.options.lease {
            self.hand_over(&mut launch, keeper.waiting(self.published()));
        } else {
            self.prepare(&mut launch);
        }
        tick
    }

    /// Every launched lease has ended: launch the next if anything waits, else let go.
    fn settle(&self, launch: &mut Launch, keeper: &mut Keeper, completions: &Completions) -> Duration {
        self.set_status(Status::Idle);
        if keeper.catch_up(completions, self.start, self.ring, self.published()) {
            let _ = self.device.wgpu.poll(wgpu::PollType::Poll);
            return Duration::from_secs(3600);
        }
        self.set_status(Status::Running);
        self.resize(launch, keeper.waiting(self.published()));
        self.submit(launch);
        Duration::from_micros(100)
    }

    fn hand_over(&self, launch: &mut Launch, waiting: u64) {
        self.resize(launch, waiting);
        let old = self.submitted();
        let new = old.wrapping_add(1);
        let began = Instant::now();
        if self.device.is_software() {
            // There a submission waits for the one before it.
            self.stop_below(new);
            if !self.wait_ended(old, self.patience()) {
                self.declare_dead("the resident kernel did not stop for the hand-over".into());
                return;
            }
            self.submit(launch);
        } else {
            // Only one lease is ever queued ahead, so that everybody else's turn comes.
            if self.ended() != old.wrapping_sub(1) {
                // Until the one before has ended, this one cannot be asked to leave: nobody may hold the GPU like that.
                if launch.launched_at.elapsed() > self.options.lease + self.patience() {
                    self.declare_dead("a lease of the resident kernel did not tell that it ended".into());
                }
                return;
            }
            self.submit(launch);
            self.stop_below(new);
        }
        launch.counters.longest_gap = launch.counters.longest_gap.max(began.elapsed());
        self.prepare(launch);
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

/// The keeper's own view of how far the kernel has come.
pub(super) struct Keeper {
    /// Items, from the first, known to be done without a gap.
    done: u64,
    busy_at: Instant,
    witness: (u32, u64),
    still_since: Option<Instant>,
}

impl Keeper {
    pub fn new() -> Keeper {
        Keeper { done: 0, busy_at: Instant::now(), witness: (0, 0), still_since: None }
    }

    /// Follows the completions up to `published`; true if all that was published is done.
    fn catch_up(&mut self, completions: &Completions, start: u64, ring: u64, published: u64) -> bool {
        let before = self.done;
        // Slots that were published again are done with their earlier lap: the publisher had consumed it.
        self.done = self.done.max(published.saturating_sub(ring));
        let mut budget = 8192;
        while self.done < published && budget > 0 && completions.poll(start.wrapping_add(self.done)).is_some() {
            self.done += 1;
            budget -= 1;
        }
        let all = self.done == published;
        if self.done != before || !all {
            self.busy_at = Instant::now();
        }
        all
    }

    /// Items that were not done when it looked last.
    fn waiting(&self, published: u64) -> u64 {
        published - self.done
    }

    /// Since when nothing has moved: no lease ended and nothing was served, or nothing was served over several leases.
    fn still_since(&mut self, ended: u32, all_done: bool, now: Instant) -> Option<Instant> {
        // With nothing to serve, leases ending are the sign of life; with something to serve, serving is.
        let witness = (if all_done { ended } else { 0 }, self.done);
        if witness != self.witness || self.still_since.is_none() {
            self.witness = witness;
            self.still_since = Some(now);
        }
        self.still_since
    }
}
