//! Brute force: the least number of losses over every way in which messages can have been taken.
//!
//! A way gives each acknowledged enqueue a fate: it came out in an answer that shows its value, a
//! dequeue or drain of unknown outcome took it, it is still to come, or it is lost. All are tried.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script};
use crate::{Kind, Verdict};

/// A small history with everything in it, also with values that repeat.
fn random_history(random: &mut Random) -> History {
    let mut script = Script::default();
    let (mut clients, mut fresh) = ([0u32, 1, 2], 3);
    let mut open: [Option<(&str, Value)>; 3] = [None, None, None];
    let values = 1 + random.below(5);
    for _ in 0..4 + random.below(16) {
        let at = random.below(3) as usize;
        let process = clients[at];
        match open[at].take() {
            None => {
                let call = match random.below(7) {
                    0..=3 => ("enqueue", json!(random.below(values))),
                    4 => ("dequeue", Value::Null),
                    _ => ("drain", Value::Null),
                };
                script.call(process, call.0, call.1.clone());
                open[at] = Some(call);
            }
            Some((f, input)) => {
                let kind = match random.below(10) {
                    0 => Kind::Fail,
                    1..=3 if f != "enqueue" => Kind::Info,
                    1 => Kind::Info,
                    _ => Kind::Ok,
                };
                let value = match (kind, f) {
                    (Kind::Ok, "dequeue") => json!(random.below(values)),
                    (Kind::Ok, "drain") => {
                        (0..random.below(3)).map(|_| json!(random.below(values))).collect()
                    }
                    _ => input,
                };
                script.push(process, kind, f, value);
                if kind == Kind::Info {
                    clients[at] = fresh;
                    fresh += 1;
                }
            }
        }
    }
    script.history()
}

/// An acknowledged enqueue: its value, and the position by which it has to be gone, if any.
struct Copy<'h> {
    value: &'h Value,
    deadline: Option<u64>,
}

/// Somebody who may have taken a copy: of one value, or of any; one, or any number.
struct Taker<'h> {
    value: Option<&'h Value>,
    begin: u64,
    endless: bool,
}

fn copies<'h>(operations: &[Operation<'h>]) -> Vec<Copy<'h>> {
    let drains =
        || operations.iter().filter(|operation| operation.f == "drain" && operation.is_ok());
    let sent = operations.iter().filter(|operation| operation.f == "enqueue" && operation.is_ok());
    sent.map(|enqueue| {
        let later = drains().filter(|drain| drain.index > enqueue.end());
        Copy { value: enqueue.input, deadline: later.map(Operation::end).max() }
    })
    .collect()
}

fn takers<'h>(operations: &[Operation<'h>]) -> Vec<Taker<'h>> {
    let mut takers = Vec::new();
    for operation in operations.iter().filter(|operation| operation.f != "enqueue") {
        match operation.output() {
            Some(Value::Array(list)) => takers.extend(list.iter().map(|value| Taker {
                value: Some(value),
                begin: 0,
                endless: false,
            })),
            Some(value) => takers.push(Taker { value: Some(value), begin: 0, endless: false }),
            None if operation.is_unknown() => {
                let endless = operation.f == "drain";
                takers.push(Taker { value: None, begin: operation.index, endless });
            }
            None => {}
        }
    }
    takers
}

/// The fewest losses of the copies from `at` on, when some takers are used up.
fn fewest(copies: &[Copy<'_>], takers: &[Taker<'_>], used: &mut Vec<bool>, at: usize) -> u64 {
    let Some(copy) = copies.get(at) else { return 0 };
    // Lost, or not looked for.
    let mut best = fewest(copies, takers, used, at + 1) + u64::from(copy.deadline.is_some());
    for (number, taker) in takers.iter().enumerate() {
        let fits = taker.value.is_none_or(|value| value == copy.value);
        let in_time = copy.deadline.is_none_or(|deadline| taker.begin < deadline);
        if used[number] || !fits || !in_time {
            continue;
        }
        used[number] = !taker.endless;
        best = best.min(fewest(copies, takers, used, at + 1));
        used[number] = false;
    }
    best
}

/// Whether every message that came out can be given an enqueue of its own that had begun by then,
/// or, if copies are allowed, any.
fn accounted(operations: &[Operation<'_>], duplicates_allowed: bool) -> bool {
    let mut shown: Vec<(&Value, u64)> = Vec::new();
    for operation in operations.iter().filter(|operation| operation.f != "enqueue") {
        match operation.output() {
            Some(Value::Array(list)) => {
                shown.extend(list.iter().map(|value| (value, operation.end())));
            }
            Some(value) => shown.push((value, operation.end())),
            None => {}
        }
    }
    let sent: Vec<&Operation<'_>> = operations
        .iter()
        .filter(|operation| operation.f == "enqueue" && !operation.is_failed())
        .collect();
    fn assign(
        shown: &[(&Value, u64)],
        sent: &[&Operation<'_>],
        used: &mut Vec<bool>,
        again: bool,
    ) -> bool {
        let Some(((value, end), rest)) = shown.split_first() else { return true };
        (0..sent.len()).any(|number| {
            if used[number] || sent[number].input != *value || sent[number].index > *end {
                return false;
            }
            used[number] = !again;
            let fits = assign(rest, sent, used, again);
            used[number] = false;
            fits
        })
    }
    assign(&shown, &sent, &mut vec![false; sent.len()], duplicates_allowed)
}

#[test]
fn brute_force_counts_the_same_losses() {
    let mut random = Random(8);
    let (mut lost, mut groups, mut excused, mut odd) = (0, 0, 0, 0);
    for _ in 0..60_000 {
        let history = random_history(&mut random);
        let operations = history.operations();
        let (copies, takers) = (copies(&operations), takers(&operations));
        let expected = fewest(&copies, &takers, &mut vec![false; takers.len()], 0);
        for duplicates_allowed in [false, true] {
            let checker = TotalQueue { duplicates_allowed, ..TotalQueue::default() };
            let finding = checker.check(&history, &Budget::default());
            assert_eq!(finding.stats["lost"], expected, "{:#?}", history.events());
            let fine = expected == 0 && accounted(&operations, duplicates_allowed);
            assert_eq!(finding.verdict != Verdict::Invalid, fine, "{:#?}", history.events());
            odd += u64::from(!accounted(&operations, duplicates_allowed));
            lost += expected;
            let group = |anomaly: &&Anomaly| anomaly.title.starts_with("At least");
            groups += finding.anomalies.iter().filter(group).count();
            excused += usize::from(finding.stats["maybe_taken"] != 0);
        }
    }
    // Every case came up often.
    assert!(lost > 10_000 && groups > 500 && excused > 5_000 && odd > 10_000, "{groups} {excused}");
}
