//! Bounds: generators that end early.

use super::{BoxGenerator, Context, Generator, Next, sooner};
use perjury_checkers::{Event, Kind, Process};
use std::collections::BTreeSet;

/// At most `left` operations.
#[derive(Clone)]
pub(super) struct Limit {
    pub(super) generator: BoxGenerator,
    pub(super) left: u64,
}

impl Generator for Limit {
    fn next(&mut self, context: &Context) -> Next {
        if self.left == 0 { Next::Done } else { self.generator.next(context) }
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.left -= 1;
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.generator.update(context, event);
    }
}

/// Operations that begin within `nanos` of when it is first asked.
#[derive(Clone)]
pub(super) struct TimeLimit {
    pub(super) generator: BoxGenerator,
    pub(super) nanos: u64,
    pub(super) cutoff: Option<u64>,
}

impl Generator for TimeLimit {
    fn next(&mut self, context: &Context) -> Next {
        let cutoff = *self.cutoff.get_or_insert(context.time.saturating_add(self.nanos));
        if context.time >= cutoff {
            return Next::Done;
        }
        match self.generator.next(context) {
            // Not the end yet: an event may bring something sooner.
            Next::Emit { at, .. } if at >= cutoff => Next::Pending { until: Some(cutoff) },
            Next::Pending { until } => Next::Pending { until: sooner(until, Some(cutoff)) },
            next => next,
        }
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.generator.update(context, event);
    }
}

/// As long as no more than `limit` processes were there to be used. Since a crashed process is
/// replaced by a fresh one, this bounds how many operations of unknown outcome there can be.
#[derive(Clone)]
pub(super) struct ProcessLimit {
    pub(super) generator: BoxGenerator,
    pub(super) limit: usize,
    pub(super) seen: BTreeSet<Process>,
}

impl Generator for ProcessLimit {
    fn next(&mut self, context: &Context) -> Next {
        if self.seen.len() > self.limit {
            return Next::Done;
        }
        // Only an invocation counts them all: looking at everyone on each ask would be dear.
        let next = self.generator.next(context);
        if let Next::Emit { process, .. } = &next
            && !self.seen.contains(process)
        {
            self.seen.extend(context.all.iter().map(|worker| context.process(worker)));
            if self.seen.len() > self.limit {
                return Next::Done;
            }
        }
        next
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.generator.update(context, event);
    }
}

/// Until one of its own operations is `ok`.
#[derive(Clone)]
pub(super) struct UntilOk {
    pub(super) generator: BoxGenerator,
    pub(super) open: BTreeSet<Process>,
    pub(super) ok: bool,
}

impl Generator for UntilOk {
    fn next(&mut self, context: &Context) -> Next {
        if self.ok { Next::Done } else { self.generator.next(context) }
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.open.insert(process);
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if event.kind != Kind::Invoke && self.open.remove(&event.process) {
            self.ok |= event.kind == Kind::Ok;
        }
        self.generator.update(context, event);
    }
}
