//! Long fork: whether two readers saw two independent writes in opposite orders.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::tally::{Tally, anomaly, step};
use crate::words::shortened;
use crate::{Budget, Checker, Finding, History, Operation};

/// Parallel snapshot isolation allows long forks; these levels do not (Sovran et al.,
/// *Transactional storage for geo-replicated systems*, SOSP 2011).
const RULED_OUT: &[&str] = &["snapshot-isolation", "serializable", "strict-serializable"];

/// Judges transactions of single writes `[["w", k, v]]`, each key written once, and reads of
/// groups of keys `[["r", k, v], …]` (Jepsen's `long-fork`): of two reads of one group, one
/// must have seen all that the other saw. Reads of a group are sorted by how much they saw,
/// and then each must contain the one before: n log n, where comparing pairs is quadratic.
#[derive(Clone, Copy, Debug, Default)]
pub struct LongFork;

/// A read of a group: the keys that it saw written, and the operation.
type Seen<'h> = (Vec<bool>, &'h Operation);

impl Checker for LongFork {
    fn name(&self) -> &str {
        "long-fork"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let mut groups: BTreeMap<Vec<String>, Vec<Seen<'_>>> = BTreeMap::new();
        let mut values: BTreeMap<String, &Value> = BTreeMap::new();
        let mut reads = 0u64;
        for operation in &operations {
            let Some(output) = operation.output() else { continue };
            let Some(group) = group(output) else { continue };
            for (key, value) in group.iter().filter(|(_, value)| !value.is_null()) {
                if *values.entry(key.clone()).or_insert(value) != *value {
                    let why = format!(
                        "operation {} shows key {key} with a second value; a long-fork history \
                         writes every key once",
                        operation.index
                    );
                    return Finding::unknown(self.name(), why);
                }
            }
            reads += 1;
            let seen = group.values().map(|value| !value.is_null()).collect();
            groups.entry(group.into_keys().collect()).or_default().push((seen, operation));
        }
        let mut tally = Tally::default();
        for (keys, seen) in &mut groups {
            seen.sort_by_key(|(seen, operation)| {
                (seen.iter().filter(|seen| **seen).count(), operation.index)
            });
            for pair in seen.windows(2) {
                let has = |of: usize, but: usize| {
                    let both = pair[of].0.iter().zip(&pair[but].0);
                    both.zip(keys).find(|((a, b), _)| **a && !**b).map(|(_, key)| key)
                };
                if let (Some(first), Some(second)) = (has(0, 1), has(1, 0)) {
                    tally.add(|| fork([pair[0].1, pair[1].1], [first, second]));
                }
            }
        }
        let stats = json!({"reads": reads, "groups": groups.len()});
        let unknown =
            (reads == 0).then(|| "no group of keys was read, so nothing can be judged".to_owned());
        tally.conclude(self.name(), unknown, stats)
    }
}

/// The keys and values of a transaction that only reads, and more than one key.
fn group(output: &Value) -> Option<BTreeMap<String, &Value>> {
    let mut group = BTreeMap::new();
    for micro in output.as_array()? {
        let [f, key, value] = micro.as_array()?.as_slice() else { return None };
        if f != "r" {
            return None;
        }
        group.insert(key.to_string(), value);
    }
    (group.len() > 1).then_some(group)
}

fn fork(reads: [&Operation; 2], keys: [&String; 2]) -> crate::Anomaly {
    let steps = reads.map(|read| {
        step(read, &format!("read {}", read.output().map(shortened).unwrap_or_default()))
    });
    let explanation = format!(
        "One read saw the write of key {} but not that of key {}, the other the reverse: each \
         write came first for one of them, so there is no single order of writes.",
        keys[0], keys[1]
    );
    let title = format!("Long fork on keys {} and {}", keys[0], keys[1]);
    anomaly("long-fork", title, explanation, steps.to_vec(), RULED_OUT)
}

#[cfg(test)]
mod tests;
