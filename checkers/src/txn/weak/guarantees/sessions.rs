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

    /// The entries of a key in the first `limit` places of a chain.
    fn prefix(&self, key: u32, chain: u32, limit: u32) -> &[(u32, u32, u32)] {
        let [first, end] = [0, 1].map(|at| self.starts[key as usize + at] as usize);
        let entries = &self.entries[first..end];
        let first = entries.partition_point(|entry| entry.0 < chain);
        let end = entries.partition_point(|entry| (entry.0, entry.1) < (chain, limit));
        &entries[first..end]
    }
}

/// How much of each chain is visible.
#[derive(Default)]
struct Seen {
    limits: Vec<(u32, u32)>,
    numbers: FxHashMap<u32, usize>,
}

impl Seen {
    fn clear(&mut self) {
        self.limits.clear();
        self.numbers.clear();
    }

    /// Makes a prefix of a chain visible, and what its session did before that chain.
    fn raise(&mut self, kv: &KeyValue, chains: &Chains, mut txn: u32, mut itself: bool) {
        while txn != NEVER {
            let chain = chains.chain[txn as usize];
            let limit = chains.place[txn as usize] + u32::from(itself);
            let next = self.limits.len();
            let number = *self.numbers.entry(chain).or_insert(next);
            if number != next {
                let old = &mut self.limits[number].1;
                *old = limit.max(*old);
                return;
            }
            self.limits.push((chain, limit));
            txn = kv.before[chains.members(chain)[0] as usize];
            itself = true;
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
    let mut seen = Seen::default();
    let lasting = level == WeakLevel::Pram;
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
            for (chain, limit) in &seen.limits {
                let visible = index.prefix(read.key, *chain, *limit);
                let needed = match level {
                    // Of writers in session order, the last says it all.
                    WeakLevel::WritesFollowReads => visible,
                    _ => &visible[visible.len().saturating_sub(1)..],
                };
                for (_, _, before) in needed {
                    if *before != read.from && before != txn {
                        edges.push(Inferred { before: *before, read: number as u32 });
                    }
                }
            }
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
