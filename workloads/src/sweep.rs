//! Final reads: two workers of each node read every key in order, until they are past the last one that
//! was used.
//!
//! How far the main phase came depends on time, so the sweep finds out for itself: keys are given
//! out in order, and a run of keys with nothing in them means that there are no more.

use perjury_checkers::{Event, Kind, Process};
use perjury_harness::generator::{Context, Generator, Next, each_thread, on_few_of_each_node};
use perjury_harness::{BoxGenerator, Op};
use serde_json::Value;
use std::ops::Range;
use std::sync::Arc;

/// Keys read by one worker at most; the rest of a longer run goes without a final read.
const MAX_KEYS: u64 = 5_000;
/// Workers of each node that read: two, since one of them may be without a connection. A thousand
/// would read the same a thousand times.
const READERS: usize = 2;
/// Attempts at one read.
const MAX_TRIES: u32 = 20;
/// Time between attempts, in nanoseconds.
const PAUSE: u64 = 200_000_000;
/// Keys past the last one in use that may be empty although later ones are not: their writes all
/// failed.
const SLACK: u64 = 8;

type Reads = dyn Fn(Range<u64>) -> Op + Send + Sync;
type Empty = dyn Fn(&Value) -> bool + Send + Sync;

/// On two workers of each node, `reads` of `step` keys at a time, until their answers were `empty` for more
/// than `window` keys in a row, which is how many are in use at a time.
pub(crate) fn sweep(
    step: u64,
    window: usize,
    reads: impl Fn(Range<u64>) -> Op + Send + Sync + 'static,
    empty: impl Fn(&Value) -> bool + Send + Sync + 'static,
) -> BoxGenerator {
    let sweep = Sweep {
        step,
        patience: window as u64 + SLACK,
        reads: Arc::new(reads),
        empty: Arc::new(empty),
        position: 0,
        empty_run: 0,
        tries: 0,
        open: false,
        done: false,
        not_before: 0,
    };
    on_few_of_each_node(READERS, each_thread(Box::new(sweep)))
}

/// The sweep of one worker.
#[derive(Clone)]
struct Sweep {
    step: u64,
    patience: u64,
    reads: Arc<Reads>,
    empty: Arc<Empty>,
    /// The first key of the next read.
    position: u64,
    /// Keys before it without anything in them.
    empty_run: u64,
    /// Attempts at the next read so far.
    tries: u32,
    open: bool,
    done: bool,
    /// Nanoseconds since the run began.
    not_before: u64,
}

impl Sweep {
    fn advance(&mut self) {
        self.position += self.step;
        self.tries = 0;
    }
}

impl Generator for Sweep {
    fn next(&mut self, context: &Context) -> Next {
        if self.open {
            return Next::PENDING;
        }
        if self.done || self.empty_run > self.patience || self.position >= MAX_KEYS {
            return Next::Done;
        }
        match context.free_process() {
            Some(process) => {
                let at = context.time.max(self.not_before);
                let op = (self.reads)(self.position..self.position + self.step);
                Next::Emit { at, process, op }
            }
            None => Next::PENDING,
        }
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {
        self.open = true;
    }

    fn update(&mut self, context: &Context, event: &Event) {
        match event.kind {
            // What was still open from before the sweep ends here as well: it is not ours.
            _ if !self.open => {}
            Kind::Invoke => {}
            Kind::Ok => {
                self.open = false;
                let empty = (self.empty)(&event.value);
                self.empty_run = if empty { self.empty_run + self.step } else { 0 };
                self.advance();
            }
            Kind::Fail | Kind::Info => {
                self.open = false;
                self.tries += 1;
                self.not_before = context.time + PAUSE;
                // A database that does not answer by now is not going to.
                self.done = self.tries >= MAX_TRIES;
            }
        }
    }
}

#[cfg(test)]
mod tests;
