//! Tests of the watch workload: what it asks, and that its checker accepts the truth.

use super::*;
use crate::testing::{assert_seeded, assert_verdict, operations, options, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use std::collections::BTreeSet;

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Watch);
}

#[test]
fn each_write_has_a_value_of_its_own_and_different_keys() {
    let asked = operations(&Watch, &options(1, 1), 7, 4000, |_| 1);
    let writes: Vec<&Op> = asked.iter().filter(|op| &*op.f == "write").collect();
    assert!((1800..2200).contains(&writes.len()), "{}", writes.len());
    for (number, op) in (1u64..).zip(&writes) {
        let changes = op.value.as_array().unwrap();
        let keys: BTreeSet<u64> = changes.iter().map(|pair| pair[0].as_u64().unwrap()).collect();
        assert_eq!(keys.len(), changes.len());
        assert!(changes.iter().all(|pair| pair[1] == number));
    }
}

#[test]
fn every_watcher_goes_on_to_the_end() {
    let events = whole_run(&Watch, &options(1, 1), 1000);
    let last: Vec<&Event> = events.iter().rev().take(12).collect();
    let ends = last.iter().filter(|event| event.kind == Kind::Ok);
    assert_eq!(ends.map(|event| event.process).collect::<BTreeSet<_>>().len(), 6);
}

#[test]
fn the_truth_is_accepted_and_losses_are_not() {
    let mut events = whole_run(&Watch, &options(1, 1), 1000);
    assert_verdict(&Watch, &events, Verdict::Valid);
    let told = |event: &&mut Event| {
        let told = event.value["events"].as_array();
        event.kind == Kind::Ok && told.is_some_and(|told| told.len() > 3)
    };
    let event = events.iter_mut().filter(told).nth(5).unwrap();
    event.value["events"].as_array_mut().unwrap().remove(1);
    assert_verdict(&Watch, &events, Verdict::Invalid);
}

#[test]
fn what_cannot_be_is_refused() {
    assert!(!Watch.shows_anomalies_early(&options(1, 1)));
    assert!(Watch.validate(&with(&[("watched-keys", "0")])).is_err());
    assert_eq!(Watch.validate(&options(1, 1)), Ok(()));
}
