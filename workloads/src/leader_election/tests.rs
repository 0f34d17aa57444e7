//! Tests of the election workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{Honest, assert_beginnings_valid, assert_verdict, assert_verdict_with};
use crate::testing::{options, play, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use std::collections::{BTreeMap, BTreeSet};

/// What each worker asks.
fn asked(seed: u64) -> BTreeMap<u32, Vec<(String, Value)>> {
    let generator = LeaderElection.generator(&options(1, 1), Seed::root(seed));
    let events = play(generator, &mut Honest::of("leader-election"), 600);
    let mut asked: BTreeMap<u32, Vec<(String, Value)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.kind == Kind::Invoke) {
        let worker = event.process.client().unwrap() % 6;
        asked.entry(worker).or_default().push((event.f.to_string(), event.value.clone()));
    }
    asked
}

#[test]
fn who_campaigns_resigns_and_never_comes_back() {
    let asked = asked(7);
    let mut candidates = BTreeSet::new();
    for calls in asked.values() {
        for (at, (f, candidate)) in calls.iter().enumerate() {
            if f == "campaign" {
                assert!(candidates.insert(candidate.as_u64().unwrap()));
                let resigned = calls.get(at + 2);
                assert!(
                    resigned.is_none_or(|next| *next == ("resign".to_owned(), candidate.clone()))
                );
            }
        }
    }
    assert!(candidates.len() > 80, "{}", candidates.len());
    assert_eq!(asked, self::asked(7));
    assert_ne!(asked, self::asked(8));
}

#[test]
fn the_truth_is_accepted_and_a_second_leader_is_not() {
    let mut events = whole_run(&LeaderElection, &options(1, 1), 900);
    let globally = with(&[(GLOBALLY, "true")]);
    assert_verdict(&LeaderElection, &events, Verdict::Valid);
    assert_verdict_with(&LeaderElection, &globally, &events, Verdict::Valid);
    let told = |event: &&mut Event| {
        event.kind == Kind::Ok && &*event.f == "observe" && event.value[1].is_u64()
    };
    let mut told = events.iter_mut().filter(told);
    told.nth(5).unwrap().value[1] = json!(999_999);
    assert_verdict(&LeaderElection, &events, Verdict::Invalid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&LeaderElection, &with(&[(GLOBALLY, "true")]));
    assert!(LeaderElection.validate(&with(&[(GLOBALLY, "often")])).is_err());
}
