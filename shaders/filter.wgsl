// The filter of long literals: which windows of the text may exist in a group's table.
//
// A lane reads 16 aligned bytes and the 8 behind them, and has all words of its 16 starts in registers: each start
// costs shifts, one hash and one filter word. The few starts that pass go into a queue, and once there is one for every
// lane, all lanes look theirs up together: looked up at once, one lane's chain of dependent loads would stall the rest.

// The queue goes round: entries from `queue_first` to `queue_end`, which are the same in every lane.
const QUEUE: u32 = 4u * LANES;
var<workgroup> queue: array<u32, QUEUE>;
var<workgroup> queue_taken: atomic<u32>;
var<private> queue_first: u32;
var<private> queue_end: u32;

// What a round here counts for: the loops in it, taken or not.
const FILTER_ROUND: u32 = 4u;

// What the filter needs of a group besides what lookups need.
struct Filter {
    at: u32,         // first word
    shift: u32,      // of a hash, to the word's number
}

// Which of four windows may exist, a bit each. No branch: the four loads are on their way together.
fn four(f: Filter, w: Windows, low: vec4<u32>, high: vec4<u32>) -> u32 {
    var hash = (low & vec4(w.mask)) * w.mul_low + (high & vec4(w.mask)) * w.mul_high;
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
fn sixteen(f: Filter, w: Windows, these: vec4<u32>, behind: vec2<u32>, even: bool) -> u32 {
    let a = these | vec4(w.fold);
    let b = behind | vec2(w.fold);
    // The words `w.high` bytes further on.
    var c = a;
    var d = b.x;
    if w.high == 4u {
        c = vec4(a.yzw, b.x);
        d = b.y;
    } else if w.high != 0u {
        let up = vec4(w.high * 8u);
        c = (a >> up) | (vec4(a.yzw, b.x) << (vec4(32u) - up));
        d = (b.x >> up.x) | (b.y << (32u - up.x));
    }
    if even {
        let first = four(f, w, at_halves(a.x, a.y, a.z), at_halves(c.x, c.y, c.z));
        let second = four(f, w, at_halves(a.z, a.w, b.x), at_halves(c.z, c.w, d));
        // Bit i stands for start 2 i.
        var bits = first | (second << 4u);
        bits = (bits | (bits << 4u)) & 0x0f0fu;
        bits = (bits | (bits << 2u)) & 0x3333u;
        return (bits | (bits << 1u)) & 0x5555u;
    }
    return four(f, w, at_each(a.x, a.y), at_each(c.x, c.y))
        | (four(f, w, at_each(a.y, a.z), at_each(c.y, c.z)) << 4u)
        | (four(f, w, at_each(a.z, a.w), at_each(c.z, c.w)) << 8u)
        | (four(f, w, at_each(a.w, b.x), at_each(c.w, d)) << 12u);
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

// Which of the 16 starts of a block that begins at byte `begin` pass and are to be probed. `last` is the item's last start.
fn survivors(f: Filter, w: Windows, text: Text, last: u32, stride: u32, begin: u32, these: vec4<u32>, behind: vec2<u32>) -> u32 {
    if begin > last { return 0u; }
    var here = these;
    var after = behind;
    // At an even stride all probed starts are even or all are odd: then one byte is left out in front.
    let even = (stride & 1u) == 0u;
    let odd = select(0u, text.offset & 1u, even);
    if odd != 0u {
        here = (here >> vec4(8u)) | (vec4(here.yzw, after.x) << vec4(24u));
        after = (after >> vec2(8u)) | vec2(after.y << 24u, 0u);
    }
    // Starts before the item's first byte or behind its last window don't count.
    var mask = (sixteen(f, w, here, after, even) << odd) & (0xffffu >> (15u - min(last - begin, 15u)));
    if begin < text.offset {
        mask &= every(stride, stride * 16u - (text.offset - begin)) & (0xffffu << (text.offset - begin));
    } else {
        mask &= every(stride, begin - text.offset);
    }
    return mask;
}

// A search for a group's windows: where it is in the text.
struct Scan {
    f: Filter,
    w: Windows,
    stride: u32,
    last: u32,       // the last start
    last_block: u32,
    block: u32,      // this lane's next one
    rounds: u32,     // left
    these: vec4<u32>,
    behind: vec2<u32>,
    those: vec4<u32>,
    beyond: vec2<u32>,
    mask: u32,       // survivors of the last round that are not in the queue yet
    begin: u32,      // where its block began
    waits: bool,     // whether there are any in some lane
}

// Loads what the next round looks at: two blocks a lane.
fn load_ahead(s: ptr<function, Scan>, lanes: u32) {
    var at = min((*s).block, (*s).last_block);
    (*s).these = arena[at];
    (*s).behind = arena[at + 1u].xy;
    at = min((*s).block + lanes, (*s).last_block);
    (*s).those = arena[at];
    (*s).beyond = arena[at + 1u].xy;
}

fn scan_of(base: u32, group: u32, text: Text, lane: u32, lanes: u32) -> Scan {
    var s: Scan;
    s.w = windows_of(base, group);
    s.f = Filter(base + tables[group + GROUP_FILTER_AT], 32u - tables[group + GROUP_FILTER_LOG2]);
    s.stride = tables[group + GROUP_STRIDE];
    s.mask = 0u;
    s.waits = false;
    s.rounds = 0u;
    let behind = min(text.len + 1u, end_of_part(text) + s.w.window) - s.w.window;
    if text.len < s.w.window || behind <= first_of_part() { return s; }
    s.last = text.offset + behind - 1u;
    s.last_block = s.last >> 4u;
    // A part that is not the item's first begins on a block.
    s.block = ((text.offset + first_of_part()) >> 4u) + lane;
    s.rounds = (s.last_block - ((text.offset + first_of_part()) >> 4u)) / (2u * lanes) + 1u;
    load_ahead(&s, lanes);
    return s;
}

// Looks for survivors until there is one for every lane in the queue, or no more will come.
fn fill_queue(s: ptr<function, Scan>, text: Text, lane: u32, lanes: u32) {
    let apart = lanes << 4u;
    loop {
        if queue_end - queue_first >= lanes { break; }
        if !(*s).waits {
            if (*s).rounds == 0u { break; }
            (*s).rounds -= 1u;
            let here = (*s).these;
            let after = (*s).behind;
            let there = (*s).those;
            let further_on = (*s).beyond;
            let begin = (*s).block << 4u;
            (*s).block += 2u * lanes;
            // The next round's bytes are on their way while this one's are looked at.
            load_ahead(s, lanes);
            (*s).begin = begin;
            (*s).mask = survivors((*s).f, (*s).w, text, (*s).last, (*s).stride, begin, here, after)
                | (survivors((*s).f, (*s).w, text, (*s).last, (*s).stride, begin + apart, there, further_on) << 16u);
        }
        let mine = countOneBits((*s).mask);
        let found = worker_sum(mine, lane);
        if found == 0u { continue; }
        var to = 0u;
        if mine != 0u { to = atomicAdd(&queue_taken, mine); }
        while (*s).mask != 0u && to - queue_first < QUEUE {
            let bit = firstTrailingBit((*s).mask);
            queue[to & (QUEUE - 1u)] = (*s).begin + select(bit, bit + apart - 16u, bit >= 16u) - text.offset;
            (*s).mask &= (*s).mask - 1u;
            to += 1u;
        }
        queue_end = queue_end + found;
        (*s).waits = queue_end - queue_first > QUEUE;
        queue_end = min(queue_end - queue_first, QUEUE) + queue_first;
    }
}
