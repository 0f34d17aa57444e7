//! Building transactions one after another, in the order in which they began.

use rustc_hash::FxHashMap;
use serde_json::Value;

use super::{Action, Atom, Micro, NEVER, Status, Transactions, Txn};

/// Keys that are numbers below this are looked up in a table.
const DIRECT: u32 = 1 << 26;

/// Puts [`Transactions`] together: [`Self::begin`], then steps, then the next.
#[derive(Debug, Default)]
pub struct Builder {
    done: Transactions,
    direct: Vec<u32>,
    others: FxHashMap<Atom, u32>,
}

impl Builder {
    /// `timed` says whether begins and ends are positions in real time.
    pub fn new(timed: bool) -> Self {
        let done = Transactions { timed, ..Transactions::default() };
        Self { done, ..Self::default() }
    }

    /// Makes room for so many more transactions, steps, and elements of lists with their
    /// lengths, so that growing does not take twice the memory.
    pub fn reserve(&mut self, txns: usize, micros: usize, lists: usize) {
        self.done.txns.reserve(txns);
        self.done.micros.reserve(micros);
        self.done.lists.reserve(lists);
    }

    /// Begins the next transaction.
    pub fn begin(&mut self, txn: NewTxn) {
        let first = self.done.micros.len() as u32;
        let NewTxn { index, called, returned, process, begin, end, status } = txn;
        self.done.txns.push(Txn { index, called, returned, process, begin, end, status, first });
    }

    /// A transaction of a format that knows only sessions.
    pub fn begin_in_session(&mut self, session: u32, status: Status) {
        let index = self.done.txns.len() as u64;
        self.begin(NewTxn {
            index,
            called: index,
            returned: u64::MAX,
            process: session,
            begin: 0,
            end: NEVER,
            status,
        });
    }

    /// The atom of any value.
    pub fn atom(&mut self, value: &Value) -> Atom {
        self.done.atoms.atom(value)
    }

    /// Adds a step that is not a read of a list.
    pub fn micro(&mut self, action: Action, key: Atom, value: Atom) {
        let key = self.key(key);
        self.done.micros.push(Micro { action, key, value });
    }

    /// Adds a read of a list.
    pub fn read_list(&mut self, key: Atom, elements: impl ExactSizeIterator<Item = Atom>) {
        let key = self.key(key);
        let at = self.done.lists.len() as u32;
        self.done.lists.push(elements.len() as u32);
        self.done.lists.extend(elements.map(|atom| atom.0));
        self.done.micros.push(Micro { action: Action::ReadList, key, value: Atom(at) });
    }

    /// The number of a key.
    pub(in crate::txn) fn key(&mut self, key: Atom) -> u32 {
        let next = self.done.keys.len() as u32;
        let number = match key.as_small().filter(|small| *small < DIRECT) {
            Some(small) => {
                let small = small as usize;
                if small >= self.direct.len() {
                    self.direct.resize((small + 1).next_power_of_two(), NEVER);
                }
                let place = &mut self.direct[small];
                if *place == NEVER {
                    *place = next;
                }
                *place
            }
            None => *self.others.entry(key).or_insert(next),
        };
        if number == next {
            self.done.keys.push(key);
        }
        number
    }

    pub fn finish(self) -> Transactions {
        self.done
    }
}

/// What is said of a transaction when it begins; see [`Txn`].
#[derive(Clone, Copy, Debug)]
pub struct NewTxn {
    pub index: u64,
    pub called: u64,
    pub returned: u64,
    pub process: u32,
    pub begin: u32,
    pub end: u32,
    pub status: Status,
}
