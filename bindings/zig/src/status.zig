//! Statuses as Zig errors, and the library's own words.

const std = @import("std");
const c = @import("api.zig").c;

pub const Error = error{
    Null,
    Invalid,
    BadHandle,
    OutOfRange,
    NoRules,
    BadTicket,
    BufferTooSmall,
    BadPattern,
    OverLimit,
    BadFormat,
    Unsupported,
    DeviceFailed,
    OutOfMemory,
    Closed,
    Forked,
    Panic,
    InputOutput,
    QueueFull,
    ArenaFull,
    /// A status that this package does not know.
    Unknown,
};

pub fn check(status: c.trm_status) Error!void {
    return switch (status) {
        c.TRM_OK => {},
        c.TRM_QUEUE_FULL => Error.QueueFull,
        c.TRM_ARENA_FULL => Error.ArenaFull,
        c.TRM_ERR_NULL => Error.Null,
        c.TRM_ERR_INVALID => Error.Invalid,
        c.TRM_ERR_HANDLE => Error.BadHandle,
        c.TRM_ERR_RANGE => Error.OutOfRange,
        c.TRM_ERR_NO_RULES => Error.NoRules,
        c.TRM_ERR_TICKET => Error.BadTicket,
        c.TRM_ERR_BUFFER => Error.BufferTooSmall,
        c.TRM_ERR_PATTERN => Error.BadPattern,
        c.TRM_ERR_LIMIT => Error.OverLimit,
        c.TRM_ERR_FORMAT => Error.BadFormat,
        c.TRM_ERR_UNSUPPORTED => Error.Unsupported,
        c.TRM_ERR_DEVICE => Error.DeviceFailed,
        c.TRM_ERR_MEMORY => Error.OutOfMemory,
        c.TRM_ERR_CLOSED => Error.Closed,
        c.TRM_ERR_FORKED => Error.Forked,
        c.TRM_ERR_PANIC => Error.Panic,
        c.TRM_ERR_IO => Error.InputOutput,
        else => Error.Unknown,
    };
}

/// Why a call failed, for those who want more than the error's name.
pub const Detail = struct {
    raw: c.trm_error = empty(),

    fn empty() c.trm_error {
        var raw = std.mem.zeroes(c.trm_error);
        raw.struct_size = @sizeOf(c.trm_error);
        return raw;
    }

    /// The sentence; valid as long as the detail.
    pub fn message(detail: *const Detail) []const u8 {
        return std.mem.sliceTo(@as([]const u8, @ptrCast(&detail.raw.message)), 0);
    }

    /// Index of the pattern that is meant.
    pub fn pattern(detail: *const Detail) ?u32 {
        return if (detail.raw.pattern_index == std.math.maxInt(u32)) null else detail.raw.pattern_index;
    }
};

pub fn rawOf(detail: ?*Detail) ?*c.trm_error {
    return if (detail) |d| &d.raw else null;
}
