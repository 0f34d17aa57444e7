//! Zones against brute force, on long histories, and in their words.

use std::collections::BTreeMap;

use super::*;
use crate::linear::distinct::{Calls, long, small};
use crate::linear::model::Model;
use crate::linear::models::CasRegister;
use crate::linear::oracle::brute_force;
use crate::linear::synthetic::Random;

fn judge(calls: &[Timed<RegisterCall>]) -> Option<Special> {
    decide(calls, &Values::default())
}

fn check_small(seeds: std::ops::Range<u64>, misses: bool) {
    let model = CasRegister::default();
    let (mut good, mut bad, mut none) = (0, 0, 0);
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let calls = small(&mut Random(seed), misses);
        let Some(special) = judge(&calls) else {
            none += 1;
            continue;
        };
        let expected = brute_force(&model, &INITIAL, &calls);
        assert_eq!(special.contradiction.is_none(), expected, "{seed}: {special:?} {calls:?}");
        let Some(contradiction) = special.contradiction else {
            good += 1;
            continue;
        };
        bad += 1;
        *kinds.entry(contradiction.kind).or_default() += 1;
        assert!(contradiction.calls.is_sorted(), "{seed}: {contradiction:?}");
        let part: Calls = contradiction.calls.iter().map(|n| calls[*n]).collect();
        let explained = brute_force(&model, &INITIAL, &part);
        assert!(!explained, "{seed}: {contradiction:?} {part:?} of {calls:?}");
    }
    let share = count / 20;
    assert!(good > share && bad > share, "{good} {bad} {none} {kinds:?}");
    assert!(none < count / 3, "{none}");
    let all = ["phantom-read", "future-read", "stale-read", "lost-update", "lost-write"];
    for kind in all {
        assert!(kinds.get(kind).is_some_and(|found| *found as u64 > count / 2000), "{kinds:?}");
    }
    assert_eq!(kinds.len(), all.len(), "{kinds:?}");
}

#[test]
fn zones_agree_with_brute_force() {
    check_small(0..150_000, false);
}

#[test]
fn zones_agree_with_brute_force_where_compare_and_sets_miss() {
    check_small(0..150_000, true);
}

/// Makes one call see what it cannot have seen; `None` if these calls leave no room for that.
fn plant(calls: &mut Calls, random: &mut Random) -> Option<&'static str> {
    let known = |timed: &Timed<RegisterCall>| timed.end != NEVER;
    let written = |timed: &Timed<RegisterCall>| match timed.call {
        RegisterCall::Write(value) => Some(value),
        _ => None,
    };
    let pick = |random: &mut Random, fits: &dyn Fn(&Timed<RegisterCall>) -> bool| {
        let from = random.below(calls.len() as u64) as usize;
        let around = (from..calls.len()).chain(0..from);
        around.filter(|n| known(&calls[*n])).find(|n| fits(&calls[*n]))
    };
    let is_read = |timed: &Timed<RegisterCall>| matches!(timed.call, RegisterCall::Read(_));
    match random.below(4) {
        // Nobody writes this number.
        0 => {
            let read = pick(random, &is_read)?;
            calls[read].call = RegisterCall::Read(2 * calls.len() as u32);
            Some("phantom-read")
        }
        // The only write of what it sees begins after its end.
        1 => {
            let read = pick(random, &is_read)?;
            let end = calls[read].end;
            let write = pick(random, &|timed| written(timed).is_some() && timed.start > end)?;
            calls[read].call = RegisterCall::Read(written(&calls[write])?);
            Some("future-read")
        }
        // It begins after the end of a write that began after the end of the only write of
        // what it sees.
        2 => {
            let old = pick(random, &|timed| written(timed).is_some())?;
            let end = calls[old].end;
            let new = pick(random, &|timed| written(timed).is_some() && timed.start > end)?;
            let end = calls[new].end;
            let read = pick(random, &|timed| is_read(timed) && timed.start > end)?;
            calls[read].call = RegisterCall::Read(written(&calls[old])?);
            Some("stale-read")
        }
        // Two replaced the same value, which was there but once.
        _ => {
            let is_set = |timed: &Timed<RegisterCall>| matches!(timed.call, RegisterCall::Cas(..));
            let one = pick(random, &is_set)?;
            let RegisterCall::Cas(old, _) = calls[one].call else { return None };
            let start = calls[one].start;
            let other = pick(random, &|timed| is_set(timed) && timed.start != start)?;
            let RegisterCall::Cas(_, new) = calls[other].call else { return None };
            calls[other].call = RegisterCall::Cas(old, new);
            Some("lost-update")
        }
    }
}

#[test]
fn long_histories_of_an_atomic_register_are_linearizable() {
    let mut none = 0;
    for seed in 0..10_000 {
        match judge(&long(seed)) {
            Some(special) => assert_eq!(special.contradiction, None, "{seed}"),
            None => none += 1,
        }
    }
    // Only a compare-and-set that missed can be unclear.
    assert!(none < 300, "{none}");
}

#[test]
fn a_violation_planted_in_a_long_history_is_found() {
    let mut planted = BTreeMap::new();
    for seed in 0..10_000 {
        let mut calls = long(seed);
        let Some(kind) = plant(&mut calls, &mut Random(seed)) else { continue };
        let special = judge(&calls);
        let contradiction = special.and_then(|special| special.contradiction);
        let contradiction = contradiction.unwrap_or_else(|| panic!("{seed}: {kind} is not found"));
        assert!(contradiction.calls.len() <= 12, "{seed}: {contradiction:?}");
        assert_ne!(contradiction.kind, "nonlinearizable", "{seed}: {contradiction:?}");
        *planted.entry(kind).or_insert(0) += 1;
    }
    assert!(planted.len() == 4 && planted.values().all(|count| *count > 1000), "{planted:?}");
}

/// Calls by hand, as (call, start, end).
fn told(calls: &[(RegisterCall, u32, u32)]) -> (&'static str, Vec<usize>, String) {
    let timed = |(call, start, end): &(_, _, _)| Timed { call: *call, start: *start, end: *end };
    let calls: Calls = calls.iter().map(timed).collect();
    let mut values = Values::default();
    values.intern(&serde_json::Value::Null);
    for value in 1..20 {
        values.intern(&serde_json::json!(value));
    }
    let special = decide(&calls, &values).expect("values are distinct");
    let contradiction = special.contradiction.expect("a contradiction");
    (contradiction.kind, contradiction.calls, contradiction.why)
}

#[test]
fn contradictions_are_told_in_plain_words() {
    use RegisterCall::{Cas, CasMiss, Read, Write};
    let stale = told(&[(Write(1), 0, 1), (Write(2), 2, 3), (Read(2), 4, 5), (Read(1), 6, 7)]);
    let why = "The write of 1 was complete before the write of 2 began, so 1 was there before 2; \
               the write of 2 was complete before the read of 1 began, so 2 was there before 1. \
               No value was written twice, so it cannot be both.";
    assert_eq!(stale, ("stale-read", vec![0, 1, 3], why.to_owned()));
    let lost = told(&[(Write(1), 0, 1), (Write(2), 2, 3), (Read(1), 4, 5)]);
    assert_eq!((lost.0, lost.1), ("lost-write", vec![0, 1, 2]));
    let initial = told(&[(Write(1), 0, 1), (Read(0), 2, 3), (Read(1), 4, 5)]);
    assert_eq!((initial.0, initial.1), ("stale-read", vec![0, 1]));
    assert!(initial.2.starts_with("Null was there before any call began"), "{}", initial.2);
    let rivals = told(&[(Write(1), 0, 1), (Cas(1, 2), 2, 4), (Cas(1, 3), 3, 5)]);
    let why = "The compare-and-set of 1 to 2 and the compare-and-set of 1 to 3 both took the \
               value 1, which was written once: the first of them replaced it, so the other \
               cannot have found it.";
    assert_eq!(rivals, ("lost-update", vec![0, 1, 2], why.to_owned()));
    let future = told(&[(Read(1), 0, 1), (Write(1), 2, 3)]);
    let why = "The read of 1 was complete before the write of 1 began, and nobody else wrote 1.";
    assert_eq!(future, ("future-read", vec![0, 1], why.to_owned()));
    let replaced = told(&[(Write(1), 0, 1), (Cas(1, 2), 2, 3), (Read(1), 4, 5), (Read(2), 6, 7)]);
    assert_eq!((replaced.0, replaced.1), ("stale-read", vec![0, 1, 2]));
    let taken = told(&[(Write(1), 0, 1), (Write(2), 2, 3), (Cas(1, 3), 4, 5)]);
    assert_eq!((taken.0, taken.1), ("lost-update", vec![0, 1, 2]));
    let missed = told(&[(Write(1), 0, 1), (CasMiss(1), 2, 3), (Read(1), 4, 5)]);
    let why = "The register held 1 without a break from the write of 1 to the read of 1, but a \
               compare-and-set in between did not find it.";
    assert_eq!(missed, ("stale-read", vec![0, 1, 2], why.to_owned()));
    let circle = told(&[(Cas(1, 2), 0, 2), (Cas(2, 1), 1, 3)]);
    assert_eq!((circle.0, circle.1), ("lost-update", vec![0, 1]));
}

#[test]
fn a_chain_in_a_proof_is_cut_to_the_part_that_matters() {
    // 1 to 50 by compare-and-sets, one after another, and a write in the middle of them.
    let mut calls = vec![Timed { call: RegisterCall::Write(1), start: 0, end: 1 }];
    for value in 1..50 {
        let start = 4 * value + if value > 25 { 4 } else { 0 };
        let call = RegisterCall::Cas(value, value + 1);
        calls.push(Timed { call, start, end: start + 1 });
    }
    calls.insert(26, Timed { call: RegisterCall::Write(60), start: 102, end: 103 });
    let contradiction = judge(&calls).and_then(|special| special.contradiction).expect("one");
    assert_eq!((contradiction.kind, contradiction.calls), ("lost-update", vec![25, 26, 27]));
}

#[test]
fn values_that_repeat_are_left_to_others() {
    let write = |value, start| Timed { call: RegisterCall::Write(value), start, end: start + 1 };
    assert_eq!(judge(&[write(1, 0), write(1, 2)]), None);
    assert_eq!(judge(&[write(INITIAL, 0)]), None);
    assert_eq!(judge(&[write(NONE, 0)]), None);
    assert_eq!(judge(&[]), Some(Special::linearizable(ENGINE)));
    let model = CasRegister::default();
    assert!(model.special(&[write(1, 0)], &Values::default()).is_some());
}
