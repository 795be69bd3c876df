//! Every interleaving of a small drum: two workers, two leases at a time, a host that publishes, hands over, lets go
//! when idle and launches again. What `shaders/claim.wgsl`, `shaders/resident.wgsl` and `src/gpu/lease.rs` do step by
//! step is written down here as a state machine and explored to the end; planted faults have to be found.

use std::collections::HashSet;

const RING: u8 = 2;
const ITEMS: u8 = 3;
const WORKERS: usize = 2;
const LEASES: u8 = 3;
const NONE: u8 = 0xff;

/// What is done wrong on purpose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plant {
    Nothing,
    /// A leaving worker forgets the ticket it holds.
    NoPark,
    /// The next lease forgets what was served.
    ForgetServed,
    /// The host goes idle without looking again at what was published.
    IdleWithoutLook,
}

/// Where a worker is in its round.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum At {
    /// Not started in this lease.
    Outside,
    /// Reads the stop words.
    Stop,
    /// Takes a ticket if it holds none.
    Take,
    /// Looks at its ticket's slot; `bool`: stopping.
    Look(bool),
    /// Writes the completion, then counts it.
    Complete,
    Count,
    /// Counts itself out; the last one closes the lease.
    Leave,
    Gone,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Worker {
    at: At,
    ticket: u8,
}

/// All that matters. Leases run one after the other, as one queue's submissions do.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    // device
    claim: u8,
    high: u8,
    start: u8,
    parked: u8,
    out: u8,
    served: [u8; RING as usize],
    workers: [Worker; WORKERS],
    // shared
    slots: [u8; RING as usize], // ticket + 1
    stop: u8,
    done: [u8; RING as usize], // lap tag
    ended: u8,
    // host
    submitted: u8,
    idle: bool,
    /// The host has set idle and has still to look at what was published.
    looking: bool,
    reserved: u8,
    /// Per producer: the item it has reserved and not published.
    holds: [u8; 2],
    /// It has published and has still to look whether the kernel is idle.
    must_wake: [bool; 2],
    published: u8,
    consumed: u8,
    times_served: [u8; ITEMS as usize],
}

fn slot(ticket: u8) -> usize {
    (ticket % RING) as usize
}

fn lap(ticket: u8) -> u8 {
    ticket / RING
}

impl State {
    fn new() -> State {
        State {
            claim: 0,
            high: 0,
            start: 0,
            parked: NONE,
            out: 0,
            served: [0; RING as usize],
            workers: [Worker { at: At::Gone, ticket: NONE }; WORKERS],
            slots: [0; RING as usize],
            stop: 1,
            done: [NONE; RING as usize],
            ended: 0,
            submitted: 0,
            idle: true,
            looking: false,
            reserved: 0,
            holds: [NONE; 2],
            must_wake: [false; 2],
            published: 0,
            consumed: 0,
            times_served: [0; ITEMS as usize],
        }
    }

    /// The lease that runs, or 0.
    fn running(&self) -> u8 {
        if self.submitted > self.ended { self.ended + 1 } else { 0 }
    }

    fn submit(&mut self) {
        self.submitted += 1;
        if self.running() == self.submitted {
            self.begin();
        }
    }

    fn begin(&mut self) {
        self.workers = [Worker { at: At::Outside, ticket: NONE }; WORKERS];
    }

    fn all_done(&self) -> bool {
        (0..self.published).all(|ticket| self.times_served[ticket as usize] > 0)
    }

    /// Everything that may happen next.
    fn steps(&self, plant: Plant) -> Vec<State> {
        let mut next = Vec::new();
        for worker in 0..WORKERS {
            self.worker_step(worker, plant, &mut next);
        }
        for producer in 0..2 {
            self.producer_step(producer, &mut next);
        }
        self.host_step(plant, &mut next);
        next
    }

    fn worker_step(&self, n: usize, plant: Plant, next: &mut Vec<State>) {
        let lease = self.running();
        if lease == 0 || self.workers[n].at == At::Gone {
            return;
        }
        let mut s = self.clone();
        let Worker { at, ticket } = self.workers[n];
        s.workers[n] = match at {
            At::Outside => Worker { at: At::Stop, ticket: NONE },
            At::Stop if self.stop > lease => Worker { at: At::Look(true), ticket },
            At::Stop => Worker { at: At::Take, ticket },
            At::Take if ticket != NONE => Worker { at: At::Look(false), ticket },
            At::Take => {
                let taken = s.claim;
                s.claim += 1;
                let known = taken < self.high && self.served[slot(taken)] > lap(taken);
                let dropped = known && plant != Plant::ForgetServed;
                Worker { at: At::Look(false), ticket: if dropped { NONE } else { taken } }
            }
            At::Look(_) if ticket != NONE && self.slots[slot(ticket)] == ticket + 1 => {
                Worker { at: At::Complete, ticket }
            }
            At::Look(true) => {
                if ticket != NONE && plant != Plant::NoPark {
                    s.parked = s.parked.min(ticket - self.start);
                }
                Worker { at: At::Leave, ticket: NONE }
            }
            At::Look(false) => Worker { at: At::Stop, ticket },
            At::Complete => {
                s.done[slot(ticket)] = lap(ticket);
                s.times_served[ticket as usize] += 1;
                Worker { at: At::Count, ticket }
            }
            At::Count => {
                s.served[slot(ticket)] += 1;
                Worker { at: At::Stop, ticket: NONE }
            }
            At::Leave => {
                s.out += 1;
                if s.out == WORKERS as u8 {
                    s.high = s.high.max(s.claim);
                    if s.parked != NONE {
                        s.claim = s.start + s.parked;
                    }
                    (s.start, s.parked, s.out, s.ended) = (s.claim, NONE, 0, lease);
                    if s.running() != 0 {
                        s.begin();
                        next.push(s);
                        return;
                    }
                }
                Worker { at: At::Gone, ticket: NONE }
            }
            At::Gone => return,
        };
        // A worker that holds a ticket far ahead of everything would make the states endless; it is the same as one
        // that waits.
        if s.claim <= ITEMS + 2 * WORKERS as u8 {
            next.push(s);
        }
    }

    fn producer_step(&self, n: usize, next: &mut Vec<State>) {
        let mut s = self.clone();
        if self.must_wake[n] {
            s.must_wake[n] = false;
            // The submit lock: not while the host is between idle and its look.
            if self.looking {
                return;
            }
            if self.idle {
                if self.submitted == LEASES {
                    return;
                }
                s.idle = false;
                s.submit();
            }
        } else if self.holds[n] != NONE {
            let ticket = self.holds[n];
            s.slots[slot(ticket)] = ticket + 1;
            s.published = s.published.max(ticket + 1);
            s.holds[n] = NONE;
            s.must_wake[n] = true;
        } else if self.reserved < ITEMS && self.reserved - self.consumed < RING && self.holds[1 - n] == NONE {
            // Positions are published in the order of the host's claims, so one is outstanding at a time.
            s.holds[n] = self.reserved;
            s.reserved += 1;
        } else {
            return;
        }
        next.push(s);
    }

    fn host_step(&self, plant: Plant, next: &mut Vec<State>) {
        if self.consumed < self.published && self.done[slot(self.consumed)] == lap(self.consumed) {
            let mut s = self.clone();
            s.consumed += 1;
            next.push(s);
        }
        if self.looking {
            let mut s = self.clone();
            s.looking = false;
            if self.published > self.consumed && !self.all_done() && plant != Plant::IdleWithoutLook {
                if self.submitted == LEASES {
                    return;
                }
                s.idle = false;
                s.submit();
            }
            next.push(s);
        } else if self.idle {
        } else if self.running() == 0 {
            // It has left: idle first, then the look.
            let mut s = self.clone();
            (s.idle, s.looking) = (true, true);
            next.push(s);
        } else {
            // Stop without a next lease, as for idleness or by the kernel's own budget.
            let mut s = self.clone();
            s.stop = self.submitted + 1;
            next.push(s);
            // Hand over: the next lease is queued, then the running one is told.
            if self.submitted < LEASES && self.running() == self.submitted {
                let mut s = self.clone();
                s.submitted += 1;
                s.stop = s.submitted;
                next.push(s);
            }
        }
    }

    /// Nothing that is published can ever be served: everything has come to rest.
    fn stuck(&self) -> bool {
        self.idle
            && !self.looking
            && self.running() == 0
            && !self.must_wake.iter().any(|&m| m)
            && self.published > 0
            && !self.all_done()
            && self.submitted < LEASES
    }
}

/// What is wrong somewhere in the states that can be reached, and how many there are.
fn explore(plant: Plant) -> (Option<String>, usize) {
    let mut seen = HashSet::new();
    let mut open = vec![State::new()];
    seen.insert(State::new());
    while let Some(state) = open.pop() {
        if state.times_served.iter().any(|&n| n > 1) {
            return (Some(format!("served twice: {state:?}")), seen.len());
        }
        let parked_away = lost(&state);
        if let Some(ticket) = parked_away {
            return (Some(format!("ticket {ticket} is nowhere: {state:?}")), seen.len());
        }
        if state.stuck() {
            return (Some(format!("asleep with work: {state:?}")), seen.len());
        }
        for next in state.steps(plant) {
            if seen.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    (None, seen.len())
}

/// A ticket below the claim that nobody holds, has parked or has served.
fn lost(state: &State) -> Option<u8> {
    (0..state.claim.min(ITEMS)).find(|&ticket| {
        let held = state.workers.iter().any(|w| w.ticket == ticket);
        let parked = state.parked != NONE && ticket >= state.start + state.parked;
        state.times_served[ticket as usize] == 0 && !held && !parked
    })
}

#[test]
fn no_interleaving_loses_or_doubles_a_ticket_or_falls_asleep_with_work() {
    let (wrong, states) = explore(Plant::Nothing);
    assert_eq!(wrong, None);
    assert!(states > 10_000, "only {states} states: the model has gone lame");
    println!("{states} states");
}

#[test]
fn planted_faults_are_found() {
    for plant in [Plant::NoPark, Plant::ForgetServed, Plant::IdleWithoutLook] {
        assert!(explore(plant).0.is_some(), "{plant:?} went unnoticed");
    }
}
