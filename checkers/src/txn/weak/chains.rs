//! Chains: session order as few lines of transactions, each after the one before.

use super::super::key_value::KeyValue;
use super::super::transactions::NEVER;

/// A cover of session order by chains. A session is one chain, but for transactions that
/// nothing follows because they never ended: each of those is a chain of its own.
pub(super) struct Chains {
    /// Per transaction its chain, and its place in it, from 0.
    pub(super) chain: Vec<u32>,
    pub(super) place: Vec<u32>,
    starts: Vec<u32>,
    members: Vec<u32>,
}

impl Chains {
    pub(super) fn new(kv: &KeyValue) -> Self {
        // Of several that follow the same one, the last goes on with its chain: the others never
        // ended, and nothing follows them.
        let mut next = vec![NEVER; kv.len()];
        for (txn, before) in (0..).zip(&kv.before) {
            if *before != NEVER {
                next[*before as usize] = txn;
            }
        }
        let mut lengths: Vec<u32> = Vec::new();
        let [mut chain, mut place] = [0, 1].map(|_| Vec::<u32>::with_capacity(kv.len()));
        for (txn, before) in (0..).zip(&kv.before) {
            if *before != NEVER && next[*before as usize] == txn {
                let own = chain[*before as usize];
                chain.push(own);
                place.push(lengths[own as usize]);
                lengths[own as usize] += 1;
            } else {
                chain.push(lengths.len() as u32);
                place.push(0);
                lengths.push(1);
            }
        }
        let mut starts = vec![0; lengths.len() + 1];
        for (at, length) in lengths.iter().enumerate() {
            starts[at + 1] = starts[at] + length;
        }
        let mut members = vec![0; kv.len()];
        for txn in 0..kv.len() {
            members[(starts[chain[txn] as usize] + place[txn]) as usize] = txn as u32;
        }
        Self { chain, place, starts, members }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many transactions the longest has.
    pub(super) fn longest(&self) -> u32 {
        self.place.iter().max().map_or(0, |place| place + 1)
    }

    /// The transactions of a chain, in order.
    pub(super) fn members(&self, chain: u32) -> &[u32] {
        let at = chain as usize;
        &self.members[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// All transactions, those at the first place of their chain first.
    pub(super) fn abreast(&self) -> Vec<u32> {
        let longest = self.longest() as usize;
        let mut starts = vec![0u32; longest + 1];
        for place in &self.place {
            starts[*place as usize + 1] += 1;
        }
        for at in 0..longest {
            starts[at + 1] += starts[at];
        }
        let mut all = vec![0; self.place.len()];
        for (txn, place) in (0..).zip(&self.place) {
            let free = &mut starts[*place as usize];
            all[*free as usize] = txn;
            *free += 1;
        }
        all
    }
}
