//! Short cycles of what must come before what: why a level does not hold.

use super::super::key_value::{INITIAL, KeyValue};
use super::super::transactions::NEVER;
use super::chains::Chains;
use super::graph::{Graph, Reason};
use super::inferred::Inferred;
use super::{MAX_KEPT, Stopped, WeakLevel, WeakVerdict};
use crate::Budget;

/// Edges that are looked at to find the shortest cycle of all.
const WORK: u64 = 1 << 25;

/// Transactions each of which must be before the next, and the last before the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cycle {
    pub links: Vec<Link>,
}

/// `from` must be before `to`. Both are numbers of a [`KeyValue`], or [`INITIAL`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    pub from: u32,
    pub to: u32,
    pub why: Why,
}

/// Why one transaction must be before another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The initial state is before everything.
    Initial,
    /// The same session ran both in this order.
    Session,
    /// `to` read from `from`; the number of the read.
    Read(u32),
    /// Both wrote the key of a read that shows `to`, and `from` was visible to its reader by way
    /// of these links, none of them inferred.
    Inferred { read: u32, path: Vec<Link> },
}

impl Cycle {
    /// All links, also those inside others.
    pub fn all_links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().flat_map(Link::with_path)
    }
}

impl Link {
    /// This one, and those inside.
    pub fn with_path(&self) -> impl Iterator<Item = &Self> {
        let inner = match &self.why {
            Why::Inferred { path, .. } => path.as_slice(),
            _ => &[],
        };
        std::iter::once(self).chain(inner)
    }
}

/// A shortest cycle of each component, and one of each edge into the initial transaction.
pub(super) fn refute(
    graph: &Graph<'_>,
    chains: &Chains,
    level: WeakLevel,
    mut initial: Vec<Inferred>,
    budget: &Budget,
) -> Result<WeakVerdict, Stopped> {
    let components = graph.components(budget)?;
    initial.sort_unstable_by_key(|edge| (edge.read, edge.before));
    initial.dedup_by_key(|edge| edge.read);
    let count = (components.len() + initial.len()) as u64;
    let mut search = Search::new(graph.kv.len());
    let mut found: Vec<Cycle> = Vec::new();
    for edge in initial.iter().take(MAX_KEPT) {
        let first = (edge.before, INITIAL, Reason::Inferred(*edge));
        let mut cycle = search.explained(graph, chains, level, &[first]);
        let why = Why::Initial;
        cycle.links.push(Link { from: INITIAL, to: edge.before, why });
        found.push(cycle);
    }
    let mut component_of = vec![NEVER; graph.kv.len()];
    for (number, component) in (0..).zip(components.iter().take(MAX_KEPT)) {
        for txn in component {
            component_of[*txn as usize] = number;
        }
        let inside = |txn: u32| component_of[txn as usize] == number;
        let links = search.shortest(graph, component, &inside, budget)?;
        found.push(search.explained(graph, chains, level, &links));
    }
    found.sort_by_key(|cycle| cycle.all_links().count());
    found.truncate(MAX_KEPT);
    Ok(WeakVerdict::Refuted(found, count))
}

/// From, to, and why.
type Edge = (u32, u32, Reason);

/// Breadth-first search against the edges, with its marks.
pub(super) struct Search {
    turn: u32,
    seen: Vec<u32>,
    /// Those whose predecessors of the session have all been seen.
    walked: Vec<u32>,
    /// The next transaction on the way, and why it is after.
    onward: Vec<(u32, Reason)>,
    work: u64,
}

impl Search {
    pub(super) fn new(count: usize) -> Self {
        let onward = vec![(NEVER, Reason::Session); count];
        Self { turn: 0, seen: vec![0; count], walked: vec![0; count], onward, work: 0 }
    }

    fn shortest(
        &mut self,
        graph: &Graph<'_>,
        component: &[u32],
        inside: &dyn Fn(u32) -> bool,
        budget: &Budget,
    ) -> Result<Vec<Edge>, Stopped> {
        let mut best: Vec<Edge> = Vec::new();
        self.work = 0;
        for txn in component {
            if budget.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            if self.work > WORK && !best.is_empty() {
                break;
            }
            let limit = if best.is_empty() { NEVER } else { best.len() as u32 - 1 };
            if let Some(path) = self.path(graph, (*txn, *txn), inside, limit) {
                best = path;
            }
            if best.len() == 2 {
                break;
            }
        }
        Ok(best)
    }

    /// A shortest path of at most `limit` edges; all that came before in a session is an edge
    /// away.
    pub(super) fn path(
        &mut self,
        graph: &Graph<'_>,
        (from, to): (u32, u32),
        inside: &dyn Fn(u32) -> bool,
        limit: u32,
    ) -> Option<Vec<Edge>> {
        self.turn += 1;
        let turn = self.turn;
        let mut queue = vec![(to, 0)];
        let mut next = 0;
        while let Some((txn, depth)) = queue.get(next).copied() {
            next += 1;
            if depth >= limit {
                break;
            }
            for (mut earlier, reason) in graph.edges(txn) {
                self.work += 1;
                while inside(earlier) {
                    if earlier == from {
                        return Some(self.way((from, txn, reason), to));
                    }
                    if self.seen[earlier as usize] != turn && earlier != to {
                        self.seen[earlier as usize] = turn;
                        self.onward[earlier as usize] = (txn, reason);
                        queue.push((earlier, depth + 1));
                    }
                    let before = graph.kv.before[earlier as usize];
                    let again = self.walked[earlier as usize] == turn;
                    if reason != Reason::Session || again || before == NEVER {
                        break;
                    }
                    self.walked[earlier as usize] = turn;
                    earlier = before;
                }
            }
        }
        None
    }

    fn way(&self, first: Edge, to: u32) -> Vec<Edge> {
        let mut links = vec![first];
        let mut at = first.1;
        while at != to {
            let (next, reason) = self.onward[at as usize];
            links.push((at, next, reason));
            at = next;
        }
        links
    }

    /// Gives each link its reason in full.
    fn explained(
        &mut self,
        graph: &Graph<'_>,
        chains: &Chains,
        level: WeakLevel,
        links: &[Edge],
    ) -> Cycle {
        let mut explain = |(from, to, reason): Edge| {
            let why = match reason {
                Reason::Session => Why::Session,
                Reason::Read(read) => Why::Read(read),
                Reason::Inferred(edge) => {
                    let path = self.visible(graph.kv, chains, level, edge);
                    Why::Inferred { read: edge.read, path }
                }
            };
            Link { from, to, why }
        };
        Cycle { links: links.iter().map(|link| explain(*link)).collect() }
    }

    /// How the earlier writer was visible to the reader.
    fn visible(
        &mut self,
        kv: &KeyValue,
        chains: &Chains,
        level: WeakLevel,
        edge: Inferred,
    ) -> Vec<Link> {
        let reader = edge.reader(kv);
        let reads = kv.read_range(reader);
        // Seen directly, and that before this read rather than after.
        let at = edge.read as usize;
        let direct = (reads.start..at).chain(at + 1..reads.end);
        let direct = direct.clone().find(|read| kv.all_reads()[*read].from == edge.before);
        match level {
            WeakLevel::ReadCommitted | WeakLevel::ReadAtomic => {
                let why = direct.map_or(Why::Session, |read| Why::Read(read as u32));
                vec![Link { from: edge.before, to: reader, why }]
            }
            WeakLevel::Causal => {
                let graph = Graph::new(kv, &[]);
                let ends = (edge.before, reader);
                if let Some(read) = direct {
                    let why = Why::Read(read as u32);
                    return vec![Link { from: edge.before, to: reader, why }];
                }
                let path = self.path(&graph, ends, &|_| true, NEVER);
                let links = path.unwrap_or_default().into_iter();
                links.map(|(from, to, reason)| Link { from, to, why: plain(reason) }).collect()
            }
            _ => super::guarantees::visible(kv, chains, level, edge),
        }
    }
}

/// A reason that is not inferred.
fn plain(reason: Reason) -> Why {
    match reason {
        Reason::Read(read) => Why::Read(read),
        Reason::Session | Reason::Inferred(_) => Why::Session,
    }
}
