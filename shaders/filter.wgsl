// The filter of long literals: which windows of the text may exist in a group's table.
//
// A lane reads 16 aligned bytes and the 16 behind them, and has all words of its 16 starts in registers: each start
// costs shifts, one hash and one filter word. The few starts that pass go into a queue, and once there is one for every
// lane, all lanes look theirs up together: looked up at once, one lane's chain of dependent loads would stall the rest.

const QUEUE: u32 = 8u * LANES;
var<workgroup> queue: array<u32, QUEUE>;
// Entries in the queue; the same in every lane.
var<private> queued: u32;

// What a round here counts for: the loops in it, taken or not.
const FILTER_ROUND: u32 = 4u;

struct Filter {
    at: u32,         // first word
    shift: u32,      // of a hash, to the word's number
    mul_low: u32,
    mul_high: u32,
    mask: u32,       // of a window's words
    high: u32,       // bytes from a window's first word to its last
    fold: u32,
}

fn filter_of(base: u32, group: u32) -> Filter {
    let window = tables[group + GROUP_WINDOW];
    var mask = 0xffffffffu;
    var high = 0u;
    if window < 4u { mask = (1u << (window * 8u)) - 1u; } else { high = window - 4u; }
    return Filter(
        base + tables[group + GROUP_FILTER_AT],
        32u - tables[group + GROUP_FILTER_LOG2],
        tables[group + GROUP_MUL_LOW],
        tables[group + GROUP_MUL_HIGH],
        mask,
        high,
        tables[base + TABLE_FOLD],
    );
}

// Four bytes from `bytes` (0 to 4) behind the start of `low` on.
fn further(low: u32, high: u32, bytes: u32) -> u32 {
    if bytes == 0u { return low; }
    if bytes >= 4u { return high; }
    return (low >> (bytes * 8u)) | (high << (32u - bytes * 8u));
}

// 1 if the window may exist.
fn passes(f: Filter, low: u32, high: u32) -> u32 {
    var hash = (low & f.mask) * f.mul_low + (high & f.mask) * f.mul_high;
    hash ^= hash >> 15u;
    let word = tables[f.at + (hash >> f.shift)];
    return ((word << (hash & 31u)) & (word << ((hash >> 5u) & 31u))) >> 31u;
}

// Which of the four starts in word `a` pass. `b` follows it; `c` and `d` are the same for the windows' last words.
fn four(f: Filter, a: u32, b: u32, c: u32, d: u32, wanted: u32) -> u32 {
    var mask = 0u;
    if (wanted & 1u) != 0u { mask = passes(f, a, c); }
    if (wanted & 2u) != 0u { mask |= passes(f, (a >> 8u) | (b << 24u), (c >> 8u) | (d << 24u)) << 1u; }
    if (wanted & 4u) != 0u { mask |= passes(f, (a >> 16u) | (b << 16u), (c >> 16u) | (d << 16u)) << 2u; }
    if (wanted & 8u) != 0u { mask |= passes(f, (a >> 24u) | (b << 8u), (c >> 24u) | (d << 8u)) << 3u; }
    return mask;
}

// Which of the 16 starts in these bytes pass; of the 16 bytes behind them only the first 8 count.
fn sixteen(f: Filter, these: vec4<u32>, behind: vec4<u32>, wanted: u32) -> u32 {
    let a = these | vec4(f.fold);
    let b = behind.xy | vec2(f.fold);
    let h0 = further(a.x, a.y, f.high);
    let h1 = further(a.y, a.z, f.high);
    let h2 = further(a.z, a.w, f.high);
    let h3 = further(a.w, b.x, f.high);
    let h4 = further(b.x, b.y, f.high);
    return four(f, a.x, a.y, h0, h1, wanted)
        | (four(f, a.y, a.z, h1, h2, wanted >> 4u) << 4u)
        | (four(f, a.z, a.w, h2, h3, wanted >> 8u) << 8u)
        | (four(f, a.w, b.x, h3, h4, wanted >> 12u) << 12u);
}

// Which of 16 starts are probed, of which the first lies `ahead` bytes from a start that is.
fn every(stride: u32, ahead: u32) -> u32 {
    switch stride {
        case 1u: { return 0xffffu; }
        case 2u: { return 0x5555u << (ahead & 1u); }
        case 4u: { return 0x1111u << ((0u - ahead) & 3u); }
        default: { return 0x49249u >> (ahead % 3u); }
    }
}

// All literals of a group. False if it was given up: too much to do.
fn find_windows(base: u32, group: u32, text: Text, lane: u32, lanes: u32) -> bool {
    let window = tables[group + GROUP_WINDOW];
    if text.len < window { return true; }
    let stride = tables[group + GROUP_STRIDE];
    let f = filter_of(base, group);
    let last = text.offset + text.len - window;
    let first_block = text.offset >> 4u;
    let blocks = (last >> 4u) - first_block + 1u;
    let rounds = (blocks + lanes - 1u) / lanes;
    if !affords(rounds * FILTER_ROUND) { return false; }
    queued = 0u;
    for (var round = 0u; round < rounds; round++) {
        let block = first_block + round * lanes + lane;
        let begin = block << 4u;
        var mask = 0u;
        if begin <= last {
            // Starts before the item's first byte or behind its last window don't count.
            var wanted = 0xffffu >> (15u - min(last - begin, 15u));
            if begin < text.offset {
                wanted &= every(stride, stride * 16u - (text.offset - begin)) & (0xffffu << (text.offset - begin));
            } else {
                wanted &= every(stride, begin - text.offset);
            }
            mask = sixteen(f, arena[block], arena[block + 1u], wanted);
        }
        loop {
            let mine = countOneBits(mask);
            let found = worker_sum(mine, lane);
            var to = queued + worker_before(mine, lane);
            while mask != 0u && to < QUEUE {
                queue[to] = begin + firstTrailingBit(mask) - text.offset;
                mask &= mask - 1u;
                to += 1u;
            }
            queued = min(queued + found, QUEUE);
            // Fewer than there are lanes wait for company, unless no more will come.
            if queued == 0u || (queued < lanes && round + 1u < rounds) { break; }
            workgroupBarrier();
            for (var i = lane; i < queued; i += lanes) {
                inner += 1u;
                probe_window(base, group, text, queue[i]);
            }
            workgroupBarrier();
            queued = 0u;
            judge_borders(text, lane, lanes, false);
            if anyone(tired(), lane) { return false; }
        }
    }
    return true;
}
