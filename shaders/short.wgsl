// Short literals: an automaton over every byte.
//
// A state says all about the last few bytes, as many as the longest of these literals has. So each lane starts anew that much
// before its sixteen bytes, and lanes read side by side, as the filter does. Where a literal ends goes into the queue of
// windows: reported on the way, one lane's matches would hold up the others with each byte. It loses where a window's filter
// would do as well: each byte is two loads of which the second waits for the one of the byte before.

const SHORT_CLASSES_AT: u32 = 0u;
const SHORT_CLASSES: u32 = 1u;
const SHORT_NEXT_AT: u32 = 2u;
const SHORT_STATES: u32 = 3u;
const SHORT_FIRST_MATCH: u32 = 4u;
const SHORT_OUTS_AT: u32 = 5u;
const SHORT_OUT_AT: u32 = 6u;
const SHORT_MAX_LEN: u32 = 11u;
// What a round of it counts for: the loop over a block's words.
const SHORT_ROUND: u32 = 20u;

// What the automaton needs.
struct Short {
    at: u32,          // its header
    classes: u32,     // first word
    next: u32,        // first word
    first_match: u32,
    before: u32,      // bytes that decide a state besides the last one
}

fn short_of(base: u32) -> Short {
    let at = base + TABLE_SHORT;
    return Short(
        at,
        base + tables[at + SHORT_CLASSES_AT],
        base + tables[at + SHORT_NEXT_AT],
        tables[at + SHORT_FIRST_MATCH],
        tables[at + SHORT_MAX_LEN] - 1u,
    );
}

fn short_classes(s: Short, bytes: vec4<u32>) -> vec4<u32> {
    let at = vec4(s.classes) + (bytes >> vec4(2u));
    return (vec4(tables[at.x], tables[at.y], tables[at.z], tables[at.w]) >> ((bytes & vec4(3u)) * 8u)) & vec4(0xffu);
}

fn short_next(s: Short, state: u32, class_number: u32) -> u32 {
    let index = state + class_number;
    return (tables[s.next + (index >> 1u)] >> ((index & 1u) * 16u)) & 0xffffu;
}

// Which of the 16 bytes from `begin` on end a short literal, of those up to `last`; `before` are the 16 bytes before them.
fn short_ends(s: Short, text: Text, last: u32, begin: u32, before: vec4<u32>, these: vec4<u32>) -> u32 {
    if begin > last { return 0u; }
    // Whole words of those before; what is looked at too early does no harm, but for what lies before the item.
    let words = (s.before + 3u) >> 2u;
    var state = 0u;
    var ends = 0u;
    for (var j = 4u - words; j < 8u; j++) {
        let quad = select(before, these, vec4(j >= 4u));
        let pair = select(quad.xy, quad.zw, vec2((j & 2u) != 0u));
        let word = select(pair.x, pair.y, (j & 1u) != 0u);
        let kinds = short_classes(s, vec4(word, word >> 8u, word >> 16u, word >> 24u) & vec4(0xffu));
        // How far into the item; below zero: before it, or even before the arena.
        let at = i32(begin + j * 4u - 16u - text.offset);
        state = select(0u, short_next(s, state, kinds.x), at >= 0i);
        ends |= select(0u, 1u, state >= s.first_match) << (j * 4u);
        state = select(0u, short_next(s, state, kinds.y), at >= -1i);
        ends |= select(0u, 2u, state >= s.first_match) << (j * 4u);
        state = select(0u, short_next(s, state, kinds.z), at >= -2i);
        ends |= select(0u, 4u, state >= s.first_match) << (j * 4u);
        state = select(0u, short_next(s, state, kinds.w), at >= -3i);
        ends |= select(0u, 8u, state >= s.first_match) << (j * 4u);
    }
    return (ends >> 16u) & (0xffffu >> (15u - min(last - begin, 15u)));
}

// The short literals that end with the byte at `at`.
fn report_short(s: Short, base: u32, text: Text, at: u32) {
    var state = 0u;
    for (var i = at - min(at, s.before); i <= at; i++) {
        let byte = next_byte(text, i);
        state = short_next(s, state, (tables[s.classes + (byte >> 2u)] >> ((byte & 3u) * 8u)) & 0xffu);
    }
    if state < s.first_match { return; }
    let row = base + tables[s.at + SHORT_OUTS_AT] + (state - s.first_match) / tables[s.at + SHORT_CLASSES];
    for (var i = tables[row]; i < tables[row + 1u]; i++) {
        let out = base + tables[s.at + SHORT_OUT_AT] + i * 2u;
        occurrence(tables[out], at + 1u - tables[out + 1u], at + 1u);
        inner += 1u;
    }
}
