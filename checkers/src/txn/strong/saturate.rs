//! Saturation: of two chains, one must be the later if the other order would close a cycle.
//!
//! After the pruning of Cobra (OSDI 2020, section 4.3) and PolySI (VLDB 2023, section 4.3), by
//! reachability in blocks of columns, so that memory stays bounded: the reachability of a
//! hundred thousand transactions is never held as a whole.

use super::adjacency::{self, Adjacency};
use super::network::{Edge, Network};
use crate::Budget;
use crate::txn::transactions::NEVER;

/// Bits of reachability held at once.
const BLOCK_BITS: usize = 1 << 30;
/// Bits for the decisions about pairs; keys of too many chains are left to the search.
const PAIR_BITS: usize = 1 << 32;
const MAX_CHAINS: usize = 1 << 13;
/// Passes over everything at the most. What is left is searched.
const MAX_ROUNDS: usize = 12;
/// A pass that adds less than this part of all that was added is the last: what little is still
/// open then is searched in less time than another pass takes.
const WORTH: usize = 10;

/// How saturation ended.
#[derive(Debug)]
pub(super) enum Saturated {
    /// The network has no cycle; an order of its points.
    Order(Vec<u32>),
    /// The network has a cycle.
    Cycle(Vec<u32>),
    /// Neither order of these chains is possible.
    Dilemma(u32, u32),
    Cancelled,
}

/// The edges that were added in a round, and after which edges.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    /// Per round the number of edges before it, ascending.
    pub(super) starts: Vec<u32>,
    /// A topological order of the network without the edges of the last round.
    pub(super) order: Vec<u32>,
}

impl Rounds {
    /// The edges that the decision for an edge could rely on.
    pub(super) fn before(&self, edge: u32) -> u32 {
        let round = self.starts.partition_point(|start| *start <= edge);
        self.starts[..round].last().copied().unwrap_or(edge)
    }
}

/// What is decided of the chains of a key: a bit for each two.
struct Family {
    first: u32,
    count: usize,
    words: usize,
    /// Row by row: whether the chain of the row comes before that of the column.
    before: Vec<u64>,
    /// The same the other way round.
    after: Vec<u64>,
    undecided: usize,
    fresh: Vec<(u32, u32)>,
}

impl Family {
    fn new(first: u32, count: usize) -> Self {
        let words = count.div_ceil(64);
        let bits = vec![0; words * count];
        let undecided = count * (count - 1) / 2;
        Self { first, count, words, before: bits.clone(), after: bits, undecided, fresh: vec![] }
    }

    fn is_before(&self, first: usize, second: usize) -> bool {
        self.before[first * self.words + second / 64] >> (second % 64) & 1 != 0
    }

    fn is_decided(&self, first: usize, second: usize) -> bool {
        self.is_before(first, second) || self.is_before(second, first)
    }

    /// Returns whether the opposite is decided, too.
    fn decide(&mut self, first: usize, second: usize) -> bool {
        if self.is_before(first, second) {
            return false;
        }
        self.before[first * self.words + second / 64] |= 1 << (second % 64);
        self.after[second * self.words + first / 64] |= 1 << (first % 64);
        self.fresh.push((first as u32, second as u32));
        let dilemma = self.is_before(second, first);
        self.undecided -= usize::from(!dilemma);
        dilemma
    }

    /// Whether some third chain comes between two.
    fn is_implied(&self, first: usize, second: usize) -> bool {
        let after_first = &self.before[first * self.words..(first + 1) * self.words];
        let before_second = &self.after[second * self.words..(second + 1) * self.words];
        after_first.iter().zip(before_second).any(|(a, b)| a & b != 0)
    }
}

/// A point that a chain enters at, where it matters whether that leads to another chain's end.
#[derive(Clone, Copy)]
struct Column {
    position: u32,
    point: u32,
    family: u32,
    chain: u32,
    slot: u32,
}

/// Adds edges that follow, until there is nothing more to find or it is no longer worth it; if
/// it is to be thorough it always is.
pub(super) fn saturate(
    network: &mut Network<'_>,
    rounds: &mut Rounds,
    thorough: bool,
    budget: &Budget,
) -> Saturated {
    let mut families = families(network);
    let mut is_enough = false;
    for round in 0.. {
        let forward = Adjacency::forward(network.point_count, &network.edges);
        let order = adjacency::topological(network, &forward);
        if order.len() < network.point_count as usize {
            let cycle = adjacency::short_cycle(network, &forward, &order);
            return cycle.map_or(Saturated::Cancelled, Saturated::Cycle);
        }
        if is_enough || round == MAX_ROUNDS || families.iter().all(|family| family.undecided == 0) {
            rounds.order.clone_from(&order);
            return Saturated::Order(order);
        }
        rounds.order = order;
        match pass(network, &forward, &rounds.order, &mut families, budget) {
            None => return Saturated::Cancelled,
            Some(Err((first, second))) => return Saturated::Dilemma(first, second),
            Some(Ok(())) => {}
        }
        drop(forward);
        rounds.starts.push(network.edges.len() as u32);
        let added = add_edges(network, &mut families);
        is_enough = !thorough && added < (network.edges.len() - network.known_edges) / WORTH;
        if added == 0 {
            return Saturated::Order(std::mem::take(&mut rounds.order));
        }
    }
    Saturated::Cancelled
}

fn families(network: &Network<'_>) -> Vec<Family> {
    let mut sizes: Vec<(usize, u32)> = Vec::new();
    for key in 0..network.polygraph.key_count() as u32 {
        let rivals = network.rivals(key);
        if rivals.len() > 1 && rivals.len() <= MAX_CHAINS {
            sizes.push((rivals.len(), rivals.start));
        }
    }
    sizes.sort_unstable();
    let mut bits = 0;
    sizes.retain(|(count, _)| {
        bits += 2 * count * count;
        bits <= PAIR_BITS
    });
    sizes.into_iter().map(|(count, first)| Family::new(first, count)).collect()
}

/// Looks at every undecided pair. `None` if time is up; the error is a pair that has no order.
fn pass(
    network: &Network<'_>,
    forward: &Adjacency,
    order: &[u32],
    families: &mut [Family],
    budget: &Budget,
) -> Option<Result<(), (u32, u32)>> {
    let mut positions = vec![0u32; order.len()];
    for (position, point) in (0u32..).zip(order) {
        positions[*point as usize] = position;
    }
    let columns = columns(network, families, &positions);
    let width = (BLOCK_BITS / (64 * order.len().max(1))).clamp(4, 1 << 12);
    let mut reach =
        Reach { forward, order, positions: &positions, width, rows: Vec::new(), first: 0 };
    let mut at = 0;
    while at < columns.len() {
        if budget.is_cancelled() {
            return None;
        }
        let block = reach.fill(&columns[at..]);
        if let Err(dilemma) = decide(network, families, &reach, &columns[at..at + block]) {
            return Some(Err(dilemma));
        }
        at += block;
    }
    Some(Ok(()))
}

fn columns(network: &Network<'_>, families: &[Family], positions: &[u32]) -> Vec<Column> {
    let mut columns = Vec::new();
    for (family, all) in (0u32..).zip(families).filter(|(_, family)| family.undecided > 0) {
        for chain in 0..all.count {
            if (0..all.count).all(|other| other == chain || all.is_decided(chain, other)) {
                continue;
            }
            let enter = network.chains[all.first as usize + chain].enter;
            for slot in (0..2u32).filter(|slot| enter[*slot as usize] != NEVER) {
                let point = enter[slot as usize];
                let position = positions[point as usize];
                columns.push(Column { position, point, family, chain: chain as u32, slot });
            }
        }
    }
    columns.sort_unstable_by_key(|column| (column.position, column.family, column.chain));
    columns
}

/// Which points are reached from those of a block of columns.
struct Reach<'n> {
    forward: &'n Adjacency,
    order: &'n [u32],
    positions: &'n [u32],
    /// Words per row.
    width: usize,
    /// Per point in topological order, from `first` on.
    rows: Vec<u64>,
    first: usize,
}

impl Reach<'_> {
    /// Fills the rows for the first columns, and returns for how many. Columns of one point share
    /// a bit.
    fn fill(&mut self, columns: &[Column]) -> usize {
        let mut bits = 0;
        let mut last = NEVER;
        let mut count = columns.len();
        for (at, column) in columns.iter().enumerate() {
            if column.point != last {
                if bits == 64 * self.width {
                    count = at;
                    break;
                }
                bits += 1;
                last = column.point;
            }
        }
        self.width = self.width.min(bits.div_ceil(64));
        self.first = columns[0].position as usize;
        self.rows.clear();
        self.rows.resize((self.order.len() - self.first) * self.width, 0);
        let mut bit = 0;
        for (at, column) in columns[..count].iter().enumerate() {
            bit += usize::from(at > 0 && column.point != columns[at - 1].point);
            let row = (column.position as usize - self.first) * self.width;
            self.rows[row + bit / 64] |= 1 << (bit % 64);
        }
        self.propagate();
        count
    }

    fn propagate(&mut self) {
        let width = self.width;
        for at in self.first..self.order.len() {
            let (done, later) = self.rows.split_at_mut((at - self.first + 1) * width);
            let own = &done[done.len() - width..];
            if own.iter().all(|word| *word == 0) {
                continue;
            }
            for (to, _) in self.forward.of(self.order[at]) {
                let place = (self.positions[*to as usize] as usize - at - 1) * width;
                for (word, more) in later[place..place + width].iter_mut().zip(own) {
                    *word |= more;
                }
            }
        }
    }

    /// Which columns reach a point, unless none does.
    fn row(&self, point: u32) -> Option<&[u64]> {
        let at = (self.positions[point as usize] as usize).checked_sub(self.first)?;
        Some(&self.rows[at * self.width..(at + 1) * self.width])
    }
}

/// Decides pairs by what the columns reach. The error is a pair that has no order.
fn decide(
    network: &Network<'_>,
    families: &mut [Family],
    reach: &Reach<'_>,
    columns: &[Column],
) -> Result<(), (u32, u32)> {
    let mut bits: Vec<(Column, u32)> = Vec::with_capacity(columns.len());
    for column in columns {
        let bit = bits.last().map_or(0, |(last, bit)| bit + u32::from(last.point != column.point));
        bits.push((*column, bit));
    }
    bits.sort_by_key(|(column, _)| column.family);
    for group in bits.chunk_by(|a, b| a.0.family == b.0.family) {
        let family = &mut families[group[0].0.family as usize];
        for chain in 0..family.count {
            let leave = network.chains[family.first as usize + chain].leave;
            let rows = leave.map(|point| if point == NEVER { None } else { reach.row(point) });
            for (column, bit) in group {
                let rival = column.chain as usize;
                let Some(row) = rows[column.slot as usize].filter(|_| rival != chain) else {
                    continue;
                };
                if row[*bit as usize / 64] >> (bit % 64) & 1 != 0 && family.decide(rival, chain) {
                    return Err((family.first + rival as u32, family.first + chain as u32));
                }
            }
        }
    }
    Ok(())
}

/// Adds the edges of what was decided, but for those that follow from others.
fn add_edges(network: &mut Network<'_>, families: &mut [Family]) -> usize {
    let before = network.edges.len();
    for family in families {
        for (first, second) in std::mem::take(&mut family.fresh) {
            if !family.is_implied(first as usize, second as usize) {
                let option = network.option(family.first + first, family.first + second);
                let edges: Vec<Edge> = option.collect();
                network.edges.extend(edges);
            }
        }
    }
    network.edges.len() - before
}
