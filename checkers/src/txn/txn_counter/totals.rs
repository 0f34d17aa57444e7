//! Totals: what was added to each key, and what reads saw of others' increments.

use rustc_hash::FxHashMap;

use crate::txn::transactions::{Action, Atom, Status, Transactions};

/// What a transaction added to a key in all.
#[derive(Clone, Copy, Debug)]
pub(super) struct Added {
    pub(super) txn: u32,
    pub(super) amount: i128,
}

/// A read of a key by a committed transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) txn: u32,
    /// What it read.
    pub(super) total: i128,
    /// What its transaction had added before.
    pub(super) own: i128,
    /// Whether it is the first of its transaction.
    pub(super) first: bool,
}

impl Read {
    /// What it saw of others' increments.
    pub(super) fn base(&self) -> i128 {
        self.total - self.own
    }
}

/// One key.
#[derive(Debug, Default)]
pub(super) struct Key {
    /// In the order of transactions, each once.
    pub(super) added: Vec<Added>,
    /// In the order of transactions, and of their steps.
    pub(super) reads: Vec<Read>,
    /// What all but aborted transactions added.
    pub(super) most: i128,
    /// What aborted ones would have added.
    pub(super) aborted: i128,
}

impl Key {
    /// What a transaction added.
    pub(super) fn own(&self, txn: u32) -> i128 {
        let at = self.added.binary_search_by_key(&txn, |added| added.txn);
        at.map_or(0, |at| self.added[at].amount)
    }

    /// What all others can have added.
    pub(super) fn others(&self, txn: u32) -> i128 {
        self.most - self.own(txn)
    }

    /// The first read of a transaction, if it can be true.
    pub(super) fn sound(&self, read: &Read) -> bool {
        read.first && (0..=self.others(read.txn)).contains(&read.base())
    }
}

/// All keys.
pub(super) struct Totals<'t> {
    pub(super) txns: &'t Transactions,
    pub(super) keys: Vec<Key>,
}

impl<'t> Totals<'t> {
    /// Linear. The error says which step is none of a counter.
    pub(super) fn new(txns: &'t Transactions) -> Result<Self, String> {
        let mut keys: Vec<Key> = (0..txns.key_count()).map(|_| Key::default()).collect();
        for (number, txn) in (0u32..).zip(txns.all()) {
            for micro in txns.micros(number) {
                let key = &mut keys[micro.key as usize];
                let wrong = || {
                    format!(
                        "operation {} has {} in key {}, where counters have whole numbers, and \
                         increments are more than 0",
                        txn.index,
                        if micro.action == Action::ReadList {
                            txns.values(txns.list(micro))
                        } else {
                            txns.value(micro.value)
                        },
                        txns.key(micro.key)
                    )
                };
                match micro.action {
                    Action::ReadUnknown => {}
                    Action::ReadList => return Err(wrong()),
                    Action::Write => {
                        let amount = number_of(txns, micro.value).filter(|amount| *amount > 0);
                        let amount = amount.ok_or_else(wrong)?;
                        key.add(number, amount);
                        if txn.status == Status::Aborted {
                            key.aborted = key.aborted.saturating_add(amount);
                        } else {
                            key.most = key.most.saturating_add(amount);
                        }
                    }
                    Action::Read if micro.value == Atom::NIL => key.read(number, 0),
                    Action::Read => {
                        let total = number_of(txns, micro.value).ok_or_else(wrong)?;
                        key.read(number, total);
                    }
                }
            }
        }
        Ok(Self { txns, keys })
    }

    /// Whether each transaction happened as far as it is known: those that committed, and of
    /// those of unknown outcome the ones whose increment some total cannot do without.
    pub(super) fn live(&self) -> Vec<bool> {
        let mut live: Vec<bool> =
            self.txns.all().iter().map(|txn| txn.status == Status::Committed).collect();
        for key in &self.keys {
            let all = |read: &Read| key.sound(read) && read.base() == key.others(read.txn);
            let Some(first) = key.reads.iter().find(|read| all(read)) else { continue };
            let happened = key.added.iter().filter(|added| {
                added.txn != first.txn && self.txns.txn(added.txn).status == Status::Unknown
            });
            happened.for_each(|added| live[added.txn as usize] = true);
        }
        live
    }

    /// What a transaction first saw of others' increments to a key.
    pub(super) fn base(&self, key: u32, txn: u32) -> Option<i128> {
        let reads = &self.keys[key as usize].reads;
        let first = reads.partition_point(|read| read.txn < txn);
        reads.get(first).filter(|read| read.txn == txn).map(Read::base)
    }
}

impl Key {
    fn add(&mut self, txn: u32, amount: i128) {
        match self.added.last_mut().filter(|added| added.txn == txn) {
            Some(added) => added.amount = added.amount.saturating_add(amount),
            None => self.added.push(Added { txn, amount }),
        }
    }

    fn read(&mut self, txn: u32, total: i128) {
        let own = self.added.last().filter(|added| added.txn == txn);
        let own = own.map_or(0, |added| added.amount);
        let first = self.reads.last().is_none_or(|read| read.txn != txn);
        self.reads.push(Read { txn, total, own, first });
    }
}

fn number_of(txns: &Transactions, atom: Atom) -> Option<i128> {
    if let Some(small) = atom.as_small() {
        return Some(small.into());
    }
    let value = txns.value(atom);
    value.as_i64().map(i128::from).or_else(|| value.as_u64().map(i128::from))
}

/// Amounts by a moment, summed up.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// Moments, ascending, and what comes up to each.
    sums: Vec<(u32, i128)>,
}

impl Sums {
    pub(super) fn new(moments: impl Iterator<Item = (u32, i128)>) -> Self {
        let mut by_moment: FxHashMap<u32, i128> = FxHashMap::default();
        for (moment, amount) in moments {
            let sum = by_moment.entry(moment).or_default();
            *sum = sum.saturating_add(amount);
        }
        let mut sums: Vec<(u32, i128)> = by_moment.into_iter().collect();
        sums.sort_unstable();
        let mut total = 0i128;
        for (_, sum) in &mut sums {
            total = total.saturating_add(*sum);
            *sum = total;
        }
        Self { sums }
    }

    /// The sum of what is before a moment.
    pub(super) fn before(&self, moment: u32) -> i128 {
        let count = self.sums.partition_point(|(other, _)| *other < moment);
        count.checked_sub(1).map_or(0, |last| self.sums[last].1)
    }
}
