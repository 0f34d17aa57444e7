//! Logs of records, one a key, and how far groups of consumers have read them.

use crate::command::Key;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// All of them. A log that nobody has sent to is empty.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Logs {
    logs: BTreeMap<Key, Vec<Value>>,
    /// Per key and group the offset of the next record.
    positions: BTreeMap<Key, BTreeMap<Key, u64>>,
}

impl Logs {
    /// The offset at which it is now.
    pub(super) fn send(&mut self, key: &Key, value: &Value) -> u64 {
        let log = self.logs.entry(key.clone()).or_default();
        log.push(value.clone());
        log.len() as u64 - 1
    }

    pub(super) fn poll(&self, key: &Key, from: u64, most: u64, group: Option<&Key>) -> Value {
        let from = from.max(group.map_or(0, |group| self.position(key, Some(group))));
        let records = self.logs.get(key).map(Vec::as_slice).unwrap_or_default();
        let chosen = (0u64..).zip(records).skip(usize::try_from(from).unwrap_or(usize::MAX));
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        chosen.take(most).map(|(offset, value)| json!([offset, value])).collect()
    }

    /// Where a group is in a log, or for none its end.
    pub(super) fn position(&self, key: &Key, group: Option<&Key>) -> u64 {
        match group {
            None => self.logs.get(key).map_or(0, |log| log.len() as u64),
            Some(group) => {
                let positions = self.positions.get(key);
                positions.and_then(|of| of.get(group)).copied().unwrap_or(0)
            }
        }
    }

    pub(super) fn commit(&mut self, key: &Key, group: &Key, position: u64) {
        let held = self.positions.entry(key.clone()).or_default().entry(group.clone()).or_default();
        *held = position.max(*held);
    }

    /// Copies what there is of a key.
    pub(super) fn copy(&self, key: &Key, part: &mut Self) {
        super::copy_key(&self.logs, &mut part.logs, key);
        super::copy_key(&self.positions, &mut part.positions, key);
    }
}
