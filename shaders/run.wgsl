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

// Runs one item with all lanes of the worker. `salt` is another one for each item of a slot. The result is the same in every
// lane.
fn run_item(item: Item, slot: u32, salt: u32, lane: u32, lanes: u32) -> u32 {
    let kind = set_kind(item.rules);
    if kind == KIND_EMPTY { return 0u; }
    begin_records(slot, salt, lane);
    if lane == 0u {
        atomicStore(&bordering, 0u);
        atomicStore(&queue_taken, 0u);
    }
    workgroupBarrier();
    var flags = RESULT_HOST;
    if kind == KIND_PROBE {
        flags = probe(item.offset, item.len, lane, lanes);
    } else if kind == KIND_LITERAL || kind == KIND_RULES {
        flags = search(kind, set_tables(item.rules), Text(item.offset, item.len), lane, lanes);
    }
    // What a loop that was cut off did not look at, the host has to.
    if cut_off() { flags = RESULT_HOST; }
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
