//! Schedules: an order of all points that keeps chains apart where it can.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::adjacency::Adjacency;
use super::network::Network;
use crate::txn::transactions::NEVER;

/// Per point when it should come: begins and ends as they were seen, or, without times, as far
/// as the session was through. What must come before a point that should come early is early.
pub(super) fn wishes(network: &Network<'_>, forward: &Adjacency, order: &[u32]) -> Vec<u32> {
    let polygraph = network.polygraph;
    let mut wishes = vec![NEVER; network.point_count as usize];
    let mut ranks = vec![0u64; polygraph.session_count as usize];
    let mut lengths = vec![0u64; polygraph.session_count as usize];
    for session in &polygraph.sessions {
        lengths[*session as usize] += 1;
    }
    for txn in 0..polygraph.len() as u32 {
        let session = polygraph.sessions[txn as usize] as usize;
        let (begin, end) = if polygraph.timed {
            let (begin, end) = (polygraph.begins[txn as usize], polygraph.ends[txn as usize]);
            // Nobody knows when it took effect: when it is first needed.
            (begin, if end == NEVER { NEVER - 1 } else { end })
        } else {
            ranks[session] += 1;
            let share = (ranks[session] << 30) / lengths[session];
            (share as u32, share as u32)
        };
        let single = network.begin(txn) == network.commit(txn);
        wishes[network.begin(txn) as usize] = if single { end } else { begin };
        wishes[network.commit(txn) as usize] = end;
    }
    for point in order.iter().rev() {
        let earliest = forward.of(*point).iter().map(|(to, _)| wishes[*to as usize]).min();
        let own = &mut wishes[*point as usize];
        *own = (*own).min(earliest.unwrap_or(NEVER));
    }
    for point in 0..network.point_count {
        if network.txn(point).is_none() {
            // Closes a chain, or only hands on.
            wishes[point as usize] = 0;
        }
    }
    wishes
}

/// A slot of a chain at a point.
#[derive(Clone, Copy, Debug)]
struct Stop {
    point: u32,
    chain: u32,
    slot: u32,
}

/// Stops by point.
struct Stops {
    starts: Vec<u32>,
    stops: Vec<Stop>,
}

impl Stops {
    fn new(points: u32, stops: Vec<Stop>) -> Self {
        let mut starts = vec![0u32; points as usize + 1];
        for stop in &stops {
            starts[stop.point as usize + 1] += 1;
        }
        for point in 0..points as usize {
            starts[point + 1] += starts[point];
        }
        let mut free = starts.clone();
        let mut sorted = stops.clone();
        for stop in stops {
            sorted[free[stop.point as usize] as usize] = stop;
            free[stop.point as usize] += 1;
        }
        Self { starts, stops: sorted }
    }

    fn at(&self, point: u32) -> &[Stop] {
        let at = point as usize;
        &self.stops[self.starts[at] as usize..self.starts[at + 1] as usize]
    }
}

/// A run of all transactions on an imagined store: a chain is entered only when no other one of
/// its key is open, unless nothing else is left to do.
struct Run<'n> {
    network: &'n Network<'n>,
    enters: Stops,
    leaves: Stops,
    key_of: Vec<u32>,
    /// Per key and slot the chain that is open, and the points that wait for its end.
    open: Vec<[u32; 2]>,
    blocked: Vec<[Vec<u32>; 2]>,
    wishes: &'n [u32],
    ready: BinaryHeap<Reverse<(u32, u32)>>,
    /// Points that were blocked, some of which no longer are.
    stuck: BinaryHeap<Reverse<(u32, u32)>>,
    done: Vec<bool>,
    /// How many more times a point may be asked to wait.
    patience: usize,
}

impl<'n> Run<'n> {
    fn new(network: &'n Network<'n>, wishes: &'n [u32]) -> Self {
        let keys = network.polygraph.key_count();
        let mut enters = Vec::new();
        let mut leaves = Vec::new();
        let mut key_of = vec![0; network.chains.len()];
        for key in 0..keys as u32 {
            for chain in network.rivals(key) {
                key_of[chain as usize] = key;
                let parts = network.chains[chain as usize];
                for slot in 0..2 {
                    let (enter, leave) = (parts.enter[slot], parts.leave[slot]);
                    if enter != NEVER && leave != NEVER {
                        enters.push(Stop { point: enter, chain, slot: slot as u32 });
                        leaves.push(Stop { point: leave, chain, slot: slot as u32 });
                    }
                }
            }
        }
        Self {
            network,
            enters: Stops::new(network.point_count, enters),
            leaves: Stops::new(network.point_count, leaves),
            key_of,
            open: vec![[NEVER; 2]; keys],
            blocked: vec![<[Vec<u32>; 2]>::default(); keys],
            wishes,
            ready: BinaryHeap::new(),
            stuck: BinaryHeap::new(),
            done: vec![false; network.point_count as usize],
            patience: 40 * network.point_count as usize,
        }
    }

    /// Puts a point off if it would enter a key that is open.
    fn is_put_off(&mut self, point: u32) -> bool {
        if self.patience == 0 {
            return false;
        }
        for stop in self.enters.at(point) {
            let (key, slot) = (self.key_of[stop.chain as usize] as usize, stop.slot as usize);
            let open = self.open[key][slot];
            if open != NEVER && open != stop.chain {
                self.patience -= 1;
                self.blocked[key][slot].push(point);
                self.stuck.push(Reverse((self.wishes[point as usize], point)));
                return true;
            }
        }
        false
    }

    fn execute(&mut self, point: u32) {
        self.done[point as usize] = true;
        for stop in self.enters.at(point) {
            self.open[self.key_of[stop.chain as usize] as usize][stop.slot as usize] = stop.chain;
        }
        for stop in self.leaves.at(point) {
            let (key, slot) = (self.key_of[stop.chain as usize] as usize, stop.slot as usize);
            if self.open[key][slot] == stop.chain {
                self.open[key][slot] = NEVER;
                for waiting in std::mem::take(&mut self.blocked[key][slot]) {
                    if !self.done[waiting as usize] {
                        self.ready.push(Reverse((self.wishes[waiting as usize], waiting)));
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Option<u32> {
        while let Some(Reverse((_, point))) = self.ready.pop() {
            if !self.done[point as usize] && !self.is_put_off(point) {
                return Some(point);
            }
        }
        while let Some(Reverse((_, point))) = self.stuck.pop() {
            if !self.done[point as usize] {
                return Some(point);
            }
        }
        None
    }
}

/// Orders all points of a network without cycles. `n log n`.
pub(super) fn schedule(network: &Network<'_>, forward: &Adjacency, wishes: &[u32]) -> Vec<u32> {
    let mut run = Run::new(network, wishes);
    let mut waiting = vec![0u32; network.point_count as usize];
    for edge in &network.edges {
        waiting[edge.to as usize] += 1;
    }
    for point in (0..network.point_count).filter(|point| waiting[*point as usize] == 0) {
        run.ready.push(Reverse((wishes[point as usize], point)));
    }
    let mut order = Vec::with_capacity(network.point_count as usize);
    while let Some(point) = run.next() {
        run.execute(point);
        order.push(point);
        for (to, _) in forward.of(point) {
            waiting[*to as usize] -= 1;
            if waiting[*to as usize] == 0 {
                run.ready.push(Reverse((wishes[*to as usize], *to)));
            }
        }
    }
    order
}

/// Pairs of chains that an order leaves open at the same time, by `(key, earlier, later)` in that
/// order; at most a few per chain.
pub(super) fn overlaps(network: &Network<'_>, positions: &[u32]) -> Vec<(u32, u32, u32)> {
    /// Partners of a chain that are told.
    const MAX_PARTNERS: usize = 8;
    let mut found = Vec::new();
    let mut sorted: Vec<(u32, u32)> = Vec::new();
    let at = |point: u32| positions.get(point as usize).copied();
    for key in 0..network.polygraph.key_count() as u32 {
        let rivals = network.rivals(key);
        if rivals.len() < 2 {
            continue;
        }
        sorted.clear();
        let enter = |chain: u32| network.chains[chain as usize].enter[0];
        sorted.extend(rivals.map(|chain| (at(enter(chain)).unwrap_or(NEVER), chain)));
        sorted.sort_unstable();
        // Of the chains before, those that end last.
        let mut open: Vec<u32> = Vec::new();
        for (_, later) in &sorted {
            open.retain(|earlier| {
                let clash = network.option(*earlier, *later).any(|e| at(e.from) > at(e.to));
                if clash {
                    found.push((key, *earlier, *later));
                }
                clash
            });
            open.push(*later);
            if open.len() > MAX_PARTNERS {
                let ends = |chain: &u32| network.chains[*chain as usize].leave.map(at);
                let first = (0..open.len())
                    .min_by_key(|place| ends(&open[*place]).into_iter().flatten().max());
                open.remove(first.unwrap_or(0));
            }
        }
    }
    found
}
