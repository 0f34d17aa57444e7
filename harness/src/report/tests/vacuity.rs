//! Every way in which a run can be worthless, planted; and silence where there is none.

use super::fixture::{MS, SECOND, Script, pairs};
use crate::report::*;
use perjury_checkers::{History, Kind};
use serde_json::{Value, json};

fn reasons(history: &History, expected: &Expectations) -> Vec<Reason> {
    let operations = history.operations();
    vacuity(history, &operations, &faults_from(history, &pairs()), expected)
}

fn codes(history: &History, expected: &Expectations) -> Vec<String> {
    reasons(history, expected).into_iter().map(|reason| reason.code).collect()
}

fn installed() -> Value {
    json!({"outcome": "installed", "evidence": {"nodes": {"n1": {"pid": 7}}}})
}

fn healed() -> Value {
    json!({"outcome": "healed", "evidence": {}})
}

/// A kill from 10 to 20 s with operations before, inside and after.
fn healthy() -> Script {
    let mut script = Script::default();
    for (process, second) in [(0, 5), (1, 12), (2, 25)] {
        for (worker, f) in ["read", "write"].into_iter().enumerate() {
            let process = process * 2 + worker as u32;
            script.call(process, second * SECOND, MS, f, (json!(1), Kind::Ok, json!(1)));
        }
    }
    script.nemesis(10 * SECOND, 50 * MS, "kill", json!(["n1"]), installed());
    script.nemesis(20 * SECOND, 50 * MS, "start", Value::Null, healed());
    script
}

fn expectations() -> Expectations {
    Expectations {
        functions: vec!["read".to_owned(), "write".to_owned()],
        faults: vec!["kill".to_owned()],
        final_reads_from: Some(22 * SECOND),
    }
}

#[test]
fn a_sound_run_gives_no_reason() {
    assert_eq!(reasons(&healthy().history(), &expectations()), []);
    let none = Expectations::default();
    assert_eq!(reasons(&healthy().history(), &none), []);
}

#[test]
fn no_operation_at_all() {
    let history = Script::default().history();
    assert_eq!(codes(&history, &Expectations::default()), [code::NO_OK_OPERATION]);
}

#[test]
fn a_function_that_never_succeeded() {
    let mut script = healthy();
    script.call(20, 12 * SECOND, MS, "cas", (json!(1), Kind::Fail, json!(1)));
    script.call(21, 12 * SECOND, MS, "cas", (json!(1), Kind::Info, json!(1)));
    // The end of a client is nothing that could succeed.
    script.call(22, 12 * SECOND, MS, "crash", (json!(1), Kind::Info, json!(1)));
    let found = reasons(&script.history(), &expectations());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, code::NO_OK_OPERATION);
    assert_eq!(found[0].text, "none of 2 calls to cas succeeded");
}

#[test]
fn a_function_that_was_never_called() {
    let expected = Expectations { functions: vec!["delete".to_owned()], ..expectations() };
    let found = reasons(&healthy().history(), &expected);
    assert_eq!(found[0].code, code::NO_OK_OPERATION);
    assert!(found[0].text.contains("delete was never called"), "{}", found[0].text);
}

#[test]
fn a_fault_that_was_never_tried_or_never_observed() {
    let expected =
        Expectations { faults: vec!["kill".to_owned(), "pause".to_owned()], ..expectations() };
    let found = reasons(&healthy().history(), &expected);
    assert_eq!(found[0].code, code::FAULT_NOT_OBSERVED);
    assert!(found[0].text.contains("pause was asked for and never tried"), "{}", found[0].text);

    let mut script = healthy();
    let came = json!({"outcome": "indeterminate", "reason": "n2 did not answer"});
    script.nemesis(11 * SECOND, MS, "pause", json!(["n2"]), came);
    script.nemesis(
        13 * SECOND,
        MS,
        "pause",
        json!(["n2"]),
        json!({"outcome": "skipped", "reason": "down"}),
    );
    let found = reasons(&script.history(), &expected);
    assert_eq!(found.len(), 1);
    assert!(found[0].text.contains("tried twice") && found[0].text.contains("n2 did not answer"));

    // One that was observed is enough, whatever became of the others.
    let mut script = healthy();
    script.nemesis(
        11 * SECOND,
        MS,
        "pause",
        json!(["n2"]),
        json!({"outcome": "skipped", "reason": "down"}),
    );
    script.nemesis(12 * SECOND, MS, "pause", json!(["n2"]), installed());
    assert_eq!(reasons(&script.history(), &expected), []);
}

#[test]
fn nothing_succeeded_while_a_fault_was_in_force() {
    let mut script = Script::default();
    script.call(0, 5 * SECOND, MS, "read", (json!(1), Kind::Ok, json!(1)));
    // Begun before the fault was observed, or answered after mending began: not inside.
    script.call(1, 10 * SECOND + 10 * MS, 200 * MS, "read", (json!(1), Kind::Ok, json!(1)));
    script.call(2, 19 * SECOND, 2 * SECOND, "read", (json!(1), Kind::Ok, json!(1)));
    script.call(3, 12 * SECOND, MS, "read", (json!(1), Kind::Fail, json!(1)));
    script.nemesis(10 * SECOND, 50 * MS, "kill", json!(["n1"]), installed());
    script.nemesis(20 * SECOND, 50 * MS, "start", Value::Null, healed());
    let history = script.history();
    assert_eq!(codes(&history, &Expectations::default()), [code::NO_OPERATION_DURING_FAULTS]);
}

#[test]
fn no_final_read() {
    let late = Expectations { final_reads_from: Some(30 * SECOND), ..expectations() };
    let found = reasons(&healthy().history(), &late);
    assert_eq!(found[0].code, code::NO_FINAL_READ);
    assert!(found[0].text.contains("never made"));

    let mut script = healthy();
    script.call(30, 31 * SECOND, MS, "read", (json!(1), Kind::Fail, json!(1)));
    let found = reasons(&script.history(), &late);
    assert!(found[0].text.contains("none of 1 final read after healing"), "{}", found[0].text);

    let never = Expectations { final_reads_from: Some(u64::MAX), ..expectations() };
    assert_eq!(codes(&healthy().history(), &never), [code::NO_FINAL_READ]);
}

#[test]
fn answers_that_nobody_understands_and_clients_that_panic() {
    for error in ["unexpected: reply 7 of unknown kind", "client panicked: index out of bounds"] {
        let mut script = healthy();
        script.call(30, 12 * SECOND, MS, "read", (json!(1), Kind::Info, json!(1)));
        script.error(error);
        let found = reasons(&script.history(), &expectations());
        assert_eq!(found.len(), 1, "{error}");
        assert_eq!(found[0].code, code::UNEXPECTED_ANSWER);
        assert!(
            found[0].text.contains(error.strip_prefix("unexpected: ").unwrap_or(error)),
            "{}",
            found[0].text
        );
    }
    let mut script = healthy();
    script.call(30, 12 * SECOND, MS, "read", (json!(1), Kind::Info, json!(1)));
    script.error("an unexpected: in the middle is the database's own word");
    assert_eq!(reasons(&script.history(), &expectations()), []);
}
