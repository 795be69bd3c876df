// Literals: from a window that passed the filter to the literals that stand there, exactly. The tables are those of
// src/rules/literal, where layout.rs says what each word means; the offsets below are checked against it by a test.

const TABLE_FOLD: u32 = 3u;
const TABLE_GROUPS: u32 = 7u;
const TABLE_BYTES_AT: u32 = 8u;
const TABLE_TAGS_AT: u32 = 10u;
const TABLE_SHORT: u32 = 12u;
const TABLE_GROUP: u32 = 24u;
const GROUP_WORDS: u32 = 16u;
const GROUP_WINDOW: u32 = 0u;
const GROUP_STRIDE: u32 = 1u;
const GROUP_FILTER_AT: u32 = 2u;
const GROUP_FILTER_LOG2: u32 = 3u;
const GROUP_SLOTS_AT: u32 = 4u;
const GROUP_SLOTS_LOG2: u32 = 5u;
const GROUP_ENTRIES_AT: u32 = 6u;
const GROUP_MAX_CHAIN: u32 = 8u;
const GROUP_MUL_LOW: u32 = 9u;
const GROUP_MUL_HIGH: u32 = 10u;
const SLOT_MUL: u32 = 0xC2B2AE35u;
const CHAIN_MORE: u32 = 0x80000000u;
const ENTRY_CASELESS: u32 = 0x10000000u;
const ENTRY_TAG_LIST: u32 = 0x20000000u;
const ENTRY_NO_CHECK: u32 = 0x40000000u;
const ENTRY_PROVEN: u32 = 0x80000000u;

fn emit_tags(base: u32, entry: u32, start: u32, end: u32) {
    // The entry's own tag, or the list that it names.
    var tag = entry + 1u;
    var last = tag;
    if (tables[entry + 3u] & ENTRY_TAG_LIST) != 0u {
        tag = base + tables[base + TABLE_TAGS_AT] + tables[tag];
        last = tag + tables[tag];
        tag += 1u;
    }
    for (; tag <= last; tag++) {
        occurrence(tables[tag], start, end);
        inner += 1u;
    }
}

// Whether the record's bytes stand at `start`; their number, or 0xffffffff.
fn compare(base: u32, entry: u32, text: Text, start: u32) -> u32 {
    let record = base + tables[base + TABLE_BYTES_AT] + tables[entry];
    let len = tables[record];
    if len > text.len - start { return 0xffffffffu; }
    let caseless = (tables[entry + 3u] & ENTRY_CASELESS) != 0u;
    for (var at = 0u; at < len; at += 4u) {
        inner += 1u;
        var word = text_word(text, start + at);
        if caseless { word = lower(word); }
        var different = word ^ tables[record + 1u + (at >> 2u)];
        if len - at < 4u { different &= 0xffffffffu >> ((4u - (len - at)) * 8u); }
        if different != 0u { return 0xffffffffu; }
    }
    return len;
}

fn entries(base: u32, group: u32, first: u32, count: u32, text: Text, at: u32) {
    let fold = tables[base + TABLE_FOLD];
    for (var i = 0u; i < count; i++) {
        inner += 1u;
        let entry = base + tables[group + GROUP_ENTRIES_AT] + (first + i) * 4u;
        let meta_word = tables[entry + 3u];
        let back = meta_word & 0xffu;
        if back > at { continue; }
        let start = at - back;
        if text.len - start < ((meta_word >> 16u) & 0xfffu) { continue; }
        if (meta_word & ENTRY_NO_CHECK) == 0u {
            let delta = bitcast<u32>(bitcast<i32>(meta_word << 16u) >> 24u);
            if (text_word(text, at + delta) | fold) != tables[entry + 2u] { continue; }
        }
        var len = (meta_word >> 16u) & 0xfffu;
        if (meta_word & ENTRY_PROVEN) == 0u { len = compare(base, entry, text, start); }
        if len != 0xffffffffu { emit_tags(base, entry, start, start + len); }
    }
}

// A window that passed the filter: follow its chain of slots.
fn look_up(base: u32, group: u32, low: u32, high: u32, hash: u32, text: Text, at: u32) {
    let bits = tables[group + GROUP_SLOTS_LOG2];
    let home = (hash * SLOT_MUL) >> (32u - bits);
    let mask = (1u << bits) - 1u;
    let chain = tables[group + GROUP_MAX_CHAIN];
    for (var step = 0u; step < max(chain, 1u); step++) {
        inner += 1u;
        let slot = base + tables[group + GROUP_SLOTS_AT] + ((home + step) & mask) * 4u;
        let count = tables[slot + 3u];
        if (count & ~CHAIN_MORE) != 0u && tables[slot] == low && tables[slot + 1u] == high {
            entries(base, group, tables[slot + 2u], count & ~CHAIN_MORE, text, at);
            return;
        }
        if (count & CHAIN_MORE) == 0u { return; }
    }
}

// All of a window's way: filter, slots, entries.
fn probe_window(base: u32, group: u32, text: Text, at: u32) {
    let fold = tables[base + TABLE_FOLD];
    let window = tables[group + GROUP_WINDOW];
    var low = text_word(text, at) | fold;
    var high = low;
    if window < 4u {
        low &= (1u << (window * 8u)) - 1u;
        high = low;
    } else if window > 4u {
        high = text_word(text, at + window - 4u) | fold;
    }
    var hash = low * tables[group + GROUP_MUL_LOW] + high * tables[group + GROUP_MUL_HIGH];
    hash ^= hash >> 15u;
    let word = tables[base + tables[group + GROUP_FILTER_AT] + (hash >> (32u - tables[group + GROUP_FILTER_LOG2]))];
    let bits = (0x80000000u >> (hash & 31u)) | (0x80000000u >> ((hash >> 5u) & 31u));
    if (word & bits) == bits { look_up(base, group, low, high, hash, text, at); }
}
