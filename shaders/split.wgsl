// Large items are shared out. The worker that claimed one posts what is left of it on a board, in pieces; workers that have
// nothing to do take pieces from there, and so does the one that posted it. When no piece is left it waits for those that
// others still have, adds what they found to its own records, and completes the item as any other: to leases and hand-overs
// all this is the running of one item.
//
// A piece is the places where something may begin or end (search.wgsl); whoever searches it reads the item beyond its borders
// as the text is one. Borders lie on 16 bytes of the arena, so no block of the filter is looked at twice.
//
// Exactly once: a piece is whoever's decrement of BOARD_LEFT found more than zero. What a board says of its item is written
// before BOARD_LEFT and stays until all pieces that were taken are done, so whoever has a piece reads what belongs to it. A
// worker that waits in vain (software devices cut loops off) gives its item to the host and leaves the board as it is: it
// serves nobody until the lease's last worker clears it.

// Words of a board.
const BOARD_BUSY: u32 = 0u;
const BOARD_OFFSET: u32 = 1u;
const BOARD_LEN: u32 = 2u;
const BOARD_SET: u32 = 3u;
const BOARD_FIRST: u32 = 4u;   // first byte of the first piece, in the item
const BOARD_SIZE: u32 = 5u;    // bytes of a piece
const BOARD_PIECES: u32 = 6u;
const BOARD_FLAGS: u32 = 7u;   // RESULT_HOST: not all could be said; RESULT_BORDERS: some records are borders
const BOARD_LEFT: u32 = 16u;   // pieces that nobody has, or zero or less
const BOARD_DONE: u32 = 24u;   // pieces that helpers are done with
const BOARD_COUNT: u32 = 32u;  // records of helpers
const BOARD_RECORDS_AT: u32 = 48u;
const NO_BOARD: u32 = 0xffffffffu;
const NO_PIECE: u32 = 0xffffffffu;

// The board that this worker's records go to while it helps; else NO_BOARD.
var<workgroup> helped: u32;
// Of the large item that this worker has in hand: whether it was begun, the board that it is on, pieces of it that were this
// worker's, to where it was searched, and what the flags of its result are so far.
var<workgroup> begun: u32;
var<workgroup> shared_on: u32;
var<workgroup> own_pieces: u32;
var<workgroup> searched_to: u32;
var<workgroup> flags_so_far: u32;
// Where on it the records of the pass in hand go.
var<private> board_first: u32;

fn board_word(board: u32, word: u32) -> u32 {
    return STATE_SERVED + (1u << lease.ring_bits) + (1u << lease.chunk_bits) + board * BOARD_WORDS + word;
}

fn helps() -> bool { return shares != 0u && helped != NO_BOARD; }

// Room for `count` records of a pass; false: there is none. Called by all lanes.
fn reserve_on_board(count: u32, lane: u32) -> bool {
    var first = 0u;
    if lane == 0u { first = atomicAdd(&state[board_word(helped, BOARD_COUNT)], count); }
    board_first = subgroupBroadcastFirst(first);
    return board_first + count <= BOARD_RECORDS;
}

// The record of this number in the pass.
fn put_on_board(of_pass: u32, a: u32, b: u32, c: u32) {
    let at = board_word(helped, BOARD_RECORDS_AT) + (board_first + of_pass) * 3u;
    atomicStore(&state[at], a);
    atomicStore(&state[at + 1u], b);
    atomicStore(&state[at + 2u], c);
}

// One of the boards in `which`; not the same one for every worker.
fn one_of(which: u32, worker: u32) -> u32 {
    let first = worker & (BOARDS - 1u);
    let behind = which >> first;
    return select(firstTrailingBit(which), first + firstTrailingBit(behind), behind != 0u);
}

// Where pieces begin that are cut `bytes` apart from byte `at` on: the one behind so many. Not beyond the item.
fn border_of(item: Item, at: u32, bytes: u32) -> u32 {
    return select(at, min(at + bytes - ((item.offset + at) & 15u), item.len), bytes != 0u);
}

// Posts what an item has from byte `at` on, if some workers are free; NO_BOARD: they are not. All lanes call it.
fn post(item: Item, at: u32, worker: u32, lane: u32) -> u32 {
    let claimed = atomicLoad(&state[STATE_CLAIM]);
    let published = atomicLoad(&control[CONTROL_PUBLISHED]);
    var unused = false;
    if lane < BOARDS { unused = atomicLoad(&state[board_word(lane, BOARD_BUSY)]) == 0u; }
    let which = subgroupBallot(unused).x;
    // Each ticket that was taken ahead of what is published is somebody's who waits.
    let waiting = subgroupBroadcastFirst(i32(claimed - published));
    if which == 0u || waiting < lease.split_idle { return NO_BOARD; }
    let board = one_of(which, worker);
    var mine = false;
    if lane == 0u { mine = atomicCompareExchangeWeak(&state[board_word(board, BOARD_BUSY)], 0u, 1u).exchanged; }
    if !subgroupAny(mine) { return NO_BOARD; }
    // About two pieces for each of them, so that they end at about the same time.
    let rest = item.len - at;
    let each = rest / (2u * u32(clamp(waiting, 0, 4096)) + 2u);
    let size = clamp(each, lease.piece_least, lease.piece_most) & ~15u;
    let pieces = (((item.offset + at) & 15u) + rest + size - 1u) / size;
    if lane == 0u {
        atomicStore(&state[board_word(board, BOARD_OFFSET)], item.offset);
        atomicStore(&state[board_word(board, BOARD_LEN)], item.len);
        atomicStore(&state[board_word(board, BOARD_SET)], item.rules);
        atomicStore(&state[board_word(board, BOARD_FIRST)], at);
        atomicStore(&state[board_word(board, BOARD_SIZE)], size);
        atomicStore(&state[board_word(board, BOARD_PIECES)], pieces);
        atomicStore(&state[board_word(board, BOARD_FLAGS)], 0u);
        atomicStore(&state[board_word(board, BOARD_DONE)], 0u);
        atomicStore(&state[board_word(board, BOARD_COUNT)], 0u);
    }
    storageBarrier();
    if lane == 0u {
        atomicStore(&state[board_word(board, BOARD_LEFT)], pieces);
        atomicOr(&state[STATE_BOARDS], 1u << board);
    }
    return board;
}

// A piece of a board that is this worker's now, or NO_PIECE. All lanes call it.
fn take_piece(board: u32, lane: u32) -> u32 {
    var left = 0u;
    if lane == 0u {
        left = atomicSub(&state[board_word(board, BOARD_LEFT)], 1u);
        if left == 1u { atomicAnd(&state[STATE_BOARDS], ~(1u << board)); }
    }
    left = subgroupBroadcastFirst(left);
    if i32(left) <= 0 { return NO_PIECE; }
    return atomicLoad(&state[board_word(board, BOARD_PIECES)]) - left;
}

// The item of a board of which this worker has a piece.
fn posted(board: u32) -> Item {
    return Item(
        atomicLoad(&state[board_word(board, BOARD_OFFSET)]),
        atomicLoad(&state[board_word(board, BOARD_LEN)]),
        atomicLoad(&state[board_word(board, BOARD_SET)]),
    );
}

// Makes a piece the part that is searched. A barrier has to follow.
fn cut_out(board: u32, item: Item, piece: u32, lane: u32) {
    let first = atomicLoad(&state[board_word(board, BOARD_FIRST)]);
    let size = atomicLoad(&state[board_word(board, BOARD_SIZE)]);
    if lane == 0u {
        part_begin = border_of(item, first, piece * size);
        part_end = border_of(item, first, (piece + 1u) * size);
    }
}

// Whether this worker has a piece of another's item now; then that is the part to be searched.
fn finds_piece(boards: u32, worker: u32, lane: u32) -> bool {
    if boards == 0u { return false; }
    let board = one_of(boards, worker);
    let piece = take_piece(board, lane);
    if piece == NO_PIECE { return false; }
    if lane == 0u { helped = board; }
    cut_out(board, posted(board), piece, lane);
    workgroupBarrier();
    return true;
}

// The next part of a large item; false: there is none, but pieces that others have. A barrier has to follow.
fn next_part(item: Item, worker: u32, lane: u32) -> bool {
    var board = NO_BOARD;
    var at = 0u;
    var own = 0u;
    if begun != 0u {
        board = shared_on;
        at = searched_to;
        own = own_pieces;
        if flags_so_far == RESULT_HOST { return false; }
    }
    workgroupBarrier();
    if board == NO_BOARD && item.len - at > lease.split_over { board = post(item, at, worker, lane); }
    var some = true;
    if board != NO_BOARD {
        let piece = take_piece(board, lane);
        some = piece != NO_PIECE;
        if some {
            own += 1u;
            cut_out(board, item, piece, lane);
        }
    } else if lane == 0u {
        // Nobody is free: a part, and then a look whether somebody is.
        part_begin = at;
        part_end = border_of(item, at, 4u * lease.split_over);
    }
    if lane == 0u {
        if begun == 0u { flags_so_far = 0u; }
        begun = 1u;
        shared_on = board;
        own_pieces = own;
        searched_to = at;
    }
    return some;
}

// Behind a part of a large item, of which `some` was searched with these flags: whether the item is over. Its flags are then
// in `flags_so_far`.
fn ends_item(flags: u32, some: bool, item: Item, lane: u32, lanes: u32) -> bool {
    workgroupBarrier();
    let board = shared_on;
    let at = part_end;
    var all = both(flags_so_far, flags);
    var over = all == RESULT_HOST || at == item.len;
    if board != NO_BOARD {
        over = !some;
        if over { all = both(all, join(board, own_pieces, lane, lanes)); }
    }
    workgroupBarrier();
    if lane == 0u {
        flags_so_far = all;
        searched_to = at;
        if over { begun = 0u; }
    }
    workgroupBarrier();
    return over;
}

// A helper is done with a piece.
fn hand_in(board: u32, flags: u32, lane: u32) {
    if lane == 0u && flags != 0u {
        atomicOr(&state[board_word(board, BOARD_FLAGS)], select(RESULT_HOST, RESULT_BORDERS, (flags & RESULT_BORDERS) != 0u));
    }
    // Records and flags are there before the count says so.
    storageBarrier();
    if lane == 0u {
        atomicAdd(&state[STATE_HELPED], 1u);
        atomicAdd(&state[board_word(board, BOARD_DONE)], 1u);
    }
}

// Nobody takes a piece any more. How many of them others have, if this worker had `own`.
fn withdraw(board: u32, own: u32, lane: u32) -> u32 {
    var left = 0u;
    if lane == 0u {
        left = atomicExchange(&state[board_word(board, BOARD_LEFT)], 0u);
        atomicAnd(&state[STATE_BOARDS], ~(1u << board));
    }
    left = subgroupBroadcastFirst(left);
    return atomicLoad(&state[board_word(board, BOARD_PIECES)]) - own - u32(max(i32(left), 0));
}

// Waits for the pieces that others have, and adds their records to the item's. What the result's flags are, by them.
fn join(board: u32, own: u32, lane: u32, lanes: u32) -> u32 {
    let theirs = withdraw(board, own, lane);
    var done = false;
    for (var tries = 0u; tries < fuel(); tries++) {
        done = subgroupBroadcastFirst(atomicLoad(&state[board_word(board, BOARD_DONE)])) == theirs;
        spent += 1u;
        if done { break; }
    }
    if !done { return RESULT_HOST; }
    storageBarrier();
    let count = min(atomicLoad(&state[board_word(board, BOARD_COUNT)]), BOARD_RECORDS);
    var flags = atomicLoad(&state[board_word(board, BOARD_FLAGS)]);
    if (flags & RESULT_HOST) == 0u && count != 0u && !records_lost {
        make_room(record_count + count, lane);
        // What was written of chunks is seen by all lanes.
        workgroupBarrier();
        if !records_lost {
            let first = board_word(board, BOARD_RECORDS_AT);
            for (var i = lane; i < count; i += lanes) {
                let a = atomicLoad(&state[first + i * 3u]);
                let b = atomicLoad(&state[first + i * 3u + 1u]);
                let c = atomicLoad(&state[first + i * 3u + 2u]);
                put_record(record_place(record_count + i), a, b, c, record_count + i);
            }
            record_count += count;
            spent += count / lanes + 1u;
        }
    }
    // A loop may have been cut off on the way.
    if cut_off() { flags = RESULT_HOST; }
    // The board is another's from here on.
    storageBarrier();
    if lane == 0u { atomicStore(&state[board_word(board, BOARD_BUSY)], 0u); }
    if records_lost { flags |= RESULT_HOST; }
    if (flags & RESULT_HOST) != 0u { return RESULT_HOST; }
    return select(0u, RESULT_HOST | RESULT_BORDERS, (flags & RESULT_BORDERS) != 0u);
}

struct Outcome {
    over: bool,
    result: u32,
}

// Runs an item with all lanes, or a part of a large one or another worker's piece; whether the item is over, and its result.
fn run_shared(item: Item, helping: bool, ticket: u32, worker: u32, lane: u32) -> Outcome {
    let kind = set_kind(item.rules);
    let large = !helping && item.len > lease.split_over && is_searched(kind);
    var fresh = true;
    var some = true;
    if large {
        fresh = begun == 0u;
        some = next_part(item, worker, lane);
    } else if lane == 0u && !helping {
        part_begin = 0u;
        part_end = item.len;
    }
    if fresh {
        begin_item(select(item.len, part_end - part_begin, helping), ticket & ring_mask(), ticket, lane);
    } else {
        workgroupBarrier();
    }
    var flags = 0u;
    if some && kind != KIND_EMPTY { flags = run_part(item, kind, lane, LANES); }
    if helping {
        hand_in(helped, flags, lane);
        flags = 0u;
    }
    if large {
        if !ends_item(flags, some, item, lane, LANES) { return Outcome(false, 0u); }
        flags = flags_so_far;
    }
    return Outcome(true, end_item(item, flags, lane, LANES));
}

// The lease's last worker: boards that were left are clean again.
fn clear_boards() {
    atomicStore(&state[STATE_BOARDS], 0u);
    for (var board = 0u; board < BOARDS; board++) {
        atomicStore(&state[board_word(board, BOARD_LEFT)], 0u);
        atomicStore(&state[board_word(board, BOARD_BUSY)], 0u);
    }
}
