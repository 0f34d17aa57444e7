//! The database as the harness sees it: definition, workloads, bugs, clients, who leads.

use crate::bugs;
use crate::client::{DemoClient, DemoConnect, LocalWorkload, Workload};
use crate::wire::Status;
use futures::future::join_all;
use perjury_harness::client::SharedConnect;
use perjury_harness::database::Bug;
use perjury_harness::{BoxFuture, Database, Node, Options};
use perjury_workloads::Opening;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The port of every node, for clients and peers alike; `database.toml` has the same.
pub const PORT: u16 = 7600;

/// How long a node is given to say whether it leads.
const STATUS_LIMIT: Duration = Duration::from_millis(700);

/// The demo database.
pub fn database() -> impl Database {
    Demo
}

/// How long a change of members may take: newcomers have to learn the log first.
const MEMBERS_LIMIT: Duration = Duration::from_secs(10);

struct Demo;

impl Database for Demo {
    fn name(&self) -> &str {
        "demo"
    }

    fn about(&self) -> &str {
        "Perjury's own replicated key-value store, with bugs that can be switched on"
    }

    fn definition(&self) -> &str {
        include_str!("../database.toml")
    }

    fn workloads(&self) -> &[&'static str] {
        &[
            "register",
            "list-append",
            "rw-register",
            "set",
            "bank",
            "counter",
            "queue",
            "lock",
            "unique-ids",
            "causal",
            "causal-reverse",
            "long-fork",
            "sequential",
            "monotonic",
            "g2",
            "leader-election",
            "partitioned-log",
            "watch",
            "eventual",
            "lww-register",
            "crdt-counter",
            "or-set",
            "mv-register",
        ]
    }

    fn options(&self) -> &[(&'static str, &'static str)] {
        &[
            ("bug", "a mistake for it to make"),
            ("deaf", "true: listen and never answer, so that it does not become ready"),
        ]
    }

    fn bugs(&self) -> &[Bug] {
        bugs::TABLE
    }

    fn connect(&self, workload: &str, options: &Options) -> Result<SharedConnect, String> {
        if let Some(bug) = options.get("bug") {
            bug.parse::<bugs::Bug>()?;
        }
        match Workload::named(workload) {
            Some(Workload::Bank(_)) => {
                let workload = Workload::Bank(Opening::of(options)?);
                Ok(Arc::new(DemoConnect { workload }))
            }
            // What promises less is asked of the part that does.
            Some(Workload::Set) if options.get("consistency-model") == Some("eventual") => {
                Ok(Arc::new(DemoConnect { workload: Workload::Local(LocalWorkload::Set) }))
            }
            Some(workload) => Ok(Arc::new(DemoConnect { workload })),
            None => Err(format!("the demo database has no workload `{workload}`")),
        }
    }

    /// The leader of the latest term. One of an earlier term may still believe that it leads.
    fn primaries<'a>(&'a self, _: &'a Options, nodes: &'a [Node]) -> BoxFuture<'a, Vec<usize>> {
        Box::pin(async move { leaders(&statuses(nodes).await) })
    }

    fn can_change_members(&self) -> bool {
        true
    }

    /// As the leader sees it. Node 1 is the first, and so on.
    fn members<'a>(&'a self, nodes: &'a [Node]) -> BoxFuture<'a, Option<Vec<usize>>> {
        Box::pin(async move {
            let statuses = statuses(nodes).await;
            let leader = *leaders(&statuses).first()?;
            let members = &statuses.get(leader)?.as_ref()?.members;
            Some((0..nodes.len()).filter(|&at| members.contains(&id(at))).collect())
        })
    }

    fn set_members<'a>(
        &'a self,
        nodes: &'a [Node],
        members: &'a [usize],
    ) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let leader = leaders(&statuses(nodes).await);
            let leader = *leader.first().ok_or("nobody leads at this moment")?;
            let address = SocketAddr::new(nodes[leader].address, PORT);
            let mut client = DemoClient::connect(address, Workload::Register).await?;
            let ids = members.iter().map(|&at| id(at)).collect();
            let changed = tokio::time::timeout(MEMBERS_LIMIT, client.set_members(ids)).await;
            let late = |_| format!("the leader did not answer within {MEMBERS_LIMIT:?}");
            changed.map_err(late)?.map_err(|failure| format!("{failure:?}"))
        })
    }
}

/// A node's id, by its position, as `database.toml` gives it with `{index}`.
fn id(position: usize) -> u64 {
    position as u64 + 1
}

async fn statuses(nodes: &[Node]) -> Vec<Option<Status>> {
    join_all(nodes.iter().map(|node| status(SocketAddr::new(node.address, PORT)))).await
}

async fn status(address: SocketAddr) -> Option<Status> {
    let asked = tokio::time::timeout(STATUS_LIMIT, async {
        let mut client = DemoClient::connect(address, Workload::Register).await.ok()?;
        client.status().await.ok()
    });
    asked.await.ok().flatten()
}

/// Positions of those that lead in the latest term in which anyone does.
fn leaders(statuses: &[Option<Status>]) -> Vec<usize> {
    let leading = || {
        let leads = |status: &&Status| status.role == "leader";
        let known = statuses.iter().enumerate();
        known.filter_map(move |(at, status)| status.as_ref().filter(leads).map(|s| (at, s.term)))
    };
    let latest = leading().map(|(_, term)| term).max();
    leading().filter(|(_, term)| Some(*term) == latest).map(|(at, _)| at).collect()
}

#[cfg(test)]
mod tests;
