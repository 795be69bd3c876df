// The kernel that stays: workers of one subgroup each, every lane holding at most one ticket.
//
// A round: read the stop words and, in the same breath, the slots of held tickets; take tickets unless stopping; serve
// those that are published. A ticket whose slot is not published yet just stays in its lane and holds nobody up.
//
// Software devices cut loops off: after some ten thousand rounds of all loops together every loop ends as if it were
// done (`cut_off` in run.wgsl). So nothing here may rest on a loop having ended by its own condition: a ticket that is
// still held behind the loop is parked there, and an item counts as run only if its run was seen to be whole.

// Looks at held slots alone between two rounds.
const LOOKS: u32 = 8u;

@compute @workgroup_size(LANES)
fn resident(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(subgroup_invocation_id) lane: u32,
    @builtin(subgroup_size) subgroup: u32,
) {
    let workers = groups.x;
    // Planted: this lease ends without a word to anybody.
    let doomed = plant >= PLANT_VANISH && (lease.number & 3u) == 3u;
    let start = atomicLoad(&state[lease_word(lease.number, LEASE_START)]);
    let high = atomicLoad(&state[lease_word(lease.number, LEASE_HIGH)]);
    if group.x == 0u && lane == 0u {
        atomicStore(&report[REPORT_LANES], subgroup);
        atomicStore(&report[REPORT_STARTED], lease.number);
    }

    var held = false;
    var ticket = 0u;
    var claimed = start;
    var published = start;
    var seen_claim = start;
    var idle = 0u;    // rounds since anything moved
    var rounds = 0u;
    var polls = 0u;
    var looks = 0u;   // at what is held alone
    var asked = false; // to leave
    // Tables may have changed since the lease before: nothing that a cache has kept from then counts.
    storageBarrier();
    spent = 0u;
    cut_bound = lease.cut_bound;
    if shares != 0u {
        if lane == 0u {
            helped = NO_BOARD;
            begun = 0u;
        }
        workgroupBarrier();
    }
    loop {
        rounds += 1u;
        var slot = vec4<u32>();
        // While nothing waits to be taken, mostly a look at what is held will do: it is the shorter way to see an item come.
        var came = false;
        for (; looks > 0u && !came; looks--) {
            slot = slots[ticket & ring_mask()];
            came = subgroupAny(held && slot[SLOT_TICKET] == ticket + 1u);
        }
        var boards = 0u;
        var stopping = false;
        if !came {
            if held { slot = slots[ticket & ring_mask()]; }
            let now_claimed = atomicLoad(&state[STATE_CLAIM]);
            let now_published = atomicLoad(&control[CONTROL_PUBLISHED]);
            if shares != 0u { boards = subgroupBroadcastFirst(atomicLoad(&state[STATE_BOARDS])); }
            stopping = subgroupAny(stop_requested() || (doomed && plant == PLANT_VANISH));
            claimed = subgroupBroadcastFirst(now_claimed);
            published = subgroupBroadcastFirst(now_published);
        }
        asked = stopping;

        if !stopping && !came {
            let have = countOneBits(subgroupBallot(held).x);
            let want = wanted(published, claimed, workers, have);
            if have < want {
                let free = !held && lane < lease.held;
                let rank = subgroupExclusiveAdd(select(0u, 1u, free));
                var base = 0u;
                if lane == 0u { base = atomicAdd(&state[STATE_CLAIM], want - have); }
                base = subgroupBroadcastFirst(base);
                if free && rank < want - have {
                    ticket = base + rank;
                    held = i32(ticket - high) >= 0 || !already_served(ticket);
                    if held { slot = slots[ticket & ring_mask()]; }
                }
            }
        }

        var ready = false;
        var item = Item(0u, 0u, 0u);
        if held && plant != PLANT_DEAF {
            if slot[SLOT_TICKET] == ticket + 1u {
                // Only behind the ticket are the other words sure to be this item's.
                if whole_slots == 0u { slot = slots[ticket & ring_mask()]; }
                item = Item(slot[SLOT_OFFSET], slot[SLOT_LEN], slot[SLOT_SET] & 0xffffu);
                ready = (slot[SLOT_SET] >> 16u) == seal(item.offset, item.len, item.rules, ticket);
            }
        }
        let exhausted = rounds + spent > lease.rounds;
        let serving = subgroupBallot(ready && !exhausted).x;

        // A worker with nothing of its own helps with a piece of a large item, then looks again.
        var helping = false;
        if serving == 0u {
            if stopping || exhausted { break; }
            helping = shares != 0u && !doomed && finds_piece(boards, group.x, lane);
        }
        if serving == 0u && !helping {
            polls += 1u;
            // One that came and isn't whole must not keep it from seeing a stop.
            looks = select(0u, LOOKS, whole_slots != 0u && shares == 0u && !came && i32(published - claimed) <= 0);
            if claimed == seen_claim { idle += 1u; } else { idle = 0u; seen_claim = claimed; }
            if idle > lease.budget {
                // Nobody took a ticket for the whole budget: everybody leaves together, or tickets would be stranded.
                atomicStore(&state[STATE_STOP], lease.number + 1u);
            }
            continue;
        }
        idle = 0u;
        looks = 0u;
        if doomed { break; }

        var result = 0u;
        var ran = ready && item.rules == 0u;
        var pending = select(subgroupBallot(ready && item.rules != 0u).x, 1u, helping);
        loop {
            if pending == 0u { break; }
            let owner = firstTrailingBit(pending);
            pending &= pending - 1u;
            rounds += 1u;
            var theirs = Item(
                subgroupShuffle(item.offset, owner),
                subgroupShuffle(item.len, owner),
                subgroupShuffle(item.rules, owner),
            );
            let its_ticket = subgroupShuffle(ticket, owner);
            if lane == owner && item.len > lease.split_over { atomicStore(&report[REPORT_LARGE], lease.number); }
            var outcome = 0u;
            var over = true;
            if shares == 0u {
                outcome = run_item(theirs, its_ticket & ring_mask(), its_ticket, lane, LANES);
            } else {
                if helping { theirs = posted(helped); }
                let more = run_shared(theirs, helping, its_ticket, group.x, lane);
                over = more.over;
                outcome = more.result;
            }
            if !over {
                pending |= 1u << owner;
            } else if lane == owner && !helping {
                result = outcome;
                ran = true;
            }
        }
        if helping {
            workgroupBarrier();
            if lane == 0u { helped = NO_BOARD; }
            workgroupBarrier();
        } else if shares != 0u && begun != 0u {
            // Cut off on the way.
            if shared_on != NO_BOARD { withdraw(shared_on, own_pieces, lane); }
            if ready && !ran && pending != 0u && lane == firstTrailingBit(pending) {
                result = RESULT_HOST | (chunk_count << RESULT_CHUNKS);
                ran = true;
            }
            workgroupBarrier();
            if lane == 0u { begun = 0u; }
        }
        // Nothing orders an item's records before its completion: they have seals (emit.wgsl).
        if ran {
            complete(ticket, result);
            held = false;
        }
    }

    if held && !doomed { park(ticket, start); }
    // A worker that leaves unasked, out of rounds or cut off, ends the lease for all.
    if !asked && lane == 0u {
        atomicStore(&state[STATE_STOP], lease.number + 1u);
    }
    if lane == 0u { atomicAdd(&state[STATE_POLLS], polls); }
    storageBarrier();
    var last = false;
    if lane == 0u {
        last = atomicAdd(&state[lease_word(lease.number, LEASE_OUT)], 1u) == workers - 1u;
    }
    last = subgroupAny(last && !doomed);
    storageBarrier();
    if last && lane == 0u { close_lease(start, high); }
    storageBarrier();
    if last && lane == 0u { atomicStore(&report[REPORT_ENDED], lease.number); }
}
