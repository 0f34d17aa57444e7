//! Tests of the workloads: what they ask, and that their checkers accept the truth.

use super::*;
use crate::testing::{assert_seeded, assert_verdict_with, options, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};

const BOTH: [&Eventual; 2] = [&Eventual::PLAIN, &Eventual::LAST_WRITE_WINS];

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    BOTH.into_iter().for_each(|workload| assert_seeded(workload));
}

#[test]
fn settings_are_checked() {
    let checked = |name: &str, value: &str| Eventual::PLAIN.validate(&with(&[(name, value)]));
    for (name, value) in [("converge-within", "5"), ("sessions", "true"), ("order", "real-time")] {
        assert_eq!(checked(name, value), Ok(()));
    }
    assert!(checked("converge-within", "31").is_err() && checked("order", "any").is_err());
    assert!(!Eventual::PLAIN.shows_anomalies_early(&options(2, 20)));
}

#[test]
fn the_truth_is_accepted_and_a_phantom_is_not() {
    for workload in BOTH {
        let options = options(2, 20);
        let mut events = whole_run(workload, &options, 800);
        assert_verdict_with(workload, &options, &events, Verdict::Valid);
        let digests = events.iter().filter(|event| &*event.f == "digest").count();
        // Two rounds, as nodes are asked again when they have to agree; calls and answers.
        assert_eq!(digests, 12);
        let found = |event: &&mut Event| event.kind == Kind::Ok && !event.value[1].is_null();
        let read = events.iter_mut().filter(|event| &*event.f == "read").rfind(found);
        read.expect("a read").value[1] = json!(4_000_000);
        assert_verdict_with(workload, &options, &events, Verdict::Invalid);
    }
}
