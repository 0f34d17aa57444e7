//! Long fork: whether two readers saw two independent writes in opposite orders.

use rustc_hash::FxHashMap;
use serde_json::{Value, json};

use crate::numbers::Keys;
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

/// A read of a group: which of its keys it saw written.
struct Seen<'h> {
    /// A place in the list of all that reads saw, as long as the group.
    from: usize,
    count: u32,
    operation: &'h Operation<'h>,
}

/// All reads, by group. Keys are numbers in the order in which they were first read.
#[derive(Default)]
struct Groups<'h> {
    keys: Keys<'h>,
    /// What each key holds once it was written.
    values: Vec<&'h Value>,
    by_keys: FxHashMap<Vec<u32>, u32>,
    groups: Vec<(Vec<u32>, Vec<Seen<'h>>)>,
    seen: Vec<bool>,
    reads: u64,
}

impl<'h> Groups<'h> {
    /// Takes a transaction that only reads, and more than one key; others are of no interest.
    fn take(&mut self, operation: &'h Operation<'h>) -> Result<(), String> {
        let Some(steps) = operation.output().and_then(Value::as_array) else { return Ok(()) };
        let mut read: Vec<(u32, &'h Value)> = Vec::with_capacity(steps.len());
        for micro in steps {
            let Some([f, key, value]) = micro.as_array().map(Vec::as_slice) else { return Ok(()) };
            if f != "r" {
                return Ok(());
            }
            read.push((self.keys.number(key), value));
        }
        self.values.resize(self.keys.all.len(), &Value::Null);
        // Of a key that is read twice the last counts.
        read.reverse();
        read.sort_by_key(|(key, _)| *key);
        read.dedup_by_key(|(key, _)| *key);
        if read.len() < 2 {
            return Ok(());
        }
        for (key, value) in read.iter().filter(|(_, value)| !value.is_null()) {
            let held = &mut self.values[*key as usize];
            if !held.is_null() && *held != *value {
                return Err(format!(
                    "operation {} shows key {} with a second value; a long-fork history writes \
                     every key once",
                    operation.index, self.keys.all[*key as usize]
                ));
            }
            *held = value;
        }
        self.add(&read, operation);
        Ok(())
    }

    fn add(&mut self, read: &[(u32, &'h Value)], operation: &'h Operation<'h>) {
        let keys: Vec<u32> = read.iter().map(|(key, _)| *key).collect();
        let group = match self.by_keys.get(&keys) {
            Some(group) => *group,
            None => {
                let group = self.groups.len() as u32;
                self.groups.push((keys.clone(), Vec::new()));
                self.by_keys.insert(keys, group);
                group
            }
        };
        let from = self.seen.len();
        self.seen.extend(read.iter().map(|(_, value)| !value.is_null()));
        let count = self.seen[from..].iter().filter(|seen| **seen).count() as u32;
        self.groups[group as usize].1.push(Seen { from, count, operation });
        self.reads += 1;
    }
}

impl Checker for LongFork {
    fn name(&self) -> &str {
        "long-fork"
    }

    fn check(&self, history: &History, _budget: &Budget) -> Finding {
        let operations = history.operations();
        let mut all = Groups::default();
        for operation in &operations {
            if let Err(why) = all.take(operation) {
                return Finding::unknown(self.name(), why);
            }
        }
        let mut tally = Tally::default();
        for (keys, reads) in &mut all.groups {
            reads.sort_by_key(|read| (read.count, read.operation.index));
            for pair in reads.windows(2) {
                let saw = |read: &Seen<'_>| &all.seen[read.from..read.from + keys.len()];
                let has = |of: usize, but: usize| {
                    let both = saw(&pair[of]).iter().zip(saw(&pair[but]));
                    both.zip(keys.iter()).find(|((a, b), _)| **a && !**b).map(|(_, key)| *key)
                };
                if let (Some(first), Some(second)) = (has(0, 1), has(1, 0)) {
                    let keys = [first, second].map(|key| all.keys.all[key as usize]);
                    tally.add(|| fork([pair[0].operation, pair[1].operation], keys));
                }
            }
        }
        let written = all.values.iter().filter(|value| !value.is_null()).count();
        let stats = json!({"reads": all.reads, "groups": all.groups.len(), "keys_seen": written});
        let unknown = if all.reads == 0 {
            Some("no group of keys was read, so nothing can be judged".to_owned())
        } else {
            let nothing = "no read found anything, so nothing can be judged".to_owned();
            (written == 0).then_some(nothing)
        };
        tally.conclude(self.name(), unknown, stats)
    }
}

fn fork(reads: [&Operation<'_>; 2], keys: [&Value; 2]) -> crate::Anomaly {
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
