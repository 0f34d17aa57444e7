//! Staleness against brute force, on long histories, and what is allowed.

use serde_json::json;

use super::core::Clusters;
use super::measure::measure;
use super::*;
use crate::linear::distinct::{Calls, Lagging};
use crate::linear::model::{Asked, Model, NEVER, Timed, Values};
use crate::linear::models::RegisterCall;
use crate::linear::neighbours::random::Made;
use crate::linear::oracle::brute_force;
use crate::linear::synthetic::{Random, Shape, history};
use crate::testing::Script;
use crate::{Kind, Verdict};

/// A register whose reads see one of the last few writes.
struct Relaxed {
    versions: usize,
}

impl Model for Relaxed {
    type State = Vec<u32>;
    type Call = RegisterCall;

    fn noun(&self) -> &'static str {
        "register"
    }

    fn initial(&self, _values: &mut Values) -> Vec<u32> {
        vec![0]
    }

    fn call(&self, _: Asked<'_>, _: &mut Values) -> Result<Option<RegisterCall>, String> {
        Ok(None)
    }

    fn step(&self, state: &Vec<u32>, call: &RegisterCall) -> Option<Vec<u32>> {
        match call {
            RegisterCall::Write(value) => {
                let mut next = state.clone();
                next.push(*value);
                next.drain(..next.len().saturating_sub(self.versions));
                Some(next)
            }
            RegisterCall::Read(value) => state.contains(value).then(|| state.clone()),
            _ => None,
        }
    }

    fn describe(&self, _: &RegisterCall, _: &Values) -> String {
        String::new()
    }

    fn describe_state(&self, _: &Vec<u32>, _: &Values) -> String {
        String::new()
    }
}

fn relaxed(calls: &[Timed<RegisterCall>], versions: usize) -> bool {
    brute_force(&Relaxed { versions }, &vec![0], calls)
}

fn small(seed: u64) -> Calls {
    let mut random = Random(seed);
    let shape = Shape {
        operations: 4 + random.below(5) as usize,
        processes: 1 + random.below(5) as u32,
        unknown_per_million: [0, 0, 300_000][random.below(3) as usize],
        seed: random.bits(),
    };
    let mut register = Lagging::new(45, 80, random.below(5), random.bits());
    let mut calls = history(&mut register, shape);
    calls.truncate(8);
    let known: Vec<u32> = calls.iter().filter_map(|timed| timed.call.left()).collect();
    for timed in &mut calls {
        // Beyond what lags: any value, if it was asked for in time.
        if let RegisterCall::Read(value) = &mut timed.call
            && random.chance(10)
            && !known.is_empty()
        {
            *value = known[random.below(known.len() as u64) as usize];
        }
    }
    calls
}

/// The calls as one register, if nothing about its reads is impossible.
fn sane(calls: &[Timed<RegisterCall>]) -> Option<Versions<'_>> {
    let versions = Versions::read(calls).expect("values are distinct");
    let fine = |read: &u32| {
        let start = versions.start(versions.found(*read).expect("a read"));
        start.is_some_and(|start| start < i64::from(calls[*read as usize].end))
    };
    versions.reads.iter().all(fine).then_some(versions)
}

#[test]
fn k_agrees_with_brute_force() {
    let mut found = [0; 6];
    for seed in 0..120_000 {
        let calls = small(seed);
        let Some(versions) = sane(&calls) else { continue };
        let measure = measure(&versions, &|position| position, &versions.reads);
        let k = (1..).find(|k| relaxed(&calls, *k)).expect("some number of versions is enough");
        found[k.min(5)] += 1;
        let bounds = measure.bounds;
        let (least, most) = (bounds.least as usize, bounds.most as usize);
        assert!(least <= k && k <= most, "{seed}: {k} {bounds:?} {calls:?}");
        assert!(k > 2 || least == most, "{seed}: {k} {bounds:?} {calls:?}");
        assert_eq!(measure.crossing.is_none(), k == 1, "{seed}: {calls:?}");
        assert!(measure.stale.iter().all(|stale| (stale.versions as usize) < k), "{seed}");
        let clusters = Clusters::new(&versions, &versions.reads);
        assert_eq!(clusters.are_two_atomic(), k <= 2, "{seed}: {calls:?}");
        if k > 2 {
            let core = clusters.core();
            let of_core = |timed: &&Timed<RegisterCall>| match timed.call {
                RegisterCall::Write(value) | RegisterCall::Read(value) => core.contains(&value),
                _ => false,
            };
            let part: Calls = calls.iter().filter(of_core).copied().collect();
            assert!(!relaxed(&part, 2), "{seed}: {core:?} of {calls:?}");
        }
    }
    assert!(found[1..5].iter().all(|count| *count > 1_000), "{found:?}");
}

/// What an anomaly names is staler than allowed by itself.
#[test]
fn what_is_told_is_enough() {
    for allowed in 0..3 {
        let options =
            Options { keyed: true, allowed_versions: Some(allowed), ..Options::default() };
        let checker = StalenessChecker { options };
        let mut told = 0;
        for seed in 0..20_000 {
            let calls = small(seed);
            if sane(&calls).is_none() {
                continue;
            }
            let processes = (0..calls.len() as u32).collect();
            let made = Made { calls: vec![calls], processes: vec![processes] };
            let finding = checker.check(&made.history(), &Budget::default());
            for anomaly in finding.anomalies {
                told += 1;
                let part = &made.only(&anomaly.operations).calls[0];
                let holds = relaxed(part, allowed as usize + 1);
                assert!(!holds, "{allowed} {seed}: {anomaly:#?} of {made:?}");
            }
        }
        assert!(told > 50, "{told}");
    }
}

/// The same calls with each read begun so much earlier, and a little more.
fn shifted(calls: &[Timed<RegisterCall>], time: &dyn Fn(i64) -> i64, shift: i64) -> Calls {
    let start = |timed: &Timed<RegisterCall>| match timed.call {
        RegisterCall::Read(_) => (time(timed.start.into()) - shift, i64::MIN, timed.start),
        _ => (time(timed.start.into()), timed.start.into(), timed.start),
    };
    let end = |timed: &Timed<RegisterCall>| (time(timed.end.into()), timed.end.into(), timed.end);
    let known = |timed: &&Timed<RegisterCall>| timed.end != NEVER;
    let mut moments: Vec<_> = calls.iter().map(start).collect();
    moments.extend(calls.iter().filter(known).map(end));
    moments.sort_unstable();
    let place = |moment| moments.binary_search(&moment).expect("a moment") as u32;
    let shift = |timed: &Timed<RegisterCall>| Timed {
        call: timed.call,
        start: place(start(timed)),
        end: if timed.end == NEVER { NEVER } else { place(end(timed)) },
    };
    calls.iter().map(shift).collect()
}

#[test]
fn delta_agrees_with_brute_force() {
    let mut stale = 0;
    for seed in 0..100_000 {
        let calls = small(seed);
        let Some(versions) = sane(&calls) else { continue };
        // Several things may happen at the same time.
        let time = |position: i64| position / (1 + seed as i64 % 3);
        let measure = measure(&versions, &time, &versions.reads);
        let Some(crossing) = measure.crossing else {
            assert!(relaxed(&calls, 1), "{seed}: {calls:?}");
            continue;
        };
        stale += 1;
        let is_enough = |shift: &i64| relaxed(&shifted(&calls, &time, *shift), 1);
        let delta = (0..).find(is_enough).expect("some shift is enough");
        assert_eq!(crossing.shift, delta, "{seed}: {calls:?}");
        let longest = measure.stale.iter().map(|stale| stale.nanoseconds).max().unwrap_or(0);
        assert!(longest <= delta as u64, "{seed}: {calls:?}");
    }
    assert!(stale > 20_000, "{stale}");
}

#[test]
fn atomic_histories_are_not_stale_and_lagging_ones_are_as_they_lag() {
    for seed in 0..10_000 {
        let mut random = Random(seed);
        let shape = Shape {
            operations: 100 + random.below(200) as usize,
            processes: 1 + random.below(30) as u32,
            unknown_per_million: random.below(50_000),
            seed,
        };
        let lag = random.below(4);
        let calls = history(&mut Lagging::new(20 + random.below(60), 30, lag, seed), shape);
        let versions = sane(&calls).expect("reads see what was written");
        let measure = measure(&versions, &|position| position, &versions.reads);
        // The order in which it happened leaves each read at most so far behind.
        assert!(u64::from(measure.bounds.least) <= lag + 1, "{seed}: {:?}", measure.bounds);
        assert_eq!(measure.crossing.is_none(), measure.bounds.most == 1, "{seed}");
        if lag == 0 {
            assert_eq!((measure.crossing, measure.stale.len()), (None, 0), "{seed}");
        }
        if shape.processes == 1 && calls.iter().all(|timed| timed.end != NEVER) {
            // Nothing happens at the same time, so all is known.
            assert_eq!(measure.bounds.least, measure.bounds.most, "{seed}");
        }
    }
}

fn register() -> Options {
    Options::default()
}

fn write(script: &mut Script, process: u32, value: u32) {
    script.whole(process, "write", json!(value), json!(value));
}

fn read(script: &mut Script, process: u32, value: u32) {
    script.whole(process, "read", json!(null), json!(value));
}

/// Event n at n milliseconds: 1 is surely overwritten at 3 ms, and again at 5 ms; the read
/// begins at 6 ms.
fn two_behind() -> Script {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    write(&mut script, 0, 2);
    write(&mut script, 0, 3);
    read(&mut script, 1, 1);
    read(&mut script, 1, 3);
    script
}

#[test]
fn what_was_stale_is_measured() {
    let staleness = Staleness::of_history(&two_behind().history(), &register()).expect("measures");
    let time =
        Quantiles { p50: 0, p90: 3_000_000, p99: 3_000_000, p999: 3_000_000, max: 3_000_000 };
    let worst =
        StaleRead { operation: 6, key: None, value: json!(1), versions: 2, nanoseconds: 3_000_000 };
    let expected = Staleness {
        reads: 2,
        stale: 1,
        versions: Quantiles { p50: 0, p90: 2, p99: 2, p999: 2, max: 2 },
        nanoseconds: time,
        atomic: false,
        k: (3, 3),
        delta: 3_000_000,
        worst: vec![worst],
    };
    assert_eq!(staleness, expected);
}

#[test]
fn only_what_is_staler_than_allowed_is_invalid() {
    let check = |versions: Option<u32>, milliseconds: Option<u64>| {
        let nanoseconds = milliseconds.map(|ms| ms * 1_000_000);
        let options = Options {
            allowed_versions: versions,
            allowed_nanoseconds: nanoseconds,
            ..Options::default()
        };
        StalenessChecker { options }.check(&two_behind().history(), &Budget::default())
    };
    assert_eq!(check(None, None).verdict, Verdict::Valid);
    assert_eq!(check(None, None).stats["k"], json!({"least": 3, "most": 3}));
    assert_eq!(check(Some(2), Some(3)).verdict, Verdict::Valid);
    for finding in [check(Some(1), None), check(None, Some(2))] {
        assert_eq!((finding.verdict, finding.anomaly_count), (Verdict::Invalid, 1));
        let anomaly = &finding.anomalies[0];
        assert_eq!(
            (anomaly.kind.as_str(), &anomaly.operations[..]),
            ("stale-read", &[0, 2, 4, 6][..])
        );
        assert!(anomaly.explanation.contains("3.000 ms ago"), "{}", anomaly.explanation);
    }
}

/// Two writes at the same time, each of which somebody saw last: one of the reads is stale, but
/// nobody knows which.
#[test]
fn staleness_that_no_single_read_shows_is_found() {
    let mut script = Script::default();
    script.call(0, "write", json!(1)).call(1, "write", json!(2));
    read(&mut script, 2, 1);
    read(&mut script, 2, 2);
    read(&mut script, 2, 1);
    script.ok(0, "write", json!(1)).ok(1, "write", json!(2));
    let options = Options { allowed_versions: Some(0), ..Options::default() };
    let finding = StalenessChecker { options }.check(&script.history(), &Budget::default());
    assert_eq!((finding.verdict, finding.anomaly_count), (Verdict::Invalid, 1));
    assert_eq!(finding.anomalies[0].operations, [0, 1, 2, 4, 6]);
    assert_eq!(finding.stats["k"], json!({"least": 2, "most": 2}));
    assert_eq!(finding.stats["delta_milliseconds"], 1.0);
}

#[test]
fn what_nobody_wrote_is_never_allowed() {
    let mut script = Script::default();
    write(&mut script, 0, 1);
    read(&mut script, 1, 7);
    script.failed(0, "write", json!(8));
    read(&mut script, 1, 8);
    read(&mut script, 1, 9);
    write(&mut script, 0, 9);
    let finding = StalenessChecker::default().check(&script.history(), &Budget::default());
    let kinds: Vec<&str> = finding.anomalies.iter().map(|anomaly| anomaly.kind.as_str()).collect();
    assert_eq!(kinds, ["phantom-read", "dirty-read", "future-read"]);
}

#[test]
fn keys_are_measured_apart_and_the_worst_counts() {
    let mut script = Script::default();
    for value in 1..4 {
        script.whole(0, "write", json!([0, value]), json!([0, value]));
        script.whole(0, "write", json!([1, value]), json!([1, value]));
        script.whole(0, "read", json!([0, null]), json!([0, value]));
    }
    script.whole(0, "read", json!([1, null]), json!([1, 2]));
    let options = Options { keyed: true, allowed_versions: Some(0), ..Options::default() };
    let finding = StalenessChecker { options }.check(&script.history(), &Budget::default());
    assert_eq!((finding.verdict, finding.anomaly_count), (Verdict::Invalid, 1));
    assert_eq!(finding.anomalies[0].key, Some(json!(1)));
    assert_eq!(finding.stats["reads"], 4);
}

#[test]
fn what_cannot_be_measured_is_unknown() {
    let check = |script: &Script| {
        StalenessChecker::default().check(&script.history(), &Budget::default()).reason
    };
    let mut script = Script::default();
    write(&mut script, 0, 1);
    assert!(check(&script).expect("unknown").contains("no read has an answer"));
    write(&mut script, 0, 1);
    assert!(check(&script).expect("unknown").contains("the value 1 was written more than once"));
    let mut script = Script::default();
    script.call(0, "read", json!(null)).push(0, Kind::Info, "read", json!(null));
    assert!(check(&script).expect("unknown").contains("nothing to judge"));
}
