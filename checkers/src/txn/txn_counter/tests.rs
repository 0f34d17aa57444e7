//! Counters: each anomaly planted and found, and brute force on tiny histories.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::txn::orders_tests::{Map, TinyHistory, compare, unanswered};
use crate::{Anomaly, Verdict};

fn check(script: &Script, model: &str) -> Finding {
    let model = model.parse().expect("a model");
    TxnCounter { model }.check(&script.history(), &Budget::default())
}

fn together(outputs: &[Value]) -> Script {
    let mut script = Script::default();
    for (process, output) in (0u32..).zip(outputs) {
        script.call(process, "txn", unanswered(output.as_array().expect("steps")));
    }
    for (process, output) in (0u32..).zip(outputs) {
        script.ok(process, "txn", output.clone());
    }
    script
}

fn refutes(script: &Script, kind: &str, refuted: &str, spared: &[&str]) -> Anomaly {
    let finding = check(script, "strict-serializable");
    let found = finding.anomalies.iter().find(|anomaly| anomaly.kind == kind);
    let found = found.unwrap_or_else(|| panic!("no {kind} in {}", finding.stats)).clone();
    assert!(found.rules_out.iter().any(|model| model == refuted), "{found:?}");
    for spared in spared {
        let finding = check(script, spared);
        assert_eq!(finding.verdict, Verdict::Valid, "{kind} {spared}: {}", finding.stats);
    }
    found
}

#[test]
fn totals_that_are_wrong_by_themselves() {
    let more = together(&[json!([["inc", "x", 2]]), json!([["r", "x", 3]])]);
    refutes(&more, "phantom-read", "read-committed", &["read-uncommitted"]);
    let mut script = Script::default();
    script.failed(0, "txn", json!([["inc", "x", 2]]));
    script.whole(1, "txn", json!([["r", "x", null]]), json!([["r", "x", 2]]));
    refutes(&script, "G1a", "read-committed", &["read-uncommitted"]);
    for output in [
        json!([["inc", "x", 2], ["r", "x", 1]]),
        json!([["r", "x", 0], ["inc", "x", 2], ["r", "x", 4]]),
    ] {
        let script = together(&[output, json!([["inc", "x", 2]])]);
        refutes(&script, "internal", "read-atomic", &["read-committed"]);
    }
}

#[test]
fn orders_of_totals_make_cycles() {
    let fork = together(&[
        json!([["inc", "x", 2]]),
        json!([["inc", "y", 3]]),
        json!([["inc", "x", 5], ["inc", "y", 7]]),
        json!([["r", "x", 2], ["r", "y", 7]]),
        json!([["r", "x", 5], ["r", "y", 3]]),
    ]);
    let found = refutes(&fork, "G-nonadjacent", "snapshot-isolation", &["read-committed"]);
    assert!(found.title.starts_with("Long fork"), "{}", found.title);
    assert!(found.edges[0].why.contains("an increment came in between"), "{found:?}");
    let skew = together(&[
        json!([["r", "x", 0], ["inc", "y", 1]]),
        json!([["r", "y", 0], ["inc", "x", 1]]),
    ]);
    refutes(&skew, "G2-item", "serializable", &["snapshot-isolation"]);
    let read = together(&[
        json!([["r", "x", 0], ["r", "y", 1]]),
        json!([["inc", "x", 1], ["inc", "y", 1]]),
    ]);
    refutes(&read, "G-single", "snapshot-isolation", &["read-committed"]);
}

#[test]
fn totals_have_their_time() {
    let mut script = Script::default();
    script.whole(0, "txn", json!([["inc", "x", 2]]), json!([["inc", "x", 2]]));
    script.whole(1, "txn", json!([["inc", "x", 2]]), json!([["inc", "x", 2]]));
    script.whole(2, "txn", json!([["r", "x", null]]), json!([["r", "x", 4]]));
    script.whole(2, "txn", json!([["r", "x", null]]), json!([["r", "x", 2]]));
    let kinds = "strong-session-snapshot-isolation";
    refutes(&script, "G-single-process", kinds, &["serializable"]);
    refutes(&script, "stale-read", "strong-snapshot-isolation", &["serializable"]);
    let mut script = Script::default();
    script.whole(0, "txn", json!([["inc", "x", 2]]), json!([["inc", "x", 2]]));
    script.whole(2, "txn", json!([["r", "x", null]]), json!([["r", "x", 4]]));
    script.whole(1, "txn", json!([["inc", "x", 2]]), json!([["inc", "x", 2]]));
    refutes(&script, "early-read", "strong-read-committed", &["serializable"]);
}

#[test]
fn what_cannot_be_judged_is_unknown() {
    let reason = |output: Value| {
        let finding = check(&together(&[output]), "serializable");
        assert_eq!(finding.verdict, Verdict::Unknown);
        finding.reason.expect("a reason")
    };
    assert!(reason(json!([["inc", "x", 0]])).contains("more than 0"));
    assert!(reason(json!([["inc", "x", -5]])).contains("more than 0"));
    assert!(reason(json!([["r", "x", [1]]])).contains("whole numbers"));
    assert!(reason(json!([["inc", "x", 1]])).contains("nothing can be judged"));
}

fn run(state: &mut Map, micro: &Value) -> Value {
    let total = state.entry(micro[1].to_string()).or_insert_with(|| json!(0));
    if micro[0] == "inc" {
        *total = json!(total.as_i64().unwrap_or(0) + micro[2].as_i64().unwrap_or(0));
    }
    total.clone()
}

/// Transactions of a store that now and then reads an older state.
fn tiny(random: &mut Random) -> TinyHistory {
    let broken = [0, 30, 80][random.below(3) as usize];
    let mut states = vec![Map::new()];
    let outputs = (0..3 + random.below(3)).map(|_| {
        let committed = !random.chance(15);
        let mut state = states.last().cloned().unwrap_or_default();
        let mut snapshot = state.clone();
        if random.chance(broken) {
            snapshot = states[random.below(states.len() as u64) as usize].clone();
        }
        let micros: Vec<Value> = (0..1 + random.below(3))
            .map(|_| {
                let key = random.below(2);
                let mut micro = json!(["r", key, null]);
                if random.chance(50) {
                    micro = json!(["inc", key, 1 + random.below(3)]);
                }
                let answer = run(&mut snapshot, &micro);
                if micro[0] == "r" {
                    micro[2] = answer;
                } else {
                    run(&mut state, &micro);
                }
                micro
            })
            .collect();
        if committed || random.chance(50) {
            states.push(state);
        }
        (micros, committed)
    });
    let outputs = outputs.collect();
    TinyHistory::new(random, outputs)
}

#[test]
fn verdicts_agree_with_all_orders() {
    for (model, strict) in [("serializable", false), ("strict-serializable", true)] {
        let checker = TxnCounter { model: model.parse().expect("a model") };
        let [valid, invalid, missed] = compare(50_000, strict, &checker, tiny, run);
        assert!(valid > 10_000 && invalid > 500, "{model}: {valid} {invalid} {missed}");
        assert!(missed < invalid, "{model}: {valid} {invalid} {missed}");
    }
}

#[test]
fn atomic_histories_are_valid() {
    for seed in 0..60 {
        let mut state = Map::new();
        let mut object = |_: &str, input: &Value| {
            let mut output = input.clone();
            for micro in output.as_array_mut().expect("a transaction") {
                let total = run(&mut state, micro);
                if micro[0] == "r" {
                    micro[2] = total;
                }
            }
            Some(output)
        };
        let mut asking = |random: &mut Random| {
            let micros = (0..1 + random.below(4)).map(|_| {
                let key = random.below(3);
                if random.chance(50) {
                    return json!(["r", key, null]);
                }
                json!(["inc", key, 1 + random.below(5)])
            });
            ("txn", Value::Array(micros.collect()))
        };
        let random = &mut Random(seed);
        let history = atomic_history(random, 300, 8, seed % 3 * 10, &mut asking, &mut object);
        let finding = TxnCounter::default().check(&history, &Budget::default());
        assert_eq!(finding.verdict, Verdict::Valid, "{:?}", finding.anomalies);
    }
}
