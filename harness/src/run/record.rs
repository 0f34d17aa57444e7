//! The run's record: what analysis has to know and the history does not tell, as `run.json`.

use crate::analysis::long::Judged;
use crate::assertion::End;
use crate::exit::HarnessFailure;
use crate::plan::Plan;
use crate::report::load::LoadRecord;
use crate::report::stats::Counts;
use crate::report::verdict::Reason;
use crate::report::{Phase, RunError, Subject};
use crate::scheduler::PhaseSummary;
use crate::store::{RunDir, StoreError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The file in the run's directory.
pub const FILE: &str = "run.json";
/// Name of the phase of the main load.
pub const LOAD: &str = "load";
/// Name of the phase in which final reads are asked.
pub const FINAL: &str = "final reads";

/// Written when the run begins and after every phase, so that a killed run has it too.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RunRecord {
    /// `perjury 0.1.0`.
    pub tool: String,
    /// The controller's machine.
    pub host: String,
    /// When time 0 of the history was.
    pub started: jiff::Timestamp,
    #[serde(default)]
    pub phases: Vec<Phase>,
    /// Why a clean history would prove nothing: interrupted, not recovered.
    #[serde(default)]
    pub doubts: Vec<Reason>,
    /// What the main load was like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load: Option<LoadRecord>,
    /// Calls by function, of all phases.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counts: BTreeMap<String, Counts>,
    #[serde(default)]
    pub error: Option<RunError>,
    /// Database processes that ended without having been told to.
    #[serde(default)]
    pub ends: Vec<End>,
    /// What was found while the run went on, for its analysis.
    #[serde(skip)]
    pub judged: Option<Judged>,
    /// Whether the run came to its end, well or badly.
    #[serde(default)]
    pub ended: bool,
}

impl RunRecord {
    /// A run that begins now.
    pub fn begin(started: jiff::Timestamp) -> Self {
        Self {
            tool: concat!("perjury ", env!("CARGO_PKG_VERSION")).to_owned(),
            host: host(),
            started,
            phases: Vec::new(),
            doubts: Vec::new(),
            load: None,
            counts: BTreeMap::new(),
            error: None,
            ends: Vec::new(),
            judged: None,
            ended: false,
        }
    }

    /// Reads it back; a run without one was killed before it began.
    pub fn read(run: &RunDir) -> Result<Self, String> {
        if !run.path().join(FILE).exists() {
            return Ok(Self::begin(jiff::Timestamp::UNIX_EPOCH));
        }
        let bytes = run.read(FILE).map_err(|error| error.to_string())?;
        serde_json::from_slice(&bytes).map_err(|error| format!("{FILE} is damaged: {error}"))
    }

    /// Writes it.
    pub fn write(&self, run: &RunDir) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        run.write(FILE, &bytes).map(|_| ())
    }

    /// Notes that a phase lasted from `from_ns` to `to_ns`.
    pub fn phase(&mut self, name: &str, from_ns: u64, to_ns: u64) {
        self.phases.push(Phase { name: name.to_owned(), from_ns, to_ns });
    }

    /// Notes what came of the main load.
    pub fn load(&mut self, plan: &Plan, summary: &PhaseSummary) {
        self.load = Some(LoadRecord::of(plan, summary));
        self.count(summary);
    }

    /// Adds what the scheduler counted in a phase.
    pub fn count(&mut self, summary: &PhaseSummary) {
        for (f, counted) in &summary.by_function {
            let counts = self.counts.entry(f.to_string()).or_default();
            *counts = Counts::total([&*counts, &Counts::of(counted)].into_iter());
        }
    }

    /// When the final reads began, if they did.
    pub fn final_reads_from(&self) -> Option<u64> {
        self.phases.iter().find(|phase| phase.name == FINAL).map(|phase| phase.from_ns)
    }

    /// Notes that the harness or the infrastructure failed; the first failure counts.
    pub fn fail(&mut self, failure: &HarnessFailure) {
        let error = RunError { phase: failure.phase.to_owned(), message: failure.message.clone() };
        self.error.get_or_insert(error);
    }

    /// What the report says of the run.
    pub fn subject(&self, plan: &Plan) -> Subject {
        Subject {
            tool: self.tool.clone(),
            host: self.host.clone(),
            name: plan.name.clone(),
            database: plan.database.clone(),
            workload: plan.workload.clone(),
            seed: plan.seed,
            started: self.started,
            nodes: plan.cluster.names(),
            options: options(plan),
        }
    }
}

/// Settings as the user would write them.
fn options(plan: &Plan) -> BTreeMap<String, String> {
    let nemesis = if plan.nemesis.is_empty() { "none".to_owned() } else { plan.nemesis.join(",") };
    let mut options: BTreeMap<String, String> = [
        ("nemesis", nemesis),
        ("concurrency", plan.concurrency.to_string()),
        ("rate", plan.rate.to_string()),
        ("arrival", plan.arrival.to_string()),
        ("time-limit", plan.time_limit.to_string()),
        ("nemesis-interval", plan.nemesis_interval.to_string()),
        ("operation-timeout", plan.operation_timeout.to_string()),
        ("keys", plan.keys.to_string()),
        ("ops-per-key", plan.ops_per_key.to_string()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if let Some(choice) = plan.key_choice {
        options.insert("key-choice".to_owned(), choice.to_string());
    }
    if !plan.script.is_empty() {
        options.insert("script".to_owned(), plan.script.join("; "));
    }
    options.extend(plan.set.clone());
    options
}

/// This machine in a few words.
pub fn host() -> String {
    let system = nix::sys::utsname::uname().ok();
    let system = system.map(|system| {
        let text = |part: &std::ffi::OsStr| part.to_string_lossy().into_owned();
        format!("{} {} {}", text(system.sysname()), text(system.release()), text(system.machine()))
    });
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    format!("{}, {cpus} CPUs", system.unwrap_or_else(|| "unknown".to_owned()))
}
