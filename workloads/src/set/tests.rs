//! Tests of the set workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{Honest, assert_seeded, assert_verdict, assert_verdict_with};
use crate::testing::{operations, options, play, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use std::collections::BTreeSet;

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&Set);
}

#[test]
fn elements_are_unique_and_reads_become_rare() {
    let operations = operations(&Set, &options(1, 1), 7, 20_000, |_| 1);
    let added: Vec<u64> = operations.iter().filter_map(|op| op.value.as_u64()).collect();
    assert_eq!(added, (1..=added.len() as u64).collect::<Vec<_>>());
    let reads = |ops: &[Op]| ops.iter().filter(|op| &*op.f == "read").count();
    assert!(reads(&operations[..1000]) > 30, "{}", reads(&operations[..1000]));
    assert!(reads(&operations[10_000..]) < 100, "{}", reads(&operations[10_000..]));
    assert!(reads(&operations) > 100, "{}", reads(&operations));
}

#[test]
fn every_worker_reads_at_the_end() {
    let last = Set.final_generator(&options(1, 1), Seed::root(1)).unwrap();
    let events = play(last, &mut Honest::default(), 100);
    let read = |event: &&Event| event.kind == Kind::Ok && &*event.f == "read";
    let workers: BTreeSet<_> = events.iter().filter(read).map(|event| event.process).collect();
    assert_eq!((workers.len(), events.len()), (6, 12));
}

#[test]
fn the_truth_is_accepted_and_a_lost_element_is_not() {
    let mut events = whole_run(&Set, &options(1, 1), 1500);
    assert_verdict(&Set, &events, Verdict::Valid);
    let added: BTreeSet<u64> = events.iter().filter_map(|event| event.value.as_u64()).collect();
    assert!(added.contains(&17));
    for event in events.iter_mut().filter(|event| event.kind == Kind::Ok) {
        if let Some(elements) = event.value.as_array_mut() {
            elements.retain(|element| *element != 17);
        }
    }
    assert_verdict(&Set, &events, Verdict::Invalid);
}

#[test]
fn what_is_missing_may_still_be_read_at_the_end() {
    assert!(!Set.shows_anomalies_early(&options(1, 1)));
}

#[test]
fn an_eventual_set_is_read_on_every_node_until_all_agree() {
    let eventual = with(&[("consistency-model", "eventual")]);
    let events = whole_run(&Set, &eventual, 300);
    assert_verdict_with(&Set, &eventual, &events, Verdict::Valid);
    assert_eq!(Set.validate(&eventual), Ok(()));
    assert!(Set.validate(&with(&[("consistency-model", "causal")])).is_err());
}
