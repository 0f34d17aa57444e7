//! Tests of the workload on logs: what it asks, and that its checker accepts the truth.

use super::*;
use crate::testing::{assert_seeded, assert_verdict, assert_verdict_with};
use crate::testing::{operations, options, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use std::collections::{BTreeMap, BTreeSet};

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&PartitionedLog);
}

#[test]
fn values_are_sent_once_and_everything_is_asked() {
    let asked = operations(&PartitionedLog, &options(1, 1), 7, 6000, |_| 1);
    let mut names: BTreeMap<&str, usize> = BTreeMap::new();
    let mut sent = Vec::new();
    for op in &asked {
        *names.entry(&*op.f).or_default() += 1;
        let steps = op.value.as_array().into_iter().flatten();
        sent.extend(steps.filter(|step| step[0] == "send").map(|step| step[2].as_u64().unwrap()));
    }
    assert_eq!(sent, (1..=sent.len() as u64).collect::<Vec<_>>());
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(names.values().all(|count| *count > 30), "{names:?}");
}

#[test]
fn every_worker_reads_everything_at_the_end() {
    let events = whole_run(&PartitionedLog, &options(1, 1), 1500);
    let begin = |event: &&Event| event.kind == Kind::Ok && event.value["from"] == "beginning";
    let readers: BTreeSet<_> = events.iter().filter(begin).map(|event| event.process).collect();
    assert_eq!(readers.len(), 6);
    let nothing = json!([["poll", {"0": [], "1": [], "2": [], "3": []}]]);
    let ended = |event: &&Event| event.kind == Kind::Ok && event.value == nothing;
    assert!(events.iter().rev().take(200).filter(ended).count() >= 6);
}

#[test]
fn the_truth_is_accepted_and_losses_are_not() {
    let events = whole_run(&PartitionedLog, &options(1, 1), 1500);
    assert_verdict(&PartitionedLog, &events, Verdict::Valid);
    let strict = with(&[
        ("consistency-model", "strict-serializable"),
        ("contiguous", "true"),
        ("gaps-allowed", "false"),
    ]);
    assert_verdict_with(&PartitionedLog, &strict, &events, Verdict::Valid);
    let mut lossy = events.clone();
    // Nobody is ever given offset 3 of partition 0.
    for event in lossy.iter_mut().filter(|event| event.kind == Kind::Ok) {
        for step in event.value.as_array_mut().into_iter().flatten() {
            let Some(seen) = step.get_mut(1).and_then(|seen| seen.get_mut("0")) else { continue };
            seen.as_array_mut().unwrap().retain(|record| record[0] != 3);
        }
    }
    assert_verdict(&PartitionedLog, &lossy, Verdict::Invalid);
}

#[test]
fn what_is_missing_may_still_be_polled_at_the_end() {
    assert!(!PartitionedLog.shows_anomalies_early(&options(1, 1)));
    for wrong in [("partitions", "0"), ("gaps-allowed", "no"), ("consistency-model", "good")] {
        assert!(PartitionedLog.validate(&with(&[wrong])).is_err(), "{wrong:?}");
    }
    assert_eq!(PartitionedLog.validate(&options(1, 1)), Ok(()));
}
