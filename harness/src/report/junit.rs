//! `junit.xml`: a run as a test suite, a checker as a test case.
//!
//! An anomaly is a failure. What could not be decided is an error, because a tool that knows only
//! green and red must not show it as green.

use super::headline;
use super::results::Results;
use super::text;
use super::verdict::{Reason, code};
use crate::store::StoreError;
use perjury_checkers::{Anomaly, Finding, Verdict};
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use std::fmt::Write as _;
use std::time::Duration;

/// Name of the test case that says whether the run was worth a verdict at all.
const CONCLUSIVE: &str = "run is conclusive";
/// Characters of one text.
const TEXT_MAX: usize = 4000;

/// The bytes of `junit.xml`.
pub fn render(results: &Results) -> Result<String, StoreError> {
    let subject = &results.subject;
    let time = Duration::from_nanos(results.duration_ns);
    let mut suite = TestSuite::new(shown(&subject.name));
    suite.set_time(time);
    suite.add_property(("database", &*shown(&subject.database)));
    suite.add_property(("workload", &*shown(&subject.workload)));
    suite.add_property(("seed", &*subject.seed.to_string()));
    suite.add_property(("started", &*subject.started.to_string()));
    let class = shown(&format!("{}.{}", subject.database, subject.workload));
    for finding in &results.findings {
        suite.add_test_case(case(&shown(&finding.checker), &class, of_finding(finding)));
    }
    suite.add_test_case(case(CONCLUSIVE, &class, conclusive(results)));
    let mut report = Report::new("perjury");
    report.set_time(time);
    report.add_test_suite(suite);
    to_xml(&report)
}

/// The bytes of a report in which nothing is skipped.
pub(crate) fn to_xml(report: &Report) -> Result<String, StoreError> {
    let xml = report
        .to_string()
        .map_err(|error| StoreError::Render { name: "junit.xml", reason: error.to_string() })?;
    // Of `testsuites`, whose tag is the first: the schema of Jenkins' xUnit plugin does not allow
    // the attribute there and refuses the whole file. Quotes inside of a name are escaped.
    Ok(xml.replacen(" skipped=\"0\"", "", 1))
}

pub(crate) fn shown(words: &str) -> String {
    // Two characters that Unicode has and XML forbids.
    let words = text::printable(words).replace(['\u{fffe}', '\u{ffff}'], "");
    text::elide(&words, TEXT_MAX).into_owned()
}

pub(crate) fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}

fn of_finding(finding: &Finding) -> TestCaseStatus {
    match finding.verdict {
        Verdict::Valid => TestCaseStatus::success(),
        Verdict::Unknown => {
            let reason = finding.reason.as_deref().unwrap_or("no reason was given");
            problem(NonSuccessKind::Error, code::CHECKER_UNKNOWN, reason, reason)
        }
        Verdict::Invalid => {
            let first = finding.anomalies.first();
            let kind = first.map_or(code::ANOMALY, |anomaly| &anomaly.kind);
            let title = first.map_or("an anomaly", |anomaly| &anomaly.title);
            problem(NonSuccessKind::Failure, kind, title, &explained(&finding.anomalies))
        }
    }
}

/// Doubts and errors: all reasons that are not a checker's.
fn conclusive(results: &Results) -> TestCaseStatus {
    let of_checkers = [code::ANOMALY, code::CHECKER_UNKNOWN];
    let others: Vec<&Reason> =
        results.reasons.iter().filter(|reason| !of_checkers.contains(&&*reason.code)).collect();
    let Some(first) = others.first() else { return TestCaseStatus::success() };
    let lines: Vec<String> =
        others.iter().map(|reason| format!("{}: {}", reason.code, reason.text)).collect();
    let mut status = problem(NonSuccessKind::Error, &first.code, &first.text, &lines.join("\n"));
    if headline::Standing::of(results) == headline::Standing::Failed {
        status.set_message(shown(&format!("the harness failed: {}", first.text)));
    }
    status
}

pub(crate) fn problem(
    kind: NonSuccessKind,
    code: &str,
    message: &str,
    description: &str,
) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(shown(code)).set_message(shown(message)).set_description(shown(description));
    status
}

fn explained(anomalies: &[Anomaly]) -> String {
    let mut words = String::new();
    for anomaly in anomalies.iter().take(5) {
        let _ = writeln!(words, "{} ({})\n{}", anomaly.title, anomaly.kind, anomaly.explanation);
        for (number, step) in anomaly.steps.iter().take(12).enumerate() {
            let _ = writeln!(words, "{}. {}", number + 1, step.text);
        }
        words.push('\n');
    }
    words.trim_end().to_owned()
}
