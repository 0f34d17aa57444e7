//! Small histories made of any bytes, on which the engines have to agree with brute force.

use super::decide::{Outcome, decide};
use super::frontier::{Question, search};
use super::model::{NEVER, Timed, Values};
use super::models::testing::{Sampled, Visitor, for_every_model};
use super::oracle::brute_force;
use super::synthetic::Random;
use crate::Budget;

/// The most calls of a history.
const MOST: usize = 8;
/// The most configurations that the general engine may keep.
const STATES: usize = 1 << 18;

/// The first byte names a model, the others are calls on it: see [`calls`]. The chosen engine
/// and the general one must say what brute force says, and calls that are said to contradict
/// each other must do so by themselves.
pub(crate) fn engines(bytes: &[u8]) {
    let Some((first, rest)) = bytes.split_first() else { return };
    let mut all = Chosen { number: None, visited: 0, bytes: rest };
    for_every_model(&mut all);
    let number = usize::from(*first) % all.visited;
    for_every_model(&mut Chosen { number: Some(number), visited: 0, bytes: rest });
}

/// Judges the model of this number; only counts them if there is none.
struct Chosen<'b> {
    number: Option<usize>,
    visited: usize,
    bytes: &'b [u8],
}

impl Visitor for Chosen<'_> {
    fn visit<M: Sampled>(&mut self, name: &'static str, model: &M) {
        if self.number == Some(self.visited) {
            judge(name, model, &calls(model, self.bytes));
        }
        self.visited += 1;
    }
}

fn judge<M: Sampled>(name: &str, model: &M, calls: &[Timed<M::Call>]) {
    let mut values = Values::default();
    let initial = model.initial(&mut values);
    let right = brute_force(model, &initial, calls);
    let budget = Budget::states(STATES);
    let decision = decide(model, &initial, calls, &values, &budget);
    let says = decision.outcome == Outcome::Linearizable;
    assert_eq!(says, right, "{name}: {calls:#?} {decision:?}");
    if let Outcome::Contradiction(contradiction) = &decision.outcome {
        let mut named = contradiction.calls.clone();
        named.sort_unstable();
        let named: Vec<_> = named.iter().map(|number| calls[*number].clone()).collect();
        let stands = !brute_force(model, &initial, &named);
        assert!(stands, "{name}: no proof: {calls:#?} {decision:?}");
    }
    let question = Question { model, initial: &[initial], calls, weak: &[] };
    let outcome = search(&question, STATES, &budget).outcome;
    assert_eq!(outcome == Outcome::Linearizable, right, "{name}: {calls:#?} {outcome:?}");
}

/// At most eight calls ordered by start. An even byte begins a call, and the next byte is the
/// seed of what it is, so that a change of a byte changes one call only. An odd byte ends one
/// of the open calls. What is open at last ends then. Every call may be of unknown outcome.
fn calls<M: Sampled>(model: &M, bytes: &[u8]) -> Vec<Timed<M::Call>> {
    let mut calls: Vec<Timed<M::Call>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut bytes = bytes.iter().copied();
    let mut position = 0;
    while let Some(byte) = bytes.next() {
        if byte & 1 == 1 {
            if !open.is_empty() {
                calls[open.remove(usize::from(byte >> 1) % open.len())].end = position;
                position += 1;
            }
            continue;
        }
        let (Some(seed), true) = (bytes.next(), calls.len() < MOST) else { break };
        let call = model.sample(&mut Random(u64::from(seed)));
        let unknown = byte >> 1 & 3 == 3;
        // Some say what was answered, although nobody can have learnt it.
        let told = !unknown || byte >> 3 & 7 == 7;
        let Some(call) = (if told { Some(call) } else { model.unanswered(call) }) else { continue };
        if !unknown {
            open.push(calls.len());
        }
        calls.push(Timed { call, start: position, end: NEVER });
        position += 1;
    }
    for number in open {
        calls[number].end = position;
        position += 1;
    }
    calls
}
