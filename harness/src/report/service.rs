//! Service: how much of the database was there while a fault was in force, and how soon after.

use super::faults::FaultRecord;
use super::stats::{self, ErrorCount};
use perjury_checkers::{History, Operation};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// What calls begun while it was in force were answered instead, most frequent first; few.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub errors: Vec<ErrorCount>,
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
pub(super) fn measure(
    history: &History,
    operations: &[Operation<'_>],
    end_ns: u64,
    faults: &mut [FaultRecord],
) {
    let nodes: std::collections::BTreeSet<&str> =
        operations.iter().filter_map(|operation| operation.node).collect();
    let mut begun: Vec<u64> = faults.iter().map(|fault| fault.from_ns).collect();
    begun.sort_unstable();
    for fault in faults {
        let Some((from, to)) = fault.window() else { continue };
        let mut service = within(history, operations, from, to.min(end_ns));
        if let Some(gone) = fault.to_ns {
            recover(operations, gone, nodes.len(), &mut service);
            let next = begun[begun.partition_point(|time| *time <= gone)..].first();
            let until = next.copied().unwrap_or(u64::MAX).min(gone.saturating_add(AFTER));
            (service.calls_after, service.ok_after) = count(operations, gone, until);
        }
        fault.service = Some(service);
    }
}

fn within(history: &History, operations: &[Operation<'_>], from: u64, to: u64) -> Service {
    let (calls, ok) = count(operations, from, to);
    let first = operations.partition_point(|operation| operation.called < from);
    let inside = operations[first..].iter().take_while(|operation| operation.called <= to);
    let inside = inside.filter(|operation| !operation.is_crash());
    let errors = stats::errors_of(history, inside, ERRORS);
    let mut service = Service { calls, ok, errors, ..Service::default() };
    // Calls from before count here: they were answered while the fault was in force.
    let early =
        operations.partition_point(|operation| operation.called < from.saturating_sub(LONG));
    let answers = operations[early..]
        .iter()
        .take_while(|operation| operation.called <= to)
        .filter(|operation| operation.is_ok())
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
fn count(operations: &[Operation<'_>], from: u64, to: u64) -> (u64, u64) {
    let first = operations.partition_point(|operation| operation.called < from);
    let inside = operations[first..].iter().take_while(|operation| operation.called <= to);
    let asked = inside.filter(|operation| !operation.is_crash());
    asked.fold((0, 0), |(calls, ok), one| (calls + 1, ok + u64::from(one.is_ok())))
}

/// How long after a fault service is counted, in nanoseconds.
const AFTER: u64 = 5_000_000_000;

/// Kinds of errors that are told of a fault.
const ERRORS: usize = 5;

/// No call is believed to take longer than this, in nanoseconds.
const LONG: u64 = 60_000_000_000;

fn recover(operations: &[Operation<'_>], gone: u64, nodes: usize, service: &mut Service) {
    let first = operations.partition_point(|operation| operation.called < gone);
    for operation in operations[first..].iter().filter(|operation| operation.is_ok()) {
        let Some(returned) = operation.returned else { continue };
        let after = returned.saturating_sub(gone);
        service.recovery_ns = Some(service.recovery_ns.map_or(after, |least| least.min(after)));
        if let Some(node) = operation.node {
            let least = service.node_recovery_ns.entry(node.to_owned()).or_insert(after);
            *least = after.min(*least);
        }
        if service.node_recovery_ns.len() >= nodes {
            return;
        }
    }
}
