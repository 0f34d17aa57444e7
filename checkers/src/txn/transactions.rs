//! Transactions in compact form: a few numbers each, so that ten million fit into memory.
//!
//! Keys and values are [`Atom`]s. Everything that judges transactions works on this form; it is
//! made from a [`History`], or read from a file without one.

mod atoms;
mod builder;
mod from_history;
mod writes;

use rustc_hash::FxHashMap;
use serde_json::Value;

use crate::{Operation, Outcome};

pub use self::atoms::{Atom, Atoms};
pub use self::builder::{Builder, NewTxn};
pub use self::writes::{Duplicate, Writes};

/// No position, no transaction.
pub const NEVER: u32 = u32::MAX;

/// What became of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    Committed,
    Aborted,
    Unknown,
}

/// A transaction. Its steps are at [`Transactions::micros`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Txn {
    /// The index of its invocation event; names it everywhere.
    pub index: u64,
    /// When it began, in nanoseconds since the run began.
    pub called: u64,
    /// When it ended, in nanoseconds since the run began; `u64::MAX` if nobody knows.
    pub returned: u64,
    /// Who ran it. Transactions of one process are in the order of their numbers.
    pub process: u32,
    /// The position of its begin among all begins and ends.
    pub begin: u32,
    /// The position of its end; [`NEVER`] if nobody knows. `a` was over before `b` began if
    /// `a.end < b.begin`.
    pub end: u32,
    pub status: Status,
    /// Where its steps begin.
    first: u32,
}

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Appends, writes or adds the value.
    Write,
    /// Reads a register and sees the value.
    Read,
    /// Reads a collection; the value is the place of its elements: [`Transactions::list`].
    ReadList,
    /// Reads, but nobody knows what it saw.
    ReadUnknown,
}

/// One step of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Micro {
    pub action: Action,
    /// The number of the key, see [`Transactions::key`].
    pub key: u32,
    /// What is written or seen.
    pub value: Atom,
}

/// All transactions of a history, in the order in which they began.
///
/// Invariants: the steps of an aborted or unknown transaction are those of its call, so its
/// reads are [`Action::ReadUnknown`]; `begin < end`; positions of different transactions differ
/// if [`Self::is_timed`].
#[derive(Clone, Debug, Default)]
pub struct Transactions {
    txns: Vec<Txn>,
    micros: Vec<Micro>,
    /// Per list its length and then its elements.
    lists: Vec<u32>,
    keys: Vec<Atom>,
    atoms: Atoms,
    /// Transactions that had other steps in the history.
    texts: FxHashMap<u32, Value>,
    timed: bool,
}

impl Transactions {
    pub fn len(&self) -> usize {
        self.txns.len()
    }

    pub fn is_empty(&self) -> bool {
        self.txns.is_empty()
    }

    pub fn all(&self) -> &[Txn] {
        &self.txns
    }

    /// How many have this outcome.
    pub fn count(&self, status: Status) -> usize {
        self.txns.iter().filter(|txn| txn.status == status).count()
    }

    pub fn txn(&self, number: u32) -> &Txn {
        &self.txns[number as usize]
    }

    /// The steps of a transaction, in order.
    pub fn micros(&self, number: u32) -> &[Micro] {
        let first = self.txns[number as usize].first as usize;
        let end =
            self.txns.get(number as usize + 1).map_or(self.micros.len(), |t| t.first as usize);
        &self.micros[first..end]
    }

    /// The steps of all transactions, one after the other.
    pub fn all_micros(&self) -> &[Micro] {
        &self.micros
    }

    /// The elements that a [`Action::ReadList`] saw.
    pub fn list(&self, micro: &Micro) -> &[u32] {
        debug_assert_eq!(micro.action, Action::ReadList);
        let at = micro.value.0 as usize;
        let length = self.lists[at] as usize;
        &self.lists[at + 1..=at + length]
    }

    /// How many keys there are; they are numbered from 0.
    pub fn key_count(&self) -> usize {
        self.keys.len()
    }

    /// A key as it is written in the history.
    pub fn key(&self, number: u32) -> Value {
        self.atoms.value(self.keys[number as usize])
    }

    /// A value as it is written in the history.
    pub fn value(&self, atom: Atom) -> Value {
        self.atoms.value(atom)
    }

    /// Several values as a list.
    pub fn values(&self, list: &[u32]) -> Value {
        Value::Array(list.iter().map(|atom| self.value(Atom(*atom))).collect())
    }

    /// The steps of a transaction as they are written in the history.
    pub fn text(&self, number: u32, write: &str) -> Value {
        if let Some(text) = self.texts.get(&number) {
            return text.clone();
        }
        let micros = self.micros(number).iter().map(|micro| {
            let (f, value) = match micro.action {
                Action::Write => (write, self.value(micro.value)),
                Action::Read => ("r", self.value(micro.value)),
                Action::ReadList => ("r", self.values(self.list(micro))),
                Action::ReadUnknown => ("r", Value::Null),
            };
            Value::Array(vec![f.into(), self.key(micro.key), value])
        });
        Value::Array(micros.collect())
    }

    /// Says how a transaction is written in the history, where its steps do not tell.
    pub fn set_text(&mut self, number: u32, text: Value) {
        self.texts.insert(number, text);
    }

    /// A transaction as an operation, to be shown with its [`text`](Self::text).
    pub fn operation<'h>(&self, number: u32, text: &'h Value) -> Operation<'h> {
        let txn = self.txn(number);
        Operation {
            index: txn.index,
            process: txn.process,
            declined: false,
            asked: true,
            f: "txn",
            input: text,
            outcome: match txn.status {
                Status::Committed => Outcome::Ok(text),
                Status::Aborted => Outcome::Failed,
                Status::Unknown => Outcome::Unknown,
            },
            called: txn.called,
            due: txn.called,
            returned: Some(txn.returned).filter(|returned| *returned != u64::MAX),
            completion: None,
            node: None,
        }
    }

    /// The transaction of an invocation event.
    pub fn by_index(&self, index: u64) -> Option<u32> {
        self.txns.binary_search_by_key(&index, |txn| txn.index).ok().map(|at| at as u32)
    }

    /// Whether positions are of real time. Some formats know only sessions; then no transaction
    /// is over before another began, and those of one process still follow each other.
    pub fn is_timed(&self) -> bool {
        self.timed
    }

    /// Whether the first is known to be before the second because the same process ran both,
    /// given that they are of one process and `before` has the smaller number.
    pub fn in_session_order(&self, before: u32, after: u32) -> bool {
        !self.timed || self.txn(before).end < self.txn(after).begin
    }
}

#[cfg(test)]
mod tests;
