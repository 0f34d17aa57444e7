//! What a session infers from its reads, guarantee by guarantee.

use rustc_hash::{FxHashMap, FxHashSet};

use super::super::super::key_value::{INITIAL, KeyValue};
use super::super::super::transactions::NEVER;
use super::super::chains::Chains;
use super::super::inferred::Inferred;
use super::super::{Stopped, WeakLevel};
use crate::Budget;

/// Who wrote each key, or who saw a writer of it, by chain and place.
pub(super) struct Index {
    /// Per key where its entries begin; one more at the end.
    starts: Vec<u32>,
    /// Chain, place, and the writer.
    entries: Vec<(u32, u32, u32)>,
}

impl Index {
    pub(super) fn new(kv: &KeyValue, chains: &Chains, level: WeakLevel) -> Self {
        let mut index = Self { starts: vec![0; kv.key_count as usize + 2], entries: Vec::new() };
        if matches!(level, WeakLevel::ReadYourWrites | WeakLevel::MonotonicReads) {
            return index;
        }
        let writers = |txn: u32, tell: &mut dyn FnMut(u32)| {
            if level == WeakLevel::WritesFollowReads {
                let sources = kv.reads(txn).iter().map(|read| read.from);
                sources.filter(|from| *from != INITIAL).for_each(tell);
            } else {
                tell(txn);
            }
        };
        let starts = &mut index.starts;
        for txn in 0..kv.len() as u32 {
            writers(txn, &mut |writer| {
                for key in kv.writes(writer) {
                    starts[*key as usize + 2] += 1;
                }
            });
        }
        for at in 2..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut entries = vec![(0, 0, 0); starts.last().map_or(0, |count| *count as usize)];
        for chain in 0..chains.len() as u32 {
            for (place, txn) in (0..).zip(chains.members(chain)) {
                writers(*txn, &mut |writer| {
                    for key in kv.writes(writer) {
                        let free = &mut starts[*key as usize + 1];
                        entries[*free as usize] = (chain, place, writer);
                        *free += 1;
                    }
                });
            }
        }
        index.entries = entries;
        index
    }

    fn of_key(&self, key: u32) -> &[(u32, u32, u32)] {
        let [first, end] = [0, 1].map(|at| self.starts[key as usize + at] as usize);
        &self.entries[first..end]
    }
}

/// How much of each chain is visible.
struct Seen {
    /// Per chain how many of its first transactions.
    limits: Vec<u32>,
    /// The chains of which something may be, each once.
    chains: Vec<u32>,
    known: Vec<bool>,
}

impl Seen {
    fn new(chains: usize) -> Self {
        Self { limits: vec![0; chains], chains: Vec::new(), known: vec![false; chains] }
    }

    fn clear(&mut self) {
        for chain in self.chains.drain(..) {
            self.limits[chain as usize] = 0;
            self.known[chain as usize] = false;
        }
    }

    /// Makes a prefix of a chain visible, and what its session did before that chain.
    fn raise(&mut self, kv: &KeyValue, chains: &Chains, mut txn: u32, mut itself: bool) {
        while txn != NEVER {
            let chain = chains.chain[txn as usize];
            let limit = &mut self.limits[chain as usize];
            *limit = (*limit).max(chains.place[txn as usize] + u32::from(itself));
            if std::mem::replace(&mut self.known[chain as usize], true) {
                return;
            }
            self.chains.push(chain);
            txn = kv.before[chains.members(chain)[0] as usize];
            itself = true;
        }
    }

    /// Tells the visible entries of a key; of each chain only the last, unless all are wanted.
    fn visible(
        &self,
        entries: &[(u32, u32, u32)],
        all: bool,
        mut tell: impl FnMut(&(u32, u32, u32)),
    ) {
        let is_visible = |entry: &(u32, u32, u32)| entry.1 < self.limits[entry.0 as usize];
        if entries.len() <= 8 * self.chains.len() {
            for (at, entry) in entries.iter().enumerate().filter(|(_, entry)| is_visible(entry)) {
                let next = entries.get(at + 1);
                if all || next.is_none_or(|next| next.0 != entry.0 || !is_visible(next)) {
                    tell(entry);
                }
            }
            return;
        }
        for chain in &self.chains {
            let limit = self.limits[*chain as usize];
            let first = entries.partition_point(|entry| entry.0 < *chain);
            let end = entries.partition_point(|entry| (entry.0, entry.1) < (*chain, limit));
            let first = if all { first } else { first.max(end.saturating_sub(1)) };
            entries[first..end].iter().for_each(&mut tell);
        }
    }
}

pub(super) fn infer(
    kv: &KeyValue,
    chains: &Chains,
    level: WeakLevel,
    index: &Index,
    chain: u32,
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    if level == WeakLevel::MonotonicReads {
        return monotonic_reads(kv, chains.members(chain), budget);
    }
    let mut edges: Vec<Inferred> = Vec::new();
    let mut seen = Seen::new(chains.len());
    let lasting = level == WeakLevel::Pram;
    // Of writers in session order, the last says it all; of those seen by others, none does.
    let all = level == WeakLevel::WritesFollowReads;
    for (turn, txn) in chains.members(chain).iter().enumerate() {
        if turn % 256 == 0 && budget.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        if lasting {
            seen.raise(kv, chains, *txn, false);
        } else {
            seen.clear();
        }
        for number in kv.read_range(*txn) {
            let read = kv.all_reads()[number];
            seen.visible(index.of_key(read.key), all, |(_, _, before)| {
                if *before != read.from && before != txn {
                    edges.push(Inferred { before: *before, read: number as u32 });
                }
            });
            if edges.len() > budget.max_states {
                return Err(Stopped::States);
            }
            if read.from != INITIAL {
                seen.raise(kv, chains, read.from, level != WeakLevel::MonotonicWrites);
            }
        }
    }
    Ok(edges)
}

fn monotonic_reads(
    kv: &KeyValue,
    members: &[u32],
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    let mut edges = Vec::new();
    let mut known: FxHashSet<u32> = FxHashSet::default();
    // Per key those seen that wrote it, but for those that are before another of these.
    let mut seen: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (turn, txn) in members.iter().enumerate() {
        if turn % 256 == 0 && budget.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        for number in kv.read_range(*txn) {
            let read = kv.all_reads()[number];
            let of_key = seen.entry(read.key).or_default();
            for before in of_key.iter().filter(|before| **before != read.from) {
                edges.push(Inferred { before: *before, read: number as u32 });
            }
            if read.from == INITIAL {
                continue;
            }
            of_key.clear();
            of_key.push(read.from);
            if known.insert(read.from) {
                for key in kv.writes(read.from).iter().filter(|key| **key != read.key) {
                    seen.entry(*key).or_default().push(read.from);
                }
            }
        }
    }
    Ok(edges)
}
