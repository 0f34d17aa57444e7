//! Saturation: everything that follows about the order, from who read what.
//!
//! Where `r` found the version that `w` wrote, any other write `v` of that register is before
//! `w` if it is before `r`, and after `r` if it is after `w`. What follows from that is added
//! until nothing new does (Gibbons & Korach 1997, section 5; for transactions, Biswas & Enea,
//! *On the complexity of checking transactional consistency*, OOPSLA 2019). If then something
//! is before itself, there is no order.
//!
//! Sessions are chains, so what is before a call is a number of calls per session. A call of
//! which more becomes known tells those directly after it, the earliest first. If each is told
//! a few times, as is usual, that costs the number of calls times that of sessions.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rustc_hash::FxHashSet;

use super::program::Program;
use crate::Budget;
use crate::linear::neighbours::cycle::Digraph;
use crate::linear::neighbours::versions::NONE;

/// How many nodes are looked at between two looks whether time is up.
const PATIENCE: usize = 1024;

/// Why one call is before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// The same process made it first.
    Program,
    /// The other found what it wrote.
    Found,
    /// It is before `reader`, which found what the other wrote and not what it wrote.
    Overwritten { reader: u32 },
    /// It found what was there before the other wrote.
    FoundFirst,
    /// It found what `writer` wrote, which is before the other.
    Replaced { writer: u32 },
}

/// One call before another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Before {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) why: Why,
    /// How many inferences there were when this one was made.
    pub(super) known: u32,
}

impl Before {
    /// The same by other numbers of nodes.
    pub(super) fn renamed(&self, name: impl Fn(u32) -> u32) -> Self {
        let why = match self.why {
            Why::Overwritten { reader } => Why::Overwritten { reader: name(reader) },
            Why::Replaced { writer } => Why::Replaced { writer: name(writer) },
            why => why,
        };
        Self { from: name(self.from), to: name(self.to), why, known: self.known }
    }
}

/// What is known of the order.
pub(super) struct Order<'p> {
    program: &'p Program,
    /// All that was inferred, in the order in which it was.
    pub(super) inferred: Vec<Before>,
    /// Per node the last inference that leads from it, and per inference the one before.
    last: Vec<u32>,
    earlier: Vec<u32>,
    /// Per node and session, how many calls of that session are before the node.
    before: Vec<u32>,
    /// Per register, the writes of each session that has any: (session, nodes ascending).
    writes: Vec<Vec<(u32, Vec<u32>)>>,
    /// Nodes of which more is known than was made use of, by when they were asked for.
    queue: BinaryHeap<Reverse<(u32, u32)>>,
    queued: Vec<bool>,
}

/// How saturation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Saturated {
    /// Nothing is before itself.
    Acyclic,
    Cyclic,
    Cancelled,
}

impl<'p> Order<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        let mut writes: Vec<Vec<(u32, Vec<u32>)>> = vec![Vec::new(); program.initial.len()];
        for (number, node) in (0u32..).zip(&program.nodes).filter(|(_, n)| n.write != NONE) {
            let sessions = &mut writes[node.key as usize];
            match sessions.last_mut() {
                Some((session, nodes)) if *session == node.session => nodes.push(number),
                _ => sessions.push((node.session, vec![number])),
            }
        }
        let count = program.nodes.len();
        let numbered = (0u32..).zip(&program.nodes);
        let mut order = Self {
            program,
            inferred: Vec::new(),
            last: vec![NONE; count],
            earlier: Vec::new(),
            before: vec![0; count * program.session_count()],
            writes,
            queue: numbered.clone().map(|(number, node)| Reverse((node.start, number))).collect(),
            queued: vec![true; count],
        };
        for (number, node) in numbered.filter(|(_, node)| node.after != NONE) {
            order.infer(node.after, number, Why::Program);
        }
        for (key, initial) in program.initial.iter().enumerate() {
            let first: Vec<u32> = order.writes[key].iter().map(|(_, nodes)| nodes[0]).collect();
            for reader in program.last_readers(*initial) {
                // A compare-and-set is before those after it in its own session.
                for write in first.iter().filter(|write| **write != reader) {
                    order.infer(reader, *write, Why::FoundFirst);
                }
            }
        }
        order
    }

    /// Infers until nothing new follows, or something is before itself.
    pub(super) fn saturate(&mut self, budget: &Budget) -> Saturated {
        let mut steps = 0;
        while let Some(Reverse((_, number))) = self.queue.pop() {
            steps += 1;
            if steps % PATIENCE == 1 && budget.is_cancelled() {
                return Saturated::Cancelled;
            }
            self.queued[number as usize] = false;
            if self.is_before(number, number) {
                return Saturated::Cyclic;
            }
            self.spread(number);
            self.overwritten(number);
            self.replaced(number);
        }
        Saturated::Acyclic
    }

    /// How many calls of a session are before this one.
    pub(super) fn before(&self, node: u32, session: u32) -> u32 {
        self.before[node as usize * self.program.session_count() + session as usize]
    }

    fn is_before(&self, one: u32, other: u32) -> bool {
        let one = self.program.node(one);
        self.before(other, one.session) > one.index
    }

    fn infer(&mut self, from: u32, to: u32, why: Why) {
        let number = self.inferred.len() as u32;
        self.inferred.push(Before { from, to, why, known: number });
        self.earlier.push(std::mem::replace(&mut self.last[from as usize], number));
        self.tell(from, to);
    }

    /// Lets one node know what is before another, and that this other one is before it.
    fn tell(&mut self, from: u32, to: u32) {
        let width = self.program.session_count();
        let node = self.program.node(from);
        let (source, target) = (from as usize * width, to as usize * width);
        let mut news = false;
        for session in 0..width {
            let known = self.before[source + session];
            let there = &mut self.before[target + session];
            news |= known > *there;
            *there = known.max(*there);
        }
        let there = &mut self.before[target + node.session as usize];
        news |= node.index + 1 > *there;
        *there = (node.index + 1).max(*there);
        if news && !std::mem::replace(&mut self.queued[to as usize], true) {
            self.queue.push(Reverse((self.program.node(to).start, to)));
        }
    }

    /// Tells all that are directly after a node.
    fn spread(&mut self, number: u32) {
        let program = self.program;
        let node = program.node(number);
        if program.session(node.session).contains(&(number + 1)) {
            self.tell(number, number + 1);
        }
        if node.write != NONE {
            for reader in program.readers(node.write) {
                self.tell(number, *reader);
            }
        }
        let mut edge = self.last[number as usize];
        while let Some(inferred) = self.inferred.get(edge as usize) {
            let to = inferred.to;
            self.tell(number, to);
            edge = self.earlier[edge as usize];
        }
    }

    /// The last write of each session to this register that is before this node.
    fn last_writes(&self, key: u32, number: u32, at: usize) -> Option<u32> {
        let (session, nodes) = &self.writes[key as usize][at];
        let limit = self.program.session(*session).start + self.before(number, *session);
        nodes[..nodes.partition_point(|n| *n < limit)].last().copied()
    }

    /// Writes that are before a read are before the write that it found.
    fn overwritten(&mut self, reader: u32) {
        let node = self.program.node(reader);
        let Some(writer) = self.program.writer(node.read) else { return };
        for at in 0..self.writes[node.key as usize].len() {
            let Some(last) = self.last_writes(node.key, reader, at) else { continue };
            if last != writer && !self.is_before(last, writer) {
                self.infer(last, writer, Why::Overwritten { reader });
            }
        }
    }

    /// Reads of what was written before a write are before it. Of one session's writes the last
    /// is enough, as what found earlier ones is before that.
    fn replaced(&mut self, number: u32) {
        let program = self.program;
        let node = program.node(number);
        if node.write == NONE {
            return;
        }
        for at in 0..self.writes[node.key as usize].len() {
            let Some(writer) = self.last_writes(node.key, number, at) else { continue };
            for reader in program.last_readers(program.node(writer).write) {
                if reader != number && !self.is_before(reader, number) {
                    self.infer(reader, number, Why::Replaced { writer });
                }
            }
        }
    }

    /// All that is known: programs and what was found, and then the inferences.
    fn edges(&self) -> Vec<Before> {
        let mut edges = Vec::new();
        for (number, node) in (0u32..).zip(&self.program.nodes) {
            let at = |from, why| Before { from, to: number, why, known: 0 };
            if node.index > 0 {
                edges.push(at(number - 1, Why::Program));
            }
            if let Some(writer) = self.program.writer(node.read) {
                edges.push(at(writer, Why::Found));
            }
        }
        edges.extend(&self.inferred);
        edges
    }

    /// A short cycle, with what every inference in it is drawn from: the nodes of all, and the
    /// cycle itself.
    pub(super) fn proof(&self) -> Option<Proof> {
        let edges = self.edges();
        let direct = edges.len() - self.inferred.len();
        let ends = edges.iter().map(|edge| (edge.from, edge.to)).collect();
        let graph = Digraph::new(self.program.nodes.len(), ends);
        let mut cycle = graph.cycles(1).pop()?;
        // Not in the middle of a program.
        let program = |edge: &u32| edges[*edge as usize].why == Why::Program;
        let turn = cycle.iter().position(|edge| !program(edge)).unwrap_or(0);
        cycle.rotate_left(turn);
        let named = |way: Vec<u32>| joined(way.iter().map(|edge| edges[*edge as usize]));
        let cycle = named(cycle);
        let mut nodes: Vec<u32> = Vec::new();
        let mut drawn: FxHashSet<u32> = FxHashSet::default();
        let mut left: Vec<Before> = cycle.clone();
        while let Some(edge) = left.pop() {
            nodes.extend([edge.from, edge.to]);
            let (from, to) = match edge.why {
                Why::Overwritten { reader } => (edge.from, reader),
                Why::Replaced { writer } => (writer, edge.to),
                Why::Program | Why::Found | Why::FoundFirst => continue,
            };
            nodes.extend([from, to]);
            if drawn.insert(edge.known) {
                // By what was known when this was inferred, or it would be drawn from itself.
                let limit = direct as u32 + edge.known;
                let way = graph.way(from, to, |edge| edge < limit);
                left.extend(named(way.unwrap_or_default()));
            }
        }
        let writer = |node: &u32| self.program.writer(self.program.node(*node).read);
        let found: Vec<u32> = nodes.iter().filter_map(writer).collect();
        nodes.extend(found);
        nodes.sort_unstable();
        nodes.dedup();
        Some(Proof { nodes, cycle })
    }
}

/// Why there is no order.
pub(super) struct Proof {
    /// The calls that suffice, ascending.
    pub(super) nodes: Vec<u32>,
    pub(super) cycle: Vec<Before>,
}

/// Steps through one program, as one.
fn joined(edges: impl Iterator<Item = Before>) -> Vec<Before> {
    let mut joined: Vec<Before> = Vec::new();
    for edge in edges {
        match joined.last_mut() {
            Some(last) if last.why == Why::Program && edge.why == Why::Program => last.to = edge.to,
            _ => joined.push(edge),
        }
    }
    joined
}
