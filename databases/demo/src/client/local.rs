//! Operations on what each node answers alone, as its commands, and its answers as theirs.

use crate::command::Key;
use crate::gossip::{Answer, Local};
use perjury_harness::{Failure, Op};
use serde_json::{Value, json};

/// A workload of which each operation is answered by the client's own node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LocalWorkload {
    /// `write [k, v]`, `read [k, null]`, `digest null`.
    Registers,
    /// `add [k, n]`, `read [k, null]`.
    Counter,
    /// `add [k, e]`, `remove [k, e]`, `read [k, null]`.
    OrSet,
    /// `write [k, v]`, `read [k, null]`, answered by all values.
    Siblings,
    /// `add e`, `read null`, of one set.
    Set,
}

impl LocalWorkload {
    /// The command for an operation; the error says why there is none.
    pub(super) fn command(self, op: &Op) -> Result<Local, String> {
        let found = match (self, &*op.f) {
            (Self::Registers, "digest") => Some(Local::Digest),
            (Self::Set, _) => set(op),
            _ => self.keyed(op),
        };
        found.ok_or_else(|| format!("the demo database has no operation {} {}", op.f, op.value))
    }

    fn keyed(self, op: &Op) -> Option<Local> {
        let [key, argument] = op.value.as_array()?.as_slice() else { return None };
        let key = Key::from(key);
        Some(match (self, &*op.f) {
            (Self::Registers, "write") => Local::Write { key, value: argument.clone() },
            (Self::Registers, "read") => Local::Read { key },
            (Self::Counter, "add") => Local::Add { key, by: argument.as_i64()? },
            (Self::Counter, "read") => Local::Total { key },
            (Self::OrSet, "add") => Local::Insert { key, element: argument.as_i64()? },
            (Self::OrSet, "remove") => Local::Remove { key, element: argument.as_i64()? },
            (Self::OrSet, "read") => Local::Elements { key },
            (Self::Siblings, "write") => Local::Put { key, value: argument.clone() },
            (Self::Siblings, "read") => Local::Values { key },
            _ => return None,
        })
    }

    /// The operation's completed value: what was read, and what the node had seen.
    pub(super) fn completed(self, op: &Op, answer: Answer) -> Result<Value, Failure> {
        let Answer { value, seen, replaced } = answer;
        match (self, &*op.f) {
            (Self::Registers, "digest") => Ok(json!({"digest": value, "seen": seen})),
            (Self::Set, "read") if value.is_array() => Ok(value),
            (Self::OrSet | Self::Siblings | Self::Set, "read") if !value.is_array() => {
                Err(Failure::Unexpected(format!("{value} is no list")))
            }
            (_, "read") => Ok(json!([op.value[0], value, {"seen": seen}])),
            (Self::Siblings, "write") => {
                Ok(json!([op.value[0], op.value[1], {"replaced": replaced.unwrap_or_default()}]))
            }
            _ => Ok(op.value.clone()),
        }
    }
}

fn set(op: &Op) -> Option<Local> {
    let key = super::vocabulary::only_key();
    match &*op.f {
        "add" => Some(Local::Insert { key, element: op.value.as_i64()? }),
        "remove" => Some(Local::Remove { key, element: op.value.as_i64()? }),
        "read" => Some(Local::Elements { key }),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
