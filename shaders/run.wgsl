// Running one item: its rule set's matcher, its records, its result.

struct Item {
    offset: u32,
    len: u32,
    rules: u32,
}

// Runs one item with all lanes of the worker. The result is the same in every lane.
fn run_item(item: Item, slot: u32, lane: u32, lanes: u32) -> u32 {
    let kind = set_kind(item.rules);
    if kind == KIND_EMPTY { return 0u; }
    record_base = slot * INLINE_RECORDS * RECORD_WORDS;
    if lane == 0u { atomicStore(&emitted, 0u); }
    workgroupBarrier();
    var flags = RESULT_HOST;
    if kind == KIND_PROBE {
        flags = probe(item.offset, item.len, lane, lanes);
    } else if kind == KIND_LITERAL {
        flags = literals(set_tables(item.rules), Text(item.offset, item.len), lane, lanes);
    }
    workgroupBarrier();
    let count = atomicLoad(&emitted);
    workgroupBarrier();
    if count > INLINE_RECORDS { flags |= RESULT_HOST; }
    return min(count, RESULT_MAX >> 1u) | flags;
}
