//! What a cell came to: its exit code and anomalies against what was expected.

use super::record::{Attempt, Expected, Outcome};
use crate::exit;

/// The outcome of one attempt. `overdue` says that it was ended because it took too long.
///
/// Where anomalies of certain kinds are expected, *every* kind found has to be among them: a new
/// kind beside a known one is news.
pub fn judge(expected: &Expected, attempt: &Attempt, overdue: bool) -> Outcome {
    if overdue {
        return Outcome::Infrastructure;
    }
    match (attempt.exit_code, expected) {
        (Some(exit::VALID), Expected::Valid) => Outcome::Passed,
        (Some(exit::VALID), Expected::Anomaly(_)) => Outcome::Vanished,
        (Some(exit::ANOMALY), Expected::Valid) => Outcome::Anomaly,
        (Some(exit::ANOMALY), Expected::Anomaly(kinds)) => {
            let found = &attempt.anomalies;
            let named = !found.is_empty() && found.keys().all(|kind| kinds.contains(kind));
            if kinds.is_empty() || named { Outcome::KnownAnomaly } else { Outcome::Anomaly }
        }
        (Some(exit::UNKNOWN), _) => Outcome::Unknown,
        (Some(exit::HARNESS), _) => Outcome::Infrastructure,
        (Some(exit::USAGE), _) => Outcome::Misconfigured,
        (Some(_) | None, _) => Outcome::Bug,
    }
}

/// What an attempt came to during which the user stopped the campaign. An anomaly, or a verdict
/// that was there already, stays true; everything else has to be tried again.
pub fn judge_interrupted(expected: &Expected, attempt: &Attempt) -> Outcome {
    match attempt.exit_code {
        Some(exit::VALID | exit::ANOMALY) => judge(expected, attempt, false),
        _ => Outcome::NotRun,
    }
}

impl Outcome {
    /// As in `campaign.json`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::KnownAnomaly => "known-anomaly",
            Self::NotRun => "not-run",
            Self::Unknown => "unknown",
            Self::Vanished => "vanished",
            Self::Infrastructure => "infrastructure",
            Self::Anomaly => "anomaly",
            Self::Misconfigured => "misconfigured",
            Self::Bug => "bug",
        }
    }

    /// One character for a line on the terminal.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Passed | Self::KnownAnomaly => "✓",
            Self::NotRun => "·",
            Self::Unknown | Self::Vanished => "?",
            Self::Infrastructure | Self::Anomaly | Self::Misconfigured | Self::Bug => "✗",
        }
    }

    /// All of them, good ones first.
    pub const ALL: [Self; 9] = [
        Self::Passed,
        Self::KnownAnomaly,
        Self::NotRun,
        Self::Unknown,
        Self::Vanished,
        Self::Infrastructure,
        Self::Anomaly,
        Self::Misconfigured,
        Self::Bug,
    ];
}
