// Literals: from a window that passed the filter to the literals that stand there, exactly. The tables are those of
// src/rules/literal, where layout.rs says what each word means; the offsets below are checked against it by a test.
//
// A lane looks one window up, and each step waits for the one before: what a step may need is therefore loaded at once, a
// slot or an entry as a whole, and the next one along with it.

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

// What lookups need of a group.
struct Windows {
    base: u32,        // of the table
    window: u32,
    mask: u32,        // of a window's words
    high: u32,        // bytes from a window's first word to its last
    fold: u32,
    mul_low: u32,
    mul_high: u32,
    slots: u32,       // first quad
    slot_bits: u32,
    chain: u32,
    entries: u32,     // first quad
    bytes: u32,       // first word
}

fn windows_of(base: u32, group: u32) -> Windows {
    let window = tables[group + GROUP_WINDOW];
    var mask = 0xffffffffu;
    var high = 0u;
    if window < 4u { mask = (1u << (window * 8u)) - 1u; } else { high = window - 4u; }
    return Windows(
        base,
        window,
        mask,
        high,
        tables[base + TABLE_FOLD],
        tables[group + GROUP_MUL_LOW],
        tables[group + GROUP_MUL_HIGH],
        (base + tables[group + GROUP_SLOTS_AT]) >> 2u,
        tables[group + GROUP_SLOTS_LOG2],
        max(tables[group + GROUP_MAX_CHAIN], 1u),
        (base + tables[group + GROUP_ENTRIES_AT]) >> 2u,
        base + tables[base + TABLE_BYTES_AT],
    );
}

// Four bytes from `bytes` (0 to 4) behind the start of `low` on.
fn further(low: u32, high: u32, bytes: u32) -> u32 {
    if bytes == 0u { return low; }
    if bytes >= 4u { return high; }
    return (low >> (bytes * 8u)) | (high << (32u - bytes * 8u));
}

fn emit_tags(base: u32, entry: vec4<u32>, start: u32, end: u32) {
    if (entry.w & ENTRY_TAG_LIST) == 0u {
        occurrence(entry.y, start, end);
        return;
    }
    let list = base + tables[base + TABLE_TAGS_AT] + entry.y;
    let last = list + tables[list];
    for (var tag = list + 1u; tag <= last; tag++) {
        occurrence(tables[tag], start, end);
        inner += 1u;
    }
}

// Which bytes of sixteen are among the first `left`.
fn first_bytes(left: u32) -> vec4<u32> {
    let bytes = clamp(vec4(i32(min(left, 16u))) - vec4(0i, 4i, 8i, 12i), vec4(0i), vec4(4i));
    return select(vec4(0xffffffffu) >> vec4<u32>(vec4(32i) - max(bytes, vec4(1i)) * 8i), vec4(0u), bytes == vec4(0i));
}

// Whether the entry's bytes stand at `start`; their number, or 0xffffffff.
fn compare(w: Windows, entry: vec4<u32>, text: Text, start: u32) -> u32 {
    var record = w.bytes + entry.x;
    let len = tables[record];
    if len > text.len - start { return 0xffffffffu; }
    let caseless = (entry.w & ENTRY_CASELESS) != 0u;
    record += 1u;
    let last = record + ((max(len, 1u) - 1u) >> 2u);
    for (var at = 0u; at < len; at += 16u) {
        inner += 1u;
        // Not beyond the string: what lies there may be another set's before that set is loaded, and would be kept by a cache.
        let next = min(vec4(record) + vec4(0u, 1u, 2u, 3u), vec4(last));
        let wanted = vec4(tables[next.x], tables[next.y], tables[next.z], tables[next.w]);
        var found = sixteen_bytes(text, start + at);
        if caseless { found = lower(found); }
        if any(((found ^ wanted) & first_bytes(len - at)) != vec4(0u)) { return 0xffffffffu; }
        record += 4u;
    }
    return len;
}

fn entries(w: Windows, first: u32, count: u32, text: Text, at: u32) {
    var next = table_quads[w.entries + first];
    for (var i = 0u; i < count; i++) {
        inner += 1u;
        let entry = next;
        next = table_quads[w.entries + first + min(i + 1u, count - 1u)];
        let back = entry.w & 0xffu;
        if back > at { continue; }
        let start = at - back;
        var len = (entry.w >> 16u) & 0xfffu;
        if text.len - start < len { continue; }
        if (entry.w & ENTRY_NO_CHECK) == 0u {
            // The literal fits into the item, and the check word lies in the literal.
            let delta = bitcast<u32>(bitcast<i32>(entry.w << 16u) >> 24u);
            if (inside_word(text, at + delta) | w.fold) != entry.z { continue; }
        }
        if (entry.w & ENTRY_PROVEN) == 0u { len = compare(w, entry, text, start); }
        if len != 0xffffffffu { emit_tags(w.base, entry, start, start + len); }
    }
}

// A window that passed the filter: follow its chain of slots.
fn probe_window(w: Windows, text: Text, at: u32) {
    let address = text.offset + at;
    let shift = (address & 3u) * 8u;
    let a = arena_word(address >> 2u);
    let b = arena_word((address >> 2u) + 1u);
    let c = arena_word((address >> 2u) + 2u);
    var low = joined(a, b, shift) | w.fold;
    let high = further(low, joined(b, c, shift) | w.fold, w.high) & w.mask;
    low &= w.mask;
    var hash = low * w.mul_low + high * w.mul_high;
    hash ^= hash >> 15u;
    let home = (hash * SLOT_MUL) >> (32u - w.slot_bits);
    let mask = (1u << w.slot_bits) - 1u;
    var next = table_quads[w.slots + home];
    var after = table_quads[w.slots + ((home + 1u) & mask)];
    for (var step = 0u; step < w.chain; step++) {
        inner += 1u;
        let slot = next;
        next = after;
        let count = slot.w & ~CHAIN_MORE;
        if count != 0u && slot.x == low && slot.y == high {
            entries(w, slot.z, count, text, at);
            return;
        }
        if (slot.w & CHAIN_MORE) == 0u { return; }
        after = table_quads[w.slots + ((home + step + 2u) & mask)];
    }
}
