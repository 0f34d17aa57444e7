//! `junit.xml`: a suite for each database and workload, a test case for each cell.
//!
//! Within what the schema of Jenkins' xUnit plugin allows, which is the strictest in wide use: no
//! properties or times of day at a test case, and no `skipped` at the root. Nothing is ever
//! skipped: a cell that was not run is an error, because a run that tested nothing is not green.

use super::Input;
use super::words::{self, Look};
use crate::campaign::record::{Campaign, Cell, Outcome};
use crate::report::junit::{case, problem, shown, to_xml};
use crate::report::text;
use crate::store::StoreError;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

/// The bytes of `junit.xml`.
pub(super) fn render(input: &Input<'_>) -> Result<String, StoreError> {
    let campaign = input.campaign;
    let mut report = Report::new(shown(&campaign.name));
    report.set_time(words::span(campaign.cells.iter().map(words::seconds).sum()));
    for (database, workload) in suites(campaign) {
        let inside = |cell: &&Cell| {
            words::axis(cell, "database") == database && words::axis(cell, "workload") == workload
        };
        let cells: Vec<&Cell> = campaign.cells.iter().filter(inside).collect();
        report.add_test_suite(suite(input, &format!("{database}.{workload}"), &cells));
    }
    to_xml(&report)
}

/// Each database with each of its workloads, in the order in which they come first.
fn suites(campaign: &Campaign) -> Vec<(&str, &str)> {
    let mut suites = Vec::new();
    for cell in &campaign.cells {
        let suite = (words::axis(cell, "database"), words::axis(cell, "workload"));
        if !suites.contains(&suite) {
            suites.push(suite);
        }
    }
    suites
}

fn suite(input: &Input<'_>, name: &str, cells: &[&Cell]) -> TestSuite {
    let campaign = input.campaign;
    let mut suite = TestSuite::new(shown(name));
    suite.set_time(words::span(cells.iter().map(|cell| words::seconds(cell)).sum()));
    // Without a zone and meant as UTC, as Ant writes it and its schema asks for.
    let started = campaign.started.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    suite.extra.insert("timestamp".into(), started.into());
    suite.extra.insert("hostname".into(), shown(&campaign.host).into());
    suite.add_property(("campaign", &*shown(&campaign.name)));
    suite.add_property(("seed", &*campaign.seed.to_string()));
    suite.add_property(("matrix", &*shown(&campaign.matrix)));
    suite.add_property(("tool", &*shown(&campaign.tool)));
    if let Some(shard) = campaign.shard {
        suite.add_property(("shard", &*format!("{}/{}", shard.number, shard.of)));
    }
    let retries: usize = cells.iter().map(|cell| cell.attempts.len().saturating_sub(1)).sum();
    suite.add_property(("retries", &*retries.to_string()));
    for cell in cells {
        suite.add_test_case(test_case(input, cell, name));
    }
    suite
}

fn test_case(input: &Input<'_>, cell: &Cell, class: &str) -> TestCase {
    let mut case = case(&shown(&cell.id), &shown(class), status(input, cell));
    case.set_time(words::span(words::seconds(cell)));
    let notes = notes(cell);
    if !notes.is_empty() {
        case.set_system_out(shown(&notes));
    }
    case
}

fn status(input: &Input<'_>, cell: &Cell) -> TestCaseStatus {
    let kind = match cell.outcome {
        Outcome::Passed | Outcome::KnownAnomaly => return TestCaseStatus::success(),
        Outcome::Anomaly => NonSuccessKind::Failure,
        _ => NonSuccessKind::Error,
    };
    let look = Look::of(cell.outcome);
    let message = format!("{}: {}", look.word, words::story(cell));
    let kinds: Vec<&str> = cell
        .attempts
        .last()
        .iter()
        .flat_map(|last| last.anomalies.keys())
        .map(String::as_str)
        .collect();
    let code = match (cell.outcome, &*kinds) {
        (Outcome::Anomaly, [first, ..]) => first,
        _ => look.class,
    };
    problem(kind, code, &message, &description(input, cell))
}

fn description(input: &Input<'_>, cell: &Cell) -> String {
    let mut lines =
        vec![format!("{}: {}.", Look::of(cell.outcome).word, Look::of(cell.outcome).meaning)];
    if let Some(last) = cell.attempts.last() {
        let anomalies = words::kinds(last);
        if !anomalies.is_empty() {
            lines.push(format!("anomalies: {anomalies}"));
        }
        lines.extend(last.reason.clone());
        lines.extend(last.exit_code.map(|code| format!("exit code: {code}")));
    }
    lines.push(format!("expected: {}", words::expected(&cell.expected)));
    let since = input.history.since_words(&cell.id);
    if !since.is_empty() {
        lines.push(since);
    }
    lines.extend(words::link(cell).map(|link| format!("report: {link}")));
    lines.extend(words::command(cell).map(|command| format!("again: {command}")));
    lines.join("\n")
}

/// What a reader of a green case has to know too: a known anomaly, and tries that failed.
fn notes(cell: &Cell) -> String {
    let mut lines = Vec::new();
    if cell.outcome == Outcome::KnownAnomaly {
        lines.push(format!(
            "known anomaly, as expected ({}): {}",
            words::expected(&cell.expected),
            words::story(cell)
        ));
    }
    let earlier = cell.attempts.len().saturating_sub(1);
    if earlier > 0 {
        lines.push(format!("run {}", text::times(cell.attempts.len() as u64)));
    }
    for (number, attempt) in cell.attempts.iter().take(earlier).enumerate() {
        let reason = attempt.reason.as_deref().unwrap_or("no reason was given");
        lines.push(format!("try {} failed: {reason}", number + 1));
    }
    lines.join("\n")
}
