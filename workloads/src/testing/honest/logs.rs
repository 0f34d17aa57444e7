//! Logs that tell the truth, and who has read how far.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Records that one poll is given of a partition.
const BATCH: usize = 8;

/// One log a partition.
#[derive(Clone, Default)]
pub(super) struct Logs {
    logs: BTreeMap<String, Vec<Value>>,
    /// Positions by process, of those that were assigned partitions.
    consumers: BTreeMap<u32, BTreeMap<String, usize>>,
    group: Group,
}

/// All that subscribed; each partition belongs to one of them until they change.
#[derive(Clone, Default)]
struct Group {
    generation: u64,
    /// What its members were given of their partitions.
    members: BTreeMap<u32, BTreeMap<String, usize>>,
    positions: BTreeMap<String, usize>,
    partitions: Vec<Value>,
}

impl Group {
    /// Begins a generation: the partitions go round.
    fn share(&mut self) {
        self.generation += 1;
        let count = self.members.len();
        for (turn, own) in self.members.values_mut().enumerate() {
            let theirs = self.partitions.iter().enumerate().filter(|(at, _)| at % count == turn);
            let begin = |(_, key): (usize, &Value)| {
                let key = key.to_string();
                let position = self.positions.get(&key).copied().unwrap_or(0);
                (key, position)
            };
            *own = theirs.map(begin).collect();
        }
    }

    fn leave(&mut self, process: u32) {
        if self.members.remove(&process).is_some() {
            self.share();
        }
    }
}

impl Logs {
    pub(super) fn ask(&mut self, process: u32, f: &str, value: &Value) -> Value {
        let keys = if value.is_array() { value } else { &value["keys"] };
        match f {
            "crash" => self.group.leave(process),
            "assign" => {
                self.group.leave(process);
                let start = |key: &Value| {
                    let key = key.to_string();
                    let end = self.logs.get(&key).map_or(0, Vec::len);
                    (key, if value.is_array() { end } else { 0 })
                };
                let positions = keys.as_array().unwrap().iter().map(start).collect();
                self.consumers.insert(process, positions);
            }
            "subscribe" => {
                self.consumers.remove(&process);
                self.group.partitions = keys.as_array().unwrap().clone();
                self.group.members.insert(process, BTreeMap::new());
                self.group.share();
            }
            _ => return self.steps(process, value),
        }
        value.clone()
    }

    fn steps(&mut self, process: u32, value: &Value) -> Value {
        for (key, got) in self.group.members.get(&process).into_iter().flatten() {
            let position = self.group.positions.entry(key.clone()).or_default();
            *position = (*position).max(*got);
        }
        let before = self.logs.clone();
        let steps = value.as_array().unwrap().iter().map(|step| {
            if step[0] == "poll" {
                return self.poll(process, &before);
            }
            let log = self.logs.entry(step[1].to_string()).or_default();
            log.push(step[2].clone());
            json!(["send", step[1], [log.len() - 1, step[2]]])
        });
        steps.collect()
    }

    fn poll(&mut self, process: u32, logs: &BTreeMap<String, Vec<Value>>) -> Value {
        let member = self.group.members.get_mut(&process);
        let membership = member.as_ref().map(|own| {
            let number = |key: &String| key.parse::<u64>().unwrap();
            json!({"generation": self.group.generation, "keys": own.keys().map(number).collect::<Vec<_>>()})
        });
        let own = member.or(self.consumers.get_mut(&process));
        let mut seen = Map::new();
        for (key, position) in own.into_iter().flatten() {
            let log = logs.get(key).map(Vec::as_slice).unwrap_or_default();
            let to = log.len().min(*position + BATCH);
            let list = (*position..to).map(|at| json!([at, log[at]])).collect();
            *position = to.max(*position);
            seen.insert(key.clone(), list);
        }
        match membership {
            Some(membership) => json!(["poll", seen, membership]),
            None => json!(["poll", seen]),
        }
    }
}
