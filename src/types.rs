//! The plain structs that cross the C boundary and mean the same on both sides.

use crate::status::trm_status;
use bytemuck::{Pod, Zeroable};

/// The number of an accepted item of one engine: 1 for its first, 2 for its second, ...; 0 is never a ticket, and none is given
/// out twice. With TRM_OPTION_SPARSE_TICKETS some numbers may be left out.
#[allow(non_camel_case_types)]
pub type trm_ticket = u64;

/// One scan job, 16 bytes, the same on the host and on the device.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[allow(non_camel_case_types)]
pub struct trm_work_item {
    /// Where the bytes begin in the engine's input space, in bytes.
    pub input_offset: u32,
    /// How many bytes; 0 is allowed.
    pub input_len: u32,
    /// The id that the rule set was loaded under in this engine.
    pub rule_set_id: u32,
    /// The caller's own number, echoed in the completion.
    pub correlation: u32,
}

/// What became of one item.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[allow(non_camel_case_types)]
pub struct trm_completion {
    /// The item's ticket.
    pub ticket: trm_ticket,
    /// The caller's number from the work item.
    pub correlation: u32,
    /// The rule set id that the item was accepted with.
    pub rule_set_id: u32,
    /// `TRM_OK`, `TRM_TRUNCATED`, `TRM_CANCELLED`, or the error that this item met.
    pub status: trm_status,
    /// Index of its first match in the match array of the same call.
    pub first_match: u32,
    /// The true number of matches; delivered are `min(match_count, max_matches_per_item)`.
    pub match_count: u64,
}

/// One match. Within an item they are sorted by (end, start, rule_id), without duplicates.
#[repr(C)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable)]
#[allow(non_camel_case_types)]
pub struct trm_match {
    /// First byte, counted from the item's first byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// The id that the pattern was compiled with.
    pub rule_id: u32,
    /// Index into the completion array of the same call; 0 where the call has none.
    pub item: u32,
}
