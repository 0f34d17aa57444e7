//! Polygraphs: versions without an order, who wrote and who read each, and what is known of it.

use crate::txn::key_value::{INITIAL, KeyValue};
use crate::txn::transactions::{NEVER, Transactions};

/// Transactions that read versions written by each other, where the order of versions is open.
///
/// After Papadimitriou, *The serializability of concurrent database updates* (JACM 1979).
/// Versions are numbered key by key; the first of each key is the initial one. Transactions have
/// the numbers that they have in the [`KeyValue`].
#[derive(Clone, Debug, Default)]
pub struct Polygraph {
    /// Per key where its versions begin; one more at the end.
    key_starts: Vec<u32>,
    /// Per version the key, and who wrote it, or [`INITIAL`].
    version_keys: Vec<u32>,
    writers: Vec<u32>,
    /// Per version where its readers begin, ascending and each once.
    reader_starts: Vec<u32>,
    readers: Vec<u32>,
    /// Per transaction the versions that it wrote, ascending.
    written_starts: Vec<u32>,
    written: Vec<u32>,
    /// Per transaction the versions that it read, each once, ascending.
    read_starts: Vec<u32>,
    read: Vec<u32>,
    /// Versions of one key of which the first is known to be the older.
    pub(super) known: Vec<(u32, u32)>,
    pub(super) sessions: Vec<u32>,
    pub(super) session_count: u32,
    /// Positions of begins and ends; see [`Transactions`].
    pub(super) begins: Vec<u32>,
    pub(super) ends: Vec<u32>,
    pub(super) timed: bool,
}

impl Polygraph {
    /// `known` says of two transactions that both wrote a key that the first did so earlier:
    /// `(key, earlier, later)`. Linear, but for sorting what each transaction read.
    pub fn new(txns: &Transactions, simple: &KeyValue, known: &[(u32, u32, u32)]) -> Self {
        let mut all = Self {
            sessions: simple.sessions.clone(),
            session_count: simple.session_count,
            begins: simple.numbers.iter().map(|number| txns.txn(*number).begin).collect(),
            ends: simple.numbers.iter().map(|number| txns.txn(*number).end).collect(),
            timed: txns.is_timed(),
            ..Self::default()
        };
        all.number_versions(simple);
        all.add_reads(simple);
        for (key, earlier, later) in known {
            let versions = [earlier, later].map(|txn| all.version_of(*key, *txn));
            if let [Some(earlier), Some(later)] = versions {
                all.known.push((earlier, later));
            }
        }
        all
    }

    fn number_versions(&mut self, simple: &KeyValue) {
        let (keys, count) = (simple.key_count as usize, simple.len() as u32);
        let mut starts = vec![0u32; keys + 1];
        for txn in 0..count {
            for key in simple.writes(txn) {
                starts[*key as usize + 1] += 1;
            }
        }
        for key in 0..keys {
            starts[key + 1] += starts[key] + 1;
        }
        let versions = starts[keys] as usize;
        self.version_keys = vec![0; versions];
        self.writers = vec![INITIAL; versions];
        for key in 0..keys {
            self.version_keys[starts[key] as usize..starts[key + 1] as usize].fill(key as u32);
        }
        let mut free: Vec<u32> = starts.iter().map(|start| start + 1).collect();
        for txn in 0..count {
            self.written_starts.push(self.written.len() as u32);
            for key in simple.writes(txn) {
                let version = free[*key as usize];
                free[*key as usize] += 1;
                self.writers[version as usize] = txn;
                self.written.push(version);
            }
            let first = *self.written_starts.last().unwrap_or(&0) as usize;
            self.written[first..].sort_unstable();
        }
        self.written_starts.push(self.written.len() as u32);
        self.key_starts = starts;
    }

    fn add_reads(&mut self, simple: &KeyValue) {
        let versions = self.writers.len();
        let mut starts = vec![0u32; versions + 1];
        for txn in 0..simple.len() as u32 {
            self.read_starts.push(self.read.len() as u32);
            let first = self.read.len();
            for read in simple.reads(txn) {
                if let Some(version) = self.version_of(read.key, read.from) {
                    self.read.push(version);
                }
            }
            self.read[first..].sort_unstable();
            let mut kept = first;
            for at in first..self.read.len() {
                if at == first || self.read[at] != self.read[kept - 1] {
                    self.read[kept] = self.read[at];
                    kept += 1;
                }
            }
            self.read.truncate(kept);
        }
        self.read_starts.push(self.read.len() as u32);
        for version in &self.read {
            starts[*version as usize + 1] += 1;
        }
        for version in 0..versions {
            starts[version + 1] += starts[version];
        }
        let mut free = starts.clone();
        self.readers = vec![0; self.read.len()];
        for txn in 0..simple.len() as u32 {
            for at in self.read_starts[txn as usize]..self.read_starts[txn as usize + 1] {
                let place = &mut free[self.read[at as usize] as usize];
                self.readers[*place as usize] = txn;
                *place += 1;
            }
        }
        self.reader_starts = starts;
    }

    /// How many transactions there are.
    pub fn len(&self) -> usize {
        self.begins.len()
    }

    pub fn is_empty(&self) -> bool {
        self.begins.is_empty()
    }

    pub fn key_count(&self) -> usize {
        self.key_starts.len().saturating_sub(1)
    }

    pub fn version_count(&self) -> usize {
        self.writers.len()
    }

    /// The versions of a key, the initial one first.
    pub fn versions(&self, key: u32) -> std::ops::Range<u32> {
        self.key_starts[key as usize]..self.key_starts[key as usize + 1]
    }

    pub fn key_of(&self, version: u32) -> u32 {
        self.version_keys[version as usize]
    }

    /// Who wrote a version, or [`INITIAL`].
    pub fn writer(&self, version: u32) -> u32 {
        self.writers[version as usize]
    }

    pub fn readers(&self, version: u32) -> &[u32] {
        let at = version as usize;
        &self.readers[self.reader_starts[at] as usize..self.reader_starts[at + 1] as usize]
    }

    /// The versions that a transaction wrote, ascending.
    pub fn written(&self, txn: u32) -> &[u32] {
        let at = txn as usize;
        &self.written[self.written_starts[at] as usize..self.written_starts[at + 1] as usize]
    }

    /// The versions that a transaction read, ascending.
    pub fn read(&self, txn: u32) -> &[u32] {
        let at = txn as usize;
        &self.read[self.read_starts[at] as usize..self.read_starts[at + 1] as usize]
    }

    /// The version of a key that a transaction wrote.
    pub fn version_of(&self, key: u32, writer: u32) -> Option<u32> {
        if writer == INITIAL {
            return self.key_starts.get(key as usize).copied();
        }
        let written = self.written(writer);
        let at = written.binary_search_by_key(&key, |version| self.key_of(*version)).ok()?;
        Some(written[at])
    }

    /// Whether the first is before the second in the order of their session.
    pub(super) fn in_session_order(&self, first: u32, second: u32) -> bool {
        let [a, b] = [first as usize, second as usize];
        self.sessions[a] == self.sessions[b]
            && first < second
            && (!self.timed || self.ends[a] < self.begins[b])
    }

    /// Whether the first was over before the second began.
    pub(super) fn in_real_time_order(&self, first: u32, second: u32) -> bool {
        self.timed && self.ends[first as usize] < self.begins[second as usize]
    }
}

/// Per version the one that must follow at once, because its writer read the former, and per
/// version the one before.
#[derive(Debug)]
pub(super) struct Successors {
    pub(super) next: Vec<u32>,
    pub(super) previous: Vec<u32>,
    /// `(former, later)`: read before it was replaced, but another is the one that follows.
    pub(super) further: Vec<(u32, u32)>,
}

impl Successors {
    /// Updates: whoever reads a version and writes the same key puts his own version right
    /// after it, wherever no lost update is allowed (MTC, ICDE 2025; Cobra, OSDI 2020,
    /// section 4.1).
    pub(super) fn new(polygraph: &Polygraph) -> Self {
        let count = polygraph.version_count();
        let mut all =
            Self { next: vec![NEVER; count], previous: vec![NEVER; count], further: Vec::new() };
        for txn in 0..polygraph.len() as u32 {
            for former in polygraph.read(txn) {
                let Some(later) = polygraph.version_of(polygraph.key_of(*former), txn) else {
                    continue;
                };
                let free = all.next[*former as usize] == NEVER;
                if free && all.previous[later as usize] == NEVER {
                    all.next[*former as usize] = later;
                    all.previous[later as usize] = *former;
                } else {
                    all.further.push((*former, later));
                }
            }
        }
        all
    }

    /// Without the demand that a version follows at once.
    pub(super) fn loose(polygraph: &Polygraph) -> Self {
        let Self { next, previous, mut further } = Self::new(polygraph);
        let direct = (0u32..).zip(&next).filter(|(_, later)| **later != NEVER);
        further.extend(direct.map(|(former, later)| (former, *later)));
        let none = vec![NEVER; previous.len()];
        Self { next: none.clone(), previous: none, further }
    }
}
