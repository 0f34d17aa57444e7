//! A snapshot: a running test at one moment, for a page and for machines.

use super::judge::Opinion;
use super::tally::{Second, Seen, Tally};
use crate::plan::Plan;
use crate::report::stats::Counts;
use crate::report::{FaultOutcome, Pair, Results, faults_from};
use crate::run::record::{self, RunRecord};
use crate::serve::entry::{Entry, RESULTS_MAX};
use crate::serve::files;
use perjury_checkers::History;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;

/// Errors that are shown.
const ERRORS_SHOWN: usize = 10;
/// Faults in force that are shown.
const FAULTS_SHOWN: usize = 50;
/// Seconds over which the present rate is taken.
const RATE_OVER: usize = 5;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(in crate::serve) enum Phase {
    /// Nodes and the database are being started.
    Starting,
    Load,
    /// The load is over; faults are being mended.
    Healing,
    FinalReads,
    /// The history is whole, and is being judged.
    Checking,
    /// There is a verdict.
    Ended,
    /// It has not ended, and nothing is written any more.
    Stopped,
}

/// How far a run is in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Progress {
    pub(super) phase: Phase,
    pub(super) limit_ns: Option<u64>,
    /// Since time 0, by this machine's clock.
    pub(super) since_ns: Option<u64>,
}

/// A fault that is in force, or may be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(in crate::serve) struct Active {
    pub(in crate::serve) f: String,
    /// Whom it hits, for people.
    pub(in crate::serve) targets: String,
    pub(in crate::serve) from_ns: u64,
    /// Whether it was seen to be in force.
    pub(in crate::serve) is_observed: bool,
}

/// A running test at one moment.
#[derive(Clone, Debug, Serialize)]
pub(in crate::serve) struct Snapshot {
    #[serde(skip)]
    pub(in crate::serve) entry: Entry,
    pub(in crate::serve) phase: Phase,
    /// Whether nothing more will come.
    pub(in crate::serve) is_over: bool,
    /// Time of the load so far, at most `limit_ns`.
    pub(in crate::serve) elapsed_ns: u64,
    pub(in crate::serve) limit_ns: Option<u64>,
    pub(in crate::serve) total: Counts,
    pub(in crate::serve) functions: BTreeMap<String, Counts>,
    /// Calls without an answer so far.
    pub(in crate::serve) open: u64,
    /// Answers in each of the last seconds.
    pub(in crate::serve) rates: Vec<Second>,
    /// Operations done a second, lately.
    pub(in crate::serve) rate: f64,
    pub(in crate::serve) faults: Vec<Active>,
    pub(in crate::serve) errors: Vec<Seen>,
    pub(in crate::serve) damaged_lines: u64,
    #[serde(flatten)]
    pub(in crate::serve) opinion: Opinion,
}

impl Progress {
    pub(super) fn read(
        folder: &Path,
        plan: Option<&Plan>,
        has_results: bool,
        is_running: bool,
    ) -> Self {
        let record = files::read(&folder.join(record::FILE), RESULTS_MAX).ok();
        let record: Option<RunRecord> =
            record.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let has_history = folder.join(crate::store::LIVE_HISTORY).is_file();
        let is_done = |name: &str| {
            record
                .as_ref()
                .is_some_and(|record| record.phases.iter().any(|phase| phase.name == name))
        };
        let phase = match &record {
            _ if has_results => Phase::Ended,
            _ if !is_running => Phase::Stopped,
            Some(record) if record.ended => Phase::Checking,
            _ if is_done("heal") => Phase::FinalReads,
            _ if is_done(record::LOAD) => Phase::Healing,
            _ if has_history => Phase::Load,
            _ => Phase::Starting,
        };
        let since = record.filter(|_| has_history || has_results).map(|record| {
            let since = jiff::Timestamp::now().duration_since(record.started).as_nanos();
            u64::try_from(since).unwrap_or(0)
        });
        let limit = plan.and_then(|plan| u64::try_from(plan.time_limit.0.as_nanos()).ok());
        Self { phase, limit_ns: limit, since_ns: since }
    }
}

impl Snapshot {
    pub(super) fn new(
        entry: Entry,
        progress: Progress,
        tally: &Tally,
        pairs: &[Pair],
        opinion: Opinion,
    ) -> Self {
        let total = tally.total();
        let rates = tally.rates();
        let lately = &rates[rates.len().saturating_sub(RATE_OVER)..];
        let done: u64 = lately.iter().map(|second| second.ok).sum();
        let is_over = matches!(progress.phase, Phase::Ended | Phase::Stopped);
        // The machine's clock moves on even while no answer comes.
        let elapsed = match progress.phase {
            Phase::Load => tally.last_ns.max(progress.since_ns.unwrap_or(0)),
            Phase::Starting => 0,
            _ => tally.last_ns,
        };
        Self {
            entry,
            phase: progress.phase,
            is_over,
            elapsed_ns: elapsed.min(progress.limit_ns.unwrap_or(u64::MAX)),
            limit_ns: progress.limit_ns,
            open: total.invoked.saturating_sub(total.ok + total.fail + total.info),
            total,
            functions: tally.functions.clone(),
            rate: if lately.is_empty() { 0.0 } else { done as f64 / lately.len() as f64 },
            rates,
            faults: if is_over { Vec::new() } else { active(tally, pairs) },
            errors: tally.recent_errors(ERRORS_SHOWN),
            damaged_lines: tally.damaged,
            opinion,
        }
    }

    /// The same with the numbers that the run ended with.
    pub(super) fn ended(self, results: Results) -> Self {
        let total = results.total();
        Self {
            elapsed_ns: results.duration_ns.min(self.limit_ns.unwrap_or(u64::MAX)),
            functions: results.operations,
            total,
            open: 0,
            rates: Vec::new(),
            rate: 0.0,
            ..self
        }
    }
}

/// Faults that were asked for and not seen to be gone.
fn active(tally: &Tally, pairs: &[Pair]) -> Vec<Active> {
    let Ok(history) = History::new_lenient(tally.nemesis.clone()) else { return Vec::new() };
    let records = faults_from(&history, pairs);
    let in_force = records
        .into_iter()
        .filter(|record| record.to_ns.is_none() && record.outcome != FaultOutcome::Skipped);
    let active = in_force.map(|record| Active {
        targets: record.target_words(),
        from_ns: record.from_ns,
        is_observed: record.observed_ns.is_some(),
        f: record.f,
    });
    active.take(FAULTS_SHOWN).collect()
}
