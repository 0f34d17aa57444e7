//! Weak isolation of unique-write histories, without any order of versions.
//!
//! A level holds if there is a commit order: a total order of transactions that follows session
//! order and reads, and in which of two writers of a key the one that a reader saw is the later
//! if the other one was visible to that reader. Levels differ in what is visible. After Biswas &
//! Enea, *On the complexity of checking transactional consistency* (OOPSLA 2019), section 2.

mod atomic;
mod causal;
mod chains;
mod checker;
mod committed;
mod cycles;
mod explain;
mod flaws;
mod graph;
mod guarantees;
mod inferred;
mod naming;

use std::fmt;
use std::str::FromStr;
use std::sync::atomic::AtomicBool;

use rayon::prelude::*;

pub use self::checker::WeakIsolation;
pub use self::cycles::{Cycle, Link, Why};
pub use self::inferred::Inferred;

use self::chains::Chains;
use self::graph::{Cyclic, Graph};
use self::inferred::Candidate;
use super::key_value::{INITIAL, KeyValue};
use super::transactions::NEVER;
use crate::Budget;

/// Transactions that are looked at together.
const CHUNK: usize = 1 << 12;
/// Reads of a transaction up to which all pairs are looked at.
const SHORT: usize = 24;
/// Proofs that are given in full.
const MAX_KEPT: usize = 8;

/// What is promised. Session order counts in all of these.
///
/// The first five are of each session by itself: its order of all transactions follows session
/// order and what that session read (for writes follow reads: all reads), and need not be the
/// order that another session sees. The others have one order for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WeakLevel {
    /// A reader sees what its session wrote in earlier transactions.
    ReadYourWrites,
    /// A reader sees what its session read from earlier.
    MonotonicReads,
    /// Who has seen a transaction sees what was before it in its session.
    MonotonicWrites,
    /// Who has seen a transaction sees what was read by then in its session.
    WritesFollowReads,
    /// What a session has seen of another is a prefix that grows, and all of its own.
    Pram,
    /// Once a transaction has seen another, it misses none of its writes.
    ReadCommitted,
    /// A transaction misses no write of those that it sees, nor of those before it in its
    /// session.
    ReadAtomic,
    /// It misses nothing of what was before those, either.
    Causal,
}

impl WeakLevel {
    pub const ALL: [Self; 8] = [
        Self::ReadYourWrites,
        Self::MonotonicReads,
        Self::MonotonicWrites,
        Self::WritesFollowReads,
        Self::Pram,
        Self::ReadCommitted,
        Self::ReadAtomic,
        Self::Causal,
    ];

    /// As given to `--consistency-model`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadYourWrites => "read-your-writes",
            Self::MonotonicReads => "monotonic-reads",
            Self::MonotonicWrites => "monotonic-writes",
            Self::WritesFollowReads => "writes-follow-reads",
            Self::Pram => "pram",
            Self::ReadCommitted => "read-committed",
            Self::ReadAtomic => "read-atomic",
            Self::Causal => "causal",
        }
    }

    /// Whether each session may have an order of its own.
    pub fn is_of_sessions(self) -> bool {
        self <= Self::Pram
    }
}

impl fmt::Display for WeakLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for WeakLevel {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|level| level.name() == word).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("there is no weak isolation level `{word}`; known are {names}")
        })
    }
}

/// What [`check`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WeakVerdict {
    /// The level holds. The commit order proves it, unless each session has its own.
    Holds(Option<Vec<u32>>),
    /// The level does not hold, for each of these reasons; the first few, and how many.
    Refuted(Vec<Cycle>, u64),
    /// The reason why nothing can be said.
    Unknown(&'static str),
}

/// Why a search ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stopped {
    Cancelled,
    /// More edges than the budget allows.
    States,
}

impl Stopped {
    fn reason(self) -> &'static str {
        match self {
            Self::Cancelled => {
                "time was up before all of the history was looked at; give the analysis more"
            }
            Self::States => {
                "the limit of states was reached before all of the history was looked at; give \
                 the analysis more memory"
            }
        }
    }
}

/// Decides whether a level holds. The reads that [`KeyValue`] leaves out are not looked at.
///
/// For n operations and k sessions: O(n<sup>1.5</sup>) for read committed and read atomic, up to
/// a factor log n; O(n k log n) for causal consistency and PRAM; linear in a history that is
/// serializable in the order given, which is tried first. Memory is linear, but for inferred
/// edges, of 12 bytes each.
pub fn check(kv: &KeyValue, level: WeakLevel, budget: &Budget) -> WeakVerdict {
    let result = if level.is_of_sessions() {
        guarantees::check(kv, level, budget)
    } else {
        global(kv, level, budget)
    };
    result.unwrap_or_else(|stopped| WeakVerdict::Unknown(stopped.reason()))
}

/// The edges that a level implies beside session order and reads: enough that all others follow
/// from these. `None` if session order and reads contradict each other, if the level is one of
/// sessions, or if time was up.
pub fn infer(kv: &KeyValue, level: WeakLevel, budget: &Budget) -> Option<Vec<Inferred>> {
    if level.is_of_sessions() {
        return None;
    }
    let chains = Chains::new(kv);
    let order = base_order(kv, &chains, budget).ok()?.ok()?;
    all_edges(kv, &chains, level, &order, budget).ok()
}

fn global(kv: &KeyValue, level: WeakLevel, budget: &Budget) -> Result<WeakVerdict, Stopped> {
    let chains = Chains::new(kv);
    let Ok(order) = base_order(kv, &chains, budget)? else {
        let graph = Graph::new(kv, &[]);
        return cycles::refute(&graph, &chains, level, Vec::new(), budget);
    };
    if is_serial(kv, &order) || is_witness(kv, &chains, level, &order, budget)? {
        return Ok(WeakVerdict::Holds(Some(order)));
    }
    let edges = all_edges(kv, &chains, level, &order, budget)?;
    let initial: Vec<Inferred> =
        edges.iter().filter(|edge| edge.after(kv) == INITIAL).copied().collect();
    let graph = Graph::new(kv, &edges);
    match graph.order(order.iter().copied(), budget)? {
        Ok(order) if initial.is_empty() => Ok(WeakVerdict::Holds(Some(order))),
        _ => cycles::refute(&graph, &chains, level, initial, budget),
    }
}

/// An order that session order and reads follow, as near as possible to the one in which
/// transactions ran.
fn base_order(
    kv: &KeyValue,
    chains: &Chains,
    budget: &Budget,
) -> Result<Result<Vec<u32>, Cyclic>, Stopped> {
    let all = 0..kv.len() as u32;
    let forward = |txn: u32| kv.reads(txn).iter().all(|r| r.from < txn || r.from == INITIAL);
    if all.clone().all(forward) {
        return Ok(Ok(all.collect()));
    }
    let graph = Graph::new(kv, &[]);
    if kv.timed {
        graph.order(all, budget)
    } else {
        graph.order(chains.abreast().into_iter(), budget)
    }
}

/// Whether every read shows the last writer before its transaction.
fn is_serial(kv: &KeyValue, order: &[u32]) -> bool {
    let mut last = vec![INITIAL; kv.key_count as usize];
    order.iter().all(|txn| {
        let sound = kv.reads(*txn).iter().all(|read| last[read.key as usize] == read.from);
        for key in kv.writes(*txn) {
            last[*key as usize] = *txn;
        }
        sound
    })
}

/// Whether the order is a commit order of the level; cheap only for some levels.
fn is_witness(
    kv: &KeyValue,
    chains: &Chains,
    level: WeakLevel,
    order: &[u32],
    budget: &Budget,
) -> Result<bool, Stopped> {
    let mut positions = vec![NEVER; kv.len()];
    for (position, txn) in (0..).zip(order) {
        positions[*txn as usize] = position;
    }
    let candidate = Candidate { positions: &positions, refuted: AtomicBool::new(false) };
    let against = match level {
        WeakLevel::ReadCommitted => committed::infer(kv, Some(&candidate), budget)?,
        WeakLevel::ReadAtomic => atomic::infer(kv, chains, Some(&candidate), budget)?,
        _ => return Ok(false),
    };
    Ok(against.is_empty())
}

fn all_edges(
    kv: &KeyValue,
    chains: &Chains,
    level: WeakLevel,
    order: &[u32],
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    match level {
        WeakLevel::ReadCommitted => committed::infer(kv, None, budget),
        WeakLevel::ReadAtomic => atomic::infer(kv, chains, None, budget),
        _ => causal::infer(kv, chains, order, budget),
    }
}

/// Does a work in parts, each with something that may have served another part before; all at
/// once if it is worth it. The results are in the order of the parts.
fn in_parallel<T: Send, S: Send>(
    kv: &KeyValue,
    parts: usize,
    with: impl Fn() -> S + Sync + Send,
    work: impl Fn(usize, &mut S) -> Result<T, Stopped> + Sync + Send,
) -> Result<Vec<T>, Stopped> {
    if kv.len() <= CHUNK {
        let mut with = with();
        return (0..parts).map(|part| work(part, &mut with)).collect();
    }
    (0..parts).into_par_iter().map_init(&with, |with, part| work(part, with)).collect()
}

#[cfg(test)]
mod tests;
