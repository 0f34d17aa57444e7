//! Calls on keyed objects, and by which replica each was answered.

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::numbers::Keys;
use crate::{Event, History, Operation, Process};

/// One call on a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call<'h> {
    pub(super) operation: &'h Operation<'h>,
    /// The object, by number.
    pub(super) key: u32,
    /// The replica, by number.
    pub(super) node: u32,
    pub(super) argument: &'h Value,
    /// The value in the answer, if there is an answer.
    pub(super) answer: Option<&'h Value>,
    /// What the replica tells besides.
    pub(super) evidence: Option<&'h Value>,
}

impl<'h> Call<'h> {
    pub(super) fn f(&self) -> &'h str {
        self.operation.f
    }

    pub(super) fn is_read(&self) -> bool {
        self.f() == "read"
    }

    pub(super) fn is_answered_read(&self) -> bool {
        self.is_read() && self.answer.is_some()
    }

    /// Which updates the replica had seen, if it said so.
    pub(super) fn seen(&self) -> Option<&'h Value> {
        self.evidence?.get("seen").filter(|seen| !seen.is_null())
    }

    /// When the answer came; never for a call without one.
    pub(super) fn returned(&self) -> u64 {
        self.operation.returned.unwrap_or(u64::MAX)
    }
}

/// Who answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Node<'h> {
    Named(&'h str),
    /// Whoever it is that this process talks to.
    Of(u32),
}

/// All calls of a history, ordered by begin.
#[derive(Debug)]
pub(super) struct Ledger<'h> {
    pub(super) calls: Vec<Call<'h>>,
    /// Answered `digest` calls; their answer is the digest, and their key means nothing.
    pub(super) digests: Vec<Call<'h>>,
    pub(super) keys: Vec<&'h Value>,
    pub(super) nodes: Vec<String>,
}

impl<'h> Ledger<'h> {
    /// `functions` are all that may be called, besides `read` and `digest`.
    pub(super) fn new(operations: &'h [Operation<'h>], functions: &[&str]) -> Result<Self, String> {
        let mut ledger =
            Self { calls: Vec::new(), digests: Vec::new(), keys: Vec::new(), nodes: Vec::new() };
        let mut keys = Keys::default();
        let mut nodes: FxHashMap<Node<'h>, u32> = FxHashMap::default();
        for operation in operations {
            let evidence = operation.output().and_then(|output| match operation.f {
                "digest" => Some(output),
                _ => output.get(2),
            });
            let told = evidence.and_then(|evidence| evidence.get("node")?.as_str());
            let node = ledger.number_of(&mut nodes, told.or(operation.node), operation.process);
            if operation.f == "digest" {
                ledger.digest(operation, node, evidence);
                continue;
            }
            if operation.f != "read" && !functions.contains(&operation.f) {
                return Err(format!(
                    "operation {} is `{}`, but there are only {}, read and digest",
                    operation.index,
                    operation.f,
                    functions.join(", ")
                ));
            }
            let (key, argument) = keyed(operation, operation.input)?;
            let answer = match operation.output() {
                Some(output) => Some(keyed(operation, output)?.1),
                None => None,
            };
            let key = keys.number(key);
            ledger.calls.push(Call { operation, key, node, argument, answer, evidence });
        }
        ledger.keys = keys.all;
        Ok(ledger)
    }

    /// The number of a replica. A client of which nobody knows whom it talks to stands for one of its
    /// own.
    fn number_of(
        &mut self,
        numbers: &mut FxHashMap<Node<'h>, u32>,
        told: Option<&'h str>,
        process: u32,
    ) -> u32 {
        let node = told.map_or(Node::Of(process), Node::Named);
        *numbers.entry(node).or_insert_with(|| {
            self.nodes.push(match node {
                Node::Named(name) => name.to_owned(),
                Node::Of(process) => format!("process {process}"),
            });
            self.nodes.len() as u32 - 1
        })
    }

    fn digest(&mut self, operation: &'h Operation<'h>, node: u32, evidence: Option<&'h Value>) {
        let Some(output) = operation.output() else { return };
        self.digests.push(Call {
            operation,
            key: 0,
            node,
            argument: &Value::Null,
            answer: Some(output.get("digest").unwrap_or(output)),
            evidence,
        });
    }

    /// Answered reads, by begin.
    pub(super) fn reads(&self) -> impl Iterator<Item = (&Call<'h>, &'h Value)> {
        self.calls
            .iter()
            .filter(|call| call.is_read())
            .filter_map(|call| Some((call, call.answer?)))
    }

    /// The calls on each key, by begin.
    pub(super) fn by_key(&self) -> Vec<Vec<&Call<'h>>> {
        let mut by_key = vec![Vec::new(); self.keys.len()];
        for call in &self.calls {
            by_key[call.key as usize].push(call);
        }
        by_key
    }

    /// The name of a key, for people.
    pub(super) fn key(&self, key: u32) -> String {
        crate::words::shortened(self.keys[key as usize])
    }

    pub(super) fn node(&self, node: u32) -> &str {
        &self.nodes[node as usize]
    }
}

/// The key and the other part of a value.
fn keyed<'h>(
    operation: &Operation<'_>,
    value: &'h Value,
) -> Result<(&'h Value, &'h Value), String> {
    match value.as_array().map(Vec::as_slice) {
        Some([key, rest] | [key, rest, _]) => Ok((key, rest)),
        _ => Err(format!(
            "operation {} has {}, where [key, value] should be",
            operation.index,
            crate::words::shortened(value)
        )),
    }
}

/// When something was done to the cluster: what it is called, and when it was over.
#[derive(Clone, Debug)]
pub(super) struct Change {
    pub(super) f: String,
    pub(super) at: u64,
}

/// What was done to the cluster, in order. Each is told twice, when it begins and when it is over.
pub(super) fn changes(history: &History) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut open: Option<&Event> = None;
    for event in history.events().iter().filter(|event| event.process == Process::Nemesis) {
        match open.take() {
            Some(begun) if begun.f == event.f => {
                changes.push(Change { f: event.f.to_string(), at: event.time });
            }
            _ => open = Some(event),
        }
    }
    changes
}

/// When the last thing was done to the cluster; 0 if nothing was.
pub(super) fn healed(history: &History) -> u64 {
    let done = history.events().iter().filter(|event| event.process == Process::Nemesis);
    done.map(|event| event.time).max().unwrap_or(0)
}
