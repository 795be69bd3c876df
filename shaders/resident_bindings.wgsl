// The resident kernel's memory. Who writes what: slots, control, arena and tables the host; state the kernel;
// done, records and report the kernel for the host. No word has two writers on different sides.

// A slot in one load, never from a cache that nobody invalidates.
@group(0) @binding(0) @coherent @volatile var<storage, read_write> slots: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read_write> control: array<atomic<u32>>;
// Rewritten by the host while the kernel runs: must not come from a cache that nobody invalidates.
@group(0) @binding(2) @coherent @volatile var<storage, read_write> arena: array<vec4<u32>>;
// Never rewritten while a lease that could have read it runs: ordinary cached loads.
@group(0) @binding(3) var<storage, read> tables: array<u32>;
// The same memory, four words at a time.
@group(0) @binding(8) var<storage, read> table_quads: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> state: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> done: array<atomic<u32>>;
// Written here and read by the host: must not stay in a cache of the device.
@group(0) @binding(6) @coherent var<storage, read_write> records: array<vec4<u32>>;
@group(0) @binding(7) var<storage, read_write> report: array<atomic<u32>>;

struct Lease {
    number: u32,      // of this lease
    budget: u32,      // rounds without progress after which the kernel lets go by itself
    rounds: u32,      // loop rounds of any kind after which it does: software devices cut loops off
    held: u32,        // tickets a worker may hold
    ring_bits: u32,
    fuel: u32,        // loop rounds that one item may cost before the host gets it
    cut_bound: u32,   // see cut_off
    chunk_bits: u32,  // there are 2^so many chunks for records
    sends_text: u32,  // other than 0: the bytes of items for the host go along with them
    piece_least: u32, // bytes of a large item's pieces, multiples of 16
    piece_most: u32,
    split_over: u32,  // bytes of an item beyond which it is large
    split_idle: i32,  // so many workers must be waiting for work before an item is shared out
}
var<immediate> lease: Lease;

// Other than 0: workers share large items out (split.wgsl). A kernel of its own, for while little comes in and some of it is
// large: what else may happen in the loop costs the search registers, a flood a tenth to a quarter of what it gets and a small
// item alone a microsecond, needed or not.
override shares: u32 = 0u;

// Other than 0: a load of a whole slot sees all of what was stored there at one time, or nothing. Elsewhere a slot is read
// again once its ticket was seen.
override whole_slots: u32 = 0u;

// Planted faults for the tests of the tests; 0 in use.
override plant: u32 = 0u;
const PLANT_NO_PARK: u32 = 1u; // held tickets at the end of a lease
const PLANT_FORGET: u32 = 2u;  // that a ticket was served in an earlier lease
const PLANT_VANISH: u32 = 4u;  // every fourth lease ends without a word before it began
const PLANT_DIE: u32 = 5u;     // every fourth lease ends without a word with items in hand
const PLANT_DEAF: u32 = 3u;    // a kernel that stops serving, as a dead one looks to the host

fn fuel() -> u32 { return lease.fuel; }
fn set_kind(index: u32) -> u32 { return atomicLoad(&control[CONTROL_SETS + index * 2u]); }
fn set_tables(index: u32) -> u32 { return atomicLoad(&control[CONTROL_SETS + index * 2u + 1u]); }
fn worker_sum(value: u32, lane: u32) -> u32 { return subgroupAdd(value); }
fn worker_first(value: u32, lane: u32) -> u32 { return subgroupBroadcastFirst(value); }

const NO_CHUNK: u32 = 0xffffffffu;

// Where chunks begin among the records.
fn first_chunk_record() -> u32 { return SLOT_RECORDS << lease.ring_bits; }

// A chunk that nobody has. One is free if the host gave it back as often as the kernel took it.
fn take_chunk() -> u32 {
    for (var tries = 0u; tries < 8u; tries++) {
        let chunk = atomicAdd(&state[STATE_CHUNK], 1u) & ((1u << lease.chunk_bits) - 1u);
        let freed = atomicLoad(&control[CONTROL_FREED + chunk]);
        let taken = STATE_SERVED + (1u << lease.ring_bits) + chunk;
        if atomicCompareExchangeWeak(&state[taken], freed, freed + 1u).exchanged { return chunk; }
    }
    return NO_CHUNK;
}
