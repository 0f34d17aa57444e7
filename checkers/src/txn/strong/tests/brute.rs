//! The definitions of the levels, by trying every order of begins and commits.

use crate::txn::key_value::{INITIAL, KeyValue};
use crate::txn::strong::{Isolation, Level, Order};
use crate::txn::transactions::{NEVER, Transactions};

/// A state of the imagined store, and how far each transaction is.
struct Store<'s> {
    txns: &'s Transactions,
    simple: &'s KeyValue,
    known: &'s [(u32, u32, u32)],
    level: Level,
    current: Vec<u32>,
    /// Per key the moment of the last commit to it.
    changed: Vec<u32>,
    begun: Vec<Option<u32>>,
    committed: Vec<bool>,
    now: u32,
}

/// Whether a level holds.
pub(super) fn holds(
    txns: &Transactions,
    simple: &KeyValue,
    known: &[(u32, u32, u32)],
    level: Level,
) -> bool {
    let count = simple.len();
    let mut store = Store {
        txns,
        simple,
        known,
        level,
        current: vec![INITIAL; simple.key_count as usize],
        changed: vec![0; simple.key_count as usize],
        begun: vec![None; count],
        committed: vec![false; count],
        now: 1,
    };
    store.go_on()
}

impl Store<'_> {
    fn go_on(&mut self) -> bool {
        if self.committed.iter().all(|committed| *committed) {
            return true;
        }
        let single = self.level.isolation == Isolation::Serializable;
        for txn in 0..self.simple.len() as u32 {
            let at = txn as usize;
            let possible = if self.begun[at].is_none() {
                self.may_begin(txn)
            } else {
                !self.committed[at] && self.may_commit(txn)
            };
            if !possible {
                continue;
            }
            let saved = (self.current.clone(), self.changed.clone(), self.now);
            self.now += 1;
            let begins = self.begun[at].is_none();
            if begins {
                self.begun[at] = Some(self.now);
            }
            if !begins || single {
                if self.may_commit(txn) {
                    self.commit(txn);
                } else {
                    self.begun[at] = None;
                    (self.current, self.changed, self.now) = saved;
                    continue;
                }
            }
            if self.go_on() {
                return true;
            }
            self.committed[at] = false;
            if begins {
                self.begun[at] = None;
            }
            (self.current, self.changed, self.now) = saved;
        }
        false
    }

    /// What must have been over has committed, and all reads see what is current.
    fn may_begin(&self, txn: u32) -> bool {
        let before = (0..self.simple.len() as u32)
            .all(|other| self.committed[other as usize] || !self.must_precede(other, txn));
        let reads = self.simple.reads(txn);
        before && reads.iter().all(|read| self.current[read.key as usize] == read.from)
    }

    fn must_precede(&self, first: u32, second: u32) -> bool {
        let [a, b] = [first, second].map(|txn| self.simple.numbers[txn as usize]);
        let [one, other] = [a, b].map(|number| self.txns.txn(number));
        let over = one.end != NEVER && one.end < other.begin;
        match self.level.order {
            Order::None => false,
            Order::RealTime if self.txns.is_timed() => over,
            Order::Session | Order::RealTime => {
                one.process == other.process && a < b && (over || !self.txns.is_timed())
            }
        }
    }

    fn may_commit(&self, txn: u32) -> bool {
        let begun = self.begun[txn as usize].unwrap_or(0);
        let writes = self.simple.writes(txn);
        let unchanged = writes.iter().all(|key| self.changed[*key as usize] <= begun);
        let known = self
            .known
            .iter()
            .all(|(_, earlier, later)| *later != txn || self.committed[*earlier as usize]);
        known && (unchanged || self.level.isolation == Isolation::Prefix)
    }

    fn commit(&mut self, txn: u32) {
        self.committed[txn as usize] = true;
        for key in self.simple.writes(txn) {
            self.current[*key as usize] = txn;
            self.changed[*key as usize] = self.now;
        }
    }
}
