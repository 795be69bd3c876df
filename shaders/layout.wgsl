// Words that host and device share. src/gpu/layout.rs says the same in Rust and a test compares the two.

// A slot of the submission ring: 16 bytes, four to a line.
const SLOT_WORDS: u32 = 4u;
const SLOT_OFFSET: u32 = 0u;  // first byte of the item in the arena
const SLOT_LEN: u32 = 1u;     // bytes
const SLOT_SET: u32 = 2u;     // rule set (low half) and seal (high half)
const SLOT_TICKET: u32 = 3u;  // low word of the ticket + 1, written with the rest and read first

// Control words, written by the host only, a line each.
const CONTROL_STOP: u32 = 0u;       // leases below this number shall leave
const CONTROL_PUBLISHED: u32 = 16u; // about how far the host has published: a hint, never trusted
const CONTROL_SETS: u32 = 32u;      // directory of rule sets: (kind, first word in the tables) each
const CONTROL_FREED: u32 = 8224u;   // per chunk: how often the host gave it back

// What a rule set's directory entry says about how to run it.
const KIND_EMPTY: u32 = 0u;   // matches nothing
const KIND_HOST: u32 = 1u;    // the host scans it
const KIND_PROBE: u32 = 2u;   // one record with the sum of the item's bytes: tests the path
const KIND_LITERAL: u32 = 3u; // literal tables, each occurrence a match
const KIND_RULES: u32 = 4u;   // strings, runs, walks

// Device-only state.
const STATE_CLAIM: u32 = 0u;        // next ticket to hand out
const STATE_STOP: u32 = 16u;        // as CONTROL_STOP, from the kernel itself
const STATE_POLLS: u32 = 32u;       // rounds without anything to serve, all workers
const STATE_LEASES: u32 = 48u;      // four lease records, used in turn
const LEASE_WORDS: u32 = 16u;
const LEASE_START: u32 = 0u;        // claim when the lease began
const LEASE_HIGH: u32 = 1u;         // tickets below may have been served by an earlier lease
const LEASE_PARKED: u32 = 2u;       // smallest (ticket - start) that a leaving worker still held
const LEASE_OUT: u32 = 3u;          // workers that have left
const STATE_CHUNK: u32 = 112u;      // which chunk to try next
const STATE_BOARDS: u32 = 128u;     // a bit for each board with pieces that nobody has
const STATE_HELPED: u32 = 136u;     // pieces of large items that were searched for another worker
const STATE_SERVED: u32 = 144u;     // per slot: laps served; behind them per chunk: how often it was taken; then boards
// Boards, on which large items are shared out (split.wgsl): a power of two, at most 32; words and records of each.
const BOARDS: u32 = 16u;
const BOARD_WORDS: u32 = 12336u;
const BOARD_RECORDS: u32 = 4096u;

// Reports to the host, a line each.
const REPORT_STARTED: u32 = 0u;     // newest lease that began
const REPORT_ENDED: u32 = 16u;      // newest lease that ended
const REPORT_CLAIM: u32 = 32u;      // claim when it ended
const REPORT_POLLS: u32 = 48u;      // STATE_POLLS when it ended
const REPORT_LANES: u32 = 64u;      // subgroup size as the kernel saw it
const REPORT_LARGE: u32 = 72u;      // newest lease that saw a large item
const REPORT_HELPED: u32 = 80u;     // STATE_HELPED when it ended

// A completion: lap tag in the top byte, result below.
const RESULT_BITS: u32 = 24u;
const RESULT_HOST: u32 = 0x800000u;  // the host must scan this item
const RESULT_CHUNKS: u32 = 16u;      // chunks that it took: seven bits from here on
const RESULT_COUNT: u32 = 0x3fffu;   // records
const RESULT_TEXT: u32 = 0x4000u;    // the last ones are the item's bytes
const RESULT_BORDERS: u32 = 0x8000u; // the others say all that the host has to look at

// A match record: three words and a seal over them, stored at once.
const RECORD_WORDS: u32 = 4u;
// A slot's records: so many, and behind them a link to the item's first chunk.
const INLINE_RECORDS: u32 = 15u;
const SLOT_RECORDS: u32 = 16u;
// A chunk: a link to the next one, then records.
const CHUNK_RECORDS: u32 = 63u;
const CHUNK_SIZE: u32 = 64u;
// Chunks that one item may have.
const ITEM_CHUNKS: u32 = 64u;
// A seal's index is that of the record in its item; links count down from here.
const LINK_INDEX: u32 = 0xffffffffu;
// A record of a border of a regular expression through which a match leads: this and the branch, then where.
const BORDER_RECORD: u32 = 0x80000000u;
// Records that are the item's own bytes: so many in each, and their seals' indexes count up from here.
const TEXT_BYTES: u32 = 12u;
const TEXT_INDEX: u32 = 0x40000000u;
