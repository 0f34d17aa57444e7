//! Pairing: calls with their answers.

use rustc_hash::FxHashMap;
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
    /// When the answer came, in nanoseconds since the run began; `None` while unknown, for an
    /// unknown call never ends.
    pub returned: Option<u64>,
    /// Index of the completion event, if there is one (also of an `info`).
    pub completion: Option<u64>,
    pub node: Option<Name>,
}

impl Operation {
    /// The answer, when it happened.
    pub fn output(&self) -> Option<&Value> {
        match &self.outcome {
            Outcome::Ok(value) => Some(value),
            Outcome::Failed | Outcome::Unknown => None,
        }
    }

    /// Whether it certainly happened.
    pub fn is_ok(&self) -> bool {
        matches!(self.outcome, Outcome::Ok(_))
    }

    /// Whether it certainly did not happen.
    pub fn is_failed(&self) -> bool {
        self.outcome == Outcome::Failed
    }

    /// Whether nobody knows if it happened.
    pub fn is_unknown(&self) -> bool {
        self.outcome == Outcome::Unknown
    }

    /// The position in the history by which its effect was in place or certainly absent: the
    /// index of its completion, and never (`u64::MAX`) for an unknown call. Two operations are
    /// ordered in real time when one's end is less than the other's `index`.
    pub fn end(&self) -> u64 {
        match self.outcome {
            Outcome::Unknown => u64::MAX,
            Outcome::Ok(_) | Outcome::Failed => self.completion.unwrap_or(u64::MAX),
        }
    }
}

impl History {
    /// Client calls with their answers, ordered by invocation.
    ///
    /// A completion without a call (only a lenient history has those) is an operation of its
    /// own that began and ended at once. Linear in the number of events.
    pub fn operations(&self) -> Vec<Operation> {
        let mut operations: Vec<Operation> = Vec::with_capacity(self.events.len() / 2);
        let mut open: FxHashMap<u32, usize> = FxHashMap::default();
        for event in &self.events {
            let Process::Client(process) = event.process else { continue };
            if event.kind == Kind::Invoke {
                open.insert(process, operations.len());
                operations.push(called(event, process));
                continue;
            }
            let position = open.remove(&process).unwrap_or_else(|| {
                operations.push(called(event, process));
                operations.len() - 1
            });
            complete(&mut operations[position], event);
        }
        operations
    }
}

/// What a call asked and was answered, where the history has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Values<'h> {
    pub(crate) input: &'h Value,
    /// The answer, when it happened.
    pub(crate) output: Option<&'h Value>,
}

impl History {
    /// The same as [`Self::operations`] without values, and these in a list of their own: answers can
    /// be long, and copying them takes longer than judging.
    pub(crate) fn operations_and_values(&self) -> (Vec<Operation>, Vec<Values<'_>>) {
        let mut operations: Vec<Operation> = Vec::with_capacity(self.events.len() / 2);
        let mut values: Vec<Values<'_>> = Vec::with_capacity(self.events.len() / 2);
        let mut open: FxHashMap<u32, usize> = FxHashMap::default();
        for event in &self.events {
            let Process::Client(process) = event.process else { continue };
            let call = if event.kind == Kind::Invoke { None } else { open.remove(&process) };
            let position = call.unwrap_or_else(|| {
                operations.push(bare(event, process));
                values.push(Values { input: &event.value, output: None });
                operations.len() - 1
            });
            if event.kind == Kind::Invoke {
                open.insert(process, position);
                continue;
            }
            end(&mut operations[position], event, Value::Null);
            values[position].output = Some(&event.value).filter(|_| event.kind == Kind::Ok);
        }
        (operations, values)
    }
}

impl History {
    /// The operation invoked at this position of the events and completed by `completion`.
    pub(crate) fn operation(&self, invoked: u32, completion: Option<&Event>) -> Operation {
        let event = &self.events[invoked as usize];
        let mut operation = called(event, event.process.client().unwrap_or(u32::MAX));
        if let Some(completion) = completion {
            complete(&mut operation, completion);
        }
        operation
    }
}

fn called(event: &Event, process: u32) -> Operation {
    Operation { input: event.value.clone(), ..bare(event, process) }
}

/// Without its value.
fn bare(event: &Event, process: u32) -> Operation {
    Operation {
        index: event.index,
        process,
        f: event.f.clone(),
        input: Value::Null,
        outcome: Outcome::Unknown,
        called: event.time,
        returned: None,
        completion: None,
        node: event.node.clone(),
    }
}

fn complete(operation: &mut Operation, event: &Event) {
    let output = if event.kind == Kind::Ok { event.value.clone() } else { Value::Null };
    end(operation, event, output);
}

/// Ends an operation, with this answer if it happened.
fn end(operation: &mut Operation, event: &Event, output: Value) {
    operation.completion = Some(event.index);
    match event.kind {
        Kind::Ok => {
            operation.outcome = Outcome::Ok(output);
            operation.returned = Some(event.time);
        }
        Kind::Fail => {
            operation.outcome = Outcome::Failed;
            operation.returned = Some(event.time);
        }
        Kind::Invoke | Kind::Info => {}
    }
}
