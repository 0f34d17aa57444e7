//! How stale reads are, by replica, by key and over time, and for how long after each fault.

use serde_json::{Map, Value, json};

use super::values::{Reading, Values};
use crate::eventual::ledger::{Change, Ledger};
use crate::tally::quantiles;

/// Parts of the run for which the worst is told.
const PARTS: u64 = 20;
/// Keys and faults that are told one by one.
const TOLD: usize = 50;

/// Reads that miss an acknowledged write which began after the write they show was known.
#[derive(Debug)]
pub(super) struct Staleness {
    nodes: Vec<OfNode>,
    /// By key: the worst, in nanoseconds, and in versions.
    keys: Vec<(u64, u64)>,
    after: Vec<After>,
    length: u64,
}

#[derive(Clone, Debug)]
struct OfNode {
    reads: u64,
    /// Nanoseconds since a newer value had been acknowledged, of each stale read.
    stale: Vec<u64>,
    versions: u64,
    parts: Vec<u64>,
}

/// What came after a change of the cluster, up to the next.
#[derive(Debug)]
struct After {
    change: Change,
    /// From the change to the last read that misses what was acknowledged before it.
    lasted: u64,
    stale: u64,
    reads: u64,
}

/// The acknowledged writes of a key.
#[derive(Clone, Debug, Default)]
struct Acknowledged {
    /// Begin and, of this and all that begin later, the first end and its time.
    begins: Vec<(u64, u64, u64)>,
    ends: Vec<u64>,
}

impl Staleness {
    pub(super) fn measure(ledger: &Ledger<'_>, values: &Values<'_>, changes: &[Change]) -> Self {
        let acknowledged = acknowledged(ledger, values);
        let length = ledger.calls.last().map_or(0, |call| call.operation.called) + 1;
        let of_node =
            OfNode { reads: 0, stale: Vec::new(), versions: 0, parts: vec![0; PARTS as usize] };
        let after =
            |change: &Change| After { change: change.clone(), lasted: 0, stale: 0, reads: 0 };
        let mut measured = Self {
            nodes: vec![of_node; ledger.nodes.len()],
            keys: vec![(0, 0); ledger.keys.len()],
            after: changes.iter().map(after).collect(),
            length,
        };
        for (call, reading) in values.readings(ledger) {
            let from = match reading {
                Reading::Phantom => continue,
                Reading::Nothing => 0,
                // One without an acknowledgement is over when somebody saw it.
                Reading::Value(write) => values.writes[write as usize].over(),
            };
            let (called, index) = (call.operation.called, call.operation.index);
            let newer = acknowledged[call.key as usize].newer(from, index);
            measured.add(call.node, call.key, called, newer);
        }
        measured
    }

    /// A read, and since when and by how many writes it is behind.
    fn add(&mut self, node: u32, key: u32, called: u64, newer: Option<(u64, u64)>) {
        let node = &mut self.nodes[node as usize];
        node.reads += 1;
        let at = self.after.partition_point(|after| after.change.at <= called);
        let after = at.checked_sub(1).map(|at| &mut self.after[at]);
        let Some((since, versions)) = newer else {
            after.into_iter().for_each(|after| after.reads += 1);
            return;
        };
        let behind = called.saturating_sub(since);
        node.stale.push(behind);
        node.versions = node.versions.max(versions);
        let part =
            &mut node.parts[(called.saturating_mul(PARTS) / self.length).min(PARTS - 1) as usize];
        *part = behind.max(*part);
        let key = &mut self.keys[key as usize];
        *key = (key.0.max(behind), key.1.max(versions));
        if let Some(after) = after {
            after.reads += 1;
            if since <= after.change.at {
                after.stale += 1;
                after.lasted = after.lasted.max(called - after.change.at);
            }
        }
    }

    pub(super) fn stats(&self, ledger: &Ledger<'_>) -> Value {
        let ms = |nanoseconds: u64| nanoseconds as f64 / 1e6;
        let by_node = self.nodes.iter().zip(&ledger.nodes).map(|(node, name)| {
            let worst: Vec<f64> = node.parts.iter().map(|part| ms(*part)).collect();
            let told = json!({
                "reads": node.reads,
                "stale": node.stale.len(),
                "ms": quantiles(node.stale.clone()),
                "versions": node.versions,
                "worst_ms_over_time": worst,
            });
            (name.clone(), told)
        });
        let mut keys: Vec<usize> =
            (0..self.keys.len()).filter(|key| self.keys[*key].0 > 0).collect();
        keys.sort_unstable_by_key(|key| std::cmp::Reverse(self.keys[*key]));
        let worst = keys.iter().take(TOLD).map(|key| {
            let (behind, versions) = self.keys[*key];
            json!({"key": ledger.keys[*key], "ms": ms(behind), "versions": versions})
        });
        let after = self.after.iter().filter(|after| after.reads > 0).take(TOLD).map(|after| {
            json!({
                "after": after.change.f,
                "at_seconds": after.change.at as f64 / 1e9,
                "converged_ms": ms(after.lasted),
                "stale": after.stale,
                "reads": after.reads,
            })
        });
        json!({
            "by_node": by_node.collect::<Map<_, _>>(),
            "part_seconds": self.length as f64 / 1e9 / PARTS as f64,
            "worst_keys": worst.collect::<Vec<_>>(),
            "after_faults": after.collect::<Vec<_>>(),
        })
    }
}

fn acknowledged(ledger: &Ledger<'_>, values: &Values<'_>) -> Vec<Acknowledged> {
    let mut all = vec![Acknowledged::default(); ledger.keys.len()];
    for write in values.writes.iter().filter(|write| write.call.operation.is_ok()) {
        let of = &mut all[write.call.key as usize];
        let operation = write.call.operation;
        of.begins.push((operation.index, operation.end(), write.call.returned()));
        of.ends.push(operation.end());
    }
    for of in &mut all {
        of.ends.sort_unstable();
        let mut first = (u64::MAX, u64::MAX);
        for (_, end, time) in of.begins.iter_mut().rev() {
            first = first.min((*end, *time));
            (*end, *time) = first;
        }
    }
    all
}

impl Acknowledged {
    /// When the first write that began after `from` was acknowledged, if before `until`; and how many
    /// there are of those, at least.
    fn newer(&self, from: u64, until: u64) -> Option<(u64, u64)> {
        let begun = self.begins.partition_point(|(begin, ..)| *begin <= from);
        let (_, end, time) = self.begins.get(begun)?;
        let ended = self.ends.partition_point(|end| *end < until);
        // Of those that ended, at most so many had begun earlier.
        (*end < until).then(|| (*time, (ended.saturating_sub(begun) as u64).max(1)))
    }
}
