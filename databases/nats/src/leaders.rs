//! Who leads the stream: each server asked, and answered by whoever takes itself for the leader.

use crate::connection::Connection;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A server that is paused or cut off from the leader does not answer.
const LIMIT: Duration = Duration::from_secs(1);

/// Names of those that lead, as seen from `servers`. A leader that was cut off and does not know it
/// yet is among them, beside its successor.
pub(crate) async fn leaders(servers: &[SocketAddr]) -> BTreeSet<String> {
    let asked = servers.iter().map(|server| timeout(LIMIT, leader(*server)));
    let answers = futures::future::join_all(asked).await;
    answers.into_iter().filter_map(|answer| answer.ok().flatten()).collect()
}

async fn leader(server: SocketAddr) -> Option<String> {
    let mut connection = Connection::open(server).await.ok()?;
    connection.stream_info().await.ok()?.cluster.leader
}
