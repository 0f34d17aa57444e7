//! Settling: faults healed and seen to be healed, the database back, logs fetched, all stopped.

use super::Setting;
use super::conductor::Conductor;
use crate::agent::protocol::ProcessEnd;
use crate::assertion::End;
use crate::control::Command;
use crate::database::Lifecycle;
use crate::exit::HarnessFailure;
use crate::plan::Plan;
use crate::report::verdict::{Reason, code};
use crate::{Cluster, Node};
use futures::future::join_all;
use std::time::Duration;

/// The most that is kept of each log file of a node, in bytes.
const LOG_CAP: u64 = 16 << 20;
/// For fetching the logs of a node, and for stopping it.
const NODE_LIMIT: Duration = Duration::from_secs(30);
/// Code of the reason that the database did not come back.
const NOT_RECOVERED: &str = "not-recovered";

/// Heals every fault and waits until the database answers again. A database that does not is no
/// failure of the harness: it makes the verdict unknown. A node that is gone is one.
pub async fn heal(
    plan: &Plan,
    setting: &Setting<'_>,
    conductor: &Conductor,
) -> Result<Vec<Reason>, HarnessFailure> {
    conductor.heal().await.map_err(|error| HarnessFailure::new("healing", error))?;
    let context = conductor.context();
    let (lifecycle, cluster) = (&*context.lifecycle, &context.cluster);
    (setting.say)("waiting until the database has recovered");
    let deadline = tokio::time::Instant::now() + plan.recovery_limit.0;
    let waiting = cluster.nodes.iter().map(|node| async move {
        // It may have died on its own, or been killed with nothing left to start it again.
        let up = async {
            lifecycle.start(cluster, node).await?;
            lifecycle.await_ready(cluster, node, deadline).await
        };
        match up.await {
            Ok(()) => Ok(None),
            Err(error) => is_there(node).await.map(|()| Some(Reason::new(NOT_RECOVERED, error))),
        }
    });
    let lost: Result<Vec<_>, _> = join_all(waiting).await.into_iter().collect();
    Ok(lost?.into_iter().flatten().collect())
}

/// Whether the node itself can still be reached, whatever its database does.
async fn is_there(node: &Node) -> Result<(), HarnessFailure> {
    let asked = node.session.exec(&Command::new(["true"])).await;
    asked.map(drop).map_err(|error| HarnessFailure::new("looking for a node that is gone", error))
}

/// The reason that the user stopped the run at `time_ns`.
pub fn interrupted(time_ns: u64) -> Reason {
    let text = format!("the run was stopped after {:.0} s", time_ns as f64 / 1e9);
    Reason::new(code::INTERRUPTED, text)
}

/// Fetches logs, stops the database and the agents. What goes wrong is said, and ends nothing.
/// Gives what had ended by itself before; the run began at `started`.
pub async fn teardown(
    setting: &Setting<'_>,
    lifecycle: &Lifecycle,
    cluster: &Cluster,
    started: jiff::Timestamp,
    leave_running: bool,
) -> Vec<End> {
    (setting.say)("fetching logs and stopping the database");
    let taking = cluster.nodes.iter().map(|node| async move {
        let mut ends = Vec::new();
        let limited = tokio::time::timeout(NODE_LIMIT, async {
            ends = ended_alone(node, started).await;
            if !leave_running && let Err(error) = lifecycle.stop(node).await {
                tracing::warn!("{error}");
            }
            match setting.run.node_dir(&node.name) {
                Ok(folder) => {
                    let (came, missing) = lifecycle.fetch_logs(node, &folder, LOG_CAP).await;
                    for error in came.iter().filter_map(|log| setting.run.mask(log).err()) {
                        tracing::warn!("{error}");
                    }
                    missing.iter().for_each(|line| tracing::warn!("{line}"));
                }
                Err(error) => tracing::warn!("{error}"),
            }
            if let Err(error) = node.agent.shutdown().await {
                tracing::warn!("{error}");
            }
            node.session.close().await;
        });
        if limited.await.is_err() {
            tracing::warn!(
                "{}: logs and stopping took more than {} s",
                node.name,
                NODE_LIMIT.as_secs()
            );
        }
        ends
    });
    join_all(taking).await.into_iter().flatten().collect()
}

/// What ended on a node without having been told to, while its agent looked.
async fn ended_alone(node: &Node, started: jiff::Timestamp) -> Vec<End> {
    let ends = node.agent.process_ends().await.unwrap_or_else(|error| {
        tracing::warn!("{}: what ended by itself is not known: {error}", node.name);
        Vec::new()
    });
    let now = (jiff::Timestamp::now() - started).total(jiff::Unit::Nanosecond).unwrap_or(0.0);
    let end = |end: ProcessEnd| End {
        node: node.name.to_string(),
        at_ns: (now - end.ago_ms as f64 * 1e6).max(0.0) as u64,
        code: end.code,
        signal: end.signal,
        core: end.core,
    };
    ends.into_iter().map(end).collect()
}
