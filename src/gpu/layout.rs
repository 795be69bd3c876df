//! The words that host and device share; `shaders/layout.wgsl` says the same in WGSL and a test compares the two.

/// What is asked of the device: which bytes of the arena, scanned by which rule set of the directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Job {
    /// First byte in the arena.
    pub offset: u32,
    /// Bytes.
    pub len: u32,
    /// Directory index; 0 is the set that matches nothing.
    pub set: u16,
    /// Other than 0: nobody writes what is left of its last 64 bytes, so they may be moved with it. No bool: whoever hands on
    /// an `Option` of this would take it to pieces around the bool.
    pub padded: u8,
    /// Staged input: the bytes lie in a registered buffer, here in the input space, and `offset` is where they go; 0: they lie
    /// at `offset` of the host's arena.
    pub from: u32,
}

/// Positions in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The first.
    pub first: u64,
    /// How many.
    pub count: u64,
}

/// What a device found: what the words mean depends on the set's kind.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, bytemuck::Pod, bytemuck::Zeroable)]
pub struct RawMatch {
    /// Literal sets: the string's tag in the tables.
    pub a: u32,
    /// Literal sets: its first byte in the item.
    pub b: u32,
    /// Literal sets: one past its last byte.
    pub c: u32,
}

impl RawMatch {
    /// The branch and the offset, where it is no occurrence of a string but a border through which a match leads.
    #[inline]
    pub fn as_border(&self) -> Option<(u32, u32)> {
        (self.a & BORDER_RECORD != 0).then_some((self.a & !BORDER_RECORD, self.b))
    }
}

/// What the probe set reports of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Sum of its bytes.
    pub sum: u32,
    /// Its length as the device saw it.
    pub len: u32,
}

impl From<RawMatch> for Probe {
    fn from(raw: RawMatch) -> Self {
        Probe { sum: raw.a, len: raw.b }
    }
}

/// The immediate data of a lease, in the shader's order.
#[repr(C)]
#[derive(Debug, Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(super) struct LeaseWords {
    pub number: u32,
    pub budget: u32,
    pub rounds: u32,
    pub held: u32,
    pub ring_bits: u32,
    pub fuel: u32,
    pub cut_bound: u32,
    pub chunk_bits: u32,
    pub sends_text: u32,
    pub piece_least: u32,
    pub piece_most: u32,
    pub split_over: u32,
    pub split_idle: i32,
}

macro_rules! shared_words {
    ($($name:ident = $value:expr;)*) => {
        $(#[allow(dead_code)] pub(super) const $name: u32 = $value;)*
        #[cfg(test)]
        const SHARED: &[(&str, u32)] = &[$((stringify!($name), $value)),*];
    };
}

shared_words! {
    SLOT_WORDS = 4;
    SLOT_OFFSET = 0;
    SLOT_LEN = 1;
    SLOT_SET = 2;
    SLOT_TICKET = 3;
    CONTROL_STOP = 0;
    CONTROL_PUBLISHED = 16;
    CONTROL_SETS = 32;
    CONTROL_FREED = 8224;
    KIND_EMPTY = 0;
    KIND_HOST = 1;
    KIND_PROBE = 2;
    KIND_LITERAL = 3;
    KIND_RULES = 4;
    STATE_CLAIM = 0;
    STATE_STOP = 16;
    STATE_POLLS = 32;
    STATE_LEASES = 48;
    LEASE_WORDS = 16;
    LEASE_START = 0;
    LEASE_HIGH = 1;
    LEASE_PARKED = 2;
    LEASE_OUT = 3;
    STATE_CHUNK = 112;
    STATE_BOARDS = 128;
    STATE_HELPED = 136;
    STATE_SERVED = 144;
    BOARDS = 16;
    BOARD_WORDS = 12_336;
    BOARD_RECORDS = 4096;
    REPORT_STARTED = 0;
    REPORT_ENDED = 16;
    REPORT_CLAIM = 32;
    REPORT_POLLS = 48;
    REPORT_LANES = 64;
    REPORT_LARGE = 72;
    REPORT_HELPED = 80;
    RESULT_BITS = 24;
    RESULT_HOST = 0x80_0000;
    RESULT_CHUNKS = 16;
    RESULT_COUNT = 0x3fff;
    RESULT_TEXT = 0x4000;
    RESULT_BORDERS = 0x8000;
    RECORD_WORDS = 4;
    INLINE_RECORDS = 15;
    SLOT_RECORDS = 16;
    CHUNK_RECORDS = 63;
    CHUNK_SIZE = 64;
    ITEM_CHUNKS = 64;
    LINK_INDEX = 0xffff_ffff;
    BORDER_RECORD = 0x8000_0000;
    TEXT_BYTES = 12;
    TEXT_INDEX = 0x4000_0000;
}

/// Directory entries: rule sets that can be loaded at once, the empty one included.
pub(super) const SETS: u32 = 4096;
const _: () = assert!(CONTROL_FREED == CONTROL_SETS + 2 * SETS);

/// Words of the control buffer with so many chunks: fixed words, two per directory entry, one per chunk.
pub(super) fn control_words(chunks: u32) -> usize {
    (CONTROL_FREED + chunks) as usize
}

/// Words of the report buffer.
pub(super) const REPORT_WORDS: u32 = 96;

/// The lap of a position in a ring of 2^bits slots, in device width.
pub(super) fn lap(position: u64, ring_bits: u32) -> u32 {
    (position as u32) >> ring_bits
}

/// What a ticket and a length are multiplied by in a seal.
pub(super) const SEAL_TICKET: u32 = 0x9e37_79b1;
pub(super) const SEAL_LEN: u32 = 0x85eb_ca6b;

/// The check word over a slot, as the shader computes it.
pub(super) fn seal(offset: u32, len: u32, set: u32, ticket: u32) -> u32 {
    let mixed = (offset ^ ticket.wrapping_mul(SEAL_TICKET)).wrapping_add(len.wrapping_mul(SEAL_LEN)).wrapping_add(set);
    (mixed ^ (mixed >> 15)) & 0xffff
}

/// A slot's four words.
pub(super) fn slot(position: u64, job: &Job) -> [u32; 4] {
    let ticket = position as u32;
    let set = u32::from(job.set);
    [job.offset, job.len, set | seal(job.offset, job.len, set, ticket) << 16, ticket.wrapping_add(1)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use naga::{Expression, Literal};

    #[test]
    fn the_literal_matcher_knows_the_tables_words() {
        use crate::rules::literal::layout as tables;
        use std::mem::offset_of;
        let shader = constants(concat!(
            include_str!("../../shaders/literal.wgsl"),
            "\n",
            include_str!("../../shaders/short.wgsl")
        ));
        let check = |name: &str, bytes: usize| assert_eq!(shader[name] as usize * 4, bytes, "{name}");
        macro_rules! words {
            ($of:ident: $($name:ident = $($field:tt).+;)*) => { $(check(stringify!($name), offset_of!(tables::$of, $($field).+));)* };
        }
        words! { Header:
            TABLE_FOLD = fold; TABLE_GROUPS = groups; TABLE_BYTES_AT = bytes_at; TABLE_TAGS_AT = tags_at;
            TABLE_SHORT = short; TABLE_GROUP = group;
        }
        words! { ShortHeader:
            SHORT_CLASSES_AT = classes_at; SHORT_CLASSES = classes; SHORT_NEXT_AT = next_at; SHORT_STATES = states;
            SHORT_FIRST_MATCH = first_match; SHORT_OUTS_AT = outs_at; SHORT_OUT_AT = out_at; SHORT_MAX_LEN = max_len;
        }
        words! { GroupHeader:
            GROUP_WINDOW = window; GROUP_STRIDE = stride; GROUP_FILTER_AT = filter_at; GROUP_FILTER_LOG2 = filter_log2;
            GROUP_SLOTS_AT = slots_at; GROUP_SLOTS_LOG2 = slots_log2; GROUP_ENTRIES_AT = entries_at;
            GROUP_MAX_CHAIN = max_chain; GROUP_MUL_LOW = mul_low; GROUP_MUL_HIGH = mul_high;
        }
        assert_eq!(shader["GROUP_WORDS"] as usize * 4, size_of::<tables::GroupHeader>());
        assert_eq!(shader["SLOT_MUL"], tables::Hash::SLOT_MUL);
        assert_eq!(shader["CHAIN_MORE"], tables::Slot::MORE);
        assert_eq!(shader["ENTRY_CASELESS"], tables::Entry::CASELESS);
        assert_eq!(shader["ENTRY_TAG_LIST"], tables::Entry::TAG_LIST);
        assert_eq!(shader["ENTRY_NO_CHECK"], tables::Entry::NO_CHECK);
        assert_eq!(shader["ENTRY_PROVEN"], tables::Entry::PROVEN);
        assert_eq!(tables::VERSION, 3, "the shader was written for this version");
    }

    #[test]
    fn the_walker_knows_the_tables_words() {
        use crate::rules::device::DeviceHeader;
        use crate::rules::walk::{MATCH, STARTS, Walk};
        use crate::rules::{BranchTable, RunTable, plan, tables};
        use std::mem::offset_of;
        let shader = constants(concat!(
            include_str!("../../shaders/walk.wgsl"),
            "\n",
            include_str!("../../shaders/class_run.wgsl")
        ));
        let check = |name: &str, bytes: usize| assert_eq!(shader[name] as usize * 4, bytes, "{name}");
        macro_rules! words {
            ($of:ident: $($name:ident = $field:ident;)*) => { $(check(stringify!($name), offset_of!($of, $field));)* };
        }
        words! { DeviceHeader:
            RULES_LITERALS_AT = literals_at; RULES_USE_STARTS_AT = use_starts_at; RULES_USES_AT = uses_at;
            RULES_BRANCHES_AT = branches_at; RULES_WALKS_AT = walks_at; RULES_CLASSES_AT = classes_at;
            RULES_ROWS_AT = rows_at; RULES_RUNS_AT = runs_at; RULES_RUNS = runs;
        }
        words! { BranchTable: BRANCH_BEFORE = before; BRANCH_AHEAD = ahead; BRANCH_FLAGS = flags; }
        words! { Walk: WALK_CLASSES = classes; WALK_ROWS = rows; WALK_END_CLASS = end_class; WALK_STARTS = starts; }
        words! { RunTable: RUN_MIN = min; RUN_BRANCH = branch; }
        check("BRANCH_WORDS", size_of::<BranchTable>());
        check("WALK_WORDS", size_of::<Walk>());
        check("RUN_WORDS", size_of::<RunTable>());
        assert_eq!(STARTS, 5);
        assert_eq!(
            (shader["WALK_MATCH"], shader["NONE"], shader["BACK_FIRST"]),
            (MATCH, tables::NONE, plan::BACK_FIRST)
        );
    }

    fn constants(source: &str) -> std::collections::HashMap<String, u32> {
        // Constants alone parse without what the functions need.
        let only: String =
            source.lines().filter(|line| line.starts_with("const ")).map(|line| format!("{line}\n")).collect();
        let module =
            naga::front::wgsl::parse_str(&format!("const LANES: u32 = 32u;\n{only}")).expect("they parse alone");
        let mut found = std::collections::HashMap::new();
        for (_, constant) in module.constants.iter() {
            if let (Some(name), Expression::Literal(Literal::U32(value))) =
                (&constant.name, &module.global_expressions[constant.init])
            {
                found.insert(name.clone(), *value);
            }
        }
        found.remove("LANES");
        found
    }

    #[test]
    fn shader_and_host_agree_on_every_word() {
        let shader = constants(include_str!("../../shaders/layout.wgsl"));
        for (name, value) in SHARED {
            assert_eq!(shader.get(*name), Some(value), "{name}");
        }
        assert_eq!(shader.len(), SHARED.len(), "a constant is known on one side only");
    }

    #[test]
    fn lease_words_match_the_shader_struct() {
        let module = naga::front::wgsl::parse_str(&super::super::compose(super::super::RESIDENT, 32)).unwrap();
        let (_, lease) = module.types.iter().find(|(_, t)| t.name.as_deref() == Some("Lease")).unwrap();
        let naga::TypeInner::Struct { members, span } = &lease.inner else { panic!("not a struct") };
        assert_eq!(*span as usize, size_of::<LeaseWords>());
        let names: Vec<_> = members.iter().filter_map(|m| m.name.clone()).collect();
        let all = [
            "number",
            "budget",
            "rounds",
            "held",
            "ring_bits",
            "fuel",
            "cut_bound",
            "chunk_bits",
            "sends_text",
            "piece_least",
            "piece_most",
            "split_over",
            "split_idle",
        ];
        assert_eq!(names, all);
        assert_eq!(std::mem::offset_of!(LeaseWords, fuel) as u32, members[5].offset);
        assert_eq!(std::mem::offset_of!(LeaseWords, rounds) as u32, members[2].offset);
    }

    #[test]
    fn a_slot_is_the_items_words_the_set_and_the_next_ticket() {
        let job = Job { offset: 7, len: 9, set: 3, ..Job::default() };
        let words = slot(u64::from(u32::MAX), &job);
        assert_eq!(words[SLOT_OFFSET as usize], 7);
        assert_eq!(words[SLOT_LEN as usize], 9);
        assert_eq!(words[SLOT_SET as usize] & 0xffff, 3);
        assert_eq!(words[SLOT_TICKET as usize], 0, "the ticket word wraps");
        assert_eq!(size_of_val(&words), 4 * SLOT_WORDS as usize);
    }
}
