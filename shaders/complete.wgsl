// Slots and completions of the resident kernel.

// The check that tells a slot whose 16 bytes have all arrived from one that is still on its way.
fn seal(offset: u32, len: u32, rules: u32, ticket: u32) -> u32 {
    let mixed = (offset ^ (ticket * 0x9e3779b1u)) + len * 0x85ebca6bu + rules;
    return (mixed ^ (mixed >> 15u)) & 0xffffu;
}

fn complete(ticket: u32, result: u32) {
    let slot = ticket & ring_mask();
    atomicStore(&done[slot], (lap(ticket) << RESULT_BITS) | result);
    atomicAdd(&state[STATE_SERVED + slot], 1u);
}
