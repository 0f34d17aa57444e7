//! Exchange: updates are pushed as they are made, and whatever was missed is asked for.

use super::Gossip;
use super::data::{Seen, Update};
use crate::peers::Peers;
use crate::wire::{Request, Response};
use serde::{Deserialize, Serialize};
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;

/// Updates that are sent at once.
const BATCH: usize = 2000;
/// From one question to a node to the next.
const PULL_PAUSE: Duration = Duration::from_millis(100);
/// How long a node has to answer a question.
const PULL_LIMIT: Duration = Duration::from_secs(1);
/// How long a node has to acknowledge what is pushed, and how often that is tried.
const PUSH_LIMIT: Duration = Duration::from_millis(400);
const PUSHES: u32 = 3;

/// What one node says to another.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    /// These are new, or were when they were sent, in milliseconds since 1970.
    Push { sent_ms: u64, updates: Vec<Update> },
    /// What is there besides these?
    Pull(Seen),
}

/// What it is answered.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchanged {
    Taken,
    /// Some of what was missing; all of it, if these are few.
    Missing(Vec<Update>),
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Gossip {
    /// Answers another node.
    pub(crate) async fn exchanged(&self, exchange: Exchange) -> Exchanged {
        match exchange {
            Exchange::Push { sent_ms, updates } => {
                let age = Duration::from_millis(now_ms().saturating_sub(sent_ms));
                if self.rules.too_late.is_none_or(|limit| age < limit) {
                    self.absorb(updates).await;
                }
                Exchanged::Taken
            }
            Exchange::Pull(seen) => Exchanged::Missing(self.core().missing(&seen, BATCH)),
        }
    }

    /// Gossips with all other nodes, for ever.
    pub(crate) async fn run(self, peers: Peers) {
        let mut tasks = JoinSet::new();
        for id in peers.ids() {
            tasks.spawn(self.clone().push_to(peers.clone(), id));
            if self.rules.repairs {
                tasks.spawn(self.clone().pull_from(peers.clone(), id));
            }
        }
        // They end only with this one.
        while tasks.join_next().await.is_some() {}
        std::future::pending::<()>().await;
    }

    /// Sends a node what is made here. What does not arrive is left to be asked for.
    async fn push_to(self, peers: Peers, id: u64) {
        let mut grown = self.grown.subscribe();
        let mut place = self.core().len();
        loop {
            let (updates, next) = self.core().own_since(place, BATCH);
            if next == place {
                if grown.changed().await.is_err() {
                    return;
                }
                continue;
            }
            place = next;
            if updates.is_empty() {
                continue;
            }
            let push = Exchange::Push { sent_ms: now_ms(), updates };
            let request = Request::Exchange(push);
            for _ in 0..PUSHES {
                let pushed = tokio::time::timeout(PUSH_LIMIT, peers.call(id, &request)).await;
                if matches!(pushed, Ok(Ok(_))) {
                    break;
                }
            }
        }
    }

    /// Asks a node for what is missing here, again and again.
    async fn pull_from(self, peers: Peers, id: u64) {
        loop {
            let request = Request::Exchange(Exchange::Pull(self.core().seen()));
            let asked = tokio::time::timeout(PULL_LIMIT, peers.call(id, &request)).await;
            let mut full = false;
            if let Ok(Ok(Response::Exchanged(Exchanged::Missing(updates)))) = asked {
                full = updates.len() == BATCH;
                self.absorb(updates).await;
            }
            if !full {
                tokio::time::sleep(PULL_PAUSE).await;
            }
        }
    }
}
