//! What clients got during a fault and after it, and limits on that.

use super::fixture::{MS, SECOND, Script, pairs};
use crate::report::limits::{Bound, Limit, judge};
use crate::report::service::{Service, measure};
use crate::report::*;
use perjury_checkers::{Finding, Kind, Verdict};
use serde_json::{Value, json};

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
    measure(&history, &history.operations(), 30 * SECOND, &mut faults);
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
fn a_client_that_ends_is_no_call_that_was_not_served() {
    let mut script = Script::default();
    let came = |outcome: &str| json!({"outcome": outcome, "evidence": {}});
    script.nemesis(SECOND, MS, "kill", json!(["n1"]), came("installed"));
    script.call(1, 2 * SECOND, MS, "write", (json!(1), Kind::Ok, json!(1)));
    script.call(1, 3 * SECOND, MS, "crash", (Value::Null, Kind::Info, Value::Null));
    script.nemesis(4 * SECOND, MS, "start", Value::Null, came("healed"));
    let history = script.history();
    let mut faults = faults_from(&history, &pairs());
    measure(&history, &history.operations(), 5 * SECOND, &mut faults);
    let service = faults.remove(0).service.unwrap();
    assert_eq!((service.calls, service.ok, service.errors.len()), (1, 1, 0));
}

#[test]
fn a_call_that_the_database_declined_was_served() {
    let run = |error: &str| {
        let mut script = Script::default();
        let came = |outcome: &str| json!({"outcome": outcome, "evidence": {}});
        script.nemesis(SECOND, MS, "kill", json!(["n1"]), came("installed"));
        script.call(1, 2 * SECOND, MS, "acquire", (Value::Null, Kind::Fail, Value::Null));
        script.error(error);
        script.nemesis(4 * SECOND, MS, "start", Value::Null, came("healed"));
        script.call(1, 5 * SECOND, MS, "acquire", (Value::Null, Kind::Fail, Value::Null));
        script.error(error);
        let history = script.history();
        let mut faults = faults_from(&history, &pairs());
        measure(&history, &history.operations(), 9 * SECOND, &mut faults);
        faults.remove(0).service.unwrap()
    };
    let there = run("declined: held");
    assert_eq!((there.calls, there.ok, there.declined, there.errors.len()), (1, 0, 1, 0));
    assert_eq!((there.availability(), there.availability_after()), (Some(1.0), Some(1.0)));
    assert!(there.recovery_ns.is_some());
    // What was not asked is no call, neither one that was served nor one that was not.
    let idle = run("not asked: not held");
    assert_eq!((idle.calls, idle.availability(), idle.recovery_ns), (0, None, None));
    assert_eq!(idle.longest_outage_ns, 3 * SECOND - MS);
    // Words that do not begin so are the database's own.
    let absent = run("it was declined: no leader");
    assert_eq!((absent.availability(), absent.errors.len()), (Some(0.0), 1));
    assert_eq!(absent.recovery_ns, None);
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
fn what_was_answered_instead_is_counted() {
    let errors = service().errors;
    // Of the twenty calls in the window, two were served.
    assert_eq!(errors.iter().map(|error| error.count).sum::<u64>(), 18);
    assert_eq!((&*errors[0].f, errors[0].kind), ("write", Kind::Fail));
}

/// In a cluster of three.
fn judged(limits: &[&str]) -> Option<Finding> {
    let parse = |text: &&str| Limit::parse(text, |fault| Ok(fault.to_owned())).unwrap();
    let limits: Vec<Limit> = limits.iter().map(parse).collect();
    judge(&faults(), 3, &limits)
}

fn kinds(finding: &Finding) -> Vec<&str> {
    finding.anomalies.iter().map(|anomaly| &*anomaly.kind).collect()
}

#[test]
fn limits_that_hold_are_valid_and_those_that_do_not_are_named() {
    assert!(judged(&[]).is_none());
    let held = judged(&["availability >= 10%", "outage <= 9s", "recovery<=1s"]).unwrap();
    assert_eq!(held.verdict, Verdict::Valid, "{held:?}");
    let finding = judged(&["availability >= 0.5", "outage <= 5s", "recovery <= 0s"]).unwrap();
    assert_eq!(finding.verdict, Verdict::Invalid);
    assert_eq!(kinds(&finding), ["unavailable", "long-outage", "slow-recovery"]);
    let all = [Bound::Availability(0.5), Bound::Recovery(0)].map(Limit::of_all);
    assert_eq!(kinds(&judge(&faults(), 3, &all).unwrap()), ["unavailable", "slow-recovery"]);
    assert_eq!(judge(&[], 3, &all).unwrap().verdict, Verdict::Unknown);
}

#[test]
fn a_limit_concerns_the_faults_that_it_names() {
    let verdict = |limit: &str| judged(&[limit]).unwrap().verdict;
    for concerned in ["under kill", "under kill of a minority", "under kill n1"] {
        let limit = format!("availability >= 0.5 {concerned}");
        assert_eq!(verdict(&limit), Verdict::Invalid, "{limit}");
    }
    for other in ["under pause", "under kill majority", "under kill all", "under kill n2"] {
        let limit = format!("availability >= 0.5 {other}");
        assert_eq!(verdict(&limit), Verdict::Unknown, "{limit}");
    }
}

#[test]
fn what_is_no_limit_is_told_with_what_to_write() {
    let told =
        |text: &str| Limit::parse(text, |fault| Err(format!("no fault {fault}"))).unwrap_err();
    assert!(told("be quick").contains("availability >= 0.9"));
    assert!(told("availability >= 7").contains("from 0 to 1"));
    assert!(told("availability <= 0.9").contains("is no limit"));
    assert!(told("outage <= 5 apples").contains("under FAULT"));
    assert!(told("outage <= 5x").contains("no unit of time"));
    assert_eq!(told("outage <= 5s under rain"), "no fault rain");
}
