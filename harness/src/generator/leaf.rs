//! Leaves: single operations, functions that make them, pauses and messages.

use super::{BoxGenerator, Context, Generator, Next};
use crate::{Op, Seed};
use perjury_checkers::{Event, Process};
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;
use std::time::Duration;

/// Nothing at all.
pub fn nothing() -> BoxGenerator {
    Box::new(Nothing)
}

#[derive(Clone)]
struct Nothing;

impl Generator for Nothing {
    fn next(&mut self, _: &Context) -> Next {
        Next::Done
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {}
}

/// `op`, once.
pub fn op(op: Op) -> BoxGenerator {
    from_ops([op])
}

/// These operations, one after another, each on whoever is free.
pub fn from_ops(ops: impl IntoIterator<Item = Op>) -> BoxGenerator {
    Box::new(Ops { ops: ops.into_iter().collect(), position: 0 })
}

#[derive(Clone)]
struct Ops {
    ops: Arc<[Op]>,
    position: usize,
}

impl Generator for Ops {
    fn next(&mut self, context: &Context) -> Next {
        match self.ops.get(self.position) {
            Some(op) => offer(context, op),
            None => Next::Done,
        }
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {
        self.position += 1;
    }
}

/// `op`, without end.
pub fn repeat(op: Op) -> BoxGenerator {
    Box::new(Repeat { op })
}

#[derive(Clone)]
struct Repeat {
    op: Op,
}

impl Generator for Repeat {
    fn next(&mut self, context: &Context) -> Next {
        offer(context, &self.op)
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {}
}

/// Operations made by a function, without end. It is called once for each operation, with a random
/// stream of this generator's own, and may count in what it captures:
///
/// ```
/// # use perjury_harness::{generator::{self, below}, Op, Seed};
/// # use serde_json::json;
/// let mut next = 0;
/// let writes = generator::from_fn(Seed::root(7).derive("writes"), move |rng| {
///     next += 1;
///     Op::new("write", json!([below(rng, 8), next]))
/// });
/// ```
pub fn from_fn<F>(seed: Seed, make: F) -> BoxGenerator
where
    F: FnMut(&mut ChaCha8Rng) -> Op + Clone + Send + 'static,
{
    Box::new(FromFn { rng: seed.derive("generator.from_fn").rng(), make, drawn: None })
}

#[derive(Clone)]
struct FromFn<F> {
    rng: ChaCha8Rng,
    make: F,
    drawn: Option<Op>,
}

impl<F> Generator for FromFn<F>
where
    F: FnMut(&mut ChaCha8Rng) -> Op + Clone + Send + 'static,
{
    fn next(&mut self, context: &Context) -> Next {
        let op = self.drawn.get_or_insert_with(|| (self.make)(&mut self.rng));
        offer(context, op)
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {
        self.drawn = None;
    }
}

/// Generators made by a function, one after another until it returns `None`. Unlike a
/// [`cycle`](super::GeneratorExt::cycle), each round can be different:
///
/// ```
/// # use perjury_harness::{generator::{self, pick}, Op, Seed};
/// # use std::time::Duration;
/// let faults = generator::unfold(Seed::root(7).derive("kill"), |rng| {
///     let node = *pick(rng, &["n1", "n2", "n3"])?;
///     Some(generator::concat(vec![
///         generator::sleep(Duration::from_secs(5)),
///         generator::op(Op::new("kill", node)),
///         generator::sleep(Duration::from_secs(5)),
///         generator::op(Op::new("start", node)),
///     ]))
/// });
/// ```
pub fn unfold<F>(seed: Seed, make: F) -> BoxGenerator
where
    F: FnMut(&mut ChaCha8Rng) -> Option<BoxGenerator> + Clone + Send + 'static,
{
    let rng = seed.derive("generator.unfold").rng();
    Box::new(Unfold { rng, make, current: None, done: false })
}

/// Generators without a single operation that [`unfold`] accepts in a row.
const MAX_EMPTY: usize = 10_000;

#[derive(Clone)]
struct Unfold<F> {
    rng: ChaCha8Rng,
    make: F,
    current: Option<BoxGenerator>,
    done: bool,
}

impl<F> Generator for Unfold<F>
where
    F: FnMut(&mut ChaCha8Rng) -> Option<BoxGenerator> + Clone + Send + 'static,
{
    fn next(&mut self, context: &Context) -> Next {
        for _ in 0..MAX_EMPTY {
            if self.done {
                return Next::Done;
            }
            if self.current.is_none() {
                self.current = (self.make)(&mut self.rng);
            }
            let Some(current) = &mut self.current else {
                self.done = true;
                return Next::Done;
            };
            match current.next(context) {
                Next::Done => self.current = None,
                next => return next,
            }
        }
        tracing::warn!("a generator ends: {MAX_EMPTY} generators in a row had no operation");
        self.done = true;
        Next::Done
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        if let Some(current) = &mut self.current {
            current.took(context, at, process);
        }
    }

    fn update(&mut self, context: &Context, event: &Event) {
        if let Some(current) = &mut self.current {
            current.update(context, event);
        }
    }
}

/// Offers `op` to whoever's turn it is, at once.
fn offer(context: &Context, op: &Op) -> Next {
    match context.free_process() {
        Some(process) => Next::Emit { at: context.time, process, op: op.clone() },
        None => Next::PENDING,
    }
}

/// A pause, counted from when it is reached and a worker is free: in a sequence for the nemesis
/// it begins when the operation before it has ended.
pub fn sleep(duration: Duration) -> BoxGenerator {
    Box::new(Sleep { nanos: nanos(duration), until: None })
}

#[derive(Clone)]
struct Sleep {
    nanos: u64,
    until: Option<u64>,
}

impl Generator for Sleep {
    fn next(&mut self, context: &Context) -> Next {
        if self.until.is_none() && context.free.is_empty() {
            return Next::PENDING;
        }
        let until = *self.until.get_or_insert(context.time.saturating_add(self.nanos));
        if context.time >= until { Next::Done } else { Next::Pending { until: Some(until) } }
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {}
}

/// Logs a message when it is reached. Silent in a simulation.
pub fn log(message: impl Into<String>) -> BoxGenerator {
    Box::new(Log { message: message.into(), said: false })
}

#[derive(Clone)]
struct Log {
    message: String,
    said: bool,
}

impl Generator for Log {
    fn next(&mut self, context: &Context) -> Next {
        if context.live && !self.said {
            tracing::info!("{}", self.message);
        }
        self.said = true;
        Next::Done
    }

    fn took(&mut self, _: &Context, _: u64, _: Process) {}
}

/// Nanoseconds, saturating: about 584 years.
pub(super) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
