//! Who leads: each server asked with the four-letter word `srvr`.

use perjury_wire::{Link, WireError};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::time::timeout;

/// A server that is paused or cut off does not answer.
const LIMIT: Duration = Duration::from_secs(1);
/// The answer has some ten lines.
const ANSWER_LIMIT: usize = 64 << 10;

/// Positions of the servers that say of themselves that they lead. A leader that was cut off and
/// does not know it yet is among them, beside its successor.
pub(crate) async fn leaders(servers: &[SocketAddr]) -> Vec<usize> {
    let asked = servers.iter().map(|server| timeout(LIMIT, mode(*server)));
    let answers = futures::future::join_all(asked).await;
    let leads = |mode: &String| ["leader", "standalone"].contains(&mode.as_str());
    let modes =
        answers.iter().map(|answer| answer.as_ref().ok().and_then(|mode| mode.as_ref().ok()));
    let leading = modes.enumerate().filter(|(_, mode)| mode.is_some_and(leads));
    leading.map(|(position, _)| position).collect()
}

/// `leader`, `follower`, `standalone`; an error while the server serves nobody.
async fn mode(server: SocketAddr) -> Result<String, WireError> {
    let mut link = Link::open(server).await?;
    link.write(b"srvr").await?;
    // The server closes when it has said everything.
    while link.buffer.len() < ANSWER_LIMIT && link.read_more().await.is_ok() {}
    let text = String::from_utf8_lossy(&link.buffer);
    let mode = text.lines().find_map(|line| line.strip_prefix("Mode: "));
    mode.map(str::to_owned).ok_or_else(|| WireError::Garbled(format!("no mode in {text:.100}")))
}
