//! Predicate reads: each anomaly planted and found, and brute force on tiny histories.

use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script};
use crate::txn::orders_tests::{Map, TinyHistory, compare, unanswered};
use crate::{Anomaly, Verdict};

fn check(script: &Script, model: &str) -> Finding {
    let checker = PredicateRegister::new(model.parse().expect("a model"));
    checker.check(&script.history(), &Budget::default())
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
fn write_skew_by_predicates_is_allowed_by_weaker_levels() {
    let script = together(&[
        json!([["rp", [">", 10], {}], ["w", 1, 11]]),
        json!([["rp", [">", 10], {}], ["w", 2, 12]]),
    ]);
    let skew = refutes(&script, "G2", "serializable", &["snapshot-isolation", "repeatable-read"]);
    let why = &skew.edges[0].why;
    assert!(why.contains("selected [\">\",10] and did not get key"), "{why}");
    assert!(skew.steps[0].text.contains("[\"rp\",[\">\",10],{}]"), "{:?}", skew.steps);
}

#[test]
fn a_phantom_within_a_snapshot_is_allowed_by_repeatable_read() {
    let script = together(&[
        json!([["rp", true, {}], ["r", "b", 2]]),
        json!([["w", "a", 1], ["w", "b", 2]]),
    ]);
    refutes(&script, "G-single-predicate", "snapshot-isolation", &["repeatable-read"]);
    let mixed = together(&[
        json!([["rp", true, {"b": 2}]]),
        json!([["w", "a", 1]]),
        json!([["w", "b", 2]]),
        json!([["rp", true, {"a": 1}]]),
    ]);
    refutes(&mixed, "G-nonadjacent-predicate", "snapshot-isolation", &["repeatable-read"]);
}

#[test]
fn cycles_of_items_do_not_hide_behind_phantoms() {
    let script = together(&[
        json!([["rp", true, {}], ["r", "a", null], ["w", "b", 2]]),
        json!([["rp", true, {}], ["r", "b", null], ["w", "a", 1]]),
    ]);
    refutes(&script, "G2-item", "repeatable-read", &["snapshot-isolation"]);
}

#[test]
fn order_in_real_time_counts() {
    let mut script = Script::default();
    let written = json!([["w", 7, 1]]);
    script.whole(0, "txn", written.clone(), written);
    script.whole(1, "txn", json!([["rp", true, null]]), json!([["rp", true, {}]]));
    let kind = "G-single-predicate-realtime";
    refutes(&script, kind, "strong-snapshot-isolation", &["strong-session-serializable"]);
}

#[test]
fn a_key_that_may_not_have_matched_tells_nothing() {
    let script = together(&[
        json!([["rp", [">", 10], {}], ["w", 1, 11]]),
        json!([["rp", [">", 10], {}], ["w", 2, 12], ["w", 3, 1]]),
        json!([["w", 1, 5]]),
        json!([["r", 1, 11]]),
    ]);
    assert_eq!(check(&script, "strict-serializable").verdict, Verdict::Valid);
}

#[test]
fn results_that_are_wrong_by_themselves() {
    let wrong = together(&[json!([["rp", ["mod", 2, 0], {"a": 3}]]), json!([["w", "a", 3]])]);
    refutes(&wrong, "predicate-mismatch", "read-committed", &["read-uncommitted"]);
    let phantom = together(&[json!([["rp", ["=", 3], {"a": 3}]]), json!([["w", "b", 4]])]);
    refutes(&phantom, "phantom-read", "read-committed", &["read-uncommitted"]);
    for output in [
        json!([["w", "a", 4], ["rp", ["<", 9], {}]]),
        json!([["r", "b", 6], ["rp", ["<", 9], {}]]),
        json!([["rp", ["<", 9], {}], ["w", "a", 4], ["rp", ["<", 9], {"a": 4, "b": 6}]]),
        json!([["rp", true, {"b": 6}], ["r", "b", 7]]),
    ] {
        let script = together(&[output, json!([["w", "b", 6]]), json!([["w", "b", 7]])]);
        refutes(&script, "internal", "read-atomic", &["read-committed"]);
    }
    let mut script = Script::default();
    script.failed(0, "txn", json!([["w", "a", 1]]));
    script.whole(1, "txn", json!([["rp", true, null]]), json!([["rp", true, {"a": 1}]]));
    refutes(&script, "G1a", "read-committed", &["read-uncommitted"]);
}

#[test]
fn what_cannot_be_read_is_unknown() {
    let reason = |output: Value| {
        let finding = check(&together(&[output]), "serializable");
        assert_eq!(finding.verdict, Verdict::Unknown);
        finding.reason.expect("a reason")
    };
    assert!(reason(json!([["rp", ["like", "x"], {}]])).contains("known are true"));
    assert!(reason(json!([["rp", ["mod", 0, 0], {}]])).contains("known are true"));
    assert!(reason(json!([["rp", true, 5]])).contains("an object of keys"));
    assert!(reason(json!([["w", 1, 1], ["w", "1", 2], ["rp", true, {}]])).contains("one type"));
    assert!(reason(json!([["rq", true, {}]])).contains("operation 0"));
}

fn run(state: &mut Map, micro: &Value) -> Value {
    let key = micro[1].to_string();
    match micro[0].as_str() {
        Some("w") => _ = state.insert(key, micro[2].clone()),
        Some("r") => return state.get(&key).cloned().unwrap_or_default(),
        _ => {
            let number = |value: &Value| value.as_u64().unwrap_or_default();
            let bound = number(&micro[1][1]);
            let matches = |value: &Value| match micro[1][0].as_str() {
                Some("=") => number(value) == bound,
                Some("<") => number(value) < bound,
                Some(">") => number(value) > bound,
                Some(_) => number(value) % bound == number(&micro[1][2]),
                None => true,
            };
            let all = state.iter().filter(|(_, value)| matches(value));
            return Value::Object(all.map(|(k, v)| (k.clone(), v.clone())).collect());
        }
    }
    Value::Null
}

/// Transactions of a store that now and then reads an older state.
fn tiny(random: &mut Random) -> TinyHistory {
    let broken = [0, 30, 80][random.below(3) as usize];
    let mut states = vec![Map::new()];
    let mut fresh = 0;
    let outputs = (0..3 + random.below(3)).map(|_| {
        let committed = !random.chance(15);
        let mut state = states.last().cloned().unwrap_or_default();
        let mut snapshot = state.clone();
        if random.chance(broken) {
            snapshot = states[random.below(states.len() as u64) as usize].clone();
        }
        let micros: Vec<Value> = (0..1 + random.below(3))
            .map(|_| {
                let key = random.below(3);
                let mut micro = match random.below(5) {
                    0 | 1 => {
                        fresh += 1;
                        json!(["w", key, fresh])
                    }
                    2 => json!(["r", key, null]),
                    _ => {
                        let bound = 1 + random.below(5);
                        let tests = [
                            json!(true),
                            json!(["<", bound + 2]),
                            json!([">", bound / 2]),
                            json!(["=", bound]),
                            json!(["mod", 2, bound % 2]),
                        ];
                        json!(["rp", tests[random.below(5) as usize], null])
                    }
                };
                let answer = run(&mut snapshot, &micro);
                if micro[0] == "w" {
                    run(&mut state, &micro);
                } else {
                    micro[2] = answer;
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
        let checker = PredicateRegister::new(model.parse().expect("a model"));
        let [valid, invalid, missed] = compare(50_000, strict, &checker, tiny, run);
        assert!(valid > 10_000 && invalid > 500, "{model}: {valid} {invalid} {missed}");
        assert!(missed < invalid, "{model}: {valid} {invalid} {missed}");
    }
}

/// Selections of many keys by transactions that ran one after another, and one that missed the
/// last of a hundred keys.
#[test]
fn long_histories() {
    let mut script = Script::default();
    let mut state = Map::new();
    let mut random = Random(5);
    for number in 0..600u64 {
        let key = if number < 100 { number } else { random.below(100) };
        let write = json!(["w", key, number]);
        let mut select = match random.below(3) {
            0 => json!(["rp", true, null]),
            1 => json!(["rp", ["<", random.below(600)], null]),
            _ => json!(["rp", ["mod", 7, random.below(7)], null]),
        };
        select[2] = run(&mut state, &select);
        run(&mut state, &write);
        let output = vec![select, write];
        script.whole(number as u32 % 5, "txn", unanswered(&output), Value::Array(output));
    }
    assert_eq!(check(&script, "strict-serializable").verdict, Verdict::Valid);
    let mut seen = run(&mut state, &json!(["rp", true, null]));
    seen.as_object_mut().expect("an object").remove("99");
    let output = json!([["rp", true, seen]]);
    script.whole(7, "txn", json!([["rp", true, null]]), output);
    let missed = refutes(&script, "G-single-predicate", "snapshot-isolation", &["repeatable-read"]);
    assert!(missed.edges.iter().any(|edge| edge.why.contains("did not get key 99")));
    let cancelled = PredicateRegister::default().check(&script.history(), &Budget::states(500));
    assert_eq!(cancelled.verdict, Verdict::Unknown);
}
