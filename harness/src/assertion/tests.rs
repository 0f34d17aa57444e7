//! Tests of assertions: each way to be reached, each way to fail, and silence otherwise.

use super::recorder::Said;
use super::*;
use crate::report::{FaultOutcome, FaultRecord};
use crate::store::{RunDir, Store};
use perjury_checkers::{Event, History, Kind as Of, Process, Verdict};
use regex_lite::Regex;
use serde_json::{Value, json};

const SECOND: u64 = 1_000_000_000;

fn run() -> (tempfile::TempDir, RunDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let run = store.create_run("test", &jiff::Zoned::now()).unwrap();
    (dir, run)
}

fn log(name: &str, kind: Kind, pattern: &str, except: Option<&str>) -> Claim {
    let regex = |text: &str| Regex::new(text).unwrap();
    let seen = Seen::Log { pattern: regex(pattern), except: except.map(regex) };
    Claim { name: name.to_owned(), kind, seen, needs: Vec::new() }
}

fn killed(primary: bool, open: Option<&str>) -> Claim {
    Claim {
        name: "a kill".to_owned(),
        kind: Kind::Sometimes,
        seen: Seen::Fault { fault: "kill".to_owned(), primary, open: open.map(str::to_owned) },
        needs: Vec::new(),
    }
}

/// A kill from 10 s, observed at 11 s, of a primary or of somebody.
fn kill(primary: bool) -> FaultRecord {
    FaultRecord {
        index: 7,
        f: "kill".to_owned(),
        targets: vec!["n1".to_owned()],
        value: Value::Null,
        from_ns: 10 * SECOND,
        observed_ns: Some(11 * SECOND),
        to_ns: Some(15 * SECOND),
        outcome: FaultOutcome::Healed,
        evidence: if primary { json!({"primaries": ["n1"]}) } else { json!({}) },
        reason: None,
        mend: None,
        ok_operations: 0,
        service: None,
    }
}

/// One call of `txn` from half a second until `end`.
fn history(end: u64) -> History {
    let event = |index, time, kind| Event {
        index,
        time,
        process: Process::Client(0),
        kind,
        f: "txn".into(),
        value: Value::Null,
        node: Some("n1".into()),
        error: None,
        due: None,
    };
    History::new(vec![event(0, SECOND / 2, Of::Invoke), event(1, end, Of::Ok)]).unwrap()
}

/// What comes of `claims` in a run with these faults, where only kills were asked for.
fn judged(run: &RunDir, claims: &[Claim], faults: &[FaultRecord], end: u64, asked: bool) -> Judged {
    let asked: Vec<(String, String)> =
        asked.then(|| ("kill".to_owned(), "kill".to_owned())).into_iter().collect();
    judge(&Given {
        claims,
        lines: &read(run),
        run,
        nodes: &["n1".to_owned(), "n2".to_owned()],
        operations: &history(end).operations(),
        faults,
        asked: &asked,
        lenient: false,
    })
    .unwrap()
}

fn verdict(judged: &Judged) -> Verdict {
    judged.finding.as_ref().unwrap().verdict
}

#[test]
fn nothing_asserted_is_no_finding() {
    let (_dir, run) = run();
    assert!(judged(&run, &[], &[], SECOND, true).finding.is_none());
}

#[test]
fn lines_of_logs_are_found_with_their_places_and_exceptions_are_none() {
    let (_dir, run) = run();
    let text = "started\nERROR disk is full\nERROR this is a drill\n";
    std::fs::write(run.node_dir("n2").unwrap().join("db.log"), text).unwrap();
    let never = |except| [log("errors", Kind::Never, "^ERROR", except)];
    let found = judged(&run, &never(Some("drill")), &[], SECOND, true);
    assert_eq!(verdict(&found), Verdict::Invalid);
    assert_eq!(found.records[0].evidence, ["n2 db.log:2: ERROR disk is full"]);
    let anomaly = &found.finding.as_ref().unwrap().anomalies[0];
    assert!(anomaly.explanation.contains("n2 db.log:2"), "{}", anomaly.explanation);
    let silent = judged(&run, &never(Some("disk|drill")), &[], SECOND, true);
    assert_eq!(verdict(&silent), Verdict::Valid);
    let sometimes = |pattern| [log("a start", Kind::Sometimes, pattern, None)];
    let reached = |pattern| verdict(&judged(&run, &sometimes(pattern), &[], SECOND, true));
    assert_eq!(reached("^started"), Verdict::Valid);
    assert_eq!(reached("^stopped"), Verdict::Unknown);
}

#[test]
fn a_fault_counts_if_it_hit_whom_it_should_and_when() {
    let (_dir, run) = run();
    let verdict = |claim: Claim, faults: &[FaultRecord], end| {
        verdict(&judged(&run, &[claim], faults, end, true))
    };
    assert_eq!(verdict(killed(false, None), &[], SECOND), Verdict::Unknown);
    assert_eq!(verdict(killed(false, None), &[kill(false)], 9 * SECOND), Verdict::Valid);
    assert_eq!(verdict(killed(true, None), &[kill(false)], 9 * SECOND), Verdict::Unknown);
    assert_eq!(verdict(killed(true, None), &[kill(true)], 9 * SECOND), Verdict::Valid);
    // The transaction was over before the kill, or not.
    let open = || killed(true, Some("txn"));
    assert_eq!(verdict(open(), &[kill(true)], 10 * SECOND), Verdict::Unknown);
    assert_eq!(verdict(open(), &[kill(true)], 12 * SECOND), Verdict::Valid);
    assert_eq!(verdict(killed(true, Some("read")), &[kill(true)], 12 * SECOND), Verdict::Unknown);
    let unseen = FaultRecord { observed_ns: None, ..kill(true) };
    assert_eq!(verdict(killed(false, None), &[unseen], 12 * SECOND), Verdict::Unknown);
}

#[test]
fn what_needs_a_fault_that_was_not_asked_for_is_not_of_this_run() {
    let (_dir, run) = run();
    let needs = Claim {
        needs: vec!["kill".to_owned()],
        ..log("a restart", Kind::Sometimes, "restarted", None)
    };
    let claims = [needs, killed(false, None)];
    let without = judged(&run, &claims, &[], SECOND, false);
    assert_eq!(verdict(&without), Verdict::Valid);
    assert!(without.records.iter().all(|record| record.state == State::Skipped));
    assert_eq!(verdict(&judged(&run, &claims, &[], SECOND, true)), Verdict::Unknown);
}

#[test]
fn what_clients_assert_is_recorded_and_judged() {
    let (_dir, run) = run();
    // Outside of a run nothing is recorded.
    always("before", false, || Value::Null);
    let recording = Recording::begin(&run).unwrap();
    declare(Kind::Sometimes, "never looked at");
    for at in 0..9 {
        sometimes("five", at == 5);
        always("small", at < 3, || json!({ "at": at }));
        always("fine", true, || Value::Null);
    }
    // What is there at this moment is what a killed controller leaves.
    let lines = read(&run);
    assert!(lines.iter().all(|line| !matches!(line.said, Said::Counted { .. })));
    let torn = judged(&run, &[], &[], SECOND, true);
    assert_eq!(verdict(&torn), Verdict::Invalid);
    drop(recording);
    sometimes("after", true);

    let judged = judged(&run, &[], &[], SECOND, true);
    let of = |name: &str| judged.records.iter().find(|record| record.name == name);
    assert!(of("before").is_none() && of("after").is_none());
    assert_eq!(of("never looked at").unwrap().state, State::Unreached);
    let five = of("five").unwrap();
    assert_eq!((five.state, five.held, five.failed), (State::Held, 1, 8));
    assert!(five.first_ns.is_some());
    let small = of("small").unwrap();
    assert_eq!((small.state, small.held, small.failed), (State::Failed, 3, 6));
    assert_eq!(small.evidence.len(), 5);
    assert!(small.evidence[0].contains(r#"{"at":3}"#), "{:?}", small.evidence);
    assert_eq!(of("fine").unwrap().state, State::Held);
    let finding = judged.finding.unwrap();
    assert_eq!((finding.verdict, finding.anomalies.len()), (Verdict::Invalid, 1));
}

#[test]
fn what_never_came_about_is_left_to_the_campaign_if_it_looks() {
    let unreached = Record {
        name: "x".to_owned(),
        kind: Kind::Sometimes,
        source: Source::Client,
        state: State::Unreached,
        held: 0,
        failed: 0,
        first_ns: None,
        evidence: Vec::new(),
    };
    assert_eq!(conclude(std::slice::from_ref(&unreached), false).verdict, Verdict::Unknown);
    assert_eq!(conclude(&[unreached], true).verdict, Verdict::Valid);
}

#[test]
fn a_crash_counts_where_nothing_was_broken() {
    let end = |at_ns, code, signal| End { node: "n1".to_owned(), at_ns, code, signal, core: false };
    let verdict = |end: End, crashes| judge_ends(&[end], &[kill(false)], crashes).unwrap().verdict;
    let segv = Some(nix::libc::SIGSEGV);
    assert!(judge_ends(&[], &[], Crashes::Never).is_none());
    // Before the kill, during it and in its aftermath, and long after it.
    let usual = Crashes::Undisturbed;
    assert_eq!(verdict(end(2 * SECOND, None, segv), usual), Verdict::Invalid);
    assert_eq!(verdict(end(12 * SECOND, None, segv), usual), Verdict::Valid);
    assert_eq!(verdict(end(20 * SECOND, None, segv), usual), Verdict::Valid);
    assert_eq!(verdict(end(60 * SECOND, None, segv), usual), Verdict::Invalid);
    // It gave up, or somebody killed it: no crash, unless the definition says so.
    assert_eq!(verdict(end(2 * SECOND, Some(1), None), usual), Verdict::Valid);
    assert_eq!(verdict(end(2 * SECOND, None, Some(nix::libc::SIGKILL)), usual), Verdict::Valid);
    assert_eq!(verdict(end(12 * SECOND, Some(1), None), Crashes::Never), Verdict::Invalid);
    assert_eq!(verdict(end(2 * SECOND, None, segv), Crashes::Told), Verdict::Valid);
}
