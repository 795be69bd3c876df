// The search of one item, in passes: a piece of the short literals' automaton, a queue's worth of windows, the class runs.
//
// Passes are where lanes meet. There is one loop for all kinds, since what stands in it twice is compiled twice, and where
// lanes meet is what software devices compile slowest.

const SEARCH_SHORT: u32 = 0u;
const SEARCH_WINDOWS: u32 = 1u;
const SEARCH_RUNS: u32 = 2u;
const SEARCH_LAST: u32 = 3u; // nothing but storing what was judged
const SEARCH_OVER: u32 = 4u;

// What a pass counts for: the loops in it, taken or not.
const PASS_ROUND: u32 = 12u;

// Searches the part of the item in hand. Flags of the result: whether the host has to scan the item, or to look at some of
// its borders.
fn search(kind: u32, base: u32, text: Text, lane: u32, lanes: u32) -> u32 {
    maybe = false;
    kept_at = 0xffffffffu;
    rules_at = NONE;
    var literals = base;
    if kind == KIND_RULES {
        rules_at = base;
        literals = tables[base + RULES_LITERALS_AT];
        if literals != NONE { literals += base; }
    }
    let behind_strings = select(SEARCH_RUNS, SEARCH_OVER, rules_at == NONE);
    var phase = SEARCH_SHORT;
    var passes = 0u;
    var group = 0u;
    var groups = 0u;
    var short: Short;
    var scan: Scan;
    var borders_before = 0u;
    var emitted_before = record_count;
    var whole = true;
    if literals == NONE {
        phase = SEARCH_RUNS;
    } else {
        groups = literals + TABLE_GROUP + tables[literals + TABLE_GROUPS] * GROUP_WORDS;
        group = literals + TABLE_GROUP - GROUP_WORDS;
        if tables[literals + TABLE_SHORT + SHORT_STATES] != 0u {
            short = short_part(literals + TABLE_SHORT, text, lane, lanes);
            passes = short_passes(literals + TABLE_SHORT, text, lanes);
            whole = affords(passes * SHORT_PASS);
        }
    }
    loop {
        if phase == SEARCH_SHORT && passes == 0u { phase = SEARCH_WINDOWS; }
        if phase == SEARCH_WINDOWS && queue_first == queue_end {
            loop {
                if scan.rounds == 0u && !scan.waits {
                    group += GROUP_WORDS;
                    if group >= groups { break; }
                    scan = scan_of(literals, group, text, lane, lanes);
                    whole = whole && affords(scan.rounds * FILTER_ROUND);
                }
                if !whole { break; }
                fill_queue(&scan, text, lane, lanes);
                if queue_first != queue_end { break; }
            }
            if queue_first == queue_end { phase = behind_strings; }
        }
        if phase == SEARCH_OVER || !whole { break; }
        // What was written to the queue, and what was said of the pass before, is seen by all lanes.
        workgroupBarrier();
        let begin = short;
        if phase == SEARCH_SHORT {
            short = short_pass(literals, text, short);
        } else if phase == SEARCH_WINDOWS {
            if lane < queue_end - queue_first {
                inner += 1u;
                probe_window(scan.w, text, queue[(queue_first + lane) & (QUEUE - 1u)]);
            }
        } else if phase == SEARCH_RUNS {
            whole = class_runs(text, lane, lanes);
        }
        workgroupBarrier();
        let count = atomicLoad(&emitted);
        let borders_now = atomicLoad(&bordering);
        let room = record_room;
        workgroupBarrier();
        if !records_lost { make_room(count, lane); }
        // What was written of chunks is seen by all lanes.
        workgroupBarrier();
        if count > room && count - record_count > STAGED && !records_lost {
            // There is room now for what did not fit.
            short = begin;
            if lane == 0u {
                atomicStore(&emitted, emitted_before);
                atomicStore(&bordering, borders_before);
            }
        } else {
            if !records_lost { store_staged(count, lane, lanes); }
            record_count = count;
            emitted_before = count;
            borders_before = borders_now;
            if borders_now >= lanes || (phase == SEARCH_RUNS && borders_now != 0u) {
                // What was stored is not needed any more.
                workgroupBarrier();
                judge_borders(borders_now, text, lane, lanes);
                borders_before = 0u;
                workgroupBarrier();
                if lane == 0u { atomicStore(&bordering, 0u); }
                // Their records are stored with those of the next pass, but they are not made again.
                emitted_before = atomicLoad(&emitted);
                records_lost = records_lost || emitted_before - count > STAGED;
            }
            if phase == SEARCH_SHORT { passes -= 1u; }
            if phase == SEARCH_WINDOWS {
                queue_first = min(queue_end - queue_first, lanes) + queue_first;
                if lane == 0u { atomicStore(&queue_taken, queue_end); }
            }
            if phase >= SEARCH_RUNS { phase += 1u; }
        }
        // An item that the host is to scan needs nothing more here.
        if anyone(maybe || tired(), lane) || !affords(PASS_ROUND) { whole = false; }
    }
    if !whole || records_lost { return RESULT_HOST; }
    return select(0u, RESULT_HOST | RESULT_BORDERS, atomicLoad(&with_borders) != 0u);
}
