//! Key-value histories: who read whose write, without any order of versions.

use super::transactions::{Action, Atom, NEVER, Status, Transactions, Writes};

/// The transaction that put the initial null everywhere.
pub const INITIAL: u32 = NEVER;

/// A read of a version that another transaction wrote last, or of the initial one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Read {
    pub key: u32,
    /// The number in the same [`KeyValue`] of the transaction that wrote it, or [`INITIAL`].
    pub from: u32,
}

/// The transactions that happened: those that committed, and those of unknown outcome that a
/// committed one read from. All others can be taken as never having happened, as nobody read
/// from them.
///
/// Reads that no version order can mend (of values that nobody wrote, that were aborted or
/// intermediate, or that contradict what the transaction did itself) are left out; they are
/// flaws by themselves.
#[derive(Clone, Debug, Default)]
pub struct KeyValue {
    /// Per transaction its number in [`Transactions`]; ascending.
    pub numbers: Vec<u32>,
    /// Per transaction the number of its session, from 0. Numbers within a session ascend.
    pub sessions: Vec<u32>,
    pub session_count: u32,
    pub key_count: u32,
    read_starts: Vec<u32>,
    reads: Vec<Read>,
    write_starts: Vec<u32>,
    writes: Vec<u32>,
}

impl KeyValue {
    pub fn len(&self) -> usize {
        self.numbers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// What a transaction read from others, in its order; a key may come several times.
    pub fn reads(&self, txn: u32) -> &[Read] {
        let at = txn as usize;
        &self.reads[self.read_starts[at] as usize..self.read_starts[at + 1] as usize]
    }

    /// The keys that a transaction wrote, each once, in the order of their last writes.
    pub fn writes(&self, txn: u32) -> &[u32] {
        let at = txn as usize;
        &self.writes[self.write_starts[at] as usize..self.write_starts[at + 1] as usize]
    }

    /// Takes registers apart. Linear.
    pub fn of_registers(txns: &Transactions, writes: &Writes) -> Self {
        let happened = happened(txns, writes);
        let mut here = vec![NEVER; txns.len()];
        let mut all = Self { key_count: txns.key_count() as u32, ..Self::default() };
        for (number, _) in happened.iter().enumerate().filter(|(_, happened)| **happened) {
            here[number] = all.numbers.len() as u32;
            all.numbers.push(number as u32);
        }
        all.number_sessions(txns);
        let reader = Reader { txns, writes, here: &here };
        let mut own: Vec<(u32, Atom)> = Vec::new();
        for at in 0..all.numbers.len() {
            all.read_starts.push(all.reads.len() as u32);
            all.write_starts.push(all.writes.len() as u32);
            reader.transaction(all.numbers[at], &mut own, &mut all.reads);
            let first = all.writes.len();
            for (key, _) in &own {
                debug_assert!(!all.writes[first..].contains(key));
                all.writes.push(*key);
            }
        }
        all.read_starts.push(all.reads.len() as u32);
        all.write_starts.push(all.writes.len() as u32);
        all
    }

    fn number_sessions(&mut self, txns: &Transactions) {
        let mut known = rustc_hash::FxHashMap::default();
        for number in &self.numbers {
            let next = known.len() as u32;
            self.sessions.push(*known.entry(txns.txn(*number).process).or_insert(next));
        }
        self.session_count = known.len() as u32;
    }
}

/// Whether each transaction happened.
fn happened(txns: &Transactions, writes: &Writes) -> Vec<bool> {
    let mut happened: Vec<bool> =
        txns.all().iter().map(|txn| txn.status == Status::Committed).collect();
    for micro in txns.all_micros().iter().filter(|micro| micro.action == Action::Read) {
        if let Some(write) = writes.find(micro.key, micro.value) {
            let writer = writes.writer(write);
            happened[writer as usize] |= txns.txn(writer).status == Status::Unknown;
        }
    }
    happened
}

struct Reader<'r> {
    txns: &'r Transactions,
    writes: &'r Writes,
    /// Per transaction its number here, [`NEVER`] if it did not happen.
    here: &'r [u32],
}

impl Reader<'_> {
    /// Collects reads from others, and in `own` what is written last.
    fn transaction(&self, number: u32, own: &mut Vec<(u32, Atom)>, reads: &mut Vec<Read>) {
        own.clear();
        for micro in self.txns.micros(number) {
            match micro.action {
                Action::Write => {
                    own.retain(|(key, _)| *key != micro.key);
                    own.push((micro.key, micro.value));
                }
                Action::Read if own.iter().all(|(key, _)| *key != micro.key) => {
                    if let Some(from) = self.source(number, micro.key, micro.value) {
                        reads.push(Read { key: micro.key, from });
                    }
                }
                Action::Read | Action::ReadList | Action::ReadUnknown => {}
            }
        }
    }

    /// Who wrote what was read, if that can be true.
    fn source(&self, reader: u32, key: u32, value: Atom) -> Option<u32> {
        let Some(write) = self.writes.find(key, value) else {
            return (value == Atom::NIL).then_some(INITIAL);
        };
        let writer = self.writes.writer(write);
        let sound = writer != reader && !self.writes.is_intermediate(write);
        Some(self.here[writer as usize]).filter(|here| sound && *here != NEVER)
    }
}
