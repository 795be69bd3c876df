//! From literals to the blob.

use super::blob::Blob;
use super::layout::*;
use super::ordinary::{TEXT, words};
use super::pairs::{self, Pairs};
use super::rarity::Rarity;
use super::windows::{self, Owned};
use super::{BuildError, BuildOptions, Literal, LiteralTable, Plan, entries, short};

/// The most numbers in the automaton's rows: about what a device's workgroup memory holds.
const SHORT_NUMBERS: usize = 20 << 10;
/// Chains longer than this are avoided by other constants or more slots.
const CHAIN_WANTED: u32 = 12;
/// Hash constants to try; the second half with twice the slots.
const ATTEMPTS: u32 = 8;
/// False alarms on about 20 KiB of ordinary text that are good enough.
const ALARMS_WANTED: u32 = 10;

/// A literal once, however often it was given.
pub(crate) struct Unique {
    /// Lower case if caseless.
    pub bytes: Vec<u8>,
    pub caseless: bool,
    /// Its tag, or where its list starts in the tags section with [`Entry::TAG_LIST`] in `flags`.
    pub tag: u32,
    pub flags: u32,
    /// Its record, in words from the section's start.
    pub record: u32,
}

pub(super) fn build(literals: &[Literal<'_>], options: &BuildOptions) -> Result<LiteralTable, BuildError> {
    if let Some(index) = literals.iter().position(|l| l.bytes.is_empty()) {
        return Err(BuildError::Empty { index });
    }
    let (mut all, tags) = unique(literals);
    let fold = if all.iter().any(|u| u.caseless) { FOLD } else { 0 };
    let mut records: Vec<u32> = Vec::new();
    for u in &mut all {
        u.record = records.len() as u32;
        records.push(u.bytes.len() as u32);
        records.extend(u.bytes.chunks(4).map(|c| word_at(c, 0)));
    }
    let limit = Limit(options.max_memory);
    // Offsets are u32 words: refuse what they cannot say, long before it would be reached by memory.
    let mut need = 4 * (HEADER_WORDS + records.len() + tags.len()) as u64;
    limit.check(need)?;

    let mut header = Header {
        magic: MAGIC,
        version: VERSION,
        fold,
        literals: all.len() as u32,
        max_len: all.iter().map(|u| u.bytes.len()).max().unwrap_or(0) as u32,
        ..bytemuck::Zeroable::zeroed()
    };
    let rarity = Rarity::new(fold);
    let parts = partition(&all, fold, &rarity, options.plan);

    let mut blob = Blob::default();
    blob.section(HEADER_WORDS);
    header.bytes_at = blob.push(&records) as u32;
    header.bytes_words = records.len() as u32;
    header.tags_at = blob.push(&tags) as u32;
    header.tags_words = tags.len() as u32;
    if !parts.short.is_empty() {
        header.short = short::build(&all, &parts.short, &tags, &mut blob);
    }
    let mut pairs_at = 0;
    for part in parts.groups {
        let tables = Tables::new(part.plan, &part.owned, &all, fold);
        need = 4 * blob.words().len() as u64 + tables.bytes();
        limit.check(need)?;
        header.max_list = header.max_list.max(tables.header.max_list);
        let mut group = tables.place(&mut blob);
        if let Some(pairs) = part.pairs {
            pairs_at = blob.push(&pairs) as u32;
        }
        if part.pairs.is_some() || part.follows {
            (group.pairs_at, group.follows) = (pairs_at, u32::from(part.follows));
        }
        header.group[header.groups as usize] = group;
        header.groups += 1;
    }
    limit.check(4 * blob.words().len() as u64)?;
    header.total_words = blob.words().len() as u32;
    blob.words_mut()[..HEADER_WORDS].copy_from_slice(bytemuck::cast_slice(&[header]));
    debug_assert_eq!(super::check::check(blob.words()).map(|_| ()), Ok(()));
    Ok(LiteralTable::new(blob, header))
}

struct Limit(u64);

impl Limit {
    fn check(&self, needed: u64) -> Result<(), BuildError> {
        let limit = if self.0 == 0 { u64::from(u32::MAX) } else { self.0.min(u64::from(u32::MAX)) };
        if needed > limit { Err(BuildError::Memory { needed, limit }) } else { Ok(()) }
    }
}

/// Sorts and unites equal literals. The order makes the blob independent of the order given.
fn unique(literals: &[Literal<'_>]) -> (Vec<Unique>, Vec<u32>) {
    let mut given: Vec<(Vec<u8>, bool, u32)> = literals
        .iter()
        .map(|l| {
            let bytes = if l.caseless { l.bytes.to_ascii_lowercase() } else { l.bytes.to_vec() };
            (bytes, l.caseless && l.bytes.iter().any(u8::is_ascii_alphabetic), l.tag)
        })
        .collect();
    given.sort_unstable();
    given.dedup();
    let mut all: Vec<Unique> = Vec::with_capacity(given.len());
    let mut tags = Vec::new();
    let mut rest = given.into_iter().peekable();
    while let Some((bytes, caseless, tag)) = rest.next() {
        let mut one = Unique { bytes, caseless, tag, flags: 0, record: 0 };
        if caseless {
            one.flags |= Entry::CASELESS;
        }
        let at = tags.len();
        while let Some((_, _, other)) = rest.next_if(|n| n.0 == one.bytes && n.1 == caseless) {
            if one.flags & Entry::TAG_LIST == 0 {
                tags.extend([1, one.tag]);
                one.tag = at as u32;
                one.flags |= Entry::TAG_LIST;
            }
            tags.push(other);
            tags[at] += 1;
        }
        all.push(one);
    }
    (all, tags)
}

/// Which literal is found by what.
struct Parts {
    short: Vec<u32>,
    groups: Vec<Part>,
}

struct Part {
    plan: Plan,
    owned: Vec<Owned>,
    /// Pair tables that speak for this group and those behind it that follow.
    pairs: Option<Pairs>,
    /// The pair tables before it speak for this group.
    follows: bool,
}

fn partition(all: &[Unique], fold: u32, rarity: &Rarity, plan: Option<Plan>) -> Parts {
    let forced = plan.is_some();
    let windows::Planned { plan, owned, mut paired } = match plan {
        Some(plan) => windows::Planned { plan, owned: None, paired: None },
        None => windows::plan(all, fold, rarity),
    };
    let least = (plan.window + plan.stride - 1) as usize;
    let indices = || 0..all.len() as u32;
    let length = |i: &u32| all[*i as usize].bytes.len();
    let mut short: Vec<u32> = indices().filter(|i| length(i) < least).collect();
    let long: Vec<u32> = indices().filter(|i| length(i) >= least).collect();
    let mut groups = Vec::new();
    let mut group = |which: &[u32], window: u32, follows: bool| {
        if !which.is_empty() {
            let owned = windows::choose(all, which, fold, window, 1, rarity);
            groups.push(Part { plan: Plan { window, stride: 1 }, owned, pairs: None, follows });
        }
    };
    let of_length = |short: &[u32], window: u32| -> Vec<u32> {
        short.iter().copied().filter(|i| length(i).min(4) == window as usize).collect()
    };
    let mut main = None;
    if !long.is_empty() {
        if forced && (plan.window, plan.stride) == (4, 1) {
            paired = pairs::plan(all, &long, &short, fold, rarity);
        }
        let chosen = paired.as_mut().map(|paired| std::mem::take(&mut paired.owned)).or(owned);
        let choose = || windows::choose(all, &long, fold, plan.window, plan.stride, rarity);
        let owned = chosen.unwrap_or_else(choose);
        main = Some(Part { plan, owned, pairs: paired.as_ref().map(|paired| paired.pairs), follows: false });
    }
    if let Some(paired) = &paired {
        for window in (paired.least as u32..4).rev() {
            group(&of_length(&short, window), window, true);
        }
        short.retain(|i| length(i) < paired.least);
    }
    if !short::fits(all, &short, SHORT_NUMBERS) {
        for window in 1..=4 {
            group(&of_length(&short, window), window, false);
        }
        short.clear();
    }
    groups.splice(0..0, main);
    Parts { short, groups }
}

/// A group's sections before they are placed.
struct Tables {
    header: GroupHeader,
    filter: Vec<u32>,
    slots: Vec<Slot>,
    entries: Vec<Entry>,
    /// Empty if no list is in the order of its bytes.
    nested: Vec<u32>,
}

impl Tables {
    fn new(plan: Plan, owned: &[Owned], all: &[Unique], fold: u32) -> Self {
        // Lists: owners are sorted by window.
        let mut lists: Vec<Slot> = Vec::new();
        for (i, o) in owned.iter().enumerate() {
            match lists.last_mut() {
                Some(last) if (last.low, last.high) == (o.low, o.high) => last.count += 1,
                _ => lists.push(Slot { low: o.low, high: o.high, first: i as u32, count: 1 }),
            }
        }
        let mut entries = Vec::with_capacity(owned.len());
        let mut nested = Vec::new();
        let mut max_list = 0;
        for list in &lists {
            let owners = &owned[list.first as usize..(list.first + list.count) as usize];
            max_list = max_list.max(entries::make(owners, all, plan.window, fold, &mut entries, &mut nested));
        }
        if !nested.is_empty() {
            nested.resize(entries.len(), Entry::UNORDERED);
        }
        let least_log2 = (2 * lists.len().max(8)).next_power_of_two().ilog2();
        let filter_log2 = filter_log2(lists.len());
        let ordinary = Ordinary::new(&lists, plan.window, fold);
        let mut best: Option<(u32, Attempt)> = None;
        for attempt in 0..ATTEMPTS {
            let extra = attempt / (ATTEMPTS / 2);
            let hash = Hash::attempt(attempt);
            let (slots, max_chain) = place_slots(&lists, hash, least_log2 + extra);
            let filter = filter(&lists, hash, filter_log2);
            let alarms = ordinary.alarms(&filter, hash, filter_log2);
            let bad = alarms + 100 * max_chain.saturating_sub(CHAIN_WANTED);
            if best.as_ref().is_none_or(|b| bad < b.0) {
                best = Some((bad, Attempt { hash, slots, filter, max_chain }));
            }
            // Large sets cost time to place, and have caches to care for more than alarms.
            if bad <= ALARMS_WANTED || (attempt >= 2 && lists.len() > 20_000 && max_chain <= CHAIN_WANTED) {
                break;
            }
        }
        let (_, Attempt { hash, slots, filter, max_chain }) = best.expect("at least one attempt");
        let header = GroupHeader {
            window: plan.window,
            stride: plan.stride,
            filter_log2,
            slots_log2: slots.len().ilog2(),
            entries: entries.len() as u32,
            max_chain,
            mul_low: hash.mul_low,
            mul_high: hash.mul_high,
            max_list,
            windows: lists.len() as u32,
            ..bytemuck::Zeroable::zeroed()
        };
        Self { header, filter, slots, entries, nested }
    }

    fn bytes(&self) -> u64 {
        (4 * (self.filter.len() + self.nested.len()) + 16 * (self.slots.len() + self.entries.len())) as u64
    }

    fn place(&self, blob: &mut Blob) -> GroupHeader {
        GroupHeader {
            filter_at: blob.push(&self.filter) as u32,
            slots_at: blob.push(&self.slots) as u32,
            entries_at: blob.push(&self.entries) as u32,
            nested_at: if self.nested.is_empty() { 0 } else { blob.push(&self.nested) as u32 },
            ..self.header
        }
    }
}

/// Tables as one pair of hash constants makes them.
struct Attempt {
    hash: Hash,
    slots: Vec<Slot>,
    filter: Vec<u32>,
    max_chain: u32,
}

fn filter(lists: &[Slot], hash: Hash, log2: u32) -> Vec<u32> {
    let mut filter = vec![0u32; 1 << log2];
    for list in lists {
        let h = hash.of(list.low, list.high);
        filter[(h >> (32 - log2)) as usize] |= Hash::filter_bits(h);
    }
    filter
}

/// Windows of ordinary text: a false alarm on a rare one does not matter, one on a run of blanks costs more than all
/// others together.
struct Ordinary<'a> {
    windows: Vec<(u32, u32)>,
    /// The set's own, in the order of their keys.
    lists: &'a [Slot],
}

impl<'a> Ordinary<'a> {
    fn new(lists: &'a [Slot], window: u32, fold: u32) -> Self {
        // Runs of one byte, blanks above all, and some text.
        let mut text = vec![b' '; 400];
        for byte in 0..=255u8 {
            text.extend([byte; 12]);
        }
        TEXT.iter().for_each(|more| text.extend_from_slice(more));
        Self { windows: words(&text, window, fold).collect(), lists }
    }

    fn alarms(&self, filter: &[u32], hash: Hash, log2: u32) -> u32 {
        let is_known = |low, high| self.lists.binary_search_by_key(&(high, low), |l| (l.high, l.low)).is_ok();
        let alarm = |&&(low, high): &&(u32, u32)| {
            let h = hash.of(low, high);
            let bits = Hash::filter_bits(h);
            filter[(h >> (32 - log2)) as usize] & bits == bits && !is_known(low, high)
        };
        self.windows.iter().filter(alarm).count() as u32
    }
}

/// Words of the filter: about 40 bits a window keep false alarms near 0.2%, as far as caches like it.
fn filter_log2(windows: usize) -> u32 {
    let bits = (40 * windows).next_power_of_two().ilog2();
    bits.saturating_sub(5).clamp(8, 21)
}

/// Puts every list in the first free slot from its hash's on, the home of each before it marked.
fn place_slots(lists: &[Slot], hash: Hash, log2: u32) -> (Vec<Slot>, u32) {
    let mask = (1usize << log2) - 1;
    let mut slots = vec![Slot::default(); mask + 1];
    let mut longest = 1;
    for list in lists {
        let home = Hash::slot(hash.of(list.low, list.high), log2);
        let mut at = home;
        let mut steps = 1;
        while slots[at].count & Slot::COUNT != 0 {
            slots[at].count |= Slot::MORE;
            at = (at + 1) & mask;
            steps += 1;
        }
        slots[at] = *list;
        longest = longest.max(steps);
    }
    (slots, longest)
}
