//! Operations as commands, outcomes as values.

use super::Workload;
use crate::command::Outcome;
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};

#[test]
fn operations_that_no_workload_has_are_not_commands() {
    for (workload, f, value) in [
        (Workload::Register, "read", json!(1)),
        (Workload::Register, "cas", json!([1, 2])),
        (Workload::Register, "append", json!([1, 2])),
        (Workload::ListAppend, "txn", json!([["w", 1, 2]])),
        (Workload::ListAppend, "txn", json!([["r", 1]])),
        (Workload::ListAppend, "txn", json!("txn")),
        (Workload::RwRegister, "txn", json!([["append", 1, 2]])),
        (Workload::Set, "add", json!("x")),
        (Workload::Set, "remove", json!(1)),
        (Workload::Counter, "add", json!(1.5)),
        (Workload::Lock, "steal", json!(1)),
    ] {
        let op = Op::new(f, value);
        assert!(workload.command(&op).is_err(), "{workload:?} {op:?}");
    }
}

#[test]
fn a_transaction_comes_back_with_its_reads_filled_in() {
    let op = Op::new("txn", json!([["append", 1, 5], ["r", 1, null], ["r", "y", null]]));
    let outcome = Outcome::Transaction(vec![Value::Null, json!([5]), json!([])]);
    let completed = Workload::ListAppend.completed(&op, outcome);
    assert_eq!(completed, Ok(json!([["append", 1, 5], ["r", 1, [5]], ["r", "y", []]])));
}

#[test]
fn an_outcome_that_does_not_fit_is_unexpected() {
    let txn = Op::new("txn", json!([["r", 1, null]]));
    for (workload, op, outcome) in [
        (Workload::ListAppend, txn.clone(), Outcome::Transaction(vec![])),
        (Workload::ListAppend, txn, Outcome::Done),
        (Workload::Register, Op::new("read", json!([1, null])), Outcome::Elements(vec![])),
        (Workload::Set, Op::new("read", Value::Null), Outcome::Done),
    ] {
        let completed = workload.completed(&op, outcome);
        assert!(matches!(completed, Err(Failure::Unexpected(_))), "{completed:?}");
    }
}

#[test]
fn every_workload_is_found_by_its_name() {
    for (name, workload) in Workload::ALL {
        assert_eq!(Workload::named(name), Some(workload));
    }
    assert_eq!(Workload::named("bank"), None);
}
