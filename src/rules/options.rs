//! What the caller can choose when compiling, and the limits that keep a rule set from eating the machine.

/// What counts as a match of a rule. Both are exact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Semantics {
    /// Non-overlapping, leftmost first: what `regex::bytes::Regex::find_iter` yields.
    #[default]
    Leftmost,
    /// Every offset at which some match ends, whatever greed and the order of alternatives say.
    AllEnds,
}

/// The choices of one compilation. `Default` is what most callers want.
#[derive(Clone, Debug)]
pub struct CompileOptions {
    /// What counts as a match.
    pub semantics: Semantics,
    /// Threads that compilation may use; 0 and 1 both mean the calling thread alone.
    pub threads: u32,
    /// Bytes that the whole set may hold while it is compiled and afterwards, beside about 4 MiB for each thread that
    /// compiles; 0 means `DEFAULT_MAX_MEMORY`.
    pub max_memory: u64,
    /// Bytes of one pattern; 0 means `DEFAULT_MAX_PATTERN_LEN`.
    pub max_pattern_len: u64,
    /// Bytes of one pattern's automaton; 0 means `DEFAULT_MAX_AUTOMATON`.
    pub max_automaton: u64,
    /// Tests only: compile every rule for this tier if it can run there.
    #[doc(hidden)]
    pub force_tier: Option<super::Tier>,
}

/// One pattern may be this long unless the caller says otherwise.
pub const DEFAULT_MAX_PATTERN_LEN: u64 = 64 << 10;
/// One pattern's automaton may take this many bytes unless the caller says otherwise.
pub const DEFAULT_MAX_AUTOMATON: u64 = 10 << 20;
/// A whole rule set may take this many bytes, compiling included, unless the caller says otherwise.
pub const DEFAULT_MAX_MEMORY: u64 = 2 << 30;
/// A rule set may have this many patterns: indices are 32 bits wide and some of their values mean something else.
pub const MAX_PATTERNS: usize = 1 << 24;

impl Default for CompileOptions {
    fn default() -> Self {
        CompileOptions {
            semantics: Semantics::Leftmost,
            threads: 1,
            max_memory: 0,
            max_pattern_len: 0,
            max_automaton: 0,
            force_tier: None,
        }
    }
}

impl CompileOptions {
    /// The limits with their defaults filled in.
    pub(crate) fn limits(&self) -> Limits {
        let or = |value: u64, default: u64| if value == 0 { default } else { value };
        Limits {
            memory: or(self.max_memory, DEFAULT_MAX_MEMORY),
            pattern_len: or(self.max_pattern_len, DEFAULT_MAX_PATTERN_LEN),
            automaton: or(self.max_automaton, DEFAULT_MAX_AUTOMATON),
        }
    }
}

/// Limits in force: none of them is 0.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub memory: u64,
    pub pattern_len: u64,
    pub automaton: u64,
}

impl Limits {
    /// For what was checked before.
    pub const NONE: Limits = Limits { memory: u64::MAX, pattern_len: u64::MAX, automaton: u64::MAX };
}
