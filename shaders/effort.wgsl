// What an item may cost. Beyond it the host scans the item: no text can hold the device.

// Loop rounds that this item may cost: some for any, more for a long one.
var<private> item_fuel: u32;
// Loop rounds that all lanes make together inside the current item.
var<private> together: u32;
// Loop rounds of this lane beyond those.
var<private> inner: u32;

fn begin_effort(len: u32) {
    item_fuel = min(fuel(), 4096u + len / 4u);
    together = 0u;
    inner = 0u;
}

// Counts the item's rounds among all: as many as all lanes' own loops could have taken one after the other.
fn end_effort(lane: u32) {
    spent += together + worker_sum(inner, lane);
}

// Counts rounds in; false if they are too many.
fn affords(rounds: u32) -> bool {
    together += rounds;
    return together <= item_fuel;
}

// Whether this lane has spent its share.
fn tired() -> bool {
    return inner > item_fuel / 8u;
}

// Whether it is so in any lane.
fn anyone(condition: bool, lane: u32) -> bool {
    return worker_sum(select(0u, 1u, condition), lane) != 0u;
}
