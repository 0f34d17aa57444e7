//! Lists as transactions: read all, then write on condition that nothing read has changed.
//!
//! etcd's transactions cannot append, so a transaction with an append takes two requests: a
//! snapshot of every key that it touches, with their revisions; then all puts, on condition that
//! each of those keys still has its revision. That is optimistic concurrency control with
//! backward validation over the whole footprint (Kung and Robinson 1981, "On Optimistic Methods
//! for Concurrency Control", section 3), so it is strictly serializable if etcd is. A condition
//! that does not hold means that nothing was written.

use crate::api::{Compare, Found, Int64, Put, Range, Txn, TxnOp};
use crate::connection::Connection;
use crate::connector::{Reads, key_text, unknown};
use crate::failure::{Effect, classify};
use crate::register::decode;
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// One step of a transaction.
enum Micro<'a> {
    Append(&'a Value, &'a Value),
    Read(&'a Value),
}

/// A list as it was read, with what this transaction has appended.
struct List {
    revision: Int64,
    elements: Vec<Value>,
    appended: bool,
}

/// `txn [["append", k, v], ["r", k, null], …]`, answered with the lists read filled in.
pub(crate) async fn invoke(
    connection: &mut Connection,
    reads: Reads,
    op: &Op,
) -> Result<Value, Failure> {
    let micros = parse(op).ok_or_else(|| unknown(op))?;
    let writes = micros.iter().any(|micro| matches!(micro, Micro::Append(..)));
    // What is going to be validated may as well be read where it is most likely current.
    let serializable = reads.serializable() && !writes;
    let mut lists = snapshot(connection, &micros, serializable).await?;
    let answer = apply(&micros, &mut lists);
    if writes {
        commit(connection, &lists).await?;
    }
    Ok(answer)
}

fn parse(op: &Op) -> Option<Vec<Micro<'_>>> {
    if &*op.f != "txn" {
        return None;
    }
    let steps = op.value.as_array()?.iter();
    steps
        .map(|step| match step.as_array()?.as_slice() {
            [f, key, element] if f == "append" => Some(Micro::Append(key, element)),
            [f, key, _] if f == "r" => Some(Micro::Read(key)),
            _ => None,
        })
        .collect()
}

fn name(key: &Value) -> String {
    format!("l/{}", key_text(key))
}

/// All keys at one revision of the store.
async fn snapshot(
    connection: &mut Connection,
    micros: &[Micro<'_>],
    serializable: bool,
) -> Result<BTreeMap<String, List>, Failure> {
    let mut names: Vec<String> = micros
        .iter()
        .map(|micro| match micro {
            Micro::Append(key, _) | Micro::Read(key) => name(key),
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Ok(BTreeMap::new());
    }
    let range = |name: &String| TxnOp::RequestRange(Range::key(name, serializable));
    let txn = Txn { compare: Vec::new(), success: names.iter().map(range).collect() };
    let answer = connection.txn(&txn).await;
    let answer = answer.map_err(|error| classify(&error, Effect::Nothing))?;
    if !answer.succeeded || answer.responses.len() != names.len() {
        return Err(Failure::Unexpected(format!("a snapshot was answered with {answer:?}")));
    }
    let mut lists = BTreeMap::new();
    for (name, part) in names.into_iter().zip(answer.responses) {
        let Some(found) = part.response_range else {
            return Err(Failure::Unexpected(format!("no range came for key {name}")));
        };
        let list = list(&name, &found)?;
        lists.insert(name, list);
    }
    Ok(lists)
}

fn list(name: &str, found: &Found) -> Result<List, Failure> {
    match found.kvs.as_slice() {
        [] => Ok(List { revision: Int64(0), elements: Vec::new(), appended: false }),
        [only] => match decode(&only.value)? {
            Value::Array(elements) => {
                Ok(List { revision: only.mod_revision, elements, appended: false })
            }
            other => Err(Failure::Unexpected(format!("key {name} holds no list: {other:.100}"))),
        },
        _ => Err(Failure::Unexpected(format!("many values for key {name}"))),
    }
}

/// Does the steps on the lists in order; reads see the appends before them.
fn apply(micros: &[Micro<'_>], lists: &mut BTreeMap<String, List>) -> Value {
    let mut answer = Vec::with_capacity(micros.len());
    for micro in micros {
        match micro {
            Micro::Append(key, element) => {
                if let Some(list) = lists.get_mut(&name(key)) {
                    list.elements.push((*element).clone());
                    list.appended = true;
                }
                answer.push(json!(["append", key, element]));
            }
            Micro::Read(key) => {
                let elements = lists.get(&name(key)).map(|list| list.elements.as_slice());
                answer.push(json!(["r", key, elements.unwrap_or_default()]));
            }
        }
    }
    Value::Array(answer)
}

async fn commit(
    connection: &mut Connection,
    lists: &BTreeMap<String, List>,
) -> Result<(), Failure> {
    let unchanged = |(name, list): (&String, &List)| Compare::unchanged_since(name, list.revision);
    let put = |(name, list): (&String, &List)| {
        TxnOp::RequestPut(Put::new(name, &Value::Array(list.elements.clone()).to_string()))
    };
    let txn = Txn {
        compare: lists.iter().map(unchanged).collect(),
        success: lists.iter().filter(|(_, list)| list.appended).map(put).collect(),
    };
    let answer = connection.txn(&txn).await;
    match answer.map_err(|error| classify(&error, Effect::Writes))? {
        answer if answer.succeeded => Ok(()),
        _ => Err(Failure::Definite("conflict".to_owned())),
    }
}
