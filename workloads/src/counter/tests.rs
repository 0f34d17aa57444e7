//! Tests of the counter workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_seeded, assert_verdict, assert_verdict_with};
use crate::testing::{operations, options, whole_run, with};
use perjury_checkers::{Kind, Verdict};
use std::collections::BTreeSet;

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Counter);
}

#[test]
fn amounts_are_small_and_of_both_signs() {
    let asked = operations(&Counter, &options(1, 1), 7, 3000, |_| 1);
    let amounts: BTreeSet<i64> = asked.iter().filter_map(|op| op.value.as_i64()).collect();
    assert_eq!(amounts, BTreeSet::from([-3, -2, -1, 1, 2, 3, 4, 5]));
    let reads = asked.iter().filter(|op| &*op.f == "read").count();
    assert!((1350..1650).contains(&reads), "{reads}");
}

#[test]
fn the_truth_is_accepted_and_a_lost_addition_is_not() {
    let mut events = whole_run(&Counter, &options(1, 1), 800);
    let linearizable = with(&[("consistency-model", "linearizable")]);
    assert_verdict(&Counter, &events, Verdict::Valid);
    assert_verdict_with(&Counter, &linearizable, &events, Verdict::Valid);
    let read = |event: &&mut perjury_checkers::Event| event.kind == Kind::Ok && &*event.f == "read";
    let last = events.iter_mut().rev().find(read).unwrap();
    last.value = json!(last.value.as_i64().unwrap() - 1);
    assert_verdict(&Counter, &events, Verdict::Invalid);
    assert_verdict_with(&Counter, &linearizable, &events, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&Counter, &options(1, 1));
    let refused = Counter.validate(&with(&[("consistency-model", "sequential")])).unwrap_err();
    assert!(refused.contains("bounds, or as linearizable"), "{refused}");
}

#[test]
fn what_only_grows_and_what_is_reset() {
    let set = with(&[("decrements", "false"), ("resets", "true")]);
    let asked = operations(&Counter, &set, 7, 3000, |_| 1);
    let added = asked.iter().filter(|op| &*op.f == "add");
    assert!(added.map(|op| op.value.as_i64().unwrap()).all(|amount| amount > 0));
    let resets = asked.iter().filter(|op| &*op.f == "reset").count();
    assert!((100..200).contains(&resets), "{resets}");
    let mut events = whole_run(&Counter, &set, 800);
    assert_verdict_with(&Counter, &set, &events, Verdict::Valid);
    let read = |event: &&mut perjury_checkers::Event| event.kind == Kind::Ok && &*event.f == "read";
    let last = events.iter_mut().rev().find(read).unwrap();
    // One less may be the truth, where another reset was under way; less than nothing is none.
    last.value = json!(-1);
    assert_verdict_with(&Counter, &set, &events, Verdict::Invalid);
    assert_beginnings_valid(&Counter, &set);
    let linearizable = with(&[("resets", "true"), ("consistency-model", "linearizable")]);
    assert!(Counter.validate(&linearizable).unwrap_err().contains("judged by bounds"));
    assert!(Counter.validate(&with(&[("resets", "often")])).is_err());
}
