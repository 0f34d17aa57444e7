//! Each anomaly planted and found, silence on atomic histories, and a brute-force oracle.

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, Script, atomic_history};
use crate::txn::transactions::{Action, Atom, Builder, NewTxn};
use crate::{Anomaly, Event, Kind, Verdict};

fn check(script: &Script, model: &str) -> Finding {
    let model = model.parse().expect("a model");
    ListAppend { model }.check(&script.history(), &Budget::default())
}

fn anomaly(script: &Script, kind: &str) -> Anomaly {
    let finding = check(script, "strict-serializable");
    assert_eq!(finding.verdict, Verdict::Invalid);
    let found = finding.anomalies.iter().find(|anomaly| anomaly.kind == kind);
    found.unwrap_or_else(|| panic!("no {kind} in {}", finding.stats)).clone()
}

/// The weakest model that each kind refutes, and one that it does not.
fn refutes(script: &Script, kind: &str, refuted: &str, spared: Option<&str>) {
    let anomaly = anomaly(script, kind);
    assert!(anomaly.rules_out.iter().any(|model| model == refuted), "{anomaly:?}");
    assert_eq!(check(script, refuted).verdict, Verdict::Invalid);
    if let Some(spared) = spared {
        let finding = check(script, spared);
        assert_eq!(finding.verdict, Verdict::Valid, "{kind} {spared}: {}", finding.stats);
    }
}

fn txn(script: &mut Script, process: u32, output: Value) -> &mut Script {
    let input = unanswered(&output);
    script.whole(process, "txn", input, output)
}

fn unanswered(output: &Value) -> Value {
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
fn aborted_read() {
    let mut script = Script::default();
    script.failed(0, "txn", json!([["append", "x", 1]]));
    txn(&mut script, 1, json!([["r", "x", [1]]]));
    refutes(&script, "G1a", "read-committed", Some("read-uncommitted"));
    assert_eq!(anomaly(&script, "G1a").operations, [0, 2]);
}

#[test]
fn intermediate_read() {
    let script = together(&[
        json!([["append", "x", 1], ["append", "x", 2]]),
        json!([["r", "x", [1]]]),
        json!([["r", "x", [1, 2]]]),
    ]);
    refutes(&script, "G1b", "read-committed", Some("read-uncommitted"));
}

#[test]
fn phantom_duplicate_and_incompatible_elements() {
    let mut script = Script::default();
    txn(&mut script, 0, json!([["append", "x", 1]]));
    txn(&mut script, 1, json!([["r", "x", [1, 9]]]));
    refutes(&script, "phantom-read", "read-committed", Some("read-uncommitted"));
    let mut script = Script::default();
    txn(&mut script, 0, json!([["append", "x", 1]]));
    txn(&mut script, 1, json!([["r", "x", [1, 1]]]));
    refutes(&script, "duplicate-elements", "read-uncommitted", None);
    let script = together(&[
        json!([["append", "x", 1]]),
        json!([["append", "x", 2]]),
        json!([["r", "x", [1, 2]]]),
        json!([["r", "x", [2, 1]]]),
    ]);
    refutes(&script, "incompatible-order", "read-committed", Some("read-uncommitted"));
}

#[test]
fn internal_inconsistency() {
    for output in [
        json!([["append", "x", 1], ["r", "x", []]]),
        json!([["r", "x", []], ["append", "x", 1], ["r", "x", [2, 1]], ["append", "x", 2]]),
        json!([["r", "x", []], ["r", "x", [1]], ["append", "x", 1]]),
    ] {
        let mut script = Script::default();
        txn(&mut script, 0, output);
        refutes(&script, "internal", "snapshot-isolation", None);
    }
    let mut script = Script::default();
    txn(&mut script, 0, json!([["append", "x", 1], ["r", "x", [1]], ["append", "x", 2]]));
    txn(&mut script, 0, json!([["r", "x", [1, 2]], ["append", "x", 3], ["r", "x", [1, 2, 3]]]));
    assert_eq!(check(&script, "strict-serializable").verdict, Verdict::Valid);
}

#[test]
fn read_of_ones_own_future() {
    let mut script = Script::default();
    txn(&mut script, 0, json!([["r", "x", [1]], ["append", "x", 1]]));
    refutes(&script, "future-read", "read-committed", Some("read-uncommitted"));
}

#[test]
fn write_cycle() {
    let script = together(&[
        json!([["append", "x", 1], ["append", "y", 1]]),
        json!([["append", "x", 2], ["append", "y", 2]]),
        json!([["r", "x", [1, 2]], ["r", "y", [2, 1]]]),
    ]);
    refutes(&script, "G0", "read-uncommitted", None);
    let g0 = anomaly(&script, "G0");
    assert_eq!(g0.edges.len(), 2);
    assert!(g0.edges[0].why.contains("T2 appended 2 to key \"x\" right after T1"), "{g0:?}");
}

#[test]
fn circular_information_flow() {
    let script = together(&[
        json!([["append", "x", 1], ["r", "y", [1]]]),
        json!([["append", "y", 1], ["r", "x", [1]]]),
    ]);
    refutes(&script, "G1c", "read-committed", Some("read-uncommitted"));
}

#[test]
fn read_skew() {
    let script = together(&[
        json!([["r", "x", []], ["r", "y", [1]]]),
        json!([["append", "x", 1], ["append", "y", 1]]),
    ]);
    refutes(&script, "G-single", "snapshot-isolation", Some("read-committed"));
    let skew = anomaly(&script, "G-single");
    assert!(skew.edges.iter().any(|edge| edge.kind == "rw" && edge.why.contains("without 1")));
    assert!(skew.steps.last().expect("steps").text.contains("contradiction"));
}

#[test]
fn long_fork_is_a_nonadjacent_cycle() {
    let script = together(&[
        json!([["append", "x", 1]]),
        json!([["append", "y", 1]]),
        json!([["r", "x", [1]], ["r", "y", []]]),
        json!([["r", "x", []], ["r", "y", [1]]]),
    ]);
    refutes(&script, "G-nonadjacent", "snapshot-isolation", Some("read-committed"));
}

#[test]
fn write_skew() {
    let script = together(&[
        json!([["r", "x", []], ["append", "y", 1]]),
        json!([["r", "y", []], ["append", "x", 1]]),
    ]);
    refutes(&script, "G2-item", "serializable", Some("snapshot-isolation"));
    assert_eq!(check(&script, "repeatable-read").verdict, Verdict::Invalid);
}

#[test]
fn lost_update() {
    let script = together(&[
        json!([["r", "x", []], ["append", "x", 1]]),
        json!([["r", "x", []], ["append", "x", 2]]),
    ]);
    refutes(&script, "lost-update", "snapshot-isolation", Some("read-committed"));
}

#[test]
fn many_lost_updates_at_the_end_of_a_list() {
    let outputs: Vec<Value> =
        (0..30).map(|n| json!([["r", "x", []], ["append", "x", n]])).collect();
    refutes(&together(&outputs), "G2-item", "serializable", Some("read-committed"));
    // One transaction that reads the end and appends more than the direct edges hold is fine.
    let mut own = vec![json!(["r", "x", []])];
    own.extend((0..30).map(|n| json!(["append", "x", n])));
    let script = together(&[Value::Array(own)]);
    assert_eq!(check(&script, "strict-serializable").verdict, Verdict::Valid);
}

#[test]
fn order_within_a_process_and_in_real_time() {
    let mut script = Script::default();
    txn(&mut script, 0, json!([["append", "x", 1]]));
    txn(&mut script, 0, json!([["r", "x", []]]));
    txn(&mut script, 1, json!([["r", "x", [1]]]));
    refutes(&script, "G-single-process", "strong-session-snapshot-isolation", Some("serializable"));
    let mut script = Script::default();
    txn(&mut script, 0, json!([["append", "x", 1]]));
    txn(&mut script, 1, json!([["r", "x", []]]));
    txn(&mut script, 2, json!([["r", "x", [1]]]));
    refutes(
        &script,
        "G-single-realtime",
        "strong-snapshot-isolation",
        Some("strong-session-serializable"),
    );
    let anomaly = anomaly(&script, "G-single-realtime");
    let edge = anomaly.edges.iter().find(|edge| edge.kind == "realtime").expect("one");
    assert_eq!((edge.from, edge.to), (0, 2));
    assert!(edge.why.contains("complete"), "{}", edge.why);
}

#[test]
fn a_lost_append() {
    let mut script = Script::default();
    txn(&mut script, 0, json!([["append", "x", 1]]));
    txn(&mut script, 0, json!([["append", "x", 2]]));
    txn(&mut script, 1, json!([["r", "x", [1]]]));
    txn(&mut script, 2, json!([["append", "x", 3]]));
    txn(&mut script, 1, json!([["r", "x", [1, 3]]]));
    refutes(&script, "lost-append", "strict-serializable", Some("strong-session-serializable"));
    assert_eq!(anomaly(&script, "lost-append").operations, [2, 8]);
}

#[test]
fn unknown_transactions_count_once_they_were_read() {
    let mut script = Script::default();
    script.call(0, "txn", json!([["append", "x", 1], ["append", "y", 1]]));
    script.push(0, Kind::Info, "txn", json!([["append", "x", 1], ["append", "y", 1]]));
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
    txn(&mut script, 0, json!([["append", "x", 1]]));
    assert!(reason(&script).contains("nothing can be judged"));
    txn(&mut script, 0, json!([["append", "x", 1]]));
    assert!(reason(&script).contains("operations 0 and 2 both write 1"), "{}", reason(&script));
    let mut script = Script::default();
    txn(&mut script, 0, json!([["put", "x", 1]]));
    assert!(reason(&script).contains("operation 0"));
    let mut script = Script::default();
    txn(&mut script, 0, json!([["r", "x", 7]]));
    assert!(reason(&script).contains("where a list should be"));
    let finding = ListAppend::default().check(&atomic(1, 50, 3, 0), &Budget::states(3));
    assert_eq!(finding.verdict, Verdict::Unknown);
}

/// Lists that are changed and read by whole transactions at a time.
fn atomic(seed: u64, calls: usize, processes: u32, unknown: u64) -> History {
    let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    let mut object = |_: &str, input: &Value| {
        let mut output = input.clone();
        for micro in output.as_array_mut().expect("a transaction") {
            let list = lists.entry(micro[1].to_string()).or_default();
            if micro[0] == "append" {
                list.push(micro[2].clone());
            } else {
                micro[2] = Value::Array(list.clone());
            }
        }
        Some(output)
    };
    let mut fresh = 0;
    let mut asking = |random: &mut Random| {
        let micros = (0..1 + random.below(4)).map(|_| {
            let key = random.below(3) + 3 * (fresh / 60);
            if random.chance(50) {
                return json!(["r", key, null]);
            }
            fresh += 1;
            json!(["append", key, fresh])
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
        let finding = ListAppend::default().check(&history, &Budget::default());
        prop_assert!(finding.verdict != Verdict::Invalid, "{:?}", finding.anomalies);
    }
}

/// Changes one list read in the middle of a long atomic history.
fn mutated(seed: u64, mutate: impl Fn(&mut Vec<Value>)) -> Finding {
    let mut events: Vec<Event> = atomic(seed, 400, 6, 0).events().to_vec();
    let long = |micro: &Value| micro[2].as_array().is_some_and(|list| list.len() >= 8);
    let at = events
        .iter()
        .position(|e| e.kind == Kind::Ok && e.value.as_array().is_some_and(|t| t.iter().any(long)))
        .expect("a transaction with a long read");
    let micros = events[at].value.as_array_mut().expect("a transaction");
    let read = micros.iter_mut().find(|micro| long(micro)).expect("a long read");
    mutate(read[2].as_array_mut().expect("a list"));
    let history = History::new(events).expect("well-formed");
    ListAppend::default().check(&history, &Budget::default())
}

#[test]
fn planted_faults_are_found_in_long_histories() {
    for seed in 0..10 {
        let stale = mutated(seed, |list| list.truncate(2));
        assert_eq!(stale.verdict, Verdict::Invalid, "seed {seed}");
        let swapped = mutated(seed, |list| list.swap(1, 2));
        assert!(swapped.stats["anomalies"]["incompatible-order"].is_u64(), "{}", swapped.stats);
        let twice = mutated(seed, |list| list.push(list[0].clone()));
        assert!(twice.stats["anomalies"]["duplicate-elements"].is_u64(), "{}", twice.stats);
        let phantom = mutated(seed, |list| list.push(json!(-1)));
        assert!(phantom.stats["anomalies"]["phantom-read"].is_u64(), "{}", phantom.stats);
    }
}

/// Whether some order of the transactions, respecting real time, explains every read.
fn brute_force(
    txns: &[crate::Operation<'_>],
    done: u32,
    lists: &BTreeMap<String, Vec<Value>>,
) -> bool {
    let left: Vec<usize> = (0..txns.len()).filter(|n| done & (1 << n) == 0).collect();
    let first_end = left.iter().map(|n| txns[*n].end()).min().unwrap_or(u64::MAX);
    left.is_empty()
        || left.iter().any(|n| {
            if txns[*n].index > first_end {
                return false;
            }
            let mut lists = lists.clone();
            let fits = txns[*n].output().and_then(Value::as_array).is_some_and(|micros| {
                micros.iter().all(|micro| {
                    let list = lists.entry(micro[1].to_string()).or_default();
                    if micro[0] == "append" {
                        list.push(micro[2].clone());
                        return true;
                    }
                    micro[2].as_array() == Some(list)
                })
            });
            fits && brute_force(txns, done | 1 << n, &lists)
        })
}

#[test]
fn verdicts_agree_with_brute_force() {
    let (mut yes, mut no) = (0, 0);
    for seed in 0..1500 {
        let mut random = Random(seed);
        let mut events = atomic(seed, 6, 3, 0).events().to_vec();
        // Sometimes a read becomes stale.
        for event in events.iter_mut().filter(|event| event.kind == Kind::Ok) {
            for micro in event.value.as_array_mut().expect("a transaction") {
                if let Some(list) = micro[2].as_array_mut()
                    && random.chance(25)
                {
                    list.pop();
                }
            }
        }
        // A last read shows everything, so that every version order is known.
        let mut script = Script { events };
        let mut last: BTreeMap<String, (Value, Vec<Value>)> = BTreeMap::new();
        let whole = atomic(seed, 6, 3, 0);
        let (mut appends, mut known) = (Vec::new(), BTreeMap::new());
        for operation in whole.operations() {
            for micro in operation.output().and_then(Value::as_array).into_iter().flatten() {
                if micro[0] == "append" {
                    appends.push((micro[1].clone(), micro[2].clone()));
                } else {
                    let list = micro[2].as_array().cloned().unwrap_or_default();
                    let longest: &mut Vec<Value> = known.entry(micro[1].to_string()).or_default();
                    if list.len() > longest.len() {
                        *longest = list;
                    }
                }
            }
        }
        for (key, element) in appends {
            let list = known.entry(key.to_string()).or_default().clone();
            let (_, all) = last.entry(key.to_string()).or_insert((key, list));
            if !all.contains(&element) {
                all.push(element);
            }
        }
        let reads: Vec<Value> =
            last.into_values().map(|(key, list)| json!(["r", key, list])).collect();
        txn(&mut script, 99, Value::Array(reads));
        let history = script.history();
        let expected = brute_force(&history.operations(), 0, &BTreeMap::new());
        let found = ListAppend::default().check(&history, &Budget::default());
        if found.verdict == Verdict::Unknown {
            continue;
        }
        assert_eq!(found.verdict == Verdict::Valid, expected, "seed {seed} {}", found.stats);
        if expected { yes += 1 } else { no += 1 }
    }
    assert!(yes > 200 && no > 200, "{yes} {no}");
}

/// A million transactions, each of which appends to a key of its own and reads that of the one
/// before; `closed` says whether the first reads that of the last.
fn million(closed: bool) -> Transactions {
    const MANY: u32 = 1_000_000;
    let mut builder = Builder::new(true);
    for number in 0..MANY {
        let end = if closed { 2 * MANY + number } else { 2 * number + 1 };
        let begin = if closed { number } else { 2 * number };
        let (index, process) = (u64::from(number), number);
        let (called, returned) = (u64::from(begin), u64::from(end));
        let status = Status::Committed;
        builder.begin(NewTxn { index, called, returned, process, begin, end, status });
        builder.micro(Action::Write, Atom(number), Atom(1));
        if closed || number > 0 {
            builder.read_list(Atom((number + MANY - 1) % MANY), [Atom(1)].into_iter());
        }
    }
    builder.finish()
}

#[test]
fn a_chain_and_a_component_of_a_million_transactions_on_a_small_stack() {
    let check =
        |closed| ListAppend::default().check_transactions(&million(closed), &Budget::default());
    let run = move || {
        assert_eq!(check(false).verdict, Verdict::Valid);
        let ring = check(true);
        assert_eq!(ring.anomalies[0].kind, "G1c");
        assert_eq!(ring.anomalies[0].operations.len(), 1_000_000);
        assert!(ring.anomalies[0].steps.len() < 200, "the middle is left out");
    };
    let small = std::thread::Builder::new().stack_size(256 << 10);
    small.spawn(run).expect("a thread").join().expect("no overflow");
}
