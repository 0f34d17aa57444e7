//! Saturation: everything that follows about the order, from who read what.
//!
//! Where `r` found the version that `w` wrote, any other write `v` of that register is before
//! `w` if it is before `r`, and after `r` if it is after `w`. What follows from that is added
//! until nothing new does (Gibbons & Korach 1997, section 5; for transactions, Biswas & Enea,
//! *On the complexity of checking transactional consistency*, OOPSLA 2019). If then something
//! is before itself, there is no order.
//!
//! Sessions are chains, so what is before a call is a number of calls per session. Each round
//! costs the number of calls times that of sessions, times a logarithm.

use rustc_hash::FxHashSet;

use super::program::Program;
use crate::Budget;
use crate::linear::neighbours::cycle::Digraph;
use crate::linear::neighbours::versions::NONE;

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
    /// All that was inferred, in rounds.
    pub(super) inferred: Vec<Before>,
    /// Per node and session, how many calls of that session are before the node.
    before: Vec<u32>,
    /// Per register, the writes of each session that has any: (session, nodes ascending).
    writes: Vec<Vec<(u32, Vec<u32>)>>,
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
        let mut order = Self { program, inferred: Vec::new(), before: Vec::new(), writes };
        for (number, node) in (0u32..).zip(&program.nodes) {
            if node.after != NONE {
                order.infer(node.after, number, Why::Program, 0);
            }
        }
        for (key, initial) in program.initial.iter().enumerate() {
            let first: Vec<u32> = order.writes[key].iter().map(|(_, nodes)| nodes[0]).collect();
            for reader in program.last_readers(*initial) {
                // A compare-and-set is before those after it in its own session.
                for write in first.iter().filter(|write| **write != reader) {
                    order.infer(reader, *write, Why::FoundFirst, 0);
                }
            }
        }
        order
    }

    fn infer(&mut self, from: u32, to: u32, why: Why, known: u32) {
        self.inferred.push(Before { from, to, why, known });
    }

    /// Infers until nothing new follows.
    pub(super) fn saturate(&mut self, budget: &Budget) -> Saturated {
        loop {
            if budget.is_cancelled() {
                return Saturated::Cancelled;
            }
            if !self.close() {
                return Saturated::Cyclic;
            }
            let known = self.inferred.len();
            self.overwritten(known as u32);
            self.replaced(known as u32);
            if self.inferred.len() == known {
                return Saturated::Acyclic;
            }
        }
    }

    /// How many calls of a session are before this one.
    pub(super) fn before(&self, node: u32, session: u32) -> u32 {
        self.before[node as usize * self.program.session_count() + session as usize]
    }

    fn is_before(&self, one: u32, other: u32) -> bool {
        let one = self.program.node(one);
        self.before(other, one.session) > one.index
    }

    /// Counts what is before each call; false if a call is before itself.
    fn close(&mut self) -> bool {
        let (program, width) = (self.program, self.program.session_count());
        let count = program.nodes.len();
        let mut missing = vec![0u32; count];
        let mut first = vec![0u32; count + 1];
        for edge in &self.inferred {
            missing[edge.to as usize] += 1;
            first[edge.from as usize + 1] += 1;
        }
        for at in 0..count {
            first[at + 1] += first[at];
            let node = &program.nodes[at];
            missing[at] += u32::from(node.index > 0);
            missing[at] += u32::from(node.read != NONE && program.writer(node.read).is_some());
        }
        let mut free = first.clone();
        let mut targets = vec![0u32; self.inferred.len()];
        for edge in &self.inferred {
            let at = &mut free[edge.from as usize];
            targets[*at as usize] = edge.to;
            *at += 1;
        }
        self.before.clear();
        self.before.resize(count * width, 0);
        let mut ready: Vec<u32> = (0..count as u32).filter(|n| missing[*n as usize] == 0).collect();
        let mut done = 0;
        let mut own = vec![0u32; width];
        while let Some(number) = ready.pop() {
            done += 1;
            let node = program.node(number);
            let at = number as usize * width;
            own.copy_from_slice(&self.before[at..at + width]);
            own[node.session as usize] = node.index + 1;
            let next = number + 1;
            let same = program.session(node.session).contains(&next).then_some(next);
            let readers = if node.write == NONE { &[][..] } else { program.readers(node.write) };
            let inferred =
                &targets[first[number as usize] as usize..first[number as usize + 1] as usize];
            for to in same.iter().chain(readers).chain(inferred) {
                let at = *to as usize * width;
                for (there, here) in self.before[at..at + width].iter_mut().zip(&own) {
                    *there = (*there).max(*here);
                }
                missing[*to as usize] -= 1;
                if missing[*to as usize] == 0 {
                    ready.push(*to);
                }
            }
        }
        done == count
    }

    /// Writes that are before a read are before the write that it found.
    fn overwritten(&mut self, known: u32) {
        let mut found = Vec::new();
        for (reader, node) in (0u32..).zip(&self.program.nodes) {
            if node.read == NONE {
                continue;
            }
            let Some(writer) = self.program.writer(node.read) else { continue };
            for (session, nodes) in &self.writes[node.key as usize] {
                let begin = self.program.session(*session).start;
                let limit = begin + self.before(reader, *session);
                let Some(last) = nodes[..nodes.partition_point(|n| *n < limit)].last() else {
                    continue;
                };
                if *last != writer && !self.is_before(*last, writer) {
                    found.push((*last, writer, reader));
                }
            }
        }
        found.sort_unstable();
        found.dedup_by_key(|(from, to, _)| (*from, *to));
        for (from, to, reader) in found {
            self.infer(from, to, Why::Overwritten { reader }, known);
        }
    }

    /// Writes that are after the write that a read found are after the read.
    fn replaced(&mut self, known: u32) {
        let mut found = Vec::new();
        for (writer, node) in (0u32..).zip(&self.program.nodes) {
            if node.write == NONE || self.program.readers(node.write).is_empty() {
                continue;
            }
            // The last reader of each session stands for all.
            let last: Vec<u32> = self.program.last_readers(node.write).collect();
            for (_, nodes) in &self.writes[node.key as usize] {
                let after = nodes.partition_point(|n| !self.is_before(writer, *n));
                let Some(next) = nodes.get(after) else { continue };
                for reader in &last {
                    if reader != next && !self.is_before(*reader, *next) {
                        found.push((*reader, *next, writer));
                    }
                }
            }
        }
        for (from, to, writer) in found {
            self.infer(from, to, Why::Replaced { writer }, known);
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
        let mut ways: FxHashSet<(u32, u32)> = FxHashSet::default();
        let mut left: Vec<Before> = cycle.clone();
        while let Some(edge) = left.pop() {
            nodes.extend([edge.from, edge.to]);
            let (from, to) = match edge.why {
                Why::Overwritten { reader } => (edge.from, reader),
                Why::Replaced { writer } => (writer, edge.to),
                Why::Program | Why::Found | Why::FoundFirst => continue,
            };
            nodes.extend([from, to]);
            if ways.insert((from, to)) {
                // By what was known when this was inferred.
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
