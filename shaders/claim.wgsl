// Tickets: taking them, and giving them back at the end of a lease.
//
// A claimed ticket is always in exactly one place: held by a lane, parked (at or above the next lease's claim and not
// yet served), or served. Tickets compare by equality or signed distance, so that 32-bit words may wrap.

fn lease_word(number: u32, word: u32) -> u32 {
    return STATE_LEASES + (number & 3u) * LEASE_WORDS + word;
}

fn ring_mask() -> u32 {
    return (1u << lease.ring_bits) - 1u;
}

fn lap(ticket: u32) -> u32 {
    return ticket >> lease.ring_bits;
}

fn stop_requested() -> bool {
    let from_host = atomicLoad(&control[CONTROL_STOP]);
    let from_kernel = atomicLoad(&state[STATE_STOP]);
    return i32(from_host - lease.number) > 0 || i32(from_kernel - lease.number) > 0;
}

// A ticket below the high water mark was perhaps served before an earlier ticket was parked.
fn already_served(ticket: u32) -> bool {
    if plant == PLANT_FORGET { return false; }
    let laps = atomicLoad(&state[STATE_SERVED + (ticket & ring_mask())]);
    return i32((lap(ticket) - laps) << lease.ring_bits) < 0;
}

// How many tickets this worker, which has some, should hold: one where nobody waits, else its share of what waits beside those
// that it has, whose items may be a long way off.
fn wanted(published: u32, claimed: u32, workers: u32, have: u32) -> u32 {
    let waiting = i32(published - claimed);
    if waiting <= 0 { return 1u; }
    return min(have + max(u32(waiting) / workers, 1u), lease.held);
}

// A leaving worker's held ticket: the next lease starts from the smallest one.
fn park(ticket: u32, start: u32) {
    if plant == PLANT_NO_PARK { return; }
    atomicMin(&state[lease_word(lease.number, LEASE_PARKED)], ticket - start);
}

// The last worker out: hands claim, high water mark and a clean record to the next lease, then reports.
fn close_lease(start: u32, high: u32) {
    let claimed = atomicLoad(&state[STATE_CLAIM]);
    let parked = atomicLoad(&state[lease_word(lease.number, LEASE_PARKED)]);
    var next = claimed;
    if parked != 0xffffffffu { next = start + parked; }
    var top = high;
    if i32(claimed - high) > 0 { top = claimed; }
    atomicStore(&state[STATE_CLAIM], next);
    // A stop word left behind would, 2^31 leases later, look like one from the future.
    atomicStore(&state[STATE_STOP], lease.number + 1u);
    let following = lease.number + 1u;
    atomicStore(&state[lease_word(following, LEASE_START)], next);
    atomicStore(&state[lease_word(following, LEASE_HIGH)], top);
    atomicStore(&state[lease_word(following, LEASE_PARKED)], 0xffffffffu);
    atomicStore(&state[lease_word(following, LEASE_OUT)], 0u);
    clear_boards();
    atomicStore(&report[REPORT_CLAIM], next);
    atomicStore(&report[REPORT_POLLS], atomicLoad(&state[STATE_POLLS]));
    atomicStore(&report[REPORT_HELPED], atomicLoad(&state[STATE_HELPED]));
}
