//! Inserts seen out of order, planted; silence on atomic ones; brute force on tiny histories.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Budget, Checker, Finding, History, Kind, Verdict};

fn w(key: u32) -> Value {
    json!([["w", key, 1]])
}

/// A transaction that reads keys; 0 is one that is not there.
fn r(keys: &[(u32, u32)]) -> Value {
    keys.iter().map(|(key, there)| json!(["r", key, (*there > 0).then_some(1)])).collect()
}

fn check(script: &Script) -> [Finding; 2] {
    let history = script.history();
    [&CausalReverse as &dyn Checker, &Sequential]
        .map(|checker| checker.check(&history, &Budget::default()))
}

fn insert(script: &mut Script, process: u32, key: u32) {
    script.whole(process, "txn", w(key), w(key));
}

fn read(script: &mut Script, process: u32, keys: &[(u32, u32)]) {
    let blank: Vec<(u32, u32)> = keys.iter().map(|(key, _)| (*key, 0)).collect();
    script.whole(process, "txn", r(&blank), r(keys));
}

#[test]
fn an_effect_without_its_cause() {
    let mut script = Script::default();
    insert(&mut script, 0, 1);
    insert(&mut script, 1, 2);
    read(&mut script, 2, &[(1, 0), (2, 0)]);
    read(&mut script, 2, &[(1, 1), (2, 0)]);
    // Two processes: only real time says which came first.
    let [reverse, sequential] = check(&script);
    assert_eq!(reverse.verdict, Verdict::Valid, "a stale read is another matter");
    assert_eq!(sequential.verdict, Verdict::Valid);
    read(&mut script, 3, &[(1, 0), (2, 1)]);
    let [reverse, sequential] = check(&script);
    assert_eq!(reverse.anomalies[0].kind, "causal-reverse");
    assert_eq!(reverse.anomalies[0].operations, [0, 2, 8]);
    assert_eq!(sequential.verdict, Verdict::Valid);
}

#[test]
fn inserts_at_the_same_time_or_without_an_answer_may_be_seen_in_any_order() {
    let mut script = Script::default();
    script.call(0, "txn", w(1));
    script.call(1, "txn", w(2)).push(1, Kind::Info, "txn", w(2));
    insert(&mut script, 2, 3);
    script.ok(0, "txn", w(1));
    insert(&mut script, 2, 4);
    read(&mut script, 3, &[(1, 0), (2, 0), (3, 1)]);
    read(&mut script, 3, &[(1, 1), (2, 0), (4, 1)]);
    for finding in check(&script) {
        assert_eq!(finding.verdict, Verdict::Valid, "{finding:?}");
    }
}

#[test]
fn a_sessions_inserts_come_in_its_order() {
    let mut script = Script::default();
    insert(&mut script, 0, 1);
    insert(&mut script, 0, 2);
    // In the order in which they are listed: 1 may have come in between.
    read(&mut script, 1, &[(1, 0), (2, 1)]);
    assert_eq!(check(&script)[1].verdict, Verdict::Valid);
    assert_eq!(check(&script)[0].verdict, Verdict::Invalid, "all at one moment");
    read(&mut script, 2, &[(2, 1), (1, 0)]);
    let anomaly = &check(&script)[1].anomalies[0];
    assert_eq!(
        (anomaly.kind.as_str(), &anomaly.operations[..]),
        ("insert-inversion", &[0, 2, 6][..])
    );
    read(&mut script, 1, &[(1, 0)]);
    let anomaly = &check(&script)[1].anomalies[1];
    assert_eq!(anomaly.operations, [0, 2, 4, 8]);
    read(&mut script, 0, &[(1, 0)]);
    assert_eq!(check(&script)[1].anomalies[2].operations, [0, 2, 10]);
}

#[test]
fn what_was_there_stays() {
    let mut script = Script::default();
    insert(&mut script, 0, 1);
    read(&mut script, 1, &[(1, 1)]);
    read(&mut script, 1, &[(1, 0)]);
    let anomaly = &check(&script)[1].anomalies[0];
    assert!(anomaly.title.contains("and then was not"), "{anomaly:?}");
    assert_eq!(anomaly.operations, [0, 2, 4]);
}

#[test]
fn nothing_is_said_without_evidence() {
    let mut script = Script::default();
    insert(&mut script, 0, 1);
    for finding in check(&script) {
        assert!(finding.reason.expect("unknown").contains("no read found"));
    }
    read(&mut script, 0, &[(1, 1)]);
    for finding in check(&script) {
        assert!(finding.reason.expect("unknown").contains("not there"));
    }
    insert(&mut script, 0, 1);
    for finding in check(&script) {
        assert!(finding.reason.expect("unknown").contains("writes key 1 again"));
    }
    let mut other = Script::default();
    other.whole(0, "read", json!(1), json!(1));
    assert!(check(&other)[0].reason.as_ref().expect("unknown").contains("should be"));
}

/// A history of a store that is atomic, or whose reads forget a key now and then.
fn history(seed: u64, unknown: u64, forgetful: bool) -> History {
    let (mut next, mut forget) = (0u32, Random(seed ^ 5));
    let mut there = std::collections::BTreeSet::new();
    let mut object = |_: &str, value: &Value| {
        let steps = value.as_array().expect("a transaction").iter().map(|micro| {
            let key = micro[1].as_u64().expect("a key");
            if micro[0] == "w" {
                there.insert(key);
                return micro.clone();
            }
            let seen = there.contains(&key) && !(forgetful && forget.chance(20));
            json!(["r", key, seen.then_some(1)])
        });
        Some(steps.collect())
    };
    let mut asking = |random: &mut Random| {
        if random.chance(50) {
            next += 1;
            return ("txn", w(next));
        }
        let from = next.saturating_sub(2);
        ("txn", (from..next + 2).rev().map(|key| json!(["r", key, null])).collect())
    };
    atomic_history(&mut Random(seed), 24, 3, unknown, &mut asking, &mut object)
}

/// Reads that miss a key though they see one whose insert began later, pair by pair.
fn reversed_reads(history: &History) -> usize {
    let operations = history.operations();
    let steps = |operation: &Operation<'_>| {
        operation.output().unwrap_or(operation.input).as_array().cloned().unwrap_or_default()
    };
    let insert = |key: &Value| {
        operations
            .iter()
            .find(|o| !o.is_failed() && steps(o)[0][0] == "w" && steps(o)[0][1] == *key)
    };
    let reads = operations.iter().filter(|o| o.is_ok() && steps(o)[0][0] == "r");
    let reversed = reads.filter(|read| {
        let steps = steps(read);
        let pairs = steps.iter().flat_map(|a| steps.iter().map(move |b| (a, b)));
        pairs.into_iter().any(|(missed, seen)| {
            let (Some(early), Some(late)) = (insert(&missed[1]), insert(&seen[1])) else {
                return false;
            };
            missed[2].is_null() && !seen[2].is_null() && early.is_ok() && early.end() < late.index
        })
    });
    reversed.count()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn atomic_stores_are_valid_and_others_are_judged_by_the_definition(
        seed: u64, unknown in 0u64..20,
    ) {
        let atomic = history(seed, unknown, false);
        for checker in [&CausalReverse as &dyn Checker, &Sequential] {
            let finding = checker.check(&atomic, &Budget::default());
            prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
        }
        let forgetful = history(seed, unknown, true);
        let finding = CausalReverse.check(&forgetful, &Budget::default());
        prop_assert_eq!(finding.anomaly_count as usize, reversed_reads(&forgetful));
        // PRAM, taken literally, is what the checker of weak isolation decides.
        let pram = crate::txn::WeakIsolation { level: crate::txn::WeakLevel::Pram };
        let pram = crate::txn::check_events(&pram, "w", &forgetful, &Budget::default());
        let finding = Sequential.check(&forgetful, &Budget::default());
        if finding.verdict == Verdict::Invalid {
            prop_assert_eq!(pram.verdict, Verdict::Invalid, "{:?}", finding.anomalies);
        }
    }
}
