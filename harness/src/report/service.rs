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
    /// Those of them that the database answered, and declined: it was there, and a compare was
    /// unequal, a lock another's, a queue empty.
    #[serde(default)]
    pub declined: u64,
    /// The longest stretch of the window in which no call was served (answered with ok, or
    /// declined), in nanoseconds.
    pub longest_outage_ns: u64,
    /// Calls begun in the five seconds after it was seen to be gone, or until the next fault.
    pub calls_after: u64,
    /// Those of them that were answered with ok. Few of many is how a metastable failure looks:
    /// what overloaded the system is over, and it serves no better.
    pub ok_after: u64,
    /// Those of them that were declined.
    #[serde(default)]
    pub declined_after: u64,
    /// From when the fault was seen to be gone until a call begun after that was served; `None`
    /// if none was, or if it was never seen to be gone.
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
    /// The share of calls that was served, from 0 to 1; `None` when nothing was called.
    pub fn availability(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.served() as f64 / self.calls as f64)
    }

    /// Calls begun while it was in force that were answered with ok, or declined.
    pub fn served(&self) -> u64 {
        self.ok + self.declined
    }

    /// The same for the time just after.
    pub fn served_after(&self) -> u64 {
        self.ok_after + self.declined_after
    }

    /// The same for the time just after; `None` when nothing was called then.
    pub fn availability_after(&self) -> Option<f64> {
        (self.calls_after > 0).then(|| self.served_after() as f64 / self.calls_after as f64)
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
            let after = count(operations, gone, until);
            service.calls_after = after.calls;
            (service.ok_after, service.declined_after) = (after.ok, after.declined);
        }
        fault.service = Some(service);
    }
}

fn within(history: &History, operations: &[Operation<'_>], from: u64, to: u64) -> Service {
    let counted = count(operations, from, to);
    let first = operations.partition_point(|operation| operation.called < from);
    let inside = operations[first..].iter().take_while(|operation| operation.called <= to);
    let inside = inside.filter(|operation| !operation.asks_nothing() && !operation.declined);
    let errors = stats::errors_of(history, inside, ERRORS);
    let mut service = Service { errors, ..counted };
    // Calls from before count here: they were answered while the fault was in force.
    let early =
        operations.partition_point(|operation| operation.called < from.saturating_sub(LONG));
    let answers = operations[early..]
        .iter()
        .take_while(|operation| operation.called <= to)
        .filter(|operation| operation.is_served())
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

/// Calls begun in a stretch of time, those of them that were answered with ok, and those declined.
fn count(operations: &[Operation<'_>], from: u64, to: u64) -> Service {
    let first = operations.partition_point(|operation| operation.called < from);
    let inside = operations[first..].iter().take_while(|operation| operation.called <= to);
    let asked = inside.filter(|operation| !operation.asks_nothing());
    asked.fold(Service::default(), |mut counted, one| {
        counted.calls += 1;
        counted.ok += u64::from(one.is_ok());
        counted.declined += u64::from(one.declined);
        counted
    })
}

/// How long after a fault service is counted, in nanoseconds.
const AFTER: u64 = 5_000_000_000;

/// Kinds of errors that are told of a fault.
const ERRORS: usize = 5;

/// No call is believed to take longer than this, in nanoseconds.
const LONG: u64 = 60_000_000_000;

fn recover(operations: &[Operation<'_>], gone: u64, nodes: usize, service: &mut Service) {
    let first = operations.partition_point(|operation| operation.called < gone);
    for operation in operations[first..].iter().filter(|operation| operation.is_served()) {
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
