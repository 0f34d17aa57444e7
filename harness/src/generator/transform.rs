//! Transformations: changing operations and leaving some out.

use super::{BoxGenerator, Context, Generator, Next};
use crate::Op;
use perjury_checkers::{Event, Process};
use std::sync::Arc;

/// Each operation changed by a pure function (it is called for each offer, not once).
#[derive(Clone)]
pub(super) struct Map {
    pub(super) generator: BoxGenerator,
    pub(super) change: Arc<dyn Fn(Op) -> Op + Send + Sync>,
}

impl Generator for Map {
    fn next(&mut self, context: &Context) -> Next {
        self.generator.next(context).map_op(&*self.change)
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.generator.update(context, event);
    }
}

/// Operations that a filter rejects in a row before it is taken to reject all.
const MAX_REJECTED: usize = 100_000;

/// Only operations that a pure function accepts.
#[derive(Clone)]
pub(super) struct Filter {
    pub(super) generator: BoxGenerator,
    pub(super) accept: Arc<dyn Fn(&Op) -> bool + Send + Sync>,
    pub(super) done: bool,
}

impl Generator for Filter {
    fn next(&mut self, context: &Context) -> Next {
        if self.done {
            return Next::Done;
        }
        for _ in 0..MAX_REJECTED {
            match self.generator.next(context) {
                Next::Emit { at, process, op } if !(self.accept)(&op) => {
                    self.generator.took(context, at, process);
                }
                next => return next,
            }
        }
        tracing::warn!("a generator ends: its filter rejected {MAX_REJECTED} operations in a row");
        self.done = true;
        Next::Done
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.generator.update(context, event);
    }
}
