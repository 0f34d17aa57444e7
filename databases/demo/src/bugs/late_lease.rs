//! `late-lease`: the leader answers reads alone while it holds a lease, and counts the lease from
//! when the answer to its heartbeat arrives instead of from when the heartbeat was sent.
//!
//! A follower that has heard a heartbeat helps nobody else to lead for [`LEASE`]. So a leader whose
//! heartbeats a majority has answered is the only one for that long after it *sent* them. While
//! answers come at once it makes no difference. When they take long, the lease outlives the
//! promise, and the old leader answers reads while another one leads already.

use crate::command::Command;
use crate::node::{Node, Reply};
use crate::peers::Peers;
use crate::raft::Types;
use crate::wire::{Connection, Request, Response};
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse};
use openraft::{EmptyNode, RaftMetrics};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long followers hold on to a leader that they have heard from: the longest election timeout.
const LEASE: Duration = Duration::from_millis(500);
/// Between the answer to a heartbeat and the next one.
const PAUSE: Duration = Duration::from_millis(50);
/// How long an answer is waited for.
const ANSWER_LIMIT: Duration = Duration::from_millis(1800);

type Metrics = watch::Receiver<RaftMetrics<u64, EmptyNode>>;
/// For each peer the term in which it last answered, and when its answer came.
type Answers = Mutex<BTreeMap<u64, (u64, Instant)>>;

/// What this node knows of its lease.
#[derive(Debug, Default)]
pub(super) struct Lease {
    answers: OnceLock<Arc<Answers>>,
    /// The last term in which this leader is known to have everything that was acknowledged.
    complete_in: Mutex<Option<u64>>,
}

impl Lease {
    /// Whether a majority has answered lately, in this term.
    fn holds(&self, node: &Node) -> bool {
        let answers = self.answers.get_or_init(|| begin(&node.peers, &node.metrics));
        let answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
        let term = node.term();
        let fresh = answers.values().filter(|(of, at)| *of == term && at.elapsed() < LEASE).count();
        let nodes = node.peers.ids().count() + 1;
        fresh + 1 > nodes / 2
    }
}

pub(super) async fn read(lease: &Lease, node: &Node, command: &Command) -> Reply {
    let term = node.term();
    let complete = *lease.complete_in.lock().unwrap_or_else(PoisonError::into_inner) == Some(term);
    if !(lease.holds(node) && complete) {
        node.reads.confirm().await?;
        *lease.complete_in.lock().unwrap_or_else(PoisonError::into_inner) = Some(term);
    }
    Ok(node.machine.read(command))
}

/// Starts a task for each peer that asks it for the lease; they end with the node.
fn begin(peers: &Peers, metrics: &Metrics) -> Arc<Answers> {
    let answers = Arc::new(Answers::default());
    for peer in peers.ids() {
        let Some(address) = peers.address(peer).map(str::to_owned) else { continue };
        tokio::spawn(ask(peer, address, metrics.clone(), Arc::clone(&answers)));
    }
    answers
}

async fn ask(peer: u64, address: String, metrics: Metrics, answers: Arc<Answers>) {
    let mut connection = None;
    while metrics.has_changed().is_ok() {
        let (vote, leads) = {
            let metrics = metrics.borrow();
            (metrics.vote, metrics.current_leader == Some(metrics.id))
        };
        if leads {
            let heartbeat = AppendEntriesRequest {
                vote,
                prev_log_id: None,
                entries: vec![],
                leader_commit: None,
            };
            let answer = exchange(&mut connection, &address, heartbeat);
            if let Ok(Some(())) = tokio::time::timeout(ANSWER_LIMIT, answer).await {
                let mut answers = answers.lock().unwrap_or_else(PoisonError::into_inner);
                // The mistake: it is later now than when the heartbeat was sent.
                answers.insert(peer, (vote.leader_id().term, Instant::now()));
            } else {
                connection = None;
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Sends a heartbeat; something if it was accepted.
async fn exchange(
    connection: &mut Option<Connection>,
    address: &str,
    heartbeat: AppendEntriesRequest<Types>,
) -> Option<()> {
    if connection.is_none() {
        *connection = Connection::connect(address).await.ok();
    }
    let connection = connection.as_mut()?;
    connection.send(&Request::Append(heartbeat)).await.ok()?;
    match connection.receive().await.ok()? {
        Some(Response::Appended(Ok(AppendEntriesResponse::Success))) => Some(()),
        _ => None,
    }
}
