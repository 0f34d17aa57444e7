//! Logs that tell the truth, and who has read how far.

use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Records that one poll is given of a partition.
const BATCH: usize = 8;

/// One log a partition.
#[derive(Clone, Default)]
pub(super) struct Logs {
    logs: BTreeMap<String, Vec<Value>>,
    /// Positions by process.
    consumers: BTreeMap<u32, BTreeMap<String, usize>>,
    group: BTreeMap<String, usize>,
    members: BTreeMap<u32, BTreeMap<String, usize>>,
}

impl Logs {
    pub(super) fn ask(&mut self, process: u32, f: &str, value: &Value) -> Value {
        match f {
            "assign" | "subscribe" => {
                let keys = if value.is_array() { value } else { &value["keys"] };
                let start = |key: &Value| {
                    let key = key.to_string();
                    let end = self.logs.get(&key).map_or(0, Vec::len);
                    let position = match (f, value.is_array()) {
                        ("subscribe", _) => self.group.get(&key).copied().unwrap_or(0),
                        (_, true) => end,
                        (_, false) => 0,
                    };
                    (key, position)
                };
                let positions = keys.as_array().unwrap().iter().map(start).collect();
                self.members.remove(&process);
                self.consumers.remove(&process);
                let of = if f == "assign" { &mut self.consumers } else { &mut self.members };
                of.insert(process, positions);
                value.clone()
            }
            _ => self.steps(process, value),
        }
    }

    fn steps(&mut self, process: u32, value: &Value) -> Value {
        for (key, got) in self.members.get(&process).into_iter().flatten() {
            let group = self.group.entry(key.clone()).or_default();
            *group = (*group).max(*got);
        }
        let before = self.logs.clone();
        let steps = value.as_array().unwrap().iter().map(|step| {
            if step[0] == "poll" {
                return json!(["poll", self.poll(process, &before)]);
            }
            let log = self.logs.entry(step[1].to_string()).or_default();
            log.push(step[2].clone());
            json!(["send", step[1], [log.len() - 1, step[2]]])
        });
        steps.collect()
    }

    fn poll(&mut self, process: u32, logs: &BTreeMap<String, Vec<Value>>) -> Map<String, Value> {
        let own = self.consumers.get_mut(&process).or(self.members.get_mut(&process));
        let mut seen = Map::new();
        for (key, position) in own.into_iter().flatten() {
            let log = logs.get(key).map(Vec::as_slice).unwrap_or_default();
            let to = log.len().min(*position + BATCH);
            let list = (*position..to).map(|at| json!([at, log[at]])).collect();
            *position = to.max(*position);
            seen.insert(key.clone(), list);
        }
        seen
    }
}
