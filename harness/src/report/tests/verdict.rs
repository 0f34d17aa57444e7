//! Verdicts and exit codes in every combination, and what `results.json` keeps.

use super::anomalies::{clean, cycle};
use super::fixture::SECOND;
use crate::exit;
use crate::report::*;
use perjury_checkers::{Anomaly, Finding, History, Verdict};
use serde_json::json;

fn finding(verdict: Verdict) -> Finding {
    let anomaly = || Anomaly {
        kind: "stale-read".to_owned(),
        title: "Stale read".to_owned(),
        explanation: String::new(),
        steps: Vec::new(),
        operations: Vec::new(),
        edges: Vec::new(),
        dead_end: None,
        key: None,
        rules_out: Vec::new(),
    };
    match verdict {
        Verdict::Valid => Finding::valid("a", json!({})),
        Verdict::Unknown => Finding::unknown("b", "out of budget: verified up to operation 9"),
        Verdict::Invalid => Finding::invalid("c", vec![anomaly()], json!({})),
    }
}

/// What must come of each combination of findings, a doubt, and an error.
fn expected(found: &[Verdict], doubt: bool, error: bool) -> (Verdict, u8) {
    if found.contains(&Verdict::Invalid) {
        (Verdict::Invalid, exit::ANOMALY)
    } else if error {
        (Verdict::Unknown, exit::HARNESS)
    } else if doubt || found.is_empty() || found.contains(&Verdict::Unknown) {
        (Verdict::Unknown, exit::UNKNOWN)
    } else {
        (Verdict::Valid, exit::VALID)
    }
}

#[test]
fn exit_codes_of_all_combinations() {
    let kinds = [Verdict::Valid, Verdict::Unknown, Verdict::Invalid];
    let mut combinations: Vec<Vec<Verdict>> = vec![Vec::new()];
    combinations.extend(kinds.map(|one| vec![one]));
    combinations.extend(kinds.into_iter().flat_map(|one| kinds.map(|other| vec![one, other])));
    let doubts = vec![Reason::new(code::NO_FINAL_READ, "the final reads were never made")];
    let failure =
        RunError { phase: "starting demo on n3".to_owned(), message: "port taken".to_owned() };
    for found in combinations {
        let findings: Vec<Finding> = found.iter().map(|verdict| finding(*verdict)).collect();
        for (doubt, error) in [(false, false), (false, true), (true, false), (true, true)] {
            let doubts = if doubt { doubts.clone() } else { Vec::new() };
            let conclusion = conclude(&findings, doubts, error.then_some(&failure));
            let (verdict, exit_code) = expected(&found, doubt, error);
            let case = format!("{found:?}, doubt {doubt}, error {error}");
            assert_eq!((conclusion.verdict, conclusion.exit_code), (verdict, exit_code), "{case}");
            // Nothing but `Valid` goes without a reason, and `Valid` has none.
            assert_eq!(conclusion.reasons.is_empty(), verdict == Verdict::Valid, "{case}");
            let has = |wanted: &str| conclusion.reasons.iter().any(|reason| reason.code == wanted);
            assert_eq!(has(code::ANOMALY), found.contains(&Verdict::Invalid), "{case}");
            assert_eq!(has(code::HARNESS_FAILED), error, "{case}");
            assert_eq!(has(code::CHECKER_UNKNOWN), found.contains(&Verdict::Unknown), "{case}");
        }
    }
}

#[test]
fn the_weightiest_reason_comes_first() {
    let findings = [finding(Verdict::Unknown), finding(Verdict::Invalid)];
    let doubts = vec![Reason::new(code::NO_FINAL_READ, "x")];
    let conclusion = conclude(&findings, doubts, None);
    let codes: Vec<&str> = conclusion.reasons.iter().map(|reason| &*reason.code).collect();
    assert_eq!(codes, [code::ANOMALY, code::CHECKER_UNKNOWN, code::NO_FINAL_READ]);
}

#[test]
fn results_survive_the_way_through_json() {
    for mut run in [clean(500), cycle()] {
        run.results.error = Some(RunError { phase: "x".to_owned(), message: "y".to_owned() });
        run.results.subject.seed = u64::MAX;
        let bytes = run.results.to_json().unwrap();
        let back = Results::from_json(&bytes).unwrap();
        assert_eq!(String::from_utf8(back.to_json().unwrap()), String::from_utf8(bytes));
        assert_eq!(back.subject, run.results.subject);
        assert_eq!(back.faults, run.results.faults);
    }
}

#[test]
fn results_json_has_the_names_that_others_rely_on() {
    let results = cycle().results;
    let value: serde_json::Value = serde_json::from_slice(&results.to_json().unwrap()).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["verdict"], "invalid");
    assert_eq!(value["exit_code"], 1);
    assert_eq!(value["reasons"][0]["code"], "anomaly");
    assert_eq!(value["started"], "2026-01-02T03:04:05Z");
    assert_eq!(value["faults"][0]["f"], "kill");
    assert_eq!(value["faults"][0]["outcome"], "healed");
    assert_eq!(value["findings"][0]["anomalies"][0]["kind"], "G-single");
    assert_eq!(value["errors"][0]["type"], "fail");
    let counts = &value["operations"]["read"];
    assert!(counts["invoked"].as_u64() >= counts["ok"].as_u64());
    assert!(counts["latency"]["p50_ns"].as_u64() <= counts["latency"]["max_ns"].as_u64());
    for name in [
        "name",
        "database",
        "workload",
        "seed",
        "nodes",
        "options",
        "phases",
        "tool",
        "host",
        "duration_ns",
    ] {
        assert!(!value[name].is_null(), "{name} is missing");
    }
}

#[test]
fn results_of_another_version_are_refused_with_the_remedy() {
    let text = r#"{"version": 2, "verdict": "maybe"}"#;
    let error = Results::from_json(text.as_bytes()).unwrap_err();
    assert!(error.contains("version 2") && error.contains("perjury analyze"), "{error}");
    assert!(Results::from_json(b"[]").unwrap_err().contains("no results.json"));
}

#[test]
fn a_run_that_failed_before_its_first_operation_has_results_too() {
    let error = RunError { phase: "connecting to n2".to_owned(), message: "refused".to_owned() };
    let evidence = Evidence { error: Some(error), ..Evidence::default() };
    let history = History::new(Vec::new()).unwrap();
    let results = Results::new(super::fixture::subject("register"), &history, evidence);
    assert_eq!((results.verdict, results.exit_code), (Verdict::Unknown, exit::HARNESS));
    assert_eq!(results.duration_ns, 0);
    let input = ReportInput {
        results: &results,
        history: &history,
        plan_toml: "",
        logs: &[],
        reproduce: "",
    };
    let page = html(&input);
    assert!(page.contains("The test itself failed") && page.contains("connecting to n2: refused"));
    assert!(summary::render(&input).contains("Harness failure"));
    let text = terminal::render(&results, false, 80);
    assert!(text.starts_with("! Harness failure") && text.contains("refused"), "{text}");
}

#[test]
fn duration_reaches_to_the_last_phase_and_the_last_event() {
    let results = clean(100).results;
    assert!(results.duration_ns >= 60 * SECOND);
    assert_eq!(results.total().invoked, 100);
}
