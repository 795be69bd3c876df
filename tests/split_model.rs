//! Every interleaving of workers that share large items out on one board. What `shaders/split.wgsl` does step by step is
//! written down here as a state machine and explored to the end; planted faults have to be found.

use std::collections::HashSet;

const WORKERS: usize = 3;
const PIECES: i8 = 2;
const ITEMS: usize = 2;

/// What is done wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plant {
    Nothing,
    /// The owner does not wait for pieces that others have.
    NoWait,
    /// The board says how many pieces are left before it says of what.
    LeftFirst,
    /// A helper counts a piece done before its records are there.
    DoneFirst,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Looks for a board with pieces.
    Idle,
    /// Owner of an item: the board is to be had.
    Post,
    /// It is, and says of what item.
    Describe,
    /// How many pieces are left.
    Fill,
    /// Takes a piece, or the last step.
    Take,
    /// Has a piece; as a helper it reads of which item.
    Read(i8),
    Search(i8),
    /// Helper: what was found is stored, then counted.
    HandIn(i8),
    Stored(i8),
    /// Owner: nobody takes a piece any more, wait for others, free the board.
    Withdraw,
    Wait(i8),
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Worker {
    at: At,
    /// The item that it owns, if any.
    owns: Option<usize>,
    /// The item that it believes to search.
    of: usize,
    own: i8,
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    workers: [Worker; WORKERS],
    busy: bool,
    bit: bool,
    of: usize,
    left: i8,
    done: i8,
    /// Times each piece was searched, and whether what was found can be seen by the owner.
    searched: [[u8; PIECES as usize]; ITEMS],
    seen: [[bool; PIECES as usize]; ITEMS],
    over: [bool; ITEMS],
}

impl State {
    fn new() -> State {
        let worker = |owns: Option<usize>| Worker {
            at: if owns.is_some() { At::Post } else { At::Idle },
            owns,
            of: owns.unwrap_or(usize::MAX),
            own: 0,
        };
        State {
            workers: [worker(Some(0)), worker(Some(1)), worker(None)],
            busy: false,
            bit: false,
            of: usize::MAX,
            left: 0,
            done: 0,
            searched: Default::default(),
            seen: Default::default(),
            over: [false; ITEMS],
        }
    }

    fn steps(&self, plant: Plant, next: &mut Vec<State>) {
        for n in 0..WORKERS {
            let mut to = self.clone();
            let mut me = self.workers[n];
            let helps = me.owns.is_none();
            match me.at {
                At::Gone => continue,
                At::Idle => {
                    // It may leave at any time; with a bit set it may as well take a piece.
                    let mut leaves = self.clone();
                    leaves.workers[n].at = At::Gone;
                    next.push(leaves);
                    if !self.bit {
                        continue;
                    }
                    me.at = At::Take;
                }
                At::Post => {
                    if self.busy {
                        continue;
                    }
                    to.busy = true;
                    me.at = if plant == Plant::LeftFirst { At::Fill } else { At::Describe };
                }
                At::Describe => {
                    (to.of, to.done) = (me.of, 0);
                    me.at = if plant == Plant::LeftFirst { At::Take } else { At::Fill };
                }
                At::Fill => {
                    (to.left, to.bit) = (PIECES, true);
                    me.at = if plant == Plant::LeftFirst { At::Describe } else { At::Take };
                }
                At::Take => {
                    let left = self.left;
                    to.left = left.saturating_sub(1);
                    if left == 1 {
                        to.bit = false;
                    }
                    me.at = match (left > 0, helps) {
                        (true, _) => At::Read(PIECES - left),
                        (false, true) => At::Idle,
                        (false, false) => At::Withdraw,
                    };
                    me.own += i8::from(left > 0);
                }
                At::Read(piece) => {
                    if helps {
                        me.of = self.of;
                    }
                    me.at = At::Search(piece);
                }
                At::Search(piece) => {
                    if me.of == usize::MAX {
                        panic!("a piece of nothing");
                    }
                    to.searched[me.of][piece as usize] += 1;
                    if !helps {
                        to.seen[me.of][piece as usize] = true;
                    }
                    me.at = if helps { At::HandIn(piece) } else { At::Take };
                }
                At::HandIn(piece) => {
                    match plant {
                        Plant::DoneFirst => to.done += 1,
                        _ => to.seen[me.of][piece as usize] = true,
                    }
                    me.at = At::Stored(piece);
                }
                At::Stored(piece) => {
                    match plant {
                        Plant::DoneFirst => to.seen[me.of][piece as usize] = true,
                        _ => to.done += 1,
                    }
                    me.at = At::Idle;
                }
                At::Withdraw => {
                    let theirs = PIECES - me.own - self.left.max(0);
                    (to.left, to.bit) = (0, false);
                    me.at = At::Wait(theirs);
                }
                At::Wait(theirs) => {
                    if self.done != theirs && plant != Plant::NoWait {
                        continue;
                    }
                    to.over[me.of] = true;
                    assert!(self.searched[me.of].iter().all(|&times| times == 1), "{self:?}");
                    assert!(self.seen[me.of].iter().all(|&seen| seen), "{self:?}");
                    to.busy = false;
                    // Its item is over; from now on it is one of those that help.
                    (me.owns, me.own, me.of, me.at) = (None, 0, usize::MAX, At::Idle);
                }
            }
            to.workers[n] = me;
            assert!(to.searched.iter().flatten().all(|&times| times <= 1), "a piece was searched twice: {to:?}");
            assert!((0..ITEMS).all(|item| !self.over[item] || to.searched[item] == self.searched[item]), "{to:?}");
            next.push(to);
        }
    }
}

/// States that were reached; panics where a rule is broken.
fn explore(plant: Plant) -> usize {
    let (mut known, mut open) = (HashSet::from([State::new()]), vec![State::new()]);
    while let Some(state) = open.pop() {
        let mut next = Vec::new();
        state.steps(plant, &mut next);
        if next.is_empty() {
            assert!(state.over == [true; ITEMS], "it stands still: {state:?}");
        }
        open.extend(next.into_iter().filter(|state| known.insert(state.clone())));
    }
    known.len()
}

#[test]
fn each_piece_is_searched_once_and_seen_by_the_owner() {
    let states = explore(Plant::Nothing);
    println!("{states} states");
    assert!(states > 1000, "{states} states are too few to be all");
}

#[test]
fn planted_faults_are_found() {
    for plant in [Plant::NoWait, Plant::LeftFirst, Plant::DoneFirst] {
        let found = std::panic::catch_unwind(|| explore(plant));
        assert!(found.is_err(), "{plant:?} was not found");
    }
}
