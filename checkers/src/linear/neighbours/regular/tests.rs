//! Regular and safe registers against brute force, on long histories, and planted faults.

use serde_json::{Value, json};

use super::*;
use crate::linear::distinct::{Calls, Lagging};
use crate::linear::model::Timed;
use crate::linear::models::{CasRegister, RegisterCall};
use crate::linear::oracle::brute_force;
use crate::linear::synthetic::{Random, Shape, history};
use crate::testing::Script;
use crate::{Kind, Verdict};

/// A few calls at any times, with few values, so that these repeat.
fn small(random: &mut Random) -> Calls {
    let count = 2 + random.below(6) as usize;
    let mut moments: Vec<u32> = (0..2 * count as u32).collect();
    for at in (1..moments.len()).rev() {
        moments.swap(at, random.below(at as u64 + 1) as usize);
    }
    let mut calls: Calls = (0..count)
        .map(|at| {
            let (a, b) = (moments[2 * at], moments[2 * at + 1]);
            // Mostly short calls, or everything would be at the same time.
            let (start, end) = (a.min(b), a.max(b).min(a.min(b) + 1 + random.below(5) as u32));
            let (x, y) = (random.below(4) as u32, random.below(4) as u32);
            let call = match random.below(10) {
                0..5 => RegisterCall::Read(x),
                5..9 => RegisterCall::Write(x),
                _ => RegisterCall::Cas(x, y),
            };
            let unknown = random.chance(10);
            Timed { call, start: 2 * start, end: if unknown { NEVER } else { 2 * end + 1 } }
        })
        .collect();
    calls.sort_by_key(|timed| timed.start);
    calls
}

/// Each read with all writes and no other read, as it is defined.
fn literally(calls: &[Timed<RegisterCall>], number: usize) -> bool {
    let mut some: Calls = Vec::new();
    for (at, timed) in calls.iter().enumerate() {
        if at == number {
            let value = timed.call.found().expect("a read");
            some.push(Timed { call: RegisterCall::Read(value), ..*timed });
        } else if let Some(value) = timed.call.left() {
            some.push(Timed { call: RegisterCall::Write(value), ..*timed });
        }
    }
    brute_force(&CasRegister::default(), &INITIAL, &some)
}

#[test]
fn verdicts_on_reads_agree_with_brute_force() {
    let (mut good, mut bad, mut quiet) = (0, 0, 0);
    for seed in 0..100_000 {
        let calls = small(&mut Random(seed));
        let writes = Writes::new(&calls);
        for (number, timed) in calls.iter().enumerate().filter(|(_, timed)| timed.end != NEVER) {
            let Some(value) = timed.call.found() else { continue };
            let fine = literally(&calls, number);
            assert_eq!(writes.judge(timed, value).is_ok(), fine, "{seed} {number}: {calls:?}");
            if fine {
                good += 1
            } else {
                bad += 1
            }
            let other = |(at, other): (usize, &Timed<RegisterCall>)| {
                at != number
                    && other.call.left().is_some()
                    && other.start < timed.end
                    && timed.start < other.end
            };
            let during = calls.iter().enumerate().any(other);
            assert_eq!(writes.is_written_during(timed), during, "{seed} {number}: {calls:?}");
            quiet += usize::from(!during);
        }
    }
    assert!(good > 20_000 && bad > 20_000 && quiet > 20_000, "{good} {bad} {quiet}");
}

fn judge(calls: &[Timed<RegisterCall>]) -> Vec<usize> {
    let writes = Writes::new(calls);
    let wrong = |timed: &Timed<RegisterCall>| {
        timed
            .call
            .found()
            .is_some_and(|value| timed.end != NEVER && writes.judge(timed, value).is_err())
    };
    (0..calls.len()).filter(|at| wrong(&calls[*at])).collect()
}

#[test]
fn atomic_histories_are_regular_and_a_planted_old_value_is_found() {
    let mut planted = 0;
    for seed in 0..10_000 {
        let mut random = Random(seed);
        let shape = Shape {
            operations: 100 + random.below(300) as usize,
            processes: 1 + random.below(40) as u32,
            unknown_per_million: random.below(50_000),
            seed,
        };
        let mut calls = history(&mut Lagging::new(20 + random.below(60), 0, 0, seed), shape);
        assert_eq!(judge(&calls), [0usize; 0], "{seed}");
        // Of any value written once: if another write came between, complete on both sides,
        // a read of it cannot be right.
        let known = |at: &usize| calls[*at].end != NEVER;
        let write = |at: &usize| known(at) && calls[*at].call.left().is_some();
        let from = random.below(calls.len() as u64) as usize;
        let old = (from..calls.len()).find(write);
        let new = old.and_then(|old| {
            (old..calls.len()).filter(write).find(|at| calls[*at].start > calls[old].end)
        });
        let read = new.and_then(|new| {
            let after = |at: &usize| known(at) && calls[*at].start > calls[new].end;
            (new..calls.len()).filter(after).find(|at| calls[*at].call.left().is_none())
        });
        let (Some(old), Some(read)) = (old, read) else { continue };
        calls[read].call = RegisterCall::Read(calls[old].call.left().expect("a write"));
        assert_eq!(judge(&calls), [read], "{seed}");
        planted += 1;
    }
    assert!(planted > 3_000, "{planted}");
}

fn check(script: &Script, name: &str) -> Finding {
    let checker = super::super::checker(name, &Options::default()).expect("a name");
    checker.check(&script.history(), &Budget::default())
}

fn write(script: &mut Script, process: u32, value: u32) {
    script.whole(process, "write", json!(value), json!(value));
}

fn read(script: &mut Script, process: u32, value: Value) {
    script.whole(process, "read", json!(null), value);
}

#[test]
fn an_old_value_after_a_newer_one_is_regular_while_it_is_written() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    script.call(0, "write", json!(2));
    read(&mut script, 1, json!(2));
    read(&mut script, 1, json!(1));
    script.ok(0, "write", json!(2));
    assert_eq!(check(&script, "regular").verdict, Verdict::Valid);
    read(&mut script, 1, json!(1));
    let finding = check(&script, "regular");
    assert_eq!((finding.verdict, finding.anomaly_count), (Verdict::Invalid, 1));
    let anomaly = &finding.anomalies[0];
    assert_eq!((anomaly.kind.as_str(), &anomaly.operations[..]), ("stale-read", &[0, 2, 8][..]));
    assert_eq!(anomaly.rules_out, ["regular", "linearizable"]);
    let finding = check(&script, "safe");
    assert_eq!((finding.verdict, finding.anomaly_count), (Verdict::Invalid, 1));
    assert_eq!(finding.stats["during_writes"], 2);
}

#[test]
fn anything_may_be_seen_during_a_write_if_only_safety_is_promised() {
    let mut script = Script::default();
    script.call(0, "write", json!(1));
    read(&mut script, 1, json!(7));
    script.ok(0, "write", json!(1));
    assert!(
        check(&script, "safe").reason.expect("unknown").contains("while something was written")
    );
    read(&mut script, 1, json!(1));
    assert_eq!(check(&script, "safe").verdict, Verdict::Valid);
    let kinds = |finding: Finding| -> Vec<String> {
        finding.anomalies.iter().map(|anomaly| anomaly.kind.clone()).collect()
    };
    assert_eq!(kinds(check(&script, "regular")), ["phantom-read"]);
    read(&mut script, 1, json!(null));
    read(&mut script, 1, json!(3));
    write(&mut script, 0, 3);
    script.failed(0, "write", json!(4));
    read(&mut script, 1, json!(4));
    assert_eq!(kinds(check(&script, "safe")), ["stale-read", "future-read", "dirty-read"]);
}

#[test]
fn a_write_of_unknown_outcome_may_be_seen_and_replaces_nothing() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    script.call(0, "write", json!(2)).push(0, Kind::Info, "write", json!(2));
    read(&mut script, 1, json!(1));
    read(&mut script, 1, json!(2));
    read(&mut script, 1, json!(1));
    assert_eq!(check(&script, "regular").verdict, Verdict::Valid);
}
