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

// Which of four windows may exist, a bit each. No branch: the four loads are on their way together.
fn four(f: Filter, low: vec4<u32>, high: vec4<u32>) -> u32 {
    var hash = (low & vec4(f.mask)) * f.mul_low + (high & vec4(f.mask)) * f.mul_high;
    hash ^= hash >> vec4(15u);
    let at = vec4(f.at) + (hash >> vec4(f.shift));
    let words = vec4(tables[at.x], tables[at.y], tables[at.z], tables[at.w]);
    let bits = ((words << (hash & vec4(31u))) & (words << ((hash >> vec4(5u)) & vec4(31u)))) >> vec4(31u);
    return bits.x | (bits.y << 1u) | (bits.z << 2u) | (bits.w << 3u);
}

// The words at the four bytes of `a`, which `b` follows.
fn at_each(a: u32, b: u32) -> vec4<u32> {
    return vec4(a, (a >> 8u) | (b << 24u), (a >> 16u) | (b << 16u), (a >> 24u) | (b << 8u));
}

// The words at every second byte of `a` and `b`, which `c` follows.
fn at_halves(a: u32, b: u32, c: u32) -> vec4<u32> {
    return vec4(a, (a >> 16u) | (b << 16u), b, (b >> 16u) | (c << 16u));
}

// Which of the 16 starts in `these` bytes pass; of the 16 bytes behind them only the first 8 count. With `even` only
// every second start is looked at, the first one first.
fn sixteen(f: Filter, these: vec4<u32>, behind: vec2<u32>, even: bool) -> u32 {
    let a = these | vec4(f.fold);
    let b = behind | vec2(f.fold);
    let c = vec4(
        further(a.x, a.y, f.high),
        further(a.y, a.z, f.high),
        further(a.z, a.w, f.high),
        further(a.w, b.x, f.high),
    );
    let d = further(b.x, b.y, f.high);
    if even {
        let first = four(f, at_halves(a.x, a.y, a.z), at_halves(c.x, c.y, c.z));
        let second = four(f, at_halves(a.z, a.w, b.x), at_halves(c.z, c.w, d));
        // Bit i stands for start 2 i.
        var bits = first | (second << 4u);
        bits = (bits | (bits << 4u)) & 0x0f0fu;
        bits = (bits | (bits << 2u)) & 0x3333u;
        return (bits | (bits << 1u)) & 0x5555u;
    }
    return four(f, at_each(a.x, a.y), at_each(c.x, c.y))
        | (four(f, at_each(a.y, a.z), at_each(c.y, c.z)) << 4u)
        | (four(f, at_each(a.z, a.w), at_each(c.z, c.w)) << 8u)
        | (four(f, at_each(a.w, b.x), at_each(c.w, d)) << 12u);
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
    // At an even stride all probed starts are even or all are odd: then one byte is left out in front.
    let even = (stride & 1u) == 0u;
    let odd = select(0u, text.offset & 1u, even);
    let last_block = last >> 4u;
    var next = min(first_block + lane, last_block);
    var these = arena[next];
    var behind = arena[next + 1u].xy;
    queued = 0u;
    for (var round = 0u; round < rounds; round++) {
        let block = first_block + round * lanes + lane;
        let begin = block << 4u;
        var here = these;
        var after = behind;
        // The next round's bytes are on their way while this one's are looked at.
        next = min(block + lanes, last_block);
        these = arena[next];
        behind = arena[next + 1u].xy;
        if odd != 0u {
            here = (here >> vec4(8u)) | (vec4(here.yzw, after.x) << vec4(24u));
            after = (after >> vec2(8u)) | vec2(after.y << 24u, 0u);
        }
        var mask = sixteen(f, here, after, even) << odd;
        if begin <= last {
            // Starts before the item's first byte or behind its last window don't count.
            mask &= 0xffffu >> (15u - min(last - begin, 15u));
            if begin < text.offset {
                mask &= every(stride, stride * 16u - (text.offset - begin)) & (0xffffu << (text.offset - begin));
            } else {
                mask &= every(stride, begin - text.offset);
            }
        } else {
            mask = 0u;
        }
        loop {
            let mine = countOneBits(mask);
            let found = worker_sum(mine, lane);
            if found != 0u {
                var to = queued + worker_before(mine, lane);
                while mask != 0u && to < QUEUE {
                    queue[to] = begin + firstTrailingBit(mask) - text.offset;
                    mask &= mask - 1u;
                    to += 1u;
                }
                queued = min(queued + found, QUEUE);
            }
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
