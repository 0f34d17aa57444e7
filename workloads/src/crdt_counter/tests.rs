//! Tests of the workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_seeded, assert_verdict_with, options, whole_run, with};
use perjury_checkers::{Kind, Verdict};

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&CrdtCounter);
}

#[test]
fn settings_are_checked() {
    let checked = |name: &str, value: &str| CrdtCounter.validate(&with(&[(name, value)]));
    assert_eq!(checked("converge-within", "5"), Ok(()));
    assert!(checked("converge-within", "0").is_err() && checked("sessions", "perhaps").is_err());
    assert!(!CrdtCounter.shows_anomalies_early(&options(2, 20)));
}

#[test]
fn the_truth_is_accepted_and_what_nobody_did_is_not() {
    let options = options(2, 20);
    let mut events = whole_run(&CrdtCounter, &options, 800);
    assert_verdict_with(&CrdtCounter, &options, &events, Verdict::Valid);
    let read = events.iter_mut().rfind(|event| event.kind == Kind::Ok && &*event.f == "read");
    let value = &mut read.expect("a read").value;
    value[1] = if value[1].is_array() { json!([4_000_000]) } else { json!(4_000_000) };
    assert_verdict_with(&CrdtCounter, &options, &events, Verdict::Invalid);
}
