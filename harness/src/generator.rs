//! Generators: pure, seeded descriptions of what to ask, when, and of whom.
//!
//! A generator is a value. It is asked for the next operation with [`Generator::next`], which is an
//! *offer*: asking again, with another time or other free workers, offers the same operation.
//! Only [`Generator::took`] moves it on. So an offer that loses a race against another generator,
//! or that lies in the future when something else happens first, is neither lost nor redrawn.
//!
//! Every random choice comes from the generator's own `ChaCha8` stream and is made once for each
//! operation taken. Hence the sequence of operations of each stream depends on its seed alone.
//! What timing decides is which worker performs an operation, when, and how independent streams
//! (clients and nemesis, the ranges of [`reserve`], the keys of [`per_key_concurrent`]) interleave.
//!
//! Generators are asked by one task at a time and are cloned freely: a clone goes on as the original
//! would. [`simulate`] plays one in virtual time, without a cluster.

mod arrivals;
mod bounds;
mod choose;
mod context;
mod draw;
mod extension;
mod keys;
mod leaf;
mod pace;
mod popularity;
mod roster;
mod sequence;
mod simulate;
#[cfg(test)]
mod tests;
mod transform;
mod who;

pub use arrivals::{Load, ReadLoad, arriving};
pub use choose::{any, clients_and_nemesis, mix, shortest_any, weighted_mix};
pub use context::{Context, MAX_WORKERS, Worker, Workers};
pub use draw::{below, chance, pick, shuffle};
pub use extension::GeneratorExt;
pub use keys::{per_key_concurrent, per_key_mixed, per_key_sequential};
pub use leaf::{from_fn, from_ops, log, nothing, op, repeat, sleep, unfold};
pub use popularity::{Chooser, Popularity};
pub use roster::Roster;
pub use sequence::{concat, cycle_times, flip_flop, phases, synchronize};
pub use simulate::{Completion, Simulation, imperfect, invocations, perfect, quick, simulate};
pub use who::{
    each_process, each_thread, each_thread_fn, on_clients, on_few_of_each_node, on_nemesis,
    on_workers, reserve,
};

use crate::Op;
use perjury_checkers::{Event, Process};

/// A generator behind a box.
pub type BoxGenerator = Box<dyn Generator>;

/// What a generator says when asked for the next operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Do `op` on `process` (one that is free) at `at`, nanoseconds since the run began. A later
    /// `at` than the context's time means: wait, but ask again if something happens meanwhile. An
    /// earlier one: at once, it was due then and is late.
    Emit { at: u64, process: Process, op: Op },
    /// Nothing now: ask again after the next event, and at `until` at the latest.
    Pending { until: Option<u64> },
    /// Nothing ever again.
    Done,
}

impl Next {
    /// Nothing until something happens.
    pub const PENDING: Self = Self::Pending { until: None };

    /// Changes the operation of an offer.
    pub(crate) fn map_op(self, change: impl FnOnce(Op) -> Op) -> Self {
        match self {
            Self::Emit { at, process, op } => Self::Emit { at, process, op: change(op) },
            other => other,
        }
    }

    /// Nothing earlier than `time`: an offer is put off, a wait lasts at least until then.
    pub(crate) fn not_before(self, time: u64) -> Self {
        match self {
            Self::Emit { at, process, op } => Self::Emit { at: at.max(time), process, op },
            other => other,
        }
    }
}

/// The earlier of two times at which to ask again.
pub(crate) fn sooner(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// A description of operations. Holds its own random stream; asks no clock.
///
/// To write one: derive `Clone`, offer the same operation from `next` until `took` is called, and
/// pass `took` on to the child whose offer it was and `update` to all children.
pub trait Generator: CloneGenerator + Send {
    /// Offers the next operation. Not binding: see the module's page.
    fn next(&mut self, context: &Context) -> Next;

    /// The operation last offered was taken: `process` performs it from `at` on. In `context` it is
    /// still free.
    fn took(&mut self, context: &Context, at: u64, process: Process);

    /// Learns of an event: of every invocation, after `took`, and of every completion.
    fn update(&mut self, context: &Context, event: &Event) {
        let _ = (context, event);
    }
}

/// Clones a boxed generator; implemented for every generator that is `Clone`.
pub trait CloneGenerator {
    /// A copy that goes on as this one would.
    fn clone_box(&self) -> BoxGenerator;
}

impl<G: Generator + Clone + 'static> CloneGenerator for G {
    fn clone_box(&self) -> BoxGenerator {
        Box::new(self.clone())
    }
}

impl Clone for BoxGenerator {
    fn clone(&self) -> Self {
        // Through the box: on the box itself this would clone itself without end.
        (**self).clone_box()
    }
}

impl Generator for BoxGenerator {
    fn next(&mut self, context: &Context) -> Next {
        (**self).next(context)
    }

    fn took(&mut self, context: &Context, at: u64, process: Process) {
        (**self).took(context, at, process);
    }

    fn update(&mut self, context: &Context, event: &Event) {
        (**self).update(context, event);
    }
}

impl std::fmt::Debug for BoxGenerator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Generator")
    }
}
