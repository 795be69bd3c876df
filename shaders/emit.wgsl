// Match records of the item in hand: a few beside its completion, more in chunks that are taken as needed.
//
// Nothing orders records before the completion that tells of them: a barrier would wait for them to arrive, and empty
// the caches. Each record carries a seal instead, which the host checks. Finding is divergent, taking chunks is not: so a
// pass over a piece of the work may find more records than there is room for. They are counted, and the pass is made
// again, with room (search.wgsl).
//
// A pass's first records are collected in workgroup memory and stored by all lanes together: one by one, each would cross
// the bus as a transfer of its own, and 300 million of those a second is all that it carries.

var<workgroup> emitted: atomic<u32>;
// Records where the item's chunks begin.
var<workgroup> chunk_at: array<u32, ITEM_CHUNKS>;
// Records of the pass in hand.
const STAGED: u32 = 64u;
var<workgroup> staged_a: array<u32, STAGED>;
var<workgroup> staged_b: array<u32, STAGED>;
var<workgroup> staged_c: array<u32, STAGED>;
// Loop rounds the matchers spent, the same number in every lane.
var<private> spent: u32;
// The item's first record, and what makes its seals its own.
var<private> record_base: u32;
var<private> record_salt: u32;
// Records of the passes that are over, chunks they lie in, and records there is room for; the same in every lane.
var<private> record_count: u32;
var<private> chunk_count: u32;
var<private> record_room: u32;
// Whether there was no room for some; the same in every lane.
var<private> records_lost: bool;
// Whether some are borders: the host has to look at those.
var<workgroup> with_borders: atomic<u32>;

fn record_seal(a: u32, b: u32, c: u32, index: u32) -> u32 {
    var mixed = (a * 0x9e3779b1u) ^ ((b + record_salt) * 0x85ebca6bu) ^ ((c + index) * 0xc2b2ae35u);
    mixed = (mixed ^ (mixed >> 15u)) * 0x27d4eb2fu;
    return mixed ^ (mixed >> 13u);
}

fn put_record(at: u32, a: u32, b: u32, c: u32, index: u32) {
    records[at] = vec4(a, b, c, record_seal(a, b, c, index));
}

// A barrier has to follow.
fn begin_records(slot: u32, salt: u32, lane: u32) {
    record_base = slot * SLOT_RECORDS;
    record_salt = salt * 0x9e3779b1u;
    record_count = 0u;
    chunk_count = 0u;
    record_room = select(INLINE_RECORDS, 0u, helps());
    records_lost = false;
    if lane == 0u {
        atomicStore(&emitted, 0u);
        atomicStore(&with_borders, 0u);
    }
}

// Where the item's record with this number lies.
fn record_place(i: u32) -> u32 {
    if i < INLINE_RECORDS { return record_base + i; }
    let further = i - INLINE_RECORDS;
    return chunk_at[further / CHUNK_RECORDS] + 1u + further % CHUNK_RECORDS;
}

// Stores the record with this number, for which there is room: the item's own, or what is found for another worker.
fn keep(i: u32, a: u32, b: u32, c: u32) {
    if helps() {
        put_on_board(i - record_count, a, b, c);
    } else {
        put_record(record_place(i), a, b, c, i);
    }
}

fn emit(a: u32, b: u32, c: u32) {
    let i = atomicAdd(&emitted, 1u);
    let of_pass = i - record_count;
    if of_pass < STAGED {
        staged_a[of_pass] = a;
        staged_b[of_pass] = b;
        staged_c[of_pass] = c;
    } else if i < record_room {
        keep(i, a, b, c);
    }
}

// A border through which a match leads. Those for which the stage has no room are lost: the host scans such an item.
fn emit_border(branch: u32, at: u32) {
    let of_pass = atomicAdd(&emitted, 1u) - record_count;
    if of_pass < STAGED {
        staged_a[of_pass] = branch | BORDER_RECORD;
        staged_b[of_pass] = at;
        staged_c[of_pass] = 0u;
    }
    atomicStore(&with_borders, 1u);
}

// Stores what a pass has collected, for which there is room. Called by all lanes.
fn store_staged(count: u32, lane: u32, lanes: u32) {
    for (var i = lane; i < min(count - record_count, STAGED); i += lanes) {
        keep(record_count + i, staged_a[i], staged_b[i], staged_c[i]);
    }
}

// One more chunk for the item, linked to what it has; false if there is none. Called by all lanes; a barrier has to follow.
fn one_more_chunk(lane: u32) -> bool {
    if chunk_count == ITEM_CHUNKS { return false; }
    var chunk = NO_CHUNK;
    if lane == 0u { chunk = take_chunk(); }
    chunk = worker_first(chunk, lane);
    if chunk == NO_CHUNK { return false; }
    if lane == 0u {
        var link = record_base + INLINE_RECORDS;
        if chunk_count > 0u { link = chunk_at[chunk_count - 1u]; }
        put_record(link, chunk, 0u, 0u, LINK_INDEX - chunk_count);
        chunk_at[chunk_count] = first_chunk_record() + chunk * CHUNK_SIZE;
    }
    chunk_count += 1u;
    record_room += CHUNK_RECORDS;
    return true;
}

// Makes room for so many records, and where there are many for some more.
fn make_room(count: u32, lane: u32) {
    if helps() {
        if record_room < count {
            records_lost = !reserve_on_board(count - record_count, lane);
            record_room = count;
        }
        return;
    }
    let wanted = count + select(0u, LANES, count >= INLINE_RECORDS);
    loop {
        if record_room >= wanted || !one_more_chunk(lane) { break; }
    }
    records_lost = records_lost || record_room < count;
}
