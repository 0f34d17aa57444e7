//! Fault records from events: who is hit, from when to when, and what is left open.

use super::fixture::{MS, SECOND, Script, pairs};
use crate::report::*;
use serde_json::{Value, json};

fn came(outcome: &str) -> Value {
    json!({"outcome": outcome, "evidence": {"seen": true}})
}

fn records(script: Script) -> Vec<FaultRecord> {
    faults_from(&script.history(), &pairs())
}

#[test]
fn a_fault_lasts_from_its_order_until_it_was_seen_to_be_gone() {
    let mut script = Script::default();
    script.nemesis(SECOND, 50 * MS, "kill", json!(["n1", "n2"]), came("installed"));
    script.nemesis(5 * SECOND, 300 * MS, "start", Value::Null, came("healed"));
    let found = records(script);
    assert_eq!(found.len(), 1);
    let fault = &found[0];
    assert_eq!((fault.from_ns, fault.observed_ns), (SECOND, Some(SECOND + 50 * MS)));
    assert_eq!(fault.to_ns, Some(5 * SECOND + 300 * MS));
    assert_eq!(fault.outcome, FaultOutcome::Healed);
    assert_eq!(fault.targets, ["n1", "n2"]);
    // Certainly in force only until mending began.
    assert_eq!(fault.window(), Some((SECOND + 50 * MS, 5 * SECOND)));
}

#[test]
fn faults_of_different_kinds_may_overlap() {
    let mut script = Script::default();
    script.nemesis(SECOND, MS, "kill", json!(["n1"]), came("installed"));
    script.nemesis(2 * SECOND, MS, "cut", Value::Null, came("installed"));
    script.nemesis(3 * SECOND, MS, "start", Value::Null, came("healed"));
    script.nemesis(4 * SECOND, MS, "mend", Value::Null, came("healed"));
    let ends: Vec<_> = records(script).iter().map(|fault| (fault.f.clone(), fault.to_ns)).collect();
    assert_eq!(
        ends,
        [("kill".to_owned(), Some(3 * SECOND + MS)), ("cut".to_owned(), Some(4 * SECOND + MS))]
    );
}

#[test]
fn mending_some_targets_leaves_the_fault_on_the_others() {
    let mut script = Script::default();
    script.nemesis(SECOND, MS, "pause", json!(["n1", "n2"]), came("installed"));
    script.nemesis(2 * SECOND, MS, "resume", json!(["n1"]), came("healed"));
    script.nemesis(3 * SECOND, MS, "resume", json!(["n3"]), came("healed"));
    let open = records(script);
    assert_eq!((open[0].to_ns, open[0].outcome), (None, FaultOutcome::Installed));

    let mut script = Script::default();
    script.nemesis(SECOND, MS, "pause", json!(["n1", "n2"]), came("installed"));
    script.nemesis(2 * SECOND, MS, "resume", json!(["n1"]), came("healed"));
    script.nemesis(3 * SECOND, MS, "resume", json!(["n2"]), came("healed"));
    assert_eq!(records(script)[0].to_ns, Some(3 * SECOND + MS));
}

#[test]
fn what_was_not_proved_to_be_healed_stays_open() {
    for word in ["indeterminate", "skipped"] {
        let mut script = Script::default();
        script.nemesis(SECOND, MS, "kill", json!(["n1"]), came("installed"));
        script.nemesis(
            2 * SECOND,
            MS,
            "start",
            Value::Null,
            json!({"outcome": word, "reason": "no answer"}),
        );
        let found = records(script);
        assert_eq!((found[0].to_ns, found[0].outcome), (None, FaultOutcome::Installed), "{word}");
        assert_eq!(found[0].mend.as_ref().unwrap().reason.as_deref(), Some("no answer"));
        assert_eq!(found[0].window(), Some((SECOND + MS, u64::MAX)));
    }
}

#[test]
fn skipped_and_unfinished_faults_are_kept_and_never_observed() {
    let mut script = Script::default();
    script.nemesis(
        SECOND,
        MS,
        "kill",
        json!(["n1"]),
        json!({"outcome": "skipped", "reason": "down"}),
    );
    script.push(
        2 * SECOND,
        perjury_checkers::Process::Nemesis,
        perjury_checkers::Kind::Info,
        "cut",
        json!(null),
    );
    let found = records(script);
    assert_eq!(found[0].outcome, FaultOutcome::Skipped);
    assert_eq!((found[0].span(), found[0].observed_ns), (None, None));
    assert_eq!(found[1].outcome, FaultOutcome::Indeterminate);
    assert!(found[1].reason.as_deref().unwrap().contains("the run ended"));
    assert_eq!(found[1].span(), Some((2 * SECOND, u64::MAX)));
}

#[test]
fn an_operation_that_ended_in_an_error_is_indeterminate() {
    let mut script = Script::default();
    script.nemesis(SECOND, MS, "kill", json!(["n1"]), json!(["n1"]));
    script.error("nemesis timed out after 30 s");
    script.nemesis(2 * SECOND, MS, "kill", json!(["n2"]), came("installed"));
    let found = records(script);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].outcome, FaultOutcome::Indeterminate);
    assert_eq!(found[0].reason.as_deref(), Some("nemesis timed out after 30 s"));
    assert_eq!(found[1].outcome, FaultOutcome::Installed);
}

#[test]
fn targets_come_from_what_was_seen_before_what_was_asked() {
    let mut script = Script::default();
    let asked = json!({"spec": "primaries", "fallback": ["n3"]});
    let evidence = json!({"nodes": {"n1": {"pids": [7]}}, "spec": "primaries"});
    let seen = json!({"outcome": "installed", "evidence": evidence});
    script.nemesis(SECOND, MS, "kill", asked, seen);
    let found = records(script);
    assert_eq!(found[0].targets, ["n1"]);
    assert_eq!(found[0].target_words(), "primaries: n1");
}

fn cut_words(links: Value) -> String {
    let mut script = Script::default();
    let asked = json!({"shape": "halves", "cut": links});
    script.nemesis(
        SECOND,
        MS,
        "cut",
        asked,
        json!({"outcome": "installed", "evidence": {"shape": "halves"}}),
    );
    records(script)[0].target_words()
}

#[test]
fn cuts_are_named_by_the_groups_that_they_part() {
    let both = |pairs: &[(&str, &str)]| -> Value {
        pairs.iter().flat_map(|(a, b)| [json!([a, b]), json!([b, a])]).collect()
    };
    let halves = both(&[("n1", "n3"), ("n1", "n4"), ("n2", "n3"), ("n2", "n4")]);
    assert_eq!(cut_words(halves), "halves: n1 n2 | n3 n4");
    assert_eq!(cut_words(json!([["n1", "n2"]])), "halves: n1 → n2");
    // A bridge: n3 reaches both sides, so the nodes that are cut from each other are two groups.
    let bridge = both(&[("n1", "n4"), ("n1", "n5"), ("n2", "n4"), ("n2", "n5")]);
    assert_eq!(cut_words(bridge), "halves: n1 n2 | n4 n5");
    // A ring has no groups.
    let ring = both(&[("n1", "n3"), ("n1", "n4"), ("n2", "n4"), ("n2", "n5"), ("n3", "n5")]);
    assert_eq!(cut_words(ring), "halves: n1 → n3, n1 → n4, n2 → n4, n2 → n5 and 6 more links");
}
