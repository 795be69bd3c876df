//! Walks: small automata that run forwards from a place, or backwards from it, over the item's own bytes.
//!
//! All walks of a set lie in two flat arrays: `classes` (256 bytes each, byte to class) and `rows` (u32 words). A row is
//! one state: an entry for each class and one for the end of the text, padded to a power of two. An entry is the offset
//! of the next row within the walk, with `MATCH` set if the bytes before the one just read form a match: matches are
//! told one step late, so that looks can see the next byte. Row 0 is the dead state.
//!
//! A walk starts in one of six rows, chosen by the byte on the other side of the place: that is how `^` or `\b` there
//! see the real neighbour.

use std::collections::HashMap;

use bytemuck::{Pod, Zeroable};
use regex_automata::hybrid::LazyStateID;
use regex_automata::hybrid::dfa::DFA;
use regex_automata::nfa::thompson::{self, WhichCaptures};
use regex_automata::util::start;
use regex_automata::{Anchored, MatchKind};
use regex_syntax::hir::Hir;

/// In an entry: a match ended (forwards) or began (backwards) before the byte just read.
pub(crate) const MATCH: u32 = 1 << 31;

/// What stands on the other side of the place where a walk starts: no byte, `\n`, `\r`, a word byte, another.
pub(crate) const STARTS: usize = 5;

/// Which start row to take for a neighbour.
pub(crate) fn start_kind(neighbour: Option<u8>) -> usize {
    match neighbour {
        None => 0,
        Some(b'\n') => 1,
        Some(b'\r') => 2,
        Some(b) if b.is_ascii_alphanumeric() || b == b'_' => 3,
        Some(_) => 4,
    }
}

/// Where one walk lies.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
pub(crate) struct Walk {
    /// First of its 256 bytes in `classes`.
    pub classes: u32,
    /// First of its words in `rows`.
    pub rows: u32,
    /// Number of its words there.
    pub words: u32,
    /// The class of the end of the text.
    pub end_class: u32,
    /// Start rows, by `start_kind`.
    pub starts: [u32; STARTS],
    /// Words in a row.
    pub stride: u32,
}

/// All walks of a set.
#[derive(Default)]
pub(crate) struct Walks {
    pub walks: Vec<Walk>,
    pub classes: Vec<u8>,
    pub rows: Vec<u32>,
    /// By their hashes, the first walk with each.
    known: HashMap<u64, u32>,
    known_classes: HashMap<Vec<u8>, u32>,
}

/// One walk, not yet laid out with the others.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Built {
    classes: Vec<u8>,
    rows: Vec<u32>,
    starts: [u32; STARTS],
    end_class: u32,
    stride: u32,
}

/// How a walk reads and when it is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Forwards; over at the first match: tells whether there is one.
    Any,
    /// Forwards, leftmost-first: the last match before the dead state is the one that a search would report.
    First,
    /// Forwards, through every match.
    All,
    /// Backwards; over at the first match.
    AnyBack,
    /// Backwards, through every match.
    AllBack,
}

/// A walk may have this many words, or it is not built: one that is larger would not stay in the cache anyway.
pub(crate) const MAX_WORDS: usize = 64 << 10;
/// The compiled pattern may take this much on the way.
const MAX_NFA: usize = 2 << 20;
/// Memory for the construction: an attempt that needs more is given up, long before it would need all of `MAX_WORDS`.
const LAZY_CACHE: usize = 32 << 20;

impl Built {
    /// None if the walk would be too large. `hir` must hold no Unicode word boundary.
    pub fn new(hir: &Hir, kind: Kind, max_words: usize) -> Option<Built> {
        let back = matches!(kind, Kind::AnyBack | Kind::AllBack);
        let config = thompson::Config::new()
            .utf8(false)
            .reverse(back)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(Some(MAX_NFA));
        let nfa = thompson::Compiler::new().configure(config).build_from_hir(hir).ok()?;
        let match_kind = if kind == Kind::First { MatchKind::LeftmostFirst } else { MatchKind::All };
        let config = DFA::config().match_kind(match_kind).cache_capacity(LAZY_CACHE).skip_cache_capacity_check(true);
        let dfa = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
        explore(&dfa, matches!(kind, Kind::Any | Kind::AnyBack), max_words)
    }

    pub fn bytes(&self) -> u64 {
        (self.rows.len() * 4 + self.classes.len()) as u64
    }
}

/// Walks over all states that can be reached, breadth first, and writes them down; `once`: not beyond a match.
fn explore(dfa: &DFA, once: bool, max_words: usize) -> Option<Built> {
    let mut cache = dfa.create_cache();
    let byte_classes = dfa.byte_classes();
    let classes: Vec<u8> = (0..=255).map(|b| byte_classes.get(b)).collect();
    let end_class = classes.iter().copied().max().map_or(0, usize::from) + 1;
    let stride = (end_class + 1).next_power_of_two();
    let mut bytes = vec![0u8; end_class];
    for b in 0..=255u8 {
        bytes[usize::from(classes[usize::from(b)])] = b;
    }
    // Row 0 is dead; state i of `order` has row i + 1. Identifiers stay valid as long as the cache is not cleared.
    let mut order: Vec<LazyStateID> = Vec::new();
    let mut known: HashMap<LazyStateID, u32> = HashMap::new();
    let mut row_of = |id: LazyStateID, order: &mut Vec<LazyStateID>| -> u32 {
        if id.is_dead() {
            return 0;
        }
        *known.entry(id).or_insert_with(|| {
            order.push(id);
            (order.len() * stride) as u32
        })
    };
    let neighbours = [None, Some(b'\n'), Some(b'\r'), Some(b'a'), Some(b' ')];
    let mut starts = [0; STARTS];
    for (start, neighbour) in starts.iter_mut().zip(neighbours) {
        let config = start::Config::new().anchored(Anchored::Yes).look_behind(neighbour);
        *start = row_of(dfa.start_state(&mut cache, &config).ok()?, &mut order);
    }
    let mut rows = vec![0u32; stride];
    let mut done = 0;
    while done < order.len() {
        if rows.len() + stride > max_words {
            return None;
        }
        let state = order[done];
        done += 1;
        let row = rows.len();
        rows.resize(row + stride, 0);
        for class in 0..=end_class {
            let next = if class < end_class {
                dfa.next_state(&mut cache, state, bytes[class]).ok()?
            } else {
                dfa.next_eoi_state(&mut cache, state).ok()?
            };
            let matched = next.is_match();
            // The end of the text is the last thing that a walk sees.
            let to = if class == end_class || (once && matched) { 0 } else { row_of(next, &mut order) };
            rows[row + class] = to | if matched { MATCH } else { 0 };
        }
        if cache.clear_count() > 0 {
            return None;
        }
    }
    Some(Built { classes, rows, starts, end_class: end_class as u32, stride: stride as u32 })
}

impl Walks {
    /// Lays a walk out with the others, once however often it is wanted; None if the arrays are full.
    pub fn add(&mut self, built: Built) -> Option<u32> {
        let hash = xxhash_rust::xxh3::xxh3_64_with_seed(bytemuck::cast_slice(&built.rows), built.stride.into());
        if let Some(&index) = self.known.get(&hash)
            && self.is(index, &built)
        {
            return Some(index);
        }
        let index = u32::try_from(self.walks.len()).ok()?;
        let rows = u32::try_from(self.rows.len()).ok()?;
        let classes = match self.known_classes.get(&built.classes) {
            Some(&at) => at,
            None => {
                let at = u32::try_from(self.classes.len()).ok()?;
                self.classes.extend_from_slice(&built.classes);
                self.known_classes.insert(built.classes.clone(), at);
                at
            }
        };
        self.rows.extend_from_slice(&built.rows);
        self.walks.push(Walk {
            classes,
            rows,
            words: built.rows.len() as u32,
            end_class: built.end_class,
            starts: built.starts,
            stride: built.stride,
        });
        self.known.entry(hash).or_insert(index);
        Some(index)
    }

    /// Forgets what only building needs.
    pub fn finish(&mut self) {
        self.known = HashMap::new();
        self.known_classes = HashMap::new();
        self.rows.shrink_to_fit();
        self.classes.shrink_to_fit();
    }

    /// Makes room for walks of so many bytes in all.
    pub fn reserve(&mut self, bytes: u64) {
        self.rows.reserve_exact(bytes as usize / 4);
    }

    /// Whether a walk is the same as one that is not laid out yet.
    fn is(&self, index: u32, built: &Built) -> bool {
        let walk = &self.walks[index as usize];
        let rows = &self.rows[walk.rows as usize..][..walk.words as usize];
        let classes = &self.classes[walk.classes as usize..][..256];
        rows == built.rows
            && classes == built.classes
            && (walk.end_class, walk.starts, walk.stride) == (built.end_class, built.starts, built.stride)
    }

    /// From arrays that were saved: every offset is checked, so that no walk can leave its rows.
    pub fn from_parts(walks: Vec<Walk>, classes: Vec<u8>, rows: Vec<u32>) -> Option<Walks> {
        for walk in &walks {
            let all = rows.get(walk.rows as usize..)?.get(..walk.words as usize)?;
            let map = classes.get(walk.classes as usize..)?.get(..256)?;
            let room = walk.words.checked_sub(walk.stride)?;
            let fits = walk.end_class < walk.stride
                && map.iter().all(|&class| u32::from(class) < walk.stride)
                && walk.starts.iter().all(|&row| row <= room)
                && all.iter().all(|&entry| entry & !MATCH <= room);
            if !fits {
                return None;
            }
        }
        Some(Walks { walks, classes, rows, ..Walks::default() })
    }

    /// One walk, ready to run.
    pub fn view(&self, index: u32) -> View<'_> {
        let walk = &self.walks[index as usize];
        let classes = walk.classes as usize;
        View {
            classes: self.classes[classes..classes + 256].try_into().expect("256 bytes"),
            rows: &self.rows[walk.rows as usize..][..walk.words as usize],
            walk,
        }
    }
}

/// One walk's arrays.
pub(crate) struct View<'a> {
    pub classes: &'a [u8; 256],
    pub rows: &'a [u32],
    pub walk: &'a Walk,
}
