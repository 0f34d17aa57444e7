//! Causal consistency: a transaction misses nothing of what was before anything that it saw.
//!
//! After Møldrup & Pavlogiannis, *AWDIT: an optimal weak database isolation tester* (PLDI 2025),
//! section 4.3, at their O(n k) for k sessions. What is ours: vector clocks are made a few
//! columns at a time, as no column depends on another, so that they take O(n) memory for any
//! number of sessions; and edges that the clocks imply are not made.

use super::super::key_value::{INITIAL, KeyValue};
use super::super::transactions::NEVER;
use super::chains::Chains;
use super::inferred::Inferred;
use super::{Stopped, in_parallel};
use crate::Budget;

/// Chains whose clocks are made together: a row is two lines of the processor's cache.
const COLUMNS: usize = 32;
/// Per chain of a block, how many of its first transactions are in the past.
type Row = [u32; COLUMNS];
/// Writers of a key in a block up to which all are looked at.
const FEW: usize = 64;
/// Edges that are remembered, so as not to make them again at once.
const RECENT: usize = 1 << 14;

/// All inferred edges that are needed; the others follow from these. `order` is one that
/// session order and reads follow.
pub(super) fn infer(
    kv: &KeyValue,
    chains: &Chains,
    order: &[u32],
    budget: &Budget,
) -> Result<Vec<Inferred>, Stopped> {
    if chains.longest() >= PLACES {
        return Err(Stopped::States);
    }
    let blocks = chains.len().div_ceil(COLUMNS);
    let of_block = |block: usize, rows: &mut Vec<Row>| {
        Block::new(kv, chains, (block * COLUMNS) as u32).infer(order, rows, budget)
    };
    Ok(in_parallel(kv, blocks, || vec![Row::default(); kv.len()], of_block)?.concat())
}

/// A writer of a key: its place in its chain, and above that the column.
type Writer = u32;
/// The first place that is too large for that.
const PLACES: u32 = 1 << 27;

fn column(writer: Writer) -> usize {
    (writer / PLACES) as usize
}

fn place(writer: Writer) -> u32 {
    writer % PLACES
}

struct Block<'b> {
    kv: &'b KeyValue,
    chains: &'b Chains,
    /// The first chain.
    first: u32,
    /// Per key where its writers begin, ascending; one more at the end.
    starts: Vec<u32>,
    writers: Vec<Writer>,
    recent: Vec<(u32, u32)>,
    edges: Vec<Inferred>,
}

impl<'b> Block<'b> {
    fn new(kv: &'b KeyValue, chains: &'b Chains, first: u32) -> Self {
        let columns = (chains.len() as u32 - first).min(COLUMNS as u32);
        let members = |column| chains.members(first + column).iter();
        let mut starts = vec![0u32; kv.key_count as usize + 2];
        for key in (0..columns).flat_map(members).flat_map(|txn| kv.writes(*txn)) {
            starts[*key as usize + 2] += 1;
        }
        for at in 2..starts.len() {
            starts[at] += starts[at - 1];
        }
        let count = starts.last().map_or(0, |count| *count as usize);
        let mut writers = vec![0; count];
        for column in 0..columns {
            for (place, txn) in (0..).zip(members(column)) {
                for key in kv.writes(*txn) {
                    let free = &mut starts[*key as usize + 1];
                    writers[*free as usize] = column * PLACES + place;
                    *free += 1;
                }
            }
        }
        let recent = vec![(NEVER, NEVER); RECENT];
        Self { kv, chains, first, starts, writers, recent, edges: Vec::new() }
    }

    fn infer(
        mut self,
        order: &[u32],
        rows: &mut [Row],
        budget: &Budget,
    ) -> Result<Vec<Inferred>, Stopped> {
        for (turn, txn) in order.iter().enumerate() {
            if turn % 4096 == 0 && budget.is_cancelled() {
                return Err(Stopped::Cancelled);
            }
            let mut row = Row::default();
            let before = self.kv.before[*txn as usize];
            if before != NEVER {
                self.join(&mut row, before, rows);
            }
            for read in self.kv.reads(*txn) {
                if read.from != INITIAL {
                    self.join(&mut row, read.from, rows);
                }
            }
            rows[*txn as usize] = row;
            if row != Row::default() {
                for number in self.kv.read_range(*txn) {
                    self.read(&row, number, rows);
                }
            }
        }
        Ok(self.edges)
    }

    /// The past of what follows a transaction: its own, and itself.
    fn through(&self, txn: u32, rows: &[Row]) -> Row {
        let mut row = rows[txn as usize];
        let column = self.chains.chain[txn as usize].wrapping_sub(self.first);
        if let Some(place) = row.get_mut(column as usize) {
            *place = self.chains.place[txn as usize] + 1;
        }
        row
    }

    fn join(&self, row: &mut Row, txn: u32, rows: &[Row]) {
        let through = self.through(txn, rows);
        for (place, other) in row.iter_mut().zip(through) {
            *place = (*place).max(other);
        }
    }

    /// Finds the last writers in the past of a read that are not in the past of its source.
    fn read(&mut self, row: &Row, number: usize, rows: &[Row]) {
        let read = self.kv.all_reads()[number];
        let [first, end] = [0, 1].map(|at| self.starts[read.key as usize + at] as usize);
        if first == end {
            return;
        }
        let known = match read.from {
            INITIAL => Row::default(),
            from => self.through(from, rows),
        };
        // Per column how many of its transactions are in the one past and not in the other.
        let mut news = *row;
        news.iter_mut().zip(known).for_each(|(limit, known)| *limit -= known);
        if end - first <= FEW {
            let writers = &self.writers[first..end];
            let is_new = |w: Writer| {
                let (column, place) = (column(w) % COLUMNS, place(w));
                place.wrapping_sub(known[column]) < news[column]
            };
            // Seldom is any; so all are looked at without a branch.
            if !writers.iter().fold(false, |any, w| any | is_new(*w)) {
                return;
            }
            for at in first..end {
                let writer = self.writers[at];
                let next = self.writers[at + 1..end].first();
                let last = !next.is_some_and(|n| column(*n) == column(writer) && is_new(*n));
                if last && is_new(writer) {
                    self.add(writer, number, read.from);
                }
            }
            return;
        }
        let mut from = first;
        for column in 0..COLUMNS {
            if news[column] == 0 {
                continue;
            }
            let start = column as u32 * PLACES;
            let [low, limit] = [known, *row].map(|row| start + row[column]);
            let rest = &self.writers[from..end];
            let past = rest.partition_point(|writer| *writer < limit);
            from += past;
            if let Some(last) = rest[..past].last().copied().filter(|writer| *writer >= low) {
                self.add(last, number, read.from);
            }
        }
    }

    fn add(&mut self, writer: Writer, read: usize, after: u32) {
        let chain = self.first + column(writer) as u32;
        let before = self.chains.members(chain)[place(writer) as usize];
        let slot = (before.wrapping_mul(0x9E37_79B1) ^ after.wrapping_mul(0x85EB_CA77)) >> 18;
        let recent = &mut self.recent[slot as usize];
        if *recent != (before, after) || after == INITIAL {
            *recent = (before, after);
            self.edges.push(Inferred { before, read: read as u32 });
        }
    }
}
