//! Sets: against brute force, on long valid histories, and with planted violations.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::linear::model::{Answer, Asked, Model, NEVER};
use crate::linear::models::SetObject;
use crate::linear::oracle::brute_force;
use crate::linear::synthetic::{SetLoad, Shape, Subject, history};
use crate::linear::{Leaves, Linearizable};
use crate::testing::{Random, Script};
use crate::{Budget, Checker, Verdict};

fn judge(calls: &[Timed<SetCall>]) -> Option<Special> {
    decide(calls, &Values::default())
}

fn is_set(calls: &[Timed<SetCall>]) -> bool {
    brute_force(&SetObject, &Vec::new(), calls)
}

/// What may be in a small history.
#[derive(Clone, Copy)]
struct Mix {
    elements: u64,
    /// Percent of adds and removes that do not say whether they changed anything.
    silent: u64,
    removes: bool,
    reads: bool,
}

/// What a set answers, with some answers exchanged, by a few clients at the same time.
fn random_calls(random: &mut Random, unknown: u64, mix: Mix) -> Vec<Timed<SetCall>> {
    let count = 1 + random.below(8);
    let mut state: Vec<u32> = Vec::new();
    let mut script: Vec<(SetCall, bool)> = Vec::new();
    for _ in 0..count {
        let element = random.below(mix.elements) as u32;
        let mut call = match random.below(10) {
            0..4 => SetCall::Add(element, None),
            4..7 if mix.removes => SetCall::Remove(element, None),
            7..10 if mix.reads => SetCall::Read(Arc::new(state.clone())),
            _ => SetCall::Contains(element, state.contains(&element)),
        };
        let changes = matches!(call, SetCall::Add(..) | SetCall::Remove(..));
        let lost = changes && random.chance(unknown);
        if changes && (!lost || random.chance(50)) {
            let was = state.contains(&element);
            state.retain(|other| *other != element);
            let says = !lost && !random.chance(mix.silent);
            if let SetCall::Add(_, told) = &mut call {
                *told = says.then_some(!was);
                state.push(element);
                state.sort_unstable();
            } else if let SetCall::Remove(_, told) = &mut call {
                *told = says.then_some(was);
            }
        }
        if random.chance(12) {
            match &mut call {
                SetCall::Add(_, Some(told)) | SetCall::Remove(_, Some(told)) => *told = !*told,
                SetCall::Contains(_, found) => *found = !*found,
                SetCall::Read(elements) => {
                    *elements = Arc::new(elements.iter().copied().skip(1).collect());
                }
                SetCall::Add(..) | SetCall::Remove(..) => {}
            }
        }
        script.push((call, lost));
    }
    for _ in 0..random.below(2) {
        script.swap(random.below(count) as usize, random.below(count) as usize);
    }
    interleave(random, &script)
}

/// Has a few clients make these calls, each the next one that is left.
fn interleave(random: &mut Random, script: &[(SetCall, bool)]) -> Vec<Timed<SetCall>> {
    let clients = 1 + random.below(5) as usize;
    let mut open: Vec<Option<usize>> = vec![None; clients];
    let mut calls: Vec<Timed<SetCall>> = Vec::new();
    let mut position = random.below(2) as u32;
    let mut left = script.iter();
    loop {
        let client = random.below(clients as u64) as usize;
        if let Some(number) = open[client].take() {
            calls[number].end = position;
        } else if let Some((call, lost)) = left.next() {
            open[client] = (!lost).then_some(calls.len());
            calls.push(Timed { call: call.clone(), start: position, end: NEVER });
        } else if open.iter().all(Option::is_none) {
            return calls;
        }
        position += 1 + random.below(2) as u32;
    }
}

const MIXES: [Mix; 7] = [
    Mix { elements: 1, silent: 0, removes: true, reads: false },
    Mix { elements: 1, silent: 100, removes: true, reads: false },
    Mix { elements: 1, silent: 50, removes: true, reads: false },
    Mix { elements: 2, silent: 30, removes: true, reads: false },
    Mix { elements: 3, silent: 30, removes: false, reads: true },
    Mix { elements: 2, silent: 50, removes: false, reads: true },
    Mix { elements: 2, silent: 20, removes: true, reads: true },
];

#[test]
fn agrees_with_brute_force() {
    for (place, mix) in MIXES.into_iter().enumerate() {
        let (mut yes, mut no, mut undecided) = (0, 0, 0);
        for seed in 0..50_000 {
            let mut random = Random(seed + 1_000_000 * place as u64);
            let unknown = if seed % 3 == 0 { 0 } else { 20 };
            let calls = random_calls(&mut random, unknown, mix);
            let Some(special) = judge(&calls) else {
                assert!(mix.reads && mix.removes, "seed {seed}: {calls:?}");
                undecided += 1;
                continue;
            };
            let found = special.contradiction.is_none();
            assert_eq!(found, is_set(&calls), "mix {place} seed {seed}: {calls:?} {special:?}");
            if found {
                yes += 1
            } else {
                no += 1
            }
            if let Some(contradiction) = special.contradiction {
                let part: Vec<_> = contradiction.calls.iter().map(|n| calls[*n].clone()).collect();
                assert!(!is_set(&part), "mix {place} seed {seed}: {calls:?} {contradiction:?}");
                assert!(!contradiction.why.is_empty());
            }
        }
        assert!(yes > 5_000 && no > 5_000, "mix {place}: {yes} {no} {undecided}");
    }
}

/// A set that only grows, read as a whole now and then.
#[derive(Default)]
struct Growing {
    elements: Vec<u32>,
    asked: u32,
}

#[derive(Clone)]
enum GrowingRequest {
    Add(u32),
    Contains(u32),
    Read,
}

impl Subject for Growing {
    type Request = GrowingRequest;
    type Call = SetCall;

    fn ask(&mut self, random: &mut Random, _process: u32) -> GrowingRequest {
        match random.below(10) {
            0..5 => {
                self.asked += 1;
                GrowingRequest::Add(self.asked - 1)
            }
            5..7 => GrowingRequest::Contains(random.below(u64::from(self.asked) + 1) as u32),
            _ => GrowingRequest::Read,
        }
    }

    fn apply(&mut self, request: &GrowingRequest) -> Option<SetCall> {
        Some(match *request {
            GrowingRequest::Add(element) => {
                let place = self.elements.partition_point(|other| *other < element);
                self.elements.insert(place, element);
                SetCall::Add(element, (element % 2 == 0).then_some(true))
            }
            GrowingRequest::Contains(element) => {
                SetCall::Contains(element, self.elements.binary_search(&element).is_ok())
            }
            GrowingRequest::Read => SetCall::Read(Arc::new(self.elements.clone())),
        })
    }

    fn unanswered(&self, request: &GrowingRequest) -> Option<SetCall> {
        match *request {
            GrowingRequest::Add(element) => Some(SetCall::Add(element, None)),
            GrowingRequest::Contains(_) | GrowingRequest::Read => None,
        }
    }
}

fn long_history(seed: u64) -> Vec<Timed<SetCall>> {
    let mut random = Random(seed);
    let shape = Shape {
        operations: 50 + random.below(700) as usize,
        processes: 1 + random.below(40) as u32,
        unknown_per_million: if seed.is_multiple_of(2) { 0 } else { random.below(50_000) },
        seed,
    };
    if seed % 4 == 3 {
        return history(&mut Growing::default(), shape);
    }
    let mut load = SetLoad::default();
    load.silent = random.chance(50);
    load.hot = if seed % 4 == 2 { 1 + random.below(20) as u32 } else { 0 };
    history(&mut load, shape)
}

#[test]
fn long_histories_of_a_set_pass() {
    for seed in 0..10_000 {
        let calls = long_history(seed);
        assert_eq!(judge(&calls), Some(Special::linearizable("set")), "seed {seed}");
    }
}

/// Plants what cannot be, whatever calls of unknown outcome did; `None` if there is no place
/// for it.
fn plant(calls: &mut [Timed<SetCall>], random: &mut Random) -> Option<&'static str> {
    let from = random.below(calls.len() as u64) as usize;
    let kind = random.below(4);
    (from..calls.len()).find_map(|at| plant_at(calls, kind, at))
}

fn plant_at(calls: &mut [Timed<SetCall>], kind: u64, at: usize) -> Option<&'static str> {
    let Timed { start, end, .. } = calls[at];
    let on = |of: u32| {
        calls.iter().filter(move |other| match other.call {
            SetCall::Add(element, _) | SetCall::Remove(element, _) => element == of,
            _ => false,
        })
    };
    let is_add = |timed: &&Timed<SetCall>| matches!(timed.call, SetCall::Add(..));
    // Certainly added before this call began, with nothing begun that might remove it.
    let certainly_there = |element: u32| {
        on(element).filter(is_add).any(|add| add.end < start)
            && on(element).all(|other| is_add(&other) || other.start > end)
    };
    let call = match (kind, &calls[at].call) {
        // Nobody adds it.
        (0, SetCall::Contains(..)) => SetCall::Contains(calls.len() as u32, true),
        (0, SetCall::Read(elements)) => {
            let phantom = [calls.len() as u32];
            SetCall::Read(Arc::new(elements.iter().copied().chain(phantom).collect()))
        }
        (1, SetCall::Contains(element, true)) if certainly_there(*element) => {
            SetCall::Contains(*element, false)
        }
        (1, SetCall::Read(elements)) => {
            let place = elements.iter().position(|element| certainly_there(*element))?;
            let mut fewer = elements.to_vec();
            fewer.remove(place);
            SetCall::Read(Arc::new(fewer))
        }
        // Certainly gone before this call began, with nothing begun that might add it again.
        (2, SetCall::Contains(element, false))
            if on(*element).any(|other| {
                !is_add(&other)
                    && other.end < start
                    && on(*element)
                        .filter(is_add)
                        .all(|add| add.end < other.start || add.start > end)
            }) =>
        {
            SetCall::Contains(*element, true)
        }
        (3, SetCall::Contains(element, true)) if certainly_there(*element) => {
            SetCall::Add(*element, Some(true))
        }
        _ => return None,
    };
    calls[at].call = call;
    Some(["phantom-element", "lost-element", "stale-read", "duplicate-add"][kind as usize])
}

#[test]
fn planted_violations_are_found() {
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..10_000 {
        let mut calls = long_history(seed);
        let Some(planted) = plant(&mut calls, &mut Random(seed)) else { continue };
        let special = judge(&calls).expect("decided");
        let contradiction = special.contradiction.unwrap_or_else(|| panic!("{seed} {planted}"));
        if contradiction.calls.len() <= 10 {
            let part: Vec<_> = contradiction.calls.iter().map(|n| calls[*n].clone()).collect();
            assert!(!is_set(&part), "seed {seed}: {contradiction:?}");
        } else {
            assert_eq!(seed % 4, 2, "seed {seed}: {contradiction:?}");
        }
        *found.entry(contradiction.kind).or_default() += 1;
    }
    for kind in ["phantom-element", "lost-element", "stale-read", "duplicate-add"] {
        assert!(found.get(kind).is_some_and(|count| *count > 200), "{found:?}");
    }
}

/// Calls written as `add 1 null @ 0..3`, `contains 1 true @ 4..5`, `read null [1] @ 6..7`,
/// `add 1 @ 2` for a call without an answer.
fn contradiction(text: &str) -> Option<Contradiction> {
    let mut values = Values::default();
    let calls: Vec<Timed<SetCall>> = text
        .split(';')
        .map(|line| {
            let (call, times) = line.trim().split_once(" @ ").unwrap();
            let (start, end) = times.split_once("..").unwrap_or((times, "4294967295"));
            let mut words = call.split(' ');
            let f = words.next().unwrap();
            let mut value = || serde_json::from_str(words.next().unwrap_or("null")).unwrap();
            let (input, answer): (Value, Value) = (value(), value());
            let unanswered = !times.contains("..");
            let answer = if unanswered { Answer::Unknown } else { Answer::Ok(&answer) };
            let asked = Asked { f, input: &input, answer, process: 0 };
            let call = SetObject.call(asked, &mut values).unwrap().unwrap();
            Timed { call, start: start.parse().unwrap(), end: end.parse().unwrap() }
        })
        .collect();
    decide(&calls, &values).expect("decided").contradiction
}

#[track_caller]
fn found(text: &str) -> (&'static str, Vec<usize>) {
    let contradiction = contradiction(text).expect("a violation");
    (contradiction.kind, contradiction.calls)
}

#[test]
fn each_kind_is_named() {
    assert_eq!(found("contains 1 true @ 0..1"), ("phantom-element", vec![0]));
    assert_eq!(found("remove 1 true @ 0..1"), ("phantom-element", vec![0]));
    assert_eq!(found("contains 1 true @ 0..1; add 1 true @ 2..3"), ("future-element", vec![0, 1]));
    let text = "add 1 true @ 0..1; contains 2 false @ 2..3; contains 1 false @ 4..5";
    assert_eq!(found(text), ("lost-element", vec![0, 2]));
    let text = "add 1 true @ 0..1; contains 1 false @ 2..3; contains 1 true @ 4..5";
    assert_eq!(found(text), ("stale-read", vec![0, 1]));
    let text = "add 1 true @ 0..1; remove 1 true @ 2..3; contains 1 true @ 4..5";
    assert_eq!(found(text), ("stale-read", vec![0, 1, 2]));
    let text = "add 1 true @ 0..1; contains 1 true @ 2..3; add 1 true @ 4..5";
    assert_eq!(found(text), ("duplicate-add", vec![0, 2]));
    let text = "add 1 true @ 0..1; remove 1 true @ 2..4; remove 1 true @ 3..5";
    assert_eq!(found(text), ("duplicate-remove", vec![0, 1, 2]));
    // Nothing of what was before the quiet time at 5 matters.
    let text =
        "add 1 true @ 0..1; remove 1 true @ 2..3; add 1 true @ 4..5; contains 1 false @ 6..7";
    assert_eq!(found(text), ("lost-element", vec![2, 3]));
}

#[test]
fn reads_of_a_growing_set_are_judged() {
    assert_eq!(found("read null [1] @ 0..1"), ("phantom-element", vec![0]));
    assert_eq!(found("add 1 null @ 0..1; read null [1,1] @ 2..3"), ("duplicate-element", vec![1]));
    assert_eq!(found("add 1 1 @ 0..1; read null [] @ 2..3"), ("lost-element", vec![0, 1]));
    assert_eq!(
        found("add 1 @ 0; read null [1] @ 2..3; read null [] @ 4..5; read null [1] @ 6..7"),
        ("stale-read", vec![1, 2])
    );
    assert_eq!(
        found("read null [1] @ 0..1; add 1 null @ 2..3; read null [] @ 4..5"),
        ("lost-element", vec![1, 2])
    );
    assert_eq!(found("read null [1] @ 0..1; add 1 null @ 2..3"), ("future-element", vec![0, 1]));
    let text = "add 1 null @ 0..9; add 2 null @ 1..8; read null [1] @ 2..3; read null [2] @ 4..5";
    assert_eq!(found(text), ("incompatible-reads", vec![2, 3]));
    // 1 was added before 2 was, and the read, though it lasted, has 2 alone.
    let text = "read null [2] @ 0..9; add 1 null @ 1..2; add 2 null @ 3..4";
    assert_eq!(found(text), ("lost-element", vec![0, 1, 2]));
    // Nobody knows whether 1 was added, so it need not be in the last read.
    assert_eq!(contradiction("add 1 @ 0; add 2 2 @ 1..2; read null [2] @ 3..4"), None);
}

#[test]
fn silent_changes_may_come_to_nothing() {
    // The remove may come before both adds, between them, or after.
    let text = "add 1 null @ 0..9; remove 1 null @ 1..8; add 1 null @ 2..7";
    for found in [true, false] {
        assert_eq!(contradiction(&format!("{text}; contains 1 {found} @ 10..11")), None);
    }
    // An add that began after the remove had ended has the last word.
    let text = "remove 1 null @ 0..1; add 1 null @ 2..3; contains 1 false @ 4..5";
    assert_eq!(found(text).0, "lost-element");
}

#[test]
fn what_it_does_not_apply_to_is_left_to_the_search() {
    let read = SetCall::Read(Arc::new(vec![]));
    let both = [
        Timed { call: read.clone(), start: 0, end: 1 },
        Timed { call: SetCall::Remove(0, None), start: 2, end: 3 },
    ];
    assert_eq!(judge(&both), None);
    assert_eq!(judge(&[Timed { call: read, start: 0, end: NEVER }]), None);
    let odd = SetCall::Contains(0, true);
    assert_eq!(judge(&[Timed { call: odd, start: 0, end: NEVER }]), None);
    let far = SetCall::Contains(u32::MAX, false);
    assert_eq!(judge(&[Timed { call: far, start: 0, end: 1 }]), None);
    assert_eq!(judge(&[]), Some(Special::linearizable("set")));
}

#[test]
fn answers_are_read() {
    let read = |f, input: Value, answer: Value| {
        let asked = Asked { f, input: &input, answer: Answer::Ok(&answer), process: 0 };
        SetObject.call(asked, &mut Values::default())
    };
    assert_eq!(read("add", json!(7), json!(true)), Ok(Some(SetCall::Add(0, Some(true)))));
    assert_eq!(read("add", json!(7), json!(7)), Ok(Some(SetCall::Add(0, None))));
    assert_eq!(read("add", json!(true), json!(true)), Ok(Some(SetCall::Add(0, None))));
    assert_eq!(read("remove", json!(7), json!(null)), Ok(Some(SetCall::Remove(0, None))));
    assert_eq!(read("contains", json!(7), json!([7, true])), Ok(Some(SetCall::Contains(0, true))));
    assert!(read("contains", json!(7), json!(null)).is_err());
    assert!(read("add", json!(7), json!("x")).unwrap_err().contains("true, false, null or 7"));
    assert!(read("read", json!(null), json!(3)).unwrap_err().contains("list"));
    assert!(read("pop", json!(null), json!(3)).is_err());
}

#[test]
fn what_the_model_says_of_its_calls_is_true() {
    let states: [Vec<u32>; 4] = [vec![], vec![1], vec![2], vec![1, 2]];
    let mut calls: Vec<SetCall> = states.iter().cloned().map(Arc::new).map(SetCall::Read).collect();
    for told in [None, Some(false), Some(true)] {
        calls.extend([SetCall::Add(1, told), SetCall::Remove(1, told)]);
        calls.extend(told.map(|told| SetCall::Contains(1, told)));
    }
    for call in calls.iter().filter(|call| SetObject.leaves(call) == Leaves::Unchanged) {
        for state in &states {
            assert!(SetObject.step(state, call).is_none_or(|next| next == *state), "{call:?}");
        }
    }
}

#[test]
fn histories_are_read_and_judged() {
    let verdict = |read: Value| {
        let mut script = Script::default();
        script
            .whole(0, "add", json!("a"), json!(true))
            .whole(1, "add", json!("b"), json!("b"))
            .whole(0, "remove", json!("a"), json!(true))
            .whole(1, "contains", json!("a"), json!(["a", false]))
            .whole(1, "read", json!(null), read);
        Linearizable::new(SetObject).check(&script.history(), &Budget::default()).verdict
    };
    assert_eq!(verdict(json!(["b"])), Verdict::Valid);
    assert_eq!(verdict(json!(["b", "a"])), Verdict::Invalid);
    assert_eq!(verdict(json!([])), Verdict::Invalid);
}
