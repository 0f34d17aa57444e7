//! Each anomaly planted and found, and silence on atomic histories.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::Verdict;
use crate::testing::{Random, Script, atomic_history};
use crate::txn::transactions::{Atom, Builder, NewTxn, Status};

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

/// What is found with some assumptions, by kind.
fn found(history: &History, inference: Inference) -> Finding {
    RwRegister { inference, ..RwRegister::default() }.check(history, &Budget::default())
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect()
}

const NONE: Inference =
    Inference { wfr_keys: false, sequential_keys: false, linearizable_keys: false };
const WFR: Inference = Inference { wfr_keys: true, ..NONE };
const SEQUENTIAL: Inference = Inference { sequential_keys: true, ..NONE };
const LINEARIZABLE: Inference = Inference { linearizable_keys: true, ..NONE };

/// Each in turn by a process of its own: what it did.
fn in_turn(outputs: &[(u32, Value)]) -> History {
    let mut script = Script::default();
    for (process, output) in outputs {
        script.whole(*process, "txn", output.clone(), output.clone());
    }
    script.history()
}

#[test]
fn a_value_that_comes_back_contradicts_the_order_of_its_process() {
    let write = |value: u64| json!([["w", "x", value]]);
    let back = in_turn(&[
        (0, write(1)),
        (1, write(2)),
        (2, json!([["r", "x", 2]])),
        (2, json!([["r", "x", 1]])),
        (2, json!([["r", "x", 2]])),
    ]);
    assert_eq!(kinds(&found(&back, NONE)), Vec::<&str>::new());
    assert_eq!(kinds(&found(&back, WFR)), Vec::<&str>::new());
    for inference in [SEQUENTIAL, LINEARIZABLE] {
        let finding = found(&back, inference);
        assert_eq!(kinds(&finding), ["cyclic-versions"], "{:?}", finding.anomalies);
        let anomaly = &finding.anomalies[0];
        assert_eq!(anomaly.key, Some(json!("x")));
        assert!(anomaly.explanation.contains(inference.names()[0]));
        assert_eq!(anomaly.steps.len(), 3, "{:?}", anomaly.steps);
        assert!(anomaly.rules_out.contains(&"read-uncommitted".to_owned()));
    }
    let finding = found(&back, SEQUENTIAL);
    let text = &finding.anomalies[0].steps[0].text;
    assert_eq!(
        text,
        "1 is older than 2, as process 2 ran operation 6, which read 1, and then operation 8, \
         which read 2."
    );
}

#[test]
fn a_stale_read_of_another_process_contradicts_real_time_only() {
    let stale = in_turn(&[
        (0, json!([["w", "x", 1]])),
        (1, json!([["w", "x", 2]])),
        (2, json!([["r", "x", 1]])),
    ]);
    assert_eq!(kinds(&found(&stale, SEQUENTIAL)), Vec::<&str>::new());
    let finding = found(&stale, LINEARIZABLE);
    assert_eq!(kinds(&finding), ["cyclic-versions"]);
    let steps = &finding.anomalies[0].steps;
    assert_eq!(
        steps[0].text,
        "1 is older than 2, as operation 0, which wrote 1, was over before operation 2, which \
         wrote 2, began."
    );
    // Null after a value is as bad.
    let lost = in_turn(&[(0, json!([["w", "x", 1]])), (0, json!([["r", "x", null]]))]);
    for inference in [SEQUENTIAL, LINEARIZABLE] {
        assert_eq!(kinds(&found(&lost, inference))[0], "cyclic-versions");
    }
}

#[test]
fn what_one_key_refutes_is_assumed_of_no_other() {
    let mut outputs = vec![
        (0, json!([["w", "a", 1], ["w", "b", 2]])),
        (1, json!([["w", "a", 2], ["w", "b", 1]])),
        (0, json!([["r", "a", 2]])),
        (1, json!([["r", "b", 2]])),
    ];
    let finding = found(&in_turn(&outputs), SEQUENTIAL);
    assert_eq!(finding.stats["anomalies"]["G0"], 1, "{}", finding.stats);
    outputs.extend([(2, json!([["w", "x", 1]])), (2, json!([["r", "x", null]]))]);
    let finding = found(&in_turn(&outputs), Inference { wfr_keys: true, ..SEQUENTIAL });
    assert_eq!(finding.stats["anomalies"]["cyclic-versions"], 1);
    assert_eq!(finding.stats["anomalies"]["G0"], Value::Null);
}

#[test]
fn what_are_no_registers_is_not_judged() {
    let reason = |output: Value| {
        let finding = found(&in_turn(&[(0, output)]), NONE);
        assert_eq!(finding.verdict, Verdict::Unknown);
        finding.reason.expect("a reason")
    };
    assert!(reason(json!([["w", 1, 2], ["w", 1, 2]])).contains("both write 2 to key 1"));
    assert!(reason(json!([["w", 1, null]])).contains("wrote null to key 1"));
    assert!(reason(json!([["r", 1, [1]]])).contains("read a list of key 1"));
}

#[test]
fn a_million_versions_in_a_row_need_little_stack() {
    let thread = std::thread::Builder::new().stack_size(256 << 10);
    let run = move || {
        let mut builder = Builder::new(true);
        let count = 1_000_000;
        for n in 0..count {
            builder.begin(NewTxn {
                index: u64::from(n),
                called: 0,
                returned: 0,
                process: 0,
                begin: 2 * n,
                end: 2 * n + 1,
                status: Status::Committed,
            });
            let seen = if n == 0 { Atom::NIL } else { Atom(n) };
            builder.micro(Action::Read, Atom(0), seen);
            builder.micro(Action::Write, Atom(0), Atom(n + 1));
        }
        let txns = builder.finish();
        let writes = Writes::new(&txns).expect("new values");
        let steps = Steps::new(&txns, &writes).expect("registers");
        let registers = Registers { txns: &txns, writes: &writes, steps: &steps };
        let all = Inference { wfr_keys: true, sequential_keys: true, linearizable_keys: true };
        let orders = registers.orders(all, &Budget::default()).expect("time");
        assert_eq!((orders.cyclic.len(), orders.nodes), (0, count));
        assert_eq!(orders.arcs.len() as u32, 2 * (count - 1));
    };
    thread.spawn(run).expect("a thread").join().expect("no overflow");
}

#[test]
fn a_million_rivals_meet() {
    let mut builder = Builder::new(true);
    let count = 300_000;
    for n in 0..count {
        builder.begin(NewTxn {
            index: u64::from(n),
            called: 0,
            returned: 0,
            process: n,
            begin: n,
            end: count + n,
            status: Status::Committed,
        });
        let seen = if n == 0 { Atom::NIL } else { Atom(1) };
        builder.micro(Action::Read, Atom(0), seen);
        builder.micro(Action::Write, Atom(0), Atom(n + 1));
    }
    let txns = builder.finish();
    let writes = Writes::new(&txns).expect("new values");
    let steps = Steps::new(&txns, &writes).expect("registers");
    let registers = Registers { txns: &txns, writes: &writes, steps: &steps };
    for all in [NONE, WFR, SEQUENTIAL, LINEARIZABLE] {
        let orders = registers.orders(all, &Budget::default()).expect("time");
        assert!(orders.cyclic.is_empty());
        assert!(orders.arcs.len() < 10 * count as usize, "{}", orders.arcs.len());
    }
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
        let inference =
            Inference { wfr_keys: true, sequential_keys: true, linearizable_keys: true };
        let checker = RwRegister { inference, ..RwRegister::default() };
        let finding = checker.check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
    }
}
