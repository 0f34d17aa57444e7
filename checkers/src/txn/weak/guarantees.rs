//! Session guarantees and PRAM: what each session sees, by itself.
//!
//! After Terry et al., *Session guarantees for weakly consistent replicated data* (PDIS 1994),
//! sections 3 and 4, put in the terms of commit orders; PRAM is of Lipton & Sandberg, *PRAM: a
//! scalable shared memory* (Princeton 1988), and is the first three together (Brzezinski,
//! Sobaniec & Wawrzyniak, PDP 2004).

mod seen;
mod sessions;

use super::super::key_value::{INITIAL, KeyValue};
use super::super::transactions::NEVER;
use super::chains::Chains;
use super::graph::Graph;
use super::inferred::Inferred;
use super::{MAX_KEPT, Stopped, WeakLevel, WeakVerdict, atomic, base_order, cycles, in_parallel};
use crate::Budget;

pub(super) use self::seen::visible;
use self::sessions::Index;

pub(super) fn check(
    kv: &KeyValue,
    level: WeakLevel,
    budget: &Budget,
) -> Result<WeakVerdict, Stopped> {
    let chains = Chains::new(kv);
    let order = base_order(kv, &chains, budget)?;
    let all_reads = level == WeakLevel::WritesFollowReads;
    if all_reads && order.is_err() {
        return cycles::refute(&Graph::new(kv, &[]), &chains, level, Vec::new(), budget);
    }
    let mut positions = Vec::new();
    if let Ok(order) = &order {
        if super::is_serial(kv, order) {
            return Ok(WeakVerdict::Holds(None));
        }
        positions = vec![NEVER; kv.len()];
        for (position, txn) in (0..).zip(order) {
            positions[*txn as usize] = position;
        }
    }
    let index = Index::new(kv, &chains, level);
    let judge = |chain: usize, (): &mut ()| {
        let chain = chain as u32;
        let edges = edges_of(kv, &chains, level, &index, chain, budget)?;
        let forward = |edge: &Inferred| {
            let after = edge.after(kv);
            after != INITIAL && positions[edge.before as usize] < positions[after as usize]
        };
        if !positions.is_empty() && edges.iter().all(forward) {
            return Ok(None);
        }
        let sound = edges.iter().all(|edge| edge.after(kv) != INITIAL)
            && if all_reads {
                Graph::new(kv, &edges).order(0..kv.len() as u32, budget)?.is_ok()
            } else {
                is_acyclic(kv, &chains, chain, &edges)
            };
        Ok((!sound).then_some(chain))
    };
    let refuted = in_parallel(kv, chains.len(), || (), judge)?;
    let refuted: Vec<u32> = refuted.into_iter().flatten().collect();
    if refuted.is_empty() {
        return Ok(WeakVerdict::Holds(None));
    }
    let mut found = Vec::new();
    let mut count = 0;
    for chain in refuted.iter().take(MAX_KEPT) {
        let edges = edges_of(kv, &chains, level, &index, *chain, budget)?;
        let initial = edges.iter().filter(|edge| edge.after(kv) == INITIAL).copied().collect();
        let mut graph = Graph::new(kv, &edges);
        let own = |txn: u32| chains.chain[txn as usize] == *chain;
        graph.readers = (!all_reads).then_some(&own);
        if let WeakVerdict::Refuted(cycles, more) =
            cycles::refute(&graph, &chains, level, initial, budget)?
        {
            found.extend(cycles);
            count += more;
        }
    }
    count += refuted.len().saturating_sub(MAX_KEPT) as u64;
    found.sort_by_key(|cycle| cycle.all_links().count());
    found.truncate(MAX_KEPT);
    Ok(WeakVerdict::Refuted(found, count))
}

/// What a session infers.
fn edges_of(
    kv: &KeyValue,
    chains: &Chains,
    level: WeakLevel,
    index: &Index,
    chain: u32,
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    if level == WeakLevel::ReadYourWrites {
        return atomic::of_session(kv, chains, chain, budget);
    }
    sessions::infer(kv, chains, level, index, chain, budget)
}

/// Whether inferred edges, session order and the reads of one session contradict each other.
/// Looks only at transactions that have such an edge.
fn is_acyclic(kv: &KeyValue, chains: &Chains, chain: u32, inferred: &[Inferred]) -> bool {
    let mut edges: Vec<[u32; 2]> =
        inferred.iter().map(|edge| [edge.before, edge.after(kv)]).collect();
    for txn in chains.members(chain) {
        let sources = kv.reads(*txn).iter().map(|read| read.from);
        edges.extend(sources.filter(|from| *from != INITIAL).map(|from| [from, *txn]));
    }
    let mut nodes: Vec<u32> = edges.iter().flatten().copied().collect();
    // Chains that go on from others need the place where they do.
    let mut at = 0;
    while at < nodes.len() {
        let first = chains.members(chains.chain[nodes[at] as usize])[0];
        let before = kv.before[first as usize];
        if before != NEVER && nodes[at] != first {
            nodes.push(first);
        } else if before != NEVER {
            edges.push([before, first]);
            nodes.push(before);
        }
        at += 1;
    }
    let place = |txn: &u32| (chains.chain[*txn as usize], chains.place[*txn as usize]);
    nodes.sort_unstable_by_key(place);
    nodes.dedup();
    for pair in nodes.windows(2).filter(|pair| place(&pair[0]).0 == place(&pair[1]).0) {
        edges.push([pair[0], pair[1]]);
    }
    let number = |txn: u32| nodes.partition_point(|node| place(node) < place(&txn));
    let mut edges: Vec<[usize; 2]> = edges.iter().map(|edge| edge.map(number)).collect();
    edges.sort_unstable();
    edges.dedup();
    let mut waiting = vec![0; nodes.len()];
    for [_, to] in &edges {
        waiting[*to] += 1;
    }
    let mut free: Vec<usize> = (0..nodes.len()).filter(|node| waiting[*node] == 0).collect();
    let mut done = 0;
    while let Some(node) = free.pop() {
        done += 1;
        let first = edges.partition_point(|edge| edge[0] < node);
        for [_, to] in edges[first..].iter().take_while(|edge| edge[0] == node) {
            waiting[*to] -= 1;
            if waiting[*to] == 0 {
                free.push(*to);
            }
        }
    }
    done == nodes.len()
}
