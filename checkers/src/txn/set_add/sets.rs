//! Sets as reads show them, by key, and the order in which elements appeared as far as reads
//! form a chain.

use std::ops::Range;

use rayon::prelude::*;

use crate::txn::transactions::{Action, Atom, Micro, NEVER, Status, Transactions, Writes};

/// A read of a set by a committed transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) txn: u32,
    /// The position in the transaction.
    pub(super) position: u32,
    pub(super) micro: Micro,
    /// Where in the key's `seen` its elements begin, and how many there are.
    first: u32,
    length: u32,
    /// Whether its elements are the beginning of the row.
    pub(super) chained: bool,
}

/// What is wrong with an element of a read by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is there twice.
    Duplicate,
    /// Nobody added it.
    Phantom,
}

/// The reads of one key.
#[derive(Debug, Default)]
pub(super) struct Key {
    /// In the order of transactions, and of their steps.
    pub(super) reads: Vec<Read>,
    /// Adds whose elements reads saw, each once a read.
    seen: Vec<u32>,
    /// Adds, sorted by the smallest read of a chain of reads that shows them; those that none
    /// shows are last.
    pub(super) row: Vec<u32>,
    /// Per add of the key its place in the row.
    pub(super) places: Vec<u32>,
    /// Elements of reads, by the number of the read, that tell nothing.
    pub(super) wrong: Vec<(u32, Atom, Wrong)>,
    /// Writers of unknown outcome whose elements were read, and by whom first.
    pub(super) happened: Vec<(u32, u32)>,
}

/// The sets of all keys.
pub(super) struct Sets<'t> {
    pub(super) txns: &'t Transactions,
    pub(super) writes: &'t Writes,
    pub(super) keys: Vec<Key>,
    /// Per transaction whether it happened.
    pub(super) live: Vec<bool>,
}

impl<'t> Sets<'t> {
    /// Linear in the total length of reads, but for a sort of them; parallel by key. The error
    /// says which read is none of a set.
    pub(super) fn new(txns: &'t Transactions, writes: &'t Writes) -> Result<Self, String> {
        let mut keys: Vec<Key> = (0..txns.key_count()).map(|_| Key::default()).collect();
        for number in 0..txns.len() as u32 {
            for (position, micro) in (0u32..).zip(txns.micros(number)) {
                if matches!(micro.action, Action::Read | Action::ReadList) {
                    check(txns, number, micro)?;
                    let read = Read {
                        txn: number,
                        position,
                        micro: *micro,
                        first: 0,
                        length: 0,
                        chained: false,
                    };
                    keys[micro.key as usize].reads.push(read);
                }
            }
        }
        keys.par_iter_mut().enumerate().with_min_len(64).for_each(|(number, key)| {
            key.load(txns, writes, number as u32);
            key.arrange(writes.of_key(number as u32));
        });
        let mut live: Vec<bool> =
            txns.all().iter().map(|txn| txn.status == Status::Committed).collect();
        for (writer, _) in keys.iter().flat_map(|key| &key.happened) {
            live[*writer as usize] = true;
        }
        Ok(Self { txns, writes, keys, live })
    }

    pub(super) fn read_count(&self) -> usize {
        self.keys.iter().map(|key| key.reads.len()).sum()
    }

    /// The writer of an element, if it happened.
    pub(super) fn live_writer(&self, write: u32) -> Option<u32> {
        Some(self.writes.writer(write)).filter(|writer| self.live[*writer as usize])
    }

    /// A transaction's adds to a key, which are numbered in its order.
    pub(super) fn own(&self, key: u32, txn: u32) -> Range<u32> {
        let Range { start, end } = self.writes.of_key(key);
        let place = |below: &dyn Fn(u32) -> bool| {
            let (mut low, mut high) = (start, end);
            while low < high {
                let middle = low + (high - low) / 2;
                if below(self.writes.writer(middle)) { low = middle + 1 } else { high = middle }
            }
            low
        };
        place(&|writer| writer < txn)..place(&|writer| writer <= txn)
    }
}

impl Key {
    /// The adds whose elements a read saw.
    pub(super) fn seen(&self, read: &Read) -> &[u32] {
        &self.seen[read.first as usize..(read.first + read.length) as usize]
    }

    fn load(&mut self, txns: &Transactions, writes: &Writes, key: u32) {
        let Range { start, end } = writes.of_key(key);
        let mut last_seen_by = vec![NEVER; (end - start) as usize];
        for (number, read) in (0u32..).zip(&mut self.reads) {
            read.first = self.seen.len() as u32;
            let list =
                if read.micro.action == Action::ReadList { txns.list(&read.micro) } else { &[] };
            for atom in list {
                let Some(write) = writes.find(key, Atom(*atom)) else {
                    self.wrong.push((number, Atom(*atom), Wrong::Phantom));
                    continue;
                };
                let before = &mut last_seen_by[(write - start) as usize];
                if *before == number {
                    self.wrong.push((number, Atom(*atom), Wrong::Duplicate));
                    continue;
                }
                let writer = writes.writer(write);
                if *before == NEVER && txns.txn(writer).status == Status::Unknown {
                    self.happened.push((writer, read.txn));
                }
                *before = number;
                self.seen.push(write);
            }
            read.length = self.seen.len() as u32 - read.first;
        }
    }

    /// Takes the largest read, the largest that is part of that, and so on.
    fn arrange(&mut self, adds: Range<u32>) {
        let mut order: Vec<u32> = (0..self.reads.len() as u32).collect();
        order.sort_by_key(|number| std::cmp::Reverse(self.reads[*number as usize].length));
        // Per add how many reads of the chain show it; the last shows those with most.
        let mut levels = vec![0u32; adds.len()];
        let mut depth = 0;
        for number in order {
            let read = self.reads[number as usize];
            let level = |add: &u32| (add - adds.start) as usize;
            if self.seen(&read).iter().all(|add| levels[level(add)] == depth) {
                depth += 1;
                for add in self.seen(&read) {
                    levels[level(add)] = depth;
                }
                self.reads[number as usize].chained = true;
            }
        }
        self.row.extend(adds.clone());
        self.row.sort_by_key(|add| std::cmp::Reverse(levels[(add - adds.start) as usize]));
        self.places.resize(adds.len(), 0);
        for (place, add) in (0u32..).zip(&self.row) {
            self.places[(add - adds.start) as usize] = place;
        }
    }
}

fn check(txns: &Transactions, number: u32, micro: &Micro) -> Result<(), String> {
    if micro.action == Action::ReadList || micro.value == Atom::NIL {
        return Ok(());
    }
    Err(format!(
        "operation {} read {} of key {}, where the list of a set's elements should be",
        txns.txn(number).index,
        txns.value(micro.value),
        txns.key(micro.key)
    ))
}
