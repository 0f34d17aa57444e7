//! Tests of the monotonic workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_seeded, assert_verdict, assert_verdict_with};
use crate::testing::{operations, options, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Monotonic);
}

#[test]
fn a_few_numbers_are_raised_and_read() {
    let asked = operations(&Monotonic, &options(3, 1), 7, 2000, |_| 1);
    assert!(asked.iter().all(|op| op.value[0].as_u64().unwrap() < 3));
    let raised = asked.iter().filter(|op| &*op.f == "increment").count();
    assert!((900..1100).contains(&raised), "{raised}");
}

#[test]
fn the_truth_is_accepted_and_what_falls_is_not() {
    let events = whole_run(&Monotonic, &options(3, 1), 800);
    let globally = with(&[(GLOBALLY, "true")]);
    assert_verdict(&Monotonic, &events, Verdict::Valid);
    assert_verdict_with(&Monotonic, &globally, &events, Verdict::Valid);
    let mut fallen = events;
    let read = |event: &&mut Event| event.kind == Kind::Ok && &*event.f == "read";
    fallen.iter_mut().rev().find(read).unwrap().value[1] = json!(1);
    assert_verdict(&Monotonic, &fallen, Verdict::Invalid);
    assert_verdict_with(&Monotonic, &globally, &fallen, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&Monotonic, &with(&[(GLOBALLY, "true")]));
    assert!(Monotonic.validate(&with(&[(GLOBALLY, "1")])).is_err());
}
