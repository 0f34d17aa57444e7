//! Witnesses: the search for an order of all calls that explains what each process saw.
//!
//! An order is built from its beginning. A call that finds what is there, and changes nothing,
//! is taken at once: it can only be in the way later. A write is taken only if nobody is left
//! who found what it replaces (each version is there but once), and if all that is known to be
//! before it was taken; they are tried in the order in which they were seen. What was tried in
//! vain is remembered in full, so that "there is none" is a proof, like "here it is".

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use super::program::Program;
use super::saturate::Order;
use crate::Budget;
use crate::linear::neighbours::versions::NONE;

/// How often a search looks whether time is up.
const PATIENCE: usize = 4096;

/// How a search ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Searched {
    /// All nodes in such an order.
    Found(Vec<u32>),
    /// There is none.
    None,
    /// It gave up: too much to remember.
    OutOfStates,
    Cancelled,
}

struct Search<'p> {
    program: &'p Program,
    known: Option<&'p Order<'p>>,
    /// Per session how many calls were taken.
    taken: Vec<u32>,
    /// Per register the version that is there.
    there: Vec<u32>,
    /// Per version how many nodes that found it are left.
    unread: Vec<u32>,
    /// Sessions whose next call changes something, by when to try it.
    writers: BTreeSet<(u32, u32)>,
    /// Sessions whose next call missed a version, per register.
    missing: Vec<Vec<u32>>,
    /// What was taken, and what each replaced.
    order: Vec<(u32, u32)>,
}

/// A write that was taken, with what followed from it.
struct Frame {
    /// How many nodes were taken before.
    length: usize,
    /// The last candidate that was tried.
    tried: Option<(u32, u32)>,
}

/// Looks for an order, with at most so many attempts in vain and the memory that the budget
/// allows for them; `known` is an order that has to be kept in any case.
pub(super) fn search<'p>(
    program: &'p Program,
    known: Option<&'p Order<'p>>,
    max_attempts: usize,
    budget: &Budget,
) -> Searched {
    let mut search = Search {
        program,
        known,
        taken: vec![0; program.session_count()],
        there: program.initial.clone(),
        unread: (0..program.keys.len() as u32).map(|v| program.readers(v).len() as u32).collect(),
        writers: BTreeSet::new(),
        missing: vec![Vec::new(); program.initial.len()],
        order: Vec::with_capacity(program.nodes.len()),
    };
    search.run(max_attempts, budget)
}

impl Search<'_> {
    fn run(&mut self, max_attempts: usize, budget: &Budget) -> Searched {
        let sessions: Vec<u32> = (0..self.taken.len() as u32).collect();
        for session in &sessions {
            self.announce(*session);
        }
        self.advance(sessions);
        let mut frames = vec![Frame { length: self.order.len(), tried: None }];
        // A vain attempt costs as much memory as its key.
        let weight = 1 + (self.taken.len() + self.there.len()) / 16;
        let most = max_attempts.min(budget.max_states / weight);
        let mut vain: FxHashSet<Box<[u32]>> = FxHashSet::default();
        let mut steps = 0;
        while let Some(frame) = frames.last_mut() {
            steps += 1;
            if steps % PATIENCE == 0 && budget.is_cancelled() {
                return Searched::Cancelled;
            }
            let (length, tried) = (frame.length, frame.tried);
            self.undo(length);
            if self.order.len() == self.program.nodes.len() {
                return Searched::Found(self.order.iter().map(|(node, _)| *node).collect());
            }
            if let Some(next) = self.candidate(tried) {
                frame.tried = Some(next);
                self.take(next.1);
                if self.order.len() == self.program.nodes.len()
                    || vain.is_empty()
                    || !vain.contains(&self.state())
                {
                    frames.push(Frame { length: self.order.len(), tried: None });
                }
                continue;
            }
            frames.pop();
            if vain.len() >= most {
                return Searched::OutOfStates;
            }
            vain.insert(self.state());
        }
        Searched::None
    }

    fn state(&self) -> Box<[u32]> {
        self.taken.iter().chain(&self.there).copied().collect()
    }

    fn next(&self, session: u32) -> Option<u32> {
        let nodes = self.program.session(session);
        let next = nodes.start + self.taken[session as usize];
        nodes.contains(&next).then_some(next)
    }

    /// The first write after the last tried one that can be taken.
    fn candidate(&self, tried: Option<(u32, u32)>) -> Option<(u32, u32)> {
        let from = match tried {
            Some(tried) => std::ops::Bound::Excluded(tried),
            None => std::ops::Bound::Unbounded,
        };
        let mut writers = self.writers.range((from, std::ops::Bound::Unbounded));
        writers.find(|(_, session)| self.can_write(*session)).copied()
    }

    fn can_write(&self, session: u32) -> bool {
        let Some(number) = self.next(session) else { return false };
        let node = self.program.node(number);
        let there = self.there[node.key as usize];
        let finds = node.read == NONE || node.read == there;
        let unread = self.unread[there as usize] == u32::from(node.read != NONE);
        finds && unread && self.is_after_all(number)
    }

    /// Whether all that is known to be before a node was taken.
    fn is_after_all(&self, number: u32) -> bool {
        let after = self.program.node(number).after;
        if after != NONE {
            let node = self.program.node(after);
            if self.taken[node.session as usize] <= node.index {
                return false;
            }
        }
        self.known.is_none_or(|known| {
            let taken = (0u32..).zip(&self.taken);
            taken.into_iter().all(|(session, taken)| *taken >= known.before(number, session))
        })
    }

    /// Takes the next call of a session, a write, and whatever can follow without a choice.
    fn take(&mut self, session: u32) {
        let Some(number) = self.next(session) else { return };
        self.step(session, number);
        let node = self.program.node(number);
        let mut woken: Vec<u32> = vec![session];
        let readers = self.program.readers(node.write).iter();
        woken.extend(readers.map(|reader| self.program.node(*reader).session));
        woken.extend(&self.missing[node.key as usize]);
        self.advance(woken);
    }

    /// Takes the next calls of these sessions while they change nothing.
    fn advance(&mut self, sessions: Vec<u32>) {
        for session in sessions {
            while let Some(number) = self.next(session) {
                let node = self.program.node(number);
                let there = self.there[node.key as usize];
                let finds = node.read == NONE || node.read == there;
                let misses = node.missed != there || node.missed == NONE;
                if node.write != NONE || !finds || !misses {
                    break;
                }
                self.step(session, number);
            }
        }
    }

    fn step(&mut self, session: u32, number: u32) {
        self.retract(session);
        let node = self.program.node(number);
        let there = &mut self.there[node.key as usize];
        self.order.push((number, *there));
        if node.read != NONE {
            self.unread[node.read as usize] -= 1;
        }
        if node.write != NONE {
            *there = node.write;
        }
        self.taken[session as usize] += 1;
        self.announce(session);
    }

    fn undo(&mut self, length: usize) {
        while self.order.len() > length
            && let Some((number, there)) = self.order.pop()
        {
            let node = self.program.node(number);
            self.retract(node.session);
            self.taken[node.session as usize] -= 1;
            if node.read != NONE {
                self.unread[node.read as usize] += 1;
            }
            self.there[node.key as usize] = there;
            self.announce(node.session);
        }
    }

    /// Notes what a session waits for.
    fn announce(&mut self, session: u32) {
        let Some(number) = self.next(session) else { return };
        let node = self.program.node(number);
        if node.write != NONE {
            self.writers.insert((node.turn, session));
        } else if node.missed != NONE {
            self.missing[node.key as usize].push(session);
        }
    }

    /// Takes back what was noted.
    fn retract(&mut self, session: u32) {
        let Some(number) = self.next(session) else { return };
        let node = self.program.node(number);
        if node.write != NONE {
            self.writers.remove(&(node.turn, session));
        } else if node.missed != NONE {
            self.missing[node.key as usize].retain(|other| *other != session);
        }
    }
}

/// Whether this order of all nodes is that of every program, and explains what each found.
/// Knows nothing of how it was found. Linear.
pub(super) fn replays(program: &Program, order: &[u32]) -> bool {
    let mut there = program.initial.clone();
    let mut place = vec![NONE; program.nodes.len()];
    for (at, number) in (0u32..).zip(order) {
        let Some(node) = program.nodes.get(*number as usize) else { return false };
        let key = node.key as usize;
        let found = node.read == NONE || node.read == there[key];
        let missed = node.missed == NONE || node.missed != there[key];
        if !found || !missed || std::mem::replace(&mut place[*number as usize], at) != NONE {
            return false;
        }
        if node.write != NONE {
            there[key] = node.write;
        }
    }
    let in_order = |(number, node): (usize, &super::program::Node)| {
        let after = |before: usize| place[before] < place[number];
        (node.index == 0 || after(number - 1)) && (node.after == NONE || after(node.after as usize))
    };
    order.len() == program.nodes.len() && program.nodes.iter().enumerate().all(in_order)
}
