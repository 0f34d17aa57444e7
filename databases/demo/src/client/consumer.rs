//! A consumer of logs: what a client polls, and how far it has come.

use crate::command::{Command, Key, Member, Operation, Outcome};
use perjury_harness::{Failure, Op};
use serde_json::{Map, Value, json};

/// Records that one poll is given of a log at the most.
const BATCH: u64 = 16;

/// The consumer that a client is. It commits for its group what it has got, as it polls the next
/// time: not sooner, for it may never get what it has asked for.
#[derive(Debug)]
pub(super) struct Consumer {
    /// As who it joins the group.
    name: Key,
    /// The logs that it polls, each with the offset of the next record. In a group, of those that are
    /// its own, as long as the generation is the same.
    logs: Vec<(Value, u64)>,
    membership: Option<Membership>,
}

/// A place in the group.
#[derive(Clone, Debug, PartialEq)]
struct Membership {
    /// All that the group polls.
    subscribed: Vec<Value>,
    /// The generation of the group that it was told last; 0 if it does not know of any.
    generation: u64,
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

fn all_keys(keys: &[Value]) -> Vec<Key> {
    keys.iter().map(Key::from).collect()
}

impl Consumer {
    pub(super) fn new(name: &str) -> Self {
        Self { name: Key::from(&Value::from(name)), logs: Vec::new(), membership: None }
    }

    /// As who it speaks to the group.
    fn member(&self) -> Member {
        let generation = self.membership.as_ref().map_or(0, |membership| membership.generation);
        let own = self.membership.iter().flat_map(|_| &self.logs);
        let claims = own.map(|(key, _)| Key::from(key)).collect();
        Member { group: group(), name: self.name.clone(), generation, claims }
    }

    fn attend(&self, logs: &[Value]) -> Operation {
        Operation::Attend { member: self.member(), logs: all_keys(logs), trusting: false, at: 0 }
    }

    /// The command for an operation; `None` if there is none.
    pub(super) fn command(&self, op: &Op) -> Option<Command> {
        let operations = match &*op.f {
            "assign" => {
                let ends = keys(&op.value)?.0.iter().map(Key::from);
                let mut operations: Vec<Operation> =
                    ends.map(|key| Operation::End { key }).collect();
                if self.membership.is_some() {
                    operations.push(Operation::Leave { member: self.member() });
                }
                operations
            }
            "subscribe" => vec![self.attend(keys(&op.value)?.0)],
            "send" | "poll" | "txn" => self.steps(op.value.as_array()?)?,
            _ => return None,
        };
        Some(Command::Transaction { operations })
    }

    /// A member commits, and says that it is there, before it polls.
    fn steps(&self, steps: &[Value]) -> Option<Vec<Operation>> {
        let mut operations = Vec::new();
        let polls = steps.iter().any(|step| step[0] == "poll");
        if let Some(membership) = self.membership.as_ref().filter(|_| polls) {
            operations.extend(self.logs.iter().map(|(key, next)| Operation::Commit {
                key: Key::from(key),
                member: self.member(),
                position: *next,
            }));
            operations.push(self.attend(&membership.subscribed));
        }
        let mut before = 0;
        for step in steps {
            match step.as_array()?.as_slice() {
                [f, key, value] if f == "send" => {
                    operations.push(Operation::Send { key: Key::from(key), value: value.clone() });
                }
                [f] if f == "poll" => {
                    let member = self.membership.as_ref().map(|_| self.member());
                    operations.extend(self.polled().into_iter().map(|(key, from)| {
                        Operation::Poll {
                            key: Key::from(key),
                            from,
                            // The polls before this one are given as much as they can be.
                            skip: before * BATCH,
                            most: BATCH,
                            member: member.clone(),
                        }
                    }));
                    before += 1;
                }
                _ => return None,
            }
        }
        Some(operations)
    }

    /// The logs that one poll asks for, each with the offset of the next record as far as it is known.
    fn polled(&self) -> Vec<(&Value, u64)> {
        let own = |key: &Value| self.logs.iter().find(|(own, _)| own == key).map_or(0, |own| own.1);
        match &self.membership {
            Some(membership) => membership.subscribed.iter().map(|key| (key, own(key))).collect(),
            None => self.logs.iter().map(|(key, next)| (key, *next)).collect(),
        }
    }

    /// The operation's completed value, with which the consumer moves on.
    pub(super) fn completed(&mut self, op: &Op, outcome: Outcome) -> Result<Value, Failure> {
        let results = match outcome {
            Outcome::Transaction(results) => results,
            Outcome::Declined(why) => return Err(Failure::Declined(why)),
            other => return Err(unexpected(op, &format!("{other:?}"))),
        };
        let mut results = results.into_iter();
        match &*op.f {
            "assign" => {
                let (keys, from_beginning) = keys(&op.value).unwrap_or_default();
                let mut logs = Vec::new();
                for key in keys {
                    let end = results.next().and_then(|end| end.as_u64());
                    let end = end.ok_or_else(|| unexpected(op, "too few ends"))?;
                    logs.push((key.clone(), if from_beginning { 0 } else { end }));
                }
                (self.logs, self.membership) = (logs, None);
                Ok(op.value.clone())
            }
            "subscribe" => {
                let subscribed = keys(&op.value).unwrap_or_default().0.to_vec();
                let (generation, logs) = results
                    .next()
                    .and_then(attended)
                    .ok_or_else(|| unexpected(op, "no generation with the logs of this member"))?;
                self.membership = Some(Membership { subscribed, generation });
                self.logs = logs;
                Ok(op.value.clone())
            }
            _ => self.moved(op, results),
        }
    }

    /// What was sent and polled; the consumer moves on only if all of it is understood.
    fn moved(&mut self, op: &Op, results: impl Iterator<Item = Value>) -> Result<Value, Failure> {
        let few = || unexpected(op, "too few results");
        let steps = op.value.as_array().map(Vec::as_slice).unwrap_or_default();
        let polls = steps.iter().any(|step| step[0] == "poll");
        let (mut logs, mut membership) = (self.logs.clone(), self.membership.clone());
        let mut results = results.skip(if membership.is_some() && polls { logs.len() } else { 0 });
        if let Some(membership) = membership.as_mut().filter(|_| polls) {
            let (generation, own) = results.next().and_then(attended).ok_or_else(few)?;
            // What it knew of its logs, or had, counts no more.
            if generation != membership.generation {
                (membership.generation, logs) = (generation, own);
            }
        }
        let asked: Vec<Value> = self.polled().into_iter().map(|(key, _)| key.clone()).collect();
        let mut completed = Vec::new();
        for step in steps {
            if step[0] == "send" {
                let offset = results.next().ok_or_else(few)?;
                completed.push(json!(["send", step[1], [offset, step[2]]]));
                continue;
            }
            let mut seen = Map::new();
            for key in &asked {
                let records = results.next().ok_or_else(few)?;
                let Some((_, position)) = logs.iter_mut().find(|(own, _)| own == key) else {
                    continue;
                };
                // It belongs to another one by now, if membership and polls are not asked at once.
                if records.is_null() {
                    continue;
                }
                let last = records.as_array().and_then(|list| list.last());
                if let Some(offset) = last.and_then(|record| record[0].as_u64()) {
                    *position = offset + 1;
                }
                seen.insert(name(key), records);
            }
            completed.push(match &membership {
                Some(Membership { generation, .. }) => {
                    let own: Vec<&Value> = logs.iter().map(|(key, _)| key).collect();
                    json!(["poll", seen, {"generation": generation, "keys": own}])
                }
                None => json!(["poll", seen]),
            });
        }
        (self.logs, self.membership) = (logs, membership);
        Ok(completed.into())
    }
}

/// A generation and the logs that are a member's own in it, each with the offset of the next record.
fn attended(result: Value) -> Option<(u64, Vec<(Value, u64)>)> {
    let own = result[1].as_array()?.iter();
    let own = own.map(|log| Some((log[0].clone(), log[1].as_u64()?)));
    Some((result[0].as_u64()?, own.collect::<Option<_>>()?))
}

fn unexpected(op: &Op, what: &str) -> Failure {
    Failure::Unexpected(format!("the outcome of {} cannot be: {what}", op.f))
}

#[cfg(test)]
mod tests;
