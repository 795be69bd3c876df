const std = @import("std");
const t = @import("trommel");
const options = @import("test_options");
const expect = std.testing.expect;

const text = "a fox met another FOX at 10:42";

fn foxAndTime(api: *const t.Api) !t.Rules {
    const patterns = [_]@TypeOf(t.pattern("", 0, 0)){
        t.pattern("fox", 7, t.c.TRM_PATTERN_LITERAL | t.c.TRM_PATTERN_CASELESS),
        t.pattern("[0-9]+:[0-9]+", 8, 0),
    };
    return t.Rules.compile(api, &patterns, .{}, null);
}

fn cpuEngine(api: *const t.Api, ring: u32) !t.Engine {
    var choice = try t.Engine.defaults(api);
    choice.processor = t.c.TRM_PROCESSOR_CPU;
    choice.ring_size = ring;
    const engine = try t.Engine.create(api, &choice, null);
    errdefer engine.deinit();
    const rules = try foxAndTime(api);
    defer rules.deinit();
    try engine.load(0, rules);
    return engine;
}

fn expectWanted(matches: []const t.Match) !void {
    const wanted = [_][3]u64{ .{ 2, 5, 7 }, .{ 18, 21, 7 }, .{ 25, 30, 8 } };
    try expect(matches.len == wanted.len);
    for (matches, wanted) |m, w| try expect(m.start == w[0] and m.end == w[1] and m.rule_id == w[2]);
}

fn oneText(api: *const t.Api) !void {
    const rules = try foxAndTime(api);
    defer rules.deinit();
    const engine = try cpuEngine(api, 64);
    defer engine.deinit();
    var room: [8]t.Match = undefined;
    var count: usize = 0;
    try expectWanted(try rules.scan(text, &room, &count));
    try expectWanted(try engine.scan(0, text, &room, &count));
    try expect((try engine.scan(0, "", &room, &count)).len == 0);
    try std.testing.expectError(t.Error.BufferTooSmall, engine.scan(0, text, room[0..2], &count));
    try expect(count == 3);
    try std.testing.expectError(t.Error.NoRules, engine.scan(5, text, &room, &count));
}

// A ring that is far too small; every item is seen once.
fn stream(api: *const t.Api) !void {
    const engine = try cpuEngine(api, 16);
    defer engine.deinit();
    var seen = std.mem.zeroes([2000]bool);
    var items: [64]t.Completion = undefined;
    var matches: [256]t.Match = undefined;
    var next: u32 = 0;
    var left: usize = seen.len;
    while (left > 0) {
        while (next < seen.len) : (next += 1) {
            _ = engine.submit(0, next, if (next % 3 == 0) "" else text) catch |err| switch (err) {
                t.Error.QueueFull, t.Error.ArenaFull => break,
                else => return err,
            };
        }
        const batch = try engine.collect(t.forever, &items, &matches);
        for (batch.items) |item| {
            const found = batch.matches[item.first_match..][0..@intCast(item.match_count)];
            try expect(!seen[item.correlation] and item.status == t.c.TRM_OK);
            if (item.correlation % 3 == 0) try expect(found.len == 0) else try expectWanted(found);
            seen[item.correlation] = true;
            left -= 1;
        }
    }
    try expect(engine.inFlight() == 0);
}

// More than the ring takes at once.
fn manyTexts(api: *const t.Api) !void {
    const engine = try cpuEngine(api, 16);
    defer engine.deinit();
    var texts: [40]t.Text = undefined;
    for (&texts, 0..) |*one, n| one.* = t.text(if (n % 2 == 0) text else "", 0, @intCast(n));
    var items: [16]t.Completion = undefined;
    var matches: [64]t.Match = undefined;
    var taken: usize = 0;
    var done: usize = 0;
    while (done < texts.len) {
        if (taken < texts.len) taken += engine.submitBatch(texts[taken..]) catch |err| switch (err) {
            t.Error.QueueFull, t.Error.ArenaFull => 0,
            else => return err,
        };
        for ((try engine.collect(t.forever, &items, &matches)).items) |item| {
            try expect(item.match_count == if (item.correlation % 2 == 0) @as(u64, 3) else 0);
            done += 1;
        }
    }
    try expect(taken == texts.len and engine.inFlight() == 0);
}

fn withoutCopies(api: *const t.Api) !void {
    const engine = try cpuEngine(api, 16);
    defer engine.deinit();
    const region = try engine.acquire(2 * text.len, 0);
    @memcpy(region.bytes[0..text.len], text);
    @memcpy(region.bytes[text.len..], text);
    const work = [_]t.Item{ region.item(0, text.len, 0, 1), region.item(text.len, 2 * text.len, 0, 2) };
    try expect(try engine.enqueue(&work) == 2);
    try expect(try engine.close(t.forever));
    var items: [2]t.Completion = undefined;
    var matches: [8]t.Match = undefined;
    const batch = try engine.collect(0, &items, &matches);
    try expect(batch.items.len == 2 and batch.matches.len == 6);
    try expectWanted(batch.matches[0..3]);
    try expectWanted(batch.matches[3..6]);
    try region.release();
    try std.testing.expectError(t.Error.Closed, engine.enqueue(&work));
    try std.testing.expectError(t.Error.Closed, engine.collect(0, &items, &matches));
}

fn reasons(api: *const t.Api) !void {
    var detail: t.Detail = .{};
    const patterns = [_]@TypeOf(t.pattern("", 0, 0)){ t.pattern("fine", 1, 0), t.pattern("a(", 2, 0) };
    try std.testing.expectError(t.Error.BadPattern, t.Rules.compile(api, &patterns, .{}, &detail));
    try expect(detail.pattern().? == 1 and detail.message().len > 0);
}

fn everything(api: *const t.Api) !void {
    try oneText(api);
    try stream(api);
    try manyTexts(api);
    try withoutCopies(api);
    try reasons(api);
}

test "linked" {
    if (options.linked) try everything(&t.Api.linked);
}

test "opened at run time, closed, and opened again" {
    for (0..3) |_| {
        var library = try t.Library.open(options.library);
        defer library.close();
        try everything(&library.api);
    }
    try std.testing.expectError(error.FileNotFound, t.Library.open("/nowhere/libtrommel.so.0"));
}
