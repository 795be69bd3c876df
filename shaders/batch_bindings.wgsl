// The batch kernel's memory: ordinary buffers, filled before the dispatch and read back after it. Nothing here needs
// subgroups, immediates or memory decorations, so that every backend runs it.

@group(0) @binding(0) var<storage, read> items: array<vec4<u32>>;      // offset, length, set, 2 for cut_off
@group(0) @binding(1) var<storage, read> directory: array<vec2<u32>>;  // kind, first table word
@group(0) @binding(2) var<storage, read> arena: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> tables: array<u32>;
@group(0) @binding(7) var<storage, read> table_quads: array<vec4<u32>>; // the same memory
@group(0) @binding(4) var<storage, read_write> done: array<u32>;
@group(0) @binding(5) var<storage, read_write> records: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> chunks_taken: atomic<u32>; // 0 before the dispatch

var<workgroup> summed: atomic<u32>;

const NO_CHUNK: u32 = 0xffffffffu;
// Chunks lie behind the records of the most items that a batch may have.
override first_chunk: u32 = 0u;
override chunks: u32 = 0u;

fn first_chunk_record() -> u32 { return first_chunk; }

fn take_chunk() -> u32 {
    let chunk = atomicAdd(&chunks_taken, 1u);
    return select(NO_CHUNK, chunk, chunk < chunks);
}

fn fuel() -> u32 { return 15000u; }
// A batch is read back as a whole: room for texts would be paid for by every batch.
fn send_text(text: Text, first: u32, lane: u32, lanes: u32) -> u32 { return 0u; }
// Nor are items shared out: a batch has a workgroup for each.
const shares: u32 = 0u;
fn helps() -> bool { return false; }
fn reserve_on_board(count: u32, lane: u32) -> bool { return false; }
fn put_on_board(of_pass: u32, a: u32, b: u32, c: u32) {}
fn set_kind(index: u32) -> u32 { return directory[index].x; }
fn set_tables(index: u32) -> u32 { return directory[index].y; }

fn worker_sum(value: u32, lane: u32) -> u32 {
    if lane == 0u { atomicStore(&summed, 0u); }
    workgroupBarrier();
    atomicAdd(&summed, value);
    workgroupBarrier();
    let sum = atomicLoad(&summed);
    workgroupBarrier();
    return sum;
}

// What the first lane has.
var<workgroup> told: u32;
fn worker_first(value: u32, lane: u32) -> u32 {
    if lane == 0u { told = value; }
    return workgroupUniformLoad(&told);
}
