//! What is kept of one run: read from its exit code and its `results.json`.

use super::record::{Attempt, Figures};
use crate::assertion::{Kind, State};
use crate::report::{Results, text};
use crate::run::record::LOAD;
use perjury_checkers::Verdict;
use std::collections::BTreeMap;

/// Characters of a reason.
const REASON_MAX: usize = 500;

/// How a run's process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Code(u8),
    /// By a signal, of this number.
    Signal(i32),
    /// By us, because it took longer than it may.
    Overdue,
}

/// An attempt that ended. `log` is the end of what the run printed.
pub fn attempt(
    started: jiff::Timestamp,
    seconds: f64,
    ended: Ended,
    run: Option<String>,
    results: Option<&Results>,
    log: &str,
) -> Attempt {
    let exit_code = match ended {
        Ended::Code(code) => Some(code),
        Ended::Signal(_) | Ended::Overdue => None,
    };
    // Results of a run that was killed while it wrote them would say too much.
    let results = results.filter(|results| exit_code == Some(results.exit_code));
    Attempt {
        started,
        seconds: (seconds * 1000.0).round() / 1000.0,
        exit_code,
        verdict: results.map(|results| results.verdict),
        run,
        anomalies: results.map(anomalies).unwrap_or_default(),
        reason: reason(ended, seconds, results, log),
        figures: results.and_then(figures),
        reached: results.map(reached).unwrap_or_default(),
    }
}

/// Which assertions came about, of those that had to.
fn reached(results: &Results) -> BTreeMap<String, bool> {
    let of_run = results.assertions.iter().filter(|record| record.kind != Kind::Never);
    let judged = of_run.filter(|record| record.state != State::Skipped);
    judged.map(|record| (record.name.clone(), record.state != State::Unreached)).collect()
}

fn reason(ended: Ended, seconds: f64, results: Option<&Results>, log: &str) -> Option<String> {
    let words = match (ended, results) {
        (Ended::Overdue, _) => format!("it was ended: after {seconds:.0} s it was not done"),
        (Ended::Signal(number), _) => format!("it was ended by signal {number}"),
        (_, Some(results)) if results.verdict == Verdict::Valid => return None,
        (_, Some(results)) => {
            let texts: Vec<&str> = results.reasons.iter().map(|reason| &*reason.text).collect();
            texts[..texts.len().min(2)].join("; ")
        }
        (Ended::Code(0), None) => return None,
        (Ended::Code(_), None) => log.trim().to_owned(),
    };
    Some(text::elide(&text::printable(&words), REASON_MAX).into_owned())
}

/// How many anomalies of each kind there are. A finding shows only the first of many; where those
/// are all of one kind, the rest is counted as that kind, too.
fn anomalies(results: &Results) -> BTreeMap<String, u64> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for finding in &results.findings {
        let mut shown: BTreeMap<&str, u64> = BTreeMap::new();
        for anomaly in &finding.anomalies {
            *shown.entry(&anomaly.kind).or_default() += 1;
        }
        let single = shown.len() == 1;
        for (kind, count) in shown {
            let all = if single { finding.anomaly_count.max(count) } else { count };
            *counts.entry(kind.to_owned()).or_default() += all;
        }
    }
    counts
}

/// The figures of a run that got as far as calling its database.
///
/// Latencies are those of the function with the most done operations: quantiles of several
/// functions cannot be added up.
fn figures(results: &Results) -> Option<Figures> {
    let total = results.total();
    if total.invoked == 0 {
        return None;
    }
    let load = results.phases.iter().find(|phase| phase.name == LOAD);
    let load_ns = load.map_or(results.duration_ns, |phase| phase.to_ns - phase.from_ns);
    let weightiest = results.operations.values().max_by_key(|counts| counts.ok);
    let latency = weightiest.and_then(|counts| counts.latency);
    let millis = |ns: u64| ns as f64 / 1e6;
    let recoveries = results.faults.iter().filter_map(|fault| fault.service.as_ref()?.recovery_ns);
    let observed = results.faults.iter().filter(|fault| fault.observed_ns.is_some());
    Some(Figures {
        operations: total.invoked,
        ok: total.ok,
        ok_per_second: per_second(total.ok, load_ns),
        median_ms: latency.map_or(0.0, |latency| millis(latency.p50_ns)),
        p99_ms: latency.map_or(0.0, |latency| millis(latency.p99_ns)),
        recovery_s: recoveries.max().map(|ns| ns as f64 / 1e9),
        faults: observed.count() as u64,
    })
}

fn per_second(count: u64, ns: u64) -> f64 {
    if ns == 0 { 0.0 } else { (count as f64 / (ns as f64 / 1e9) * 10.0).round() / 10.0 }
}
