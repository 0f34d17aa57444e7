//! A ground for tests: real agents with real processes, and a network real or pretended.

mod hosts;
mod packets;

use crate::agent::tests::Client;
use crate::ground::Ground;
use crate::wire::{NET_PROBE, Probe, Probed, Reach};
pub(crate) use hosts::Hosts;
use perjury_harness::agent::protocol::ProcessState;
use perjury_harness::cluster::{Link, LinkCount, LinkPolicy};
use perjury_harness::{BoxFuture, Fabric};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A network of which only its counts are true.
#[derive(Default)]
pub(crate) struct FakeFabric {
    cut: Mutex<BTreeSet<Link>>,
    counts: Mutex<BTreeMap<Link, LinkCount>>,
    layers: Mutex<Vec<(&'static str, Link, LinkPolicy)>>,
    heard: Mutex<packets::Ears>,
    /// Says that it cuts or mends, and does not.
    pub(crate) sabotage: Mutex<Option<&'static str>>,
}

impl FakeFabric {
    fn sabotaged(&self, what: &str) -> bool {
        *self.sabotage.lock().unwrap() == Some(what)
    }

    /// A frame sets out. Whether it arrives.
    fn carry(&self, link: Link) -> bool {
        let arrives = !self.cut.lock().unwrap().contains(&link);
        let mut counts = self.counts.lock().unwrap();
        let count = counts.entry(link).or_default();
        if arrives {
            count.delivered += 1;
        } else if !self.sabotaged("count") {
            count.dropped += 1;
        }
        arrives
    }

    fn connect(&self, from: usize, to: usize) -> bool {
        self.carry(Link { from, to }) && self.carry(Link { from: to, to: from })
    }
}

impl Fabric for FakeFabric {
    fn cut(&self, links: &[Link]) {
        if !self.sabotaged("cut") {
            self.cut.lock().unwrap().extend(links);
        }
        if self.sabotaged("cut more") {
            let first = links[0];
            self.cut.lock().unwrap().extend(
                (0..5).filter(|&to| to != first.from).map(|to| Link { from: first.from, to }),
            );
        }
    }

    fn mend(&self, links: &[Link]) {
        if !self.sabotaged("mend") {
            self.cut.lock().unwrap().retain(|link| !links.contains(link));
        }
    }

    fn cuts(&self) -> Vec<Link> {
        self.cut.lock().unwrap().iter().copied().collect()
    }

    fn count(&self, link: Link) -> LinkCount {
        self.counts.lock().unwrap().get(&link).copied().unwrap_or_default()
    }

    fn shape(&self, layer: &'static str, links: &[Link], policy: &LinkPolicy) {
        self.pretend_to_shape(layer, links, policy);
    }

    fn shaped(&self, layer: Option<&str>) -> Vec<(Link, LinkPolicy)> {
        let layers = self.layers.lock().unwrap();
        let wanted = layers.iter().filter(|(name, ..)| layer.is_none_or(|layer| layer == *name));
        wanted.map(|(_, link, policy)| (*link, policy.clone())).collect()
    }
}

pub(crate) struct LabNode {
    pub(crate) name: String,
    pub(crate) address: IpAddr,
    pub(crate) state: PathBuf,
    pub(crate) agent: Mutex<Client>,
}

/// See the file's page. Kills what its agents started when it is dropped.
pub(crate) struct Lab {
    pub(crate) nodes: Vec<LabNode>,
    pub(crate) fabric: Option<FakeFabric>,
    pub(crate) leaders: Mutex<Vec<usize>>,
    /// Operations a second, and since when.
    pub(crate) pretended_load: Mutex<(f64, std::time::Instant)>,
    pub(crate) members: Mutex<Vec<usize>>,
    /// Says that it changes its members, and does not.
    pub(crate) deaf_cluster: AtomicBool,
    /// A verb that agents say they have done, and do not do, with their answer.
    pub(crate) pretence: Mutex<Option<(&'static str, Value)>>,
    _dir: tempfile::TempDir,
}

impl Lab {
    /// `n1`, `n2`, ... on this machine with a pretended network.
    pub(crate) fn pretended(size: usize) -> Self {
        let exe = std::env::current_exe().unwrap();
        let nodes = (0..size).map(|node| {
            let address = format!("10.99.0.{}", node + 1).parse().unwrap();
            (Command::new(&exe), address)
        });
        Self::with(nodes.collect(), Some(FakeFabric::default()))
    }

    /// For each node the command that runs this test binary where it should, and its address.
    pub(crate) fn with(nodes: Vec<(Command, IpAddr)>, fabric: Option<FakeFabric>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let nodes = nodes.into_iter().enumerate().map(|(node, (mut command, address))| {
            let name = format!("n{}", node + 1);
            let state = dir.path().join(&name);
            let agent = Mutex::new(Client::start_in(&mut command, &state, 60_000));
            LabNode { name, address, state, agent }
        });
        let nodes: Vec<LabNode> = nodes.collect();
        let members = Mutex::new((0..nodes.len()).collect());
        Self {
            nodes,
            fabric,
            leaders: Mutex::default(),
            members,
            pretended_load: Mutex::new((100.0, std::time::Instant::now())),
            deaf_cluster: AtomicBool::new(false),
            pretence: Mutex::default(),
            _dir: dir,
        }
    }

    pub(crate) fn call(&self, node: usize, verb: &str, with: Value) -> Result<Value, String> {
        self.nodes[node].agent.lock().unwrap().call(verb, with)
    }

    /// Starts a process that stands for the database, on every node.
    pub(crate) fn start_all(&self) {
        for node in 0..self.nodes.len() {
            self.start_one(node).unwrap();
        }
    }

    pub(crate) fn start_one(&self, node: usize) -> Result<ProcessState, String> {
        let log = self.nodes[node].state.join("db.log");
        let argv = ["/bin/sh", "-c", "sleep 1000 & wait"];
        let state =
            self.call(node, "process.start", json!({"name": "db", "argv": argv, "log": log}))?;
        serde_json::from_value(state).map_err(|error| error.to_string())
    }

    pub(crate) fn state(&self, node: usize) -> String {
        let state = self.call(node, "process.status", json!({"name": "db"})).unwrap();
        state["state"].as_str().unwrap().to_owned()
    }

    fn pretend_probes(&self, fabric: &FakeFabric, from: usize, with: Value) -> Value {
        let probe: Probe = serde_json::from_value(with).unwrap();
        let answers = probe.targets.into_iter().map(|target| {
            let to = self.nodes.iter().position(|node| node.address == target.ip()).unwrap();
            let swallowed = fabric.swallows(Link { from, to }, target.port());
            let (reach, detail) = if !swallowed && fabric.connect(from, to) {
                (Reach::Refused, "refused after 0 ms".to_owned())
            } else {
                (Reach::TimedOut, format!("timed out after {} ms", probe.timeout_ms))
            };
            Probed { target, reach, detail }
        });
        json!(answers.collect::<Vec<_>>())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for node in &self.nodes {
            // A test that failed may hold an agent that no longer answers: then it is left.
            if let Ok(mut agent) = node.agent.lock() {
                let _ = agent.try_call("process.kill", json!({"name": "db"}));
            }
        }
    }
}

impl Ground for Lab {
    fn size(&self) -> usize {
        self.nodes.len()
    }

    fn name(&self, node: usize) -> &str {
        &self.nodes[node].name
    }

    fn address(&self, node: usize) -> IpAddr {
        self.nodes[node].address
    }

    fn ask<'a>(
        &'a self,
        node: usize,
        verb: &'a str,
        with: Value,
        _timeout: Duration,
    ) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move {
            if let Some((pretended, answer)) = &*self.pretence.lock().unwrap()
                && *pretended == verb
            {
                return Ok(answer.clone());
            }
            match &self.fabric {
                Some(fabric) if verb == NET_PROBE => Ok(self.pretend_probes(fabric, node, with)),
                Some(fabric) if packets::VERBS.contains(&verb) => {
                    Ok(self.pretend_packets(fabric, node, verb, with))
                }
                _ => self.call(node, verb, with),
            }
        })
    }

    fn fabric(&self) -> Option<&dyn Fabric> {
        self.fabric.as_ref().map(|fabric| fabric as &dyn Fabric)
    }

    fn knock(&self, probe: Probe) -> BoxFuture<'_, Vec<Probed>> {
        let client = perjury_harness::local::CONTROLLER;
        let fabric = self.fabric.as_ref().unwrap();
        let answers = self.pretend_probes(fabric, client, json!(probe));
        Box::pin(async move { serde_json::from_value(answers).unwrap() })
    }

    fn start(&self, node: usize) -> BoxFuture<'_, Result<ProcessState, String>> {
        Box::pin(async move { self.start_one(node) })
    }

    fn primaries(&self) -> BoxFuture<'_, Vec<usize>> {
        Box::pin(async { self.leaders.lock().unwrap().clone() })
    }

    fn operations_begun(&self) -> u64 {
        let (rate, since) = *self.pretended_load.lock().unwrap();
        (since.elapsed().as_secs_f64() * rate) as u64
    }

    fn rate(&self) -> f64 {
        100.0
    }

    fn can_change_members(&self) -> bool {
        true
    }

    fn members(&self) -> BoxFuture<'_, Option<Vec<usize>>> {
        Box::pin(async { Some(self.members.lock().unwrap().clone()) })
    }

    fn set_members<'a>(&'a self, members: &'a [usize]) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async {
            if !self.deaf_cluster.load(Ordering::Relaxed) {
                *self.members.lock().unwrap() = members.to_vec();
            }
            Ok(())
        })
    }
}

/// Options of a run over `n1` to `nSIZE`, with `--set` of these.
pub(crate) fn options(size: usize, set: &[(&str, &str)]) -> perjury_harness::Options {
    perjury_harness::Options {
        set: set.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        nodes: (1..=size).map(|number| format!("n{number}")).collect(),
        concurrency: 5,
        keys: 5,
        key_choice: None,
        ops_per_key: 100,
        time_limit: Duration::from_secs(60),
        nemesis_interval: Duration::from_secs(5),
    }
}

/// The operations that a schedule asks for.
pub(crate) fn operations(
    schedule: perjury_harness::BoxGenerator,
    count: usize,
) -> Vec<perjury_harness::Op> {
    use perjury_harness::generator::{Simulation, invocations, quick, simulate};
    let simulation = Simulation { max_operations: count, ..Simulation::new(3, 3) };
    let events = simulate(schedule, &simulation, quick);
    invocations(&events).into_iter().map(|(_, op)| op).collect()
}

/// Runs `test` (its full name) again as root of a user, a mount and a network namespace of its
/// own, unless this is that run already. Whether this is it.
pub(crate) fn in_namespaces(test: &str) -> bool {
    const INSIDE: &str = "PERJURY_TEST_INSIDE";
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let status = Command::new("unshare")
        .args(["--user", "--map-root-user", "--mount", "--net"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .unwrap();
    assert!(status.success(), "{test} failed in its namespaces");
    false
}

/// Whether `nft` and `ip` are there. A machine without them has no firewall to test; CI has them.
pub(crate) fn has_network_tools() -> bool {
    let is_there = |tool: &str| {
        ["/usr/sbin", "/sbin", "/usr/bin", "/bin"]
            .iter()
            .any(|directory| std::path::Path::new(directory).join(tool).exists())
    };
    let there = is_there("nft") && is_there("ip");
    assert!(there || std::env::var_os("CI").is_none(), "CI installs nftables and iproute2");
    there
}

/// `sh -c`, which must succeed.
pub(crate) fn shell(script: &str) {
    let path = "/usr/sbin:/sbin:/usr/bin:/bin";
    let status = Command::new("/bin/sh").args(["-ec", script]).env("PATH", path).status().unwrap();
    assert!(status.success(), "{script}");
}
