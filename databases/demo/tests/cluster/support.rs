//! A cluster for tests: started, stopped, cut and asked.

use crate::links::Link;
use perjury_clock::{Clock, Page};
use perjury_demo::bugs::Bug;
use perjury_demo::client::{DemoClient, Workload};
use perjury_demo::server::{Config, Server, Tuning};
use perjury_demo::wire::Status;
use perjury_harness::{Client, Failure, Op};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// How long a test waits for what has to come about by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Cluster {
    directory: TempDir,
    addresses: Vec<SocketAddr>,
    servers: Vec<Option<Server>>,
    /// `links[&(from, to)]`, by position.
    links: BTreeMap<(usize, usize), Link>,
    bug: Option<Bug>,
    tuning: Tuning,
}

impl Cluster {
    /// Starts `count` nodes and waits until all of them are ready.
    pub(crate) async fn start(count: usize, bug: Option<Bug>) -> Self {
        Self::start_tuned(count, bug, Tuning::default()).await
    }

    pub(crate) async fn start_tuned(count: usize, bug: Option<Bug>, tuning: Tuning) -> Self {
        let mut listeners = Vec::new();
        for _ in 0..count {
            listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
        }
        let addresses: Vec<SocketAddr> =
            listeners.iter().map(|listener| listener.local_addr().unwrap()).collect();
        let mut links = BTreeMap::new();
        for from in 0..count {
            for to in (0..count).filter(|to| *to != from) {
                links.insert((from, to), Link::to(addresses[to]).await);
            }
        }
        let servers = (0..count).map(|_| None).collect();
        let directory = TempDir::new().unwrap();
        Page::create(&directory.path().join("clock")).unwrap();
        let mut cluster = Self { directory, addresses, servers, links, bug, tuning };
        for (node, listener) in listeners.into_iter().enumerate() {
            cluster.serve(node, listener).await;
        }
        for node in 0..count {
            cluster.ready(node).await;
        }
        cluster
    }

    async fn serve(&mut self, node: usize, listener: TcpListener) {
        let nodes = (0..self.addresses.len()).map(|to| {
            let link = self.links.get(&(node, to));
            let address = link.map_or(self.addresses[to], |link| link.address);
            (to as u64 + 1, address.to_string())
        });
        let config = Config {
            id: node as u64 + 1,
            nodes: nodes.collect(),
            data: self.data(node),
            bug: self.bug,
            tuning: self.tuning.clone(),
            clock: Arc::new(Clock::steered(&self.clock()).unwrap()),
        };
        self.servers[node] = Some(Server::start(config, listener).await.unwrap());
    }

    /// The file that steers the wall clock of all nodes.
    pub(crate) fn clock(&self) -> PathBuf {
        self.directory.path().join("clock")
    }

    pub(crate) fn data(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("n{}", node + 1))
    }

    pub(crate) fn nodes(&self) -> std::ops::Range<usize> {
        0..self.addresses.len()
    }

    /// Stops a node abruptly.
    pub(crate) async fn stop(&mut self, node: usize) {
        self.servers[node].take().unwrap().stop().await;
    }

    /// Starts a stopped node with the data it left.
    pub(crate) async fn restart(&mut self, node: usize) {
        let listener = TcpListener::bind(self.addresses[node]).await.unwrap();
        self.serve(node, listener).await;
    }

    /// Cuts every link between `group` and the others, both ways.
    pub(crate) fn isolate(&self, group: &[usize]) {
        for ((from, to), link) in &self.links {
            if group.contains(from) != group.contains(to) {
                link.cut();
            }
        }
    }

    /// Makes what `node` asks others, and their answers, take so long.
    pub(crate) fn slow(&self, node: usize, requests: Duration, answers: Duration) {
        for (_, link) in self.links.iter().filter(|((from, _), _)| *from == node) {
            link.slow(requests, answers);
        }
    }

    /// Cuts what others ask `node`.
    pub(crate) fn deafen(&self, node: usize) {
        self.links.iter().filter(|((_, to), _)| *to == node).for_each(|(_, link)| link.cut());
    }

    pub(crate) fn mend(&self) {
        self.links.values().for_each(Link::mend);
    }

    pub(crate) async fn client(&self, node: usize, workload: Workload) -> DemoClient {
        DemoClient::connect(self.addresses[node], workload).await.unwrap()
    }

    /// One operation over a connection of its own.
    pub(crate) async fn ask(
        &self,
        node: usize,
        workload: Workload,
        f: &str,
        value: Value,
    ) -> Result<Value, Failure> {
        self.client(node, workload).await.invoke(&Op::new(f, value)).await
    }

    /// An operation that succeeds sooner or later, tried again after definite failures.
    pub(crate) async fn must(
        &self,
        node: usize,
        workload: Workload,
        f: &str,
        value: Value,
    ) -> Value {
        let again =
            |failure: &Failure| matches!(failure, Failure::Definite(_) | Failure::Declined(_));
        self.insist(node, workload, f, value, again).await
    }

    /// One that does no harm if it happens twice, tried again after any failure.
    pub(crate) async fn eventually(
        &self,
        node: usize,
        workload: Workload,
        f: &str,
        value: Value,
    ) -> Value {
        self.insist(node, workload, f, value, |_| true).await
    }

    async fn insist(
        &self,
        node: usize,
        workload: Workload,
        f: &str,
        value: Value,
        again: fn(&Failure) -> bool,
    ) -> Value {
        let start = Instant::now();
        loop {
            match self.ask(node, workload, f, value.clone()).await {
                Ok(completed) => return completed,
                Err(failure) if again(&failure) && start.elapsed() < PATIENCE => {}
                Err(failure) => panic!("{f} {value} at node {node}: {failure:?}"),
            }
        }
    }

    pub(crate) async fn status(&self, node: usize) -> Option<Status> {
        let mut client = DemoClient::connect(self.addresses[node], Workload::Set).await.ok()?;
        client.status().await.ok()
    }

    pub(crate) async fn ready(&self, node: usize) {
        until(async || self.status(node).await.is_some_and(|status| status.ready)).await;
    }

    /// The position of the one that leads the nodes `among`.
    pub(crate) async fn leader(&self, among: &[usize]) -> usize {
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            let mut seen = Vec::new();
            for node in among {
                seen.push(self.status(*node).await.and_then(|status| status.leader));
            }
            let leader = seen[0].map(|id| usize::try_from(id).unwrap() - 1);
            if seen.iter().all(|found| *found == seen[0])
                && let Some(leader) = leader.filter(|leader| among.contains(leader))
            {
                return leader;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("nodes {among:?} agree on no leader");
    }

    /// The leader and the others, of a whole cluster.
    pub(crate) async fn leader_and_followers(&self) -> (usize, Vec<usize>) {
        let leader = self.leader(&self.nodes().collect::<Vec<_>>()).await;
        (leader, self.nodes().filter(|node| *node != leader).collect())
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until(mut condition: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
