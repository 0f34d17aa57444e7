//! Faults: what the nemesis does, with evidence.

use crate::database::Lifecycle;
use crate::{BoxFuture, BoxGenerator, Cluster, Database, Op, Options, Seed};
use serde_json::Value;
use std::sync::Arc;

/// What became of one fault operation. There is no plain "failed": what could not be observed
/// is `Indeterminate`, and a run with a fault that was never observed is not green.
#[derive(Clone, Debug, PartialEq)]
pub enum Applied {
    /// It was done and *observed* on the node; the value is the evidence.
    Installed(Value),
    /// It was undone and that was observed.
    Healed(Value),
    /// Nothing was done, for this reason.
    Skipped(String),
    /// Something may have been done.
    Indeterminate(String),
}

/// What a fault may use.
pub struct FaultContext {
    pub cluster: Cluster,
    pub database: Arc<dyn Database>,
    /// Starts it again after a kill.
    pub lifecycle: Arc<Lifecycle>,
    pub options: Options,
}

/// A kind of fault.
pub trait Fault: Send + Sync {
    /// As given to `--nemesis`: `kill`.
    fn name(&self) -> &'static str;

    /// One line for the help.
    fn about(&self) -> &'static str;

    /// The operations that it understands, beginning with those that break: `["kill", "start"]`.
    fn functions(&self) -> &'static [&'static str];

    /// Whether a run that names no faults has this one.
    fn by_default(&self) -> bool {
        true
    }

    /// Why this cluster cannot have this fault; asked before the run starts.
    fn refuse(&self, context: &FaultContext) -> Option<String> {
        let _ = context;
        None
    }

    /// Like [`Fault::refuse`], by asking the nodes: once their agents run, before the run starts.
    fn refuse_on_nodes<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move { self.refuse(context) })
    }

    /// Breaking and mending in turn, endless. Which nodes are hit depends on `seed` alone.
    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator;

    /// Does one operation of [`Fault::functions`] and observes what came of it.
    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied>;

    /// Undoes whatever this fault may have left, and observes that it is undone.
    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>>;
}
