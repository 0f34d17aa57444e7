//! Models on small histories as clients write them: what is read, and what is refused.

use serde_json::{Value, json};

use crate::testing::Script;
use crate::workload::{CheckOptions, Settings, checkers_for_workload};
use crate::{Budget, Finding, Kind, Verdict};

fn set(settings: &[&str]) -> CheckOptions {
    let settings = Settings::parse(settings.iter().copied());
    CheckOptions { settings, ..CheckOptions::default() }
}

/// Calls one after another: process, function, argument, answer.
fn check(workload: &str, options: &CheckOptions, calls: &[(u32, &str, Value, Value)]) -> Finding {
    let mut script = Script::default();
    for (process, f, input, output) in calls {
        script.whole(*process, f, input.clone(), output.clone());
    }
    judged(workload, options, &script)
}

fn judged(workload: &str, options: &CheckOptions, script: &Script) -> Finding {
    let history = script.history();
    let checkers = checkers_for_workload(workload, options, &history).expect("a known workload");
    checkers[0].check(&history, &Budget::default())
}

/// Whether the history is valid with all calls but the last, and not with it.
fn only_last_is_wrong(workload: &str, options: &CheckOptions, calls: &[(u32, &str, Value, Value)]) {
    let (_, before) = calls.split_last().expect("calls");
    let finding = check(workload, options, before);
    assert_eq!(finding.verdict, Verdict::Valid, "{workload}: {finding:?}");
    let finding = check(workload, options, calls);
    assert_eq!(finding.verdict, Verdict::Invalid, "{workload}");
    let anomaly = &finding.anomalies[0];
    assert!(!anomaly.operations.is_empty() && !anomaly.steps.is_empty(), "{anomaly:?}");
}

fn refused(workload: &str, call: (u32, &str, Value, Value), part: &str) {
    let finding = check(workload, &CheckOptions::default(), &[call]);
    let reason = finding.reason.expect("unknown");
    assert!(reason.contains(part), "{workload}: {reason}");
}

#[test]
fn locks() {
    let plain = CheckOptions::default();
    let null = || json!(null);
    let (acquire, release) = ("acquire", "release");
    let a = || json!({"client": "a"});
    only_last_is_wrong(
        "owned-mutex",
        &plain,
        &[(1, acquire, null(), null()), (2, release, null(), null())],
    );
    // The client counts, not the process; and it may be named in the answer alone.
    only_last_is_wrong(
        "owned-mutex",
        &plain,
        &[(1, acquire, a(), a()), (2, release, null(), a()), (2, release, a(), a())],
    );
    let twice = [(1, acquire, null(), null()), (1, acquire, null(), null())];
    assert_eq!(check("reentrant-mutex", &plain, &twice).verdict, Verdict::Valid);
    only_last_is_wrong("reentrant-mutex", &set(&["most=1"]), &twice);
    only_last_is_wrong("owned-mutex", &plain, &twice);
    refused("owned-mutex", (1, "lock", null(), null()), "`lock`");
}

#[test]
fn tokens() {
    let plain = CheckOptions::default();
    let token = |token: i64| json!({"client": "a", "fence": token});
    let a = || json!({"client": "a"});
    let held = [
        (1, "acquire", a(), token(5)),
        (1, "release", a(), json!(null)),
        (2, "acquire", json!(null), json!(6)),
        (2, "release", json!(null), json!(null)),
        (1, "acquire", a(), token(6)),
    ];
    only_last_is_wrong("fenced-mutex", &plain, &held);
    let again = [(1, "acquire", a(), token(5)), (1, "acquire", a(), token(5))];
    only_last_is_wrong("fenced-mutex", &plain, &again);
    let reentrant = set(&["reentrant"]);
    assert_eq!(check("fenced-mutex", &reentrant, &again).verdict, Verdict::Valid);
    let other = [(1, "acquire", a(), token(5)), (1, "acquire", a(), token(7))];
    only_last_is_wrong("fenced-mutex", &reentrant, &other);
    refused("fenced-mutex", (1, "acquire", json!(null), json!("x")), "an integer");
}

#[test]
fn semaphores() {
    let calls = [
        (1, "acquire", json!(2), json!(2)),
        (2, "acquire", json!({"permits": 1}), json!(null)),
        (3, "release", json!(null), json!(null)),
        (2, "acquire", json!(2), json!(null)),
    ];
    only_last_is_wrong("semaphore", &set(&["permits=3"]), &calls);
    only_last_is_wrong("semaphore", &set(&["permits=3", "owned"]), &calls[..3]);
    refused("semaphore", (1, "acquire", json!(-1), json!(null)), "-1");
}

#[test]
fn maps_and_registers() {
    let plain = CheckOptions::default();
    let map = [
        (1, "get", json!(["k", null]), json!(["k", null])),
        (1, "append", json!(["k", "x"]), json!(["k", "x"])),
        (1, "append", json!(["k", "y"]), json!(["k", "y"])),
        (2, "get", json!(["k", null]), json!(["k", "xy"])),
        (2, "put", json!(["k", 7]), json!(["k", 7])),
        (2, "get", json!(["k", null]), json!(["k", 7])),
        (2, "append", json!(["k", "z"]), json!(["k", "z"])),
        (2, "get", json!(["k", null]), json!(["k", "7z"])),
        (2, "delete", json!(["k", null]), json!(["k", null])),
        (2, "get", json!(["k", null]), json!(["k", ""])),
    ];
    only_last_is_wrong("kv-map", &plain, &map);
    let porcupine = CheckOptions { initial: Some(json!("")), keyed: Some(false), ..plain.clone() };
    assert_eq!(
        check("kv-map", &porcupine, &[(1, "get", json!(null), json!(""))]).verdict,
        Verdict::Valid
    );
    refused("kv-map", (1, "append", json!(["k", 1]), json!(["k", 1])), "a string");
    let txn = |accesses: Value| (1, "txn", accesses.clone(), accesses);
    let registers = [
        txn(json!([["w", "x", 1], ["w", "y", 1]])),
        txn(json!([[":read", "x", 1], [":write", "x", 2], ["r", "x", 2]])),
        txn(json!([["r", "z", null], ["r", "y", 1]])),
        txn(json!([["w", "y", null]])),
        txn(json!([["r", "x", 2], ["r", "y", 1]])),
    ];
    only_last_is_wrong("multi-register", &plain, &registers);
    let zero = CheckOptions { initial: Some(json!({"x": 0})), null_read_is_any: true, ..plain };
    let calls = [
        txn(json!([["r", "x", 0], ["r", "y", null]])),
        txn(json!([["w", "x", 3]])),
        txn(json!([["r", "x", null]])),
        txn(json!([["r", "x", 0]])),
    ];
    only_last_is_wrong("multi-register", &zero, &calls);
    refused("multi-register", txn(json!([["x", "k", 1]])), "[\"x\",\"k\",1]");
}

#[test]
fn counters_logs_and_identifiers() {
    let plain = CheckOptions::default();
    let counter = [
        (1, "add", json!(5), json!(5)),
        (1, "increment", json!(null), json!(6)),
        (1, "decrement", json!(null), json!(null)),
        (1, "fetch-add", json!(2), json!(5)),
        (1, "add-and-get", json!(-3), json!(4)),
        (1, "read", json!(null), json!(4)),
        (1, "read", json!(null), json!(5)),
    ];
    only_last_is_wrong("linearizable-counter", &plain, &counter);
    refused("linearizable-counter", (1, "add", json!("x"), json!(1)), "whole numbers");
    let log = [
        (1, "append", json!("a"), json!(0)),
        (1, "append", json!("b"), json!(null)),
        (1, "length", json!(null), json!(2)),
        (1, "read", json!(1), json!("b")),
        (1, "read", json!(2), json!(null)),
        (1, "read", json!(0), json!(null)),
    ];
    only_last_is_wrong("log", &plain, &log);
    refused("log", (1, "read", json!(-1), json!(null)), "an offset");
    let ids = [(1, "generate", json!(null), json!(3)), (2, "generate", json!(null), json!(2))];
    only_last_is_wrong("linearizable-ids", &set(&["monotonic"]), &ids);
    let words =
        [(1, "generate", json!(null), json!("x")), (2, "generate", json!(null), json!("x"))];
    only_last_is_wrong("linearizable-ids", &plain, &words);
    let finding = check("linearizable-ids", &set(&["monotonic"]), &words);
    assert!(finding.reason.expect("unknown").contains("integers"));
}

/// What nobody learnt the outcome of may have happened or not, and says nothing by itself.
#[test]
fn calls_without_an_answer() {
    for (workload, f, input) in [
        ("owned-mutex", "acquire", json!(null)),
        ("semaphore", "acquire", json!(null)),
        ("kv-map", "put", json!("x")),
        ("multi-register", "txn", json!([["r", "x", null], ["w", "x", 1]])),
        ("linearizable-counter", "add-and-get", json!(1)),
        ("log", "append", json!("x")),
    ] {
        let (g, ask, none) = match workload {
            "kv-map" => ("get", json!(null), json!(null)),
            "multi-register" => ("txn", json!([["r", "x", null]]), json!([["r", "x", null]])),
            "linearizable-counter" => ("read", json!(null), json!(0)),
            "log" => ("length", json!(null), json!(0)),
            _ => ("acquire", json!(null), json!(null)),
        };
        let options = CheckOptions { keyed: Some(false), ..CheckOptions::default() };
        let mut script = Script::default();
        script.call(1, f, input.clone()).push(1, Kind::Info, f, input.clone());
        script.whole(2, g, ask.clone(), none);
        assert_eq!(judged(workload, &options, &script).verdict, Verdict::Valid, "{workload}");
        let mut script = Script::default();
        script.call(1, f, input.clone()).push(1, Kind::Fail, f, input);
        assert_eq!(judged(workload, &options, &script).verdict, Verdict::Unknown, "{workload}");
    }
}

#[test]
fn what_is_told_of_locks() {
    let calls = [
        (1, "acquire", json!({"client": "a"}), json!({"client": "a"})),
        (2, "acquire", json!({"client": "b"}), json!({"client": "b"})),
        (1, "release", json!({"client": "a"}), json!({"client": "a"})),
    ];
    let finding = check("owned-mutex", &CheckOptions::default(), &calls);
    assert_eq!(finding.anomalies[0].kind, "double-grant");
    let text = &finding.anomalies[0].steps[0].text;
    assert!(text.contains("acquired it as client \"a\""), "{text}");
}
