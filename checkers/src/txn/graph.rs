//! Dependency graphs: compressed rows, and strongly connected components without recursion.

use rustc_hash::FxHashMap;

/// What an edge stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub(super) enum Relation {
    /// Write-write: the target overwrote the version of the source.
    Ww = 1,
    /// Write-read: the target read the version of the source.
    Wr = 2,
    /// Read-write (anti-dependency): the target overwrote the version that the source read.
    Rw = 4,
    /// The source came before the target in the same process.
    Process = 8,
    /// The source was complete before the target began.
    Realtime = 16,
    /// Goes on with whatever led to a helper node.
    Onward = 32,
    /// An anti-dependency by a predicate: the target made an item match that did not when the
    /// source looked.
    PredicateRw = 64,
    /// An anti-dependency and then a write-read dependency, by way of a transaction that is not
    /// known.
    RwWr = 128,
}

impl Relation {
    /// Relations that begin with an anti-dependency.
    pub(super) const ANTI: Mask = Self::Rw as Mask | Self::PredicateRw as Mask | Self::RwWr as Mask;

    /// Whether it is, or begins with, an anti-dependency.
    pub(super) fn begins_anti(self) -> bool {
        self as Mask & Self::ANTI != 0
    }

    /// Whether it is an anti-dependency to its end.
    pub(super) fn ends_anti(self) -> bool {
        matches!(self, Self::Rw | Self::PredicateRw)
    }
}

/// A set of relations.
pub(super) type Mask = u8;

/// One edge while the graph is being built.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arc {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) relation: Relation,
    /// The key concerned; [`super::parse::NOBODY`] when there is none.
    pub(super) key: u32,
}

/// Nodes below `transactions` are transactions, the others helpers that keep it linear in
/// size: a helper stands for "all who come after this point".
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) transactions: u32,
    starts: Vec<u32>,
    targets: Vec<u32>,
    relations: Vec<Relation>,
    keys: Vec<u32>,
}

impl Graph {
    /// Sorts edges by source; those of one source stay in the order given. Linear.
    pub(super) fn new(transactions: u32, nodes: u32, arcs: &[Arc]) -> Self {
        let mut starts = vec![0u32; nodes as usize + 1];
        for arc in arcs {
            starts[arc.from as usize + 1] += 1;
        }
        for node in 0..nodes as usize {
            starts[node + 1] += starts[node];
        }
        let mut free = starts.clone();
        let mut graph = Self {
            transactions,
            starts,
            targets: vec![0; arcs.len()],
            relations: vec![Relation::Ww; arcs.len()],
            keys: vec![0; arcs.len()],
        };
        for arc in arcs {
            let at = free[arc.from as usize] as usize;
            free[arc.from as usize] += 1;
            graph.targets[at] = arc.to;
            graph.relations[at] = arc.relation;
            graph.keys[at] = arc.key;
        }
        graph
    }

    /// The graph between `chosen`, whose nodes are numbered anew in this order. The first
    /// `transactions` of them are transactions.
    pub(super) fn part(&self, chosen: &[u32], transactions: u32) -> Self {
        let mut local: FxHashMap<u32, u32> = FxHashMap::default();
        local.extend(chosen.iter().copied().zip(0u32..));
        let mut arcs = Vec::new();
        for (from, node) in (0u32..).zip(chosen) {
            for edge in self.out(*node) {
                if let Some(to) = local.get(&self.target(edge)) {
                    let (relation, key) = (self.relation(edge), self.key(edge));
                    arcs.push(Arc { from, to: *to, relation, key });
                }
            }
        }
        Self::new(transactions, chosen.len() as u32, &arcs)
    }

    /// Whether any edge is of this relation.
    pub(super) fn has(&self, relation: Relation) -> bool {
        self.relations.contains(&relation)
    }

    pub(super) fn nodes(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// The edges out of `node`, by number.
    pub(super) fn out(&self, node: u32) -> std::ops::Range<u32> {
        self.starts[node as usize]..self.starts[node as usize + 1]
    }

    pub(super) fn target(&self, edge: u32) -> u32 {
        self.targets[edge as usize]
    }

    pub(super) fn relation(&self, edge: u32) -> Relation {
        self.relations[edge as usize]
    }

    pub(super) fn key(&self, edge: u32) -> u32 {
        self.keys[edge as usize]
    }
}

/// A graph seen through some of its relations, and perhaps so that no two anti-dependencies
/// may follow each other.
#[derive(Clone, Copy, Debug)]
pub(super) struct View<'g> {
    pub(super) graph: &'g Graph,
    pub(super) mask: Mask,
    /// Each node is doubled: `2 v + 1` is node `v` reached by an anti-dependency, from which no
    /// other may follow. Closed walks there are those that snapshot isolation forbids (Cerone &
    /// Gotsman, *Analysing snapshot isolation*, JACM 2018, theorem 9).
    pub(super) doubled: bool,
}

impl View<'_> {
    pub(super) fn nodes(&self) -> u32 {
        self.graph.nodes() << u32::from(self.doubled)
    }

    /// The node of the graph that a node of the view is.
    pub(super) fn plain(&self, node: u32) -> u32 {
        node >> u32::from(self.doubled)
    }

    pub(super) fn out(&self, node: u32) -> std::ops::Range<u32> {
        self.graph.out(self.plain(node))
    }

    /// Where `edge` leads from `node`, if it may be taken.
    pub(super) fn follow(&self, node: u32, edge: u32) -> Option<u32> {
        let relation = self.graph.relation(edge);
        if relation as Mask & self.mask == 0 {
            return None;
        }
        let target = self.graph.target(edge);
        if !self.doubled {
            return Some(target);
        }
        match (relation, node & 1) {
            (Relation::Onward, bit) => Some(2 * target + bit),
            (_, 1) if relation.begins_anti() => None,
            _ => Some(2 * target + u32::from(relation.ends_anti())),
        }
    }

    /// The component number of every node; numbers say nothing but sameness.
    ///
    /// Tarjan, *Depth-first search and linear graph algorithms* (SIAM J. Comput. 1972), with an
    /// explicit stack: a history of a million transactions is a path of a million nodes, which
    /// recursion would not survive. Linear in nodes and edges.
    ///
    /// They are numbered against the direction of edges: an edge between two components leads
    /// to the one with the smaller number.
    pub(super) fn components(&self) -> Vec<u32> {
        const UNSEEN: u32 = u32::MAX;
        let nodes = self.nodes();
        let mut order = vec![UNSEEN; nodes as usize];
        let mut low = vec![0u32; nodes as usize];
        let mut component = vec![UNSEEN; nodes as usize];
        let mut path: Vec<u32> = Vec::new();
        let mut frames: Vec<(u32, std::ops::Range<u32>)> = Vec::new();
        let (mut clock, mut components) = (0u32, 0u32);
        for root in 0..nodes {
            if order[root as usize] != UNSEEN {
                continue;
            }
            (order[root as usize], low[root as usize]) = (clock, clock);
            clock += 1;
            path.push(root);
            frames.push((root, self.out(root)));
            while let Some((node, edges)) = frames.last_mut() {
                let node = *node;
                let Some(edge) = edges.next() else {
                    frames.pop();
                    if let Some((parent, _)) = frames.last() {
                        let reached = low[node as usize];
                        low[*parent as usize] = low[*parent as usize].min(reached);
                    }
                    if low[node as usize] == order[node as usize] {
                        while let Some(member) = path.pop() {
                            component[member as usize] = components;
                            if member == node {
                                break;
                            }
                        }
                        components += 1;
                    }
                    continue;
                };
                let Some(next) = self.follow(node, edge) else { continue };
                if order[next as usize] == UNSEEN {
                    (order[next as usize], low[next as usize]) = (clock, clock);
                    clock += 1;
                    path.push(next);
                    frames.push((next, self.out(next)));
                } else if component[next as usize] == UNSEEN {
                    low[node as usize] = low[node as usize].min(order[next as usize]);
                }
            }
        }
        component
    }

    /// The components that hold a cycle, each with its nodes ascending; ordered by their first
    /// node. A cycle has at least two nodes, as no node has an edge to itself.
    #[cfg(test)]
    pub(super) fn cyclic_components(&self) -> Vec<Vec<u32>> {
        cyclic(&self.components())
    }
}

/// The groups of at least two nodes, given the component of each node.
pub(super) fn cyclic(component: &[u32]) -> Vec<Vec<u32>> {
    let mut sizes = vec![0u32; component.len()];
    for number in component {
        sizes[*number as usize] += 1;
    }
    let mut places = vec![u32::MAX; component.len()];
    let mut members: Vec<Vec<u32>> = Vec::new();
    for (node, number) in (0u32..).zip(component) {
        if sizes[*number as usize] < 2 {
            continue;
        }
        let place = &mut places[*number as usize];
        if *place == u32::MAX {
            *place = members.len() as u32;
            members.push(Vec::new());
        }
        members[*place as usize].push(node);
    }
    members
}

#[cfg(test)]
mod tests;
