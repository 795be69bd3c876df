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

// All strings of a literal table.
fn strings(base: u32, text: Text, lane: u32, lanes: u32) -> bool {
    if tables[base + TABLE_SHORT + SHORT_STATES] != 0u && !short_literals(base, text, lane, lanes) { return false; }
    for (var g = 0u; g < tables[base + TABLE_GROUPS]; g++) {
        if !find_windows(base, base + TABLE_GROUP + g * GROUP_WORDS, text, lane, lanes) { return false; }
    }
    return true;
}

// Flags of the result: whether the host has to scan the item.
fn run_rules(kind: u32, base: u32, text: Text, lane: u32, lanes: u32) -> u32 {
    together = 0u;
    inner = 0u;
    maybe = false;
    kept_at = 0xffffffffu;
    rules_at = NONE;
    var whole = true;
    if kind == KIND_LITERAL {
        whole = strings(base, text, lane, lanes);
    } else {
        rules_at = base;
        let literals = tables[base + RULES_LITERALS_AT];
        if literals != NONE { whole = strings(base + literals, text, lane, lanes); }
        whole = whole && class_runs(text, lane, lanes);
        judge_borders(text, lane, lanes, true);
    }
    // As many rounds as all lanes' own loops could have taken one after the other.
    spent += together + worker_sum(inner, lane);
    return select(0u, RESULT_HOST, anyone(!whole || maybe || tired(), lane));
}

// Runs one item with all lanes of the worker. The result is the same in every lane.
fn run_item(item: Item, slot: u32, lane: u32, lanes: u32) -> u32 {
    let kind = set_kind(item.rules);
    if kind == KIND_EMPTY { return 0u; }
    record_base = slot * INLINE_RECORDS * RECORD_WORDS;
    if lane == 0u {
        atomicStore(&emitted, 0u);
        atomicStore(&bordering, 0u);
    }
    workgroupBarrier();
    var flags = RESULT_HOST;
    if kind == KIND_PROBE {
        flags = probe(item.offset, item.len, lane, lanes);
    } else if kind == KIND_LITERAL || kind == KIND_RULES {
        flags = run_rules(kind, set_tables(item.rules), Text(item.offset, item.len), lane, lanes);
    }
    workgroupBarrier();
    let count = atomicLoad(&emitted);
    workgroupBarrier();
    // What a loop that was cut off did not look at, the host has to.
    if count > INLINE_RECORDS || cut_off() { flags |= RESULT_HOST; }
    return min(count, RESULT_MAX >> 1u) | flags;
}
