// Runs of one byte class: n bytes in a row hold one of every n-th, so the lanes look at those alone.

const RUN_WORDS: u32 = 10u;
const RUN_MIN: u32 = 8u;
const RUN_BRANCH: u32 = 9u;

fn in_class(run: u32, text: Text, at: u32) -> bool {
    let byte = next_byte(text, at);
    return ((tables[run + (byte >> 5u)] >> (byte & 31u)) & 1u) != 0u;
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
        let first = first_of_part() / least;
        let probes = end_of_part(text) / least;
        if !affords((probes - first) / lanes + 1u) { return false; }
        let last = max(probes, 1u) * least - 1u;
        // Four at a time, so that their loads are on their way together.
        for (var i = first + lane; i < probes; i += 4u * lanes) {
            let at = vec4(least - 1u) + (vec4(i) + vec4(0u, 1u, 2u, 3u) * lanes) * least;
            let seen = min(at, vec4(last));
            let bytes = vec4(
                inside_word(text, seen.x),
                inside_word(text, seen.y),
                inside_word(text, seen.z),
                inside_word(text, seen.w),
            ) & vec4(0xffu);
            let table = vec4(run) + (bytes >> vec4(5u));
            let words = vec4(tables[table.x], tables[table.y], tables[table.z], tables[table.w]);
            let there = (((words >> (bytes & vec4(31u))) & vec4(1u)) != vec4(0u)) & (at <= vec4(last));
            if there.x { judge_run(run, text, at.x); }
            if there.y { judge_run(run, text, at.y); }
            if there.z { judge_run(run, text, at.z); }
            if there.w { judge_run(run, text, at.w); }
            if maybe || tired() { break; }
        }
    }
    return true;
}
