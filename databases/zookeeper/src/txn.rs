//! Transactions on lists or registers: read all, then write on condition that nothing has changed.
//!
//! ZooKeeper's `multi` writes all or nothing and reads nothing, so a transaction that writes takes
//! two requests: a snapshot of every znode that it touches, with their versions; then all writes,
//! with a `check` of each znode that was only read. That is optimistic concurrency control with
//! backward validation over the whole footprint (Kung and Robinson 1981, "On Optimistic Methods
//! for Concurrency Control", section 3). A condition that does not hold means that nothing was
//! written. Znodes are never deleted, so that a version never comes back; one that does not exist
//! has no version to check, and is made, empty, by the first transaction that writes beside it.

use crate::api::Zk;
use crate::client::{decode, key_text, unknown};
use crate::failure::{reading, writing};
use crate::protocol::{Mode, Request, Znode};
use perjury_harness::{Failure, Op};
use perjury_wire::WireError;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Refusals of a part that say that a znode is not as it was read.
const CONFLICTS: &[&str] = &["BadVersion", "NoNode", "NodeExists"];

/// What the keys hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Lists,
    Registers,
}

impl Kind {
    /// The znode above all keys.
    pub(crate) fn root(self) -> &'static str {
        match self {
            Self::Lists => "/perjury/lists",
            Self::Registers => "/perjury/values",
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
    path: String,
    key: &'a Value,
    /// What it writes; a step without reads.
    write: Option<&'a Value>,
}

/// A key as it was read, with what this transaction has done to it.
struct Held {
    /// `None` when there was no znode.
    version: Option<i32>,
    value: Value,
    written: bool,
}

/// `txn [["append", k, v] or ["w", k, v], ["r", k, null], …]`, answered with what was read.
pub(crate) async fn invoke(zk: &mut Zk, kind: Kind, op: &Op) -> Result<Value, Failure> {
    let steps = parse(kind, op).ok_or_else(|| unknown(op))?;
    let writes = steps.iter().any(|step| step.write.is_some());
    if !writes {
        // What is validated need not be fresh; this is not.
        zk.freshen(kind.root()).await.map_err(reading)?;
    }
    let mut keys = snapshot(zk, kind, &steps).await?;
    let answer = apply(kind, &steps, &mut keys)?;
    if writes {
        commit(zk, &keys).await?;
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
        Some(Step { path: format!("{}/{}", kind.root(), key_text(key)?), key, write })
    };
    op.value.as_array()?.iter().map(step).collect()
}

async fn snapshot(
    zk: &mut Zk,
    kind: Kind,
    steps: &[Step<'_>],
) -> Result<BTreeMap<String, Held>, Failure> {
    let mut paths: Vec<String> = steps.iter().map(|step| step.path.clone()).collect();
    paths.sort_unstable();
    paths.dedup();
    if paths.is_empty() {
        return Ok(BTreeMap::new());
    }
    let znodes = zk.snapshot(&paths).await.map_err(reading)?;
    let held = |znode: Option<Znode>| -> Result<Held, Failure> {
        match znode {
            None => Ok(Held { version: None, value: kind.nothing(), written: false }),
            Some(znode) => {
                let value = decode(&znode.data)?;
                Ok(Held { version: Some(znode.version), value, written: false })
            }
        }
    };
    paths.into_iter().zip(znodes).map(|(path, znode)| Ok((path, held(znode)?))).collect()
}

/// Does the steps in order; reads see the writes before them.
fn apply(
    kind: Kind,
    steps: &[Step<'_>],
    keys: &mut BTreeMap<String, Held>,
) -> Result<Value, Failure> {
    let mut answer = Vec::with_capacity(steps.len());
    for step in steps {
        let Some(held) = keys.get_mut(&step.path) else {
            return Err(Failure::Unexpected(format!("nothing was read of {}", step.path)));
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
                let text = format!("{} holds no list: {:.100}", step.path, held.value.to_string());
                return Err(Failure::Unexpected(text));
            }
        }
        answer.push(json!([kind.writes(), step.key, value]));
    }
    Ok(Value::Array(answer))
}

async fn commit(zk: &mut Zk, keys: &BTreeMap<String, Held>) -> Result<(), Failure> {
    let part = |(path, held): (&String, &Held)| {
        let data = held.value.to_string();
        match (held.version, held.written) {
            (None, _) => Request::create(path, data.as_bytes(), Mode::Persistent),
            (Some(version), true) => Request::set(path, data.as_bytes(), version),
            (Some(version), false) => Request::check(path, version),
        }
    };
    let parts: Vec<Request> = keys.iter().map(part).collect();
    match zk.multi(&parts).await {
        Err(WireError::Refused { code, .. }) if CONFLICTS.contains(&&*code) => {
            Err(Failure::Definite("conflict".to_owned()))
        }
        done => done.map_err(writing),
    }
}
