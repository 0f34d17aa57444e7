//! Who wrote what: every write of a history by number, found by key and value.

use rustc_hash::FxHashMap;

use super::{Action, Atom, NEVER, Transactions};

/// Every write, numbered key by key, and within a key in the order of transactions.
///
/// Every value is written once per key at the most, so a value tells its write.
#[derive(Debug, Default)]
pub struct Writes {
    /// Per key where its writes begin; one more at the end.
    starts: Vec<u32>,
    /// Per write the transaction, and the value.
    writers: Vec<u32>,
    values: Vec<Atom>,
    /// Per write whether its transaction writes the key again later.
    intermediate: Vec<bool>,
    /// Per key where its table of small values begins; [`NEVER`] if it is in the map.
    tables: Vec<u32>,
    table_sizes: Vec<u32>,
    table: Vec<u32>,
    map: FxHashMap<(u32, Atom), u32>,
}

/// Two writes of the same value to the same key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duplicate {
    pub key: u32,
    pub value: Atom,
    /// The transactions, which may be one.
    pub writers: [u32; 2],
}

impl Writes {
    /// Linear. The error is the first value, by key, that was written twice.
    pub fn new(txns: &Transactions) -> Result<Self, Duplicate> {
        let mut all = Self::sorted(txns);
        for key in 0..txns.key_count() as u32 {
            all.index(key)?;
        }
        Ok(all)
    }

    fn sorted(txns: &Transactions) -> Self {
        let keys = txns.key_count();
        let mut starts = vec![0u32; keys + 1];
        for micro in txns.all_micros().iter().filter(|micro| micro.action == Action::Write) {
            starts[micro.key as usize + 1] += 1;
        }
        for key in 0..keys {
            starts[key + 1] += starts[key];
        }
        let count = starts[keys] as usize;
        let mut all = Self {
            writers: vec![0; count],
            values: vec![Atom::NIL; count],
            intermediate: vec![false; count],
            tables: vec![NEVER; keys],
            table_sizes: vec![0; keys],
            ..Self::default()
        };
        let mut free = starts.clone();
        for number in 0..txns.len() as u32 {
            for micro in txns.micros(number).iter().filter(|m| m.action == Action::Write) {
                let at = free[micro.key as usize] as usize;
                free[micro.key as usize] += 1;
                all.writers[at] = number;
                all.values[at] = micro.value;
                if at > starts[micro.key as usize] as usize && all.writers[at - 1] == number {
                    all.intermediate[at - 1] = true;
                }
            }
        }
        all.starts = starts;
        all
    }

    /// Makes the writes of a key findable.
    fn index(&mut self, key: u32) -> Result<(), Duplicate> {
        let range = self.of_key(key);
        let values = &self.values[range.start as usize..range.end as usize];
        let most = values.iter().map(|value| value.0).max().unwrap_or(0);
        let small = (most as usize) < 4 * values.len() + 16;
        if small {
            let at = self.table.len();
            self.tables[key as usize] = at as u32;
            self.table_sizes[key as usize] = most + 1;
            self.table.resize(at + most as usize + 1, NEVER);
        }
        for number in range {
            let value = self.values[number as usize];
            let earlier = if small {
                let place = self.tables[key as usize] + value.0;
                std::mem::replace(&mut self.table[place as usize], number)
            } else {
                self.map.insert((key, value), number).unwrap_or(NEVER)
            };
            if earlier != NEVER {
                let writers = [earlier, number].map(|write| self.writer(write));
                return Err(Duplicate { key, value, writers });
            }
        }
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.writers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.writers.is_empty()
    }

    /// The writes of a key.
    pub fn of_key(&self, key: u32) -> std::ops::Range<u32> {
        self.starts[key as usize]..self.starts[key as usize + 1]
    }

    /// The write of a value to a key, if anybody tried it.
    pub fn find(&self, key: u32, value: Atom) -> Option<u32> {
        let table = self.tables[key as usize];
        if table == NEVER {
            return self.map.get(&(key, value)).copied();
        }
        if value.0 >= self.table_sizes[key as usize] {
            return None;
        }
        Some(self.table[(table + value.0) as usize]).filter(|number| *number != NEVER)
    }

    /// The transaction of a write.
    pub fn writer(&self, write: u32) -> u32 {
        self.writers[write as usize]
    }

    pub fn value(&self, write: u32) -> Atom {
        self.values[write as usize]
    }

    /// Whether the transaction writes the key again later.
    pub fn is_intermediate(&self, write: u32) -> bool {
        self.intermediate[write as usize]
    }
}

impl Duplicate {
    /// Says that the history cannot be judged.
    pub fn explain(&self, txns: &Transactions) -> String {
        let [first, second] = self.writers.map(|writer| txns.txn(writer).index);
        format!(
            "operations {first} and {second} both write {} to key {}; to tell who wrote what, \
             every value written to a key must be new",
            txns.value(self.value),
            txns.key(self.key)
        )
    }
}
