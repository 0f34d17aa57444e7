//! Version orders: which versions of one key are known to come before which.

use super::inference::Inference;
use super::steps::{Access, INITIAL, NONE, Steps};
use super::zones::Zones;
use crate::txn::transactions::{NEVER, Transactions, Writes};

/// What is known of the order of a key's versions, and who met them.
///
/// `out` is a graph of versions. Its paths are the order; what is implied by other edges is
/// mostly left out. One made for many keys is reused for each, so that little is allocated.
#[derive(Debug, Default)]
pub(super) struct Versions {
    pub(super) key: u32,
    pub(super) accesses: Vec<Access>,
    /// How many versions there are.
    pub(super) count: u32,
    /// Per version the transaction that happened and wrote it last, or [`NEVER`].
    pub(super) writers: Vec<u32>,
    reader_starts: Vec<u32>,
    /// Per version the accesses that read it, but not those of its own writer.
    readers: Vec<u32>,
    /// The order by transactions and sessions: `before << 32 | after`, ascending.
    explicit: Vec<u64>,
    sessions: Vec<(u32, u32)>,
    /// The order by real time.
    pub(super) zones: Zones,
    out_starts: Vec<u32>,
    /// Targets below `count` are versions, others nodes of the tree of [`Zones`].
    out: Vec<u32>,
}

impl Versions {
    /// Takes a key. `n log n` in the number of its steps.
    pub(super) fn load(
        &mut self,
        txns: &Transactions,
        writes: &Writes,
        steps: &Steps,
        key: u32,
        inference: Inference,
    ) {
        self.key = key;
        steps.accesses(key, &mut self.accesses);
        self.count = steps.versions(writes, key);
        self.writers.clear();
        self.writers.resize(self.count as usize, NEVER);
        for access in self.accesses.iter().filter(|access| access.wrote != NONE) {
            self.writers[access.wrote as usize] = access.txn;
        }
        self.index_readers();
        self.explicit.clear();
        if inference.wfr_keys {
            self.writes_follow_reads();
        }
        if inference.sequential_keys {
            self.follow_sessions(txns, inference.wfr_keys);
        }
        self.explicit.sort_unstable();
        self.explicit.dedup();
        self.zones.clear();
        if inference.linearizable_keys && txns.is_timed() {
            self.zones.load(txns, &self.accesses, &self.writers);
        }
        self.connect();
    }

    fn index_readers(&mut self) {
        let starts = &mut self.reader_starts;
        starts.clear();
        starts.resize(self.count as usize + 2, 0);
        let reads = |access: &Access| access.read != NONE && access.read != access.wrote;
        for access in self.accesses.iter().filter(|access| reads(access)) {
            starts[access.read as usize + 2] += 1;
        }
        for version in 2..starts.len() {
            starts[version] += starts[version - 1];
        }
        self.readers.clear();
        self.readers.resize(*starts.last().unwrap_or(&0) as usize, 0);
        for (number, access) in (0u32..).zip(&self.accesses).filter(|(_, access)| reads(access)) {
            let at = &mut starts[access.read as usize + 1];
            self.readers[*at as usize] = number;
            *at += 1;
        }
    }

    /// The accesses that read a version, but not that of its own writer.
    pub(super) fn readers(&self, version: u32) -> &[u32] {
        let at = version as usize;
        &self.readers[self.reader_starts[at] as usize..self.reader_starts[at + 1] as usize]
    }

    /// The direct successors of a node.
    pub(super) fn out(&self, node: u32) -> &[u32] {
        let at = node as usize;
        &self.out[self.out_starts[at] as usize..self.out_starts[at + 1] as usize]
    }

    pub(super) fn nodes(&self) -> u32 {
        self.out_starts.len() as u32 - 1
    }

    fn writes_follow_reads(&mut self) {
        for access in &self.accesses {
            precede(&mut self.explicit, access.read, access.wrote);
        }
    }

    /// Each process's transactions meet versions in order: all that one met come before, or
    /// are, those that its next met.
    fn follow_sessions(&mut self, txns: &Transactions, wfr_keys: bool) {
        self.sessions.clear();
        for (number, access) in (0u32..).zip(&self.accesses) {
            self.sessions.push((txns.txn(access.txn).process, number));
        }
        self.sessions.sort_unstable();
        for pair in self.sessions.windows(2) {
            let [first, second] = [pair[0].1, pair[1].1].map(|at| self.accesses[at as usize]);
            if pair[0].0 != pair[1].0 || !txns.in_session_order(first.txn, second.txn) {
                continue;
            }
            // The read version is before the written one anyway, if writes follow reads.
            let [mut oldest, mut newest] = [first.read, second.wrote];
            if wfr_keys && first.wrote != NONE {
                oldest = NONE;
            }
            if wfr_keys && second.read != NONE && self.writers[second.read as usize] != NEVER {
                newest = NONE;
            }
            for before in [oldest, first.wrote] {
                for after in [second.read, newest] {
                    precede(&mut self.explicit, before, after);
                }
            }
        }
    }

    /// Puts all edges together, those from the initial version included.
    fn connect(&mut self) {
        self.out_starts.clear();
        self.out.clear();
        let mut explicit = 0;
        let ordered = self.zones.is_loaded();
        for version in 0..self.count {
            self.out_starts.push(self.out.len() as u32);
            let first = self.out.len();
            if version == INITIAL && !ordered {
                self.after_initial();
            }
            while let Some(edge) = self.explicit.get(explicit)
                && (edge >> 32) as u32 == version
            {
                self.out.push(*edge as u32);
                explicit += 1;
            }
            if ordered {
                self.zones.successors(version, self.count, &mut self.out);
                self.out[first..].sort_unstable();
                let mut kept = first;
                for at in first..self.out.len() {
                    if at == first || self.out[at] != self.out[kept - 1] {
                        self.out[kept] = self.out[at];
                        kept += 1;
                    }
                }
                self.out.truncate(kept);
            }
        }
        self.zones.tree(self.count, &mut self.out_starts, &mut self.out);
        self.out_starts.push(self.out.len() as u32);
    }

    /// The initial version is before all that were written. Those are left out that come
    /// after another that was written; but not if that is before the initial version itself.
    fn after_initial(&mut self) {
        let has_predecessor = &mut self.sessions;
        has_predecessor.clear();
        has_predecessor.resize(self.count as usize, (0, 0));
        let mut contradicted = false;
        for edge in &self.explicit {
            let (before, after) = ((edge >> 32) as u32, *edge as u32);
            contradicted |= after == INITIAL;
            has_predecessor[after as usize].0 |= u32::from(self.writers[before as usize] != NEVER);
        }
        if !contradicted && self.reader_starts[1] == self.reader_starts[0] {
            return;
        }
        for version in 1..self.count {
            let written = self.writers[version as usize] != NEVER;
            let first = written && has_predecessor[version as usize].0 == 0;
            if contradicted || first {
                self.out.push(version);
            }
        }
    }
}

/// Adds that one version comes before another; of the initial one that is known.
fn precede(edges: &mut Vec<u64>, before: u32, after: u32) {
    if before != NONE && after != NONE && before != after && before != INITIAL {
        edges.push(u64::from(before) << 32 | u64::from(after));
    }
}
