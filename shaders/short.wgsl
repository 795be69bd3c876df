// Short literals: an automaton over every byte.

const SHORT_CLASSES_AT: u32 = 0u;
const SHORT_CLASSES: u32 = 1u;
const SHORT_NEXT_AT: u32 = 2u;
const SHORT_STATES: u32 = 3u;
const SHORT_FIRST_MATCH: u32 = 4u;
const SHORT_OUTS_AT: u32 = 5u;
const SHORT_OUT_AT: u32 = 6u;
const SHORT_MAX_LEN: u32 = 11u;

// The short literals' automaton over this lane's part of the text; it starts early enough to know what came before.
fn short_literals(base: u32, text: Text, lane: u32, lanes: u32) -> bool {
    let short = base + TABLE_SHORT;
    let part = (text.len + lanes - 1u) / lanes;
    let warm = tables[short + SHORT_MAX_LEN] - 1u;
    if !affords(part + warm) { return false; }
    let first = min(lane * part, text.len);
    let last = min(first + part, text.len);
    let classes = tables[short + SHORT_CLASSES];
    let first_match = tables[short + SHORT_FIRST_MATCH];
    var state = 0u;
    for (var at = first - min(first, warm); at < last; at++) {
        let byte = next_byte(text, at);
        let class_word = tables[base + tables[short + SHORT_CLASSES_AT] + (byte >> 2u)];
        let index = state + ((class_word >> ((byte & 3u) * 8u)) & 0xffu);
        state = (tables[base + tables[short + SHORT_NEXT_AT] + (index >> 1u)] >> ((index & 1u) * 16u)) & 0xffffu;
        if state >= first_match && at >= first {
            let row = base + tables[short + SHORT_OUTS_AT] + (state - first_match) / classes;
            for (var i = tables[row]; i < tables[row + 1u]; i++) {
                let out = base + tables[short + SHORT_OUT_AT] + i * 2u;
                occurrence(tables[out], at + 1u - tables[out + 1u], at + 1u);
                inner += 1u;
            }
        }
        if tired() { break; }
    }
    return true;
}
