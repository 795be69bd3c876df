// What an occurrence of a string means, and the walks that judge it. src/rules/device.rs says where everything lies,
// src/rules/walk.rs how a walk works, src/rules/plan.rs what it proves.

const RULES_LITERALS_AT: u32 = 0u;
const RULES_USE_STARTS_AT: u32 = 1u;
const RULES_USES_AT: u32 = 2u;
const RULES_BRANCHES_AT: u32 = 3u;
const RULES_WALKS_AT: u32 = 4u;
const RULES_CLASSES_AT: u32 = 5u;
const RULES_ROWS_AT: u32 = 6u;
const RULES_RUNS_AT: u32 = 7u;
const RULES_RUNS: u32 = 8u;
const BRANCH_WORDS: u32 = 4u;
const BRANCH_BEFORE: u32 = 1u;
const BRANCH_AHEAD: u32 = 2u;
const BRANCH_FLAGS: u32 = 3u;
const BACK_FIRST: u32 = 4u;
const WALK_WORDS: u32 = 10u;
const WALK_CLASSES: u32 = 0u;
const WALK_ROWS: u32 = 1u;
const WALK_END_CLASS: u32 = 3u;
const WALK_STARTS: u32 = 4u;
const WALK_MATCH: u32 = 0x80000000u;
const NONE: u32 = 0xffffffffu;

// The rules that occurrences belong to; NONE: every occurrence is reported as it is.
var<private> rules_at: u32;
// Whether this lane had more borders than there is room for: the host scans the item.
var<private> maybe: bool;

fn start_kind(byte: u32) -> u32 {
    if byte == 10u { return 1u; }
    if byte == 13u { return 2u; }
    let letter = byte | 0x20u;
    if (letter >= 97u && letter <= 122u) || (byte >= 48u && byte <= 57u) || byte == 95u { return 3u; }
    return 4u;
}

// The next bytes of a walk, the first one lowest: those from `at` on, or those before it from the last one back. What lies
// beyond the item is anything.
fn ahead_of(text: Text, at: u32, back: bool) -> u32 {
    if !back { return inside_word(text, min(at, text.len)); }
    var word = inside_word(text, max(at, 4u) - 4u);
    if at < 4u { word = select(word << ((4u - at) * 8u), 0u, at == 0u); }
    word = (word >> 16u) | (word << 16u);
    return ((word >> 8u) & 0x00ff00ffu) | ((word & 0x00ff00ffu) << 8u);
}

fn class_of(classes: u32, byte: u32) -> u32 {
    return (tables[classes + (byte >> 2u)] >> ((byte & 3u) * 8u)) & 0xffu;
}

// A walk that takes so many rounds counts as one that comes to a match: the host goes on from there. One lane's walk through a
// text that is one long word would hold the worker for milliseconds.
const WALK_ROUNDS: u32 = 128u;

// Whether a walk from `at` on, or back from there, comes to a match. Four bytes a round: their classes don't depend on the
// walk's state, so that only one load a byte has to be waited for.
fn walk(index: u32, text: Text, at: u32, back: bool) -> bool {
    let w = rules_at + tables[rules_at + RULES_WALKS_AT] + index * WALK_WORDS;
    let classes = rules_at + tables[rules_at + RULES_CLASSES_AT] + (tables[w + WALK_CLASSES] >> 2u);
    let rows = rules_at + tables[rules_at + RULES_ROWS_AT] + tables[w + WALK_ROWS];
    let end_class = tables[w + WALK_END_CLASS];
    var kind = 0u;
    if back {
        if at < text.len { kind = start_kind(inside_word(text, at) & 0xffu); }
    } else if at > 0u {
        kind = start_kind(inside_word(text, at - 1u) & 0xffu);
    }
    var state = tables[w + WALK_STARTS + kind];
    var i = at;
    var left = select(text.len - at, at, back);
    var word = ahead_of(text, i, back);
    var rounds = 0u;
    while state != 0u {
        inner += 1u;
        rounds += 1u;
        if rounds > WALK_ROUNDS { return true; }
        let here = vec4(word, word >> 8u, word >> 16u, word >> 24u) & vec4(0xffu);
        var kinds = vec4(
            class_of(classes, here.x),
            class_of(classes, here.y),
            class_of(classes, here.z),
            class_of(classes, here.w),
        );
        // Behind the last byte comes the item's end.
        kinds = select(kinds, vec4(end_class), vec4(0u, 1u, 2u, 3u) >= vec4(left));
        i = select(i + 4u, i - min(i, 4u), back);
        word = ahead_of(text, i, back);
        state = tables[rows + state + kinds.x];
        if (state & WALK_MATCH) != 0u { return true; }
        if state == 0u || left == 0u { return false; }
        state = tables[rows + state + kinds.y];
        if (state & WALK_MATCH) != 0u { return true; }
        if state == 0u || left == 1u { return false; }
        state = tables[rows + state + kinds.z];
        if (state & WALK_MATCH) != 0u { return true; }
        if state == 0u || left == 2u { return false; }
        state = tables[rows + state + kinds.w];
        if (state & WALK_MATCH) != 0u { return true; }
        if left == 3u || tired() { return false; }
        left -= 4u;
    }
    return false;
}

// Borders that are still to be judged: (branch, offset). Walks differ in length, so one lane's must not hold up the
// search: they wait until there is one for every lane.
const BORDERS: u32 = 4u * LANES;
var<workgroup> borders: array<vec2<u32>, BORDERS>;
var<workgroup> bordering: atomic<u32>;

fn note_border(branch: u32, at: u32) {
    let i = atomicAdd(&bordering, 1u);
    if i < BORDERS {
        borders[i] = vec2(branch, at);
    } else {
        // More than there is room for: the host looks.
        maybe = true;
    }
}

// Whether a match leads through this border of this branch, as far as its walks can tell.
fn border(branch: u32, text: Text, at: u32) -> bool {
    let entry = table_quads[((rules_at + tables[rules_at + RULES_BRANCHES_AT]) >> 2u) + branch];
    let back_first = select(0u, 1u, (entry[BRANCH_FLAGS] & BACK_FIRST) != 0u);
    for (var i = 0u; i < 2u; i++) {
        let back = (i ^ back_first) == 1u;
        let index = select(entry[BRANCH_AHEAD], entry[BRANCH_BEFORE], back);
        if index != NONE && !walk(index, text, at, back) { return false; }
    }
    return true;
}

// Judges the borders that wait. One through which a match leads is a record: the host finds its ends, and looks at nothing else.
fn judge_borders(count: u32, text: Text, lane: u32, lanes: u32) {
    for (var i = lane; i < min(count, BORDERS); i += lanes) {
        inner += 1u;
        if border(borders[i].x, text, borders[i].y) {
            emit_border(borders[i].x, borders[i].y);
        }
    }
}

// A string of the tables stands from `start` to `end`.
fn occurrence(tag: u32, start: u32, end: u32) {
    if rules_at == NONE {
        emit(tag, start, end);
        return;
    }
    let starts = rules_at + tables[rules_at + RULES_USE_STARTS_AT] + tag;
    let uses = rules_at + tables[rules_at + RULES_USES_AT];
    var is_match = false;
    for (var i = tables[starts]; i < tables[starts + 1u]; i++) {
        inner += 1u;
        let meaning = tables[uses + i];
        if (meaning & 1u) == 0u { is_match = true; } else { note_border(meaning >> 1u, start); }
    }
    if is_match { emit(tag, start, end); }
}
