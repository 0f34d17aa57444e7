//! What became of an assertion in a run.

use super::Kind;
use super::recorder::{Line, Said};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// An assertion, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Record {
    pub name: String,
    pub kind: Kind,
    pub source: Source,
    pub state: State,
    /// How often it was seen to hold; of `never`, how often that was seen which must not be.
    pub held: u64,
    /// How often it was looked at and did not hold.
    pub failed: u64,
    /// When it was first seen to hold, in nanoseconds since the run began, where that is known.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first_ns: Option<u64>,
    /// What was seen: lines of logs with their places, values of clients; the first few.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub evidence: Vec<String>,
}

/// Who asserts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A client.
    Client,
    /// A definition, of the nodes' logs.
    Log,
    /// A definition, of the faults.
    Fault,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As asserted.
    Held,
    /// Not so: an anomaly.
    Failed,
    /// It never came about, so that nothing is known of it.
    Unreached,
    /// It is not of this run: a fault that it needs was not asked for.
    Skipped,
}

/// What clients asserted, in order of names.
pub(super) fn of_clients(lines: &[Line]) -> Vec<Record> {
    let mut records: BTreeMap<(Kind, &str), Record> = BTreeMap::new();
    for line in lines {
        let record = records.entry((line.kind, &line.name)).or_insert_with(|| Record {
            name: line.name.clone(),
            kind: line.kind,
            source: Source::Client,
            state: State::Unreached,
            held: 0,
            failed: 0,
            first_ns: None,
            evidence: Vec::new(),
        });
        match &line.said {
            Said::Declared => {}
            Said::Held => {
                record.held = record.held.max(1);
                record.first_ns = record.first_ns.or(Some(line.at_ns));
            }
            Said::Failed(value) => {
                record.failed += 1;
                record.evidence.push(evidence(line.at_ns, value));
            }
            // The count includes those that are told one by one.
            Said::Counted { held, failed } => {
                record.held = record.held.max(*held);
                record.failed = record.failed.max(*failed);
            }
        }
    }
    let mut records: Vec<Record> = records.into_values().collect();
    for record in &mut records {
        record.state = match (record.kind, record.held, record.failed) {
            (Kind::Always, _, 1..) => State::Failed,
            (_, 0, _) => State::Unreached,
            _ => State::Held,
        };
    }
    records
}

fn evidence(at_ns: u64, value: &Value) -> String {
    let when = crate::report::text::moment(at_ns);
    if value.is_null() { format!("at {when}") } else { format!("at {when}: {value}") }
}
