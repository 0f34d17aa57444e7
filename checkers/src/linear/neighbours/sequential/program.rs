//! Programs: what each process did, in its order, on all registers.

use rustc_hash::FxHashMap;

use crate::linear::model::NEVER;
use crate::linear::models::RegisterCall;
use crate::linear::neighbours::versions::{INITIAL, NONE, Versions};

/// One call that surely happened. Versions are numbered over all registers; [`NONE`] for none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    pub(super) session: u32,
    /// Its place in the session.
    pub(super) index: u32,
    pub(super) key: u32,
    /// The version that it found.
    pub(super) read: u32,
    /// The version that it left.
    pub(super) write: u32,
    /// The version that it did not find: a compare-and-set that missed.
    pub(super) missed: u32,
    /// A call of the same process before it, for one of unknown outcome that its process did
    /// not wait for: such a one makes a session of its own.
    pub(super) after: u32,
    /// Its number in the calls of its register.
    pub(super) call: u32,
    pub(super) start: u32,
    /// [`NEVER`] if it was not answered; then it happened because somebody found what it wrote.
    pub(super) end: u32,
    /// If it is a write, when to try it.
    pub(super) turn: u32,
}

impl Node {
    /// Whether it was answered.
    pub(super) fn is_known(&self) -> bool {
        self.end != NEVER
    }
}

/// The calls of all processes, session after session.
#[derive(Clone, Debug, Default)]
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
    /// Where each session begins, and where the last one ends.
    pub(super) sessions: Vec<u32>,
    /// Per version the register that it is of.
    pub(super) keys: Vec<u32>,
    /// Per version the node that wrote it.
    pub(super) writers: Vec<u32>,
    /// The version that each register had at first.
    pub(super) initial: Vec<u32>,
    /// The nodes that found each version, by session and index: where those of a version begin.
    first_reader: Vec<u32>,
    readers: Vec<u32>,
    /// Whether a call of unknown outcome was left out that might explain one that missed.
    pub(super) is_partial: bool,
}

impl Program {
    /// Of the calls on these registers; `process` tells who made call `n` of register `k`.
    /// Reads of what nobody wrote are left out.
    pub(super) fn new(registers: &[Versions<'_>], process: impl Fn(usize, usize) -> u32) -> Self {
        let mut program = Self { sessions: vec![0], ..Self::default() };
        let mut calls: Vec<(u32, u32, u32)> = Vec::new();
        let mut first = Vec::with_capacity(registers.len());
        for (key, register) in (0u32..).zip(registers) {
            first.push(program.keys.len() as u32);
            program.initial.push(program.keys.len() as u32 + INITIAL);
            program.keys.extend((0..register.count()).map(|_| key));
            let seen = seen(register);
            for (number, timed) in (0u32..).zip(register.calls) {
                let happened = timed.end != NEVER
                    || timed.call.left().is_some_and(|value| seen[value as usize]);
                if happened {
                    calls.push((timed.start, key, number));
                } else {
                    program.is_partial |= timed.call.left().is_some();
                }
            }
        }
        calls.sort_unstable();
        let mut numbers: FxHashMap<u32, usize> = FxHashMap::default();
        let mut by_process: Vec<Vec<(u32, u32, u32)>> = Vec::new();
        for (start, key, call) in calls {
            let who = process(key as usize, call as usize);
            let number = *numbers.entry(who).or_insert(by_process.len());
            if number == by_process.len() {
                by_process.push(Vec::new());
            }
            by_process[number].push((start, key, call));
        }
        for calls in by_process {
            program.add_process(registers, &first, &calls);
        }
        program.index();
        program
    }

    fn add_process(
        &mut self,
        registers: &[Versions<'_>],
        first: &[u32],
        calls: &[(u32, u32, u32)],
    ) {
        let node = |key: u32, call: u32, start: u32| {
            let register = &registers[key as usize];
            let what = register.calls[call as usize].call;
            let version = |value: Option<u32>| value.map_or(NONE, |v| first[key as usize] + v);
            let exists = |value: &u32| *value == INITIAL || register.writer(*value).is_some();
            let missed = match what {
                RegisterCall::CasMiss(value) => Some(value),
                _ => None,
            };
            let (read, write) = (version(what.found().filter(exists)), version(what.left()));
            let missed = version(missed);
            let end = register.calls[call as usize].end;
            let (session, index, after, turn) = (0, 0, NONE, 0);
            Node { session, index, key, read, write, missed, after, call, start, end, turn }
        };
        let mut apart = Vec::new();
        let mut last = NONE;
        for (at, (start, key, call)) in calls.iter().enumerate() {
            let mut node = node(*key, *call, *start);
            if node.read == NONE && node.write == NONE && node.missed == NONE {
                continue;
            }
            if !node.is_known() && at + 1 < calls.len() {
                node.after = last;
                apart.push(node);
            } else {
                last = self.nodes.len() as u32;
                self.nodes.push(node);
            }
        }
        self.end_session();
        for node in apart {
            self.nodes.push(node);
            self.end_session();
        }
    }

    fn end_session(&mut self) {
        let from = self.sessions[self.sessions.len() - 1];
        let session = self.sessions.len() as u32 - 1;
        if from as usize == self.nodes.len() {
            return;
        }
        for (index, node) in (0u32..).zip(&mut self.nodes[from as usize..]) {
            (node.session, node.index) = (session, index);
        }
        self.sessions.push(self.nodes.len() as u32);
    }

    fn index(&mut self) {
        let versions = self.keys.len();
        self.writers = vec![NONE; versions];
        self.first_reader = vec![0; versions + 1];
        for (number, node) in (0u32..).zip(&self.nodes) {
            if node.write != NONE {
                self.writers[node.write as usize] = number;
            }
            if node.read != NONE {
                self.first_reader[node.read as usize + 1] += 1;
            }
        }
        for version in 0..versions {
            self.first_reader[version + 1] += self.first_reader[version];
        }
        let mut free = self.first_reader.clone();
        self.readers = vec![0; self.first_reader[versions] as usize];
        for (number, node) in (0u32..).zip(&self.nodes).filter(|(_, node)| node.read != NONE) {
            let at = &mut free[node.read as usize];
            self.readers[*at as usize] = number;
            *at += 1;
        }
        for number in 0..self.nodes.len() {
            self.nodes[number].turn = self.turn(&self.nodes[number]);
        }
    }

    /// The lower end of the zone of what a node wrote: when the first was answered who knew of
    /// it, or when the last asked, if that was earlier. This is the order of writes if the
    /// history is linearizable (see `zones.rs`), and often a good one if it is not.
    fn turn(&self, node: &Node) -> u32 {
        if node.write == NONE {
            return node.start;
        }
        let readers = || self.readers(node.write).iter().map(|reader| self.node(*reader));
        let first = readers().map(|reader| reader.end).fold(node.end, u32::min);
        let last = readers().map(|reader| reader.start).fold(node.start, u32::max);
        first.min(last)
    }

    /// Per version whether one of these nodes wrote it, or nobody had to.
    fn is_written_by(&self, nodes: &[u32]) -> Vec<bool> {
        let mut written = vec![false; self.keys.len()];
        self.initial.iter().for_each(|version| written[*version as usize] = true);
        for node in nodes {
            if let Some(written) = written.get_mut(self.node(*node).write as usize) {
                *written = true;
            }
        }
        written
    }

    /// These nodes, ascending, but for reads of what none of them wrote, and for calls of
    /// unknown outcome of which none of them shows that they happened.
    pub(super) fn kept(&self, nodes: &[u32]) -> Vec<u32> {
        let written = self.is_written_by(nodes);
        let mut kept = nodes.to_vec();
        kept.retain(|node| {
            let node = self.node(*node);
            node.read == NONE || node.write != NONE || written[node.read as usize]
        });
        loop {
            let mut found = vec![false; self.keys.len()];
            for node in &kept {
                if let Some(found) = found.get_mut(self.node(*node).read as usize) {
                    *found = true;
                }
            }
            let count = kept.len();
            kept.retain(|node| {
                self.node(*node).is_known() || found[self.node(*node).write as usize]
            });
            if kept.len() == count {
                return kept;
            }
        }
    }

    /// With these nodes, ascending, those that show that the ones of unknown outcome happened.
    pub(super) fn with_witnesses(&self, nodes: &[u32]) -> Vec<u32> {
        let mut all = nodes.to_vec();
        let mut at = 0;
        while let Some(node) = all.get(at).map(|node| self.node(*node)) {
            at += 1;
            if node.is_known() {
                continue;
            }
            let readers = self.readers(node.write);
            if !readers.iter().any(|reader| all.contains(reader)) {
                let known = readers.iter().find(|reader| self.node(**reader).is_known());
                all.extend(known.or(readers.first()));
            }
        }
        all.sort_unstable();
        all.dedup();
        all
    }

    /// These nodes alone, ascending. A compare-and-set that found what none of them wrote counts
    /// as a write.
    pub(super) fn part(&self, nodes: &[u32]) -> Self {
        let written = self.is_written_by(nodes);
        let mut part = Self {
            nodes: Vec::new(),
            sessions: vec![0],
            keys: self.keys.clone(),
            initial: self.initial.clone(),
            is_partial: self.is_partial,
            ..Self::default()
        };
        let mut renamed = FxHashMap::default();
        let mut session = NONE;
        for number in nodes {
            let mut node = self.nodes[*number as usize];
            if node.read != NONE && !written[node.read as usize] {
                node.read = NONE;
            }
            if node.session != session {
                part.end_session();
                session = node.session;
            }
            renamed.insert(*number, part.nodes.len() as u32);
            node.after = renamed.get(&node.after).copied().unwrap_or(NONE);
            part.nodes.push(node);
        }
        part.end_session();
        part.index();
        part
    }

    /// Whether a compare-and-set missed.
    pub(super) fn has_misses(&self) -> bool {
        self.nodes.iter().any(|node| node.missed != NONE)
    }

    /// Whether there are calls of unknown outcome.
    pub(super) fn has_unknown(&self) -> bool {
        self.is_partial || self.nodes.iter().any(|node| !node.is_known())
    }

    pub(super) fn session_count(&self) -> usize {
        self.sessions.len() - 1
    }

    /// The nodes of a session.
    pub(super) fn session(&self, session: u32) -> std::ops::Range<u32> {
        self.sessions[session as usize]..self.sessions[session as usize + 1]
    }

    /// The nodes that found a version.
    pub(super) fn readers(&self, version: u32) -> &[u32] {
        let at = version as usize;
        &self.readers[self.first_reader[at] as usize..self.first_reader[at + 1] as usize]
    }

    /// Of the nodes of each session that found a version, the last.
    pub(super) fn last_readers(&self, version: u32) -> impl Iterator<Item = u32> {
        let readers = self.readers(version);
        let session = |number: u32| self.node(number).session;
        (0..readers.len()).map(|at| (readers[at], readers.get(at + 1).copied())).filter_map(
            move |(reader, next)| {
                next.is_none_or(|next| session(next) != session(reader)).then_some(reader)
            },
        )
    }

    /// The node that wrote a version, if it is not an initial one.
    pub(super) fn writer(&self, version: u32) -> Option<u32> {
        self.writers.get(version as usize).copied().filter(|writer| *writer != NONE)
    }

    pub(super) fn node(&self, number: u32) -> &Node {
        &self.nodes[number as usize]
    }
}

/// Per value whether somebody surely found it: an answered call, or a compare-and-set of
/// unknown outcome whose own value somebody found.
fn seen(register: &Versions<'_>) -> Vec<bool> {
    let mut seen = vec![false; register.count() as usize];
    let known = register.calls.iter().filter(|timed| timed.end != NEVER);
    let mut left: Vec<u32> = known.filter_map(|timed| timed.call.found()).collect();
    while let Some(value) = left.pop() {
        if std::mem::replace(&mut seen[value as usize], true) {
            continue;
        }
        let writer = register.writer(value).map(|writer| &register.calls[writer as usize]);
        if let Some(writer) = writer.filter(|writer| writer.end == NEVER) {
            left.extend(writer.call.found());
        }
    }
    seen
}
