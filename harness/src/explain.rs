//! Explaining: one operation's neighbourhood, or one anomaly with its proof, for the terminal.

pub mod anomaly;
pub mod bars;
mod lines;
pub mod operation;
mod paint;
mod steps;
mod touch;

pub use anomaly::{AnomalyStory, select};
pub(crate) use lines::Lines;
pub use operation::OperationStory;
pub use paint::Paint;
pub use touch::looks_keyed;

use crate::report::{FaultRecord, text};
use perjury_checkers::{Finding, Operation, Outcome};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// All that is known of a history, or of a run.
#[derive(Clone, Debug, Default)]
pub struct Subject<'h> {
    /// Client operations in order of their calls.
    pub operations: Vec<Operation<'h>>,
    /// What the checkers concluded; empty if nobody judged it.
    pub findings: Vec<Finding>,
    pub faults: Vec<FaultRecord>,
    /// Errors by the index of the event that brought them.
    pub errors: BTreeMap<u64, String>,
    /// Whether operations have times: some formats know only who ran what after what.
    pub timed: bool,
    /// Whether values are `[key, value]`, an object for each key.
    pub keyed: bool,
    /// The command that does it again.
    pub again: String,
}

/// An operation as it is told, and as `--json` has it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Shown {
    /// The index of its call.
    pub index: u64,
    pub process: u32,
    pub node: Option<String>,
    pub f: String,
    pub input: Value,
    /// `ok`, `failed`, `declined` or `unknown`.
    pub outcome: &'static str,
    pub output: Option<Value>,
    pub error: Option<String>,
    /// Nanoseconds since the run began.
    pub called_ns: u64,
    pub returned_ns: Option<u64>,
    pub latency_ns: Option<u64>,
    /// In short: `write 3 → ok`.
    pub words: String,
}

/// A fault as it is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct InForce {
    pub index: u64,
    pub f: String,
    pub targets: String,
    /// From the order to break, nanoseconds since the run began.
    pub from_ns: u64,
    /// When it was seen to be gone, if it was.
    pub to_ns: Option<u64>,
}

impl<'h> Subject<'h> {
    /// The operation that was called by the event `index`.
    ///
    /// # Errors
    /// A sentence that says which operations there are.
    pub fn find(&self, index: u64) -> Result<&Operation<'h>, String> {
        let all = &self.operations;
        let at = all.partition_point(|operation| operation.index < index);
        if let Some(operation) = all.get(at).filter(|operation| operation.index == index) {
            return Ok(operation);
        }
        let answered = all.iter().find(|operation| operation.completion == Some(index));
        if let Some(operation) = answered {
            return Err(format!(
                "event {index} is the answer to operation {}: operations are called by the index \
                 of their call",
                operation.index
            ));
        }
        let near: Vec<String> = [at.checked_sub(1), Some(at)]
            .into_iter()
            .flatten()
            .filter_map(|at| all.get(at))
            .map(|operation| operation.index.to_string())
            .collect();
        match (all.first(), all.last()) {
            (Some(first), Some(last)) => Err(format!(
                "there is no operation {index}: there are {}, called by the index of their call, \
                 from {} to {}; nearest is {}",
                all.len(),
                first.index,
                last.index,
                near.join(" and ")
            )),
            _ => Err(format!("there is no operation {index}: the history has none at all")),
        }
    }

    /// An operation as it is told.
    pub fn shown(&self, operation: &Operation<'_>) -> Shown {
        let outcome = match operation.outcome {
            Outcome::Ok(_) => "ok",
            Outcome::Failed if operation.declined => "declined",
            Outcome::Failed => "failed",
            Outcome::Unknown => "unknown",
        };
        let took = operation.returned.map(|returned| returned.saturating_sub(operation.called));
        Shown {
            index: operation.index,
            process: operation.process,
            node: operation.node.map(str::to_owned),
            f: operation.f.to_string(),
            input: operation.input.clone(),
            outcome,
            output: operation.output().cloned(),
            error: operation.completion.and_then(|index| self.errors.get(&index)).cloned(),
            called_ns: operation.called,
            returned_ns: operation.returned,
            latency_ns: took,
            words: text::printable(&text::operation(operation, None)),
        }
    }

    /// Faults that may have been in force at some time of a span, in order.
    pub fn in_force(&self, from: u64, to: u64) -> Vec<InForce> {
        let meets = |fault: &&FaultRecord| {
            fault.span().is_some_and(|(begins, ends)| begins <= to && from <= ends)
        };
        let told = |fault: &FaultRecord| InForce {
            index: fault.index,
            f: fault.f.clone(),
            targets: text::printable(&fault.target_words()),
            from_ns: fault.from_ns,
            to_ns: fault.to_ns,
        };
        self.faults.iter().filter(meets).map(told).collect()
    }
}

#[cfg(test)]
mod tests;
