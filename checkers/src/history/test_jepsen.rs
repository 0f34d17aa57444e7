//! Jepsen's own file, `test.jepsen`: blocks of Fressian, the history among them.
//!
//! The newest index names the root, a map of the test, and that the history: a vector
//! (version 0), or since version 1 a list of chunks. A run that crashed leaves blocks after
//! the newest index, the last one without a header. Jepsen forgets these; here they count.

mod block;
mod fressian;

use std::collections::BTreeSet;

use serde_json::Value;

use self::block::{Block, Found, Index, Kind as BlockKind};
use self::fressian::{Decoder, Read, Stop};
use super::foreign::{self, Actor, Assembled, Assembler, ForeignEvent};
use super::hints::{Format, Hints, Reading};
use super::place::Fault;
use super::{History, Kind, Names, Process, ReadError, Recovery};

const MAGIC: &[u8] = b"JEPSEN";

/// Whether this is such a file.
pub(super) fn is_test_jepsen(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

/// Reads the history out of a `test.jepsen` of version 0 or 1. Values become what the EDN
/// reader makes of them, except that dates are milliseconds and bytes hexadecimal. Linear,
/// without recursion.
pub fn read(bytes: &[u8]) -> Result<(History, Recovery), ReadError> {
    Ok(reading(bytes)?.into())
}

pub(super) fn reading(bytes: &[u8]) -> Result<Reading, ReadError> {
    let mut reader = Reader::new(bytes);
    let lost = reader.history().map_err(binary)?;
    let Reader { events, salvaged, calls, .. } = reader;
    let Assembled { history, mut recovery, .. } =
        events.finish().map_err(|wrong| binary(Fault::new(wrong.at, wrong.flaw.to_string())))?;
    recovery.salvaged = salvaged;
    recovery.torn_bytes = lost as u64;
    let keyed = match calls {
        [0, 0] => None,
        [_, 0] => Some(false),
        [0, _] => Some(true),
        _ => None,
    };
    Ok(Reading { history, recovery, hints: Hints { keyed, ..Hints::none(Format::TestJepsen) } })
}

fn binary(fault: Fault) -> ReadError {
    ReadError::Binary { format: "test.jepsen", offset: fault.offset as u64, why: fault.why }
}

struct Reader<'a> {
    file: &'a [u8],
    index: Index,
    names: Names,
    events: Assembler,
    /// Events from behind the newest index.
    salvaged: u64,
    /// Bytes of blocks that may still be read: all blocks together are no larger than the file.
    unread: usize,
    /// How many calls of clients have a plain value, and how many a key and a value.
    calls: [u64; 2],
}

impl<'a> Reader<'a> {
    fn new(file: &'a [u8]) -> Self {
        let (index, names) = (Index::default(), Names::default());
        Self {
            file,
            index,
            names,
            events: Assembler::default(),
            salvaged: 0,
            unread: file.len(),
            calls: [0, 0],
        }
    }

    /// Finds and reads the history. Gives the bytes at the end that could not be read.
    fn history(&mut self) -> Result<usize, Fault> {
        if !is_test_jepsen(self.file) {
            return Err(Fault::new(0, "the file does not begin with JEPSEN"));
        }
        match block::number(self.file, 6, 4) {
            Some(0 | 1) => {}
            Some(version) => {
                let why = format!("version {version} is not known; 0 and 1 are");
                return Err(Fault::new(6, why));
            }
            None => return Err(Fault::new(self.file.len(), "the file ends in its header")),
        }
        self.index = block::newest_index(self.file)?;
        let sealed = match self.index.root {
            Some(root) => self.history_of_root(root)?,
            None => None,
        };
        if let Some(id) = sealed {
            self.sealed(id)?;
        }
        let before = self.events.read();
        let lost = self.behind_index()?;
        self.salvaged = self.events.read() - before;
        if sealed.is_none() && self.events.read() == 0 {
            let why = "there is no history in the file; Jepsen writes one with every run";
            return Err(Fault::new(0, why));
        }
        Ok(lost)
    }

    /// The block of the history, which the map of the test names.
    fn history_of_root(&mut self, root: u32) -> Result<Option<u32>, Fault> {
        let mut next = Some(root);
        while let Some(id) = next.take() {
            let block = self.by_id(id)?;
            let (rest, start) = match block.kind {
                BlockKind::Fressian => (0, block.data),
                BlockKind::PartialMap => (block::id(self.file, block.data), block.data + 4),
                _ => return Err(Fault::new(block.at, "the root is no map of a test")),
            };
            let mut decoder = Decoder::new(self.file, start, block.end);
            let test = decoder.value().map_err(|stop| self.of_block(id, &decoder, stop))?.value;
            if let Some(history) = test.get("history") {
                let id = history.get(fressian::BLOCK_REF).and_then(Value::as_u64);
                let id = id.and_then(|id| u32::try_from(id).ok());
                let id = id.ok_or_else(|| {
                    Fault::new(block.at, "the :history of the test is no reference to a block")
                })?;
                return Ok(Some(id));
            }
            next = Some(rest).filter(|rest| *rest != 0);
        }
        Ok(None)
    }

    fn by_id(&mut self, id: u32) -> Result<Block, Fault> {
        let Some(at) = self.index.blocks.get(&id) else {
            return Err(Fault::new(self.index.at, format!("block {id} is not in this index")));
        };
        let why = match block::block(self.file, *at) {
            Found::Whole(block) => match self.unread.checked_sub(block.end - block.at) {
                Some(left) => {
                    self.unread = left;
                    return Ok(block);
                }
                None => "it overlaps other blocks".to_owned(),
            },
            Found::Damaged(fault) => fault.why,
            Found::Unsealed => "its header was never written".to_owned(),
            Found::CutOff(_) => "it goes on past the end of the file".to_owned(),
        };
        Err(Fault::new(*at, format!("block {id}: {why}")))
    }

    /// What went wrong within a block whose checksum is right.
    fn of_block(&self, id: u32, decoder: &Decoder<'_>, stop: Stop) -> Fault {
        match stop {
            Stop::Bad(fault) => Fault { why: format!("block {id}: {}", fault.why), ..fault },
            Stop::End | Stop::Cut => {
                Fault::new(decoder.at(), format!("block {id}: it ends inside a value"))
            }
        }
    }

    /// Reads the history that was sealed: its chunks, and the chunks of chunks.
    fn sealed(&mut self, history: u32) -> Result<(), Fault> {
        let (mut seen, mut expected) = (BTreeSet::new(), None);
        let mut waiting = vec![(history, None)];
        while let Some((id, first)) = waiting.pop() {
            if !seen.insert(id) {
                let at = self.index.blocks.get(&id).copied().unwrap_or(self.index.at);
                return Err(Fault::new(at, format!("block {id}: it is there twice")));
            }
            let block = self.by_id(id)?;
            let so_far = self.events.read();
            if let Some(first) = first.filter(|first| *first != so_far) {
                let why = format!("block {id}: it begins with event {first}, not with {so_far}");
                return Err(Fault::new(block.at, why));
            }
            match block.kind {
                BlockKind::BigVector => {
                    let count = block::number(self.file, block.data, 8).unwrap_or(0);
                    expected = expected.or(Some((block.at, count)));
                    let chunks = (block.data + 8..).step_by(12);
                    let chunks = chunks.take_while(|at| at + 12 <= block.end);
                    let base = so_far;
                    let chunks: Vec<_> = chunks
                        .map(|at| {
                            let first = block::number(self.file, at, 8).unwrap_or(0);
                            (block::id(self.file, at + 8), Some(base.saturating_add(first)))
                        })
                        .collect();
                    waiting.extend(chunks.into_iter().rev());
                }
                BlockKind::Fressian => self.vector(id, block)?,
                BlockKind::FressianStream => self.stream(id, block)?,
                BlockKind::Index | BlockKind::PartialMap => {
                    return Err(Fault::new(block.at, format!("block {id}: it is no history")));
                }
            }
        }
        let found = self.events.read();
        match expected {
            Some((at, count)) if count != found => {
                let why = format!("block {history}: its chunks hold {found} events, not {count}");
                Err(Fault::new(at, why))
            }
            _ => Ok(()),
        }
    }

    /// A history in one value: a list of operations, or nil while there is none.
    fn vector(&mut self, id: u32, block: Block) -> Result<(), Fault> {
        let mut decoder = Decoder::new(self.file, block.data, block.end);
        let list = decoder.enter_list().map_err(|stop| self.of_block(id, &decoder, stop))?;
        let count = match list {
            Some(count) => count.unwrap_or(usize::MAX),
            None => {
                let read = decoder.value().map_err(|stop| self.of_block(id, &decoder, stop))?;
                let why = format!("block {id}: a list of operations should stand here");
                return if read.value.is_null() {
                    Ok(())
                } else {
                    Err(Fault::new(block.data, why))
                };
            }
        };
        for _ in 0..count {
            let at = decoder.at();
            match decoder.element() {
                Ok(Some(read)) => self.event(at, read).map_err(|why| in_block(id, at, &why))?,
                Ok(None) => break,
                Err(stop) => return Err(self.of_block(id, &decoder, stop)),
            }
        }
        Ok(())
    }

    fn stream(&mut self, id: u32, block: Block) -> Result<(), Fault> {
        let mut decoder = Decoder::new(self.file, block.data, block.end);
        loop {
            let at = decoder.at();
            match decoder.value() {
                Ok(read) => self.event(at, read).map_err(|why| in_block(id, at, &why))?,
                Err(Stop::End) => return Ok(()),
                Err(stop) => return Err(self.of_block(id, &decoder, stop)),
            }
        }
    }

    /// Reads what was written after the newest index, as a run does that has not ended: whole
    /// chunks, and one without a header. Gives the bytes that were left.
    fn behind_index(&mut self) -> Result<usize, Fault> {
        let mut at = self.index.last_byte(self.file);
        while at < self.file.len() {
            match block::block(self.file, at) {
                Found::Whole(block) => {
                    if block.kind == BlockKind::FressianStream {
                        self.salvage(block.data, block.end);
                    }
                    at = block.end;
                }
                Found::Unsealed | Found::CutOff(Some(BlockKind::FressianStream)) => {
                    let start = at + block::BLOCK_HEADER;
                    let end = self.salvage(start, self.file.len());
                    at = if end == start { at } else { end };
                    break;
                }
                Found::CutOff(_) => break,
                Found::Damaged(fault) => {
                    let why = format!("a block behind the index: {}", fault.why);
                    return Err(Fault { why, ..fault });
                }
            }
        }
        Ok(self.file.len() - at.min(self.file.len()))
    }

    /// Takes operations as long as they are whole. Gives the byte after the last.
    fn salvage(&mut self, start: usize, end: usize) -> usize {
        let mut decoder = Decoder::new(self.file, start, end);
        loop {
            let at = decoder.at();
            let taken = decoder.value().is_ok_and(|read| self.event(at, read).is_ok());
            if !taken {
                return at;
            }
        }
    }

    /// Adds an operation: one of seven fields, or a map.
    fn event(&mut self, at: usize, read: Read) -> Result<(), String> {
        let keyed = read.keyed;
        let mut event = match read.value {
            Value::Array(parts) if read.op => {
                let Ok(parts) = <[Value; 7]>::try_from(parts) else {
                    return Err("an operation has seven fields".to_owned());
                };
                let [index, time, kind, process, f, value, others] = parts;
                let event = self.fields([&index, &time, &kind, &process, &f], &others)?;
                ForeignEvent { value, ..event }
            }
            Value::Object(mut map) => {
                let value = map.remove("value").unwrap_or_default();
                let others = Value::Object(map);
                let field = |name: &str| others.get(name).unwrap_or(&Value::Null);
                let named = ["index", "time", "type", "process", "f"].map(field);
                ForeignEvent { value, ..self.fields(named, &others)? }
            }
            _ => return Err("an operation should stand here".to_owned()),
        };
        event.at = at;
        let client = !matches!(event.process, Some(Actor::Other | Actor::Known(Process::Nemesis)));
        if event.kind == Some(Kind::Invoke) && client {
            self.calls[usize::from(keyed)] += 1;
        }
        self.events.push(event, &mut self.names);
        Ok(())
    }

    fn fields(&mut self, named: [&Value; 5], others: &Value) -> Result<ForeignEvent, String> {
        let [index, time, kind, process, f] = named;
        let kind = kind.as_str().and_then(foreign::kind);
        Ok(ForeignEvent {
            index: index.as_i64(),
            time: time.as_i64(),
            process: Some(foreign::actor(process)?),
            kind: Some(kind.ok_or("an operation needs a type: invoke, ok, fail or info")?),
            f: f.as_str().map(|f| self.names.get(f)),
            node: others.get("node").and_then(Value::as_str).map(|node| self.names.get(node)),
            error: others.get("error").and_then(|e| foreign::error_word(e, &mut self.names)),
            ..ForeignEvent::default()
        })
    }
}

/// Makes the checksums of a file right, as far as its blocks can be followed: for fuzzing.
#[doc(hidden)]
pub fn seal(file: &mut [u8]) {
    block::seal(file);
}

/// The bytes as the unsealed chunk of a run that crashed at once: for fuzzing.
#[doc(hidden)]
pub fn unsealed(chunk: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend([0, 0, 0, 1]);
    file.extend([0; block::FILE_HEADER + block::BLOCK_HEADER - 10]);
    file.extend(chunk);
    file
}

fn in_block(id: u32, at: usize, why: &str) -> Fault {
    Fault::new(at, format!("block {id}: {why}"))
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer;
