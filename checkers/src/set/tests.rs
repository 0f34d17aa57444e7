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

fn atomic(seed: u64, calls: usize, unknown: u64) -> History {
    let (mut set, mut fresh) = (Vec::new(), 0);
    let mut object = |f: &str, input: &Value| {
        if f == "add" {
            set.push(input.clone());
            return Some(input.clone());
        }
        Some(Value::Array(set.clone()))
    };
    let mut asking = |random: &mut Random| {
        fresh += 1;
        if random.chance(20) { ("read", Value::Null) } else { ("add", json!(fresh)) }
    };
    atomic_history(&mut Random(seed), calls, 6, unknown, &mut asking, &mut object)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn atomic_histories_are_never_invalid(seed: u64, calls in 1usize..300, unknown in 0u64..20) {
        let history = atomic(seed, calls, unknown);
        for checker in [&Set as &dyn Checker, &full()] {
            let finding = checker.check(&history, &Budget::default());
            prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
        }
    }

    #[test]
    fn an_element_taken_out_of_all_later_reads_is_lost(seed: u64) {
        let mut events = atomic(seed, 300, 0).events().to_vec();
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
