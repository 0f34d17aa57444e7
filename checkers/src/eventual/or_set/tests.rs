//! Observed-remove sets: by hand, of simulated stores, and with mistakes planted.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::eventual::store::{Data, LIMIT, Mistake, history};
use crate::testing::Script;
use crate::{Kind, Verdict};

fn set() -> OrSet {
    OrSet { promise: Promise { converge_within: LIMIT, sessions: true } }
}

fn call(script: &mut Script, process: u32, f: &str, element: i64) {
    script.whole(process, f, json!([1, element]), json!([1, element]));
}

fn read(script: &mut Script, process: u32, content: Value) {
    script.whole(process, "read", json!([1, null]), json!([1, content]));
}

fn kinds(script: &Script) -> Vec<String> {
    let finding = set().check(&script.history(), &Budget::default());
    finding.anomalies.into_iter().map(|anomaly| anomaly.kind).collect()
}

/// Lets much time pass.
fn later(script: &mut Script) {
    let next = script.events.len() as u64;
    script.push(99, Kind::Invoke, "read", json!([2, null]));
    script.events[next as usize].time += 3 * LIMIT;
}

/// Times that only grow, whatever was done to some.
fn even(script: &mut Script) {
    let mut now = 0;
    for event in &mut script.events {
        now = event.time.max(now + 1);
        event.time = now;
    }
}

#[test]
fn sessions_see_what_they_added_and_not_what_they_removed() {
    let mut script = Script::default();
    call(&mut script, 0, "add", 1);
    read(&mut script, 0, json!([]));
    assert_eq!(kinds(&script), ["missing-your-writes"]);
    let mut script = Script::default();
    call(&mut script, 0, "add", 1);
    read(&mut script, 1, json!([1]));
    read(&mut script, 1, json!([]));
    assert_eq!(kinds(&script), ["non-monotonic-reads"]);
    let mut script = Script::default();
    call(&mut script, 0, "add", 1);
    call(&mut script, 0, "remove", 1);
    read(&mut script, 1, json!([1]));
    read(&mut script, 0, json!([]));
    assert_eq!(kinds(&script), [""; 0]);
    read(&mut script, 0, json!([1]));
    assert_eq!(kinds(&script), ["resurrected-element"]);
}

#[test]
fn a_remove_by_a_replica_that_had_not_the_element_takes_nothing() {
    let mut script = Script::default();
    call(&mut script, 0, "add", 1);
    call(&mut script, 1, "remove", 1);
    read(&mut script, 1, json!([1]));
    later(&mut script);
    read(&mut script, 0, json!([1]));
    even(&mut script);
    assert_eq!(kinds(&script), [""; 0]);
}

#[test]
fn keys_are_judged_apart_and_told_in_the_order_of_the_history() {
    let mut script = Script::default();
    for key in [1, 2] {
        script.whole(0, "add", json!([key, 7]), json!([key, 7]));
    }
    for key in [2, 1, 2] {
        script.whole(0, "read", json!([key, null]), json!([key, [key]]));
    }
    let finding = set().check(&script.history(), &Budget::default());
    let told = finding.anomalies.iter().map(|anomaly| {
        let key = anomaly.key.as_ref().and_then(Value::as_u64);
        (anomaly.kind.as_str(), key)
    });
    let (phantom, missing) = ("phantom-element", "missing-your-writes");
    let wanted = [(phantom, Some(2)), (phantom, Some(1)), (missing, Some(2)), (missing, Some(1))];
    assert_eq!(told.collect::<Vec<_>>(), wanted);
    assert_eq!(finding.stats["elements"], 4);
}

#[test]
fn after_the_limit_all_replicas_know() {
    let mut script = Script::default();
    call(&mut script, 0, "add", 1);
    call(&mut script, 0, "add", 2);
    call(&mut script, 0, "remove", 2);
    later(&mut script);
    read(&mut script, 1, json!([2]));
    even(&mut script);
    assert_eq!(kinds(&script), ["lost-element", "resurrected-element"]);
    let mut script = Script::default();
    script.failed(0, "add", json!([1, 5]));
    read(&mut script, 1, json!([5, 6, 6]));
    assert_eq!(kinds(&script), ["dirty-read", "phantom-element", "duplicate-element"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn correct_stores_are_never_invalid(seed: u64, calls in 1usize..150) {
        let history = history(Data::Set, Mistake::None, seed, calls);
        let finding = set().check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:#?}", finding.anomalies);
    }
}

#[test]
fn stores_with_mistakes_are_found() {
    for (mistake, kind) in [
        (Mistake::NoRepair, "lost-element"),
        (Mistake::ForgottenRemoves, "resurrected-element"),
        (Mistake::Lost, "missing-your-writes"),
        (Mistake::Twice, "duplicate-element"),
    ] {
        let found = (0..20).filter(|seed| {
            let history = history(Data::Set, mistake, *seed, 300);
            let finding = set().check(&history, &Budget::default());
            finding.anomalies.iter().any(|anomaly| anomaly.kind == kind)
        });
        assert!(found.count() > 10, "{mistake:?}");
    }
}
