//! Tests of the lock workload: what it asks, and that its checkers accept the truth.

use super::*;
use crate::testing::{Honest, assert_beginnings_valid, assert_verdict, assert_verdict_with};
use crate::testing::{options, play, whole_run, with};
use perjury_checkers::{Event, Kind, Verdict};
use std::collections::BTreeMap;

/// What each worker asks, with the times between.
fn asked(seed: u64) -> BTreeMap<u32, Vec<(String, u64)>> {
    let generator = Lock.generator(&options(1, 1), Seed::root(seed));
    let events = play(generator, &mut Honest::of("lock"), 600);
    let mut asked: BTreeMap<u32, Vec<(String, u64)>> = BTreeMap::new();
    for event in events.iter().filter(|event| event.kind == Kind::Invoke) {
        let worker = event.process.client().unwrap() % 6;
        asked.entry(worker).or_default().push((event.f.to_string(), event.time));
    }
    asked
}

#[test]
fn every_worker_acquires_and_releases_in_turn() {
    let asked = asked(7);
    assert_eq!(asked.len(), 6);
    for (worker, calls) in &asked {
        for (at, (f, _)) in calls.iter().enumerate() {
            match at % 2 {
                0 => assert_eq!(f, "acquire", "worker {worker}"),
                _ => assert!(["release", "crash"].contains(&f.as_str()), "worker {worker}: {f}"),
            }
        }
        let holds = calls.windows(2).filter(|two| two[0].0 == "acquire");
        let held: Vec<u64> = holds.map(|two| two[1].1 - two[0].1).collect();
        assert!(held.iter().all(|held| *held > 900_000 && *held < 250_000_000), "{held:?}");
        assert!(held.iter().max().unwrap() > &100_000_000, "{held:?}");
    }
    let first = |asked: &BTreeMap<u32, Vec<(String, u64)>>| asked[&0][1].1 - asked[&0][0].1;
    assert_ne!(first(&asked), asked[&1][1].1 - asked[&1][0].1, "workers hold for the same times");
    assert_eq!(first(&asked), first(&self::asked(7)));
    assert_ne!(first(&asked), first(&self::asked(8)));
}

fn strict() -> Options {
    with(&[("holds-may-end", "false")])
}

/// The events of `processes` doing `script`, each call by itself.
fn events(script: &[(u32, &str, Kind, Value)]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for (process, f, kind, value) in script {
        for (kind, value) in [(Kind::Invoke, Value::Null), (*kind, value.clone())] {
            let index = events.len() as u64;
            events.push(Event {
                index,
                time: index * 1_000_000,
                process: perjury_checkers::Process::Client(*process),
                kind,
                f: (*f).into(),
                value,
                node: None,
                error: None,
                due: None,
            });
        }
    }
    events
}

#[test]
fn the_truth_is_accepted_and_a_second_holder_is_not() {
    let truth = whole_run(&Lock, &options(1, 1), 1200);
    assert_verdict(&Lock, &truth, Verdict::Valid);
    let truth = whole_run(&Lock, &strict(), 1200);
    assert_verdict_with(&Lock, &strict(), &truth, Verdict::Valid);
    let granted = |event: &&Event| event.kind == Kind::Ok && &*event.f == "acquire";
    assert!(truth.iter().filter(granted).count() > 50);
    let mut twice = truth.clone();
    let refused = |event: &&mut Event| {
        event.index > 100 && event.kind == Kind::Fail && &*event.f == "acquire"
    };
    let second = twice.iter_mut().find(refused).unwrap();
    (second.kind, second.value) = (Kind::Ok, Value::Null);
    assert_verdict_with(&Lock, &strict(), &twice, Verdict::Invalid);
}

#[test]
fn a_lock_that_was_lost_with_the_connection_is_no_anomaly() {
    let ok = |process, f| (process, f, Kind::Ok, Value::Null);
    // Process 0 lost it, as it hears when it wants to give it back.
    let script = [
        ok(0, "acquire"),
        ok(1, "acquire"),
        (0, "release", Kind::Fail, Value::Null),
        ok(1, "release"),
    ];
    assert_verdict(&Lock, &events(&script), Verdict::Valid);
    assert_verdict_with(&Lock, &strict(), &events(&script), Verdict::Invalid);
    // It is told that it still had it.
    let script = [ok(0, "acquire"), ok(1, "acquire"), ok(0, "release"), ok(1, "release")];
    assert_verdict(&Lock, &events(&script), Verdict::Invalid);
}

#[test]
fn what_nobody_knows_is_no_anomaly() {
    let ok = |process, f| (process, f, Kind::Ok, Value::Null);
    // It was acquired and never given back, or never acquired; it was given back, or lost.
    for script in [
        [(0, "acquire", Kind::Info, Value::Null), ok(1, "acquire"), ok(1, "release")],
        [ok(0, "acquire"), (0, "release", Kind::Info, Value::Null), ok(1, "acquire")],
    ] {
        assert_verdict(&Lock, &events(&script), Verdict::Valid);
        assert_verdict_with(&Lock, &strict(), &events(&script), Verdict::Valid);
    }
}

#[test]
fn tokens_grow() {
    let ok = |process, f, value: u64| (process, f, Kind::Ok, Value::from(value));
    let script = [ok(0, "acquire", 7), ok(0, "release", 0), ok(1, "acquire", 7)];
    assert_verdict(&Lock, &events(&script), Verdict::Invalid);
    let script = [ok(0, "acquire", 7), ok(0, "release", 0), ok(1, "acquire", 9)];
    assert_verdict(&Lock, &events(&script), Verdict::Valid);
}

#[test]
fn what_is_wrong_at_the_beginning_stays_wrong() {
    assert_beginnings_valid(&Lock, &options(1, 1));
    assert!(Lock.validate(&with(&[("holds-may-end", "perhaps")])).is_err());
}

#[test]
fn clients_end_while_they_have_it_and_everybody_gets_it_in_the_end() {
    let truth = whole_run(&Lock, &options(1, 1), 1200);
    let of = |f: &str, kind: Kind| {
        truth.iter().filter(|event| (&*event.f, event.kind) == (f, kind)).count()
    };
    assert!(of("crash", Kind::Info) > 5 && of("crash", Kind::Ok) + of("crash", Kind::Fail) == 0);
    let last = truth
        .iter()
        .rev()
        .take(60)
        .filter(|event| (&*event.f, event.kind) == ("acquire", Kind::Ok));
    assert!(last.count() >= 6, "two workers on each of three nodes");
    let strict = play(Lock.generator(&strict(), Seed::root(7)), &mut Honest::of("lock"), 1200);
    assert!(strict.iter().all(|event| &*event.f != "crash"), "there nobody would give it back");
}

#[test]
fn a_lock_that_stays_with_the_dead_is_found() {
    let calls = |process, f: &str, kind| (process, f.to_owned(), kind, Value::Null);
    let mut script = vec![calls(0, "acquire", Kind::Ok), calls(0, "crash", Kind::Info)];
    script.extend((0..20).map(|_| calls(1, "acquire", Kind::Fail)));
    let script: Vec<(u32, &str, Kind, Value)> =
        script.iter().map(|(by, f, kind, value)| (*by, f.as_str(), *kind, value.clone())).collect();
    let mut events = events(&script);
    for event in &mut events {
        event.time *= 1000;
        event.error = (event.kind == Kind::Fail).then(|| "held".into());
    }
    assert_verdict(&Lock, &events, Verdict::Invalid);
    assert_verdict_with(&Lock, &with(&[("taken-back-within", "100")]), &events, Verdict::Valid);
    assert!(Lock.validate(&with(&[("taken-back-within", "soon")])).is_err());
    assert!(Lock.validate(&with(&[("taken-back-within", "86400")])).is_err());
}
