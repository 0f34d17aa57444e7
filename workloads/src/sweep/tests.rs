//! Tests of final reads: how far they go, and what they do about errors.

use super::*;
use perjury_harness::generator::{Completion, Simulation, simulate};
use serde_json::json;

/// Sweeps with one worker over keys of which those in `full` hold something; `kind` answers.
fn swept(step: u64, full: &[u64], kind: impl Fn(u64, usize) -> Kind) -> Vec<(u64, Kind)> {
    let reads = |keys: Range<u64>| Op::new("read", json!([keys.start, null]));
    let generator = sweep(step, 2, reads, |value| value[1].is_null());
    let mut asked = Vec::new();
    simulate(generator, &Simulation::new(1, 1), |event| {
        let key = event.value[0].as_u64().unwrap();
        let tries = asked.iter().filter(|(other, _)| *other == key).count();
        let kind = kind(key, tries);
        asked.push((key, kind));
        let holds = full.iter().any(|full| (key..key + step).contains(full));
        let value = json!([key, if holds { json!(1) } else { json!(null) }]);
        Completion { latency: 1000, kind, value: Some(value) }
    });
    asked
}

#[test]
fn it_ends_past_the_last_key_that_holds_something() {
    let keys = |full: &[u64]| swept(1, full, |_, _| Kind::Ok).len() as u64;
    let patience = 2 + SLACK;
    assert_eq!(keys(&[]), patience + 1);
    assert_eq!(keys(&[0]), 1 + patience + 1);
    assert_eq!(keys(&[0, 1, 2, 3]), 4 + patience + 1);
    // A hole of a few keys, whose writes all failed, is not the end.
    assert_eq!(keys(&[0, 9]), 10 + patience + 1);
    let in_fours = swept(4, &[0, 6], |_, _| Kind::Ok);
    let starts: Vec<u64> = in_fours.iter().map(|(key, _)| *key).collect();
    assert_eq!(starts, [0, 4, 8, 12, 16]);
}

#[test]
fn two_workers_of_each_node_are_enough() {
    let reads = |keys: Range<u64>| Op::new("read", json!([keys.start, null]));
    let generator = sweep(1, 2, reads, |value| value[1].is_null());
    let events = simulate(generator, &Simulation::new(100, 3), |event| Completion {
        latency: 1000,
        kind: Kind::Ok,
        value: Some(json!([event.value[0], null])),
    });
    let mut readers: Vec<u32> = events.iter().filter_map(|event| event.process.client()).collect();
    readers.sort_unstable();
    readers.dedup();
    assert_eq!(readers, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_read_that_fails_is_tried_again() {
    let asked = swept(1, &[0], |key, tries| match (key, tries) {
        (0, 0) | (3, 0..=2) => Kind::Fail,
        (0, 1) => Kind::Info,
        _ => Kind::Ok,
    });
    let tries = |key| asked.iter().filter(|(other, _)| *other == key).count();
    assert_eq!((tries(0), tries(1), tries(3)), (3, 1, 4));
}

#[test]
fn a_database_that_never_answers_ends_it() {
    let asked = swept(1, &[0], |_, _| Kind::Info);
    assert_eq!(asked.len(), MAX_TRIES as usize);
}
