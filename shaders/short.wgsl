// Short literals: an automaton over every byte.

const SHORT_CLASSES_AT: u32 = 0u;
const SHORT_CLASSES: u32 = 1u;
const SHORT_NEXT_AT: u32 = 2u;
const SHORT_STATES: u32 = 3u;
const SHORT_FIRST_MATCH: u32 = 4u;
const SHORT_OUTS_AT: u32 = 5u;
const SHORT_OUT_AT: u32 = 6u;
const SHORT_MAX_LEN: u32 = 11u;

// Bytes of a lane's part that make a pass.
const SHORT_PASS: u32 = 64u;

// Where this lane's automaton is, in which state, and from where to where its part goes.
struct Short {
    state: u32,
    at: u32,
    first: u32,
    last: u32,
}

// A lane's part of the text; it starts early enough to know what came before.
fn short_part(short: u32, text: Text, lane: u32, lanes: u32) -> Short {
    let part = (end_of_part(text) - first_of_part() + lanes - 1u) / lanes;
    let first = min(first_of_part() + lane * part, end_of_part(text));
    let last = min(first + part, end_of_part(text));
    return Short(0u, first - min(first, tables[short + SHORT_MAX_LEN] - 1u), first, last);
}

// How many passes the longest part takes.
fn short_passes(short: u32, text: Text, lanes: u32) -> u32 {
    let part = (end_of_part(text) - first_of_part() + lanes - 1u) / lanes;
    return (part + tables[short + SHORT_MAX_LEN] - 1u + SHORT_PASS - 1u) / SHORT_PASS;
}

// The automaton over the next bytes of a lane's part.
fn short_pass(base: u32, text: Text, begin: Short) -> Short {
    let short = base + TABLE_SHORT;
    let classes = tables[short + SHORT_CLASSES];
    let first_match = tables[short + SHORT_FIRST_MATCH];
    var now = begin;
    let end = min(begin.at + SHORT_PASS, begin.last);
    loop {
        // On to the next match: there the lanes meet again, so that they report theirs together.
        var matched = 0u;
        while now.at < end && matched == 0u {
            let byte = next_byte(text, now.at);
            let class_word = tables[base + tables[short + SHORT_CLASSES_AT] + (byte >> 2u)];
            let index = now.state + ((class_word >> ((byte & 3u) * 8u)) & 0xffu);
            let pair = tables[base + tables[short + SHORT_NEXT_AT] + (index >> 1u)];
            now.state = (pair >> ((index & 1u) * 16u)) & 0xffffu;
            if now.state >= first_match && now.at >= now.first { matched = now.state; }
            now.at += 1u;
        }
        if matched == 0u { break; }
        let row = base + tables[short + SHORT_OUTS_AT] + (matched - first_match) / classes;
        for (var i = tables[row]; i < tables[row + 1u]; i++) {
            let out = base + tables[short + SHORT_OUT_AT] + i * 2u;
            occurrence(tables[out], now.at - tables[out + 1u], now.at);
            inner += 1u;
        }
        if tired() { break; }
    }
    return now;
}
