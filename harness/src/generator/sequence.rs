//! Sequences: one generator after another, with and without waiting for everyone.

use super::leaf::nanos;
use super::{BoxGenerator, Context, Generator, Next, sooner};
use perjury_checkers::{Event, Process};
use std::time::Duration;

/// Each generator to its end, in order. The next one begins while calls of the one before may
/// still be open: see [`phases`].
pub fn concat(generators: Vec<BoxGenerator>) -> BoxGenerator {
    Box::new(Concat { generators, position: 0 })
}

#[derive(Clone)]
struct Concat {
    generators: Vec<BoxGenerator>,
    position: usize,
}

impl Generator for Concat {
    fn next(&mut self, context: &Context) -> Next {
        while let Some(current) = self.generators.get_mut(self.position) {
            match current.next(context) {
                Next::Done => self.position += 1,
                next => return next,
            }
        }
        Next::Done
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if let Some(current) = self.generators.get_mut(self.position) {
            current.took(context, at, process);
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if let Some(current) = self.generators.get_mut(self.position) {
            current.update(context, event);
        }
    }
}

/// Each generator to its end, in order, and each begins only when everyone is free.
pub fn phases(generators: Vec<BoxGenerator>) -> BoxGenerator {
    concat(generators.into_iter().map(synchronize).collect())
}

/// Waits until every worker that it may use is free, then goes on with `generator`.
pub fn synchronize(generator: BoxGenerator) -> BoxGenerator {
    Box::new(Synchronize { generator, begun: false })
}

#[derive(Clone)]
struct Synchronize {
    generator: BoxGenerator,
    begun: bool,
}

impl Generator for Synchronize {
    fn next(&mut self, context: &Context) -> Next {
        self.begun |= context.free == context.all;
        if self.begun { self.generator.next(context) } else { Next::PENDING }
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generator.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if self.begun {
            self.generator.update(context, event);
        }
    }
}

/// Again from the beginning whenever `original` has ended, `rounds` times or without end.
#[derive(Clone)]
pub(super) struct Cycle {
    original: BoxGenerator,
    current: BoxGenerator,
    /// Begun ones not counted.
    rounds_left: Option<u64>,
    /// Whether anything came of this round. A round of nothing would go round forever.
    lively: bool,
}

impl Cycle {
    pub(super) fn new(original: BoxGenerator, rounds: Option<u64>) -> Self {
        let (current, rounds_left) = match rounds {
            Some(0) => (super::nothing(), Some(0)),
            Some(rounds) => (original.clone(), Some(rounds - 1)),
            None => (original.clone(), None),
        };
        Self { original, current, rounds_left, lively: false }
    }
}

impl Generator for Cycle {
    fn next(&mut self, context: &Context) -> Next {
        loop {
            let next = self.current.next(context);
            if next != Next::Done {
                self.lively = true;
                return next;
            }
            if !self.lively || self.rounds_left == Some(0) {
                return Next::Done;
            }
            self.rounds_left = self.rounds_left.map(|rounds| rounds - 1);
            self.current = self.original.clone();
            self.lively = false;
        }
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.current.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        self.current.update(context, event);
    }
}

/// An operation of `a`, one of `b`, one of `a`, … until the one whose turn it is has no more.
pub fn flip_flop(a: BoxGenerator, b: BoxGenerator) -> BoxGenerator {
    Box::new(FlipFlop { generators: [a, b], turn: 0 })
}

#[derive(Clone)]
struct FlipFlop {
    generators: [BoxGenerator; 2],
    turn: usize,
}

impl Generator for FlipFlop {
    fn next(&mut self, context: &Context) -> Next {
        self.generators[self.turn].next(context)
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.generators[self.turn].took(context, at, process);
        self.turn = 1 - self.turn;
    }

    fn update(&mut self, context: &Context, event: &Event) {
        for generator in &mut self.generators {
            generator.update(context, event);
        }
    }
}

/// Each generator for its time, in turn and again, until one of them has no more:
/// `cycle_times([(5 s, writes), (10 s, reads)])`. Counted from when it is first asked.
pub fn cycle_times(spans: Vec<(Duration, BoxGenerator)>) -> BoxGenerator {
    let spans: Vec<_> = spans.into_iter().map(|(span, g)| (nanos(span), g)).collect();
    let period = spans.iter().fold(0_u64, |sum, (span, _)| sum.saturating_add(*span));
    Box::new(CycleTimes { spans, period, start: None, turn: 0 })
}

#[derive(Clone)]
struct CycleTimes {
    spans: Vec<(u64, BoxGenerator)>,
    period: u64,
    start: Option<u64>,
    turn: usize,
}

impl CycleTimes {
    /// Whose turn it is at `time`, and when the turn ends.
    fn turn(&mut self, time: u64) -> (usize, u64) {
        let start = *self.start.get_or_insert(time);
        let mut phase = (time - start) % self.period;
        for (position, (span, _)) in self.spans.iter().enumerate() {
            if phase < *span {
                return (position, time.saturating_add(span - phase));
            }
            phase -= span;
        }
        unreachable!("the phase is less than the sum of the spans")
    }
}

impl Generator for CycleTimes {
    fn next(&mut self, context: &Context) -> Next {
        if self.period == 0 {
            return Next::Done;
        }
        let (turn, end) = self.turn(context.time);
        self.turn = turn;
        match self.spans[turn].1.next(context) {
            Next::Emit { at, .. } if at >= end => Next::Pending { until: Some(end) },
            Next::Pending { until } => Next::Pending { until: sooner(until, Some(end)) },
            next => next,
        }
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        self.spans[self.turn].1.took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        for (_, generator) in &mut self.spans {
            generator.update(context, event);
        }
    }
}
