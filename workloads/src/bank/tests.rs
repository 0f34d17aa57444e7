//! Tests of the bank workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{Honest, assert_seeded, operations, options, play, whole_run, with};
use crate::testing::{assert_beginnings_valid, assert_verdict};
use perjury_checkers::{Kind, Verdict};
use std::collections::BTreeSet;

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Bank);
}

#[test]
fn transfers_are_between_two_accounts_and_small() {
    let asked = operations(&Bank, &options(1, 1), 7, 4000, |_| 1);
    let mut pairs = BTreeSet::new();
    let mut amounts = BTreeSet::new();
    for op in asked.iter().filter(|op| &*op.f == "transfer") {
        pairs.insert((op.value["from"].as_u64().unwrap(), op.value["to"].as_u64().unwrap()));
        amounts.insert(op.value["amount"].as_u64().unwrap());
    }
    assert_eq!(pairs.len(), 8 * 7);
    assert!(pairs.iter().all(|(from, to)| from != to && *from < 8 && *to < 8));
    assert_eq!(amounts, BTreeSet::from([1, 2, 3, 4, 5]));
    let reads = asked.iter().filter(|op| &*op.f == "read").count();
    assert!((1800..2200).contains(&reads), "{reads}");
}

#[test]
fn transfers_succeed_and_are_refused() {
    let main = Bank.generator(&options(1, 1), Seed::root(7));
    let events = play(main, &mut Honest::of("bank"), 3000);
    let count =
        |kind| events.iter().filter(|event| &*event.f == "transfer" && event.kind == kind).count();
    assert!(count(Kind::Ok) > 300 && count(Kind::Fail) > 100, "{}", count(Kind::Fail));
}

#[test]
fn the_truth_is_accepted_and_half_a_transfer_is_not() {
    let events = whole_run(&Bank, &options(1, 1), 1500);
    assert_verdict(&Bank, &events, Verdict::Valid);
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut events = events.clone();
        let read = |event: &&mut perjury_checkers::Event| {
            event.kind == Kind::Ok && event.value["0"].is_u64()
        };
        change(&mut events.iter_mut().rev().find(read).unwrap().value);
        assert_verdict(&Bank, &events, Verdict::Invalid);
    };
    changed(&|seen| seen["0"] = json!(seen["0"].as_i64().unwrap() + 1));
    changed(&|seen| {
        let sum = seen["0"].as_i64().unwrap() + seen["1"].as_i64().unwrap();
        (seen["0"], seen["1"]) = (json!(-3), json!(sum + 3));
    });
    changed(&|seen| {
        seen.as_object_mut().unwrap().remove("3");
    });
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&Bank, &options(1, 1));
}

#[test]
fn settings_are_checked() {
    let said = |pairs: &[(&str, &str)]| Bank.validate(&with(pairs));
    assert_eq!(said(&[("accounts", "3"), ("balance", "0")]), Ok(()));
    assert!(said(&[("accounts", "1")]).unwrap_err().contains("2 to 1000 accounts"));
    assert!(said(&[("balance", "-1")]).unwrap_err().contains("write a whole number"));
    assert!(said(&[("negative-balances-allowed", "1")]).unwrap_err().contains("=true"));
}
