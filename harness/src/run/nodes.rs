//! Nodes: from SSH targets to sessions with an agent each.

use crate::Node;
use crate::agent::Agent;
use crate::control::{Session, SshTarget};
use crate::exit::HarnessFailure;
use futures::future::try_join_all;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

/// How long an agent waits for a controller that went away before it undoes everything.
const LEASE: Duration = Duration::from_secs(10);
/// For connecting to one node and starting its agent, uploading included.
const LIMIT: Duration = Duration::from_secs(120);

/// A node to be.
pub struct Member {
    pub name: String,
    pub address: IpAddr,
    pub target: SshTarget,
}

/// Connects to all at once; the first that fails ends it.
pub async fn connect_all(
    members: Vec<Member>,
    perjury: &Path,
) -> Result<Vec<Node>, HarnessFailure> {
    let connecting = members.into_iter().enumerate().map(|(index, member)| async move {
        let name = member.name.clone();
        let late =
            |_| HarnessFailure::new("connecting to the nodes", format!("{name}: not done in time"));
        tokio::time::timeout(LIMIT, connect(index, member, perjury)).await.map_err(late)?
    });
    try_join_all(connecting).await
}

/// Undoes what earlier agents left on a host; a line for each thing, or one that says there was
/// nothing.
pub async fn heal(target: SshTarget, perjury: &Path) -> Result<Vec<String>, HarnessFailure> {
    let failed = |error: &dyn std::fmt::Display| HarnessFailure::new("healing", error);
    let session = Session::connect(target).await.map_err(|error| failed(&error))?;
    let agent = Agent::deploy(&session, perjury, LEASE).await.map_err(|error| failed(&error))?;
    let mut lines = agent.healed();
    lines.extend(agent.shutdown().await.map_err(|error| failed(&error))?);
    session.close().await;
    if lines.is_empty() {
        lines.push("there was nothing to undo".to_owned());
    }
    Ok(lines)
}

async fn connect(index: usize, member: Member, perjury: &Path) -> Result<Node, HarnessFailure> {
    let failed =
        |error: &dyn std::fmt::Display| HarnessFailure::new("connecting to the nodes", error);
    let session = Session::connect(member.target).await.map_err(|error| failed(&error))?;
    let agent = Agent::deploy(&session, perjury, LEASE).await.map_err(|error| failed(&error))?;
    Ok(Node { index, name: member.name.into(), address: member.address, session, agent })
}
