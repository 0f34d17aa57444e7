//! The verdict of a run: from findings, doubts and errors to one word and an exit code.

use super::results::RunError;
use crate::exit;
use perjury_checkers::{Finding, Verdict, finding::worst};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Codes of [`Reason`]: stable, for machines.
pub mod code {
    /// A checker found an anomaly.
    pub const ANOMALY: &str = "anomaly";
    /// A checker could not decide.
    pub const CHECKER_UNKNOWN: &str = "checker-unknown";
    /// The harness or the infrastructure failed.
    pub const HARNESS_FAILED: &str = "harness-failed";
    /// No checker ran.
    pub const NOTHING_CHECKED: &str = "nothing-checked";
    /// Some function was never answered with ok.
    pub const NO_OK_OPERATION: &str = "no-ok-operation";
    /// Nothing succeeded while any fault was in force.
    pub const NO_OPERATION_DURING_FAULTS: &str = "no-operation-during-faults";
    /// A fault was asked for and never seen on a node.
    pub const FAULT_NOT_OBSERVED: &str = "fault-not-observed";
    /// The workload's final reads never succeeded.
    pub const NO_FINAL_READ: &str = "no-final-read";
    /// An answer could not be understood, or a client panicked.
    pub const UNEXPECTED_ANSWER: &str = "unexpected-answer";
    /// The user stopped the run.
    pub const INTERRUPTED: &str = "interrupted";
}

/// One reason for a verdict.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reason {
    /// Stable machine name, one of [`code`] or a caller's own.
    pub code: String,
    /// One sentence.
    pub text: String,
}

impl Reason {
    /// `Reason::new(code::INTERRUPTED, "the user stopped the run after 12 s")`.
    pub fn new(code: &str, text: impl Into<String>) -> Self {
        Self { code: code.to_owned(), text: text.into() }
    }
}

/// What a run amounts to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    pub verdict: Verdict,
    pub exit_code: u8,
    pub reasons: Vec<Reason>,
}

/// Combines what checkers found with what makes a clean history worthless.
///
/// An anomaly is in the recorded history and stays true whatever else went wrong, so it wins
/// over everything. An error of the harness comes next: then nothing is said of the database.
/// Doubts turn `Valid` into `Unknown` and change no other verdict.
pub fn conclude(findings: &[Finding], doubts: Vec<Reason>, error: Option<&RunError>) -> Conclusion {
    let found = worst(findings.iter().map(|finding| finding.verdict));
    let mut reasons: Vec<Reason> = Vec::new();
    reasons.extend(findings.iter().filter_map(anomaly_reason));
    reasons.extend(error.map(|error| {
        let text = format!("while {}: {}", error.phase, error.message);
        Reason::new(code::HARNESS_FAILED, text)
    }));
    reasons.extend(findings.iter().filter_map(unknown_reason));
    if findings.is_empty() && error.is_none() {
        reasons.push(Reason::new(code::NOTHING_CHECKED, "no checker looked at this history"));
    }
    reasons.extend(doubts);
    let (verdict, exit_code) = match found {
        Verdict::Invalid => (Verdict::Invalid, exit::ANOMALY),
        _ if error.is_some() => (Verdict::Unknown, exit::HARNESS),
        _ if !reasons.is_empty() => (Verdict::Unknown, exit::UNKNOWN),
        _ => (Verdict::Valid, exit::VALID),
    };
    Conclusion { verdict, exit_code, reasons }
}

fn anomaly_reason(finding: &Finding) -> Option<Reason> {
    if finding.verdict != Verdict::Invalid {
        return None;
    }
    let first = finding.anomalies.first().map_or("an anomaly", |anomaly| &anomaly.title);
    let count = finding.anomaly_count.max(finding.anomalies.len() as u64);
    let more = match count.saturating_sub(1) {
        0 => String::new(),
        1 => ", and 1 more".to_owned(),
        more => format!(", and {more} more"),
    };
    Some(Reason::new(code::ANOMALY, format!("{}: {first}{more}", finding.checker)))
}

fn unknown_reason(finding: &Finding) -> Option<Reason> {
    if finding.verdict != Verdict::Unknown {
        return None;
    }
    let why = finding.reason.as_deref().unwrap_or("it did not say why");
    Some(Reason::new(
        code::CHECKER_UNKNOWN,
        format!("the checker {} could not decide: {why}", finding.checker),
    ))
}
