//! Who leads: each server asked whether it is in recovery.

use crate::session::{Login, PgSession, Wants};
use perjury_wire::Connection;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A server that is paused or cut off does not answer.
const LIMIT: Duration = Duration::from_secs(1);

/// Positions of the servers that say that they are not in recovery. One that was replaced and
/// does not know it yet is among them, beside its successor.
pub(crate) async fn primaries(servers: &[SocketAddr], login: &Login) -> Vec<usize> {
    let login = Login { wants: Wants::Primary, ..login.clone() };
    let asked = servers.iter().map(|server| {
        let opening = Connection::<PgSession>::open(*server, login.clone());
        timeout(LIMIT, opening)
    });
    let answers = futures::future::join_all(asked).await;
    let leading = answers.into_iter().enumerate().filter(|(_, answer)| matches!(answer, Ok(Ok(_))));
    leading.map(|(position, _)| position).collect()
}
