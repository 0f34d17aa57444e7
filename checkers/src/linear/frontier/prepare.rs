//! Preparation: a model's calls in the terms of the engine.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Deref;

use rustc_hash::FxHashMap;

use super::Question;
use super::space::Space;
use crate::linear::model::{Leaves, Model, NEVER, Needs};

/// What a call does; states and classes of calls by number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// The object is in this state, and stays.
    Read(u32),
    /// The object is in any state but this, and stays.
    Miss(u32),
    /// Whatever it is in, it is in this state afterwards.
    Write(u32),
    /// The object is in the first state, and in the second afterwards; they differ.
    Swap(u32, u32),
    /// The object is in a state that the model allows for this class, and stays.
    Look(u32),
    /// The model says where it leads.
    Step(u32),
}

impl Kind {
    /// Whether it never changes anything.
    pub(super) fn observes(self) -> bool {
        matches!(self, Self::Read(_) | Self::Miss(_) | Self::Look(_))
    }
}

/// A call on an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Its number among the model's calls.
    pub(super) number: u32,
}

impl Item {
    pub(super) fn is_unknown(&self) -> bool {
        self.end == NEVER
    }
}

/// The calls on an object, ordered by start; those without any bearing are left out.
#[derive(Debug)]
pub(super) struct Problem {
    pub(super) items: Vec<Item>,
    pub(super) initial: Vec<u32>,
    /// How many known calls are open at the same time, at the most.
    pub(super) concurrency: usize,
    /// Whether there are calls of which only the model can say where they lead.
    pub(super) grows: bool,
}

/// Reads the calls of a model, ordered by start. Linear.
pub(super) fn prepare<'m, M: Model>(question: &Question<'m, M>) -> (Problem, Space<M, &'m M>) {
    let Question { model, calls, weak, .. } = question;
    let mut space = Space::new(*model);
    let initial = question.initial.iter().map(|state| space.state(state.clone())).collect();
    let mut classes = FxHashMap::default();
    let mut items = Vec::with_capacity(calls.len());
    for (number, timed) in (0u32..).zip(*calls) {
        let weak = weak.get(number as usize) == Some(&true);
        if let Some(kind) = kind_of(*model, &space, &mut classes, &timed.call, weak) {
            items.push(Item { kind, start: timed.start, end: timed.end, number });
        }
    }
    space.pin();
    let mut problem = Problem { items, initial, concurrency: 0, grows: false };
    problem.drop_useless(space.pinned());
    problem.concurrency = problem.concurrency();
    problem.grows = problem.items.iter().any(|item| matches!(item.kind, Kind::Step(_)));
    (problem, space)
}

/// What a call does, its needs left out if it is `weak`; `None` if it has no bearing.
pub(super) fn kind_of<M: Model, P: Deref<Target = M>>(
    model: &M,
    space: &Space<M, P>,
    classes: &mut FxHashMap<M::Call, u32>,
    call: &M::Call,
    weak: bool,
) -> Option<Kind> {
    let (mut needs, mut leaves) = (model.needs(call), model.leaves(call));
    if weak {
        (needs, leaves) = weakened(needs, leaves);
    }
    Some(match (needs, leaves) {
        (Needs::Nothing, Leaves::Unchanged) => return None,
        (Needs::State(needed), Leaves::Unchanged) => Kind::Read(space.state(needed)),
        (Needs::Not(other), Leaves::Unchanged) => Kind::Miss(space.state(other)),
        (Needs::Nothing, Leaves::State(left)) => Kind::Write(space.state(left)),
        (Needs::State(needed), Leaves::State(left)) => {
            let (needed, left) = (space.state(needed), space.state(left));
            if needed == left { Kind::Read(needed) } else { Kind::Swap(needed, left) }
        }
        (_, leaves) => {
            let class = match classes.get(call) {
                Some(class) => *class,
                None => {
                    let class = space.class(call.clone());
                    classes.insert(call.clone(), class);
                    class
                }
            };
            match leaves {
                Leaves::Unchanged => Kind::Look(class),
                Leaves::State(_) | Leaves::Unclear => Kind::Step(class),
            }
        }
    })
}

/// A call that only leaves what it saw or left; one that showed no state says nothing.
fn weakened<S>(needs: Needs<S>, leaves: Leaves<S>) -> (Needs<S>, Leaves<S>) {
    match (needs, leaves) {
        (Needs::State(seen), Leaves::Unchanged) => (Needs::Nothing, Leaves::State(seen)),
        (Needs::Not(_), Leaves::Unchanged) => (Needs::Nothing, Leaves::Unchanged),
        (_, Leaves::State(left)) => (Needs::Nothing, Leaves::State(left)),
        unclear => unclear,
    }
}

impl Problem {
    fn concurrency(&self) -> usize {
        let mut ends: BinaryHeap<Reverse<u32>> = BinaryHeap::new();
        let mut most = 0;
        for item in self.items.iter().filter(|item| !item.is_unknown()) {
            while ends.peek().is_some_and(|Reverse(end)| *end < item.start) {
                ends.pop();
            }
            ends.push(Reverse(item.end));
            most = most.max(ends.len());
        }
        most
    }

    pub(super) fn has_unknown(&self) -> bool {
        self.items.iter().any(Item::is_unknown)
    }

    /// Drops unknown observers, and unknown calls that leave a state which no known call can
    /// need, directly or through other unknown ones.
    fn drop_useless(&mut self, states: u32) {
        if !self.has_unknown() {
            return;
        }
        self.items.retain(|item| !(item.is_unknown() && item.kind.observes()));
        let mut needed = vec![false; states as usize];
        let mut froms: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for item in &self.items {
            match item.kind {
                // These may need anything.
                Kind::Miss(_) | Kind::Look(_) | Kind::Step(_) => return,
                Kind::Swap(from, to) if item.is_unknown() => {
                    froms.entry(to).or_default().push(from);
                }
                Kind::Read(state) | Kind::Swap(state, _) => needed[state as usize] = true,
                Kind::Write(_) => {}
            }
        }
        let mut left: Vec<u32> = (0..states).filter(|s| needed[*s as usize]).collect();
        while let Some(state) = left.pop() {
            for from in froms.remove(&state).unwrap_or_default() {
                if !std::mem::replace(&mut needed[from as usize], true) {
                    left.push(from);
                }
            }
        }
        self.items.retain(|item| match item.kind {
            Kind::Write(state) | Kind::Swap(_, state) => {
                !item.is_unknown() || needed[state as usize]
            }
            _ => true,
        });
    }
}
