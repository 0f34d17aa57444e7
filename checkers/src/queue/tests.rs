//! Lost, repeated and invented messages, planted; silence on queues that are right.

use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::VecDeque;

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Kind, Verdict};

fn check(script: &Script) -> Finding {
    TotalQueue::default().check(&script.history(), &Budget::default())
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect()
}

fn send(script: &mut Script, value: i64) -> &mut Script {
    script.whole(0, "enqueue", json!(value), json!(value))
}

fn drain(script: &mut Script, value: Value) -> &mut Script {
    script.whole(1, "drain", json!(null), value)
}

fn unknown(script: &mut Script, process: u32, f: &str, value: Value) {
    script.call(process, f, value.clone()).push(process, Kind::Info, f, value);
}

#[test]
fn a_message_that_never_comes_out_is_lost() {
    let mut script = Script::default();
    send(&mut script, 1);
    send(&mut script, 2).whole(1, "dequeue", json!(null), json!(2));
    drain(&mut script, json!([]));
    let finding = check(&script);
    assert_eq!(kinds(&finding), ["lost-message"]);
    assert_eq!(finding.anomalies[0].operations, [0, 6]);
    assert_eq!(finding.anomalies[0].title, "Lost message 1");
    assert_eq!(finding.stats["lost"], 1);
}

#[test]
fn what_comes_out_later_is_not_lost() {
    // A queue that gives a message back after a while hides it from the first drain.
    let mut script = Script::default();
    send(&mut script, 1);
    drain(&mut script, json!([]));
    drain(&mut script, json!([1]));
    drain(&mut script, json!([]));
    assert_eq!(check(&script).verdict, Verdict::Valid);
}

#[test]
fn a_dequeue_of_unknown_outcome_takes_one_message_at_the_most() {
    let mut script = Script::default();
    send(&mut script, 1);
    unknown(&mut script, 5, "dequeue", json!(null));
    drain(&mut script, json!([]));
    let finding = check(&script);
    assert_eq!((finding.verdict, &finding.stats["maybe_taken"]), (Verdict::Valid, &json!(1)));
    // The dequeue takes one of the two, and nobody knows which.
    let mut script = Script::default();
    send(&mut script, 1);
    send(&mut script, 2);
    unknown(&mut script, 5, "dequeue", json!(null));
    drain(&mut script, json!([]));
    let finding = check(&script);
    assert_eq!(finding.anomalies[0].title, "At least 1 of 2 messages lost");
    assert_eq!((finding.anomaly_count, &finding.stats["maybe_taken"]), (1, &json!(1)));
    assert_eq!(finding.anomalies[0].operations, [0, 2, 4, 6]);
}

#[test]
fn a_dequeue_that_began_after_the_queue_was_empty_took_nothing_of_before() {
    let mut script = Script::default();
    send(&mut script, 1);
    drain(&mut script, json!([]));
    unknown(&mut script, 5, "dequeue", json!(null));
    assert_eq!(check(&script).anomalies[0].title, "Lost message 1");
    // Whoever drains after that dequeue could have been told so.
    send(&mut script, 2);
    drain(&mut script, json!([]));
    let finding = check(&script);
    assert_eq!(finding.anomalies[0].title, "At least 1 of 2 messages lost");
}

#[test]
fn a_drain_of_unknown_outcome_may_have_taken_all() {
    let mut script = Script::default();
    for value in 0..30 {
        send(&mut script, value);
    }
    unknown(&mut script, 5, "drain", json!(null));
    drain(&mut script, json!([3]));
    let finding = check(&script);
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert!(finding.reason.expect("unknown").starts_with("29 messages are missing"));
    // None missing: nothing to doubt.
    let all: Vec<u32> = (0..30).filter(|n| *n != 3).collect();
    drain(&mut script, json!(all));
    assert_eq!(check(&script).verdict, Verdict::Valid);
}

#[test]
fn what_was_never_sent_or_comes_twice() {
    let mut script = Script::default();
    send(&mut script, 1).failed(0, "enqueue", json!(2));
    unknown(&mut script, 5, "enqueue", json!(3));
    script.whole(1, "dequeue", json!(null), json!(1));
    drain(&mut script, json!([1, 2, 3, 9]));
    let finding = check(&script);
    assert_eq!(kinds(&finding), ["phantom-message", "phantom-message", "duplicated-message"]);
    assert_eq!(finding.anomalies[0].operations, [2, 8]);
    assert_eq!(finding.anomalies[1].title, "Phantom message 9");
    assert_eq!(finding.anomalies[2].operations, [0, 6, 8]);
    let stats = &finding.stats;
    assert_eq!([&stats["recovered"], &stats["duplicated"], &stats["phantom"]], [1, 1, 2]);
    let least = TotalQueue { duplicates_allowed: true, ..TotalQueue::default() };
    let finding = least.check(&script.history(), &Budget::default());
    assert_eq!(kinds(&finding), ["phantom-message"; 2]);
}

#[test]
fn a_message_cannot_come_out_before_it_is_sent() {
    let mut script = Script::default();
    script.whole(1, "dequeue", json!(null), json!(1));
    send(&mut script, 1);
    drain(&mut script, json!([]));
    assert_eq!(kinds(&check(&script)), ["phantom-message"]);
}

#[test]
fn equal_messages_are_counted() {
    let mut script = Script::default();
    send(&mut script, 1);
    send(&mut script, 1);
    drain(&mut script, json!([1]));
    assert_eq!(kinds(&check(&script)), ["lost-message"]);
    drain(&mut script, json!([1]));
    assert_eq!(check(&script).verdict, Verdict::Valid);
    drain(&mut script, json!([1]));
    assert_eq!(kinds(&check(&script)), ["duplicated-message"]);
}

#[test]
fn nothing_is_said_of_what_nobody_looked_for() {
    let mut script = Script::default();
    send(&mut script, 1);
    let reason = |script: &Script| {
        let finding = check(script);
        assert_eq!(finding.verdict, Verdict::Unknown);
        finding.reason.expect("a reason")
    };
    assert!(reason(&script).starts_with("nothing was taken"));
    drain(&mut script, json!([1]));
    send(&mut script, 2);
    assert!(reason(&script).starts_with("1 messages were acknowledged"));
    script.whole(0, "push", json!(1), json!(1));
    assert!(reason(&script).contains("only enqueue, dequeue and drain"));
    let mut script = Script::default();
    drain(&mut script, json!(1));
    assert!(reason(&script).contains("operation 0 drained 1"));
}

/// A queue that really is one, drained at the end by somebody who gets an answer.
fn atomic(seed: u64, calls: usize, unknown: u64) -> History {
    let (mut queue, mut fresh) = (VecDeque::new(), 0);
    let mut object = |f: &str, input: &Value| match f {
        "enqueue" => {
            queue.push_back(input.clone());
            Some(input.clone())
        }
        "dequeue" => queue.pop_front(),
        _ => Some(queue.drain(..).collect()),
    };
    let mut asking = |random: &mut Random| {
        fresh += 1;
        match random.below(20) {
            0 => ("drain", Value::Null),
            1..=9 => ("dequeue", Value::Null),
            _ => ("enqueue", json!(fresh)),
        }
    };
    let history = atomic_history(&mut Random(seed), calls, 6, unknown, &mut asking, &mut object);
    let mut script = Script { events: history.events().to_vec() };
    let rest = object("drain", &Value::Null).expect("a drain answers");
    script.whole(1_000_000, "drain", json!(null), rest);
    script.history()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn queues_that_are_right_are_never_invalid(seed: u64, calls in 1usize..300, unknown in 0u64..20) {
        let history = atomic(seed, calls, unknown);
        let finding = TotalQueue::default().check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
        let drains = |event: &crate::Event| &*event.f == "drain" && event.kind == Kind::Info;
        if !history.events().iter().any(drains) {
            prop_assert_eq!(finding.verdict, Verdict::Valid);
        }
    }

    #[test]
    fn losses_and_copies_are_found(seed: u64) {
        let mut events = atomic(seed, 300, 0).events().to_vec();
        let came_out = |event: &crate::Event| event.kind == Kind::Ok && &*event.f == "dequeue";
        let at = events.iter().position(came_out).expect("a dequeue");
        let gone = events[at].value.clone();
        // A dequeue that finds nothing instead loses it, as does one that shows another's.
        events[at].kind = Kind::Fail;
        let judge = |events: &[crate::Event]| {
            let history = History::new(events.to_vec()).expect("well-formed");
            TotalQueue::default().check(&history, &Budget::default())
        };
        let finding = judge(&events);
        prop_assert_eq!(kinds(&finding), vec!["lost-message"]);
        prop_assert_eq!(&finding.anomalies[0].title, &format!("Lost message {gone}"));
        events[at].kind = Kind::Ok;
        let last = events.last_mut().expect("a drain");
        last.value.as_array_mut().expect("a list").push(gone);
        let finding = judge(&events);
        prop_assert_eq!(kinds(&finding), vec!["duplicated-message"]);
    }
}

fn ordered(script: &Script, duplicates_allowed: bool) -> Finding {
    let queue = TotalQueue { duplicates_allowed, losses_allowed: true, ordered: true };
    queue.check(&script.history(), &Budget::default())
}

#[test]
fn a_producers_messages_come_out_in_its_order() {
    let mut script = Script::default();
    for (process, message) in [(0, 1), (1, 10), (0, 2), (0, 3)] {
        script.whole(process, "enqueue", json!(message), json!(message));
    }
    // Another producer's, and one that overlaps.
    script.whole(7, "dequeue", json!(null), json!(10)).call(8, "dequeue", json!(null));
    script.whole(7, "dequeue", json!(null), json!(2)).ok(8, "dequeue", json!(1));
    assert_eq!(ordered(&script, false).verdict, Verdict::Valid);
    let mut wrong = Script::default();
    for message in 1..=3 {
        wrong.whole(0, "enqueue", json!(message), json!(message));
    }
    wrong.whole(7, "dequeue", json!(null), json!(2)).whole(8, "dequeue", json!(null), json!(1));
    let finding = ordered(&wrong, false);
    assert_eq!(kinds(&finding), ["reordered-message"]);
    assert_eq!(finding.anomalies[0].operations, [0, 2, 6, 8]);
    assert_eq!(kinds(&check(&wrong)), [""; 0], "not asked for");
}

#[test]
fn a_drain_lists_messages_in_order() {
    let mut script = Script::default();
    for (process, message) in [(0, 1), (1, 10), (0, 2), (0, 3)] {
        script.whole(process, "enqueue", json!(message), json!(message));
    }
    drain(&mut script, json!([10, 2, 1, 3]));
    let finding = ordered(&script, false);
    assert_eq!(finding.anomalies[0].operations, [0, 4, 8]);
    assert_eq!((finding.anomaly_count, &finding.stats["reordered"]), (1, &json!(1)));
}

#[test]
fn what_may_have_come_out_before_is_not_out_of_order() {
    let mut script = Script::default();
    for message in 1..=2 {
        script.whole(0, "enqueue", json!(message), json!(message));
    }
    unknown(&mut script, 5, "dequeue", json!(null));
    script.whole(7, "dequeue", json!(null), json!(2)).whole(7, "dequeue", json!(null), json!(1));
    // The dequeue that nobody knows of had the first, which came out again.
    assert_eq!(ordered(&script, true).verdict, Verdict::Valid);
    assert_eq!(kinds(&ordered(&script, false)), ["reordered-message"]);
}

#[test]
fn losses_may_be_allowed() {
    let mut script = Script::default();
    send(&mut script, 1);
    let most = TotalQueue { losses_allowed: true, ..TotalQueue::default() };
    let judged = |script: &Script| most.check(&script.history(), &Budget::default());
    assert_eq!(judged(&script).verdict, Verdict::Unknown);
    drain(&mut script, json!([]));
    assert_eq!(
        (judged(&script).verdict, &judged(&script).stats["lost"]),
        (Verdict::Valid, &json!(1))
    );
    drain(&mut script, json!([1, 1]));
    assert_eq!(kinds(&judged(&script)), ["duplicated-message"]);
}

/// Messages that came out after one that the same producer sent later, pair by pair.
fn reordered_by_definition(history: &History) -> u64 {
    let operations = history.operations();
    let enqueues: Vec<&Operation<'_>> = operations.iter().filter(|o| o.f == "enqueue").collect();
    let takes = |value: &Value| -> Vec<&Operation<'_>> {
        let of = |o: &&Operation<'_>| match o.output() {
            Some(Value::Array(list)) => o.f == "drain" && list.contains(value),
            Some(output) => o.f == "dequeue" && output == value,
            None => false,
        };
        operations.iter().filter(of).collect()
    };
    let place = |drain: &Operation<'_>, value: &Value| {
        drain.output().and_then(Value::as_array)?.iter().position(|listed| listed == value)
    };
    let before = |late: &Operation<'_>, early: &Operation<'_>| {
        let early_takes = takes(early.input);
        takes(late.input).iter().any(|first| {
            !early_takes.is_empty()
                && early_takes.iter().all(|second| {
                    first.end() < second.index
                        || first.index == second.index
                            && place(first, late.input) < place(first, early.input)
                })
        })
    };
    let inverted = |early: &&&Operation<'_>| {
        let late = enqueues.iter().filter(|late| {
            late.process == early.process && early.end() < late.index && !late.is_failed()
        });
        early.is_ok() && late.into_iter().any(|late| before(late, early))
    };
    enqueues.iter().filter(inverted).count() as u64
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn queues_in_order_are_valid_and_others_are_judged_by_the_definition(
        seed: u64, unknown in 0u64..20, loose in 1u64..5,
    ) {
        let (mut queue, mut fresh, mut choice) = (Vec::new(), 0, Random(seed ^ 9));
        let mut object = |f: &str, input: &Value| match f {
            "enqueue" => {
                queue.push(input.clone());
                Some(input.clone())
            }
            "dequeue" if queue.is_empty() => None,
            "dequeue" => Some(queue.remove(choice.below(loose.min(queue.len() as u64)) as usize)),
            _ => Some(queue.drain(..).collect()),
        };
        let mut asking = |random: &mut Random| match random.below(12) {
            0..6 => {
                fresh += 1;
                ("enqueue", json!(fresh))
            }
            6 => ("drain", Value::Null),
            _ => ("dequeue", Value::Null),
        };
        let history = atomic_history(&mut Random(seed), 60, 3, unknown, &mut asking, &mut object);
        let queue = TotalQueue { losses_allowed: true, ordered: true, ..TotalQueue::default() };
        let finding = queue.check(&history, &Budget::default());
        prop_assert_eq!(&finding.stats["reordered"], &json!(reordered_by_definition(&history)));
        if loose == 1 {
            prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
        }
    }
}
