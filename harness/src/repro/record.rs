//! What came of reproducing a finding: one record each, as `--json` prints it and the page reads it.

use super::Finding;
use perjury_checkers::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A finding with its runs, a run for each seed on each side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    pub finding: Finding,
    /// Runs that have to show it.
    pub loose: Vec<Outcome>,
    /// Runs that have to pass.
    pub strict: Vec<Outcome>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub seed: u64,
    pub seconds: f64,
    /// Nothing when it was killed.
    pub exit_code: Option<u8>,
    pub verdict: Option<Verdict>,
    /// How many of each kind.
    #[serde(default)]
    pub anomalies: BTreeMap<String, u64>,
    /// Why it is not valid, in words.
    #[serde(default)]
    pub reason: Option<String>,
    /// The run's folder.
    #[serde(default)]
    pub run: Option<String>,
}

impl Record {
    /// Runs that showed one of the finding's anomalies.
    pub fn shown(&self) -> usize {
        let wanted = |kind: &String| self.finding.anomalies.contains(kind);
        self.loose
            .iter()
            .filter(|run| run.exit_code == Some(1) && run.anomalies.keys().any(wanted))
            .count()
    }

    /// Runs with the strict setting that ended valid.
    pub fn passed(&self) -> usize {
        self.strict.iter().filter(|run| run.exit_code == Some(0)).count()
    }

    /// Whether every run went as published.
    pub fn is_reproduced(&self) -> bool {
        !self.loose.is_empty()
            && self.shown() == self.loose.len()
            && self.passed() == self.strict.len()
    }

    /// Adds another record's runs of the same finding; a seed that is there already is replaced.
    pub fn merge(&mut self, other: Self) {
        for (mine, theirs) in [(&mut self.loose, other.loose), (&mut self.strict, other.strict)] {
            for run in theirs {
                mine.retain(|known| known.seed != run.seed);
                mine.push(run);
            }
            mine.sort_by_key(|run| run.seed);
        }
        self.finding = other.finding;
    }
}

impl Outcome {
    /// `anomaly: 3 lost-element`, `valid`, `unknown: …`, `failed: …`.
    pub fn words(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        match (self.exit_code, self.verdict) {
            (Some(0), _) => "valid".to_owned(),
            (Some(1), _) if !self.anomalies.is_empty() => {
                let kinds = self.anomalies.iter().map(|(kind, count)| format!("{count} {kind}"));
                format!("anomaly: {}", kinds.collect::<Vec<_>>().join(", "))
            }
            (Some(1), _) => format!("anomaly: {reason}"),
            (Some(2), _) => format!("unknown: {reason}"),
            _ => format!("failed: {reason}"),
        }
    }
}
