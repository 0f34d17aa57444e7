//! What clients got during a fault and after it, and limits on that.

use super::fixture::{MS, SECOND, Script, pairs};
use crate::report::service::{Limits, Service, judge, measure};
use crate::report::*;
use perjury_checkers::{Kind, Verdict};
use serde_json::{Value, json};
use std::time::Duration;

/// A kill from 10 s to 20 s, during which n2 answers until 12 s and nobody from then on; after it
/// n2 is back at once and n3 three seconds later.
fn faults() -> Vec<FaultRecord> {
    let mut script = Script::default();
    let came = |outcome: &str| json!({"outcome": outcome, "evidence": {}});
    script.nemesis(10 * SECOND, MS, "kill", json!(["n1"]), came("installed"));
    script.nemesis(20 * SECOND, MS, "start", Value::Null, came("healed"));
    let answer = |kind| (json!(1), kind, json!(1));
    // Process 1 is a client of n2, process 2 of n3.
    for time in 0..30 {
        let at = time * SECOND + 500 * MS;
        let serves = !(12..20).contains(&time);
        script.call(1, at, MS, "write", answer(if serves { Kind::Ok } else { Kind::Fail }));
        let serves = !(10..23).contains(&time);
        script.call(2, at + MS, MS, "write", answer(if serves { Kind::Ok } else { Kind::Fail }));
    }
    let history = script.history();
    let mut faults = faults_from(&history, &pairs());
    measure(&history.operations(), 30 * SECOND, &mut faults);
    faults
}

fn service() -> Service {
    faults().remove(0).service.unwrap()
}

#[test]
fn availability_and_outage_are_those_of_the_window() {
    let service = service();
    assert_eq!((service.calls, service.ok), (20, 2));
    assert_eq!(service.availability(), Some(0.1));
    // From the answer at 11.501 s until mending began.
    assert_eq!(service.longest_outage_ns, 20 * SECOND - 11 * SECOND - 501 * MS);
}

#[test]
fn recovery_is_counted_from_when_the_fault_was_gone() {
    let service = service();
    assert_eq!(service.recovery_ns, Some(500 * MS));
    assert_eq!(service.node_recovery_ns["n2"], 500 * MS);
    assert_eq!(service.node_recovery_ns["n3"], 3 * SECOND + 501 * MS);
    // Of the ten calls until 25 s, n3 failed three.
    assert_eq!((service.calls_after, service.ok_after), (10, 7));
    assert_eq!(service.availability_after(), Some(0.7));
}

#[test]
fn limits_that_hold_are_valid_and_those_that_do_not_are_named() {
    let limits = |share, seconds| Limits {
        min_availability: Some(share),
        max_recovery: Some(Duration::from_secs(seconds)),
    };
    assert!(judge(&faults(), Limits::default()).is_none());
    assert_eq!(judge(&faults(), limits(0.1, 1)).unwrap().verdict, Verdict::Valid);
    let finding = judge(&faults(), limits(0.5, 0)).unwrap();
    assert_eq!(finding.verdict, Verdict::Invalid);
    let kinds: Vec<&str> = finding.anomalies.iter().map(|anomaly| &*anomaly.kind).collect();
    assert_eq!(kinds, ["unavailable", "slow-recovery"]);
    assert_eq!(judge(&[], limits(0.5, 0)).unwrap().verdict, Verdict::Unknown);
}
