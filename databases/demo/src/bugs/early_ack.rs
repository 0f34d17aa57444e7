//! `early-ack`: the leader says "done" when the entry is in its own log, before any other node
//! has it.
//!
//! If the leader is then cut off or dies, a majority without the entry elects another leader, and
//! the old one's log is cut back to match.

use crate::command::{Command, Outcome};
use crate::node::{Node, Reply};
use crate::raft::Proposal;
use crate::wire::Refusal;
use tokio::time::Instant;

pub(super) async fn propose(node: &Node, command: &Command, deadline: Instant) -> Reply {
    let proposal = Proposal::new(command.clone());
    let logged = proposal.logged.clone();
    let accepted = node.raft.client_write_ff(proposal).await;
    let accepted = accepted.map_err(|error| Refusal::unknown(error.to_string()))?;
    tokio::select! {
        biased;
        // Here it should wait for `accepted`, which tells when the entry is committed.
        () = logged.wait() => Ok(Outcome::Done),
        // Not in the log and answered all the same: this node turned out not to lead.
        _ = accepted => Err(Refusal::not_now("leadership has passed on")),
        () = tokio::time::sleep_until(deadline) => Err(Refusal::unknown("no answer in time")),
    }
}
