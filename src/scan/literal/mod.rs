//! Finding a [`LiteralTable`]'s literals in a text: the executors.
//!
//! A text is taken in runs of 2,048 probes. An executor filters a run into blocks of 32 probes with at least one
//! survivor (`scalar`, `avx2`, `avx512`); what follows is the same for all and free of `unsafe`: survivors are looked up in the
//! slots, those whose window exists become a queue, and the queue goes through the entries (`verify`). Each step
//! appends without branching on its answer, so that a miss costs no mispredicted branch and loads overlap.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(test)]
mod crowded_tests;
#[cfg(target_arch = "x86_64")]
mod nibbles;
#[cfg(target_arch = "x86_64")]
mod nibbles_wide;
mod ordered;
#[cfg(target_arch = "x86_64")]
mod pairs;
mod scalar;
mod short;
#[cfg(test)]
mod tests;
mod verify;

use crate::rules::literal::LiteralTable;
use crate::rules::literal::view::GroupView;
use verify::Queues;

/// Probes in a block.
const BLOCK: usize = 32;
/// Blocks in a run.
const RUN: usize = 64;

/// Room for the starts of a run, for executors that list them.
struct Starts {
    list: [u32; RUN * BLOCK + 64],
    /// How many are listed.
    count: usize,
}

/// A block of probes with survivors.
#[derive(Clone, Copy, Default)]
struct Block {
    /// The first probe's position in the text.
    at: usize,
    /// Bit i: probe i (at `at + i * stride`) survived.
    mask: u32,
}

/// What a search needs beside the table: one per thread, for any tables.
pub struct LiteralScratch {
    blocks: Box<[Block; RUN]>,
    starts: Box<Starts>,
    queues: Queues,
    short: short::Marks,
    executor: Executor,
}

impl Default for LiteralScratch {
    fn default() -> Self {
        Self {
            blocks: Box::new([Block::default(); RUN]),
            starts: Box::new(Starts { list: [0; _], count: 0 }),
            queues: Queues::default(),
            short: short::Marks::default(),
            executor: Executor::best(),
        }
    }
}

impl LiteralScratch {
    /// One for a given executor; for the portable one if this machine has it not.
    pub fn with_executor(executor: Executor) -> Self {
        Self { executor: if executor.works() { executor } else { Executor::Scalar }, ..Self::default() }
    }
}

impl std::fmt::Debug for LiteralScratch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiteralScratch").finish_non_exhaustive()
    }
}

/// Which instructions filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Executor {
    /// Portable.
    Scalar,
    /// x86-64 with AVX2.
    Avx2,
    /// x86-64 with AVX-512 as Ice Lake and Zen 4 have it: F, BW, DQ, VBMI, VBMI2.
    Avx512,
}

impl Executor {
    /// The fastest of this machine.
    pub fn best() -> Self {
        [Self::Avx512, Self::Avx2].into_iter().find(|executor| executor.works()).unwrap_or(Self::Scalar)
    }

    /// Whether this machine has it.
    pub fn works(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                std::arch::is_x86_feature_detected!("avx2")
                    && std::arch::is_x86_feature_detected!("bmi1")
                    && std::arch::is_x86_feature_detected!("bmi2")
                    && std::arch::is_x86_feature_detected!("popcnt")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                // Long runs of short literals are marked as with AVX2.
                Self::Avx2.works()
                    && std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512bw")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vbmi")
                    && std::arch::is_x86_feature_detected!("avx512vbmi2")
            }
            #[cfg(not(target_arch = "x86_64"))]
            Self::Avx2 | Self::Avx512 => false,
        }
    }
}

impl LiteralTable {
    /// Calls `emit(tag, start, end)` for every occurrence of every literal in `haystack`, overlapping ones
    /// included: each (tag, start, end) once, in no promised order (short literals come first, then runs of the
    /// text in order, within a run as the queues have it).
    pub fn find(&self, haystack: &[u8], scratch: &mut LiteralScratch, emit: &mut impl FnMut(u32, usize, usize)) {
        self.run(scratch.executor, haystack, scratch, emit);
    }

    /// [`LiteralTable::find`] by a given executor; the portable one if this machine has it not.
    pub fn find_with(
        &self,
        executor: Executor,
        haystack: &[u8],
        scratch: &mut LiteralScratch,
        emit: &mut impl FnMut(u32, usize, usize),
    ) {
        self.run(if executor.works() { executor } else { Executor::Scalar }, haystack, scratch, emit);
    }

    /// `executor` must work here.
    fn run(
        &self,
        executor: Executor,
        haystack: &[u8],
        scratch: &mut LiteralScratch,
        emit: &mut impl FnMut(u32, usize, usize),
    ) {
        if let Some(short) = self.short() {
            short::find(&short, executor, haystack, &mut scratch.blocks, &mut scratch.short, emit);
        }
        let mut first = 0;
        while first < self.group_count() {
            let group = self.group(first);
            // Groups that share pair tables take turns at each run; the last has the shortest windows.
            let family = self.followers(first);
            let probes = match family {
                0 => group.probes(haystack.len()),
                _ => self.group(first + family).probes(haystack.len()),
            };
            let mut probe = 0;
            while probe < probes {
                verify_run(executor, &group, haystack, probe, scratch, emit);
                for i in first + 1..=first + family {
                    verify_run(executor, &self.group(i), haystack, probe, scratch, emit);
                }
                probe += RUN * BLOCK;
            }
            first += 1 + family;
        }
    }
}

/// One run of one group, from probe number `probe` on.
fn verify_run(
    executor: Executor,
    group: &GroupView<'_>,
    haystack: &[u8],
    probe: usize,
    scratch: &mut LiteralScratch,
    emit: &mut impl FnMut(u32, usize, usize),
) {
    let count = group.probes(haystack.len()).saturating_sub(probe).min(RUN * BLOCK);
    if count > 0 {
        let blocks = filter(executor, group, haystack, probe, count, &mut scratch.blocks, &mut scratch.starts);
        verify::verify(group, haystack, blocks, &mut scratch.queues, emit);
    }
}

/// The blocks with survivors among `count` probes from number `probe` on.
fn filter<'b>(
    executor: Executor,
    group: &GroupView<'_>,
    haystack: &[u8],
    probe: usize,
    count: usize,
    blocks: &'b mut [Block; RUN],
    starts: &mut Starts,
) -> &'b [Block] {
    let from = probe * group.stride;
    let found = match executor {
        #[cfg(target_arch = "x86_64")]
        Executor::Avx2 => avx2::filter(group, haystack, from, count, blocks, starts),
        #[cfg(target_arch = "x86_64")]
        Executor::Avx512 => avx512::filter(group, haystack, from, count, blocks, starts),
        _ => {
            let _ = starts;
            scalar::filter(group, haystack, from, count, blocks)
        }
    };
    // Lanes beyond the last probe.
    if found > 0 {
        let last = &mut blocks[found - 1];
        let probes = count - group.strides(last.at - from);
        if probes < BLOCK {
            last.mask &= (1 << probes) - 1;
        }
    }
    &blocks[..found]
}
