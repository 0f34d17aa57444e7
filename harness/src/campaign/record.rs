//! What a campaign came to, as `campaign.json` holds it.

use crate::exit;
use perjury_checkers::Verdict;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the format: changes only when a name changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// A campaign as far as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Campaign {
    /// [`VERSION`].
    pub version: u32,
    /// Who wrote this: `perjury 0.1.0`.
    pub tool: String,
    /// The controller's machine in a few words.
    pub host: String,
    /// As the campaign's file says.
    pub name: String,
    /// Every cell's seed comes from this number.
    pub seed: u64,
    /// SHA-256 over the whole matrix, seeds included: only equal ones are resumed or merged.
    pub matrix: String,
    pub started: jiff::Timestamp,
    /// When the last cell ended; none while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<jiff::Timestamp>,
    /// Which part of the matrix this is; none for the whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
    /// In the order of the matrix, those not yet run too; of a shard only its own.
    pub cells: Vec<Cell>,
}

/// Part `number` of `of`, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    pub number: usize,
    pub of: usize,
}

/// One test of the matrix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Unique in the campaign, the same every night, fit for a folder's name:
    /// `etcd-register-kill+partition-1`.
    pub id: String,
    /// Position in the whole matrix, from 0.
    pub position: usize,
    /// What sets it apart: `database`, `workload`, `nemesis`, `version`, `repeat`, and settings.
    pub axes: BTreeMap<String, String>,
    pub seed: u64,
    pub expected: Expected,
    pub outcome: Outcome,
    /// Every time that it was run, oldest first; more than one only after infrastructure failures.
    pub attempts: Vec<Attempt>,
}

/// What a cell should come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expected {
    Valid,
    /// Known anomalies: one of these kinds, or any when none is named.
    Anomaly(Vec<String>),
}

/// What a cell came to, seen from what was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Valid, as expected.
    Passed,
    /// A known anomaly, as expected.
    KnownAnomaly,
    /// Not run yet, or not run for lack of time.
    NotRun,
    /// It cannot be said.
    Unknown,
    /// Valid, where an anomaly was expected: is it mended, or was it missed?
    Vanished,
    /// The harness or the infrastructure failed, as often as it was tried.
    Infrastructure,
    /// An anomaly that was not expected.
    Anomaly,
    /// Bad arguments or configuration.
    Misconfigured,
    /// Perjury itself failed.
    Bug,
}

/// One time that a cell was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub started: jiff::Timestamp,
    /// From start to end, analysis included.
    pub seconds: f64,
    /// Of `perjury test`; none when a signal ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<u8>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The run's folder, from the campaign's: `cells/ID/TIME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How many of each kind were found.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub anomalies: BTreeMap<String, u64>,
    /// Why the verdict is not `valid`, in a sentence or two.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
    /// What was asserted to come about, and whether it did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub reached: BTreeMap<String, bool>,
}

/// How the database did: what trends are drawn of.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Operations asked for.
    pub operations: u64,
    /// Of those, certainly done.
    pub ok: u64,
    /// Done operations a second of the main load.
    pub ok_per_second: f64,
    /// Latency of done operations, in milliseconds.
    pub median_ms: f64,
    pub p99_ms: f64,
    /// Longest time from a fault's mending until calls were served again, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_s: Option<f64>,
    /// Faults that were seen to be in place.
    pub faults: u64,
}

impl Outcome {
    /// The exit code that a campaign of this cell alone has.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed | Self::KnownAnomaly => exit::VALID,
            Self::NotRun | Self::Unknown | Self::Vanished => exit::UNKNOWN,
            Self::Infrastructure => exit::HARNESS,
            Self::Anomaly => exit::ANOMALY,
            Self::Misconfigured => exit::USAGE,
            Self::Bug => exit::BUG,
        }
    }

    /// Whether nobody has to look at it.
    pub fn is_good(self) -> bool {
        self.exit_code() == exit::VALID
    }
}

impl Campaign {
    /// The worst outcome decides; a campaign without any cell proves nothing, nor does one in
    /// which something never came about that should.
    pub fn exit_code(&self) -> u8 {
        let worst = self.cells.iter().map(|cell| cell.outcome).max();
        match worst.unwrap_or(Outcome::NotRun).exit_code() {
            exit::VALID if !self.unreached().is_empty() => exit::UNKNOWN,
            code => code,
        }
    }

    /// What was asserted to come about, and did in no run of the same database: `etcd: a leader
    /// was killed`. Another part of the matrix may reach what a shard does not, so a shard says
    /// nothing of it.
    pub fn unreached(&self) -> Vec<String> {
        if self.shard.is_some() {
            return Vec::new();
        }
        let mut reached: BTreeMap<String, bool> = BTreeMap::new();
        for cell in &self.cells {
            let database = cell.axes.get("database").map_or("", String::as_str);
            for (name, came) in cell.attempts.iter().flat_map(|attempt| &attempt.reached) {
                *reached.entry(format!("{database}: {name}")).or_default() |= came;
            }
        }
        reached.into_iter().filter(|(_, came)| !came).map(|(name, _)| name).collect()
    }
}
