// Match records of the item in hand.

var<workgroup> emitted: atomic<u32>;
// Loop rounds the matchers spent, the same number in every lane.
var<private> spent: u32;
// First record word of the item's slot.
var<private> record_base: u32;

fn emit(a: u32, b: u32, c: u32) {
    let i = atomicAdd(&emitted, 1u);
    if i < INLINE_RECORDS {
        records[record_base + i * RECORD_WORDS] = a;
        records[record_base + i * RECORD_WORDS + 1u] = b;
        records[record_base + i * RECORD_WORDS + 2u] = c;
    }
}
