//! Scans many small pieces of bytes for many patterns at once, through libtrommel.
//!
//! Every function takes the `Api`: `&Api.linked` where the library is linked, `&library.api` where `Library.open` found
//! it at run time.

const std = @import("std");
const api_file = @import("api.zig");
const status_file = @import("status.zig");

pub const c = api_file.c;
pub const Api = api_file.Api;
pub const Library = api_file.Library;
pub const Error = status_file.Error;
pub const Detail = status_file.Detail;
const check = status_file.check;
const rawOf = status_file.rawOf;

pub const Match = c.trm_match;
pub const Completion = c.trm_completion;
pub const Item = c.trm_work_item;
pub const Text = c.trm_text;

/// Makes waiting calls wait as long as it takes.
pub const forever: i64 = -1;

/// A literal or a regular expression; flags are `c.TRM_PATTERN_*`. The bytes are read during `compile` only.
pub fn pattern(bytes: []const u8, id: u32, flags: u32) c.trm_pattern {
    return .{ .bytes = bytes.ptr, .len = bytes.len, .id = id, .flags = flags };
}

/// A text for `Engine.submitBatch`.
pub fn text(bytes: []const u8, set: u32, correlation: u32) Text {
    return .{ .bytes = bytes.ptr, .len = @intCast(bytes.len), .rule_set_id = set, .correlation = correlation, .reserved = 0 };
}

/// Compiled patterns: immutable, for any number of threads and engines.
pub const Rules = struct {
    api: *const Api,
    handle: *c.trm_rules,

    pub const Options = struct {
        semantics: u32 = 0,
        threads: u32 = 0,
        max_memory: u64 = 0,
    };

    pub fn compile(api: *const Api, patterns: []const c.trm_pattern, options: Options, detail: ?*Detail) Error!Rules {
        if (!api.matches()) return Error.Unsupported;
        var raw = std.mem.zeroes(c.trm_compile_options);
        raw.struct_size = @sizeOf(c.trm_compile_options);
        raw.semantics = options.semantics;
        raw.threads = options.threads;
        raw.max_memory = options.max_memory;
        var handle: ?*c.trm_rules = null;
        try check(api.trm_rules_compile(
            patterns.ptr,
            @sizeOf(c.trm_pattern),
            patterns.len,
            &raw,
            &handle,
            rawOf(detail),
            if (detail == null) 0 else 1,
            null,
        ));
        return .{ .api = api, .handle = handle.? };
    }

    pub fn deinit(rules: Rules) void {
        rules.api.trm_rules_destroy(rules.handle);
    }

    /// The matches in `bytes`, sorted by (end, start, rule id), written to `room`. BufferTooSmall: `count` has how many
    /// there are.
    pub fn scan(rules: Rules, bytes: []const u8, room: []Match, count: *usize) Error![]Match {
        try check(rules.api.trm_rules_scan(rules.handle, bytes.ptr, bytes.len, room.ptr, room.len, count, null));
        return room[0..count.*];
    }
};

/// Takes scan jobs and gives their matches. Any number of threads may use one; those that want only their own answers
/// each `attach` a handle.
pub const Engine = struct {
    api: *const Api,
    handle: *c.trm_engine,

    /// The defaults of the library, to be changed and passed to `create`.
    pub fn defaults(api: *const Api) Error!c.trm_options {
        if (!api.matches()) return Error.Unsupported;
        var options = std.mem.zeroes(c.trm_options);
        try check(api.trm_options_init(&options, @sizeOf(c.trm_options)));
        return options;
    }

    /// `options` may be null: the defaults.
    pub fn create(api: *const Api, options: ?*const c.trm_options, detail: ?*Detail) Error!Engine {
        if (!api.matches()) return Error.Unsupported;
        var handle: ?*c.trm_engine = null;
        try check(api.trm_engine_create(options, &handle, rawOf(detail)));
        return .{ .api = api, .handle = handle.? };
    }

    pub fn attach(engine: Engine) Error!Engine {
        var handle: ?*c.trm_engine = null;
        try check(engine.api.trm_engine_attach(engine.handle, &handle, null));
        return .{ .api = engine.api, .handle = handle.? };
    }

    /// Ends the handle. Answers that were not collected are dropped.
    pub fn deinit(engine: Engine) void {
        engine.api.trm_engine_destroy(engine.handle);
    }

    pub fn load(engine: Engine, set: u32, rules: Rules) Error!void {
        try check(engine.api.trm_engine_load_rules(engine.handle, set, rules.handle, null));
    }

    pub fn unload(engine: Engine, set: u32) Error!void {
        try check(engine.api.trm_engine_unload_rules(engine.handle, set));
    }

    pub fn inFlight(engine: Engine) u64 {
        return engine.api.trm_engine_in_flight(engine.handle);
    }

    /// As `Rules.scan`, with the engine's working memory.
    pub fn scan(engine: Engine, set: u32, bytes: []const u8, room: []Match, count: *usize) Error![]Match {
        try check(engine.api.trm_scan(engine.handle, set, bytes.ptr, bytes.len, room.ptr, room.len, count, null));
        return room[0..count.*];
    }

    /// Takes a copy of `bytes` as one item; its ticket. QueueFull and ArenaFull: collect, then try again.
    pub fn submit(engine: Engine, set: u32, correlation: u32, bytes: []const u8) Error!u64 {
        if (bytes.len > std.math.maxInt(u32)) return Error.OutOfRange;
        var ticket: c.trm_ticket = 0;
        try check(engine.api.trm_submit(engine.handle, bytes.ptr, @intCast(bytes.len), set, correlation, &ticket));
        return ticket;
    }

    /// Takes copies of texts, all or the first ones that fit, each an item; how many. `text` makes one.
    pub fn submitBatch(engine: Engine, texts: []const Text) Error!usize {
        var accepted: usize = 0;
        try check(engine.api.trm_submit_batch(engine.handle, texts.ptr, texts.len, null, &accepted));
        return accepted;
    }

    /// Memory of the engine to write input into, so that nothing is copied. Release it when its items are done.
    pub fn acquire(engine: Engine, len: u32, timeout_ns: i64) Error!Region {
        var raw = std.mem.zeroes(c.trm_region);
        const status = engine.api.trm_input_acquire(engine.handle, len, timeout_ns, &raw);
        try check(status);
        return .{ .engine = engine, .offset = raw.input_offset, .bytes = @as([*]u8, @ptrCast(raw.bytes.?))[0..len] };
    }

    /// Takes items in, all or the first ones that fit; how many.
    pub fn enqueue(engine: Engine, items: []const Item) Error!usize {
        var accepted: usize = 0;
        try check(engine.api.trm_enqueue_batch(engine.handle, items.ptr, items.len, null, &accepted));
        return accepted;
    }

    /// What one `collect` took. A match's `item` is an index into `items`.
    pub const Batch = struct { items: []Completion, matches: []Match };

    /// Finished items, as many as fit, waiting for the first. Empty: nothing in that time. BufferTooSmall: the next item
    /// has more matches than `matches` has room for; nothing was taken.
    pub fn collect(engine: Engine, timeout_ns: i64, items: []Completion, matches: []Match) Error!Batch {
        var count: usize = 0;
        var found: usize = 0;
        const status = engine.api.trm_collect(
            engine.handle,
            timeout_ns,
            items.ptr,
            items.len,
            &count,
            matches.ptr,
            matches.len,
            &found,
        );
        if (status == c.TRM_EMPTY or status == c.TRM_TIMEOUT) return .{ .items = items[0..0], .matches = matches[0..0] };
        try check(status);
        return .{ .items = items[0..count], .matches = matches[0..found] };
    }

    /// Takes no new work and waits for what was accepted; false: the time was up first.
    pub fn close(engine: Engine, timeout_ns: i64) Error!bool {
        const status = engine.api.trm_engine_close(engine.handle, timeout_ns);
        if (status == c.TRM_TIMEOUT) return false;
        try check(status);
        return true;
    }
};

/// A piece of the engine's memory.
pub const Region = struct {
    engine: Engine,
    offset: u32,
    bytes: []u8,

    /// An item of bytes `from..to` of the region.
    pub fn item(region: Region, from: u32, to: u32, set: u32, correlation: u32) Item {
        std.debug.assert(from <= to and to <= region.bytes.len);
        return .{
            .input_offset = region.offset + from,
            .input_len = to - from,
            .rule_set_id = set,
            .correlation = correlation,
        };
    }

    pub fn release(region: Region) Error!void {
        try check(region.engine.api.trm_input_release(region.engine.handle, region.offset));
    }
};
