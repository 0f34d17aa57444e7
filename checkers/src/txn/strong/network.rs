//! Networks: begins and commits that must come one after another, and chains of versions of
//! which only one may be open at a time.
//!
//! With a begin and a commit per transaction, snapshot isolation is an order of these points: who
//! is read from commits before the begin, who overwrites what was read commits after it (Viper,
//! EuroSys 2023, section 3). Serializability is the same with one point per transaction, prefix
//! consistency with less demanded of writers.

use std::ops::Range;

use super::guess::Guess;
use super::level::{Isolation, Level, Order};
use super::polygraph::{Polygraph, Successors};
use crate::Budget;
use crate::txn::key_value::INITIAL;
use crate::txn::transactions::NEVER;

/// Why a point comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// A transaction begins before it commits, or a helping point does not matter.
    Program,
    Session,
    /// Or it is guessed.
    RealTime,
    /// The second read this version.
    Read(u32),
    /// The first read this version, and the second stands for all who did.
    Reader(u32),
    /// Of these versions the first is the older.
    Older(u32, u32),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) why: Why,
}

/// Versions of a key that follow each other at once. Of two chains of a key one is over before
/// the other begins: if this is the earlier, each point of `leave` comes before that of `enter`
/// of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    pub(super) head: u32,
    pub(super) tail: u32,
    /// [`NEVER`] where nothing is demanded.
    pub(super) enter: [u32; 2],
    pub(super) leave: [u32; 2],
}

/// The points of a level, what is known of their order, and the chains.
#[derive(Debug)]
pub(super) struct Network<'p> {
    pub(super) polygraph: &'p Polygraph,
    pub(super) level: Level,
    pub(super) point_count: u32,
    pub(super) edges: Vec<Edge>,
    /// Edges up to here are known; later ones follow from them.
    pub(super) known_edges: usize,
    pub(super) chains: Vec<Chain>,
    /// Per key where its chains begin; one more at the end. The first is that of the initial
    /// version, which is known to come before all others.
    pub(super) chain_starts: Vec<u32>,
    /// Per version the point by which all its readers have begun, [`NEVER`] without any.
    readers_done: Vec<u32>,
    /// Points from here on are no transactions'.
    helpers: u32,
}

impl<'p> Network<'p> {
    /// Linear. `None` if time is up.
    pub(super) fn new(
        polygraph: &'p Polygraph,
        level: Level,
        guess: Option<&Guess>,
        budget: &Budget,
    ) -> Option<Self> {
        let successors = match level.isolation {
            Isolation::Prefix => Successors::loose(polygraph),
            Isolation::Snapshot | Isolation::Serializable => Successors::new(polygraph),
        };
        let points = if level.isolation == Isolation::Serializable { 1 } else { 2 };
        let helpers = points * polygraph.len() as u32;
        let mut all = Self {
            polygraph,
            level,
            point_count: helpers,
            edges: Vec::new(),
            known_edges: 0,
            chains: Vec::new(),
            chain_starts: vec![0],
            readers_done: vec![NEVER; polygraph.version_count()],
            helpers,
        };
        all.add_transactions();
        if budget.is_cancelled() {
            return None;
        }
        for version in 0..polygraph.version_count() as u32 {
            all.add_version(version, &successors);
        }
        let chain_of = all.add_chains(&successors);
        all.add_known(&successors, &chain_of);
        let everybody: Vec<u32> = (0..polygraph.len() as u32).collect();
        let times = (polygraph.begins.as_slice(), polygraph.ends.as_slice());
        match level.order {
            Order::None => {}
            Order::RealTime if polygraph.timed => {
                all.add_real_time(&everybody, times, Why::RealTime);
            }
            Order::Session | Order::RealTime => all.add_sessions(times),
        }
        if let Some(Guess { begins, ends }) = guess {
            all.add_real_time(&everybody, (begins, ends), Why::RealTime);
        }
        all.known_edges = all.edges.len();
        Some(all).filter(|_| !budget.is_cancelled())
    }

    pub(super) fn begin(&self, txn: u32) -> u32 {
        if self.level.isolation == Isolation::Serializable { txn } else { 2 * txn }
    }

    pub(super) fn commit(&self, txn: u32) -> u32 {
        if self.level.isolation == Isolation::Serializable { txn } else { 2 * txn + 1 }
    }

    /// Whose point this is.
    pub(super) fn txn(&self, point: u32) -> Option<u32> {
        let single = self.level.isolation == Isolation::Serializable;
        (point < self.helpers).then_some(if single { point } else { point / 2 })
    }

    /// The chains of a key but for that of its initial version.
    pub(super) fn rivals(&self, key: u32) -> Range<u32> {
        self.chain_starts[key as usize] + 1..self.chain_starts[key as usize + 1]
    }

    fn helper(&mut self) -> u32 {
        self.point_count += 1;
        self.point_count - 1
    }

    fn edge(&mut self, from: u32, to: u32, why: Why) {
        self.edges.push(Edge { from, to, why });
    }

    fn add_transactions(&mut self) {
        for txn in 0..self.polygraph.len() as u32 {
            let (begin, commit) = (self.begin(txn), self.commit(txn));
            if begin != commit {
                self.edge(begin, commit, Why::Program);
            }
        }
    }

    /// Who read a version did so after it was committed, and before the next one is.
    fn add_version(&mut self, version: u32, successors: &Successors) {
        let polygraph = self.polygraph;
        let (readers, writer) = (polygraph.readers(version), polygraph.writer(version));
        if writer != INITIAL {
            for reader in readers {
                self.edge(self.commit(writer), self.begin(*reader), Why::Read(version));
            }
        }
        let next = successors.next[version as usize];
        let updater = if next == NEVER { NEVER } else { polygraph.writer(next) };
        let others = readers.len() - usize::from(updater != NEVER);
        let mut others_of = readers.iter().copied().filter(|reader| *reader != updater);
        let done = match others {
            0 => return,
            1 => others_of.next().map_or(NEVER, |reader| self.begin(reader)),
            _ => {
                let done = self.helper();
                for reader in others_of {
                    self.edge(self.begin(reader), done, Why::Reader(version));
                }
                done
            }
        };
        self.readers_done[version as usize] = done;
        if next != NEVER {
            self.edge(done, self.commit(updater), Why::Older(version, next));
        }
    }

    /// Returns the chain of each version.
    fn add_chains(&mut self, successors: &Successors) -> Vec<u32> {
        let polygraph = self.polygraph;
        let mut chain_of = vec![NEVER; polygraph.version_count()];
        for key in 0..polygraph.key_count() as u32 {
            for head in polygraph.versions(key) {
                if successors.previous[head as usize] != NEVER {
                    continue;
                }
                let mut tail = head;
                chain_of[tail as usize] = self.chains.len() as u32;
                while successors.next[tail as usize] != NEVER {
                    tail = successors.next[tail as usize];
                    chain_of[tail as usize] = self.chains.len() as u32;
                }
                let chain = self.chain(head, tail);
                self.chains.push(chain);
            }
            self.chain_starts.push(self.chains.len() as u32);
        }
        chain_of
    }

    fn chain(&self, head: u32, tail: u32) -> Chain {
        let [first, last] = [head, tail].map(|version| self.polygraph.writer(version));
        let done = self.readers_done[tail as usize];
        let begin = if first == INITIAL { NEVER } else { self.begin(first) };
        let commit = if first == INITIAL { NEVER } else { self.commit(first) };
        let committed = if last == INITIAL { NEVER } else { self.commit(last) };
        let (enter, leave) = match self.level.isolation {
            Isolation::Prefix | Isolation::Serializable => {
                let leave = if done == NEVER { committed } else { done };
                ([commit, NEVER], [leave, NEVER])
            }
            Isolation::Snapshot => ([begin, commit], [committed, done]),
        };
        Chain { head, tail, enter, leave }
    }

    /// The edges that say that a chain comes before another.
    pub(super) fn option(&self, first: u32, second: u32) -> impl Iterator<Item = Edge> + use<> {
        let [first, second] = [first, second].map(|chain| self.chains[chain as usize]);
        let why = Why::Older(first.tail, second.head);
        [0, 1].into_iter().filter_map(move |slot| {
            let (from, to) = (first.leave[slot], second.enter[slot]);
            (from != NEVER && to != NEVER).then_some(Edge { from, to, why })
        })
    }

    fn add_known(&mut self, successors: &Successors, chain_of: &[u32]) {
        for key in 0..self.polygraph.key_count() as u32 {
            let initial = self.chain_starts[key as usize];
            for rival in self.rivals(key) {
                let edges = self.option(initial, rival);
                self.edges.extend(edges);
            }
        }
        for (earlier, later) in successors.further.iter().chain(&self.polygraph.known) {
            let chains = [*earlier, *later].map(|version| chain_of[version as usize]);
            if chains.contains(&NEVER) {
                // Versions that follow each other in a circle: reads show that already.
                continue;
            }
            let initial = self.chain_starts[self.polygraph.key_of(*later) as usize];
            if chains[0] != chains[1] && chains[1] != initial {
                let edges = self.option(chains[0], chains[1]);
                self.edges.extend(edges);
            } else if chains[0] != chains[1] || !self.follows(successors, *earlier, *later) {
                let [first, second] = [*earlier, *later].map(|v| self.polygraph.writer(v));
                if first != INITIAL && second != INITIAL {
                    let (from, to) = (self.commit(first), self.begin(second));
                    self.edge(from, to, Why::Older(*earlier, *later));
                }
            }
        }
    }

    /// Whether a version is later in the chain of the first. Known orders give the direct
    /// successor nearly always.
    fn follows(&self, successors: &Successors, first: u32, second: u32) -> bool {
        let mut at = successors.next[first as usize];
        while at != NEVER && at != second {
            at = successors.next[at as usize];
        }
        at == second
    }

    fn add_sessions(&mut self, times: (&[u32], &[u32])) {
        let polygraph = self.polygraph;
        let mut members: Vec<Vec<u32>> = vec![Vec::new(); polygraph.session_count as usize];
        for txn in 0..polygraph.len() as u32 {
            members[polygraph.sessions[txn as usize] as usize].push(txn);
        }
        for session in &members {
            let mut pairs = session.windows(2);
            if pairs.all(|pair| polygraph.in_session_order(pair[0], pair[1])) {
                for pair in session.windows(2) {
                    self.edge(self.commit(pair[0]), self.begin(pair[1]), Why::Session);
                }
            } else {
                self.add_real_time(session, times, Why::Session);
            }
        }
    }

    /// A helping point after every group of ends, in a chain, and before all later begins: as
    /// many edges as there are begins and ends.
    fn add_real_time(&mut self, txns: &[u32], (begins, ends): (&[u32], &[u32]), why: Why) {
        let mut moments: Vec<(u32, bool, u32)> = Vec::with_capacity(2 * txns.len());
        for txn in txns {
            // At the same position a begin is not after an end.
            moments.push((begins[*txn as usize], false, *txn));
            let end = ends[*txn as usize];
            if end != NEVER {
                moments.push((end, true, *txn));
            }
        }
        moments.sort_unstable();
        let (mut past, mut open) = (NEVER, NEVER);
        for (_, is_end, txn) in moments {
            if is_end {
                if open == NEVER {
                    open = self.helper();
                    if past != NEVER {
                        self.edge(past, open, why);
                    }
                }
                self.edge(self.commit(txn), open, why);
            } else {
                if open != NEVER {
                    past = std::mem::replace(&mut open, NEVER);
                }
                if past != NEVER {
                    self.edge(past, self.begin(txn), why);
                }
            }
        }
    }
}
