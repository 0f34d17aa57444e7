//! Each anomaly of sets planted and found, and silence on atomic histories.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::{Anomaly, Event, Kind, Verdict};

fn check(script: &Script, model: &str) -> Finding {
    let model = model.parse().expect("a model");
    SetAdd { model }.check(&script.history(), &Budget::default())
}

fn anomaly(script: &Script, kind: &str) -> Anomaly {
    let finding = check(script, "strict-serializable");
    assert_eq!(finding.verdict, Verdict::Invalid, "{}", finding.stats);
    let found = finding.anomalies.iter().find(|anomaly| anomaly.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {}", finding.stats)).clone()
}

/// A level that a kind refutes, and one that nothing in the history does.
fn refutes(script: &Script, kind: &str, refuted: &str, spared: Option<&str>) -> Anomaly {
    let anomaly = anomaly(script, kind);
    assert!(anomaly.rules_out.iter().any(|model| model == refuted), "{anomaly:?}");
    if let Some(spared) = spared {
        let finding = check(script, spared);
        assert_eq!(finding.verdict, Verdict::Valid, "{kind} {spared}: {}", finding.stats);
    }
    anomaly
}

fn txn(script: &mut Script, process: u32, output: Value) -> &mut Script {
    let input = unanswered(&output);
    script.whole(process, "txn", input, output)
}

pub(super) fn unanswered(output: &Value) -> Value {
    let mut input = output.clone();
    for micro in input.as_array_mut().into_iter().flatten() {
        if micro[0] == "r" {
            micro[2] = Value::Null;
        }
    }
    input
}

/// Transactions that all run at the same time, each in its own process.
fn together(outputs: &[Value]) -> Script {
    let mut script = Script::default();
    for (process, output) in (0u32..).zip(outputs) {
        script.call(process, "txn", unanswered(output));
    }
    for (process, output) in (0u32..).zip(outputs) {
        script.ok(process, "txn", output.clone());
    }
    script
}

#[test]
fn reads_that_are_wrong_by_themselves() {
    let mut script = Script::default();
    script.failed(0, "txn", json!([["add", "x", 1]]));
    txn(&mut script, 1, json!([["r", "x", [1]]]));
    let aborted = refutes(&script, "G1a", "read-committed", Some("read-uncommitted"));
    assert_eq!(aborted.operations, [0, 2]);
    let script = together(&[
        json!([["add", "x", 1], ["add", "x", 2]]),
        json!([["r", "x", [2]]]),
        json!([["r", "x", [2, 1]]]),
    ]);
    refutes(&script, "G1b", "read-committed", Some("read-uncommitted"));
    let script = together(&[json!([["add", "x", 1]]), json!([["r", "x", [1, 9]]])]);
    refutes(&script, "phantom-read", "read-committed", Some("read-uncommitted"));
    let script = together(&[json!([["add", "x", 1]]), json!([["r", "x", [1, 1]]])]);
    refutes(&script, "duplicate-elements", "read-uncommitted", None);
    let script = together(&[json!([["r", "x", [1]], ["add", "x", 1]])]);
    refutes(&script, "future-read", "read-committed", Some("read-uncommitted"));
}

#[test]
fn internal_inconsistency() {
    for output in [
        json!([["add", "x", 1], ["r", "x", []]]),
        json!([["r", "x", [5]], ["add", "x", 1], ["r", "x", [1]]]),
        json!([["r", "x", []], ["add", "x", 1], ["r", "x", [1, 5]]]),
        json!([["r", "x", []], ["r", "x", [5]]]),
    ] {
        let script = together(&[output, json!([["add", "x", 5]])]);
        refutes(&script, "internal", "read-atomic", Some("read-committed"));
    }
    let mut script = Script::default();
    txn(&mut script, 0, json!([["add", "x", 1], ["r", "x", [1]], ["add", "x", 2]]));
    txn(&mut script, 0, json!([["r", "x", [2, 1]], ["add", "x", 3], ["r", "x", [1, 3, 2]]]));
    assert_eq!(check(&script, "strict-serializable").verdict, Verdict::Valid);
}

#[test]
fn cycles_are_named_and_told() {
    let script = together(&[
        json!([["add", "x", 1], ["r", "y", [1]]]),
        json!([["add", "y", 1], ["r", "x", [1]]]),
    ]);
    refutes(&script, "G1c", "read-committed", Some("read-uncommitted"));
    let script = together(&[
        json!([["r", "x", []], ["r", "y", [1]]]),
        json!([["add", "x", 1], ["add", "y", 1]]),
    ]);
    let skew = refutes(&script, "G-single", "snapshot-isolation", Some("read-atomic"));
    assert!(skew.edges.iter().any(|edge| edge.kind == "rw" && edge.why.contains("without 1")));
    assert!(skew.edges.iter().any(|edge| edge.kind == "wr" && edge.why.contains("with 1")));
    let script = together(&[
        json!([["r", "x", []], ["add", "y", 1]]),
        json!([["r", "y", []], ["add", "x", 1]]),
    ]);
    refutes(&script, "G2-item", "serializable", Some("snapshot-isolation"));
}

#[test]
fn a_long_fork_is_named() {
    let script = together(&[
        json!([["add", "x", 1]]),
        json!([["add", "x", 2]]),
        json!([["r", "x", [1]]]),
        json!([["r", "x", [2]]]),
    ]);
    let fork = refutes(
        &script,
        "G-nonadjacent",
        "snapshot-isolation",
        Some("parallel-snapshot-isolation"),
    );
    assert!(fork.title.starts_with("Long fork"), "{}", fork.title);
}

#[test]
fn order_within_a_process_and_in_real_time() {
    let mut script = Script::default();
    txn(&mut script, 0, json!([["add", "x", 1]]));
    txn(&mut script, 0, json!([["r", "x", []]]));
    refutes(&script, "G-single-process", "strong-session-snapshot-isolation", Some("serializable"));
    let mut script = Script::default();
    txn(&mut script, 0, json!([["add", "x", 1]]));
    txn(&mut script, 1, json!([["r", "x", []]]));
    refutes(
        &script,
        "G-single-realtime",
        "strong-snapshot-isolation",
        Some("strong-session-serializable"),
    );
}

#[test]
fn unknown_transactions_count_once_they_were_read() {
    let mut script = Script::default();
    script.call(0, "txn", json!([["add", "x", 1], ["add", "y", 1]]));
    script.push(0, Kind::Info, "txn", json!([["add", "x", 1], ["add", "y", 1]]));
    txn(&mut script, 1, json!([["r", "x", []], ["r", "y", []]]));
    assert_eq!(check(&script, "strict-serializable").verdict, Verdict::Valid);
    txn(&mut script, 1, json!([["r", "x", [1]], ["r", "y", [1]]]));
    assert_eq!(check(&script, "strict-serializable").verdict, Verdict::Valid);
    txn(&mut script, 1, json!([["r", "x", [1]], ["r", "y", []]]));
    assert_eq!(check(&script, "strict-serializable").verdict, Verdict::Invalid);
}

#[test]
fn what_cannot_be_judged_is_unknown() {
    let reason = |script: &Script| {
        let finding = check(script, "strict-serializable");
        assert_eq!(finding.verdict, Verdict::Unknown);
        finding.reason.expect("a reason")
    };
    let mut script = Script::default();
    txn(&mut script, 0, json!([["add", "x", 1]]));
    assert!(reason(&script).contains("nothing can be judged"));
    txn(&mut script, 0, json!([["add", "x", 1]]));
    assert!(reason(&script).contains("operations 0 and 2 both write 1"), "{}", reason(&script));
    let mut script = Script::default();
    txn(&mut script, 0, json!([["r", "x", 7]]));
    assert!(reason(&script).contains("the list of a set's elements"));
    let finding = SetAdd::default().check(&atomic(1, 50, 3, 0), &Budget::states(3));
    assert_eq!(finding.verdict, Verdict::Unknown);
}

/// Sets that are changed and read by whole transactions at a time.
fn atomic(seed: u64, calls: usize, processes: u32, unknown: u64) -> History {
    let mut sets: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    let mut object = |_: &str, input: &Value| {
        let mut output = input.clone();
        for micro in output.as_array_mut().expect("a transaction") {
            let set = sets.entry(micro[1].to_string()).or_default();
            match micro[2].as_u64() {
                Some(element) => _ = set.insert(element),
                None => micro[2] = set.iter().copied().collect(),
            }
        }
        Some(output)
    };
    let mut fresh = 0u64;
    let mut asking = |random: &mut Random| {
        let micros = (0..1 + random.below(4)).map(|_| {
            let key = random.below(2) + 2 * (fresh / 200);
            if random.chance(50) {
                return json!(["r", key, null]);
            }
            fresh += 1;
            // Reads are sorted, which has nothing to do with the order of adds then.
            json!(["add", key, fresh * 7 % 1009])
        });
        ("txn", Value::Array(micros.collect()))
    };
    atomic_history(&mut Random(seed), calls, processes, unknown, &mut asking, &mut object)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn atomic_histories_are_valid(
        seed: u64, calls in 1usize..300, processes in 1u32..10, unknown in 0u64..20,
    ) {
        let history = atomic(seed, calls, processes, unknown);
        let finding = SetAdd::default().check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
    }
}

/// Changes one read of a set in the middle of a long atomic history.
fn mutated(seed: u64, mutate: impl Fn(&mut Vec<Value>)) -> Finding {
    let mut events: Vec<Event> = atomic(seed, 400, 6, 0).events().to_vec();
    let long = |micro: &Value| micro[2].as_array().is_some_and(|list| list.len() >= 30);
    let at = events
        .iter()
        .position(|e| e.kind == Kind::Ok && e.value.as_array().is_some_and(|t| t.iter().any(long)))
        .expect("a transaction with a long read");
    let micros = events[at].value.as_array_mut().expect("a transaction");
    let read = micros.iter_mut().find(|micro| long(micro)).expect("a long read");
    mutate(read[2].as_array_mut().expect("a list"));
    let history = History::new(events).expect("well-formed");
    SetAdd::default().check(&history, &Budget::default())
}

#[test]
fn planted_faults_are_found_in_long_histories() {
    for seed in 0..10 {
        for keep in [2, 14] {
            let stale = mutated(seed, |list| list.truncate(keep));
            assert_eq!(stale.verdict, Verdict::Invalid, "seed {seed}");
        }
        // Holes all over, so that the read does not fit into the chain.
        let torn = mutated(seed, |list| {
            let mut at = 0;
            list.retain(|_| {
                at += 1;
                at % 3 != 0
            });
        });
        assert_eq!(torn.verdict, Verdict::Invalid, "seed {seed}");
        let turned = mutated(seed, |list| list.reverse());
        assert_eq!(turned.verdict, Verdict::Valid, "seed {seed}");
        let twice = mutated(seed, |list| list.push(list[0].clone()));
        assert!(twice.stats["anomalies"]["duplicate-elements"].is_u64(), "{}", twice.stats);
        let phantom = mutated(seed, |list| list.push(json!(-1)));
        assert!(phantom.stats["anomalies"]["phantom-read"].is_u64(), "{}", phantom.stats);
    }
}
