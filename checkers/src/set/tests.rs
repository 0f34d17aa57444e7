//! Each fate of an element, planted; silence on atomic sets; published verdicts.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::history::read_any;
use crate::testing::{Random, Script, atomic_history, golden, golden_index};
use crate::{Kind, Verdict};

fn add(script: &mut Script, value: i64) -> &mut Script {
    script.whole(0, "add", json!(value), json!(value))
}

fn read(script: &mut Script, value: Value) -> &mut Script {
    script.whole(1, "read", json!(null), value)
}

fn kinds(checker: &dyn Checker, script: &Script) -> Vec<String> {
    let finding = checker.check(&script.history(), &Budget::default());
    finding.anomalies.into_iter().map(|anomaly| anomaly.kind).collect()
}

fn full() -> SetFull {
    SetFull::default()
}

#[test]
fn lost_elements() {
    let mut script = Script::default();
    add(&mut script, 1);
    add(&mut script, 2);
    read(&mut script, json!([1, 2]));
    read(&mut script, json!([2]));
    assert_eq!(kinds(&Set, &script), ["lost-element"]);
    assert_eq!(kinds(&full(), &script), ["lost-element"]);
    let finding = full().check(&script.history(), &Budget::default());
    assert_eq!(finding.anomalies[0].operations, [0, 4, 6]);
    assert_eq!(finding.stats["stable"], 1);
}

#[test]
fn an_element_that_comes_back_was_missed_by_a_stale_read() {
    let mut script = Script::default();
    add(&mut script, 1);
    read(&mut script, json!([]));
    read(&mut script, json!([1]));
    assert_eq!(kinds(&Set, &script), [""; 0]);
    assert_eq!(kinds(&full(), &script), ["stale-read"]);
    let eventual = SetFull { linearizable: false };
    assert_eq!(kinds(&eventual, &script), [""; 0]);
    let finding = eventual.check(&script.history(), &Budget::default());
    assert_eq!((finding.verdict, &finding.stats["stale"]), (Verdict::Valid, &json!(1)));
}

#[test]
fn an_element_seen_by_a_read_is_known_without_acknowledgement() {
    let mut script = Script::default();
    script.call(5, "add", json!(1)).push(5, Kind::Info, "add", json!(1));
    read(&mut script, json!([]));
    read(&mut script, json!([1]));
    assert_eq!(kinds(&full(), &script), [""; 0]);
    read(&mut script, json!([]));
    assert_eq!(kinds(&full(), &script), ["lost-element"]);
}

#[test]
fn elements_that_should_not_be_there() {
    let mut script = Script::default();
    add(&mut script, 1);
    script.failed(2, "add", json!(2));
    read(&mut script, json!([1, 2]));
    assert_eq!(kinds(&Set, &script), ["dirty-read"]);
    assert_eq!(kinds(&full(), &script), ["dirty-read"]);
    let mut script = Script::default();
    add(&mut script, 1);
    read(&mut script, json!([1, 9]));
    assert_eq!(kinds(&full(), &script), ["phantom-element"]);
    let mut script = Script::default();
    add(&mut script, 1);
    read(&mut script, json!([1, 1]));
    assert_eq!(kinds(&full(), &script), ["duplicate-element"]);
    assert_eq!(kinds(&Set, &script), ["duplicate-element"]);
}

#[test]
fn concurrent_adds_prove_nothing() {
    let mut script = Script::default();
    script.call(0, "add", json!(1)).call(1, "read", json!(null)).ok(0, "add", json!(1));
    script.ok(1, "read", json!([]));
    read(&mut script, json!([1]));
    assert_eq!(kinds(&full(), &script), [""; 0]);
}

#[test]
fn without_a_final_read_nothing_is_certain() {
    let mut script = Script::default();
    add(&mut script, 1);
    let reason = |script: &Script| {
        [&Set as &dyn Checker, &full()].map(|checker| {
            let finding = checker.check(&script.history(), &Budget::default());
            assert_eq!(finding.verdict, Verdict::Unknown);
            finding.reason.expect("a reason")
        })
    };
    assert!(reason(&script)[0].contains("never read"));
    read(&mut script, json!([1]));
    add(&mut script, 2);
    assert!(reason(&script)[1].contains("after the last read"));
}

#[test]
fn published_verdicts() {
    for [file, workload, _, verdict] in golden_index("elle-cli/set") {
        let (history, _) = read_any(&golden(&file), &file).expect(&file);
        let checker: Box<dyn Checker> =
            if workload == "set" { Box::new(Set) } else { Box::new(full()) };
        let found = checker.check(&history, &Budget::default());
        let expected = if verdict == "valid" { Verdict::Valid } else { Verdict::Invalid };
        assert_eq!(found.verdict, expected, "{file}: {}", found.stats);
    }
}

fn remove(script: &mut Script, value: i64) -> &mut Script {
    script.whole(0, "remove", json!(value), json!(value))
}

fn eventual() -> SetFull {
    SetFull { linearizable: false }
}

#[test]
fn a_removed_element_that_stays_or_comes_back_is_resurrected() {
    let mut script = Script::default();
    add(&mut script, 1);
    remove(&mut script, 1);
    read(&mut script, json!([]));
    for checker in [&Set as &dyn Checker, &full(), &eventual()] {
        assert_eq!(kinds(checker, &script), [""; 0]);
    }
    read(&mut script, json!([1]));
    for checker in [&Set as &dyn Checker, &full(), &eventual()] {
        assert_eq!(kinds(checker, &script), ["resurrected-element"]);
    }
    let finding = full().check(&script.history(), &Budget::default());
    assert_eq!((&finding.stats["removed"], &finding.stats["resurrected"]), (&json!(1), &json!(1)));
    // A replica that lagged behind, as long as it is not the last word.
    read(&mut script, json!([]));
    assert_eq!(kinds(&full(), &script), ["resurrected-element"]);
    assert_eq!(kinds(&eventual(), &script), [""; 0]);
    assert_eq!(kinds(&Set, &script), [""; 0]);
}

#[test]
fn a_removed_element_that_lingers_makes_reads_stale() {
    let mut script = Script::default();
    add(&mut script, 1);
    remove(&mut script, 1);
    read(&mut script, json!([1]));
    read(&mut script, json!([]));
    assert_eq!(kinds(&full(), &script), ["stale-read"]);
    assert_eq!(kinds(&eventual(), &script), [""; 0]);
}

#[test]
fn what_is_added_again_or_may_yet_be_is_not_removed_for_good() {
    for unknown in [false, true] {
        let mut script = Script::default();
        add(&mut script, 1);
        if unknown {
            script.call(5, "add", json!(1)).push(5, Kind::Info, "add", json!(1));
        }
        remove(&mut script, 1);
        read(&mut script, json!([]));
        if !unknown {
            add(&mut script, 1);
        }
        read(&mut script, json!([1]));
        assert_eq!(kinds(&full(), &script), [""; 0]);
    }
}

#[test]
fn what_may_be_removed_may_be_missing() {
    let mut script = Script::default();
    add(&mut script, 1);
    script.call(5, "remove", json!(1)).push(5, Kind::Info, "remove", json!(1));
    read(&mut script, json!([]));
    read(&mut script, json!([1]));
    assert_eq!(kinds(&full(), &script), [""; 0]);
    let mut script = Script::default();
    add(&mut script, 1);
    script.failed(5, "remove", json!(1));
    read(&mut script, json!([]));
    assert_eq!(kinds(&full(), &script), ["lost-element"]);
    assert_eq!(kinds(&Set, &script), ["lost-element"]);
}

#[test]
fn reads_may_tell_only_what_is_new() {
    let mut script = Script::default();
    add(&mut script, 1);
    read(&mut script, json!({"added": [1]}));
    add(&mut script, 2);
    read(&mut script, json!({"added": [2]}));
    // Another process begins with nothing.
    script.whole(3, "read", json!(null), json!({"added": [2, 1]}));
    assert_eq!(kinds(&full(), &script), [""; 0]);
    read(&mut script, json!({"removed": [1], "added": []}));
    assert_eq!(kinds(&full(), &script), ["lost-element"]);
    let finding = full().check(&script.history(), &Budget::default());
    assert_eq!(finding.anomalies[0].operations, [0, 8, 10]);
    read(&mut script, json!(7));
    let finding = full().check(&script.history(), &Budget::default());
    assert!(finding.reason.expect("a reason").contains("\"added\""));
}

#[test]
fn latencies_are_told() {
    let mut script = Script::default();
    add(&mut script, 1);
    add(&mut script, 2);
    add(&mut script, 3);
    read(&mut script, json!([1]));
    read(&mut script, json!([1, 2]));
    let finding = eventual().check(&script.history(), &Budget::default());
    // Element 1 is there at once, 2 is known at 3 ms and missing in a read from 6 ms, 3 is lost.
    let stats = &finding.stats;
    assert_eq!(
        stats["stable_latency_ms"],
        json!({"0": 0.0, "0.5": 3.0, "0.95": 3.0, "0.99": 3.0, "1": 3.0})
    );
    assert_eq!(stats["lost_latency_ms"]["1"], 0.0);
    assert_eq!(
        (&stats["stale"], &stats["lost"], &stats["stable"]),
        (&json!(1), &json!(1), &json!(1))
    );
}

/// What each element came to by the definition: every read is looked at for every element.
fn literally(history: &History) -> (u64, u64, u64, u64) {
    let operations = history.operations();
    let reads: Vec<_> = operations.iter().filter(|o| o.f == "read" && o.is_ok()).collect();
    let shows = |read: &crate::Operation<'_>, value: &Value| {
        read.output().and_then(Value::as_array).is_some_and(|list| list.contains(value))
    };
    let (mut stable, mut lost, mut stale, mut never) = (0, 0, 0, 0);
    let adds = operations.iter().filter(|o| o.f == "add").filter(|add| {
        add.is_ok() || reads.iter().any(|read| shows(read, add.input)) || !add.is_failed()
    });
    for add in adds {
        let seen = reads.iter().filter(|read| shows(read, add.input)).map(|read| read.end()).min();
        let known = add.end().min(seen.unwrap_or(u64::MAX));
        let removing = operations
            .iter()
            .filter(|o| o.f == "remove" && o.input == add.input && !o.is_failed())
            .map(|o| o.index)
            .min()
            .unwrap_or(u64::MAX);
        // Reads that overlap one that ends during a removal count as little as that one.
        let mut late = 0;
        let later: Vec<_> = reads
            .iter()
            .filter(|read| {
                late = late.max(read.end());
                late < removing && read.index > known
            })
            .collect();
        let missing = later.iter().rfind(|read| !shows(read, add.input));
        match missing {
            _ if later.is_empty() => never += 1,
            None => stable += 1,
            Some(missing)
                if reads.iter().any(|r| shows(r, add.input) && r.end() > missing.index) =>
            {
                stale += 1;
            }
            Some(_) => lost += 1,
        }
    }
    (stable, lost, stale, never)
}

/// A history of replicas: reads show what one of three had some calls ago.
fn sloppy(seed: u64, calls: usize) -> History {
    let mut random = Random(seed);
    let mut lag = Random(seed ^ 7);
    let (mut states, mut fresh): (Vec<Vec<Value>>, _) = (vec![vec![]], 0);
    let mut object = |f: &str, input: &Value| {
        let mut state = states.last().expect("one").clone();
        match f {
            "add" => state.push(input.clone()),
            "remove" => state.retain(|value| value != input),
            _ => {
                let back = (lag.below(4) as usize).min(states.len() - 1);
                return Some(Value::Array(states[states.len() - 1 - back].clone()));
            }
        }
        states.push(state);
        Some(input.clone())
    };
    let mut asking = |random: &mut Random| match random.below(10) {
        0..=3 => ("read", Value::Null),
        4 if fresh > 0 => ("remove", json!(1 + random.below(fresh))),
        _ => {
            fresh += 1;
            ("add", json!(fresh))
        }
    };
    atomic_history(&mut random, calls, 4, 10, &mut asking, &mut object)
}

/// The same reads, told by what is new.
fn told_by_changes(history: &History) -> History {
    let mut before: std::collections::BTreeMap<_, Vec<Value>> = std::collections::BTreeMap::new();
    let mut events = history.events().to_vec();
    for event in events.iter_mut().filter(|e| e.kind == Kind::Ok && &*e.f == "read") {
        let now = event.value.as_array().expect("a list").clone();
        let old = before.insert(event.process, now.clone()).unwrap_or_default();
        let less = |all: &[Value], some: &[Value]| -> Vec<Value> {
            all.iter().filter(|value| !some.contains(value)).cloned().collect()
        };
        event.value = json!({"added": less(&now, &old), "removed": less(&old, &now)});
    }
    History::new(events).expect("well-formed")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn fates_are_those_of_the_definition(seed: u64, calls in 1usize..60) {
        let history = sloppy(seed, calls);
        let finding = eventual().check(&history, &Budget::default());
        if !finding.stats["stable"].is_null() {
            let count = |name: &str| finding.stats[name].as_u64().expect("a count");
            let found = (count("stable"), count("lost"), count("stale"), count("never_read"));
            prop_assert_eq!(found, literally(&history));
        }
        for linearizable in [true, false] {
            let checker = SetFull { linearizable };
            let by_lists = checker.check(&history, &Budget::default());
            let by_changes = checker.check(&told_by_changes(&history), &Budget::default());
            prop_assert_eq!(by_lists.stats, by_changes.stats);
            prop_assert_eq!(by_lists.anomaly_count, by_changes.anomaly_count);
        }
    }
}

fn atomic(seed: u64, calls: usize, unknown: u64, removes: bool) -> History {
    let (mut set, mut fresh) = (Vec::new(), 0);
    let mut object = |f: &str, input: &Value| {
        match f {
            "add" => set.push(input.clone()),
            "remove" => set.retain(|value| value != input),
            _ => return Some(Value::Array(set.clone())),
        }
        Some(input.clone())
    };
    let mut asking = |random: &mut Random| match random.below(10) {
        0..=1 => ("read", Value::Null),
        2 if removes && fresh > 0 => ("remove", json!(1 + random.below(fresh))),
        _ => {
            fresh += 1;
            ("add", json!(fresh))
        }
    };
    atomic_history(&mut Random(seed), calls, 6, unknown, &mut asking, &mut object)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn atomic_histories_are_never_invalid(
        seed: u64,
        calls in 1usize..300,
        unknown in 0u64..20,
        removes: bool,
    ) {
        let history = atomic(seed, calls, unknown, removes);
        for checker in [&Set as &dyn Checker, &full()] {
            let finding = checker.check(&history, &Budget::default());
            prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
        }
    }

    #[test]
    fn an_element_taken_out_of_all_later_reads_is_lost(seed: u64) {
        let mut events = atomic(seed, 300, 0, false).events().to_vec();
        let acknowledged = |e: &crate::Event| e.kind == Kind::Ok && &*e.f == "add";
        let at = events.iter().position(acknowledged).expect("an add");
        let gone = events[at].value.clone();
        let reads = events.iter_mut().filter(|e| e.kind == Kind::Ok && &*e.f == "read");
        for list in reads.filter_map(|event| event.value.as_array_mut()) {
            list.retain(|value| *value != gone);
        }
        let history = History::new(events).expect("well-formed");
        let finding = full().check(&history, &Budget::default());
        prop_assert_eq!(finding.verdict, Verdict::Invalid);
        prop_assert_eq!(&finding.anomalies[0].kind, "lost-element");
    }
}
