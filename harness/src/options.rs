//! Options: what the user set, as far as workloads, databases and faults see it.

use crate::generator::Popularity;
use std::collections::BTreeMap;
use std::time::Duration;

/// Settings of a run that reach the pluggable parts.
#[derive(Clone, Debug)]
pub struct Options {
    /// `--set KEY=VALUE` and the flags that are short for it (`--bug`, `--read`).
    pub set: BTreeMap<String, String>,
    /// Names of the nodes, in order.
    pub nodes: Vec<String>,
    /// Number of client workers.
    pub concurrency: usize,
    /// How many keys are in use at a time.
    pub keys: usize,
    /// How they are chosen; as the workload does it when absent.
    pub key_choice: Option<Popularity>,
    /// Writes on a key before it is retired for a fresh one.
    pub ops_per_key: usize,
    /// How long the main phase takes.
    pub time_limit: Duration,
    /// Mean time between fault operations.
    pub nemesis_interval: Duration,
}

impl Options {
    /// The value of a database's or workload's own option.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.set.get(key).map(String::as_str)
    }
}
