//! Steps by key: which version of each register a transaction read and which it left.

use rustc_hash::FxHashMap;

use crate::txn::transactions::{Action, Atom, Status, Transactions, Writes};

/// The version that every key has before any write: null.
pub(in crate::txn) const INITIAL: u32 = 0;

/// No version.
pub(in crate::txn) const NONE: u32 = u32::MAX;

const WRITE: u32 = 1 << 31;

/// What every transaction that happened did to each key.
///
/// The versions of a key are numbered: [`INITIAL`], then its writes in the order of [`Writes`],
/// then values that nobody wrote in the order in which they were read. Linear to make; eight
/// bytes a step.
#[derive(Debug)]
pub(in crate::txn) struct Steps {
    /// Per key where its steps begin; one more at the end.
    starts: Vec<u32>,
    txns: Vec<u32>,
    /// Per step the version, and [`WRITE`].
    versions: Vec<u32>,
    /// Per transaction whether it happened: it committed, or one that did read from it.
    pub(in crate::txn) live: Vec<bool>,
    foreign: Foreign,
}

/// Values that were read but that nobody wrote.
#[derive(Debug, Default)]
struct Foreign {
    versions: FxHashMap<(u32, Atom), u32>,
    values: FxHashMap<(u32, u32), Atom>,
    counts: FxHashMap<u32, u32>,
}

impl Foreign {
    fn version(&mut self, writes: &Writes, key: u32, value: Atom) -> u32 {
        if let Some(version) = self.versions.get(&(key, value)) {
            return *version;
        }
        let count = self.counts.entry(key).or_default();
        let version = 1 + writes.of_key(key).len() as u32 + *count;
        *count += 1;
        self.versions.insert((key, value), version);
        self.values.insert((key, version), value);
        version
    }
}

/// What a transaction does to a key as others see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::txn) struct Access {
    pub(in crate::txn) txn: u32,
    /// The version that it read before it wrote the key itself; or [`NONE`].
    pub(in crate::txn) read: u32,
    /// The version that it wrote last; or [`NONE`].
    pub(in crate::txn) wrote: u32,
}

impl Steps {
    /// The error says why these are no registers.
    pub(in crate::txn) fn new(txns: &Transactions, writes: &Writes) -> Result<Self, String> {
        let keys = txns.key_count();
        let mut steps = Self {
            starts: vec![0; keys + 1],
            txns: Vec::new(),
            versions: Vec::new(),
            live: txns.all().iter().map(|txn| txn.status == Status::Committed).collect(),
            foreign: Foreign::default(),
        };
        for micro in txns.all_micros() {
            steps.starts[micro.key as usize + 1] += u32::from(counts(micro.action));
        }
        for key in 0..keys {
            steps.starts[key + 1] += steps.starts[key];
        }
        let count = steps.starts[keys] as usize;
        (steps.txns, steps.versions) = (vec![0; count], vec![0; count]);
        let mut free = steps.starts.clone();
        let mut written: Vec<u32> = (0..keys as u32).map(|key| writes.of_key(key).start).collect();
        for number in 0..txns.len() as u32 {
            for micro in txns.micros(number) {
                let version = match micro.action {
                    Action::ReadUnknown => continue,
                    Action::ReadList => return Err(no_list(txns, number, micro.key)),
                    Action::Write if micro.value == Atom::NIL => {
                        return Err(no_null(txns, number, micro.key));
                    }
                    Action::Write => {
                        let write = &mut written[micro.key as usize];
                        *write += 1;
                        WRITE | (*write - writes.of_key(micro.key).start)
                    }
                    Action::Read => steps.seen(txns, writes, micro.key, micro.value),
                };
                let at = &mut free[micro.key as usize];
                steps.txns[*at as usize] = number;
                steps.versions[*at as usize] = version;
                *at += 1;
            }
        }
        Ok(steps)
    }

    /// The version that a committed transaction saw; who wrote it happened.
    fn seen(&mut self, txns: &Transactions, writes: &Writes, key: u32, value: Atom) -> u32 {
        let Some(write) = writes.find(key, value) else {
            if value == Atom::NIL {
                return INITIAL;
            }
            return self.foreign.version(writes, key, value);
        };
        let writer = writes.writer(write);
        self.live[writer as usize] |= txns.txn(writer).status == Status::Unknown;
        1 + write - writes.of_key(key).start
    }

    pub(in crate::txn) fn keys(&self) -> u32 {
        self.starts.len() as u32 - 1
    }

    /// How many steps a key has.
    pub(in crate::txn) fn len(&self, key: u32) -> usize {
        (self.starts[key as usize + 1] - self.starts[key as usize]) as usize
    }

    /// How many versions a key has, the initial one included.
    pub(in crate::txn) fn versions(&self, writes: &Writes, key: u32) -> u32 {
        let foreign = match self.foreign.counts.is_empty() {
            true => 0,
            false => self.foreign.counts.get(&key).copied().unwrap_or(0),
        };
        1 + writes.of_key(key).len() as u32 + foreign
    }

    /// The value of a version.
    pub(in crate::txn) fn value(&self, writes: &Writes, key: u32, version: u32) -> Atom {
        let of_key = writes.of_key(key);
        match version {
            INITIAL => Atom::NIL,
            _ if version <= of_key.len() as u32 => writes.value(of_key.start + version - 1),
            _ => self.foreign.values.get(&(key, version)).copied().unwrap_or(Atom::NIL),
        }
    }

    /// Puts together what each transaction that happened did to a key, in their order.
    pub(in crate::txn) fn accesses(&self, key: u32, accesses: &mut Vec<Access>) {
        accesses.clear();
        let range = self.starts[key as usize] as usize..self.starts[key as usize + 1] as usize;
        for (txn, step) in self.txns[range.clone()].iter().zip(&self.versions[range]) {
            if !self.live[*txn as usize] {
                continue;
            }
            let (read, wrote) = match step & WRITE {
                0 => (*step, NONE),
                _ => (NONE, step & !WRITE),
            };
            match accesses.last_mut().filter(|access| access.txn == *txn) {
                Some(access) if wrote != NONE => access.wrote = wrote,
                Some(_) => {}
                None => accesses.push(Access { txn: *txn, read, wrote }),
            }
        }
    }

    /// What one transaction did to a key.
    pub(in crate::txn) fn access(&self, key: u32, txn: u32) -> Option<Access> {
        let mut accesses = Vec::new();
        self.accesses(key, &mut accesses);
        let at = accesses.binary_search_by_key(&txn, |access| access.txn).ok()?;
        Some(accesses[at])
    }
}

/// Whether a step has a place among the steps of its key.
fn counts(action: Action) -> bool {
    matches!(action, Action::Write | Action::Read)
}

fn no_list(txns: &Transactions, number: u32, key: u32) -> String {
    let index = txns.txn(number).index;
    format!(
        "operation {index} read a list of key {}, where a single value should be; rw-register \
         judges registers",
        txns.key(key)
    )
}

fn no_null(txns: &Transactions, number: u32, key: u32) -> String {
    let index = txns.txn(number).index;
    format!(
        "operation {index} wrote null to key {}, which is what a register holds before any \
         write; to tell who wrote what, every value written to a key must be new",
        txns.key(key)
    )
}
