//! Operations as commands, outcomes as values.

use super::Workload;
use crate::command::{Command, Key, Outcome};
use perjury_harness::{Failure, Op};
use perjury_workloads::Opening;
use serde_json::{Value, json};

const BANK: Workload = Workload::Bank(Opening::USUAL);

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
        (BANK, "transfer", json!({"from": 0, "to": 8, "amount": 1})),
        (BANK, "transfer", json!({"from": 0, "to": 1, "amount": -1})),
        (BANK, "transfer", json!({"from": 0, "to": 1})),
        (BANK, "deposit", json!({"from": 0, "to": 1, "amount": 1})),
        (Workload::Queue, "peek", Value::Null),
        (Workload::UniqueIds, "read", Value::Null),
        (Workload::Inserts, "txn", json!([["append", 1, 2]])),
        (Workload::Monotonic, "increment", json!(1)),
        (Workload::Monotonic, "add", json!([1, null])),
        (Workload::OneInsert, "insert", json!([1, "id"])),
        (Workload::OneInsert, "read", json!(1)),
        (Workload::LeaderElection, "campaign", Value::Null),
        (Workload::LeaderElection, "vote", json!(1)),
    ] {
        let op = Op::new(f, value);
        assert!(workload.command(&op, "me").is_err(), "{workload:?} {op:?}");
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
        (Workload::Queue, Op::new("drain", Value::Null), Outcome::Value(json!(1))),
        (BANK, Op::new("read", Value::Null), Outcome::Transaction(vec![json!(1)])),
        (Workload::UniqueIds, Op::new("generate", Value::Null), Outcome::Done),
        (Workload::Monotonic, Op::new("read", json!([1, null])), Outcome::Transaction(vec![])),
        (Workload::OneInsert, Op::new("read", json!([1, null])), Outcome::Done),
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
    assert_eq!(Workload::named("spoon"), None);
}

#[test]
fn a_lock_is_acquired_for_the_client_unless_somebody_is_named() {
    let owner = |value: Value| match Workload::Lock.command(&Op::new("release", value), "me") {
        Ok(Command::LockRelease { owner }) => owner,
        other => panic!("{other:?}"),
    };
    assert_eq!(owner(Value::Null), Key::from(&json!("me")));
    assert_eq!(owner(json!(7)), Key::from(&json!(7)));
}

#[test]
fn accounts_that_were_never_written_hold_the_opening_balance() {
    let bank = Workload::Bank(Opening { accounts: 3, balance: 20 });
    let read = Op::new("read", Value::Null);
    let found = Outcome::Transaction(vec![Value::Null, json!(4), json!(36)]);
    assert_eq!(bank.completed(&read, found), Ok(json!({"0": 20, "1": 4, "2": 36})));
}
