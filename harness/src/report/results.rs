//! Results: everything that is known of a run, as `results.json` holds it.

use super::clocks::ClockReading;
use super::faults::{FaultRecord, Pair, faults_from};
use super::limits::{self, Limit};
use super::load::LoadRecord;
use super::logs::LogLine;
use super::series::Series;
use super::service;
use super::stats::{self, Counts, ErrorCount};
use super::vacuity::{Expectations, vacuity};
use super::verdict::{Reason, conclude};
use crate::analysis::Sample;
use crate::assertion;
use crate::store::StoreError;
use perjury_checkers::{Finding, History, Verdict};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the format: changes only when a name changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// What was tested and how: known before the run begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Subject {
    /// Who wrote this: `perjury 0.1.0`.
    pub tool: String,
    /// The controller's machine in a few words: `Linux 6.1.0 x86_64, 2 CPUs`.
    pub host: String,
    /// The test's name, as in `store/<name>`.
    pub name: String,
    pub database: String,
    pub workload: String,
    /// The root seed.
    pub seed: u64,
    /// When time 0 of the history was. RFC 3339.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub started: jiff::Timestamp,
    /// Names of the nodes, in order.
    pub nodes: Vec<String>,
    /// Every other setting that shaped the run, as the user would write it:
    /// `concurrency = "10"`, `nemesis = "kill,pause"`. Never secrets.
    pub options: BTreeMap<String, String>,
}

/// A stretch of the run: `setup`, `main`, `settle`, `final`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Phase {
    pub name: String,
    /// Nanoseconds since the run began.
    pub from_ns: u64,
    pub to_ns: u64,
}

/// The harness or the infrastructure failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RunError {
    /// What was being done: completes "while ...": `starting etcd on n3`.
    pub phase: String,
    /// What went wrong and what to do.
    pub message: String,
}

/// The content of `results.json`.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub struct Results {
    /// [`VERSION`].
    pub version: u32,
    pub verdict: Verdict,
    /// 0 valid, 1 anomaly, 2 unknown, 3 the harness failed.
    pub exit_code: u8,
    /// Why the verdict is not `valid`, weightiest first. Empty when it is.
    pub reasons: Vec<Reason>,
    #[serde(flatten)]
    pub subject: Subject,
    /// From time 0 to the last event or the end of the last phase.
    pub duration_ns: u64,
    pub phases: Vec<Phase>,
    /// What the main load was like.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub load: Option<LoadRecord>,
    /// Whose events everything below was made from but for the counts of operations and the findings, if the
    /// history was too long to be held.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sample: Option<Sample>,
    /// Counts and latencies by function.
    pub operations: BTreeMap<String, Counts>,
    /// The most frequent errors, most frequent first.
    pub errors: Vec<ErrorCount>,
    /// In the order in which they were asked for.
    pub faults: Vec<FaultRecord>,
    pub findings: Vec<Finding>,
    /// Counts and latencies over time.
    #[serde(default)]
    pub series: Series,
    /// How far the nodes' clocks were from the controller's, in order of time.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub clocks: Vec<ClockReading>,
    /// For each anomaly, in the order of the findings, what the nodes' logs say around it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub log_lines: Vec<Vec<LogLine>>,
    /// What clients and the database's definition assert of the run.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub assertions: Vec<assertion::Record>,
    /// Database processes that ended without having been told to.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ends: Vec<assertion::End>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<RunError>,
}

/// What a run brought to light: the rest of what [`Results::new`] needs.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    pub phases: Vec<Phase>,
    pub load: Option<LoadRecord>,
    /// Given if the history is but a sample, with the counts of all operations by function.
    pub sampled: Option<(Sample, BTreeMap<String, Counts>)>,
    pub findings: Vec<Finding>,
    /// Which function mends which.
    pub fault_pairs: Vec<Pair>,
    pub expectations: Expectations,
    /// What the service had to be like.
    pub limits: Vec<Limit>,
    /// Reasons of the caller's own why a clean history proves nothing: the user interrupted it.
    pub reasons: Vec<Reason>,
    pub clocks: Vec<ClockReading>,
    pub assertions: Vec<assertion::Record>,
    pub ends: Vec<assertion::End>,
    pub error: Option<RunError>,
}

impl Results {
    /// Puts together what is known. The same arguments give the same results: no clock, no
    /// machine is asked.
    pub fn new(subject: Subject, history: &History, evidence: Evidence) -> Self {
        let operations = history.operations();
        let mut faults = faults_from(history, &evidence.fault_pairs);
        stats::count_inside(&operations, &mut faults);
        let last_event = history.events().last().map_or(0, |event| event.time);
        let last_phase = evidence.phases.iter().map(|phase| phase.to_ns).max().unwrap_or(0);
        let duration_ns = last_event.max(last_phase);
        service::measure(history, &operations, duration_ns, &mut faults);
        let mut findings = evidence.findings;
        findings.extend(limits::judge(&faults, subject.nodes.len(), &evidence.limits));
        let mut doubts = evidence.reasons;
        doubts.extend(vacuity(history, &operations, &faults, &evidence.expectations));
        let conclusion = conclude(&findings, doubts, evidence.error.as_ref());
        Self {
            version: VERSION,
            verdict: conclusion.verdict,
            exit_code: conclusion.exit_code,
            reasons: conclusion.reasons,
            subject,
            duration_ns,
            phases: evidence.phases,
            load: evidence.load,
            sample: evidence.sampled.as_ref().map(|(sample, _)| *sample),
            operations: stats::by_function(&operations, evidence.sampled.map(|(_, all)| all)),
            errors: stats::errors(history),
            faults,
            findings,
            series: Series::of(history, &operations, duration_ns),
            clocks: evidence.clocks,
            log_lines: Vec::new(),
            assertions: evidence.assertions,
            ends: evidence.ends,
            error: evidence.error,
        }
    }

    /// The bytes of `results.json`: indented, every map in order of its keys.
    pub fn to_json(&self) -> Result<Vec<u8>, StoreError> {
        let failed = |error: serde_json::Error| StoreError::Render {
            name: "results.json",
            reason: error.to_string(),
        };
        let mut bytes = serde_json::to_vec_pretty(self).map_err(failed)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads `results.json` back. The error is a sentence that says what is wrong with it.
    pub fn from_json(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        let Version { version } = serde_json::from_slice(bytes)
            .map_err(|error| format!("this is no results.json of Perjury: {error}"))?;
        if version != VERSION {
            return Err(format!(
                "these results have version {version}, and this Perjury reads version {VERSION}: \
                 run `perjury analyze` on the run again"
            ));
        }
        serde_json::from_slice(bytes).map_err(|error| format!("damaged results.json: {error}"))
    }

    /// All counts together.
    pub fn total(&self) -> Counts {
        Counts::total(self.operations.values())
    }

    /// How many anomalies were found in all, shown or not.
    pub fn anomaly_count(&self) -> u64 {
        let count = |finding: &Finding| finding.anomaly_count.max(finding.anomalies.len() as u64);
        self.findings.iter().map(count).sum()
    }
}
