//! Faults: what the nemesis does, with evidence.

mod custom;

pub use custom::CustomFault;

use crate::database::Lifecycle;
use crate::generator::Load;
use crate::scheduler::Progress;
use crate::{BoxFuture, BoxGenerator, Cluster, Database, Op, Options, Seed};
use perjury_checkers::Event;
use serde_json::Value;
use std::collections::BTreeMap;
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
    /// What clients have done so far.
    pub progress: Arc<Progress>,
    /// Operations a second that are asked for; 0 for as many as are answered.
    pub rate: f64,
    /// Whether the nodes are virtual machines, which are there to be broken.
    pub virtual_machines: bool,
}

/// Whether a fault works with one kind of nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Support {
    /// It works, with evidence.
    #[default]
    Works,
    /// It works if the nodes have this: `nft`.
    Needs(&'static str),
    /// It is refused before the run starts, for this reason.
    Refused(&'static str),
}

impl std::fmt::Display for Support {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Works => f.write_str("works"),
            Self::Needs(what) => write!(f, "works; needs {what}"),
            Self::Refused(why) => write!(f, "refused: {why}"),
        }
    }
}

/// Where a fault works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Providers {
    /// Local nodes of root.
    pub local_root: Support,
    /// Local nodes of an ordinary user.
    pub local_user: Support,
    /// Hosts and virtual machines, reached by SSH.
    pub hosts: Support,
}

impl Providers {
    /// Each provider's name with what can be said of it.
    pub fn rows(&self) -> [(&'static str, Support); 3] {
        [("local, root", self.local_root), ("local, user", self.local_user), ("hosts", self.hosts)]
    }
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

    /// Variables that the database's process is started with for this fault's sake, on local nodes
    /// or on hosts. The agent, which starts it, knows what they ask for.
    fn environment(&self, local: bool) -> BTreeMap<String, String> {
        let _ = local;
        BTreeMap::new()
    }

    /// Makes the nodes ready for it: asked once, when the database is installed and wiped and does
    /// not run yet. An error ends the run before it starts.
    fn prepare<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<(), String>> {
        let _ = context;
        Box::pin(async { Ok(()) })
    }

    /// Whether nodes themselves are away meanwhile: nothing else can be mended before this is, and
    /// mending takes as long as they take to boot.
    fn takes_nodes_away(&self) -> bool {
        false
    }

    /// Where it works, and what it needs there.
    fn providers(&self) -> Providers {
        Providers::default()
    }

    /// A breaking operation in a script's words: what comes after the function's name in
    /// `at 10s kill n1+n2 for 5s`. What the words leave open comes from `seed`. Without words of
    /// its own, a fault takes an operation's value as JSON, as the history has it.
    fn script(&self, words: &str, options: &Options, seed: Seed) -> Result<Op, String> {
        let _ = (options, seed);
        let value: Value = serde_json::from_str(words)
            .map_err(|error| format!("`{}` takes its value as JSON here: {error}", self.name()))?;
        Ok(Op::new(self.functions().first().copied().unwrap_or(self.name()), value))
    }

    /// What the clients' load becomes once the nemesis is asked for what `event` says; `None` when
    /// that changes nothing.
    fn load(&self, event: &Event) -> Option<Load> {
        let _ = event;
        None
    }

    /// Breaking and mending in turn, endless. Which nodes are hit depends on `seed` alone.
    fn schedule(&self, options: &Options, seed: Seed) -> BoxGenerator;

    /// Does one operation of [`Fault::functions`] and observes what came of it.
    fn apply<'a>(&'a self, context: &'a FaultContext, op: &'a Op) -> BoxFuture<'a, Applied>;

    /// Undoes whatever this fault may have left, and observes that it is undone.
    fn heal<'a>(&'a self, context: &'a FaultContext) -> BoxFuture<'a, Result<Value, String>>;
}
