//! The ground that faults stand on: nodes to ask, a network to cut, a database to start.
//!
//! Faults are written against this small trait, so that their logic can be tested with real agents
//! and no controller. In a run it is the harness's [`FaultContext`].

use crate::wire::{Probe, Probed};
use futures::future::join_all;
use perjury_harness::agent::protocol::{ProcessName, ProcessState, RunState};
use perjury_harness::database::PROCESS;
use perjury_harness::{Applied, BoxFuture, Fabric, FaultContext};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

/// How long an agent may take over a request about a process: it looks for up to five seconds,
/// and a stop waits five before.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(20);

/// See the module's page.
pub(crate) trait Ground: Send + Sync {
    /// Number of nodes.
    fn size(&self) -> usize;

    /// Name of a node by its position.
    fn name(&self, node: usize) -> &str;

    /// Its address on the data network.
    fn address(&self, node: usize) -> IpAddr;

    /// Asks the node's agent. The error says whether the agent refused or did not answer.
    fn ask<'a>(
        &'a self,
        node: usize,
        verb: &'a str,
        with: Value,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Value, String>>;

    /// The data network that the controller carries itself, if it does.
    fn fabric(&self) -> Option<&dyn Fabric>;

    /// Starts the database on a node, or finds it running.
    fn start(&self, node: usize) -> BoxFuture<'_, Result<ProcessState, String>>;

    /// Who leads at this moment, by position; empty when unknown.
    fn primaries(&self) -> BoxFuture<'_, Vec<usize>>;

    /// Whether the database's definition knows how to change members.
    fn can_change_members(&self) -> bool;

    /// Who the members are, by position, as the cluster sees it; `None` when it cannot tell.
    fn members(&self) -> BoxFuture<'_, Option<Vec<usize>>>;

    /// Asks the cluster to have exactly these members.
    fn set_members<'a>(&'a self, members: &'a [usize]) -> BoxFuture<'a, Result<(), String>>;

    /// Client operations begun so far.
    fn operations_begun(&self) -> u64;

    /// Client operations a second that are asked for; 0 for as many as are answered.
    fn rate(&self) -> f64;
    /// Tries connections from where clients are.
    fn knock(&self, probe: Probe) -> BoxFuture<'_, Vec<Probed>> {
        // A fault's task must not wait for a thread that waits.
        Box::pin(async move {
            let tried = tokio::task::spawn_blocking(move || crate::agent::probe::run(&probe));
            tried.await.ok().and_then(Result::ok).unwrap_or_default()
        })
    }

    /// Position of the node called `name`.
    fn position(&self, name: &str) -> Option<usize> {
        (0..self.size()).find(|&node| self.name(node) == name)
    }
}

impl Ground for FaultContext {
    fn size(&self) -> usize {
        self.cluster.nodes.len()
    }

    fn name(&self, node: usize) -> &str {
        &self.cluster.nodes[node].name
    }

    fn address(&self, node: usize) -> IpAddr {
        self.cluster.nodes[node].address
    }

    fn ask<'a>(
        &'a self,
        node: usize,
        verb: &'a str,
        with: Value,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            let agent = &self.cluster.nodes[node].agent;
            agent.call(verb, with, timeout).await.map_err(|error| error.to_string())
        })
    }

    fn fabric(&self) -> Option<&dyn Fabric> {
        self.cluster.fabric.as_deref()
    }

    fn start(&self, node: usize) -> BoxFuture<'_, Result<ProcessState, String>> {
        Box::pin(self.lifecycle.start(&self.cluster, &self.cluster.nodes[node]))
    }

    fn primaries(&self) -> BoxFuture<'_, Vec<usize>> {
        self.database.primaries(&self.options, &self.cluster.nodes)
    }

    fn operations_begun(&self) -> u64 {
        let progress = &self.progress;
        progress.ok() + progress.fail() + progress.info() + progress.open() as u64
    }

    fn rate(&self) -> f64 {
        self.rate
    }

    fn can_change_members(&self) -> bool {
        self.database.can_change_members()
    }

    fn members(&self) -> BoxFuture<'_, Option<Vec<usize>>> {
        self.database.members(&self.cluster.nodes)
    }

    fn set_members<'a>(&'a self, members: &'a [usize]) -> BoxFuture<'a, Result<(), String>> {
        self.database.set_members(&self.cluster.nodes, members)
    }
}

/// Asks and reads the answer.
pub(crate) async fn ask<T: DeserializeOwned>(
    ground: &dyn Ground,
    node: usize,
    verb: &str,
    with: Value,
    timeout: Duration,
) -> Result<T, String> {
    let answer = ground.ask(node, verb, with, timeout).await?;
    serde_json::from_value(answer).map_err(|error| {
        format!("the agent on {} answered `{verb}` in another form: {error}", ground.name(node))
    })
}

/// Asks the agents of several nodes the same about the database's process, at the same time.
pub(crate) async fn ask_about_process(
    ground: &dyn Ground,
    nodes: &[usize],
    verb: &str,
) -> BTreeMap<usize, Result<ProcessState, String>> {
    let with = json!(ProcessName { name: PROCESS.to_owned() });
    let answers = nodes.iter().map(|&node| {
        let with = with.clone();
        async move { (node, ask(ground, node, verb, with, PROCESS_TIMEOUT).await) }
    });
    join_all(answers).await.into_iter().collect()
}

/// What became of the nodes of one operation, in the words of the evidence.
#[derive(Default)]
pub(crate) struct Tally {
    /// Where it was done and seen.
    pub(crate) done: BTreeMap<String, Value>,
    /// Where there was nothing to do.
    pub(crate) skipped: BTreeMap<String, String>,
    /// Where it was not seen.
    pub(crate) unseen: BTreeMap<String, String>,
}

impl Tally {
    /// The evidence, with `more` beside the nodes.
    pub(crate) fn evidence(&self, more: Value) -> Value {
        let mut evidence = match more {
            Value::Object(map) => map,
            _ => serde_json::Map::new(),
        };
        evidence.insert("nodes".to_owned(), json!(self.done));
        if !self.skipped.is_empty() {
            evidence.insert("skipped".to_owned(), json!(self.skipped));
        }
        Value::Object(evidence)
    }

    /// What an operation that breaks ends as: installed where it was seen everywhere that it was
    /// meant to be.
    pub(crate) fn broken(self, more: Value) -> Applied {
        if !self.unseen.is_empty() {
            let seen: Vec<&String> = self.done.keys().collect();
            return Applied::Indeterminate(format!("{} (seen on {seen:?})", self.problems()));
        }
        if self.done.is_empty() {
            return Applied::Skipped(self.reasons());
        }
        Applied::Installed(self.evidence(more))
    }

    /// What an operation that mends ends as.
    pub(crate) fn mended(self) -> Applied {
        if !self.unseen.is_empty() {
            return Applied::Indeterminate(self.problems());
        }
        if self.done.is_empty() {
            return Applied::Skipped(self.reasons());
        }
        Applied::Healed(self.evidence(Value::Null))
    }

    /// What the last mending comes to: that there was nothing to do is as good.
    pub(crate) fn healed(self) -> Result<Value, String> {
        if self.unseen.is_empty() { Ok(self.evidence(Value::Null)) } else { Err(self.problems()) }
    }

    /// All that was not seen, as a sentence.
    pub(crate) fn problems(&self) -> String {
        sentence(&self.unseen)
    }

    /// All that was not to be done, as a sentence.
    pub(crate) fn reasons(&self) -> String {
        sentence(&self.skipped)
    }
}

fn sentence(of: &BTreeMap<String, String>) -> String {
    of.iter().map(|(node, text)| format!("{node}: {text}")).collect::<Vec<_>>().join("; ")
}

/// `{"observed":"pids 4711, 4712 are gone","pids":[4711,4712]}`
pub(crate) fn witness(state: &ProcessState, pids: &[u32]) -> Value {
    let mut witness = json!({ "observed": state.observed });
    if !pids.is_empty() {
        witness["pids"] = json!(pids);
    }
    if let (RunState::Running, Some(pid)) = (state.state, state.pid) {
        witness["pid"] = json!(pid);
    }
    witness
}
