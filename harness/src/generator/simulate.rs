//! Simulation: plays a generator in virtual time, against answers that a function makes up.

use super::{BoxGenerator, Context, Generator, Next, Worker};
use crate::{Op, Seed};
use perjury_checkers::{Event, Kind, Name, Process};
use rand::Rng;
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// The cluster that is pretended.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// Client workers.
    pub concurrency: usize,
    /// Nodes that they are spread over.
    pub nodes: usize,
    /// For who does what; the operations themselves do not depend on it.
    pub seed: Seed,
    /// Stops after this many invocations.
    pub max_operations: usize,
    /// Stops at this virtual time, in nanoseconds.
    pub max_time: u64,
}

impl Simulation {
    /// A hundred thousand operations or an hour of virtual time at most.
    pub fn new(concurrency: usize, nodes: usize) -> Self {
        let hour = 3_600_000_000_000;
        Self { concurrency, nodes, seed: Seed::root(0), max_operations: 100_000, max_time: hour }
    }
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Completion {
    /// Nanoseconds from the call to the answer.
    pub latency: u64,
    pub kind: Kind,
    /// `None`: the value of the call.
    pub value: Option<Value>,
}

/// Answers `ok` in no time.
pub fn quick(_: &Event) -> Completion {
    Completion { latency: 0, kind: Kind::Ok, value: None }
}

/// Answers `ok` after ten nanoseconds.
pub fn perfect(_: &Event) -> Completion {
    Completion { latency: 10, kind: Kind::Ok, value: None }
}

/// Answers `fail`, `info` and `ok` in turn on each worker of a run with this many, after ten
/// nanoseconds.
pub fn imperfect(concurrency: usize) -> impl FnMut(&Event) -> Completion {
    let mut calls: BTreeMap<Option<u32>, usize> = BTreeMap::new();
    move |event| {
        let worker = event.process.client().map(|number| number % concurrency.max(1) as u32);
        let calls = calls.entry(worker).or_default();
        *calls += 1;
        let kind = [Kind::Ok, Kind::Fail, Kind::Info][*calls % 3];
        Completion { latency: 10, kind, value: None }
    }
}

/// The operations that were asked for, in order, with their processes.
pub fn invocations(events: &[Event]) -> Vec<(Process, Op)> {
    let mut open = std::collections::BTreeSet::new();
    let mut operations = Vec::new();
    for event in events {
        let begins = match event.process {
            Process::Client(_) => event.kind == Kind::Invoke,
            // Both ends of a nemesis operation are `info`, and it does one at a time.
            Process::Nemesis => open.insert(event.process) || !open.remove(&event.process),
        };
        if begins {
            operations.push((event.process, Op { f: event.f.clone(), value: event.value.clone() }));
        }
    }
    operations
}

/// Plays `generator` until it ends or a limit of `simulation` is reached. Every call is answered
/// as `complete` says; the nemesis's answers become `info`. Calls open at the end have no
/// completion. Deterministic.
pub fn simulate(
    generator: BoxGenerator,
    simulation: &Simulation,
    complete: impl FnMut(&Event) -> Completion,
) -> Vec<Event> {
    Player {
        context: Context::new(simulation.concurrency, simulation.nodes),
        generator,
        complete,
        salts: simulation.seed.derive("simulation.workers").rng(),
        events: Vec::new(),
        invoked: 0,
        open: BinaryHeap::new(),
        answers: BTreeMap::new(),
    }
    .play(simulation)
}

struct Player<F> {
    context: Context,
    generator: BoxGenerator,
    complete: F,
    salts: rand_chacha::ChaCha8Rng,
    events: Vec<Event>,
    invoked: usize,
    /// Completion times with the index of the call, so that equal times keep the calls' order.
    open: BinaryHeap<Reverse<(u64, u64)>>,
    /// Completion events by the index of the call.
    answers: BTreeMap<u64, Event>,
}

impl<F: FnMut(&Event) -> Completion> Player<F> {
    fn play(mut self, simulation: &Simulation) -> Vec<Event> {
        while self.invoked < simulation.max_operations && self.context.time < simulation.max_time {
            let next = self.generator.next(&self.context);
            let wake = match next {
                Next::Emit { at, process, op } if self.is_first(at) => {
                    self.context.time = self.context.time.max(at);
                    self.invoke(process, op, at);
                    continue;
                }
                Next::Emit { at, .. } => Some(at),
                Next::Pending { until } => until,
                Next::Done if self.open.is_empty() => break,
                Next::Done => None,
            };
            match (self.open.peek(), wake) {
                (Some(Reverse((time, _))), wake) if wake.is_none_or(|wake| *time <= wake) => {
                    self.answer();
                }
                (_, Some(wake)) => self.context.time = wake.max(self.context.time + 1),
                // It waits for an event, and there will be none: a generator that hangs.
                _ => break,
            }
        }
        self.events
    }

    /// Whether nothing happens before `at`.
    fn is_first(&self, at: u64) -> bool {
        at <= self.context.time || self.open.peek().is_none_or(|Reverse((time, _))| at < *time)
    }

    fn invoke(&mut self, process: Process, op: Op, at: u64) {
        let worker = self.context.worker(process);
        assert!(self.context.free.contains(worker), "{process} is not free, and was given {op:?}");
        let time = self.context.time;
        self.generator.took(&self.context, time, process);
        self.context.salt = self.salts.next_u64();
        self.context.occupy(worker);
        self.invoked += 1;
        let nemesis = process == Process::Nemesis;
        let kind = if nemesis { Kind::Info } else { Kind::Invoke };
        let due = (at < time).then_some(at);
        let event = self.event(process, kind, op.f, op.value, due);
        self.generator.update(&self.context, &event);
        let answer = (self.complete)(&event);
        let kind = if nemesis { Kind::Info } else { answer.kind };
        let value = answer.value.unwrap_or_else(|| event.value.clone());
        self.open.push(Reverse((time + answer.latency, event.index)));
        self.answers.insert(event.index, Event { kind, value, ..event });
    }

    fn answer(&mut self) {
        let Some(Reverse((time, call))) = self.open.pop() else { return };
        let Some(answer) = self.answers.remove(&call) else { return };
        self.context.time = self.context.time.max(time);
        let event = self.event(answer.process, answer.kind, answer.f, answer.value, None);
        let worker = self.context.worker(event.process);
        self.context.release(worker);
        if event.kind == Kind::Info && worker != Worker::Nemesis {
            self.context.renew(worker);
        }
        self.generator.update(&self.context, &event);
    }

    fn event(
        &mut self,
        process: Process,
        kind: Kind,
        f: Name,
        value: Value,
        due: Option<u64>,
    ) -> Event {
        let (index, time) = (self.events.len() as u64, self.context.time);
        let event = Event { index, time, process, kind, f, value, node: None, error: None, due };
        self.events.push(event.clone());
        event
    }
}
