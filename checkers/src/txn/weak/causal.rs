//! Causal consistency: a transaction misses nothing of what was before anything that it saw.
//!
//! After Møldrup & Pavlogiannis, *AWDIT: an optimal weak database isolation tester* (PLDI 2025),
//! section 4.3, at their O(n k) for k sessions. What is ours: vector clocks are made a few
//! columns at a time, as no column depends on another, so that they take O(n) memory for any
//! number of sessions; and edges that the clocks imply are not made.

use rayon::prelude::*;

use super::super::key_value::{INITIAL, KeyValue};
use super::super::transactions::NEVER;
use super::Stopped;
use super::chains::Chains;
use super::inferred::Inferred;
use crate::Budget;

/// Chains whose clocks are made together: a row is a line of the processor's cache.
const COLUMNS: usize = 16;
/// Per chain of a block, how many of its first transactions are in the past.
type Row = [u32; COLUMNS];
/// Writers of a key in a block up to which all are looked at.
const FEW: usize = 24;
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
    let blocks = chains.len().div_ceil(COLUMNS);
    let found: Result<Vec<Vec<Inferred>>, Stopped> = (0..blocks)
        .into_par_iter()
        .map_init(
            || vec![Row::default(); kv.len()],
            |rows, block| {
                Block::new(kv, chains, (block * COLUMNS) as u32).infer(order, rows, budget)
            },
        )
        .collect();
    Ok(found?.concat())
}

/// A writer of a key.
#[derive(Clone, Copy, Default)]
struct Writer {
    column: u32,
    place: u32,
}

struct Block<'b> {
    kv: &'b KeyValue,
    chains: &'b Chains,
    /// The first chain.
    first: u32,
    /// Per key where its writers begin, ascending by column and place; one more at the end.
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
        let mut writers = vec![Writer::default(); count];
        for column in 0..columns {
            for (place, txn) in (0..).zip(members(column)) {
                for key in kv.writes(*txn) {
                    let free = &mut starts[*key as usize + 1];
                    writers[*free as usize] = Writer { column, place };
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
        if end - first <= FEW {
            for at in first..end {
                let Writer { column, place } = self.writers[at];
                let limit = row[column as usize];
                let last = self.writers[at + 1..end].first();
                let last = last.is_none_or(|next| next.column != column || next.place >= limit);
                if last && place < limit && place >= known[column as usize] {
                    self.add(column, place, number, read.from);
                }
            }
            return;
        }
        let mut from = first;
        for column in 0..COLUMNS as u32 {
            let [low, limit] = [known, *row].map(|row| row[column as usize]);
            if low >= limit {
                continue;
            }
            let rest = &self.writers[from..end];
            let past = rest.partition_point(|w| (w.column, w.place) < (column, limit));
            from += past;
            if let Some(last) = rest[..past].last().filter(|w| w.column == column && w.place >= low)
            {
                self.add(column, last.place, number, read.from);
            }
        }
    }

    fn add(&mut self, column: u32, place: u32, read: usize, after: u32) {
        let before = self.chains.members(self.first + column)[place as usize];
        let slot = (before.wrapping_mul(0x9E37_79B1) ^ after.wrapping_mul(0x85EB_CA77)) >> 18;
        let recent = &mut self.recent[slot as usize];
        if *recent != (before, after) || after == INITIAL {
            *recent = (before, after);
            self.edges.push(Inferred { before, read: read as u32 });
        }
    }
}
