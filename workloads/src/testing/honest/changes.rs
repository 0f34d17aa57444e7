//! A log of changes that tells the truth, and how far each watcher is.

use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Revisions that one answer is about, but for who wants to be up to date.
const MOST: usize = 16;

/// All changes, by revision from 1.
#[derive(Clone, Default)]
pub(super) struct Changes {
    log: Vec<Value>,
    watchers: BTreeMap<u32, usize>,
}

impl Changes {
    pub(super) fn ask(&mut self, process: u32, f: &str, value: &Value) -> Value {
        if f == "write" {
            self.log.push(value.clone());
            return json!([self.log.len(), value]);
        }
        let told = self.watchers.entry(process).or_default();
        let (from, most) = (*told, if value == "latest" { usize::MAX } else { MOST });
        let to = self.log.len().min(from.saturating_add(most));
        *told = to;
        let mut events = Vec::new();
        for (at, changes) in self.log.iter().enumerate().take(to).skip(from) {
            let changes = changes.as_array().unwrap().iter();
            events.extend(changes.map(|change| json!([at + 1, change[0], change[1]])));
        }
        json!({"from": from + 1, "events": events, "revision": to})
    }
}
