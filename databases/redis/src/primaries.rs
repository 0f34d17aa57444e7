//! Who is a master: each server asked for its role.

use crate::protocol::command;
use crate::session::{Login, Resp, role};
use perjury_wire::Connection;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A server that is paused or cut off does not answer.
const LIMIT: Duration = Duration::from_secs(1);

/// Positions of the servers that call themselves masters. One that was cut off and does not know
/// of its successor yet is among them, and in a cluster all masters are.
pub(crate) async fn primaries(servers: &[SocketAddr], password: Option<&str>) -> Vec<usize> {
    let asked = servers.iter().map(|server| timeout(LIMIT, is_master(*server, password)));
    let answers = futures::future::join_all(asked).await;
    let leading = answers.into_iter().enumerate().filter(|(_, answer)| *answer == Ok(true));
    leading.map(|(position, _)| position).collect()
}

async fn is_master(server: SocketAddr, password: Option<&str>) -> bool {
    let login = Login { password: password.map(str::to_owned), master: false };
    let Ok(mut connection) = Connection::<Resp>::open(server, login).await else { return false };
    let asked = command(&["ROLE"]);
    let answer =
        connection.exchange(|session| Box::pin(async move { session.single(&asked).await })).await;
    answer.is_ok_and(|reply| role(&reply) == Ok("master"))
}
