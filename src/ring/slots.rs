//! The memory of the ring: a stage word, a payload and an outcome a slot. The only file here with `unsafe`.
//!
//! The cells are read and written without a lock. What makes that right is the protocol in the files beside this one,
//! which is why nothing here can be reached from outside the ring's folder:
//!
//! | access | by whom | while the stage word of the position is |
//! | --- | --- | --- |
//! | payload write | the one whose reservation covers the position | Free |
//! | payload write | the one who keeps the payload | Held, and this cancelled |
//! | payload read | the holder of the claim | Queued, Held, and these cancelled |
//! | outcome write | the holder of the claim | Queued, Held, and these cancelled |
//! | payload and outcome in `inspect`, `discard` | the one that moved the word to Taking | Taking |
//!
//! The debug build and the models check the right-hand column at every access.

use super::position::{Phase, Position};
use super::sync::{AtomicU64, Ordering, UnsafeCell};
use std::mem::MaybeUninit;

/// The phases in which somebody holds the claim of an item.
const CLAIMED: [Phase; 4] = [Phase::Queued, Phase::Held, Phase::Cancelled, Phase::Withdrawn];

/// Stages, payloads and outcomes are separate arrays: whoever looks for work or room reads eight stages a cache line.
pub(super) struct Slots<P, O> {
    stages: Box<[AtomicU64]>,
    payloads: Box<[UnsafeCell<MaybeUninit<P>>]>,
    outcomes: Box<[UnsafeCell<MaybeUninit<O>>]>,
}

// SAFETY: a payload is moved in by one thread and copied out by others, an outcome is moved in by one thread and used
// mutably by one thread at a time, each after an acquiring look at the stage word that the previous one released. That
// is sending, not sharing.
unsafe impl<P: Copy + Send, O: Send> Sync for Slots<P, O> {}
// SAFETY: the slots own their payloads and outcomes.
unsafe impl<P: Copy + Send, O: Send> Send for Slots<P, O> {}

impl<P, O> Slots<P, O> {
    /// `capacity` slots, free for the positions from `start` on.
    pub(super) fn new(capacity: u32, start: Position) -> Self {
        assert!(capacity.is_power_of_two(), "a ring's capacity is a power of two");
        let mask = u64::from(capacity) - 1;
        let stages = (0..u64::from(capacity)).map(|slot| {
            // The first position from `start` on that maps to this slot.
            let ahead = slot.wrapping_sub(start.index()) & mask;
            AtomicU64::new(start.plus(ahead).in_phase(Phase::Free))
        });
        Self {
            stages: stages.collect(),
            payloads: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
            outcomes: (0..capacity).map(|_| UnsafeCell::new(MaybeUninit::uninit())).collect(),
        }
    }

    pub(super) fn capacity(&self) -> u64 {
        self.stages.len() as u64
    }

    #[inline(always)]
    fn slot(&self, position: Position) -> usize {
        // The length is a power of two: masking with it also tells the compiler that the index is in bounds.
        position.index() as usize & (self.stages.len() - 1)
    }

    /// The stage word of the slot that `position` maps to.
    #[inline(always)]
    pub(super) fn stage(&self, position: Position) -> &AtomicU64 {
        &self.stages[self.slot(position)]
    }

    /// The part of one of the arrays that belongs to `count` positions from `first` on; the second piece where the ring comes
    /// round. Whole pieces are walked faster than positions that are masked one by one.
    #[inline(always)]
    fn pieces<'a, T>(&self, all: &'a [T], first: Position, count: usize) -> (&'a [T], &'a [T]) {
        let start = self.slot(first);
        let here = count.min(all.len() - start);
        (&all[start..start + here], &all[..count - here])
    }

    /// How many of the `max` slots from `first` on are in `phase` of just these positions, cancelled or not. It ends by itself at the
    /// capacity: the slot that comes round again can't be in two laps.
    #[inline(always)]
    pub(super) fn count_in(&self, phase: Phase, first: Position, max: usize) -> usize {
        let (head, rest) = self.pieces(&self.stages, first, max.min(self.stages.len()));
        let run = |stages: &[AtomicU64], first: Position| {
            let mut position = first;
            let is_there = |stage: &&AtomicU64| {
                // Acquire: with Free, what was in the slot before was read. With Queued, the payload comes along.
                let word = stage.load(Ordering::Acquire);
                let is_in = word == position.in_phase(phase)
                    || phase == Phase::Queued && word == position.in_phase(Phase::Cancelled);
                position = position.plus(1);
                is_in
            };
            stages.iter().take_while(is_there).count()
        };
        let count = run(head, first);
        if count < head.len() { count } else { count + run(rest, first.plus(count as u64)) }
    }

    /// Moves `count` slots, which the caller has to itself at `first` and behind, to `phase` of the positions from
    /// `to` on: the same ones, or those of the next lap.
    #[inline(always)]
    pub(super) fn pass_on(&self, phase: Phase, to: Position, count: usize) {
        let (head, rest) = self.pieces(&self.stages, to, count);
        let move_on = |position: Position, stage: &AtomicU64| {
            // Release: what was written to the slot goes along, and what was read from it was read.
            stage.store(position.in_phase(phase), Ordering::Release);
            position.plus(1)
        };
        let middle = head.iter().fold(to, move_on);
        rest.iter().fold(middle, move_on);
    }

    /// Panics, in builds that test, if the slot is not in one of these phases of this very position.
    #[inline(always)]
    fn check(&self, position: Position, phases: &[Phase]) {
        if cfg!(any(debug_assertions, loom)) {
            let word = self.stage(position).load(Ordering::Relaxed);
            assert!(
                phases.iter().any(|&phase| position.in_phase(phase) == word),
                "{position:?} used in stage {word:#x}"
            );
        }
    }

    #[inline(always)]
    pub(super) fn write_payloads(
        &self,
        phases: &[Phase],
        first: Position,
        count: usize,
        mut payload: impl FnMut(usize) -> P,
    ) {
        let (head, rest) = self.pieces(&self.payloads, first, count);
        let mut fill = |cells: &[UnsafeCell<MaybeUninit<P>>], before: usize| {
            for (i, cell) in cells.iter().enumerate() {
                self.check(first.plus((before + i) as u64), phases);
                let payload = payload(before + i);
                // SAFETY: see the table: the slot is free for this position, which one reservation covers, or the item is
                // kept and nobody else has ever seen a payload of it.
                cell.with_mut(|cell| unsafe { (*cell).write(payload) });
            }
        };
        fill(head, 0);
        fill(rest, head.len());
    }

    /// Shows the payloads of claimed items, first one first.
    #[inline(always)]
    pub(super) fn read_payloads(&self, first: Position, count: usize) -> impl Iterator<Item = P> + Clone
    where
        P: Copy,
    {
        let (head, rest) = self.pieces(&self.payloads, first, count);
        head.iter().chain(rest).enumerate().map(move |(i, cell)| {
            self.check(first.plus(i as u64), &CLAIMED);
            // SAFETY: as in `read_payload`.
            cell.with(|cell| unsafe { (*cell).assume_init() })
        })
    }

    #[inline(always)]
    pub(super) fn read_payload(&self, position: Position) -> P
    where
        P: Copy,
    {
        self.check(position, &CLAIMED);
        // SAFETY: see the table: it was written before the slot was published, and is not written again before the
        // claim is completed.
        self.payloads[self.slot(position)].with(|cell| unsafe { (*cell).assume_init() })
    }

    #[inline(always)]
    pub(super) fn write_outcome(&self, position: Position, outcome: O) {
        self.check(position, &CLAIMED);
        // SAFETY: see the table: the one claim gives access to the outcome until the item is done. The cell holds no
        // outcome now: the one before was discarded when its item was taken.
        self.outcomes[self.slot(position)].with_mut(|cell| unsafe { (*cell).write(outcome) });
    }

    /// Changes the outcome that the claim's holder wrote and has not passed on.
    #[inline(always)]
    pub(super) fn change_outcome(&self, position: Position, f: impl FnOnce(&mut O)) {
        self.check(position, &CLAIMED);
        // SAFETY: see the table: as for `write_outcome`, which was called before.
        self.outcomes[self.slot(position)].with_mut(|cell| f(unsafe { (*cell).assume_init_mut() }));
    }

    /// Asks for the memory of an item that is to be taken soon, and for the stage word of one that is to be taken later:
    /// hints, which read nothing but a stage word and write nothing.
    #[inline(always)]
    pub(super) fn prefetch_to_take(&self, soon: Position, later: Position) {
        if self.stage(soon).load(Ordering::Relaxed) == soon.in_phase(Phase::Done) {
            prefetch::<false, _>(self.outcomes[self.slot(soon)].with(|cell| cell.cast::<u8>()));
        }
        prefetch::<true, _>(std::ptr::from_ref(self.stage(later)));
    }

    /// Asks for the slots behind `count` that were reserved or claimed of `want` from `first` on, where more of them are likely
    /// to be in `phase`: then the other end is past them, and the lines are not taken from it while it works on them.
    #[inline(always)]
    pub(super) fn prefetch_ahead(&self, phase: Phase, first: Position, count: usize, want: usize) {
        const STAGES: u64 = (LINE / size_of::<AtomicU64>()) as u64;
        const MOST: u64 = 16;
        let (count, want) = (count as u64, want as u64);
        let ahead = if count >= STAGES {
            // What is large has its lines overlap by itself, and what is behind it is some other producer's by then.
            if count < want || count > MOST {
                return;
            }
            first.plus(count)
        } else {
            // Once for each line of stage words, and if that is in this phase to its end.
            let line = first.index().wrapping_neg() % STAGES;
            let last = first.plus(line + STAGES - 1);
            if line >= count || self.stage(last).load(Ordering::Relaxed) != last.in_phase(phase) {
                return;
            }
            first.plus(line + STAGES)
        };
        let count = count.max(STAGES);
        for i in (0..count).step_by(STAGES as usize) {
            prefetch::<true, _>(std::ptr::from_ref(self.stage(ahead.plus(i))));
        }
        for i in (0..count).step_by((LINE / size_of::<P>().max(1)).max(1)) {
            let payload = self.payloads[self.slot(ahead.plus(i))].with(|cell| cell.cast::<u8>());
            if phase == Phase::Free { prefetch::<true, _>(payload) } else { prefetch::<false, _>(payload) }
        }
    }

    /// The same for items that are claimed.
    #[inline(always)]
    pub(super) fn prefetch_payloads(&self, first: Position, count: usize) {
        for i in (0..count as u64).step_by((LINE / size_of::<P>().max(1)).max(1)) {
            prefetch::<false, _>(self.payloads[self.slot(first.plus(i))].with(|cell| cell.cast::<u8>()));
        }
        // The claim's holder will move them on.
        for i in (0..count as u64).step_by(LINE / size_of::<AtomicU64>()) {
            prefetch::<true, _>(std::ptr::from_ref(self.stage(first.plus(i))));
        }
    }

    /// Shows the payload and the outcome of an item that is being taken.
    #[inline(always)]
    pub(super) fn inspect<R>(&self, position: Position, f: impl FnOnce(&P, &mut O) -> R) -> R {
        self.check(position, &[Phase::Taking]);
        let slot = self.slot(position);
        self.payloads[slot].with(|payload| {
            self.outcomes[slot].with_mut(|outcome| {
                // SAFETY: see the table: both were written before the item was done, and the one thread that moved
                // the word to Taking has them to itself.
                let (payload, outcome) = unsafe { ((*payload).assume_init_ref(), (*outcome).assume_init_mut()) };
                f(payload, outcome)
            })
        })
    }

    /// As `inspect`, of an item that has no outcome.
    #[inline(always)]
    pub(super) fn inspect_blank<R>(&self, position: Position, f: impl FnOnce(&P) -> R) -> R {
        self.check(position, &[Phase::Taking]);
        // SAFETY: as in `inspect`: the payload was written before the item was done, and nobody writes it now.
        self.payloads[self.slot(position)].with(|payload| f(unsafe { (*payload).assume_init_ref() }))
    }

    /// Drops the outcome of an item that is being taken.
    #[inline(always)]
    pub(super) fn discard(&self, position: Position) {
        self.check(position, &[Phase::Taking]);
        // SAFETY: as in `inspect`; the slot goes back to Free next, so nobody reads the outcome again.
        self.outcomes[self.slot(position)].with_mut(|cell| unsafe { (*cell).assume_init_drop() });
    }
}

/// Bytes of a cache line.
const LINE: usize = 64;

/// Asks for a cache line, with `WRITE` for the only copy of it.
#[inline(always)]
pub(super) fn prefetch<const WRITE: bool, T>(at: *const T) {
    #[cfg(all(target_arch = "x86_64", not(loom)))]
    // SAFETY: a hint without an effect on memory, whatever the address; a processor that does not know it does nothing.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        if WRITE {
            // The intrinsic's hint to write is compiled to a prefetch for reading where any x86-64 is the target.
            std::arch::asm!("prefetchw [{}]", in(reg) at, options(nostack, readonly, preserves_flags));
        } else {
            _mm_prefetch::<_MM_HINT_T0>(at.cast());
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(loom))))]
    let _ = at;
}

impl<P, O> Drop for Slots<P, O> {
    fn drop(&mut self) {
        if !std::mem::needs_drop::<O>() {
            return;
        }
        for (stage, outcome) in self.stages.iter().zip(&self.outcomes) {
            let word = stage.load(Ordering::Relaxed);
            if word == Position::of(word).in_phase(Phase::Done) {
                // SAFETY: nobody else has the slots any more, and an outcome is there exactly while an item is done.
                outcome.with_mut(|cell| unsafe { (*cell).assume_init_drop() });
            }
        }
    }
}
