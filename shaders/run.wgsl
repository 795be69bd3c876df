// Running one item: its rule set's matcher, its records, its result.

struct Item {
    offset: u32,
    len: u32,
    rules: u32,
}

// Rounds of the loop in `cut_off`: 2, but the compiler must not know.
var<private> cut_bound: u32;

// Whether this device ends loops early by now. Software Vulkan allows an invocation some ten thousand rounds of all its
// loops together, counting loops in branches that are not taken, and then lets every loop end after one round, without
// a word. A loop of two rounds tells.
fn cut_off() -> bool {
    var rounds = 0u;
    loop {
        if rounds >= cut_bound { break; }
        rounds += 1u;
    }
    return rounds < cut_bound;
}

// Whether some matcher looks for the set's rules, so that an item may be searched in parts.
fn is_searched(kind: u32) -> bool {
    return kind == KIND_LITERAL || kind == KIND_RULES;
}

// Begins an item, or a part of one that is another worker's, of so many bytes, with all lanes. `salt` is another one for each
// item of a slot. Lanes meet here.
fn begin_item(len: u32, slot: u32, salt: u32, lane: u32) {
    begin_records(slot, salt, lane);
    begin_effort(len);
    queue_first = 0u;
    queue_end = 0u;
    if lane == 0u {
        atomicStore(&bordering, 0u);
        atomicStore(&queue_taken, 0u);
    }
    workgroupBarrier();
}

// Runs the part of the item in hand. Flags of its result, the same in every lane.
fn run_part(item: Item, kind: u32, lane: u32, lanes: u32) -> u32 {
    var flags = RESULT_HOST;
    if kind == KIND_PROBE {
        flags = probe(item.offset, item.len, lane, lanes);
    } else if is_searched(kind) {
        flags = search(kind, set_tables(item.rules), Text(item.offset, item.len), lane, lanes);
    }
    // What a loop that was cut off did not look at, the host has to.
    if cut_off() { flags = RESULT_HOST; }
    return flags;
}

// The flags of two parts of an item: where the host scans it, other parts say nothing more.
fn both(a: u32, b: u32) -> u32 {
    if a == RESULT_HOST || b == RESULT_HOST { return RESULT_HOST; }
    return a | b;
}

// Ends the item in hand; its result, the same in every lane.
fn end_item(item: Item, flags_of_parts: u32, lane: u32, lanes: u32) -> u32 {
    end_effort(lane);
    var flags = flags_of_parts;
    var count = record_count;
    if flags != 0u {
        if (flags & RESULT_BORDERS) == 0u { count = 0u; }
        var sent = 0u;
        if !cut_off() { sent = send_text(Text(item.offset, item.len), count, lane, lanes); }
        if sent != 0u && !cut_off() {
            count += sent;
            flags |= RESULT_TEXT;
        }
    }
    return count | (chunk_count << RESULT_CHUNKS) | flags;
}

// Runs one item with all lanes of the worker. The result is the same in every lane.
fn run_item(item: Item, slot: u32, salt: u32, lane: u32, lanes: u32) -> u32 {
    let kind = set_kind(item.rules);
    if kind == KIND_EMPTY { return 0u; }
    begin_item(item.len, slot, salt, lane);
    let flags = run_part(item, kind, lane, lanes);
    return end_item(item, flags, lane, lanes);
}
