//! Key-value histories: who read whose write, without any order of versions.

mod reader;

use std::ops::Range;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

pub use self::reader::{Flaw, Reader};
use super::transactions::{Action, Atom, Micro, NEVER, Status, Transactions, Writes};

/// The transaction that put the initial null, or the initial empty list, everywhere.
pub const INITIAL: u32 = NEVER;

/// Transactions that are taken apart at a time.
const CHUNK: usize = 1 << 13;

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
/// flaws by themselves, and [`Self::flawed`] counts them.
#[derive(Clone, Debug, Default)]
pub struct KeyValue {
    /// Per transaction its number in [`Transactions`]; ascending.
    pub numbers: Vec<u32>,
    /// Per transaction the number of its session, from 0. Numbers within a session ascend.
    pub sessions: Vec<u32>,
    pub session_count: u32,
    pub key_count: u32,
    /// Per transaction the one just before it in session order, or [`NEVER`]. Nothing follows
    /// one that never ended, so several may have the same one before them.
    pub before: Vec<u32>,
    /// Whether transactions are in the order in which they began.
    pub timed: bool,
    /// How many reads were left out.
    pub flawed: u64,
    read_starts: Vec<u32>,
    reads: Vec<Read>,
    write_starts: Vec<u32>,
    writes: Vec<u32>,
}

/// What a chunk of transactions read and wrote.
#[derive(Default)]
struct Piece {
    reads: Vec<Read>,
    writes: Vec<u32>,
    /// Per transaction how many of each.
    counts: Vec<[u32; 2]>,
    flawed: u64,
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
        &self.reads[self.read_range(txn)]
    }

    /// The numbers of these reads among all reads.
    pub fn read_range(&self, txn: u32) -> Range<usize> {
        let at = txn as usize;
        self.read_starts[at] as usize..self.read_starts[at + 1] as usize
    }

    /// The reads of all transactions, one after the other.
    pub fn all_reads(&self) -> &[Read] {
        &self.reads
    }

    /// The transaction of a read.
    pub fn reader(&self, read: u32) -> u32 {
        self.read_starts.partition_point(|start| *start <= read) as u32 - 1
    }

    /// The keys that a transaction wrote, each once, ascending.
    pub fn writes(&self, txn: u32) -> &[u32] {
        let at = txn as usize;
        &self.writes[self.write_starts[at] as usize..self.write_starts[at + 1] as usize]
    }

    /// Whether a transaction wrote a key.
    pub fn wrote(&self, txn: u32, key: u32) -> bool {
        let writes = self.writes(txn);
        if writes.len() <= 16 { writes.contains(&key) } else { writes.binary_search(&key).is_ok() }
    }

    /// How many keys were written, summed over transactions.
    pub fn write_count(&self) -> usize {
        self.writes.len()
    }

    /// Takes registers apart. Linear; parallel.
    pub fn of_registers(txns: &Transactions, writes: &Writes) -> Self {
        Self::of(txns, writes, false)
    }

    /// Takes lists that are only appended to apart: a read is of the version that the writer of
    /// its last element left; elements of the reader itself are cut off. Linear; parallel.
    pub fn of_lists(txns: &Transactions, writes: &Writes) -> Self {
        Self::of(txns, writes, true)
    }

    fn of(txns: &Transactions, writes: &Writes, lists: bool) -> Self {
        let happened = happened(txns, writes);
        let mut here = vec![NEVER; txns.len()];
        let mut numbers: Vec<u32> = Vec::with_capacity(txns.len());
        for (number, _) in happened.iter().enumerate().filter(|(_, happened)| **happened) {
            here[number] = numbers.len() as u32;
            numbers.push(number as u32);
        }
        let mut all = Self {
            numbers,
            key_count: txns.key_count() as u32,
            timed: txns.is_timed(),
            ..Self::default()
        };
        all.number_sessions(txns);
        let reader = Reader { txns, writes, here: &here, lists };
        let chunks = all.numbers.chunks(CHUNK);
        let pieces: Vec<Piece> = if chunks.len() > 1 {
            all.numbers.par_chunks(CHUNK).map(|chunk| piece(&reader, chunk)).collect()
        } else {
            chunks.map(|chunk| piece(&reader, chunk)).collect()
        };
        all.put_together(pieces);
        all
    }

    fn put_together(&mut self, pieces: Vec<Piece>) {
        let count = |of: fn(&Piece) -> usize| pieces.iter().map(of).sum();
        self.reads.reserve_exact(count(|piece| piece.reads.len()));
        self.writes.reserve_exact(count(|piece| piece.writes.len()));
        let mut next = [0, 0];
        for piece in pieces {
            for counts in &piece.counts {
                self.read_starts.push(next[0]);
                self.write_starts.push(next[1]);
                next = [next[0] + counts[0], next[1] + counts[1]];
            }
            self.reads.extend_from_slice(&piece.reads);
            self.writes.extend_from_slice(&piece.writes);
            self.flawed += piece.flawed;
        }
        self.read_starts.push(next[0]);
        self.write_starts.push(next[1]);
    }

    fn number_sessions(&mut self, txns: &Transactions) {
        let mut known: FxHashMap<u32, u32> = FxHashMap::default();
        let mut last: Vec<u32> = Vec::new();
        for (at, number) in (0..).zip(&self.numbers) {
            let next = last.len() as u32;
            let session = *known.entry(txns.txn(*number).process).or_insert(next);
            if session == next {
                last.push(NEVER);
            }
            let mut before = std::mem::replace(&mut last[session as usize], at);
            let follows = |before: u32| {
                before == NEVER || txns.in_session_order(self.numbers[before as usize], *number)
            };
            while !follows(before) {
                before = self.before[before as usize];
            }
            self.sessions.push(session);
            self.before.push(before);
        }
        self.session_count = last.len() as u32;
    }
}

/// Whether each transaction happened.
fn happened(txns: &Transactions, writes: &Writes) -> Vec<bool> {
    let all = txns.all();
    let mut happened: Vec<bool> = all.iter().map(|txn| txn.status == Status::Committed).collect();
    if all.iter().all(|txn| txn.status != Status::Unknown) {
        return happened;
    }
    let unknown = |key, value| {
        let writer = writes.writer(writes.find(key, value)?);
        (txns.txn(writer).status == Status::Unknown).then_some(writer)
    };
    let read_of = |micros: &[Micro]| {
        let mut read = Vec::new();
        for micro in micros {
            match micro.action {
                Action::Read => read.extend(unknown(micro.key, micro.value)),
                Action::ReadList => {
                    let values = txns.list(micro).iter().map(|value| Atom(*value));
                    read.extend(values.filter_map(|value| unknown(micro.key, value)));
                }
                Action::Write | Action::ReadUnknown => {}
            }
        }
        read
    };
    let chunks = txns.all_micros().chunks(CHUNK);
    let read: Vec<Vec<u32>> = if chunks.len() > 1 {
        txns.all_micros().par_chunks(CHUNK).map(read_of).collect()
    } else {
        chunks.map(read_of).collect()
    };
    for writer in read.into_iter().flatten() {
        happened[writer as usize] = true;
    }
    happened
}

fn piece(reader: &Reader<'_>, numbers: &[u32]) -> Piece {
    let mut piece = Piece::default();
    for number in numbers {
        let [reads, writes] = [piece.reads.len(), piece.writes.len()];
        reader.sources(*number, |micro, source| match source {
            Ok(None) => {}
            Ok(Some(from)) => piece.reads.push(Read { key: micro.key, from }),
            Err(_) => piece.flawed += 1,
        });
        let micros = reader.txns.micros(*number).iter();
        piece.writes.extend(micros.filter(|m| m.action == Action::Write).map(|m| m.key));
        piece.writes[writes..].sort_unstable();
        let mut kept = writes;
        for at in writes..piece.writes.len() {
            if at == writes || piece.writes[at] != piece.writes[kept - 1] {
                piece.writes[kept] = piece.writes[at];
                kept += 1;
            }
        }
        piece.writes.truncate(kept);
        let counts = [piece.reads.len() - reads, kept - writes].map(|count| count as u32);
        piece.counts.push(counts);
    }
    piece
}

#[cfg(test)]
mod tests;
