//! Proofs that a level does not hold: cycles, one for every way to order the versions.

use std::collections::BTreeMap;

use super::adjacency::{Adjacency, Paths};
use super::network::{Edge, Network, Why};
use super::polygraph::Polygraph;
use super::saturate::Rounds;
use super::search::Part;
use super::shrink;
use crate::txn::transactions::NEVER;

/// Of two versions of a key the first is the older: all of the chain of updates that ends in it,
/// and all of the one that begins with the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Older {
    pub first: u32,
    pub second: u32,
}

/// Why a transaction comes before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Relation {
    Session,
    RealTime,
    /// The second read this version of the first.
    Wr(u32),
    /// The second replaced a version that the first wrote.
    Ww(Older),
    /// The second replaced a version that the first read.
    Rw(Older),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    pub from: u32,
    pub to: u32,
    pub relation: Relation,
}

/// A cycle, each transaction before the next.
pub type Cycle = Vec<Link>;

/// An order of two chains of versions, which the opposite order would contradict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lemma {
    /// What follows.
    pub older: Older,
    /// What would be so otherwise.
    pub otherwise: Older,
    /// The cycle that there would be then; earlier lemmas may be used in it.
    pub cycle: Cycle,
}

/// Why a level does not hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// In the order in which they follow.
    pub lemmas: Vec<Lemma>,
    /// Pairs of chains of which either order is possible by itself: either order of a pair.
    pub cases: Vec<[Older; 2]>,
    /// However the cases are decided, one of these cycles is there. One only without cases.
    pub cycles: Vec<Cycle>,
}

/// Makes proofs out of numbers of edges.
pub(super) struct Prover<'n> {
    network: &'n Network<'n>,
    rounds: &'n Rounds,
    forward: Adjacency,
    positions: Vec<u32>,
}

impl<'n> Prover<'n> {
    pub(super) fn new(network: &'n Network<'n>, rounds: &'n Rounds) -> Self {
        let mut positions = vec![NEVER; network.point_count as usize];
        for (position, point) in (0u32..).zip(&rounds.order) {
            positions[*point as usize] = position;
        }
        let forward = Adjacency::forward(network.point_count, &network.edges);
        Self { network, rounds, forward, positions }
    }

    /// The proof by a cycle of the network.
    pub(super) fn cycle(&self, edges: &[u32]) -> Proof {
        self.proof(vec![edges.iter().map(|edge| Part::Fixed(*edge)).collect()], Vec::new())
    }

    /// The proof by two chains neither of which can be the earlier.
    pub(super) fn dilemma(&self, first: u32, second: u32) -> Proof {
        let limit = self.network.edges.len() as u32;
        let mut paths = Paths::new(self.network.point_count, &self.forward);
        let cycles = [(first, second), (second, first)];
        let cycles: Option<Vec<Vec<Part>>> = cycles
            .into_iter()
            .map(|(first, second)| self.contradiction(&mut paths, first, second, limit))
            .collect();
        self.proof(cycles.unwrap_or_default(), vec![[first, second]])
    }

    /// The proof by cycles that leave no choice of orders.
    pub(super) fn cycles(&self, cycles: Vec<Vec<Part>>) -> Proof {
        let (cycles, pairs) = shrink::shrink(cycles);
        self.proof(cycles, pairs)
    }

    /// The cycle that there is if the first chain comes before the second.
    fn contradiction(
        &self,
        paths: &mut Paths<'_>,
        first: u32,
        second: u32,
        limit: u32,
    ) -> Option<Vec<Part>> {
        let option: Vec<Edge> = self.network.option(first, second).collect();
        // Without what saturation added if possible.
        for limit in [limit.min(self.network.known_edges as u32), limit] {
            let mut best: Option<Vec<Part>> = None;
            for edge in &option {
                let last = self.positions[edge.from as usize];
                let pass = |point: u32| self.positions[point as usize] <= last;
                if let Some(path) = paths.shortest(edge.to, edge.from, limit, pass)
                    && best.as_ref().is_none_or(|best| path.len() + 1 < best.len())
                {
                    let mut parts = vec![Part::Assumed(first, second, *edge)];
                    parts.extend(path.into_iter().map(Part::Fixed));
                    best = Some(parts);
                }
            }
            if best.is_some() {
                return best;
            }
        }
        None
    }

    fn older(&self, first: u32, second: u32) -> Older {
        let chains = &self.network.chains;
        Older { first: chains[first as usize].tail, second: chains[second as usize].head }
    }

    /// Adds the lemmas that cycles rely on, and those that these rely on.
    fn proof(&self, cycles: Vec<Vec<Part>>, pairs: Vec<[u32; 2]>) -> Proof {
        let mut chain_of: BTreeMap<u32, u32> = BTreeMap::new();
        let mut lemmas: BTreeMap<u32, Lemma> = BTreeMap::new();
        let mut paths = Paths::new(self.network.point_count, &self.forward);
        let mut open: Vec<u32> = cycles.iter().flat_map(|cycle| self.derived(cycle)).collect();
        while let Some(edge) = open.pop() {
            let Why::Older(tail, head) = self.network.edges[edge as usize].why else { continue };
            if lemmas.contains_key(&edge) {
                continue;
            }
            let [first, second] = [tail, head].map(|version| self.chain(&mut chain_of, version));
            let limit = self.rounds.before(edge);
            let Some(parts) = self.contradiction(&mut paths, second, first, limit) else {
                continue;
            };
            open.extend(self.derived(&parts));
            let (older, otherwise) = (self.older(first, second), self.older(second, first));
            lemmas.insert(edge, Lemma { older, otherwise, cycle: self.links(&parts) });
        }
        // Both edges of an option give the same lemma.
        let mut kept: Vec<Lemma> = Vec::new();
        for lemma in lemmas.into_values() {
            if kept.iter().all(|other| other.older != lemma.older) {
                kept.push(lemma);
            }
        }
        let case = |[a, b]: [u32; 2]| [self.older(a, b), self.older(b, a)];
        Proof {
            lemmas: kept,
            cases: pairs.into_iter().map(case).collect(),
            cycles: cycles.iter().map(|cycle| self.links(cycle)).collect(),
        }
    }

    /// The edges of a cycle that saturation added.
    fn derived(&self, cycle: &[Part]) -> Vec<u32> {
        let known = self.network.known_edges as u32;
        let edges = cycle.iter().filter_map(|part| match part {
            Part::Fixed(edge) if *edge >= known => Some(*edge),
            Part::Fixed(_) | Part::Assumed(..) => None,
        });
        edges.collect()
    }

    /// The chain that begins or ends with a version.
    fn chain(&self, known: &mut BTreeMap<u32, u32>, version: u32) -> u32 {
        if known.is_empty() {
            for (number, chain) in (0u32..).zip(&self.network.chains) {
                known.insert(chain.head, number);
                known.insert(chain.tail, number);
            }
        }
        known.get(&version).copied().unwrap_or(0)
    }

    /// The transactions of a cycle of points.
    fn links(&self, parts: &[Part]) -> Cycle {
        let edges: Vec<Edge> = parts
            .iter()
            .map(|part| match part {
                Part::Fixed(edge) => self.network.edges[*edge as usize],
                Part::Assumed(_, _, edge) => *edge,
            })
            .collect();
        // Begin with a point of a transaction.
        let start = edges.iter().position(|edge| self.network.txn(edge.from).is_some());
        let mut from = NEVER;
        let mut links: Cycle = Vec::new();
        for at in 0..edges.len() {
            let edge = edges[(at + start.unwrap_or(0)) % edges.len()];
            if let Some(txn) = self.network.txn(edge.from) {
                from = txn;
            }
            let Some(to) = self.network.txn(edge.to).filter(|to| *to != from) else { continue };
            let relation = self.relation(from, &edge);
            links.extend(relation.map(|relation| Link { from, to, relation }));
        }
        links
    }

    /// What an edge says that ends at a transaction's point, if `from` is where it came from.
    fn relation(&self, from: u32, edge: &Edge) -> Option<Relation> {
        let polygraph: &Polygraph = self.network.polygraph;
        Some(match edge.why {
            Why::Program | Why::Reader(_) => return None,
            Why::Session => Relation::Session,
            Why::RealTime => Relation::RealTime,
            Why::Read(version) => Relation::Wr(version),
            Why::Older(first, second) => {
                let older = Older { first, second };
                let wrote = polygraph.writer(first) == from;
                if wrote { Relation::Ww(older) } else { Relation::Rw(older) }
            }
        })
    }
}
