// The bytes of an item that the host has to look at, sent along as its last records.
//
// The host reads device memory a line at a time and waits for the bus each time: 16 KiB take it ten times as long as
// scanning them. The device stores them over the same bus as fast as anything, and has just read them. It loses where the
// host has the bytes anyway (staged input), and is not done there.

// Sends the item's bytes behind the first `first` records; how many records they are, 0 where there is no room. Called by all
// lanes, behind everything else that makes records. Chunks that there are for more than `first` records are used again.
fn send_text(text: Text, first: u32, lane: u32, lanes: u32) -> u32 {
    let count = (text.len + TEXT_BYTES - 1u) / TEXT_BYTES;
    if lease.sends_text == 0u || first + count > INLINE_RECORDS + ITEM_CHUNKS * CHUNK_RECORDS { return 0u; }
    loop {
        if record_room >= first + count || !one_more_chunk(lane) { break; }
    }
    // What was written of chunks is seen by all lanes.
    workgroupBarrier();
    if record_room < first + count { return 0u; }
    // Two at a time, so that their loads are on their way together.
    for (var i = lane; i < count; i += 2u * lanes) {
        let more = i + lanes;
        let here = sixteen_bytes(text, i * TEXT_BYTES);
        let there = sixteen_bytes(text, min(more, count - 1u) * TEXT_BYTES);
        put_record(record_place(first + i), here.x, here.y, here.z, TEXT_INDEX + i);
        if more < count { put_record(record_place(first + more), there.x, there.y, there.z, TEXT_INDEX + more); }
    }
    spent += count / lanes + chunk_count + 4u;
    return count;
}
