//! Walks: the shortest closed walk of a pattern, and the cycles that it is made of.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Link;
use super::pattern::{Pattern, STATES, State};
use crate::txn::graph::{Graph, View};

/// How many edges the searches for one example may look at, once there is one.
const MAX_LOOKS: usize = 2_000_000;
/// How many they may look at to find any.
const MAX_LOOKS_FOR_ANY: usize = 50_000_000;

const NOWHERE: u32 = u32::MAX;

/// What is looked for.
pub(super) struct Search<'s> {
    pub(super) pattern: Pattern,
    /// Whether session or real-time order has to be part of it.
    pub(super) ordered: bool,
    pub(super) view: View<'s>,
    /// Walks stay within the component of their start, in the view.
    pub(super) groups: &'s [u32],
    /// Only walks through fewer transactions are wanted.
    pub(super) limit: usize,
}

/// Finds walks by breadth-first search over pairs of a node and a [`State`].
pub(super) struct Walker<'g> {
    graph: &'g Graph,
    /// Per pair the search that reached it last, the number of transactions on the way, the
    /// pair before, and the edge from there.
    reached: Vec<Step>,
    search: u32,
    looks: usize,
}

#[derive(Clone, Copy, Default)]
struct Step {
    search: u32,
    distance: u32,
    before: u32,
    edge: u32,
}

impl<'g> Walker<'g> {
    pub(super) fn new(graph: &'g Graph) -> Self {
        Self { graph, reached: Vec::new(), search: 0, looks: 0 }
    }

    /// Whether searching further is too much.
    pub(super) fn is_exhausted(&self, has_example: bool) -> bool {
        self.looks > if has_example { MAX_LOOKS } else { MAX_LOOKS_FOR_ANY }
    }

    /// Begins to count anew.
    pub(super) fn rest(&mut self) {
        self.looks = 0;
    }

    /// The shortest closed walk that begins with `edge` out of `node` of the view.
    pub(super) fn closed_walk(
        &mut self,
        search: &Search<'_>,
        node: u32,
        edge: u32,
    ) -> Option<Vec<Link>> {
        self.reached.resize(self.graph.nodes() as usize * STATES, Step::default());
        self.search += 1;
        let view = &search.view;
        let group = search.groups[node as usize];
        let home = view.plain(node);
        let begin = search.pattern.start(self.graph.relation(edge));
        let first = pair(self.graph.target(edge), begin);
        let start = Step { search: self.search, distance: 1, before: NOWHERE, edge };
        self.reached[first as usize] = start;
        let mut queue = VecDeque::from([first]);
        while let Some(here) = queue.pop_front() {
            let (at, state) = (here / STATES as u32, (here % STATES as u32) as State);
            let distance = self.reached[here as usize].distance;
            if at == home && search.pattern.accepts(state, search.ordered) {
                return Some(self.links(home, here));
            }
            if distance as usize >= search.limit {
                continue;
            }
            for edge in self.graph.out(at) {
                self.looks += 1;
                let relation = self.graph.relation(edge);
                if relation as u8 & view.mask == 0 {
                    continue;
                }
                let next = self.graph.target(edge);
                let Some(state) = search.pattern.step(state, relation) else { continue };
                if self.leaves(search, next, state, group) {
                    continue;
                }
                let helper = next >= self.graph.transactions;
                self.reach(&mut queue, pair(next, state), here, edge, helper);
            }
        }
        None
    }

    /// Whether a pair is outside of the component.
    fn leaves(&self, search: &Search<'_>, node: u32, state: State, group: u32) -> bool {
        let node = if search.view.doubled { 2 * node + u32::from(state & 2 != 0) } else { node };
        search.groups[node as usize] != group
    }

    fn reach(&mut self, queue: &mut VecDeque<u32>, to: u32, from: u32, edge: u32, helper: bool) {
        let distance = self.reached[from as usize].distance + u32::from(!helper);
        let step = &mut self.reached[to as usize];
        if step.search == self.search && step.distance <= distance {
            return;
        }
        *step = Step { search: self.search, distance, before: from, edge };
        if helper {
            queue.push_front(to);
        } else {
            queue.push_back(to);
        }
    }

    /// The walk that led to a pair, with steps over helpers joined.
    fn links(&self, home: u32, end: u32) -> Vec<Link> {
        let mut edges = Vec::new();
        let mut at = end;
        while at != NOWHERE {
            let step = &self.reached[at as usize];
            edges.push(step.edge);
            at = step.before;
        }
        edges.reverse();
        let mut links: Vec<Link> = Vec::new();
        let mut from = home;
        for edge in edges {
            let to = self.graph.target(edge);
            match links.last_mut() {
                Some(link) if from >= self.graph.transactions => link.to = to,
                _ => {
                    let (relation, key) = (self.graph.relation(edge), self.graph.key(edge));
                    links.push(Link { from, to, relation, key });
                }
            }
            from = to;
        }
        links
    }
}

fn pair(node: u32, state: State) -> u32 {
    node * STATES as u32 + u32::from(state)
}

/// Cuts a closed walk into cycles that visit no transaction twice.
pub(super) fn simple_cycles(walk: &[Link]) -> Vec<Vec<Link>> {
    let mut cycles = Vec::new();
    let mut path: Vec<Link> = Vec::new();
    let mut places: FxHashMap<u32, usize> = FxHashMap::default();
    for link in walk {
        places.insert(link.from, path.len());
        path.push(*link);
        if let Some(at) = places.get(&link.to).copied() {
            let cycle = path.split_off(at);
            for link in &cycle {
                places.remove(&link.from);
            }
            cycles.push(cycle);
        }
    }
    cycles
}
