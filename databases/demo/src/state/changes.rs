//! The watched map, as the journal of its changes.

use crate::command::Outcome;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// All changes, by revision. The first is 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Journal(Vec<Vec<(Value, Value)>>);

impl Journal {
    pub(super) fn revision(&self) -> u64 {
        self.0.len() as u64
    }

    /// The revision that has them.
    pub(super) fn change(&mut self, changes: &[(Value, Value)]) -> u64 {
        self.0.push(changes.to_vec());
        self.revision()
    }

    /// The changes of `most` revisions from `from` on, and the last of these. One who has seen more
    /// than there is here is declined: he would be told that nothing happened.
    pub(super) fn since(&self, from: u64, most: u64) -> Outcome {
        let last = self.revision();
        let from = from.max(1);
        if from > last + 1 {
            return Outcome::Declined(format!("revision {from} is not known here yet"));
        }
        let to = last.min(from.saturating_add(most) - 1);
        let revisions = (1u64..).zip(&self.0).skip(from as usize - 1);
        let chosen = revisions.take_while(|(revision, _)| *revision <= to);
        let events: Vec<Value> = chosen
            .flat_map(|(revision, changes)| {
                changes.iter().map(move |(key, value)| json!([revision, key, value]))
            })
            .collect();
        Outcome::Value(json!({"events": events, "revision": to}))
    }
}
