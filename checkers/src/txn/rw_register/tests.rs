//! Each anomaly planted and found, and silence on atomic histories.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Random, Script, atomic_history};

/// Transactions that all run at the same time, each in its own process.
fn together(outputs: &[Value]) -> History {
    let mut script = Script::default();
    for (process, output) in (0u32..).zip(outputs) {
        script.call(process, "txn", output.clone());
    }
    for (process, output) in (0u32..).zip(outputs) {
        script.ok(process, "txn", output.clone());
    }
    script.history()
}

fn refutes(history: &History, kind: &str, refuted: &str, spared: &str) {
    let check = |model: &str| {
        RwRegister::new(model.parse().expect("a model")).check(history, &Budget::default())
    };
    let finding = check(refuted);
    assert!(finding.anomalies.iter().any(|a| a.kind == kind), "{kind}: {}", finding.stats);
    let finding = check(spared);
    assert_eq!(finding.verdict, Verdict::Valid, "{kind}: {}", finding.stats);
}

#[test]
fn each_kind_is_found_and_named() {
    let mut script = Script::default();
    script.failed(0, "txn", json!([["w", "x", 1]]));
    let read = json!([["r", "x", 1]]);
    script.whole(1, "txn", read.clone(), read);
    refutes(&script.history(), "G1a", "read-committed", "read-uncommitted");
    let intermediate = together(&[json!([["w", "x", 1], ["w", "x", 2]]), json!([["r", "x", 1]])]);
    refutes(&intermediate, "G1b", "read-committed", "read-uncommitted");
    let phantom = together(&[json!([["r", "x", 1]])]);
    refutes(&phantom, "phantom-read", "read-committed", "read-uncommitted");
    let future = together(&[json!([["r", "x", 1], ["w", "x", 1]])]);
    refutes(&future, "future-read", "read-committed", "read-uncommitted");
    let internal = together(&[json!([["w", "x", 1], ["r", "x", null]])]);
    refutes(&internal, "internal", "snapshot-isolation", "read-committed");
    let flow =
        together(&[json!([["w", "x", 1], ["r", "y", 1]]), json!([["w", "y", 1], ["r", "x", 1]])]);
    refutes(&flow, "G1c", "read-committed", "read-uncommitted");
    let skew = together(&[
        json!([["r", "x", null], ["r", "y", 1]]),
        json!([["w", "x", 1], ["w", "y", 1]]),
    ]);
    refutes(&skew, "G-single", "snapshot-isolation", "read-committed");
    let lost = together(&[
        json!([["w", "x", 1]]),
        json!([["r", "x", 1], ["w", "x", 2]]),
        json!([["r", "x", 1], ["w", "x", 3]]),
    ]);
    refutes(&lost, "lost-update", "repeatable-read", "read-committed");
    let write_skew = together(&[
        json!([["r", "x", null], ["w", "y", 1]]),
        json!([["r", "y", null], ["w", "x", 1]]),
    ]);
    refutes(&write_skew, "G2-item", "serializable", "snapshot-isolation");
}

#[test]
fn many_writers_of_one_key_make_no_false_cycle() {
    let outputs: Vec<Value> =
        (0..40).map(|n| json!([["r", n % 2, null], ["w", n % 2 + 2, n]])).collect();
    let finding = RwRegister::default().check(&together(&outputs), &Budget::default());
    assert_eq!(finding.verdict, Verdict::Valid, "{}", finding.stats);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn atomic_histories_are_valid(
        seed: u64, calls in 1usize..300, processes in 1u32..10, unknown in 0u64..20,
    ) {
        let mut registers: BTreeMap<String, Value> = BTreeMap::new();
        let mut object = |_: &str, input: &Value| {
            let mut output = input.clone();
            for micro in output.as_array_mut().expect("a transaction") {
                let register = registers.entry(micro[1].to_string()).or_default();
                if micro[0] == "w" {
                    *register = micro[2].clone();
                } else {
                    micro[2] = register.clone();
                }
            }
            Some(output)
        };
        let mut fresh = 0;
        let mut asking = |random: &mut Random| {
            let micros = (0..1 + random.below(4)).map(|_| {
                let key = random.below(4) + 4 * (fresh / 40);
                if random.chance(50) {
                    return json!(["r", key, null]);
                }
                fresh += 1;
                json!(["w", key, fresh])
            });
            ("txn", Value::Array(micros.collect()))
        };
        let history =
            atomic_history(&mut Random(seed), calls, processes, unknown, &mut asking, &mut object);
        let finding = RwRegister::default().check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
    }
}
