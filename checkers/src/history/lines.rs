//! Lines: many lines of our own format at once, quickly where they are as our writer writes them.
//!
//! What is read here is what [`jsonl::Events`](super::jsonl::Events) reads, with the same errors; a
//! line that is any different from what our writer makes of small values (other fields or another
//! order, escapes, fractions, objects, letters beyond ASCII) is left to that reader's parser.

mod cutter;
mod order;
mod quick;

use rustc_hash::FxHashMap;

pub use self::cutter::Cutter;
pub use self::order::Order;
use super::brief::Brief;
use super::jsonl;
use super::{Event, Name, Names, ReadError, place};

/// What some lines say, one after another.
#[derive(Debug, Default)]
pub struct Block {
    pub briefs: Vec<Brief>,
    /// The functions, by number.
    pub names: Vec<Name>,
    /// Lines, blank ones among them.
    pub lines: u64,
    /// For each blank line, how many events came before it.
    blank: Vec<u32>,
    /// The line at which reading stopped, from 0, and why.
    fault: Option<(u64, Fault)>,
}

#[derive(Debug)]
enum Fault {
    Parse { column: u64, why: String },
    Long { limit: usize },
}

/// The last line of a file, which has no newline.
#[derive(Debug)]
pub enum Tail {
    Whole(Block),
    /// It was never finished.
    Torn,
}

impl Block {
    /// Reads whole lines; each ends in a newline. Stops at the first that is no event.
    pub fn read(bytes: &[u8], max_line: usize) -> Self {
        let mut block = Self::default();
        block.briefs.reserve(bytes.len() / 96);
        let mut reader = Reader::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = match reader.line(rest, max_line, &mut block.blank, block.briefs.len()) {
                Ok((brief, rest)) => {
                    block.briefs.extend(brief);
                    rest
                }
                Err(fault) => {
                    block.fault = Some((block.lines, fault));
                    break;
                }
            };
            block.lines += 1;
        }
        block.names = reader.names;
        block
    }

    /// Reads a last line without a newline.
    pub fn tail(bytes: &[u8]) -> Tail {
        let mut reader = Reader::default();
        match reader.slow(bytes) {
            Err(_) => Tail::Torn,
            Ok(brief) => {
                let briefs = vec![brief];
                Tail::Whole(Self { briefs, names: reader.names, lines: 1, ..Self::default() })
            }
        }
    }

    /// Events that are at hand.
    pub fn of(events: &[Event]) -> Self {
        let mut reader = Reader::default();
        let brief = |event: &Event| Brief::of(event.clone(), reader.number(&event.f));
        let briefs = events.iter().map(brief).collect();
        Self { briefs, names: reader.names, lines: events.len() as u64, ..Self::default() }
    }

    /// The line of an event, if the first line has this number.
    pub fn line_of(&self, event: usize, first: u64) -> u64 {
        let blank = self.blank.partition_point(|before| *before as usize <= event);
        first + (event + blank) as u64
    }

    /// Why reading stopped, if it did, the first line having this number.
    pub fn error(&self, first: u64) -> Option<ReadError> {
        let (line, fault) = self.fault.as_ref()?;
        let line = first + line;
        Some(match fault {
            Fault::Parse { column, why } => {
                ReadError::Line { line, column: *column, why: why.clone() }
            }
            Fault::Long { limit } => ReadError::LongLine { line, limit: *limit },
        })
    }
}

/// Reads line after line.
#[derive(Default)]
struct Reader {
    names: Vec<Name>,
    numbers: FxHashMap<Name, u32>,
    shared: Names,
}

impl Reader {
    /// The event of the first line, `None` if that is blank, and what comes after the line.
    fn line<'b>(
        &mut self,
        bytes: &'b [u8],
        max_line: usize,
        blank: &mut Vec<u32>,
        events: usize,
    ) -> Result<(Option<Brief>, &'b [u8]), Fault> {
        if let Some((quick, rest)) = quick::event(bytes)
            && bytes.len() - rest.len() <= max_line
        {
            let f = self.number(quick.f);
            let quick::Quick { index, time, process, kind, value, .. } = quick;
            return Ok((Some(Brief { index, time, process, kind, f, value }), rest));
        }
        let end = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        let (line, rest) = bytes.split_at(end);
        if line.len() > max_line {
            return Err(Fault::Long { limit: max_line });
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            blank.push(events as u32);
            return Ok((None, rest));
        }
        self.slow(line)
            .map(|brief| (Some(brief), rest))
            .map_err(|why| Fault::Parse { column: why.column() as u64, why: place::plain(&why) })
    }

    fn slow(&mut self, line: &[u8]) -> Result<Brief, serde_json::Error> {
        let event = jsonl::parse(line, &mut self.shared)?;
        let f = self.number(&event.f);
        Ok(Brief::of(event, f))
    }

    fn number(&mut self, f: &str) -> u32 {
        // There are few functions, and one after another is often the same.
        if let Some(at) = self.names.iter().take(8).position(|name| **name == *f) {
            return at as u32;
        }
        if let Some(number) = self.numbers.get(f) {
            return *number;
        }
        let (name, number) = (Name::from(f), self.names.len() as u32);
        self.names.push(name.clone());
        self.numbers.insert(name, number);
        number
    }
}

#[cfg(test)]
mod tests;
