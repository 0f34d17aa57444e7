//! Tally: all anomalies counted, the first few kept in full.

use serde_json::Value;

use crate::{Anomaly, Finding, Operation, Step};

/// Anomalies kept in full.
const MAX_KEPT: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Tally {
    kept: Vec<Anomaly>,
    count: u64,
}

impl Tally {
    /// Counts an anomaly, and makes it only if it will be kept.
    pub(crate) fn add(&mut self, make: impl FnOnce() -> Anomaly) {
        self.count += 1;
        if self.kept.len() < MAX_KEPT {
            self.kept.push(make());
        }
    }

    /// Counts `count` anomalies that have one proof.
    pub(crate) fn add_many(&mut self, count: u64, make: impl FnOnce() -> Anomaly) {
        self.add(make);
        self.count += count.saturating_sub(1);
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Joins two tallies, the first one's anomalies first.
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.kept.extend(other.kept);
        self.count += other.count;
        self
    }

    /// Invalid with what was found; else unknown if there is a reason; else valid.
    pub(crate) fn conclude(self, checker: &str, unknown: Option<String>, stats: Value) -> Finding {
        if !self.kept.is_empty() {
            let mut finding = Finding::invalid(checker, self.kept, stats);
            finding.anomaly_count = self.count;
            return finding;
        }
        match unknown {
            Some(reason) => Finding { stats, ..Finding::unknown(checker, reason) },
            None => Finding::valid(checker, stats),
        }
    }
}

/// An anomaly of a kind, with its words, steps, and what it rules out.
pub(crate) fn anomaly(
    kind: &str,
    title: String,
    explanation: String,
    steps: Vec<Step>,
    rules_out: &[&str],
) -> Anomaly {
    let mut operations: Vec<u64> = steps.iter().flat_map(|step| step.operations.clone()).collect();
    operations.sort_unstable();
    operations.dedup();
    Anomaly {
        kind: kind.to_owned(),
        title,
        explanation,
        steps,
        operations,
        edges: Vec::new(),
        dead_end: None,
        key: None,
        rules_out: rules_out.iter().map(|model| (*model).to_owned()).collect(),
    }
}

/// Who called, and when: what is told of an operation beside what it did.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    /// Of the invocation.
    pub(crate) index: u64,
    pub(crate) process: u32,
    /// Nanoseconds since the run began.
    pub(crate) called: u64,
    pub(crate) returned: Option<u64>,
}

impl Site {
    pub(crate) fn of(operation: &Operation<'_>) -> Self {
        let Operation { index, process, called, returned, .. } = *operation;
        Self { index, process, called, returned }
    }

    /// "Process 3 ⟨did⟩ between 1.2 s and 1.3 s."
    pub(crate) fn step(self, did: &str) -> Step {
        let Self { index, process, .. } = self;
        let called = crate::words::seconds(self.called);
        let text = match self.returned {
            Some(returned) => format!(
                "Process {process} {did} between {called} and {}.",
                crate::words::seconds(returned)
            ),
            None => format!("Process {process} {did} at {called}, and got no answer."),
        };
        Step { text, operations: vec![index] }
    }
}

/// "Process 3 ⟨did⟩ between 1.2 s and 1.3 s."
pub(crate) fn step(operation: &Operation<'_>, did: &str) -> Step {
    Site::of(operation).step(did)
}

/// The least, the middle, the 95th and the 99th of a hundred, and the greatest of some times in
/// nanoseconds, as milliseconds; null if there are none.
pub(crate) fn quantiles(mut nanoseconds: Vec<u64>) -> Value {
    if nanoseconds.is_empty() {
        return Value::Null;
    }
    nanoseconds.sort_unstable();
    let last = nanoseconds.len() - 1;
    let at = |share: f64| nanoseconds[(share * last as f64).round() as usize] as f64 / 1e6;
    serde_json::json!({
        "0": at(0.0), "0.5": at(0.5), "0.95": at(0.95), "0.99": at(0.99), "1": at(1.0),
    })
}
