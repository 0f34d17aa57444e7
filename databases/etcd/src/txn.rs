//! Transactions on lists or registers: read all, then write on condition that nothing has changed.
//!
//! etcd's transactions write what is known beforehand, so one that writes takes two requests: a
//! snapshot of every key that it touches, with their revisions; then all puts, on condition that
//! each of those keys still has its revision. That is optimistic concurrency control with
//! backward validation over the whole footprint (Kung and Robinson 1981, "On Optimistic Methods
//! for Concurrency Control", section 3), so it is strictly serializable if etcd is. A condition
//! that does not hold means that nothing was written.

use crate::api::{Compare, Int64, KeyValue, Put, Range, Txn, TxnOp, TxnPart};
use crate::connection::Connection;
use crate::connector::{Reads, key_text, unknown};
use crate::failure::{Effect, classify};
use crate::register::decode;
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What the keys hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Lists,
    Registers,
}

impl Kind {
    /// What every key's name begins with.
    fn prefix(self) -> &'static str {
        match self {
            Self::Lists => "l/",
            Self::Registers => "w/",
        }
    }

    /// What a key holds that was never written.
    fn nothing(self) -> Value {
        match self {
            Self::Lists => json!([]),
            Self::Registers => Value::Null,
        }
    }

    /// The step that writes.
    fn writes(self) -> &'static str {
        match self {
            Self::Lists => "append",
            Self::Registers => "w",
        }
    }
}

/// One step of a transaction.
struct Step<'a> {
    name: String,
    key: &'a Value,
    /// What it writes; a step without reads.
    write: Option<&'a Value>,
}

/// A key as it was read, with what this transaction has done to it.
struct Held {
    revision: Int64,
    value: Value,
    written: bool,
}

/// `txn [["append", k, v] or ["w", k, v], ["r", k, null], …]`, answered with what was read.
pub(crate) async fn invoke(
    connection: &mut Connection,
    kind: Kind,
    reads: Reads,
    op: &Op,
) -> Result<Value, Failure> {
    let steps = parse(kind, op).ok_or_else(|| unknown(op))?;
    let writes = steps.iter().any(|step| step.write.is_some());
    // What is going to be validated may as well be read where it is most likely current.
    let serializable = reads.serializable() && !writes;
    let mut names: Vec<String> = steps.iter().map(|step| step.name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    let mut keys = snapshot(connection, kind, names, serializable).await?;
    let answer = apply(kind, &steps, &mut keys)?;
    if writes {
        commit(connection, &keys).await?;
    }
    Ok(answer)
}

fn parse(kind: Kind, op: &Op) -> Option<Vec<Step<'_>>> {
    if &*op.f != "txn" {
        return None;
    }
    let step = |step| -> Option<Step<'_>> {
        let [f, key, value] = Value::as_array(step)?.as_slice() else { return None };
        let write = match f.as_str()? {
            "r" => None,
            f if f == kind.writes() => Some(value),
            _ => return None,
        };
        Some(Step { name: format!("{}{}", kind.prefix(), key_text(key)), key, write })
    };
    op.value.as_array()?.iter().map(step).collect()
}

/// All keys at one revision of the store.
async fn snapshot(
    connection: &mut Connection,
    kind: Kind,
    names: Vec<String>,
    serializable: bool,
) -> Result<BTreeMap<String, Held>, Failure> {
    let found = read_all(connection, &names, serializable).await?;
    let held = |(name, kv): (String, Option<KeyValue>)| {
        let held = match kv {
            None => Held { revision: Int64(0), value: kind.nothing(), written: false },
            Some(kv) => {
                Held { revision: kv.mod_revision, value: decode(&kv.value)?, written: false }
            }
        };
        Ok((name, held))
    };
    names.into_iter().zip(found).map(held).collect()
}

/// Keys at one revision of the store, in the order of `names`, which do not repeat; `None` for each
/// that is not there.
pub(crate) async fn read_all(
    connection: &mut Connection,
    names: &[String],
    serializable: bool,
) -> Result<Vec<Option<KeyValue>>, Failure> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let range = |name: &String| TxnOp::Range(Range::key(name, serializable));
    let txn = Txn { compare: Vec::new(), success: names.iter().map(range).collect() };
    let answer = connection.txn(&txn).await;
    let answer = answer.map_err(|error| classify(&error, Effect::Nothing))?;
    if !answer.succeeded || answer.responses.len() != names.len() {
        return Err(Failure::Unexpected(format!("a snapshot was answered with {answer:?}")));
    }
    let only = |(name, part): (&String, TxnPart)| {
        let mut found = part.response_range.map(|found| found.kvs);
        match found.as_mut().map(|kvs| (kvs.len(), kvs)) {
            Some((0, _)) => Ok(None),
            Some((1, kvs)) => Ok(kvs.pop()),
            Some(_) => Err(Failure::Unexpected(format!("many values for key {name}"))),
            None => Err(Failure::Unexpected(format!("no range came for key {name}"))),
        }
    };
    names.iter().zip(answer.responses).map(only).collect()
}

/// Does the steps in order; reads see the writes before them.
fn apply(
    kind: Kind,
    steps: &[Step<'_>],
    keys: &mut BTreeMap<String, Held>,
) -> Result<Value, Failure> {
    let mut answer = Vec::with_capacity(steps.len());
    for step in steps {
        let Some(held) = keys.get_mut(&step.name) else {
            return Err(Failure::Unexpected(format!("nothing was read of {}", step.name)));
        };
        let Some(value) = step.write else {
            answer.push(json!(["r", step.key, held.value]));
            continue;
        };
        held.written = true;
        match (kind, held.value.as_array_mut()) {
            (Kind::Registers, _) => held.value = value.clone(),
            (Kind::Lists, Some(list)) => list.push(value.clone()),
            (Kind::Lists, None) => {
                let text =
                    format!("key {} holds no list: {:.100}", step.name, held.value.to_string());
                return Err(Failure::Unexpected(text));
            }
        }
        answer.push(json!([kind.writes(), step.key, value]));
    }
    Ok(Value::Array(answer))
}

async fn commit(connection: &mut Connection, keys: &BTreeMap<String, Held>) -> Result<(), Failure> {
    let unchanged = |(name, held): (&String, &Held)| Compare::unchanged_since(name, held.revision);
    let put = |(name, held): (&String, &Held)| TxnOp::Put(Put::new(name, &held.value.to_string()));
    let txn = Txn {
        compare: keys.iter().map(unchanged).collect(),
        success: keys.iter().filter(|(_, held)| held.written).map(put).collect(),
    };
    if conditional(connection, &txn).await? {
        return Ok(());
    }
    Err(Failure::Definite("conflict".to_owned()))
}

/// Whether all conditions held and all was written; otherwise nothing was.
pub(crate) async fn conditional(connection: &mut Connection, txn: &Txn) -> Result<bool, Failure> {
    let answer = connection.txn(txn).await;
    Ok(answer.map_err(|error| classify(&error, Effect::Writes))?.succeeded)
}
