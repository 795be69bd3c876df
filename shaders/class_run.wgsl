// Runs of one byte class: n bytes in a row hold one of every n-th, so the lanes look at those alone.

const RUN_WORDS: u32 = 10u;
const RUN_MIN: u32 = 8u;
const RUN_BRANCH: u32 = 9u;

fn in_class(run: u32, text: Text, at: u32) -> bool {
    let byte = next_byte(text, at);
    return ((tables[run + (byte >> 5u)] >> (byte & 31u)) & 1u) != 0u;
}

// Of each of four bytes whether it is in the class: 1 or 0.
fn in_class_each(run: u32, bytes: vec4<u32>) -> vec4<u32> {
    let at = vec4(run) + (bytes >> vec4(5u));
    let words = vec4(tables[at.x], tables[at.y], tables[at.z], tables[at.w]);
    return (words >> (bytes & vec4(31u))) & vec4(1u);
}

// Of each of four words whether its upper three bytes are in the class: 1 or 0.
fn rest_in_class(run: u32, words: vec4<u32>) -> vec4<u32> {
    return in_class_each(run, (words >> vec4(8u)) & vec4(0xffu))
        & in_class_each(run, (words >> vec4(16u)) & vec4(0xffu))
        & in_class_each(run, words >> vec4(24u));
}

// The run that holds the probed byte, unless the probe before lies in it too: then that one's lane sees to it.
fn judge_run(run: u32, text: Text, probe: u32) {
    let least = tables[run + RUN_MIN];
    var start = probe;
    while start > 0u && in_class(run, text, start - 1u) {
        inner += 1u;
        start -= 1u;
        if probe - start == least || tired() { return; }
    }
    // `last` is the last byte of `least` in a row that begin at `start`.
    var last = start + least - 1u;
    for (var at = probe; at < min(last, text.len); at++) {
        inner += 1u;
        if !in_class(run, text, at) || tired() { return; }
    }
    while last < text.len && !maybe && !tired() && in_class(run, text, last) {
        inner += 1u;
        note_border(tables[run + RUN_BRANCH], start);
        start += 1u;
        last += 1u;
    }
}

fn class_runs(text: Text, lane: u32, lanes: u32) -> bool {
    for (var r = 0u; r < tables[rules_at + RULES_RUNS]; r++) {
        let run = rules_at + tables[rules_at + RULES_RUNS_AT] + r * RUN_WORDS;
        let least = tables[run + RUN_MIN];
        // Probe i is byte (i + 1) * least - 1.
        let first = part_begin / least;
        let probes = part_end / least;
        if !affords((probes - first) / lanes + 1u) { return false; }
        let last = max(probes, 1u) * least - 1u;
        // Four at a time, so that their loads are on their way together.
        for (var i = first + lane; i < probes; i += 4u * lanes) {
            let at = vec4(least - 1u) + (vec4(i) + vec4(0u, 1u, 2u, 3u) * lanes) * least;
            let seen = min(at, vec4(last));
            let words = vec4(
                inside_word(text, seen.x),
                inside_word(text, seen.y),
                inside_word(text, seen.z),
                inside_word(text, seen.w),
            );
            var there = in_class_each(run, words & vec4(0xffu)) & select(vec4(0u), vec4(1u), at <= vec4(last));
            if all(there == vec4(0u)) { continue; }
            if least >= 7u {
                // A run of seven bytes or more holds also the three behind the probed one or the three before.
                let behind = rest_in_class(run, words) & select(vec4(0u), vec4(1u), seen + vec4(3u) < vec4(text.len));
                let before = rest_in_class(run, vec4(
                    inside_word(text, seen.x - 4u),
                    inside_word(text, seen.y - 4u),
                    inside_word(text, seen.z - 4u),
                    inside_word(text, seen.w - 4u),
                ));
                there &= behind | before;
            }
            var left = there.x | (there.y << 1u) | (there.z << 2u) | (there.w << 3u);
            while left != 0u && !maybe && !tired() {
                judge_run(run, text, least - 1u + (i + firstTrailingBit(left) * lanes) * least);
                left &= left - 1u;
            }
            if maybe || tired() { break; }
        }
    }
    return true;
}
