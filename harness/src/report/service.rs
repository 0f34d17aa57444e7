//! Service: how much of the database was there while a fault was in force, and how soon after.

use super::faults::FaultRecord;
use perjury_checkers::{Anomaly, Finding, Operation, Outcome};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// What clients got while a fault was certainly in force, and after it was seen to be gone.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Service {
    /// Calls begun while it was in force.
    pub calls: u64,
    /// Those of them that were answered with ok, whenever.
    pub ok: u64,
    /// The longest stretch of the window in which no call was answered with ok, in nanoseconds.
    pub longest_outage_ns: u64,
    /// Calls begun in the five seconds after it was seen to be gone, or until the next fault.
    pub calls_after: u64,
    /// Those of them that were answered with ok. Few of many is how a metastable failure looks:
    /// what overloaded the system is over, and it serves no better.
    pub ok_after: u64,
    /// From when the fault was seen to be gone until a call begun after that was answered with
    /// ok; `None` if none was, or if it was never seen to be gone.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub recovery_ns: Option<u64>,
    /// The same for clients of each node.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub node_recovery_ns: BTreeMap<String, u64>,
}

impl Service {
    /// From 0 to 1; `None` when nothing was called.
    pub fn availability(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.ok as f64 / self.calls as f64)
    }

    /// The same for the time just after; `None` when nothing was called then.
    pub fn availability_after(&self) -> Option<f64> {
        (self.calls_after > 0).then(|| self.ok_after as f64 / self.calls_after as f64)
    }
}

/// Measures every fault that was observed. `operations` are in order of their calls, and `end_ns`
/// is when the run ended. Cost: each fault costs its window, and what follows until each node has
/// answered.
pub(super) fn measure(operations: &[Operation], end_ns: u64, faults: &mut [FaultRecord]) {
    let nodes: std::collections::BTreeSet<&str> =
        operations.iter().filter_map(|operation| operation.node.as_deref()).collect();
    let mut begun: Vec<u64> = faults.iter().map(|fault| fault.from_ns).collect();
    begun.sort_unstable();
    for fault in faults {
        let Some((from, to)) = fault.window() else { continue };
        let mut service = within(operations, from, to.min(end_ns));
        if let Some(gone) = fault.to_ns {
            recover(operations, gone, nodes.len(), &mut service);
            let next = begun[begun.partition_point(|time| *time <= gone)..].first();
            let until = next.copied().unwrap_or(u64::MAX).min(gone.saturating_add(AFTER));
            (service.calls_after, service.ok_after) = count(operations, gone, until);
        }
        fault.service = Some(service);
    }
}

fn within(operations: &[Operation], from: u64, to: u64) -> Service {
    let (calls, ok) = count(operations, from, to);
    let mut service = Service { calls, ok, ..Service::default() };
    // Calls from before count here: they were answered while the fault was in force.
    let early =
        operations.partition_point(|operation| operation.called < from.saturating_sub(LONG));
    let answers = operations[early..]
        .iter()
        .take_while(|operation| operation.called <= to)
        .filter(|operation| is_ok(operation))
        .filter_map(|operation| operation.returned)
        .filter(|returned| (from..=to).contains(returned));
    let mut times: Vec<u64> = answers.collect();
    times.sort_unstable();
    times.push(to);
    let mut last = from;
    for time in times {
        service.longest_outage_ns = service.longest_outage_ns.max(time.saturating_sub(last));
        last = time;
    }
    service
}

/// Calls begun in a stretch of time, and those of them that were answered with ok.
fn count(operations: &[Operation], from: u64, to: u64) -> (u64, u64) {
    let first = operations.partition_point(|operation| operation.called < from);
    let inside = operations[first..].iter().take_while(|operation| operation.called <= to);
    inside.fold((0, 0), |(calls, ok), one| (calls + 1, ok + u64::from(is_ok(one))))
}

/// How long after a fault service is counted, in nanoseconds.
const AFTER: u64 = 5_000_000_000;

/// No call is believed to take longer than this, in nanoseconds.
const LONG: u64 = 60_000_000_000;

fn recover(operations: &[Operation], gone: u64, nodes: usize, service: &mut Service) {
    let first = operations.partition_point(|operation| operation.called < gone);
    for operation in operations[first..].iter().filter(|operation| is_ok(operation)) {
        let Some(returned) = operation.returned else { continue };
        let after = returned.saturating_sub(gone);
        service.recovery_ns = Some(service.recovery_ns.map_or(after, |least| least.min(after)));
        if let Some(node) = operation.node.as_deref() {
            let least = service.node_recovery_ns.entry(node.to_owned()).or_insert(after);
            *least = after.min(*least);
        }
        if service.node_recovery_ns.len() >= nodes {
            return;
        }
    }
}

fn is_ok(operation: &Operation) -> bool {
    matches!(operation.outcome, Outcome::Ok(_))
}

/// What a suite demands of the service.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Limits {
    /// The least share of calls, from 0 to 1, that have to be answered with ok during each fault.
    pub min_availability: Option<f64>,
    /// How soon after each fault is gone calls have to be answered again.
    pub max_recovery: Option<Duration>,
}

/// The finding of the limits, if there are any: an anomaly for each fault that broke one.
pub fn judge(faults: &[FaultRecord], limits: Limits) -> Option<Finding> {
    if limits == Limits::default() {
        return None;
    }
    let anomalies: Vec<Anomaly> =
        faults.iter().flat_map(|fault| complaints(fault, limits)).collect();
    let measured = faults.iter().filter(|fault| fault.service.is_some()).count();
    let stats = json!({ "faults": measured });
    Some(match (anomalies.is_empty(), measured) {
        (_, 0) => Finding::unknown(CHECKER, "no fault was observed, so no limit was tried"),
        (true, _) => Finding::valid(CHECKER, stats),
        (false, _) => Finding::invalid(CHECKER, anomalies, stats),
    })
}

const CHECKER: &str = "service";

fn complaints(fault: &FaultRecord, limits: Limits) -> Vec<Anomaly> {
    let Some(service) = &fault.service else { return Vec::new() };
    let mut found = Vec::new();
    let mut complain = |kind: &str, title: String, explanation: String| {
        found.push(Anomaly { kind: kind.to_owned(), title, explanation, ..Anomaly::default() });
    };
    let what = format!("{} at {}", fault.f, super::text::moment(fault.from_ns));
    if let (Some(least), Some(share)) = (limits.min_availability, service.availability())
        && share < least
    {
        complain(
            "unavailable",
            format!("{:.1} % of calls were served during {what}", 100.0 * share),
            format!(
                "{} of {} calls begun while it was in force were answered with ok; the limit is \
                 {:.1} %. The longest time without an answer was {}.",
                service.ok,
                service.calls,
                100.0 * least,
                super::text::duration(service.longest_outage_ns)
            ),
        );
    }
    if let (Some(least), Some(share)) = (limits.min_availability, service.availability_after())
        && share < least
    {
        complain(
            "degraded",
            format!("{:.1} % of calls were served after {what} was mended", 100.0 * share),
            format!(
                "{} of {} calls begun in the five seconds after that were answered with ok; the \
                 limit is {:.1} %.",
                service.ok_after,
                service.calls_after,
                100.0 * least
            ),
        );
    }
    let Some(limit) = limits.max_recovery else { return found };
    let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    match (fault.to_ns, service.recovery_ns) {
        (Some(_), Some(took)) if took > limit_ns => complain(
            "slow-recovery",
            format!("service came back {} after {what} was mended", super::text::duration(took)),
            format!("The limit is {}.", super::text::duration(limit_ns)),
        ),
        (Some(_), None) => complain(
            "no-recovery",
            format!("service never came back after {what} was mended"),
            "No call begun after that was answered with ok.".to_owned(),
        ),
        _ => {}
    }
    found
}
