//! What models say about themselves: hints, units and states against what they do.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::Rope;
use super::testing::{Sampled, Visitor, act, for_every_model, small_history};
use crate::linear::model::{Leaves, Model, Needs, Values};
use crate::linear::oracle::brute_force;
use crate::linear::synthetic::Random;

fn after<M: Model>(model: &M, state: &M::State, call: &M::Call) -> Vec<M::State> {
    let mut states = Vec::new();
    model.steps(state, call, &mut |next| states.push(next));
    states.sort();
    states.dedup();
    states
}

/// Calls one after another from the initial state on, all of them possible if that can be.
fn walk<M: Sampled>(model: &M, random: &mut Random, most: u64) -> (Vec<M::Call>, M::State) {
    let mut state = model.initial(&mut Values::default());
    let calls = (0..random.below(most)).map(|_| act(model, random, &mut state)).collect();
    (calls, state)
}

struct Hints;

impl Visitor for Hints {
    fn visit<M: Sampled>(&mut self, name: &'static str, model: &M) {
        let mut random = Random(1);
        let mut possible = 0;
        for _ in 0..20_000 {
            let (_, state) = walk(model, &mut random, 6);
            let call = model.sample(&mut random);
            let next = after(model, &state, &call);
            possible += usize::from(!next.is_empty());
            let may = match model.needs(&call) {
                Needs::Nothing => Some(true),
                Needs::State(needed) => Some(needed == state),
                Needs::Not(not) => Some(not != state),
                Needs::Unclear => None,
            };
            let says = format!("{name}: {call:?} in {state:?}");
            assert!(may.is_none_or(|may| may != next.is_empty()), "{says}");
            match model.leaves(&call) {
                Leaves::Unchanged => assert!(next.iter().all(|next| *next == state), "{says}"),
                Leaves::State(left) => assert!(next.iter().all(|next| *next == left), "{says}"),
                Leaves::Unclear => {}
            }
            if let Needs::State(needed) = model.needs(&call) {
                assert!(!after(model, &needed, &call).is_empty(), "{says}");
            }
        }
        assert!(possible > 2_000, "{name}: {possible}");
    }
}

#[test]
fn hints_are_exact() {
    for_every_model(&mut Hints);
}

/// Whether these calls can happen one after another, in this order.
fn possible<M: Model>(model: &M, from: M::State, calls: &[M::Call]) -> bool {
    let mut states = vec![from];
    for call in calls {
        states = states.iter().flat_map(|state| after(model, state, call)).collect();
    }
    !states.is_empty()
}

/// The same, where calls that only ever have an unknown outcome need not happen.
fn possible_with_fewer<M: Sampled>(model: &M, from: &M::State, calls: &[M::Call]) -> bool {
    let unknown = |call: &M::Call| {
        model.unit(call).is_none() && model.unanswered(call.clone()).as_ref() == Some(call)
    };
    let doubtful: Vec<usize> = (0..calls.len()).filter(|at| unknown(&calls[*at])).collect();
    (0..1u32 << doubtful.len()).any(|left_out| {
        let stays = |at: &usize| match doubtful.iter().position(|other| other == at) {
            Some(place) => left_out & 1 << place == 0,
            None => true,
        };
        let kept: Vec<M::Call> =
            (0..calls.len()).filter(stays).map(|at| calls[at].clone()).collect();
        possible(model, from.clone(), &kept)
    })
}

struct Units;

impl Visitor for Units {
    fn visit<M: Sampled>(&mut self, name: &'static str, model: &M) {
        let initial = model.initial(&mut Values::default());
        let mut random = Random(2);
        for _ in 0..3_000 {
            let (calls, _) = walk(model, &mut random, 9);
            if !possible(model, initial.clone(), &calls) {
                continue;
            }
            let units: FxHashSet<u32> = calls.iter().filter_map(|call| model.unit(call)).collect();
            for unit in units {
                let rest: Vec<M::Call> =
                    calls.iter().filter(|call| model.unit(call) != Some(unit)).cloned().collect();
                assert!(
                    possible_with_fewer(model, &initial, &rest),
                    "{name}: {calls:?} without {unit}"
                );
            }
        }
    }
}

#[test]
fn units_may_go() {
    for_every_model(&mut Units);
}

struct States;

impl Visitor for States {
    fn visit<M: Sampled>(&mut self, name: &'static str, model: &M) {
        let mut random = Random(3);
        for _ in 0..2_000 {
            let (_, state) = walk(model, &mut random, 6);
            let alphabet: Vec<M::Call> = (0..4).map(|_| model.sample(&mut random)).collect();
            let Some(states) = model.states(&alphabet) else { continue };
            // One of the states must allow just what the real one does, as far as is tried.
            let words: Vec<Vec<M::Call>> = (0..40)
                .map(|_| (0..4).map(|_| alphabet[random.below(4) as usize].clone()).collect())
                .collect();
            let allowed = |from: &M::State| -> Vec<usize> {
                let longest = |word: &Vec<M::Call>| {
                    (0..=word.len()).rev().find(|n| possible(model, from.clone(), &word[..*n]))
                };
                words.iter().filter_map(longest).collect()
            };
            let real = allowed(&state);
            let stands = states.iter().any(|state| allowed(state) == real);
            assert!(stands, "{name}: {state:?} with {alphabet:?} is none of {states:?}");
        }
    }
}

#[test]
fn states_stand_for_all_others() {
    for_every_model(&mut States);
}

struct Balance;

impl Visitor for Balance {
    fn visit<M: Sampled>(&mut self, name: &'static str, model: &M) {
        let initial = model.initial(&mut Values::default());
        let (mut random, mut right, mut wrong) = (Random(4), 0, 0);
        for _ in 0..2_000 {
            let calls = small_history(model, &mut random, 8);
            assert!(calls.is_sorted_by_key(|timed| timed.start), "{name}: {calls:?}");
            if brute_force(model, &initial, &calls) { right += 1 } else { wrong += 1 }
        }
        assert!(right > 400 && wrong > 150, "{name}: {right} right, {wrong} wrong");
    }
}

#[test]
fn small_histories_are_of_both_kinds() {
    for_every_model(&mut Balance);
}

#[test]
fn ropes_are_their_bytes() {
    let mut random = Random(5);
    for _ in 0..20_000 {
        let mut text: Vec<u8> = Vec::new();
        let mut rope = Rope::default();
        let mut other = Rope::default();
        for _ in 0..random.below(5) {
            let piece = &b"aab"[..random.below(4) as usize];
            text.extend(piece);
            rope = rope.with(&Arc::from(piece));
            other = other.with(&Arc::from(&b"aab"[..random.below(4) as usize]));
        }
        assert_eq!(rope, Rope::new(&text));
        assert_eq!((rope.bytes(), rope.len()), (text.clone(), text.len() as u64));
        assert_eq!(rope == other, text == other.bytes(), "{rope:?} {other:?}");
        assert_eq!(rope.cmp(&other).is_eq(), text == other.bytes());
        let at = random.below(8);
        let two = text.get(at as usize..at as usize + 2);
        assert_eq!(rope.range::<2>(at).as_ref().map(|two| &two[..]), two);
    }
    let long =
        (0..300_000u32).fold(Rope::default(), |rope, n| rope.with(&Arc::from(n.to_le_bytes())));
    assert_eq!(long.range(4 * 77_777), Some(77_777u32.to_le_bytes()));
    drop(long);
}
