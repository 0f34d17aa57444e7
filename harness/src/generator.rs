//! Generators: pure, seeded descriptions of what to ask, when, and of whom.

use crate::Op;
use perjury_checkers::{Event, Process};

/// A generator behind a box.
pub type BoxGenerator = Box<dyn Generator>;

/// What a generator says when asked for the next operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Do `op` on `process` (one that is free) at `at`, nanoseconds since the run began.
    Emit { at: u64, process: Process, op: Op },
    /// Nothing now: ask again after an event, or once time has passed.
    Pending,
    /// Nothing ever again.
    Done,
}

/// What a generator may know: the time, and who is free.
#[derive(Clone, Debug)]
pub struct Context {
    /// Nanoseconds since the run began.
    pub time: u64,
}

/// A description of operations. Holds its own random stream; asks no clock.
pub trait Generator: Send {
    /// The next operation. An operation that was emitted will be performed.
    fn next(&mut self, context: &Context) -> Next;

    /// Learns of every event of the run.
    fn update(&mut self, context: &Context, event: &Event) {
        let _ = (context, event);
    }
}
