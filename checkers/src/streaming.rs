//! Streaming: a history is judged while it grows, on several threads, in memory that does not grow
//! with it.
//!
//! [`Judge`] takes the bytes of a history in our format in pieces of any size. Blocks of lines are
//! read side by side, put in order, and shown to the parts of a stream, which judge side by side,
//! too: the objects of a keyed history are spread over the parts by their keys. While one round of
//! lines is judged, the next is read. Whatever the number of threads, the answer is the same.

mod part;
mod round;
pub(crate) mod settled;

use rayon::prelude::*;

pub(crate) use self::part::Found;
pub use self::part::{Part, Streaming, Streams, Violation};
use self::round::{Round, Router};
use crate::history::jsonl::MAX_LINE_BYTES;
use crate::history::lines::{Block, Cutter, Order, Tail};
use crate::history::{Name, ReadError, Recovery, brief::Brief};
use crate::{Event, Finding, History};

/// Lines are read in blocks of so many bytes.
const BLOCK_BYTES: usize = 1 << 18;
/// A round has so many of them, which bounds what is in memory.
const BLOCKS: usize = 16;
/// Events of a block that come as such.
const MAX_EVENTS: usize = 1 << 14;
/// Violations kept in full; others are counted.
const MAX_KEPT: usize = 1_024;

/// Why a history cannot be judged any further.
#[derive(Debug, thiserror::Error)]
pub enum JudgeError {
    /// The bytes are no history.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// An event is none of the workload's.
    #[error("{0}")]
    Event(String),
    /// There was an error before.
    #[error("the history was given up before; see the first error")]
    Over,
}

/// Judges a history that grows. Errors come up in the order of the history, and end it.
pub struct Judge {
    cutter: Cutter,
    /// Whole lines, not yet read.
    waiting: Vec<Vec<u8>>,
    order: Order,
    router: Router,
    streams: Streams,
    /// Read, and not yet judged.
    ready: Option<Round>,
    violations: Vec<Violation>,
    violation_count: u64,
    events: u64,
    last: u64,
    over: bool,
}

impl Judge {
    /// A judge of a workload; `beginning` shows what its values look like, and has to be pushed
    /// like everything else. The error says what is wrong with the options, or that the workload
    /// has to be seen whole.
    pub fn new(
        workload: &str,
        options: &crate::workload::CheckOptions,
        beginning: &History,
    ) -> Result<Self, String> {
        let streams = crate::workload::stream_for_workload(workload, options, beginning)?;
        Ok(Self::of(streams))
    }

    /// A judge by streams of one's own.
    pub fn of(streams: Streams) -> Self {
        Self {
            cutter: Cutter::default(),
            waiting: Vec::new(),
            order: Order::default(),
            router: Router::new(streams.parts.len(), streams.keyed),
            streams,
            ready: None,
            violations: Vec::new(),
            violation_count: 0,
            events: 0,
            last: 0,
            over: false,
        }
    }

    /// The next bytes of the history, cut anywhere. Mostly they are put aside; every few megabytes
    /// a round is judged.
    pub fn push_lines(&mut self, bytes: &[u8]) -> Result<(), JudgeError> {
        self.still_on()?;
        for piece in bytes.chunks(BLOCK_BYTES) {
            self.cutter.push(piece);
            if self.cutter.whole() >= BLOCK_BYTES {
                self.waiting.push(self.cutter.cut());
            } else if self.cutter.whole() == 0 && self.cutter.rest().len() > MAX_LINE_BYTES {
                self.waiting.push(self.cutter.all());
            }
            if self.waiting.len() >= BLOCKS {
                self.turn(&[])?;
            }
        }
        Ok(())
    }

    /// The next events, for a history that is at hand as such; not to be mixed with bytes.
    pub fn push_events(&mut self, events: &[Event]) -> Result<(), JudgeError> {
        for events in events.chunks(MAX_EVENTS) {
            self.still_on()?;
            self.turn(events)?;
        }
        Ok(())
    }

    /// Judges all whole lines that were pushed.
    pub fn flush(&mut self) -> Result<(), JudgeError> {
        self.still_on()?;
        if self.cutter.whole() > 0 {
            self.waiting.push(self.cutter.cut());
        }
        self.turn(&[])?;
        self.turn(&[])
    }

    /// Where something went wrong so far, in the order in which it was certain; the first thousand.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How many there are in all.
    pub fn violation_count(&self) -> u64 {
        self.violation_count
    }

    /// Events judged so far, or about to be.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// Whether violations are of objects, which a checker of whole histories can explain better
    /// from the object's events alone.
    pub fn of_objects(&self) -> bool {
        self.streams.of_objects
    }

    /// The history ends: calls without an answer stay unknown. The verdict, and what had to be
    /// mended, calls without an answer not counted.
    pub fn finish(&mut self) -> Result<(Finding, Recovery), JudgeError> {
        self.flush()?;
        let mut recovery = Recovery::default();
        let rest = self.cutter.all();
        if !rest.is_empty() {
            match Block::tail(&rest) {
                Tail::Torn => {
                    recovery.torn_bytes = rest.len() as u64;
                    recovery.torn_line = Some(self.order.line());
                }
                Tail::Whole(block) => {
                    let (round, error) = Round::of(vec![block], &mut self.order, &mut self.router);
                    self.take(round, error)?;
                    self.turn(&[])?;
                }
            }
        }
        let (last, names) = (self.last, self.order.names());
        let done = self.streams.parts.par_iter_mut().map(|part| part.finish(last, names));
        let parts: Vec<Part> = done.collect();
        self.collect();
        self.over = true;
        Ok((self.streams.conclude(parts, &self.violations, self.violation_count), recovery))
    }

    fn still_on(&self) -> Result<(), JudgeError> {
        if self.over { Err(JudgeError::Over) } else { Ok(()) }
    }

    /// Judges what is ready while what waits is read.
    fn turn(&mut self, events: &[Event]) -> Result<(), JudgeError> {
        let (ready, waiting) = (self.ready.take(), std::mem::take(&mut self.waiting));
        let Self { order, router, streams, .. } = self;
        // Functions get their numbers in the order of the history, so those of a round are known.
        let names = order.names().to_vec();
        let (judged, (round, error)) = rayon::join(
            || judge(streams, ready.as_ref(), &names),
            || {
                let read = |bytes: &Vec<u8>| Block::read(bytes, MAX_LINE_BYTES);
                let mut blocks: Vec<Block> = waiting.par_iter().map(read).collect();
                if !events.is_empty() {
                    blocks.push(Block::of(events));
                }
                Round::of(blocks, order, router)
            },
        );
        self.collect();
        if let Err(why) = judged {
            self.over = true;
            return Err(JudgeError::Event(why));
        }
        self.take(round, error)
    }

    /// Puts a round aside; if reading it came to an error, what was before that is judged.
    fn take(&mut self, round: Round, error: Option<ReadError>) -> Result<(), JudgeError> {
        self.events += round.events;
        self.last = round.last.unwrap_or(self.last);
        self.ready = Some(round);
        let Some(error) = error else { return Ok(()) };
        self.waiting.clear();
        self.turn(&[])?;
        self.over = true;
        Err(error.into())
    }

    /// Gathers what the parts found, in the order of the history.
    fn collect(&mut self) {
        let mut found: Vec<Violation> = Vec::new();
        for part in &mut self.streams.parts {
            let (violations, count) = part.violations();
            found.extend(violations);
            self.violation_count += count;
        }
        found.sort_by_key(|violation| (violation.found_at, violation.operation));
        found.truncate(MAX_KEPT - self.violations.len());
        self.violations.extend(found);
    }
}

/// Shows each part what of a round is its own. The error is the first of the history.
fn judge(streams: &mut Streams, round: Option<&Round>, names: &[Name]) -> Result<(), String> {
    let Some(round) = round else { return Ok(()) };
    let show = |(part, way): (&mut Box<dyn Streaming>, &Vec<(u16, u16)>)| {
        for (block, at) in way {
            let brief: &Brief = &round.blocks[*block as usize].briefs[*at as usize];
            if let Err(why) = part.push(brief, names) {
                return Some((brief.index, why));
            }
        }
        None
    };
    let errors = streams.parts.par_iter_mut().zip(&round.ways).filter_map(show);
    errors.min().map_or(Ok(()), |(_, why)| Err(why))
}

#[cfg(test)]
mod family_tests;
#[cfg(test)]
mod tests;
