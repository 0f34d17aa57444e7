//! Pairing: calls with their answers.

use serde_json::Value;

use super::{Event, History, Kind, Name, Process};

/// What is known of a call's effect.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It happened, with this answer.
    Ok(Value),
    /// It certainly did not happen.
    Failed,
    /// Nobody knows: `info`, or still open at the end.
    Unknown,
}

/// A client's call with its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// The index of the invocation event; names this operation everywhere.
    pub index: u64,
    pub process: u32,
    pub f: Name,
    /// The value of the invocation.
    pub input: Value,
    pub outcome: Outcome,
    /// Nanoseconds since the run began.
    pub called: u64,
    /// When the answer came; `None` while unknown, for an unknown call never ends.
    pub returned: Option<u64>,
    /// Index of the completion event, if there is one.
    pub completion: Option<u64>,
    pub node: Option<Name>,
}

impl History {
    /// Client calls with their answers, ordered by invocation.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations: Vec<Operation> = Vec::with_capacity(self.events.len() / 2);
        let mut open: std::collections::HashMap<u32, usize> = std::collections::HashMap::new();
        for event in &self.events {
            let Process::Client(process) = event.process else { continue };
            if event.kind == Kind::Invoke {
                open.insert(process, operations.len());
                operations.push(called(event, process));
            } else if let Some(position) = open.remove(&process) {
                complete(&mut operations[position], event);
            }
        }
        operations
    }
}

fn called(event: &Event, process: u32) -> Operation {
    Operation {
        index: event.index,
        process,
        f: event.f.clone(),
        input: event.value.clone(),
        outcome: Outcome::Unknown,
        called: event.time,
        returned: None,
        completion: None,
        node: event.node.clone(),
    }
}

fn complete(operation: &mut Operation, event: &Event) {
    operation.completion = Some(event.index);
    match event.kind {
        Kind::Ok => {
            operation.outcome = Outcome::Ok(event.value.clone());
            operation.returned = Some(event.time);
        }
        Kind::Fail => {
            operation.outcome = Outcome::Failed;
            operation.returned = Some(event.time);
        }
        Kind::Invoke | Kind::Info => {}
    }
}
