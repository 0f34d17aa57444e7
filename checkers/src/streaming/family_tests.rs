//! Streams of what is judged as a whole otherwise say the same at the end: the verdict, and the kinds
//! of anomalies; for correct histories and for such as were tampered with.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::testing::{Random, atomic_history};
use crate::workload::{CheckOptions, Settings, checkers_for_workload};
use crate::{Budget, Kind, Verdict};

fn kinds(finding: &Finding) -> BTreeSet<String> {
    finding.anomalies.iter().map(|anomaly| anomaly.kind.clone()).collect()
}

/// Another answer than the one that was given.
fn tamper(random: &mut Random, value: &mut Value) {
    match value {
        Value::Array(list) => {
            if let Some(last) = list.last_mut() {
                tamper(random, last);
            }
        }
        Value::Number(number) => {
            let by = random.below(7) as i64 - 3;
            *value = json!(number.as_i64().unwrap_or(0) + by);
        }
        _ => {}
    }
}

/// Compares a stream with the checker of whole histories: how often it was valid, and invalid.
fn compared(
    workload: &str,
    settings: &[&str],
    make: &mut dyn FnMut(&mut Random) -> History,
) -> [usize; 3] {
    let settings = Settings::parse(settings.iter().copied());
    let options = CheckOptions { settings, ..CheckOptions::default() };
    let mut seen = [0; 3];
    for seed in 0..1_500 {
        let mut random = Random(seed);
        let mut events = make(&mut random).events().to_vec();
        for _ in 0..4 * (seed % 4) {
            let at = random.below(events.len() as u64) as usize;
            if events[at].kind == Kind::Ok {
                tamper(&mut random, &mut events[at].value);
            }
        }
        // Cut anywhere, so that calls are open at the end.
        events.truncate(events.len() - random.below(4) as usize);
        let history = History::new(events).expect("well-formed");
        let checker = checkers_for_workload(workload, &options, &history).expect("known").remove(0);
        let whole = checker.check(&history, &Budget::default());
        let mut judge = Judge::new(workload, &options, &history).expect("a stream");
        judge.push_events(history.events()).expect("good events");
        let (finding, _) = judge.finish().expect("good events");
        let what = format!("{workload}, seed {seed}: {finding:?} {whole:?}");
        assert_eq!(finding.verdict, whole.verdict, "{what}");
        assert_eq!(finding.checker, whole.checker);
        assert_eq!(finding.reason, whole.reason, "{what}");
        assert_eq!(finding.anomaly_count, whole.anomaly_count, "{what}");
        if whole.anomaly_count <= 8 {
            assert_eq!(kinds(&finding), kinds(&whole), "{what}");
        }
        assert_eq!(judge.violation_count(), whole.anomaly_count, "{what}");
        seen[match finding.verdict {
            Verdict::Valid => 0,
            Verdict::Invalid => 1,
            Verdict::Unknown => 2,
        }] += 1;
    }
    seen
}

#[test]
fn counters() {
    let mut make = |random: &mut Random| {
        let (mut held, resets) = (0, random.chance(50));
        let calls = 5 + random.below(40) as usize;
        let mut asking = |random: &mut Random| match random.below(10) {
            0 if resets => ("reset", json!(random.below(3))),
            0..5 => ("read", Value::Null),
            5 => ("decrement", Value::Null),
            _ => ("add", json!(random.below(5) as i64 - 1)),
        };
        let mut fails = Random(random.bits());
        let mut object = |f: &str, input: &Value| {
            if fails.chance(8) {
                return None;
            }
            match f {
                "read" => return Some(json!(held)),
                "reset" => held = input.as_i64().unwrap_or(0),
                "decrement" => held -= 1,
                _ => held += input.as_i64().unwrap_or(0),
            }
            Some(input.clone())
        };
        atomic_history(random, calls, 4, 6, &mut asking, &mut object)
    };
    let seen = compared("counter", &[], &mut make);
    assert!(seen[0] > 100 && seen[1] > 100, "{seen:?}");
}

fn ids(random: &mut Random) -> History {
    let (mut next, texts) = (i64::from(random.chance(50)) * (i64::MAX - 60), random.chance(30));
    let calls = 3 + random.below(30) as usize;
    let mut object = |_: &str, _: &Value| {
        next += 1;
        Some(if texts { json!(format!("id-{next:020}")) } else { json!(next) })
    };
    let mut asking = |_: &mut Random| ("generate", Value::Null);
    atomic_history(random, calls, 4, 6, &mut asking, &mut object)
}

#[test]
fn unique_identifiers() {
    for (settings, some) in [(&[][..], 20), (&["monotonic"][..], 100)] {
        let seen = compared("unique-ids", settings, &mut ids);
        assert!(seen[0] > 100 && seen[1] > some, "{seen:?}");
    }
    let settings = Settings::parse(["inversions-allowed=2"]);
    let options = CheckOptions { settings, ..CheckOptions::default() };
    let why = Judge::new("unique-ids", &options, &History::default()).err().expect("refused");
    assert!(why.contains("has to be seen whole"), "{why}");
}

#[test]
fn monotonic_numbers() {
    let mut make = |random: &mut Random| {
        let mut held = [None::<i64>; 3];
        let calls = 5 + random.below(40) as usize;
        let mut asking = |random: &mut Random| {
            let key = random.below(3);
            (if random.chance(60) { "read" } else { "increment" }, json!([key, null]))
        };
        let mut object = |f: &str, input: &Value| {
            let held = &mut held[input[0].as_u64().unwrap_or(0) as usize];
            if f == "increment" {
                *held = Some(held.unwrap_or(0) + 1);
            }
            Some(json!([input[0], held]))
        };
        atomic_history(random, calls, 4, 6, &mut asking, &mut object)
    };
    for settings in [&[][..], &["globally"][..]] {
        let seen = compared("monotonic", settings, &mut make);
        assert!(seen[0] > 100 && seen[1] > 100, "{seen:?}");
    }
}

#[test]
fn identifiers_that_follow_one_another_take_no_room() {
    let mut runs = crate::unique_ids::seen::Runs::default();
    let mut random = Random(3);
    let mut numbers: Vec<i128> = (0..2_000).collect();
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, random.below(at as u64 + 1) as usize);
    }
    assert!(numbers.iter().all(|number| runs.add(*number)));
    assert!(numbers.iter().all(|number| !runs.add(*number)));
    assert_eq!(runs.count(), 1);
}
