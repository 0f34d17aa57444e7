//! The verdict in one sentence, the same in every format.

use super::results::Results;
use super::text;
use crate::exit;
use perjury_checkers::{Anomaly, Finding, Verdict};
use std::collections::BTreeSet;

/// What a run amounts to, for people: the harness's own failure is a thing of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Valid,
    Unknown,
    Invalid,
    Failed,
}

impl Standing {
    /// The standing of a run.
    pub fn of(results: &Results) -> Self {
        match results.verdict {
            Verdict::Invalid => Self::Invalid,
            _ if results.exit_code == exit::HARNESS => Self::Failed,
            Verdict::Unknown => Self::Unknown,
            Verdict::Valid => Self::Valid,
        }
    }

    /// The standing of one checker.
    pub fn of_verdict(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Valid => Self::Valid,
            Verdict::Unknown => Self::Unknown,
            Verdict::Invalid => Self::Invalid,
        }
    }

    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "Valid",
            Self::Unknown => "Unknown",
            Self::Invalid => "Invalid",
            Self::Failed => "Harness failure",
        }
    }

    /// A sign that needs no colour.
    pub fn sign(self) -> &'static str {
        match self {
            Self::Valid => "✓",
            Self::Unknown => "?",
            Self::Invalid => "✗",
            Self::Failed => "!",
        }
    }

    /// Class in the style sheet.
    pub(super) fn class(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Unknown => "unknown",
            Self::Invalid => "invalid",
            Self::Failed => "failed",
        }
    }
}

/// The verdict in one sentence.
pub fn sentence(results: &Results) -> String {
    let database = &results.subject.database;
    match Standing::of(results) {
        Standing::Valid => format!("{database} told the truth in every answer that was checked."),
        Standing::Unknown => format!("No verdict on {database}: {}", first_reason(results)),
        Standing::Invalid => match anomalies(results).first() {
            Some((_, anomaly)) => format!("{database} did not tell the truth: {}.", anomaly.title),
            None => format!("{database} did not tell the truth."),
        },
        Standing::Failed => {
            format!("The test itself failed, which says nothing about {database}.")
        }
    }
}

/// What stands behind the sentence: numbers, or the reason in full.
pub fn support(results: &Results) -> String {
    let total = results.total();
    let answers = text::count(total.ok, "successful operation");
    let observed = results.faults.iter().filter(|fault| fault.observed_ns.is_some()).count();
    let faults = text::count(observed as u64, "observed fault");
    let checkers = text::count(results.findings.len() as u64, "checker");
    let extent = format!("{answers}, {faults}, {}", text::duration(results.duration_ns));
    match Standing::of(results) {
        Standing::Valid => format!("{checkers} found no anomaly in {extent}."),
        Standing::Unknown => {
            format!("{checkers} found no anomaly in {extent}, but that is not enough.")
        }
        Standing::Invalid => {
            let count = text::count(results.anomaly_count(), "anomaly");
            let models: BTreeSet<&str> = anomalies(results)
                .iter()
                .flat_map(|(_, anomaly)| anomaly.rules_out.iter().map(String::as_str))
                .collect();
            let models: Vec<&str> = models.into_iter().collect();
            let models = match models.len() {
                0 => String::new(),
                _ => format!(" Not {}.", text::list(&models, 4).replace(" and ", " or ")),
            };
            format!("{count} in {extent}.{models}")
        }
        Standing::Failed => match &results.error {
            Some(error) => format!("While {}: {}", error.phase, error.message),
            None => first_reason(results),
        },
    }
}

fn first_reason(results: &Results) -> String {
    results.reasons.first().map_or("no reason was given".to_owned(), |reason| reason.text.clone())
}

/// All anomalies that are kept, with their findings, most serious first as checkers order them.
pub fn anomalies(results: &Results) -> Vec<(&Finding, &Anomaly)> {
    anomalies_of(&results.findings)
}

/// The same of findings by themselves: the order by which reports number them.
pub fn anomalies_of(findings: &[Finding]) -> Vec<(&Finding, &Anomaly)> {
    findings
        .iter()
        .flat_map(|finding| finding.anomalies.iter().map(move |anomaly| (finding, anomaly)))
        .collect()
}
