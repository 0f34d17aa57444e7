//! Who leads: each member asked for its status.

use crate::connection::Connection;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A member that is paused or cut off does not answer.
const LIMIT: Duration = Duration::from_secs(1);

/// Positions of the members that say of themselves that they lead. A leader that was cut off
/// and does not know it yet is among them, beside its successor.
pub(crate) async fn leaders(members: &[SocketAddr]) -> Vec<usize> {
    let asked = members.iter().map(|member| timeout(LIMIT, leads(*member)));
    let answers = futures::future::join_all(asked).await;
    let leading = answers.into_iter().enumerate().filter(|(_, answer)| *answer == Ok(true));
    leading.map(|(position, _)| position).collect()
}

async fn leads(member: SocketAddr) -> bool {
    let Ok(mut connection) = Connection::open(member).await else { return false };
    let Ok(status) = connection.status().await else { return false };
    status.leader.is_some_and(|leader| leader == status.header.member_id)
}
