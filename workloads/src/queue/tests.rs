//! Tests of the queue workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_seeded, assert_verdict, assert_verdict_with};
use crate::testing::{operations, options, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use std::collections::BTreeSet;

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Queue);
}

#[test]
fn messages_are_unique_and_some_stay() {
    let asked = operations(&Queue, &options(1, 1), 7, 9000, |_| 1);
    let sent: Vec<u64> = asked.iter().filter_map(|op| op.value.as_u64()).collect();
    assert_eq!(sent, (1..=sent.len() as u64).collect::<Vec<_>>());
    assert!((5800..6200).contains(&sent.len()), "{}", sent.len());
    assert!(asked.iter().all(|op| &*op.f == "dequeue" || op.value.is_u64()));
}

#[test]
fn every_worker_drains_until_nothing_is_left() {
    let events = whole_run(&Queue, &options(1, 1), 1500);
    let drained = |event: &&Event| event.kind == Kind::Ok && &*event.f == "drain";
    let found: Vec<&Event> = events.iter().filter(drained).collect();
    assert!(found.iter().any(|event| event.value.as_array().unwrap().len() > 20));
    let empty: BTreeSet<_> =
        found.iter().filter(|event| event.value == json!([])).map(|event| event.process).collect();
    assert_eq!((empty.len(), found.len()), (6, 7));
}

#[test]
fn the_truth_is_accepted_and_losses_and_copies_are_not() {
    let events = whole_run(&Queue, &options(1, 1), 1500);
    assert_verdict(&Queue, &events, Verdict::Valid);
    let drained = |events: &mut [Event], change: fn(&mut Vec<Value>)| {
        let full = |event: &&mut Event| {
            event.kind == Kind::Ok && event.value.as_array().is_some_and(|list| list.len() > 9)
        };
        let event = events.iter_mut().find(full).unwrap();
        change(event.value.as_array_mut().unwrap());
    };
    let mut lossy = events.clone();
    drained(&mut lossy, |list| drop(list.pop()));
    assert_verdict(&Queue, &lossy, Verdict::Invalid);
    let mut twice = events.clone();
    drained(&mut twice, |list| list.push(list[0].clone()));
    assert_verdict(&Queue, &twice, Verdict::Invalid);
    let allowed = with(&[("duplicates-allowed", "true")]);
    assert_verdict_with(&Queue, &allowed, &twice, Verdict::Valid);
    assert_verdict_with(&Queue, &allowed, &lossy, Verdict::Invalid);
}

#[test]
fn what_is_missing_may_still_come_out_at_the_end() {
    assert!(!Queue.shows_anomalies_early(&options(1, 1)));
    assert!(Queue.validate(&with(&[("duplicates-allowed", "maybe")])).is_err());
}

#[test]
fn what_is_promised_can_be_said() {
    let said = |pairs: &[(&str, &str)]| judge(&with(pairs));
    let most = said(&[("delivery", "at-most-once"), ("ordered", "true")]).unwrap();
    assert!(most.losses_allowed && most.ordered && !most.duplicates_allowed);
    assert!(said(&[("delivery", "at-least-once")]).unwrap().duplicates_allowed);
    assert!(said(&[("delivery", "twice")]).unwrap_err().contains("exactly-once"));
    let both = said(&[("delivery", "at-most-once"), ("duplicates-allowed", "true")]).unwrap_err();
    assert!(both.contains("contradicts"), "{both}");
    let events = whole_run(&Queue, &options(1, 1), 1500);
    assert_verdict_with(&Queue, &with(&[("ordered", "true")]), &events, Verdict::Valid);
    let mut wrong = events;
    let full = |event: &&mut Event| {
        event.kind == Kind::Ok && event.value.as_array().is_some_and(|list| list.len() > 20)
    };
    let drained = wrong.iter_mut().find(full).unwrap();
    drained.value.as_array_mut().unwrap().reverse();
    assert_verdict(&Queue, &wrong, Verdict::Valid);
    assert_verdict_with(&Queue, &with(&[("ordered", "true")]), &wrong, Verdict::Invalid);
}
