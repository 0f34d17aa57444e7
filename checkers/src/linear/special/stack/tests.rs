//! Stacks: against brute force, on long valid histories, and with planted violations.

use std::collections::BTreeMap;

use super::*;
use crate::linear::model::Asked;
use crate::linear::models::Stack;
use crate::linear::oracle::brute_force;
use crate::linear::synthetic::{Shape, StackLoad, history};
use crate::linear::{Answer, Leaves, Linearizable, Model, Needs};
use crate::testing::{Random, Script, golden, golden_index};
use crate::{Budget, Checker, Verdict};

fn judge(calls: &[Timed<StackCall>]) -> Option<Special> {
    decide(calls, &Values::default())
}

fn is_stack(calls: &[Timed<StackCall>]) -> bool {
    brute_force(&Stack, &Vec::new(), calls)
}

/// What a stack does when asked at random, with some calls exchanged, by a few clients at the
/// same time. `unknown` percent of the calls get no answer.
fn random_calls(random: &mut Random, unknown: u64, repeat: bool) -> Vec<Timed<StackCall>> {
    let count = 1 + random.below(8);
    let mut stack = Vec::new();
    let mut script = Vec::new();
    for value in 0..count as u32 {
        let lost = random.chance(unknown);
        let happens = !lost || random.chance(50);
        let call = if random.chance(50) {
            let value = if repeat { random.below(3) as u32 } else { value };
            stack.extend(happens.then_some(value));
            StackCall::Push(value)
        } else {
            let popped = if happens { stack.pop() } else { None };
            match popped {
                _ if lost => StackCall::PopUnknown,
                Some(value) => StackCall::Pop(value),
                None => StackCall::PopEmpty,
            }
        };
        script.push((call, lost));
    }
    for _ in 0..random.below(3) {
        let (a, b) = (random.below(count) as usize, random.below(count) as usize);
        let ((x, x_lost), (y, y_lost)) = (script[a], script[b]);
        if random.chance(50) {
            script.swap(a, b);
        } else if !x_lost && !y_lost {
            (script[a].0, script[b].0) = (y, x);
        }
    }
    interleave(random, &script)
}

/// Has a few clients make these calls, each the next one that is left.
fn interleave(random: &mut Random, script: &[(StackCall, bool)]) -> Vec<Timed<StackCall>> {
    let clients = 1 + random.below(4) as usize;
    let mut open: Vec<Option<usize>> = vec![None; clients];
    let mut calls: Vec<Timed<StackCall>> = Vec::new();
    let mut position = random.below(2) as u32;
    let mut left = script.iter();
    loop {
        let client = random.below(clients as u64) as usize;
        if let Some(number) = open[client].take() {
            calls[number].end = position;
        } else if let Some((call, lost)) = left.next() {
            open[client] = (!lost).then_some(calls.len());
            calls.push(Timed { call: *call, start: position, end: NEVER });
        } else if open.iter().all(Option::is_none) {
            return calls;
        }
        position += 1 + random.below(2) as u32;
    }
}

#[test]
fn agrees_with_brute_force() {
    let (mut yes, mut no, mut undecided) = (0, 0, 0);
    for seed in 0..300_000 {
        let mut random = Random(seed);
        let unknown = if seed % 3 == 0 { 0 } else { 20 };
        let repeat = seed % 10 == 9;
        let calls = random_calls(&mut random, unknown, repeat);
        let Some(special) = judge(&calls) else {
            assert!(unknown > 0 || repeat, "seed {seed}: {calls:?}");
            undecided += u32::from(!repeat);
            continue;
        };
        let found = special.contradiction.is_none();
        assert_eq!(found, is_stack(&calls), "seed {seed}: {calls:?} {special:?}");
        if found {
            yes += 1
        } else {
            no += 1
        }
        if let Some(contradiction) = special.contradiction {
            let part: Vec<_> = contradiction.calls.iter().map(|n| calls[*n]).collect();
            assert!(!is_stack(&part), "seed {seed}: {calls:?} {contradiction:?}");
            assert!(!contradiction.why.is_empty());
        }
    }
    assert!(yes > 50_000 && no > 30_000, "{yes} {no}");
    assert!(undecided < 50, "{undecided}");
}

fn shape(seed: u64, unknown: bool) -> Shape {
    let mut random = Random(seed);
    Shape {
        operations: if seed.is_multiple_of(50) { 4_000 } else { 50 + random.below(900) as usize },
        processes: 1 + random.below(40) as u32,
        unknown_per_million: if unknown { random.below(50_000) } else { 0 },
        seed,
    }
}

#[test]
fn long_histories_of_a_stack_pass() {
    for seed in 0..10_000 {
        let calls = history(&mut StackLoad::default(), shape(seed, seed % 2 == 1));
        assert_eq!(judge(&calls), Some(Special::linearizable("stack")), "seed {seed}");
    }
}

/// Plants what cannot be, whatever calls of unknown outcome did; `None` if the history has no
/// place for it.
fn plant(calls: &mut [Timed<StackCall>], random: &mut Random) -> Option<&'static str> {
    let mut whole: BTreeMap<u32, (Option<usize>, Option<usize>)> = BTreeMap::new();
    let mut empties = Vec::new();
    for (number, timed) in calls.iter().enumerate().filter(|(_, timed)| !timed.is_unknown()) {
        match timed.call {
            StackCall::Push(value) => whole.entry(value).or_default().0 = Some(number),
            StackCall::Pop(value) => whole.entry(value).or_default().1 = Some(number),
            StackCall::PopEmpty => empties.push(number),
            StackCall::PopUnknown => {}
        }
    }
    let whole: Vec<(usize, usize)> =
        whole.values().filter_map(|(push, pop)| Some(((*push)?, (*pop)?))).collect();
    let kind = random.below(4);
    (0..40).find_map(|_| {
        let outer = *whole.get(random.below(whole.len().max(1) as u64) as usize)?;
        plant_at(calls, kind, outer, &whole, &empties)
    })
}

/// `outer` is the push and the pop of a value, and so are all of `whole`.
fn plant_at(
    calls: &mut [Timed<StackCall>],
    kind: u64,
    outer: (usize, usize),
    whole: &[(usize, usize)],
    empties: &[usize],
) -> Option<&'static str> {
    let (push, pop) = outer;
    let lies_inside =
        |at: usize| calls[push].end < calls[at].start && calls[at].end < calls[pop].start;
    match kind {
        0 => {
            calls[pop].call = StackCall::Pop(calls.len() as u32 + 7);
            Some("phantom-pop")
        }
        1 => {
            // A value that is pushed once is popped twice, whatever else happened.
            let empty = *empties.first()?;
            calls[empty].call = calls[pop].call;
            Some("duplicate-pop")
        }
        2 => {
            // Its value was certainly pushed before this pop began, and popped after it ended.
            let (_, other) = *whole.iter().find(|(_, other)| lies_inside(*other))?;
            calls[other].call = StackCall::PopEmpty;
            Some("false-empty")
        }
        _ => {
            // The second was pushed and popped while the first was certainly there; with the
            // answers of their pops exchanged, the first leaves from below the second.
            let (_, other) = *whole.iter().find(|(inner, other)| {
                lies_inside(*inner)
                    && lies_inside(*other)
                    && calls[*inner].end < calls[*other].start
            })?;
            (calls[pop].call, calls[other].call) = (calls[other].call, calls[pop].call);
            Some("lifo-inversion")
        }
    }
}

#[test]
fn planted_violations_are_found() {
    let mut found: BTreeMap<&str, u32> = BTreeMap::new();
    for seed in 0..10_000 {
        let mut calls = history(&mut StackLoad::default(), shape(seed, seed % 2 == 1));
        let Some(planted) = plant(&mut calls, &mut Random(seed)) else { continue };
        let special = judge(&calls).expect("values are distinct");
        let contradiction = special.contradiction.unwrap_or_else(|| panic!("{seed} {planted}"));
        assert!(contradiction.calls.len() <= 12, "seed {seed}: {contradiction:?}");
        if contradiction.calls.len() <= 6 {
            let part: Vec<_> = contradiction.calls.iter().map(|n| calls[*n]).collect();
            assert!(!is_stack(&part), "seed {seed}: {contradiction:?}");
        }
        *found.entry(contradiction.kind).or_default() += 1;
    }
    let kinds: Vec<&str> = found.keys().copied().collect();
    assert_eq!(kinds, ["duplicate-pop", "false-empty", "lifo-inversion", "phantom-pop"]);
    assert!(found.values().all(|count| *count > 500), "{found:?}");
}

/// Calls written as `push 1 @ 0..3`, `pop 1 @ 4..5`, `pop nil @ 4..5`, `pop @ 6`.
fn calls(text: &str) -> (Vec<Timed<StackCall>>, Values) {
    let mut values = Values::default();
    let calls = text.split(',').map(|line| {
        let (call, times) = line.trim().split_once(" @ ").unwrap();
        let (start, end) = times.split_once("..").unwrap_or((times, "4294967295"));
        let (f, value) = call.split_once(' ').unwrap_or((call, "null"));
        let value: serde_json::Value = serde_json::from_str(value).unwrap();
        let unanswered = !times.contains("..");
        let answer = if unanswered { Answer::Unknown } else { Answer::Ok(&value) };
        let asked = Asked { f, input: &value, answer, process: 0 };
        let call = Stack.call(asked, &mut values).unwrap().unwrap();
        Timed { call, start: start.parse().unwrap(), end: end.parse().unwrap() }
    });
    (calls.collect(), values)
}

fn contradiction(text: &str) -> Contradiction {
    let (calls, values) = calls(text);
    decide(&calls, &values).expect("decided").contradiction.expect("a violation")
}

#[test]
fn each_kind_is_explained() {
    let phantom = contradiction("push 1 @ 0..1, pop 2 @ 2..3");
    assert_eq!((phantom.kind, &phantom.calls[..]), ("phantom-pop", &[1][..]));
    assert_eq!(phantom.why, "2 was popped, but never pushed.");

    let future = contradiction("pop 1 @ 0..1, push 1 @ 2..3");
    assert_eq!((future.kind, &future.calls[..]), ("future-pop", &[0, 1][..]));

    let twice = contradiction("push 1 @ 0..1, pop 1 @ 2..5, pop 1 @ 3..4");
    assert_eq!((twice.kind, &twice.calls[..]), ("duplicate-pop", &[0, 1, 2][..]));

    let inversion = contradiction(
        "push 1 @ 0..1, push 9 @ 2..3, push 2 @ 4..5, pop 1 @ 6..7, pop 2 @ 8..9, pop 9 @ 10..11",
    );
    assert_eq!(inversion.kind, "lifo-inversion");
    assert_eq!(
        inversion.why,
        "9 was pushed after 1 and before 1 was popped, so it lay above 1 and had to leave first; \
         but its pop began only after that of 1 had ended."
    );

    let stays = contradiction("push 1 @ 0..1, push 2 @ 2..3, pop 1 @ 4..5");
    assert_eq!((stays.kind, &stays.calls[..]), ("lifo-inversion", &[0, 1, 2][..]));
    assert!(stays.why.ends_with("nothing ever popped it."), "{}", stays.why);

    let empty = contradiction("push 1 @ 0..1, pop null @ 2..3");
    assert_eq!((empty.kind, &empty.calls[..]), ("false-empty", &[0, 1][..]));

    let always = contradiction(
        "push 1 @ 0..1, pop null @ 2..9, push 2 @ 3..4, pop 1 @ 5..6, pop 2 @ 10..11",
    );
    assert_eq!((always.kind, always.calls.len()), ("false-empty", 5));
    assert!(always.why.contains("each of 1 and 2 was pushed before"), "{}", always.why);
}

/// No two of these values contradict each other, but all three do: one of them always is on
/// the stack, and none of them can be the lowest.
#[test]
fn three_values_can_contradict_each_other() {
    let text = "push 1 @ 0..1, push 2 @ 2..5, push 3 @ 4..8, pop 1 @ 6..12, pop 2 @ 10..13, \
                pop 3 @ 14..15";
    let (calls, _) = calls(text);
    assert!(!is_stack(&calls));
    let found = contradiction(text);
    assert_eq!((found.kind, found.calls.len()), ("lifo-inversion", 6));
    assert_eq!(
        found.why,
        "From the end of the push of 1 until the pop of 3 began there was always one of 1, 2 and \
         3 on the stack, so one of them was at the bottom all that time. But each of them was \
         pushed only after the push of 1 had ended, or popped before that."
    );
    for left_out in 0..3 {
        let two: Vec<_> = calls
            .iter()
            .copied()
            .filter(|timed| {
                !matches!(timed.call, StackCall::Push(v) | StackCall::Pop(v) if v == left_out)
            })
            .collect();
        assert!(is_stack(&two));
    }
}

#[test]
fn pops_of_unknown_outcome_make_room_once() {
    let fine = |text| decide(&calls(text).0, &Values::default()).unwrap().contradiction.is_none();
    assert!(fine("push 1 @ 0..1, push 2 @ 2..3, pop @ 4, pop 1 @ 5..6"));
    assert!(fine("push 1 @ 0..1, pop @ 2, pop null @ 3..4"));
    assert!(!fine("push 1 @ 0..1, push 2 @ 2..3, pop 1 @ 5..6, pop @ 7"));
    let text = "push 1 @ 0..1, push 2 @ 2..3, push 3 @ 4..5, pop @ 6, pop 1 @ 7..8";
    let found = contradiction(text);
    assert!(
        found.why.ends_with(
            "The one pop of unknown outcome that began in time to have removed it cannot have \
             removed all that was in the way by then."
        ),
        "{}",
        found.why
    );
}

#[test]
fn what_it_does_not_apply_to_is_left_to_the_search() {
    assert_eq!(judge(&calls("push 1 @ 0..1, push 1 @ 2..3").0), None);
    let far = Timed { call: StackCall::Push(u32::MAX), start: 0, end: 1 };
    assert_eq!(judge(&[far]), None);
    let optional = Timed { call: StackCall::Pop(0), start: 0, end: NEVER };
    assert_eq!(judge(&[optional]), None);
    assert_eq!(judge(&[]), Some(Special::linearizable("stack")));
}

#[test]
fn what_the_model_says_of_its_calls_is_true() {
    let states: [Vec<u32>; 4] = [vec![], vec![1], vec![2], vec![2, 1]];
    let pops = [StackCall::Pop(1), StackCall::PopEmpty, StackCall::PopUnknown];
    for call in pops.into_iter().chain([StackCall::Push(1), StackCall::Push(2)]) {
        for state in &states {
            let next = Stack.step(state, &call);
            match Stack.needs(&call) {
                Needs::Nothing => assert!(next.is_some(), "{call:?} {state:?}"),
                Needs::State(needed) => assert_eq!(next.is_some(), needed == *state),
                Needs::Not(_) | Needs::Unclear => {}
            }
            if Stack.leaves(&call) == Leaves::Unchanged {
                assert!(next.is_none_or(|next| next == *state));
            }
        }
    }
}

#[test]
fn histories_are_read_and_judged() {
    let verdict = |popped: [serde_json::Value; 2]| {
        let mut script = Script::default();
        // The same value twice, which is for the search.
        for value in [1, 1, 2] {
            script.whole(0, "push", value.into(), value.into());
        }
        for value in popped {
            script.whole(1, "pop", serde_json::Value::Null, value);
        }
        Linearizable::new(Stack).check(&script.history(), &Budget::default()).verdict
    };
    assert_eq!(verdict([2.into(), 1.into()]), Verdict::Valid);
    assert_eq!(verdict([1.into(), 2.into()]), Verdict::Invalid);
    assert_eq!(verdict([serde_json::Value::Null, 2.into()]), Verdict::Invalid);
}

/// `[ID] call push(V)` or `add(V)`, `[ID] call pop` or `remove`; and `[ID] return`,
/// `[ID] return V` or `[ID] return empty`.
fn violin(text: &str) -> Vec<Timed<StackCall>> {
    let mut values = Values::default();
    let mut open: BTreeMap<&str, usize> = BTreeMap::new();
    let mut calls: Vec<Timed<StackCall>> = Vec::new();
    let lines = text.lines().filter_map(|line| line.strip_prefix('[')?.split_once("] "));
    for (position, (id, line)) in (0..).zip(lines) {
        let value = |text: &str, values: &mut Values| values.intern(&text.into());
        if let Some(asked) = line.strip_prefix("call ") {
            let pushed = asked.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
            let pushed = pushed.map(|pushed| value(pushed, &mut values));
            open.insert(id, calls.len());
            let call = pushed.map_or(StackCall::PopUnknown, StackCall::Push);
            calls.push(Timed { call, start: position, end: NEVER });
            continue;
        }
        let timed = &mut calls[open[id]];
        timed.end = position;
        match line.strip_prefix("return").expect("call or return").trim() {
            "" => assert!(matches!(timed.call, StackCall::Push(_))),
            "empty" => timed.call = StackCall::PopEmpty,
            popped => timed.call = StackCall::Pop(value(popped, &mut values)),
        }
    }
    calls
}

#[test]
fn published_verdicts_on_violins_stacks() {
    let mut judged = 0;
    for [file, workload, _, published] in golden_index("violin/") {
        if !workload.starts_with("stack;") {
            continue;
        }
        let calls = violin(&String::from_utf8(golden(&file)).expect("a text"));
        let special = judge(&calls).unwrap_or_else(|| panic!("{file} is not decided"));
        let expected = published == "valid";
        assert_eq!(special.contradiction.is_none(), expected, "{file}: {special:?}");
        if let Some(contradiction) = special.contradiction {
            assert!(contradiction.calls.len() <= 6, "{file}: {contradiction:?}");
        }
        judged += 1;
    }
    assert_eq!(judged, 62);
}
