//! Logs of records, one a key.

use super::groups::Groups;
use crate::command::{Key, Operation};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All of them, and who reads them together. A log that nobody has sent to is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Logs {
    logs: BTreeMap<Key, Vec<Value>>,
    groups: Groups,
}

impl Logs {
    /// The offset at which it is now.
    pub(super) fn send(&mut self, key: &Key, value: &Value) -> u64 {
        let log = self.logs.entry(key.clone()).or_default();
        log.push(value.clone());
        log.len() as u64 - 1
    }

    /// The offset of the next record.
    pub(super) fn end(&self, key: &Key) -> u64 {
        self.logs.get(key).map_or(0, |log| log.len() as u64)
    }

    /// Records from an offset on.
    fn records(&self, key: &Key, from: u64, most: u64) -> Value {
        let records = self.logs.get(key).map(Vec::as_slice).unwrap_or_default();
        let chosen = (0u64..).zip(records).skip(usize::try_from(from).unwrap_or(usize::MAX));
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        chosen.take(most).map(|(offset, value)| json!([offset, value])).collect()
    }

    /// The answer to a poll; null to a member whose log it is not.
    pub(super) fn poll(&self, operation: &Operation) -> Value {
        let Operation::Poll { key, from, skip, most, member } = operation else {
            return Value::Null;
        };
        let begin = match member {
            None => Some(*from),
            Some(member) => self.groups.begin(member, key, *from),
        };
        begin.map_or(Value::Null, |begin| self.records(key, begin + skip, *most))
    }

    /// What members of groups tell of themselves comes before everything else in a transaction. `None`
    /// for anything else.
    pub(super) fn membership(&mut self, operation: &Operation) -> Option<Value> {
        match operation {
            Operation::Attend { member, logs, trusting, at } => {
                Some(self.groups.attend(member, logs, *trusting, *at))
            }
            Operation::Leave { member } => {
                self.groups.leave(member);
                Some(Value::Null)
            }
            Operation::Commit { key, member, position } => {
                self.groups.commit(member, key, *position);
                Some(Value::Null)
            }
            _ => None,
        }
    }

    /// Copies what there is of a key.
    pub(super) fn copy(&self, key: &Key, part: &mut Self) {
        super::copy_key(&self.logs, &mut part.logs, key);
        self.copy_groups(part);
    }

    pub(super) fn copy_groups(&self, part: &mut Self) {
        part.groups = self.groups.clone();
    }
}
