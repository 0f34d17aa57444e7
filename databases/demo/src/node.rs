//! A node: executes commands at the leader, wherever they arrive.

use crate::bugs::{self, Planted};
use crate::command::{Command, Operation, Outcome};
use crate::gossip::Gossip;
use crate::log::LogStore;
use crate::machine::Machine;
use crate::peers::{CallError, Peers};
use crate::raft::{Proposal, Raft};
use crate::reads::Reads;
use crate::wire::{Refusal, Request, Response, Status};
use openraft::error::{ClientWriteError, RaftError};
use openraft::{EmptyNode, RaftMetrics, ServerState};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a command may take, with all attempts to find a leader.
pub(crate) const COMMAND_LIMIT: Duration = Duration::from_millis(2500);
/// How long to wait before a refused command is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(30);
/// How long a leader that was replaced is still waited for: it may be alive and about to answer.
const REPLACED_GRACE: Duration = Duration::from_millis(200);
/// A leader that has heard from no majority for so long proposes nothing: it could not commit it,
/// and what is not proposed can be answered with certainty.
const QUORUM_LIMIT: Duration = Duration::from_millis(1200);
/// Entries that a node may be behind its own log and still call itself ready.
const READY_LAG: u64 = 100;

pub(crate) type Reply = Result<Outcome, Refusal>;

/// A running node, without its port.
pub(crate) struct Node {
    pub(crate) id: u64,
    pub(crate) raft: Raft,
    pub(crate) log: LogStore,
    pub(crate) machine: Machine,
    pub(crate) reads: Reads,
    pub(crate) peers: Peers,
    /// What this node answers alone.
    pub(crate) gossip: Gossip,
    pub(crate) metrics: watch::Receiver<RaftMetrics<u64, EmptyNode>>,
    /// Only with `--bug`.
    pub(crate) planted: Option<Planted>,
}

impl Node {
    /// Executes a client's command, here or at the leader, retrying what certainly did not
    /// happen for as long as [`COMMAND_LIMIT`].
    pub(crate) async fn execute(&self, command: &Command) -> Reply {
        command.check().map_err(Refusal::never)?;
        let deadline = Instant::now() + COMMAND_LIMIT;
        match &self.planted {
            None => self.execute_by(command, deadline).await,
            Some(planted) => bugs::execute(planted, self, command, deadline).await,
        }
    }

    /// Executes a command that a peer passed on, if this node leads.
    pub(crate) async fn execute_forwarded(&self, command: &Command) -> Reply {
        command.check().map_err(Refusal::never)?;
        match self.leader() {
            Some(leader) if leader == self.id => {
                self.lead(command, Instant::now() + COMMAND_LIMIT).await
            }
            _ => Err(Refusal::not_now(format!("node {} is not the leader", self.id))),
        }
    }

    pub(crate) async fn execute_by(&self, command: &Command, deadline: Instant) -> Reply {
        if command.is_local() {
            return Ok(self.machine.read(command));
        }
        loop {
            let reply = self.attempt(command, deadline).await;
            match reply {
                Err(refusal) if refusal.retry && Instant::now() + RETRY_PAUSE < deadline => {
                    debug_assert!(refusal.definite, "only what did not happen may be tried again");
                    tokio::time::sleep(RETRY_PAUSE).await;
                }
                reply => return reply,
            }
        }
    }

    /// One attempt, at the node that leads as far as is known here.
    pub(crate) async fn attempt(&self, command: &Command, deadline: Instant) -> Reply {
        match self.leader() {
            None => Err(Refusal::not_now("there is no leader")),
            Some(leader) if leader == self.id => self.lead(command, deadline).await,
            Some(leader) => self.forward(leader, command, deadline).await,
        }
    }

    async fn forward(&self, leader: u64, command: &Command, deadline: Instant) -> Reply {
        let request = Request::Forwarded(command.clone());
        let call = tokio::time::timeout_at(deadline, self.peers.call(leader, &request));
        let answer = tokio::select! {
            answer = call => answer,
            () = self.replaced(leader) => {
                return Err(lost(command, format!("leader {leader} was replaced meanwhile")));
            }
        };
        match answer {
            Ok(Ok(Response::Executed(reply))) => reply,
            Ok(Ok(other)) => Err(lost(command, format!("node {leader} answered {other:?}"))),
            Ok(Err(error @ CallError::NotSent { .. })) => Err(Refusal::not_now(error.to_string())),
            Ok(Err(error @ CallError::NoAnswer { .. })) => Err(lost(command, error.to_string())),
            Err(_) => Err(lost(command, format!("no answer in time from leader {leader}"))),
        }
    }

    /// Waits until `leader` has been out of office for so long that its answer is not to be
    /// expected any more.
    async fn replaced(&self, leader: u64) {
        let mut metrics = self.metrics.clone();
        let another = metrics.wait_for(|metrics| metrics.current_leader != Some(leader)).await;
        drop(another);
        tokio::time::sleep(REPLACED_GRACE).await;
    }

    /// Executes a command as the leader.
    async fn lead(&self, command: &Command, deadline: Instant) -> Reply {
        match &self.planted {
            None => self.lead_correctly(command, deadline).await,
            Some(planted) => bugs::lead(planted, self, command, deadline).await,
        }
    }

    pub(crate) async fn lead_correctly(&self, command: &Command, deadline: Instant) -> Reply {
        if command.is_read() {
            self.reads.confirm().await?;
            return Ok(self.machine.read(command));
        }
        self.propose(command, deadline).await
    }

    pub(crate) async fn propose(&self, command: &Command, deadline: Instant) -> Reply {
        if self.quorum_silence() > QUORUM_LIMIT {
            return Err(Refusal::not_now("the leader has lost touch with the majority"));
        }
        self.log_and_wait(command, deadline).await
    }

    /// Puts a command into the log, and answers what it led to once it is committed and applied.
    pub(crate) async fn log_and_wait(&self, command: &Command, deadline: Instant) -> Reply {
        let proposal = Proposal::new(stamped(command));
        let logged = proposal.logged.clone();
        match tokio::time::timeout_at(deadline, self.raft.client_write(proposal)).await {
            Ok(Ok(written)) => Ok(written.data),
            // Refused at the door; see `Logged` for why the error alone does not tell.
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)))) if !logged.get() => {
                Err(Refusal::not_now("leadership has passed on"))
            }
            Ok(Err(error)) => Err(Refusal::unknown(format!("it may yet be committed: {error}"))),
            Err(_) => Err(Refusal::unknown("no majority confirmed it in time; it may yet do so")),
        }
    }

    /// The leader, as far as this node knows.
    pub(crate) fn leader(&self) -> Option<u64> {
        self.metrics.borrow().current_leader
    }

    pub(crate) fn term(&self) -> u64 {
        self.metrics.borrow().current_term
    }

    /// For how long this leader has heard nothing from a majority.
    pub(crate) fn quorum_silence(&self) -> Duration {
        Duration::from_millis(self.metrics.borrow().millis_since_quorum_ack.unwrap_or(0))
    }

    pub(crate) fn status(&self) -> Status {
        let members = self.voters();
        let metrics = self.metrics.borrow();
        let logged = metrics.last_log_index.unwrap_or(0);
        let applied = metrics.last_applied.map_or(0, |last| last.index);
        Status {
            id: self.id,
            role: role(metrics.state).to_owned(),
            leader: metrics.current_leader,
            term: metrics.current_term,
            logged,
            applied,
            ready: metrics.current_leader.is_some() && logged.saturating_sub(applied) <= READY_LAG,
            members,
        }
    }

    /// Makes these the voting members: newcomers learn all there is to know before they vote.
    async fn change_members(&self, members: BTreeSet<u64>) -> Result<(), Refusal> {
        let voters = self.voters();
        let failed = |error: &dyn std::fmt::Display| Refusal::unknown(error.to_string());
        for newcomer in members.difference(&voters) {
            let learnt = self.raft.add_learner(*newcomer, EmptyNode {}, true);
            learnt.await.map_err(|error| failed(&error))?;
        }
        let changed = self.raft.change_membership(members, false);
        changed.await.map(drop).map_err(|error| failed(&error))
    }

    fn voters(&self) -> BTreeSet<u64> {
        self.metrics.borrow().membership_config.membership().voter_ids().collect()
    }

    /// Why the node can no longer take part, once that is so.
    pub(crate) async fn failed(&self) -> String {
        let mut metrics = self.metrics.clone();
        let failed = metrics.wait_for(|metrics| metrics.running_state.is_err()).await;
        let reason = failed
            .ok()
            .and_then(|metrics| metrics.running_state.as_ref().err().map(ToString::to_string));
        reason.unwrap_or_else(|| "consensus has stopped".to_owned())
    }

    /// Answers a peer's or a client's request.
    pub(crate) async fn answer(&self, request: Request) -> Response {
        match request {
            Request::Execute(command) => Response::Executed(self.execute(&command).await),
            Request::Forwarded(command) => {
                Response::Executed(self.execute_forwarded(&command).await)
            }
            Request::Status => Response::Status(self.status()),
            Request::Members(members) => Response::Members(self.change_members(members).await),
            Request::Append(request) => Response::Appended(self.raft.append_entries(request).await),
            Request::Vote(request) => Response::Voted(self.raft.vote(request).await),
            Request::Snapshot(chunk) => match chunk.try_into() {
                Ok(request) => Response::Received(self.raft.install_snapshot(request).await),
                Err(error) => Response::Malformed(format!("not a piece of a snapshot: {error}")),
            },
            Request::Local(command) => Response::Local(self.gossip.execute(&command).await),
            Request::Echo(value) => Response::Echo(value),
            Request::Exchange(exchange) => {
                Response::Exchanged(self.gossip.exchanged(exchange).await)
            }
        }
    }
}

/// The command as it goes into the log: leases and sessions have to know what time it is.
fn stamped(command: &Command) -> Command {
    let now = || u64::try_from(crate::clock::own().now().as_millis()).unwrap_or(u64::MAX);
    let mut command = command.clone();
    match &mut command {
        Command::LockAcquire { at, .. } if *at == 0 => *at = now(),
        Command::Transaction { operations } => {
            for operation in operations {
                if let Operation::Attend { at, .. } = operation {
                    *at = now();
                }
            }
        }
        _ => {}
    }
    command
}

/// A read that got lost had no effect, so its failure is certain. Anything else is not.
fn lost(command: &Command, message: String) -> Refusal {
    if command.is_read() { Refusal::not_now(message) } else { Refusal::unknown(message) }
}

fn role(state: ServerState) -> &'static str {
    match state {
        ServerState::Leader => "leader",
        ServerState::Follower => "follower",
        ServerState::Candidate => "candidate",
        ServerState::Learner => "learner",
        ServerState::Shutdown => "stopped",
    }
}
