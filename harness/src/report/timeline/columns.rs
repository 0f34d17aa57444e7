//! The columns of a timeline: operations as small numbers in blocks, compressed.
//!
//! A block is a run of operations in order of their calls, and needs no other block to be read.
//! Its columns follow each other, each behind its length in bytes as a little-endian number of 32
//! bits. In them stand numbers of seven bits a byte, the lowest first, as `timeline/data.js` reads
//! them. The texts are a block of their own, so that a page opens without them.

use super::words::{self, Dictionary};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use perjury_checkers::{History, Operation, Outcome};
use std::collections::HashMap;
use std::ops::Range;

/// Operations in a block: what a browser decodes in a few milliseconds.
pub(super) const BLOCK: usize = 1 << 16;
/// How hard to compress, of 10: harder takes twice as long for a hundredth less.
const LEVEL: u8 = 5;
/// Columns of a block.
const COLUMNS: usize = 10;

/// A block as it stands in the page.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) count: usize,
    /// What the first differences of its columns are added to.
    pub(super) first_index: u64,
    pub(super) first_ticks: u64,
    pub(super) columns: String,
}

/// Turns operations into blocks. All blocks share its dictionaries.
pub(super) struct Encoder<'a> {
    operations: &'a [Operation<'a>],
    history: &'a History,
    /// Nanoseconds that times are counted in.
    tick: u64,
    pub(super) keyed: bool,
    pub(super) functions: Dictionary,
    pub(super) nodes: Dictionary,
    pub(super) errors: Dictionary,
    pub(super) keys: Dictionary,
    /// How often an operation touches a key, in all blocks together.
    pub(super) key_uses: usize,
}

impl<'a> Encoder<'a> {
    /// `operations` are those of the history.
    pub(super) fn new(operations: &'a [Operation<'a>], history: &'a History, tick: u64) -> Self {
        Self {
            operations,
            history,
            tick: tick.max(1),
            keyed: words::keyed(operations),
            functions: Dictionary::of_names(),
            nodes: Dictionary::of_names(),
            errors: Dictionary::of_errors(),
            keys: Dictionary::of_keys(),
            key_uses: 0,
        }
    }

    /// Everything of a run of operations but their texts.
    pub(super) fn columns(&mut self, range: Range<usize>) -> Block {
        let operations = &self.operations[range];
        let first = operations.first();
        let first_index = first.map_or(0, |operation| operation.index);
        let first_ticks = first.map_or(0, |operation| operation.called / self.tick);
        let mut columns: [Vec<u8>; COLUMNS] = Default::default();
        let (mut index, mut called, mut key) = (first_index, first_ticks, 0);
        let mut nodes: HashMap<u32, u32> = HashMap::new();
        for operation in operations {
            let ticks = operation.called / self.tick;
            let (ended, error) = self.ending(operation);
            put(&mut columns[0], operation.index.saturating_sub(index));
            put(&mut columns[1], ticks.saturating_sub(called));
            put(
                &mut columns[2],
                ended.map_or(0, |ended| (ended / self.tick).max(ticks) - ticks + 1),
            );
            put(&mut columns[3], u64::from(operation.process));
            put(&mut columns[4], u64::from(self.functions.number(operation.f)));
            columns[5].push(outcome(operation));
            let node = operation.node.map_or(0, |node| self.nodes.number(node));
            // Nearly always a process stays with its node, which then costs nothing.
            let same = nodes.insert(operation.process, node).unwrap_or(0) == node;
            put(&mut columns[6], if same { 0 } else { u64::from(node) + 1 });
            let told = words::tell(operation, self.keyed, &mut self.keys, 0);
            put(&mut columns[7], told.keys.len() as u64);
            for number in &told.keys {
                put(&mut columns[8], zigzag(i64::from(*number) - i64::from(key)));
                key = *number;
            }
            put(&mut columns[9], error);
            self.key_uses += told.keys.len();
            (index, called) = (operation.index, ticks);
        }
        let mut raw = Vec::with_capacity(columns.iter().map(|column| column.len() + 4).sum());
        for column in &columns {
            sized(&mut raw, column);
        }
        Block { count: operations.len(), first_index, first_ticks, columns: pack(&raw) }
    }

    /// The texts of a run of operations, at most `max` characters for each question and answer:
    /// all questions, a line each, then all answers.
    pub(super) fn texts(&mut self, range: Range<usize>, max: usize) -> String {
        let (mut asked, mut answered) = (String::new(), String::new());
        for operation in &self.operations[range] {
            let told = words::tell(operation, self.keyed, &mut self.keys, max);
            asked.push_str(&told.asked);
            asked.push('\n');
            answered.push_str(&told.answered);
            answered.push('\n');
        }
        let mut raw = Vec::with_capacity(asked.len() + answered.len() + 4);
        sized(&mut raw, asked.as_bytes());
        raw.extend_from_slice(answered.as_bytes());
        pack(&raw)
    }

    /// When it was over for its client, and the number of its error. Of a call whose outcome is
    /// unknown this is when the client gave up.
    fn ending(&mut self, operation: &Operation<'_>) -> (Option<u64>, u64) {
        if operation.is_ok() {
            return (operation.returned, 0);
        }
        let events = self.history.events();
        let completion = operation
            .completion
            .and_then(|index| events.binary_search_by_key(&index, |event| event.index).ok())
            .map(|position| &events[position]);
        let error = completion.and_then(|event| event.error.as_deref());
        let number = error.map_or(0, |error| u64::from(self.errors.number(error)));
        (operation.returned.or_else(|| completion.map(|event| event.time)), number)
    }
}

fn outcome(operation: &Operation<'_>) -> u8 {
    match operation.outcome {
        Outcome::Ok(_) => 0,
        Outcome::Failed => 1,
        Outcome::Unknown => 2,
    }
}

/// Seven bits a byte, the lowest first; all bytes but the last have the highest bit.
fn put(column: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        column.push(number as u8 | 0x80);
        number >>= 7;
    }
    column.push(number as u8);
}

/// Small differences of either sign as small numbers: 0, -1, 1, -2 are 0, 1, 2, 3.
fn zigzag(difference: i64) -> u64 {
    ((difference << 1) ^ (difference >> 63)) as u64
}

fn sized(raw: &mut Vec<u8>, part: &[u8]) {
    raw.extend_from_slice(&(part.len() as u32).to_le_bytes());
    raw.extend_from_slice(part);
}

/// Compressed, in characters that mean nothing to HTML. The library is written in Rust throughout
/// and gives the same bytes on every machine.
pub(super) fn pack(raw: &[u8]) -> String {
    STANDARD.encode(miniz_oxide::deflate::compress_to_vec(raw, LEVEL))
}
