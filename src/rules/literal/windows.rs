//! Which window of a literal stands for it. This choice decides more than any executor: a window that is
//! common in text, or that many literals own, costs a look at the tables each time it goes by.
//!
//! A window's price is ln P(window) + 2 ln(how many windows of the set are equal to it): P from the pair model of
//! [`super::rarity`]; the second term because sharing costs both a longer list and, as literals come from the text
//! they are looked for in, a window that is likelier than the model knows.

use once_cell::race::OnceBox;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::Plan;
use super::build::Unique;
use super::layout::{Entry, Hash, high_offset, low_mask, word_at};
use super::ordinary;
use super::pairs::{self, Paired};
use super::rarity::Rarity;
use super::short::nibbles_take;

/// Lists longer than this are broken up where their literals have any other window.
const LIST_CAP: u32 = 12;
/// Rounds of breaking up.
const ROUNDS: usize = 3;

/// A literal by one of its windows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owned {
    pub low: u32,
    pub high: u32,
    pub literal: u32,
    pub offset: u32,
}

impl Owned {
    pub fn key(&self) -> u64 {
        u64::from(self.high) << 32 | u64::from(self.low)
    }
}

/// The windows of one literal, with their prices.
struct Priced<'a> {
    folded: &'a [u8],
    window: usize,
    /// Sums of the pair model up to each byte.
    sums: Vec<f32>,
}

impl<'a> Priced<'a> {
    fn offsets(&self) -> usize {
        (self.folded.len() - self.window).min(Entry::OFFSET_MAX) + 1
    }

    fn load(&mut self, folded: &'a [u8], rarity: &Rarity) {
        self.folded = folded;
        self.sums.clear();
        let mut sum = 0.0;
        self.sums.push(sum);
        for pair in folded.windows(2).take(self.offsets() + self.window) {
            sum += rarity.step(pair[0], pair[1]);
            self.sums.push(sum);
        }
    }

    fn ln(&self, offset: usize, rarity: &Rarity) -> f32 {
        rarity.ln(&self.folded[offset..offset + 1]) + self.sums[offset + self.window - 1] - self.sums[offset]
    }

    fn words(&self, offset: usize) -> (u32, u32) {
        let at = &self.folded[offset..offset + self.window];
        if self.window < 4 {
            let low = word_at(at, 0) & low_mask(self.window as u32);
            (low, low)
        } else {
            (word_at(at, 0), word_at(at, high_offset(self.window as u32)))
        }
    }
}

/// Chooses for each of `which` (indices into `all`) one window for every residue of the stride.
/// Every literal must have at least `window + stride - 1` bytes.
pub(crate) fn choose(
    all: &[Unique],
    which: &[u32],
    fold: u32,
    window: u32,
    stride: u32,
    rarity: &Rarity,
) -> Vec<Owned> {
    let folded = Folded::new(all, which, fold);
    let stride = stride as usize;
    let mut priced = Priced { folded: &[], window: window as usize, sums: Vec::new() };
    let hash = Hash::attempt(0);

    // How many windows hash alike. Collisions only make a price a little wrong.
    let total: usize = folded.iter().map(|f| f.len().min(Entry::OFFSET_MAX + window as usize)).sum();
    let bits = (2 * total.max(512)).next_power_of_two().ilog2().min(22);
    let mut counts = vec![0u32; 1 << bits];
    let place = |(low, high)| (hash.of(low, high) >> (32 - bits)) as usize;
    for text in folded.iter() {
        priced.folded = text;
        for offset in 0..priced.offsets() {
            counts[place(priced.words(offset))] += 1;
        }
    }
    // Made twice rather than waited for: a child that is forked meanwhile would wait for ever.
    static LOGS: OnceBox<Vec<f32>> = OnceBox::new();
    let logs = LOGS.get_or_init(|| Box::new((0..1024).map(|n| 2.0 * (n.max(1) as f32).ln()).collect()));
    let log = |n: u32| logs.get(n as usize).copied().unwrap_or_else(|| 2.0 * (n as f32).ln());

    let mut owned = Vec::with_capacity(which.len() * stride);
    for (text, &literal) in folded.iter().zip(which) {
        priced.load(text, rarity);
        for residue in 0..stride {
            let mut best = (f32::INFINITY, 0);
            for offset in (residue..priced.offsets()).step_by(stride) {
                let price = priced.ln(offset, rarity) + log(counts[place(priced.words(offset))]);
                if price < best.0 {
                    best = (price, offset);
                }
            }
            let (low, high) = priced.words(best.1);
            owned.push(Owned { low, high, literal, offset: best.1 as u32 });
        }
    }
    for _ in 0..ROUNDS {
        if !break_up(&mut owned, &folded, which, stride, &mut priced, rarity) {
            break;
        }
    }
    sort(&mut owned);
    while narrow(&mut owned, all, &folded, which, stride, &mut priced, rarity) {
        sort(&mut owned);
    }
    owned
}

fn sort(owned: &mut [Owned]) {
    owned.sort_unstable_by_key(|o| (o.key(), o.literal, o.offset));
}

/// The lists of sorted windows that would take too many bisections in the order of their bytes, as ranges.
pub(crate) fn scattered<'a>(owned: &'a [Owned], all: &'a [Unique]) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut end = 0;
    owned.chunk_by(|a, b| a.key() == b.key()).filter_map(move |list| {
        end += list.len();
        if list.len() <= Entry::MAX_LIST {
            return None;
        }
        let runs: HashSet<(bool, u32)> = list.iter().map(|o| (all[o.literal as usize].caseless, o.offset)).collect();
        (runs.len() > 2 * Entry::NEAR).then_some(end - list.len()..end)
    })
}

/// Moves the literals of such lists to windows near their starts, so that few different offsets are left. False: nothing
/// to do. (What was moved once lies near; so this ends.)
fn narrow<'a>(
    owned: &mut [Owned],
    all: &[Unique],
    folded: &'a Folded,
    which: &[u32],
    stride: usize,
    priced: &mut Priced<'a>,
    rarity: &Rarity,
) -> bool {
    let lists: Vec<Range<usize>> = scattered(owned, all).collect();
    for o in lists.iter().cloned().flatten() {
        let o = &mut owned[o];
        if (o.offset as usize) < Entry::NEAR {
            continue;
        }
        let at = which.binary_search(&o.literal).expect("a window's literal is one of those");
        priced.load(folded.get(at), rarity);
        let near = (o.offset as usize % stride..priced.offsets().min(Entry::NEAR)).step_by(stride);
        let best = near.min_by(|a, b| priced.ln(*a, rarity).total_cmp(&priced.ln(*b, rarity)));
        let offset = best.expect("a literal has a window for each residue");
        (o.low, o.high) = priced.words(offset);
        o.offset = offset as u32;
    }
    !lists.is_empty()
}

/// What a byte of ordinary text costs: its probe, and the windows that are there. Infinite from `limit` on.
fn cost(all: &[Unique], owned: &[Owned], plan: Plan, fold: u32, rarity: &Rarity, limit: f32) -> f32 {
    let likely = |o: &Owned| {
        let mut window = [0; 8];
        let window = &mut window[..plan.window as usize];
        window.copy_from_slice(&all[o.literal as usize].bytes[o.offset as usize..][..plan.window as usize]);
        window.iter_mut().for_each(|b| *b |= fold as u8);
        rarity.ln(window).exp()
    };
    let stride = plan.stride as f32;
    let cost = |rate: f32| PROBE / stride + CANDIDATE * (rate / stride);
    let model = owned.iter().map(likely).sum();
    if cost(model) >= limit {
        return f32::INFINITY;
    }
    // Strings often come from the text they are looked for in, and there are likelier than the pair model knows.
    cost(f32::max(model, ordinary::share(owned, plan.window, fold)))
}

/// Moves literals from lists beyond the cap to their other windows, by the lists' real lengths. False: nothing to do.
fn break_up<'a>(
    owned: &mut [Owned],
    folded: &'a Folded,
    which: &[u32],
    stride: usize,
    priced: &mut Priced<'a>,
    rarity: &Rarity,
) -> bool {
    let mut lists: HashMap<u64, u32> = HashMap::with_capacity(owned.len());
    for o in owned.iter() {
        *lists.entry(o.key()).or_default() += 1;
    }
    if lists.values().all(|&n| n <= LIST_CAP) {
        return false;
    }
    for (i, o) in owned.iter_mut().enumerate() {
        let now = lists[&o.key()];
        if now <= LIST_CAP {
            continue;
        }
        debug_assert_eq!(which[i / stride], o.literal);
        priced.load(folded.get(i / stride), rarity);
        let mut best = (f32::INFINITY, o.offset as usize, o.key());
        for offset in (i % stride..priced.offsets()).step_by(stride) {
            let (low, high) = priced.words(offset);
            let key = u64::from(high) << 32 | u64::from(low);
            let n = if key == o.key() { now } else { lists.get(&key).copied().unwrap_or(0) + 1 };
            // Beyond the cap every entry more costs as much as a list of its own.
            let over = n.saturating_sub(LIST_CAP) as f32;
            let price = priced.ln(offset, rarity) + 2.0 * (n as f32).ln() + over;
            if price < best.0 {
                best = (price, offset, key);
            }
        }
        if best.2 != o.key() {
            *lists.get_mut(&o.key()).expect("counted above") -= 1;
            *lists.entry(best.2).or_default() += 1;
            (o.low, o.high, o.offset) = (best.2 as u32, (best.2 >> 32) as u32, best.1 as u32);
        }
    }
    true
}

/// The chosen literals' bytes, folded, one after another.
struct Folded {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Folded {
    fn new(all: &[Unique], which: &[u32], fold: u32) -> Self {
        let mut this = Self { bytes: Vec::new(), ends: Vec::with_capacity(which.len()) };
        for &i in which {
            let bytes = &all[i as usize].bytes;
            // Windows and their check words lie within this.
            let used = &bytes[..bytes.len().min(Entry::OFFSET_MAX + 16)];
            this.bytes.extend(used.iter().map(|b| b | fold as u8));
            this.ends.push(this.bytes.len());
        }
        this
    }

    fn get(&self, i: usize) -> &[u8] {
        let start = if i == 0 { 0 } else { self.ends[i - 1] };
        &self.bytes[start..self.ends[i]]
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.ends.len()).map(|i| self.get(i))
    }
}

/// What a probe, a window that is there, and a byte of text for each way with short literals cost on the CPU, in about
/// nanoseconds: what a plan is chosen by.
const PROBE: f32 = 0.6;
pub(crate) const CANDIDATE: f32 = 28.0;
const NIBBLES: f32 = 0.08;
const AUTOMATON: f32 = 2.5;
/// Sets up to this size try several plans; of larger ones the probe is the smallest part.
const PLANNED: usize = 6000;
/// Tried in this order.
const PLANS: [(u32, u32); 9] = [(5, 2), (4, 2), (3, 2), (4, 3), (5, 3), (4, 4), (4, 1), (5, 1), (3, 1)];

/// How the literals are shared out.
pub(crate) struct Planned {
    pub plan: Plan,
    /// The plan's windows, where they had to be chosen to know.
    pub owned: Option<Vec<Owned>>,
    pub paired: Option<Paired>,
}

/// The plan with the least expected cost per byte. The windows of literals shorter than window + stride - 1 are none of the
/// plan's: those are the short ones.
pub(crate) fn plan(all: &[Unique], fold: u32, rarity: &Rarity) -> Planned {
    let shortest_long = all.iter().map(|u| u.bytes.len()).filter(|&n| n >= 4).min().unwrap_or(4);
    if all.len() > PLANNED {
        let plan = Plan { window: shortest_long.clamp(4, 6) as u32, stride: 1 };
        return Planned { plan, owned: None, paired: None };
    }
    let mut best = (f32::INFINITY, Planned { plan: Plan { window: 4, stride: 1 }, owned: None, paired: None });
    for (window, stride) in PLANS {
        let plan = Plan { window, stride };
        let least = (window + stride - 1) as usize;
        let (mut long, mut short) = (Vec::new(), Vec::new());
        for (i, u) in (0u32..).zip(all) {
            if u.bytes.len() < least { short.push(i) } else { long.push(i) }
        }
        let mut price = short_cost(all, &short);
        let mut owned = None;
        if !long.is_empty() && price < best.0 {
            let chosen = choose(all, &long, fold, window, stride, rarity);
            price += cost(all, &chosen, plan, fold, rarity, best.0 - price);
            owned = Some(chosen);
        }
        if price < best.0 {
            best = (price, Planned { plan, owned, paired: None });
        }
        if (window, stride) == (4, 1)
            && let Some(paired) = pairs::plan(all, &long, &short, fold, rarity)
            && paired.cost < best.0
        {
            best = (paired.cost, Planned { plan, owned: None, paired: Some(paired) });
        }
    }
    // All of them may be short.
    let everything: Vec<u32> = (0..all.len() as u32).collect();
    if nibbles_take(all, &everything) && NIBBLES * all.len().div_ceil(8) as f32 <= best.0 {
        best.1 = Planned { plan: Plan { window: 5, stride: 1 }, owned: None, paired: None };
    }
    best.1
}

/// What the short literals cost a byte of text.
pub(crate) fn short_cost(all: &[Unique], short: &[u32]) -> f32 {
    match short.len() {
        0 => 0.0,
        n if nibbles_take(all, short) => NIBBLES * n.div_ceil(8) as f32,
        _ => AUTOMATON,
    }
}
