//! The oracle of the tests: every isolation level by its definition, with all choices tried.
//!
//! Nothing is inferred. Where a definition leaves something open (the order of transactions, their
//! snapshots, the order of versions, the outcome of those without an answer), every choice is
//! tried; a history violates a level if and only if every choice violates it. So this is for
//! histories of half a dozen transactions, and shares no code with what judges real ones.
//!
//! | level | definition | after |
//! |---|---|---|
//! | serializable | run one after the other | `replay.rs` |
//! | snapshot isolation | run on snapshots, the first committer wins | `replay.rs` |
//! | read atomic, causal, prefix, PSI | axioms of visibility and arbitration | `axioms.rs` |
//! | read uncommitted and committed, repeatable read and what is between | phenomena | `adya.rs` |
//!
//! Conventions, each the weakest that is sensible, so that a level is refuted only if nobody could
//! disagree:
//! - For levels of replay and of axioms, any of the transactions of unknown outcome may have
//!   happened. For those of phenomena, those have from which a committed one read.
//! - An append makes a longer version out of the one before. It does not read it.
//! - Read uncommitted allows reads of anything but an element twice. Where lists contradict
//!   each other, one of the longest of them shows the order of writes.
//! - A read is through a cursor if its transaction writes the key later.
//! - Strong levels respect real time and the order in sessions, as some histories have no times.

mod adya;
mod assumed;
mod axioms;
mod random;
mod replay;
mod tiny;
mod versions;

use std::collections::BTreeSet;

use adya::Level;
use axioms::Axiom;
use replay::Order;
use tiny::Tiny;

use super::transactions::Transactions;

pub use random::tiny_history;

/// What keys hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Datatype {
    /// Lists that are appended to.
    ListAppend,
    /// Registers that are overwritten.
    RwRegister,
    /// Sets that are added to, which is never a conflict. Phenomena are not defined, nor are
    /// levels that need them.
    Set,
    /// Numbers that are added to; the same.
    Counter,
}

/// What else the judge takes for granted of each key; see
/// [`Inference`](super::rw_register::Inference).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Assumed {
    /// What a transaction writes is newer than what it read of the key.
    pub wfr_keys: bool,
    /// Versions of a key follow the order of sessions.
    pub sequential_keys: bool,
    /// Versions of a key follow real time.
    pub linearizable_keys: bool,
}

const FREE: Order = Order::Free;
const SESSION: Order = Order::Session;
const REAL_TIME: Order = Order::RealTime;

/// Levels that are defined by phenomena.
const BY_PHENOMENA: [(&str, Level); 12] = [
    ("read-uncommitted", Level::ReadUncommitted(FREE)),
    ("strong-session-read-uncommitted", Level::ReadUncommitted(SESSION)),
    ("strong-read-uncommitted", Level::ReadUncommitted(REAL_TIME)),
    ("read-committed", Level::ReadCommitted(FREE)),
    ("strong-session-read-committed", Level::ReadCommitted(SESSION)),
    ("strong-read-committed", Level::ReadCommitted(REAL_TIME)),
    ("cursor-stability", Level::CursorStability),
    ("monotonic-view", Level::MonotonicView),
    ("monotonic-atomic-view", Level::MonotonicAtomicView),
    ("consistent-view", Level::ConsistentView),
    ("update-serializable", Level::UpdateSerializable),
    ("repeatable-read", Level::RepeatableRead),
];

/// Levels that are defined by axioms. Elle's do not include sessions.
const BY_AXIOMS: [(&str, Axiom); 5] = [
    ("read-atomic", Axiom::ReadAtomic),
    ("update-atomic", Axiom::UpdateAtomic),
    ("causal-cerone", Axiom::Causal),
    ("prefix", Axiom::Prefix),
    ("parallel-snapshot-isolation", Axiom::ParallelSnapshot),
];

const SERIAL: [(&str, Order); 3] = [
    ("serializable", FREE),
    ("strong-session-serializable", SESSION),
    ("strict-serializable", REAL_TIME),
];

const SNAPSHOT: [(&str, Order); 3] = [
    ("snapshot-isolation", FREE),
    ("strong-session-snapshot-isolation", SESSION),
    ("strong-snapshot-isolation", REAL_TIME),
];

/// The levels that a tiny history violates, by the names of
/// [`ConsistencyModel`](super::ConsistencyModel).
pub fn refuted(txns: &Transactions, datatype: Datatype) -> BTreeSet<&'static str> {
    refuted_assuming(txns, datatype, Assumed::default())
}

/// The same if something is taken for granted of each key; all levels, if that cannot be so.
pub fn refuted_assuming(
    txns: &Transactions,
    datatype: Datatype,
    assumed: Assumed,
) -> BTreeSet<&'static str> {
    let tiny = Tiny::new(txns, datatype, assumed);
    // Running one after the other, in real time, has none of the phenomena, and keeps all axioms.
    if replay::serializable(&tiny, REAL_TIME) {
        return BTreeSet::new();
    }
    all_refuted(&tiny)
}

fn all_refuted(tiny: &Tiny) -> BTreeSet<&'static str> {
    let mut refuted = BTreeSet::new();
    refuted.extend(SERIAL.into_iter().filter(|m| !replay::serializable(tiny, m.1)).map(|m| m.0));
    let snapshot = SNAPSHOT.into_iter().filter(|m| !replay::snapshot_isolated(tiny, m.1));
    refuted.extend(snapshot.map(|m| m.0));
    refuted
        .extend(BY_AXIOMS.into_iter().filter(|m| !axioms::allowed(tiny, m.1, FREE)).map(|m| m.0));
    if matches!(tiny.datatype, Datatype::ListAppend | Datatype::RwRegister) {
        let levels = BY_PHENOMENA.map(|(_, level)| level);
        let allowed = adya::allowed(tiny, &levels);
        let names = BY_PHENOMENA.iter().zip(allowed).filter(|(_, allowed)| !allowed);
        refuted.extend(names.map(|((name, _), _)| *name));
    }
    refuted
}

/// Of the levels with axioms, those that a tiny history violates if transactions see what was
/// before them in their sessions. Causal consistency is then what is usually called so, with
/// convergence.
pub fn refuted_in_sessions(txns: &Transactions, datatype: Datatype) -> BTreeSet<&'static str> {
    let tiny = Tiny::new(txns, datatype, Assumed::default());
    let refuted = BY_AXIOMS.into_iter().filter(|m| !axioms::allowed(&tiny, m.1, SESSION));
    refuted.map(|(name, _)| name).collect()
}

/// Whether it speaks of a level, for lists and registers.
pub fn is_judged(level: &str) -> bool {
    let defined = BY_PHENOMENA.iter().map(|m| m.0).chain(BY_AXIOMS.iter().map(|m| m.0));
    let run = SERIAL.iter().chain(&SNAPSHOT).map(|m| m.0);
    defined.chain(run).any(|name| name == level)
}

#[cfg(test)]
mod agreement_tests;
#[cfg(test)]
mod engine_tests;
#[cfg(test)]
mod tests;
