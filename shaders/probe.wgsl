// The test matcher: one record (sum of bytes, length). Stale bytes or records show at once.

fn byte_sum(word: u32) -> u32 {
    let pairs = (word & 0x00ff00ffu) + ((word >> 8u) & 0x00ff00ffu);
    return (pairs & 0xffffu) + (pairs >> 16u);
}

// Bytes of aligned word `first` + i that belong to [from, to).
fn masked(word: u32, at: u32, first: u32, last: u32) -> u32 {
    var kept = word;
    if at < first { kept &= 0xffffffffu << ((first - at) * 8u); }
    if at + 4u > last { kept &= 0xffffffffu >> ((at + 4u - last) * 8u); }
    return kept;
}

fn probe(offset: u32, len: u32, lane: u32, lanes: u32) -> u32 {
    let last = offset + len;
    var sum = 0u;
    if len != 0u {
        let first_block = offset >> 4u;
        let blocks = ((last - 1u) >> 4u) - first_block + 1u;
        let rounds = (blocks + lanes - 1u) / lanes;
        if rounds > fuel() { return RESULT_HOST; }
        for (var round = 0u; round < rounds; round++) {
            let block = round * lanes + lane;
            if block < blocks {
                let bytes = arena[first_block + block];
                let at = (first_block + block) << 4u;
                if at >= offset && at + 16u <= last {
                    sum += byte_sum(bytes.x) + byte_sum(bytes.y) + byte_sum(bytes.z) + byte_sum(bytes.w);
                } else {
                    for (var i = 0u; i < 4u; i++) {
                        let word_at = at + i * 4u;
                        if word_at + 4u > offset && word_at < last {
                            sum += byte_sum(masked(bytes[i], word_at, offset, last));
                        }
                    }
                }
            }
        }
        spent += rounds + 8u;
    }
    let total = worker_sum(sum, lane);
    if lane == 0u { put_record(record_base, total, len, 0u, 0u); }
    record_count = 1u;
    return 0u;
}
