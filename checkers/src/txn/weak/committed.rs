//! Read committed: once a transaction has seen another, it misses none of its writes.
//!
//! After Møldrup & Pavlogiannis, *AWDIT: an optimal weak database isolation tester* (PLDI 2025),
//! section 4.1: of what was seen and what is read later, the smaller set is walked through.

use rustc_hash::FxHashMap;

use super::super::key_value::{INITIAL, KeyValue, Read};
use super::inferred::{Candidate, Inferred, Sink};
use super::{CHUNK, SHORT, Stopped, in_parallel};
use crate::Budget;

/// All inferred edges that are needed; the others follow from these.
pub(super) fn infer(
    kv: &KeyValue,
    candidate: Option<&Candidate<'_>>,
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    by_transaction(kv, candidate, budget, |txn, sink| {
        let reads = kv.reads(txn);
        if reads.len() <= SHORT {
            short(kv, reads, kv.read_range(txn).start, sink);
        } else {
            long(kv, reads, kv.read_range(txn).start, sink);
        }
    })
}

/// Infers from each transaction by itself.
pub(super) fn by_transaction(
    kv: &KeyValue,
    candidate: Option<&Candidate<'_>>,
    budget: &Budget,
    infer: impl Fn(u32, &mut Sink<'_>) + Sync,
) -> Result<Vec<Inferred>, Stopped> {
    let chunks = kv.len().div_ceil(CHUNK);
    let of_chunk = |chunk: usize, (): &mut ()| {
        if budget.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        let mut sink = Sink::new(kv, candidate);
        for txn in chunk * CHUNK..((chunk + 1) * CHUNK).min(kv.len()) {
            if sink.is_settled() {
                break;
            }
            infer(txn as u32, &mut sink);
        }
        Ok(sink.edges)
    };
    Ok(in_parallel(kv, chunks, || (), of_chunk)?.concat())
}

fn short(kv: &KeyValue, reads: &[Read], first: usize, sink: &mut Sink<'_>) {
    for (at, seen) in reads.iter().enumerate() {
        if seen.from == INITIAL || reads[..at].iter().any(|read| read.from == seen.from) {
            // What it wrote is visible already; only other values of the same key are news.
            let next = reads[at + 1..].iter().position(|read| read.key == seen.key);
            if let Some(next) = next.map(|next| at + 1 + next)
                && seen.from != INITIAL
                && reads[next].from != seen.from
            {
                sink.add(seen.from, first + next);
            }
            continue;
        }
        for (later, read) in reads.iter().enumerate().skip(at + 1) {
            if read.from != seen.from && kv.wrote(seen.from, read.key) {
                sink.add(seen.from, first + later);
            }
        }
    }
}

fn long(kv: &KeyValue, reads: &[Read], first: usize, sink: &mut Sink<'_>) {
    let mut earliest: FxHashMap<u32, usize> = FxHashMap::default();
    for (at, read) in reads.iter().enumerate() {
        earliest.entry(read.from).or_insert(at);
    }
    // Per key its next read, and all those keys.
    let mut next: FxHashMap<u32, usize> = FxHashMap::default();
    let mut keys: Vec<u32> = Vec::new();
    for (at, seen) in reads.iter().enumerate().rev() {
        let mut add = |read: usize| {
            if reads[read].from != seen.from {
                sink.add(seen.from, first + read);
            }
        };
        if seen.from != INITIAL {
            let writes = kv.writes(seen.from);
            if earliest.get(&seen.from) != Some(&at) {
                next.get(&seen.key).copied().into_iter().for_each(&mut add);
            } else if writes.len() <= keys.len() {
                writes.iter().filter_map(|key| next.get(key).copied()).for_each(&mut add);
            } else {
                let seen = keys.iter().filter(|key| kv.wrote(seen.from, **key));
                seen.filter_map(|key| next.get(key).copied()).for_each(&mut add);
            }
        }
        if next.insert(seen.key, at).is_none() {
            keys.push(seen.key);
        }
    }
}
