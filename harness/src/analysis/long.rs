//! Long histories: judged as they are read, in memory that does not grow with them, and shown by a
//! sample.

use super::again::{MAX_EXPLAINED, gather};
use super::{Overrides, Sample, Sampler, store_failure};
use crate::Workload;
use crate::exit::{Stop, Usage};
use crate::plan::Plan;
use crate::store::{HistorySource, RunDir, StoreError};
use perjury_checkers::history::Recovery;
use perjury_checkers::streaming::{Judge, Streams, Violation};
use perjury_checkers::{Anomaly, Budget, Finding, History, Verdict};
use std::time::{Duration, Instant};

/// Megabytes of JSON lines that are held, if the variable does not say otherwise. What is made of them
/// takes five times as much.
const HOLD_MB: u64 = 500;
/// For who has more memory, or less.
const HOLD: &str = "PERJURY_HOLD_MB";

/// What came of reading a long history.
pub struct Read {
    /// Of some workers only.
    pub history: History,
    pub sample: Sample,
    pub recovery: Recovery,
    pub finding: Finding,
}

/// What was found while a run went on, about its whole history.
#[derive(Clone, Debug)]
pub struct Judged {
    pub finding: Finding,
    /// Where single objects went wrong, whose events alone can explain it.
    pub violations: Vec<Violation>,
}

impl Judged {
    /// The end of a judge.
    ///
    /// # Errors
    /// When the history cannot be judged, with the reason.
    pub fn of(mut judge: Judge) -> Result<(Self, Recovery), String> {
        let (finding, recovery) = judge.finish().map_err(|error| error.to_string())?;
        let violations = if judge.of_objects() { judge.violations().to_vec() } else { Vec::new() };
        Ok((Self { finding, violations }, recovery))
    }

    /// There was not time enough.
    fn late(checker: &str, limit: Duration) -> Self {
        let why = format!("it was not done after {} s", limit.as_secs());
        Self { finding: Finding::unknown(checker, why), violations: Vec::new() }
    }
}

/// Whether a history of so many bytes is too long to be held.
pub fn is_long(bytes: u64) -> bool {
    let said = std::env::var(HOLD).ok().and_then(|megabytes| megabytes.parse().ok());
    bytes > said.unwrap_or(HOLD_MB) << 20
}

/// Reads a long history, and judges it if that was not done while the run went on.
pub fn read(
    run: &RunDir,
    source: HistorySource,
    streams: Streams,
    plan: &Plan,
    workload: &dyn Workload,
    overrides: &Overrides,
) -> Result<Read, Stop> {
    let sample = Sample::of(source.bytes, plan.concurrency, plan.cluster.size());
    let mut sampler = Sampler::new(sample);
    let checker = streams.checker;
    let mut judge = overrides.judged.is_none().then(|| Judge::of(streams));
    let path = source.path.clone();
    let wrong = |error: &dyn std::fmt::Display| Usage(format!("{}: {error}", path.display()));
    let limit = overrides.check_limit.unwrap_or(plan.check_limit.0);
    let (bar, began) = (overrides.progress.clone(), Instant::now());
    bar.set_length(source.bytes);
    source.pieces(|piece| {
        bar.inc(piece.len() as u64);
        sampler.push(piece);
        if began.elapsed() > limit {
            judge = None;
        }
        match &mut judge {
            Some(judge) => judge.push_lines(piece).map_err(|error| Failed::Usage(wrong(&error))),
            None => Ok(()),
        }
    })?;
    bar.finish_and_clear();
    let late = || Judged::late(checker, limit);
    let (mut judged, recovery) = match (judge, &overrides.judged) {
        (Some(judge), _) => Judged::of(judge).map_err(|error| wrong(&error))?,
        (None, judged) => (judged.clone().unwrap_or_else(late), Recovery::default()),
    };
    explain(run, &mut judged, workload, plan)?;
    let (history, _) = sampler.finish().map_err(|error| wrong(&error))?;
    Ok(Read { history, sample, recovery, finding: judged.finding })
}

/// Either of two ways to end.
enum Failed {
    Usage(Usage),
    Store(StoreError),
}

impl From<StoreError> for Failed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Failed> for Stop {
    fn from(failed: Failed) -> Self {
        match failed {
            Failed::Usage(usage) => usage.into(),
            Failed::Store(error) => store_failure(error),
        }
    }
}

/// Reads the history again for objects that went wrong, and lets the checkers of whole histories say
/// what is wrong with them: they prove it better.
fn explain(
    run: &RunDir,
    judged: &mut Judged,
    workload: &dyn Workload,
    plan: &Plan,
) -> Result<(), Stop> {
    let first = &judged.violations[..judged.violations.len().min(MAX_EXPLAINED)];
    if judged.finding.verdict != Verdict::Invalid || first.is_empty() {
        return Ok(());
    }
    let source = run.read_history().map_err(store_failure)?;
    let gathered = gather(first, |look| {
        source.pieces::<StoreError>(|piece| {
            look(piece);
            Ok(())
        })
    });
    let mut explained: Vec<Anomaly> = Vec::new();
    for (violation, events) in first.iter().zip(gathered.map_err(store_failure)?) {
        let before = explained.len();
        if let Ok(history) = History::new(events) {
            for checker in workload.checkers(&plan.options()) {
                explained.extend(checker.check(&history, &Budget::default()).anomalies);
            }
        }
        if explained.len() == before {
            explained.push(violation.anomaly.clone());
        }
    }
    judged.finding.anomalies = explained;
    Ok(())
}
