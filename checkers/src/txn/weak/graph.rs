//! What must come before what: session order, reads, and inferred edges; an order of all, or
//! short cycles.

use super::super::key_value::{INITIAL, KeyValue};
use super::super::transactions::NEVER;
use super::Stopped;
use super::inferred::Inferred;
use crate::Budget;

/// The edges into each transaction. Session order and reads are those of the [`KeyValue`], and
/// take no memory here.
pub(super) struct Graph<'g> {
    pub(super) kv: &'g KeyValue,
    /// If reads of some transactions count only, which.
    pub(super) readers: Option<&'g dyn Fn(u32) -> bool>,
    starts: Vec<u32>,
    /// Per inferred edge its number.
    into: Vec<u32>,
    edges: &'g [Inferred],
}

/// Why one transaction is before another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    Session,
    /// The number of the read.
    Read(u32),
    Inferred(Inferred),
}

/// Transactions that cannot be ordered: nodes of cycles, by component.
pub(super) struct Cyclic;

const NEW: u8 = 0;
const OPEN: u8 = 1;
const DONE: u8 = 2;

impl<'g> Graph<'g> {
    /// Inferred edges into [`INITIAL`] are left out.
    pub(super) fn new(kv: &'g KeyValue, edges: &'g [Inferred]) -> Self {
        let mut starts = Vec::new();
        let mut into = Vec::new();
        if !edges.is_empty() {
            let after = |edge: &Inferred| kv.all_reads()[edge.read as usize].from;
            starts = vec![0u32; kv.len() + 2];
            for after in edges.iter().map(after).filter(|after| *after != INITIAL) {
                starts[after as usize + 2] += 1;
            }
            for at in 2..starts.len() {
                starts[at] += starts[at - 1];
            }
            into = vec![0; starts[kv.len() + 1] as usize];
            for (number, edge) in (0..).zip(edges) {
                let after = after(edge);
                if after != INITIAL {
                    let free = &mut starts[after as usize + 1];
                    into[*free as usize] = number;
                    *free += 1;
                }
            }
        }
        Self { kv, readers: None, starts, into, edges }
    }

    /// How many edges may lead into a transaction.
    fn degree(&self, txn: u32) -> u32 {
        1 + self.kv.read_range(txn).len() as u32 + self.inferred(txn).len() as u32
    }

    fn inferred(&self, txn: u32) -> &[u32] {
        if self.starts.is_empty() {
            return &[];
        }
        let at = txn as usize;
        &self.into[self.starts[at] as usize..self.starts[at + 1] as usize]
    }

    /// The edge of a number below the degree: where it comes from, and its reason.
    pub(super) fn edge(&self, txn: u32, number: u32) -> Option<(u32, Reason)> {
        let reads = self.kv.read_range(txn);
        let (from, reason) = match number.checked_sub(1) {
            None => (self.kv.before[txn as usize], Reason::Session),
            Some(number) if (number as usize) < reads.len() => {
                if self.readers.is_some_and(|counts| !counts(txn)) {
                    return None;
                }
                let read = reads.start + number as usize;
                (self.kv.all_reads()[read].from, Reason::Read(read as u32))
            }
            Some(number) => {
                let at = number - reads.len() as u32;
                let edge = self.edges[self.inferred(txn)[at as usize] as usize];
                (edge.before, Reason::Inferred(edge))
            }
        };
        (from != NEVER).then_some((from, reason))
    }

    /// The edges into a transaction.
    pub(super) fn edges(&self, txn: u32) -> impl Iterator<Item = (u32, Reason)> {
        (0..self.degree(txn)).filter_map(move |number| self.edge(txn, number))
    }

    /// Puts all transactions in an order that every edge follows: each in turn of `wish`, after
    /// those that must come before it. Linear.
    pub(super) fn order(
        &self,
        wish: impl Iterator<Item = u32>,
        budget: &Budget,
    ) -> Result<Result<Vec<u32>, Cyclic>, Stopped> {
        let mut states = vec![NEW; self.kv.len()];
        let mut order = Vec::with_capacity(self.kv.len());
        let mut stack: Vec<(u32, u32)> = Vec::new();
        for (turn, root) in wish.enumerate() {
            if turn % 4096 == 0 && budget.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            if states[root as usize] != NEW {
                continue;
            }
            stack.push((root, 0));
            while let Some((txn, number)) = stack.last_mut() {
                let txn = *txn;
                states[txn as usize] = OPEN;
                let degree = self.degree(txn);
                let mut next = None;
                while *number < degree && next.is_none() {
                    let edge = self.edge(txn, *number);
                    *number += 1;
                    next = edge.map(|(from, _)| from).filter(|f| states[*f as usize] != DONE);
                }
                match next {
                    Some(from) if states[from as usize] == OPEN => return Ok(Err(Cyclic)),
                    Some(from) => stack.push((from, 0)),
                    None => {
                        states[txn as usize] = DONE;
                        order.push(txn);
                        stack.pop();
                    }
                }
            }
        }
        Ok(Ok(order))
    }

    /// The strongly connected components of more than one transaction, the smallest first
    /// (Tarjan 1972, with a stack of our own).
    pub(super) fn components(&self, budget: &Budget) -> Result<Vec<Vec<u32>>, Stopped> {
        let count = self.kv.len();
        let mut index = vec![NEVER; count];
        let mut low = vec![NEVER; count];
        let mut waiting: Vec<u32> = Vec::new();
        let mut stack: Vec<(u32, u32)> = Vec::new();
        let mut components = Vec::new();
        let mut next_index = 0;
        for root in 0..count as u32 {
            if root % 4096 == 0 && budget.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            if index[root as usize] != NEVER {
                continue;
            }
            stack.push((root, 0));
            while let Some((txn, number)) = stack.last_mut() {
                let at = *txn as usize;
                if *number == 0 && index[at] == NEVER {
                    index[at] = next_index;
                    low[at] = next_index;
                    next_index += 1;
                    waiting.push(*txn);
                }
                if *number < self.degree(*txn) {
                    let edge = self.edge(*txn, *number);
                    *number += 1;
                    let Some((from, _)) = edge else { continue };
                    if index[from as usize] == NEVER {
                        stack.push((from, 0));
                    } else {
                        // Those of finished components have no low point any more.
                        low[at] = low[at].min(low[from as usize]);
                    }
                    continue;
                }
                stack.pop();
                if let Some((parent, _)) = stack.last() {
                    let parent = *parent as usize;
                    low[parent] = low[parent].min(low[at]);
                }
                if low[at] == index[at] {
                    finish(at as u32, &mut waiting, &mut low, &mut components);
                }
            }
        }
        components.sort_by_key(|component: &Vec<u32>| (component.len(), component[0]));
        Ok(components)
    }
}

/// Takes a component off the stack.
fn finish(root: u32, waiting: &mut Vec<u32>, low: &mut [u32], components: &mut Vec<Vec<u32>>) {
    let mut component = Vec::new();
    while let Some(txn) = waiting.pop() {
        low[txn as usize] = NEVER;
        component.push(txn);
        if txn == root {
            break;
        }
    }
    if component.len() > 1 {
        component.sort_unstable();
        components.push(component);
    }
}
