//! Tests of the workload of identifiers: that its checkers accept the truth, and settings.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_verdict, assert_verdict_with};
use crate::testing::{operations, options, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use serde_json::json;

#[test]
fn identifiers_are_asked_for_again_and_again() {
    let asked = operations(&UniqueIds, &options(1, 1), 7, 1000, |_| 1);
    assert_eq!(asked.len(), 1000);
    assert!(asked.iter().all(|op| &*op.f == "generate" && op.value.is_null()));
}

#[test]
fn the_truth_is_accepted_and_a_copy_is_not() {
    let mut events = whole_run(&UniqueIds, &options(1, 1), 800);
    let monotonic = with(&[("monotonic", "true")]);
    assert_verdict(&UniqueIds, &events, Verdict::Valid);
    assert_verdict_with(&UniqueIds, &monotonic, &events, Verdict::Valid);
    let last = |event: &&mut Event| event.kind == Kind::Ok;
    let last = events.iter_mut().rev().find(last).unwrap();
    last.value = json!(0);
    assert_verdict(&UniqueIds, &events, Verdict::Valid);
    assert_verdict_with(&UniqueIds, &monotonic, &events, Verdict::Invalid);
    let roughly = with(&[("inversions-allowed", "1000")]);
    assert_verdict_with(&UniqueIds, &roughly, &events, Verdict::Valid);
    let roughly = with(&[("milliseconds-allowed", "0")]);
    assert_verdict_with(&UniqueIds, &roughly, &events, Verdict::Invalid);
    events.iter_mut().rev().find(|event| event.kind == Kind::Ok).unwrap().value = json!(7);
    assert_verdict(&UniqueIds, &events, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&UniqueIds, &with(&[("monotonic", "true")]));
}

#[test]
fn settings_are_checked() {
    let said = |pairs: &[(&str, &str)]| UniqueIds.validate(&with(pairs));
    assert_eq!(said(&[("inversions-allowed", "3"), ("milliseconds-allowed", "10")]), Ok(()));
    assert!(said(&[("inversions-allowed", "few")]).unwrap_err().contains("whole number"));
    assert!(said(&[("monotonic", "yes")]).unwrap_err().contains("monotonic=true"));
    let both = said(&[("monotonic", "false"), ("inversions-allowed", "3")]).unwrap_err();
    assert!(both.contains("have to grow"), "{both}");
}
