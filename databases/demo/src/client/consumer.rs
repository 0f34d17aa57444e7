//! A consumer of logs: what a client polls, and how far it has come.

use crate::command::{Command, Key, Operation, Outcome};
use perjury_harness::{Failure, Op};
use serde_json::{Map, Value, json};

/// Records that one poll is given of a log at the most.
const BATCH: u64 = 16;

/// The consumer that a client is. It commits for its group what it has got, as it polls the next
/// time: not sooner, for it may never get what it has asked for.
#[derive(Debug, Default)]
pub(super) struct Consumer {
    /// The logs that it polls, each with the offset of the next record.
    logs: Vec<(Value, u64)>,
    subscribed: bool,
}

/// All that subscribe are one group.
fn group() -> Key {
    Key::from(&Value::from("subscribers"))
}

/// How polls call a key.
fn name(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// The keys of `assign` and `subscribe`, and whether to begin at the beginning.
fn keys(value: &Value) -> Option<(&[Value], bool)> {
    let list = value.as_array().or_else(|| value["keys"].as_array())?;
    Some((list, value["from"] == "beginning"))
}

impl Consumer {
    /// The command for an operation; `None` if there is none.
    pub(super) fn command(&self, op: &Op) -> Option<Command> {
        let operations = match &*op.f {
            "assign" | "subscribe" => {
                let group = (&*op.f == "subscribe").then(group);
                let position =
                    |key| Operation::Position { key: Key::from(key), group: group.clone() };
                keys(&op.value)?.0.iter().map(position).collect()
            }
            "send" | "poll" | "txn" => self.steps(op.value.as_array()?)?,
            _ => return None,
        };
        Some(Command::Transaction { operations })
    }

    fn steps(&self, steps: &[Value]) -> Option<Vec<Operation>> {
        let mut operations = Vec::new();
        let mut polls = 0;
        for step in steps {
            match step.as_array()?.as_slice() {
                [f, key, value] if f == "send" => {
                    operations.push(Operation::Send { key: Key::from(key), value: value.clone() });
                }
                [f] if f == "poll" => {
                    operations.extend(self.logs.iter().map(|(key, next)| Operation::Poll {
                        key: Key::from(key),
                        // The polls before this one are given as much as they can be.
                        from: next + polls * BATCH,
                        most: BATCH,
                        group: self.subscribed.then(group),
                    }));
                    polls += 1;
                }
                _ => return None,
            }
        }
        if self.subscribed && polls > 0 {
            operations.extend(self.logs.iter().filter(|(_, next)| *next > 0).map(|(key, next)| {
                Operation::Commit { key: Key::from(key), group: group(), position: *next }
            }));
        }
        Some(operations)
    }

    /// The operation's completed value, with which the consumer moves on.
    pub(super) fn completed(&mut self, op: &Op, outcome: Outcome) -> Result<Value, Failure> {
        let results = match outcome {
            Outcome::Transaction(results) => results,
            Outcome::Declined(why) => return Err(Failure::Definite(why)),
            other => return Err(unexpected(op, &format!("{other:?}"))),
        };
        let mut results = results.into_iter();
        if let "assign" | "subscribe" = &*op.f {
            let (keys, from_beginning) = keys(&op.value).unwrap_or_default();
            let mut logs = Vec::new();
            for key in keys {
                let found = results.next().and_then(|position| position.as_u64());
                let found = found.ok_or_else(|| unexpected(op, "too few positions"))?;
                logs.push((key.clone(), if from_beginning { 0 } else { found }));
            }
            (self.logs, self.subscribed) = (logs, &*op.f == "subscribe");
            return Ok(op.value.clone());
        }
        let mut logs = self.logs.clone();
        let mut completed = Vec::new();
        for step in op.value.as_array().into_iter().flatten() {
            let mut next = || results.next().ok_or_else(|| unexpected(op, "too few results"));
            if step[0] == "send" {
                completed.push(json!(["send", step[1], [next()?, step[2]]]));
                continue;
            }
            let mut seen = Map::new();
            for (key, position) in &mut logs {
                let records = next()?;
                let last = records.as_array().and_then(|list| list.last());
                if let Some(offset) = last.and_then(|record| record[0].as_u64()) {
                    *position = offset + 1;
                }
                seen.insert(name(key), records);
            }
            completed.push(json!(["poll", seen]));
        }
        self.logs = logs;
        Ok(completed.into())
    }
}

fn unexpected(op: &Op, what: &str) -> Failure {
    Failure::Unexpected(format!("the outcome of {} cannot be: {what}", op.f))
}

#[cfg(test)]
mod tests;
