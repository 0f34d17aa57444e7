//! Tests of the long fork workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{assert_beginnings_valid, assert_seeded, assert_verdict};
use crate::testing::{operations, options, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use serde_json::{Value, json};
use std::collections::BTreeMap;

#[test]
fn what_is_asked_depends_on_the_seed_alone() {
    assert_seeded(&LongFork);
}

#[test]
fn keys_are_written_once_and_groups_are_read_before_and_after() {
    for size in [2u64, 3] {
        let set = with(&[("group-size", &size.to_string())]);
        let asked = operations(&LongFork, &set, 7, 4000, |_| 1);
        let (mut written, mut reads) = (BTreeMap::new(), BTreeMap::<u64, u64>::new());
        for op in &asked {
            let steps = op.value.as_array().unwrap();
            if steps[0][0] == "w" {
                *written.entry(steps[0][1].as_u64().unwrap()).or_insert(0) += 1;
                continue;
            }
            let mut keys: Vec<u64> = steps.iter().map(|step| step[1].as_u64().unwrap()).collect();
            keys.sort_unstable();
            let group = keys[0] / size;
            assert_eq!(keys, (group * size..(group + 1) * size).collect::<Vec<_>>());
            *reads.entry(group).or_default() += 1;
        }
        assert!(written.values().all(|times| *times == 1));
        assert!(written.len() as u64 > 200, "{}", written.len());
        assert!(reads.values().filter(|reads| **reads >= READS * (size + 1)).count() > 100);
    }
}

#[test]
fn the_truth_is_accepted_and_a_fork_is_not() {
    let mut events = whole_run(&LongFork, &options(1, 1), 1500);
    assert_verdict(&LongFork, &events, Verdict::Valid);
    let half = |event: &Event| {
        let steps = event.value.as_array().filter(|steps| steps.len() == 2)?;
        let seen = |at: usize| !steps[at][2].is_null();
        (event.kind == Kind::Ok && seen(0) != seen(1)).then(|| steps[0][1].as_u64().unwrap() / 2)
    };
    let mut groups: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, event) in events.iter().enumerate() {
        if let Some(group) = half(event) {
            groups.entry(group).or_default().push(at);
        }
    }
    let two = groups.values().find(|reads| reads.len() > 1).expect("two reads of a half");
    for step in events[two[1]].value.as_array_mut().unwrap() {
        step[2] = if step[2].is_null() { json!(1) } else { Value::Null };
    }
    assert_verdict(&LongFork, &events, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&LongFork, &options(1, 1));
    assert!(LongFork.validate(&with(&[("group-size", "1")])).unwrap_err().contains("2 to 64"));
}
