//! Watches: each anomaly planted by hand and found, and silence on watches that are right.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Anomaly, Kind, Verdict};

fn check(script: &Script) -> Finding {
    Watch.check(&script.history(), &Budget::default())
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect()
}

fn only(script: &Script, kind: &str) -> Anomaly {
    let finding = check(script);
    assert_eq!(kinds(&finding), [kind], "{finding:#?}");
    finding.anomalies[0].clone()
}

fn write(script: &mut Script, revision: u64, changes: Value) {
    script.whole(0, "write", changes.clone(), json!([revision, changes]));
}

fn watch(script: &mut Script, process: u32, from: u64, events: Value, to: u64) {
    let answer = json!({"from": from, "events": events, "revision": to});
    script.whole(process, "watch", Value::Null, answer);
}

/// Three writes, the second of two keys.
fn three() -> Script {
    let mut script = Script::default();
    write(&mut script, 1, json!([["x", 1]]));
    write(&mut script, 2, json!([["x", 2], ["y", 2]]));
    write(&mut script, 3, json!([["y", 3]]));
    script
}

fn all() -> Value {
    json!([[1, "x", 1], [2, "x", 2], [2, "y", 2], [3, "y", 3]])
}

#[test]
fn a_watch_that_is_right() {
    let mut script = three();
    watch(&mut script, 1, 1, json!([[1, "x", 1]]), 1);
    watch(&mut script, 1, 2, json!([[2, "y", 2], [2, "x", 2]]), 2);
    watch(&mut script, 1, 3, json!([[3, "y", 3]]), 3);
    watch(&mut script, 1, 4, json!([]), 3);
    // Who comes later, or asks to begin again, is told again.
    watch(&mut script, 2, 2, json!([[2, "x", 2], [2, "y", 2], [3, "y", 3]]), 3);
    watch(&mut script, 2, 1, all(), 3);
    let finding = check(&script);
    assert_eq!(finding.verdict, Verdict::Valid, "{finding:#?}");
    assert_eq!(finding.stats["changes"], 4);
    assert_eq!(finding.stats["watchers"], 2);
    assert_eq!(finding.stats["most_behind"], 2);
}

#[test]
fn what_nobody_watched_is_unknown() {
    assert_eq!(check(&three()).verdict, Verdict::Unknown);
    let mut script = three();
    watch(&mut script, 1, 1, json!([[1, "x", 1]]), 1);
    let finding = check(&script);
    assert_eq!(finding.verdict, Verdict::Unknown);
    assert!(finding.reason.unwrap().contains("2 acknowledged writes were watched by nobody"));
}

#[test]
fn a_change_that_is_not_told_is_lost() {
    let mut script = three();
    watch(&mut script, 1, 1, json!([[1, "x", 1], [3, "y", 3]]), 3);
    let lost = only(&script, "lost-event");
    assert_eq!(lost.operations, [2, 6]);
    assert_eq!(lost.title, "A watcher missed revision 2");
    // The last ones, too, and what only another watcher knows of.
    let mut script = Script::default();
    let asked = json!([["x", 1]]);
    script.call(0, "write", asked.clone()).push(0, Kind::Info, "write", asked);
    watch(&mut script, 1, 1, json!([[1, "x", 1]]), 1);
    watch(&mut script, 2, 1, json!([]), 1);
    assert_eq!(only(&script, "lost-event").operations, [2, 4]);
}

#[test]
fn who_has_to_be_up_to_date_is() {
    let mut script = three();
    let first = json!({"from": 1, "events": [[1, "x", 1]], "revision": 1});
    script.whole(1, "watch", json!("latest"), first);
    assert_eq!(only(&script, "lost-event").operations, [4, 6]);
    // Not if the write was still open.
    let mut script = Script::default();
    write(&mut script, 1, json!([["x", 1]]));
    let first = json!({"from": 1, "events": [[1, "x", 1]], "revision": 1});
    script.call(0, "write", json!([["x", 2]])).call(1, "watch", json!("latest"));
    script.ok(0, "write", json!([2, [["x", 2]]])).ok(1, "watch", first);
    watch(&mut script, 1, 2, json!([[2, "x", 2]]), 2);
    assert_eq!(check(&script).verdict, Verdict::Valid);
}

#[test]
fn half_a_revision_is_torn() {
    let mut script = three();
    let half = json!([[1, "x", 1], [2, "x", 2]]);
    watch(&mut script, 1, 1, half, 2);
    watch(&mut script, 2, 1, all(), 3);
    assert_eq!(only(&script, "torn-event").operations, [6, 8]);
}

#[test]
fn events_come_once_and_in_order() {
    let mut script = three();
    watch(&mut script, 1, 1, all(), 3);
    watch(&mut script, 1, 4, json!([[3, "y", 3]]), 3);
    assert_eq!(only(&script, "duplicate-event").operations, [6, 8]);
    let mut script = three();
    let twice = json!([[1, "x", 1], [2, "x", 2], [2, "y", 2], [2, "x", 2], [3, "y", 3]]);
    watch(&mut script, 1, 1, twice, 3);
    assert_eq!(only(&script, "duplicate-event").operations, [6]);
    let mut script = three();
    let swapped = json!([[2, "x", 2], [2, "y", 2], [1, "x", 1], [3, "y", 3]]);
    watch(&mut script, 1, 1, swapped, 3);
    assert_eq!(only(&script, "event-inversion").operations, [6]);
    // After it was told that all is told.
    let mut script = three();
    watch(&mut script, 1, 1, json!([[1, "x", 1], [2, "x", 2], [2, "y", 2]]), 3);
    watch(&mut script, 1, 4, json!([[3, "y", 3]]), 3);
    assert_eq!(kinds(&check(&script)), ["lost-event", "event-inversion"]);
}

#[test]
fn all_speak_of_the_same_log() {
    let mut script = three();
    watch(&mut script, 1, 1, all(), 3);
    let other = json!([[1, "x", 2], [2, "x", 2], [2, "y", 2], [3, "y", 3]]);
    watch(&mut script, 2, 1, other, 3);
    let finding = check(&script);
    assert_eq!(kinds(&finding), ["inconsistent-event", "inconsistent-event"], "{finding:#?}");
    assert_eq!(finding.anomalies[0].operations, [6, 8]);
    assert_eq!(finding.anomalies[1].operations, [2, 8]);
}

#[test]
fn a_write_is_at_one_revision() {
    let mut script = Script::default();
    write(&mut script, 2, json!([["x", 1]]));
    watch(&mut script, 1, 1, json!([[1, "x", 1], [2, "x", 1]]), 2);
    assert_eq!(only(&script, "inconsistent-event").operations, [0, 2]);
    let mut script = Script::default();
    let asked = json!([["x", 1]]);
    script.call(0, "write", asked.clone()).push(0, Kind::Info, "write", asked);
    watch(&mut script, 1, 1, json!([[1, "x", 1]]), 1);
    watch(&mut script, 1, 2, json!([[2, "x", 1]]), 2);
    assert_eq!(only(&script, "inconsistent-event").operations, [0, 2, 4]);
}

#[test]
fn events_of_nobody_of_failures_and_of_the_future() {
    let mut script = three();
    script.failed(5, "write", json!([["x", 9]]));
    let mut events = all();
    events.as_array_mut().unwrap().push(json!([4, "x", 9]));
    watch(&mut script, 1, 1, events, 4);
    assert_eq!(only(&script, "phantom-event").operations, [6, 8]);
    let mut script = three();
    let mut events = all();
    events.as_array_mut().unwrap().push(json!([4, "z", 9]));
    watch(&mut script, 1, 1, events, 4);
    assert_eq!(only(&script, "phantom-event").operations, [6]);
    write(&mut script, 4, json!([["z", 9]]));
    let finding = check(&script);
    assert_eq!(kinds(&finding)[0], "phantom-event");
    assert_eq!(finding.anomalies[0].operations, [6, 8]);
}

#[test]
fn revisions_grow_in_real_time() {
    let mut script = Script::default();
    write(&mut script, 2, json!([["x", 1]]));
    write(&mut script, 1, json!([["x", 2]]));
    watch(&mut script, 1, 1, json!([[1, "x", 2], [2, "x", 1]]), 2);
    assert_eq!(only(&script, "revision-inversion").operations, [0, 2]);
}

#[test]
fn what_cannot_be_read_is_told() {
    let refused = |f: &str, input: Value, output: Value| {
        let mut script = Script::default();
        script.whole(0, f, input, output);
        let finding = check(&script);
        assert_eq!(finding.verdict, Verdict::Unknown);
        finding.reason.unwrap()
    };
    assert!(refused("read", json!(1), json!(1)).contains("only write and watch"));
    assert!(refused("write", json!(1), json!(1)).contains("no list of keys"));
    assert!(refused("write", json!([["x", 1]]), json!(["x"])).contains("begin with a revision"));
    assert!(refused("watch", json!(null), json!({})).contains("to which revision"));
    let odd = json!({"revision": 3, "events": [[1]]});
    assert!(refused("watch", json!(null), odd).contains("not [revision, key, value]"));
}

/// A map that really has one log; each watcher goes on where it was, and is told of a few revisions
/// at a time, from a copy that is somewhat behind.
pub(super) fn right(random: &mut Random, calls: usize, unknown: u64) -> History {
    let mut log: Vec<Vec<(u64, u64)>> = Vec::new();
    let mut value = 0;
    let mut asking = |random: &mut Random| {
        if random.chance(50) {
            return ("watch", if random.chance(10) { json!("latest") } else { Value::Null });
        }
        value += 1;
        let first = random.below(3);
        let changes: Vec<Value> =
            (0..1 + random.below(2)).map(|more| json!([first + more, value])).collect();
        ("write", json!(changes))
    };
    let mut behind = Random(random.below(1 << 40));
    let mut answer = move |f: &str, input: &Value| {
        if f == "write" {
            let pairs = input.as_array().unwrap().iter();
            let change = |pair: &Value| (pair[0].as_u64().unwrap(), pair[1].as_u64().unwrap());
            log.push(pairs.map(change).collect());
            return Some(json!([log.len(), input]));
        }
        if behind.chance(10) {
            return None;
        }
        let latest = input == "latest";
        let known = if latest { log.len() } else { behind.below(log.len() as u64 + 1) as usize };
        // As `atomic_history` does not say who asks, each watch begins somewhere.
        let from = behind.below(known as u64 + 1) as usize;
        let to =
            if latest { known } else { from + behind.below((known - from) as u64 + 1) as usize };
        let events: Vec<Value> = (from..to)
            .flat_map(|at| log[at].iter().map(move |(key, value)| json!([at + 1, key, value])))
            .collect();
        Some(json!({"from": from + 1, "events": events, "revision": to}))
    };
    atomic_history(random, calls, 4, unknown, &mut asking, &mut answer)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn watches_that_are_right_are_never_wrong(seed: u64, calls in 1usize..120, unknown in 0u64..30) {
        let history = right(&mut Random(seed), calls, unknown);
        let finding = Watch.check(&history, &Budget::default());
        prop_assert_eq!(finding.anomaly_count, 0, "{:#?}", finding);
    }

    #[test]
    fn a_change_that_is_left_out_or_told_twice_is_found(seed: u64, twice: bool, which: prop::sample::Index) {
        let history = right(&mut Random(seed), 150, 5);
        let mut events = history.events().to_vec();
        let full = |event: &crate::Event| {
            let told = event.value["events"].as_array();
            event.kind == Kind::Ok && told.is_some_and(|told| !told.is_empty())
        };
        let places: Vec<usize> = (0..events.len()).filter(|at| full(&events[*at])).collect();
        prop_assume!(!places.is_empty());
        let event = &mut events[places[which.index(places.len())]];
        let told = event.value["events"].as_array_mut().unwrap();
        if twice {
            let first = told[0].clone();
            told.push(first);
        } else {
            let left_out = told.remove(0);
            // Somebody else has to know of it.
            let known = |event: &crate::Event| match &*event.f {
                "write" => event.kind == Kind::Ok && event.value[0] == left_out[0],
                _ => event.value["events"].as_array().is_some_and(|told| told.contains(&left_out)),
            };
            prop_assume!(events.iter().any(known));
        }
        let finding = Watch.check(&History::new(events).unwrap(), &Budget::default());
        prop_assert_eq!(finding.verdict, Verdict::Invalid, "{:#?}", finding);
    }
}
