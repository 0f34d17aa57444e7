//! Adya's levels: phenomena of the direct serialization graph, for every order of versions.
//!
//! After Adya, *Weak consistency: a generalized theory and optimistic implementations for
//! distributed transactions* (PhD thesis, MIT 1999), chapters 3 and 4; monotonic atomic view after
//! Bailis et al., *Highly available transactions* (VLDB 2014), section 5.1.2.

use super::replay::Order;
use super::tiny::{MAX, Set, Step, Tiny, members};
use super::versions::{Trust, VersionOrder, version_orders};
use crate::txn::transactions::Status;

/// A level that is defined by phenomena.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    ReadUncommitted(Order),
    ReadCommitted(Order),
    CursorStability,
    MonotonicView,
    MonotonicAtomicView,
    ConsistentView,
    UpdateSerializable,
    RepeatableRead,
    /// PL-3. It is what running them one after the other comes to, if no transaction
    /// contradicts itself.
    Serializable(Order),
    /// The same of snapshot isolation (Cerone & Gotsman, *Analysing snapshot isolation*, JACM
    /// 2018, theorem 4.3).
    Snapshot(Order),
}

/// A set of edges: per transaction those that follow it.
type Edges = [Set; MAX];

/// A direct serialization graph.
#[derive(Clone, Debug, Default)]
struct Graph {
    writes: Edges,
    information: Edges,
    anti: Edges,
    /// Per key the write dependencies, and the anti-dependencies of transactions that go on
    /// to write the key.
    by_key: Vec<(Edges, Edges)>,
    /// Of each dependency the step at its end: from whom, to whom, where.
    arrivals: Vec<(usize, usize, usize)>,
    /// Of each anti-dependency the read: from whom, where, to whom.
    departures: Vec<(usize, usize, usize)>,
    /// Per key the versions' writers, oldest first.
    chains: Vec<Vec<usize>>,
}

/// Per level whether some order of versions has none of its phenomena.
pub(super) fn allowed(tiny: &Tiny, levels: &[Level]) -> Vec<bool> {
    let uncommitted = |level: &Level| matches!(level, Level::ReadUncommitted(_));
    let mut allowed = vec![false; levels.len()];
    for (trust, reads) in [(Trust::One, false), (Trust::All, true)] {
        if reads && !reads_are_committed(tiny) {
            break;
        }
        let asked = |at: &usize| uncommitted(&levels[*at]) != reads;
        let keys = (0..tiny.keys).map(|key| version_orders(tiny, key, trust)).collect();
        let mut choices = Choices::new(keys);
        while let Some(orders) = choices.next() {
            let graph = Graph::new(tiny, &orders, reads);
            let open: Vec<usize> =
                (0..levels.len()).filter(|at| asked(at) && !allowed[*at]).collect();
            if open.is_empty() {
                break;
            }
            for at in open {
                allowed[at] = graph.allows(tiny, levels[at]);
            }
        }
    }
    allowed
}

/// One element of each of several lists, in every combination.
struct Choices<T> {
    lists: Vec<Vec<T>>,
    at: Vec<usize>,
    done: bool,
}

impl<T: Clone> Choices<T> {
    fn new(lists: Vec<Vec<T>>) -> Self {
        let done = lists.iter().any(Vec::is_empty);
        Self { at: vec![0; lists.len()], lists, done }
    }

    fn next(&mut self) -> Option<Vec<T>> {
        if self.done {
            return None;
        }
        let chosen = self.lists.iter().zip(&self.at).map(|(list, at)| list[*at].clone()).collect();
        self.done = true;
        for (at, list) in self.at.iter_mut().zip(&self.lists) {
            *at += 1;
            if *at < list.len() {
                self.done = false;
                break;
            }
            *at = 0;
        }
        Some(chosen)
    }
}

/// Neither G1a nor G1b: what committed transactions read was written, by transactions that
/// happened, with their last write to the key, and before it was read.
fn reads_are_committed(tiny: &Tiny) -> bool {
    members(tiny.committed).all(|reader| {
        tiny.txns[reader].steps.iter().enumerate().all(|(position, step)| {
            let Step::Read { key, seen } = step else { return true };
            let happened = |value: &u32| {
                let writer = tiny.writer(*key, *value);
                writer.is_some_and(|writer| {
                    let later = Step::Write { key: *key, value: *value };
                    let own = writer == reader;
                    let future = tiny.txns[reader].steps[position..].contains(&later);
                    tiny.happened & 1 << writer != 0 && !(own && future)
                })
            };
            let last = |value: &u32| {
                let writer = tiny.writer(*key, *value).unwrap_or(reader);
                let mut writes = tiny.txns[writer].steps.iter().rev();
                let last =
                    writes.find(|step| matches!(step, Step::Write { key: k, .. } if k == key));
                writer == reader || last == Some(&Step::Write { key: *key, value: *value })
            };
            seen.iter().all(happened) && seen.last().is_none_or(last)
        })
    })
}

impl Graph {
    fn new(tiny: &Tiny, orders: &[VersionOrder], reads: bool) -> Self {
        let none = ([0; MAX], [0; MAX]);
        let mut graph = Self { by_key: vec![none; tiny.keys], ..Self::default() };
        for (key, order) in orders.iter().enumerate() {
            for pair in order.windows(2) {
                let [from, to] = [pair[0].writer, pair[1].writer];
                if from != to {
                    graph.writes[from] |= 1 << to;
                    graph.by_key[key].0[from] |= 1 << to;
                    graph.arrivals.push((from, to, pair[1].position));
                }
            }
            graph.chains.push(order.iter().map(|version| version.writer).collect());
        }
        if reads {
            for reader in members(tiny.committed) {
                graph.read(tiny, orders, reader);
            }
        }
        graph
    }

    /// Adds what a transaction's reads say. Reads of what it wrote itself say nothing new.
    fn read(&mut self, tiny: &Tiny, orders: &[VersionOrder], reader: usize) {
        let steps = &tiny.txns[reader].steps;
        for (position, step) in steps.iter().enumerate() {
            let Step::Read { key, seen } = step else { continue };
            let order = &orders[*key];
            let seen = seen.last().map(|last| order.iter().position(|v| v.value == *last));
            let next = match seen {
                // Its own earlier write to a register.
                Some(None) => continue,
                Some(Some(at)) if order[at].writer == reader => continue,
                Some(Some(at)) => {
                    self.information[order[at].writer] |= 1 << reader;
                    self.arrivals.push((order[at].writer, reader, position));
                    at + 1
                }
                None => 0,
            };
            let Some(next) = order.get(next).filter(|next| next.writer != reader) else { continue };
            self.anti[reader] |= 1 << next.writer;
            self.departures.push((reader, position, next.writer));
            if steps[position..].iter().any(|s| matches!(s, Step::Write { key: k, .. } if k == key))
            {
                self.by_key[*key].1[reader] |= 1 << next.writer;
            }
        }
    }

    fn allows(&self, tiny: &Tiny, level: Level) -> bool {
        let information = union(&self.writes, &self.information);
        let all = union(&information, &self.anti);
        let with = |edges: &Edges, order: Order| union(edges, &follows(tiny, order));
        if !matches!(level, Level::ReadUncommitted(_)) && !is_acyclic(&information) {
            return false;
        }
        let reach = closure(&information);
        match level {
            Level::ReadUncommitted(order) => is_acyclic(&with(&self.writes, order)),
            Level::ReadCommitted(order) => is_acyclic(&with(&information, order)),
            Level::CursorStability => {
                self.by_key.iter().all(|(writes, anti)| !closes(&closure(writes), anti))
            }
            Level::MonotonicView => {
                self.is_monotonic(|at, from| at == from || has(&reach, at, from))
            }
            Level::MonotonicAtomicView => self.effects_stay(tiny),
            Level::ConsistentView => !closes(&reach, &self.anti),
            Level::UpdateSerializable => {
                let updates = members(tiny.happened).filter(|at| tiny.txns[*at].writes != 0);
                let updates = updates.fold(0, |set, at| set | 1 << at);
                members(tiny.happened).all(|at| is_acyclic(&within(&all, updates | 1 << at)))
            }
            Level::RepeatableRead => is_acyclic(&all),
            Level::Serializable(order) => is_acyclic(&with(&all, order)),
            Level::Snapshot(order) => {
                let known = with(&information, order);
                let then = |set: Set| members(set).fold(set, |set, at| set | self.anti[at]);
                is_acyclic(&known.map(then))
            }
        }
    }

    /// G-monotonic does not occur: no transaction misses, after a step that depends on others,
    /// what those depend on.
    fn is_monotonic(&self, leads: impl Fn(usize, usize) -> bool) -> bool {
        self.departures.iter().all(|(reader, missed, next)| {
            self.arrivals
                .iter()
                .all(|(from, to, arrived)| to != reader || arrived > missed || !leads(*next, *from))
        })
    }

    /// No observed transaction vanishes: who has read from another, reads nothing from then on
    /// that is older than what that one wrote.
    fn effects_stay(&self, tiny: &Tiny) -> bool {
        let reads = |at: usize, position: usize| match &tiny.txns[at].steps[position] {
            Step::Read { key, .. } => Some(*key),
            Step::Write { .. } => None,
        };
        self.departures.iter().all(|(reader, missed, next)| {
            let Some(chain) = reads(*reader, *missed).map(|key| &self.chains[key]) else {
                return true;
            };
            let first = chain.iter().position(|writer| writer == next).unwrap_or(chain.len());
            self.arrivals.iter().all(|(from, to, arrived)| {
                let observed = to == reader && arrived < missed && reads(*to, *arrived).is_some();
                !observed || !chain[first..].contains(from)
            })
        })
    }
}

fn follows(tiny: &Tiny, order: Order) -> Edges {
    let mut edges = [0; MAX];
    for at in members(tiny.happened) {
        debug_assert!(tiny.txns[at].status != Status::Aborted);
        for before in members(order.of(tiny, at) & tiny.happened) {
            edges[before] |= 1 << at;
        }
    }
    edges
}

fn union(a: &Edges, b: &Edges) -> Edges {
    std::array::from_fn(|at| a[at] | b[at])
}

fn within(edges: &Edges, nodes: Set) -> Edges {
    std::array::from_fn(|at| if nodes & 1 << at != 0 { edges[at] & nodes } else { 0 })
}

fn has(edges: &Edges, from: usize, to: usize) -> bool {
    edges[from] & 1 << to != 0
}

/// Whom each can reach by at least one edge.
fn closure(edges: &Edges) -> Edges {
    let mut reach = *edges;
    for by in 0..MAX {
        for from in 0..MAX {
            if has(&reach, from, by) {
                reach[from] |= reach[by];
            }
        }
    }
    reach
}

fn is_acyclic(edges: &Edges) -> bool {
    let reach = closure(edges);
    (0..MAX).all(|at| !has(&reach, at, at))
}

/// Whether one of these edges closes a circle with a path of the others.
fn closes(reach: &Edges, edges: &Edges) -> bool {
    (0..MAX).any(|from| members(edges[from]).any(|to| has(reach, to, from)))
}
