//! Flags and modes, with Hyperscan's values.

/// Letters match in either case.
pub const CASELESS: u32 = 1;
/// The dot matches a line feed.
pub const DOTALL: u32 = 2;
/// `^` and `$` match at lines.
pub const MULTILINE: u32 = 4;
/// One match of the expression at most: the one with the smallest end.
pub const SINGLEMATCH: u32 = 8;
/// The expression may match nothing at all.
pub const ALLOWEMPTY: u32 = 16;
/// Expression and data are UTF-8.
pub const UTF8: u32 = 32;
/// `\w`, `\d`, `\s` and POSIX classes follow Unicode.
pub const UCP: u32 = 64;
/// Approximation is allowed; never needed here.
pub const PREFILTER: u32 = 128;
/// The start of a match is reported.
pub const SOM_LEFTMOST: u32 = 256;
/// A logical combination of other expressions; refused.
pub const COMBINATION: u32 = 512;
/// Matches are not reported.
pub const QUIET: u32 = 1024;
/// All that there are.
pub const KNOWN: u32 = 2047;

/// One block of data at a time.
pub const MODE_BLOCK: u32 = 1;
/// Data in pieces over time.
pub const MODE_STREAM: u32 = 2;
/// Data in pieces that are there at once.
pub const MODE_VECTORED: u32 = 4;
/// How far back streams know where matches start: here always as far as it takes.
pub const MODE_SOM_HORIZONS: u32 = 7 << 24;

/// `hs_expr_ext.flags`: `min_offset` is set.
pub const EXT_MIN_OFFSET: u64 = 1;
/// `hs_expr_ext.flags`: `max_offset` is set.
pub const EXT_MAX_OFFSET: u64 = 2;
/// `hs_expr_ext.flags`: `min_length` is set.
pub const EXT_MIN_LENGTH: u64 = 4;
/// `hs_expr_ext.flags`: those that are honoured.
pub const EXT_HONOURED: u64 = 7;
/// `hs_expr_ext.flags`: all that there are.
pub const EXT_KNOWN: u64 = 31;
