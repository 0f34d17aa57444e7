//! Read atomic: a transaction misses none of the writes of those that it saw, nor of those
//! before it in its session.
//!
//! After Møldrup & Pavlogiannis, *AWDIT: an optimal weak database isolation tester* (PLDI 2025),
//! section 4.2. The names of anomalies are of Bailis et al., *Scalable atomic visibility with
//! RAMP transactions* (SIGMOD 2014).

use rustc_hash::FxHashMap;

use super::super::key_value::{INITIAL, KeyValue, Read};
use super::super::transactions::NEVER;
use super::chains::Chains;
use super::committed::by_transaction;
use super::inferred::{Candidate, Inferred, Sink};
use super::{SHORT, Stopped, in_parallel};
use crate::Budget;

/// All inferred edges that are needed; the others follow from these.
pub(super) fn infer(
    kv: &KeyValue,
    chains: &Chains,
    candidate: Option<&Candidate<'_>>,
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    let mut edges = by_transaction(kv, candidate, budget, |txn, sink| {
        let reads = kv.reads(txn);
        if reads.len() <= SHORT {
            short(kv, reads, kv.read_range(txn).start, sink);
        } else {
            long(kv, reads, kv.read_range(txn).start, sink);
        }
    })?;
    edges.append(&mut of_sessions(kv, chains, candidate, budget)?);
    Ok(edges)
}

fn short(kv: &KeyValue, reads: &[Read], first: usize, sink: &mut Sink<'_>) {
    for (at, seen) in reads.iter().enumerate() {
        if seen.from == INITIAL || reads[..at].iter().any(|read| read.from == seen.from) {
            continue;
        }
        for (other, read) in reads.iter().enumerate() {
            if read.from != seen.from && kv.wrote(seen.from, read.key) {
                sink.add(seen.from, first + other);
            }
        }
    }
}

fn long(kv: &KeyValue, reads: &[Read], first: usize, sink: &mut Sink<'_>) {
    // Per key its first read, and all keys.
    let mut by_key: FxHashMap<u32, usize> = FxHashMap::default();
    let mut keys: Vec<u32> = Vec::new();
    for (at, read) in reads.iter().enumerate() {
        let earliest = *by_key.entry(read.key).or_insert(at);
        if earliest == at {
            keys.push(read.key);
        } else if reads[earliest].from != read.from {
            // Two versions of a key contradict each other both ways.
            for (seen, other) in [(earliest, at), (at, earliest)] {
                if reads[seen].from != INITIAL {
                    sink.add(reads[seen].from, first + other);
                }
            }
        }
    }
    let mut sources: Vec<u32> =
        reads.iter().map(|read| read.from).filter(|from| *from != INITIAL).collect();
    sources.sort_unstable();
    sources.dedup();
    for from in sources {
        let mut add = |read: usize| {
            if reads[read].from != from {
                sink.add(from, first + read);
            }
        };
        let writes = kv.writes(from);
        if writes.len() <= keys.len() {
            writes.iter().filter_map(|key| by_key.get(key).copied()).for_each(&mut add);
        } else {
            let seen = keys.iter().filter(|key| kv.wrote(from, **key));
            seen.filter_map(|key| by_key.get(key).copied()).for_each(&mut add);
        }
    }
}

/// What the session of each reader wrote before.
pub(super) fn of_sessions(
    kv: &KeyValue,
    chains: &Chains,
    candidate: Option<&Candidate<'_>>,
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    let last = || vec![(NEVER, 0u32); kv.key_count as usize];
    let of_one = |chain: usize, last: &mut Vec<(u32, u32)>| {
        let mut sink = Sink::new(kv, candidate);
        if !sink.is_settled() {
            of_chain(kv, chains, chain as u32, last, &mut sink, budget)?;
        }
        Ok(sink.edges)
    };
    Ok(in_parallel(kv, chains.len(), last, of_one)?.concat())
}

/// What one session wrote before its own readers.
pub(super) fn of_session(
    kv: &KeyValue,
    chains: &Chains,
    chain: u32,
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    let mut sink = Sink::new(kv, None);
    let mut last: FxHashMap<u32, (u32, u32)> = FxHashMap::default();
    of_chain(kv, chains, chain, &mut last, &mut sink, budget)?;
    Ok(sink.edges)
}

/// Per key a chain, and the last writer in it.
trait Last {
    fn of(&mut self, key: u32) -> &mut (u32, u32);
}

impl Last for Vec<(u32, u32)> {
    fn of(&mut self, key: u32) -> &mut (u32, u32) {
        &mut self[key as usize]
    }
}

impl Last for FxHashMap<u32, (u32, u32)> {
    fn of(&mut self, key: u32) -> &mut (u32, u32) {
        self.entry(key).or_insert((NEVER, NEVER))
    }
}

/// Entries of other chains do not count.
fn of_chain(
    kv: &KeyValue,
    chains: &Chains,
    chain: u32,
    last: &mut impl Last,
    sink: &mut Sink<'_>,
    budget: &Budget,
) -> Result<(), Stopped> {
    let members = chains.members(chain);
    // Where a session goes on in a new chain, which is rare, what was before counts too.
    if members.iter().any(|txn| !kv.reads(*txn).is_empty()) {
        let mut before = kv.before[members[0] as usize];
        while before != NEVER {
            for key in kv.writes(before) {
                let entry = last.of(*key);
                if entry.0 != chain {
                    *entry = (chain, before);
                }
            }
            before = kv.before[before as usize];
        }
    }
    for (turn, txn) in members.iter().enumerate() {
        if turn % 4096 == 0 && budget.is_cancelled() {
            return Err(Stopped::Cancelled);
        }
        for number in kv.read_range(*txn) {
            let read = kv.all_reads()[number];
            let (of, writer) = *last.of(read.key);
            if of == chain && writer != read.from {
                sink.add(writer, number);
            }
        }
        for key in kv.writes(*txn) {
            *last.of(*key) = (chain, *txn);
        }
    }
    Ok(())
}
