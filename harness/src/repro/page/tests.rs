//! Tests of the page: rates, what came instead, and words of the shell.

use super::*;
use crate::repro::{Finding, parse};

const FINDINGS: &str = r#"
[[finding]]
name = "lossy"
claim = "it loses what it acknowledged"
publication = "a page, 2013"
test = ["mini", "--at", "5s kill n1"]
anomalies = ["lost-element"]
strict = ["mini", "--set", "safe=true"]
strict_why = "it waits for others"
"#;

fn outcome(seed: u64, exit_code: u8, kind: Option<&str>) -> Outcome {
    Outcome {
        seed,
        seconds: 30.0 + seed as f64,
        exit_code: Some(exit_code),
        verdict: None,
        anomalies: kind.iter().map(|kind| ((*kind).to_owned(), 2)).collect(),
        reason: (exit_code > 1).then(|| "no fault was seen".to_owned()),
        run: None,
    }
}

fn record(loose: Vec<Outcome>, strict: Vec<Outcome>) -> Record {
    let finding: Finding = parse(FINDINGS).unwrap().remove(0);
    Record { finding, loose, strict }
}

#[test]
fn a_finding_is_shown_by_its_own_kinds_only() {
    let lost = Some("lost-element");
    let all = record(vec![outcome(1, 1, lost), outcome(2, 1, lost)], vec![outcome(1, 0, None)]);
    assert!(all.is_reproduced());
    let other = record(vec![outcome(1, 1, Some("stale-read"))], vec![outcome(1, 0, None)]);
    assert!(!other.is_reproduced() && other.shown() == 0);
    let loud = record(vec![outcome(1, 1, lost)], vec![outcome(1, 1, lost)]);
    assert!(!loud.is_reproduced() && loud.shown() == 1 && loud.passed() == 0);
    assert!(!record(Vec::new(), Vec::new()).is_reproduced());
}

#[test]
fn the_page_has_rates_and_what_came_instead() {
    let lost = Some("lost-element");
    let mut record =
        record(vec![outcome(1, 1, lost), outcome(2, 2, None)], vec![outcome(1, 0, None)]);
    record.merge(Record { loose: vec![outcome(3, 1, lost)], strict: Vec::new(), ..record.clone() });
    let page = page(&[record]);
    for part in [
        "| [lossy](#lossy) | 2 of 3 | 1 of 1 | lost-element (2) | 32 |",
        "it loses what it acknowledged.",
        "perjury test mini --at '5s kill n1'",
        "- seed 2: unknown: no fault was seen",
    ] {
        assert!(page.contains(part), "{part} is not in\n{page}");
    }
    assert!(!page.contains("seed 1:"), "{page}");
}

#[test]
fn a_key_that_is_not_known_is_refused() {
    let error = parse(&FINDINGS.replace("claim =", "clam =")).unwrap_err();
    assert!(error.contains("clam"), "{error}");
}
