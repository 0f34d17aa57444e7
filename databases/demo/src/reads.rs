//! Read confirmation: many reads share one round of messages that proves leadership.

use crate::raft::Raft;
use crate::wire::Refusal;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Reads that may wait at a time.
const QUEUE_LIMIT: usize = 4096;
/// How long a round may take before its reads are refused.
const ROUND_LIMIT: Duration = Duration::from_millis(1000);

type Confirmed = Result<(), Refusal>;

/// Confirms, for any number of reads at a time, that this node leads and is up to date.
#[derive(Clone, Debug)]
pub(crate) struct Reads {
    queue: mpsc::Sender<oneshot::Sender<Confirmed>>,
}

impl Reads {
    /// Starts the task that runs the rounds; it ends when the last clone is dropped.
    pub(crate) fn start(raft: Raft) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LIMIT);
        tokio::spawn(rounds(raft, waiting));
        Self { queue }
    }

    /// Once this returns `Ok`, the local state holds everything that was acknowledged before it
    /// was called, by this leader or any other. Never cheaper than a round trip to a majority.
    pub(crate) async fn confirm(&self) -> Confirmed {
        let (sender, receiver) = oneshot::channel();
        let ended = |_| Refusal::not_now("this node is stopping");
        self.queue.send(sender).await.map_err(|_| Refusal::not_now("this node is stopping"))?;
        receiver.await.map_err(ended)?
    }
}

/// One round at a time. A read joins the next round to start, never one that is under way: that
/// one's proof could be older than the read.
async fn rounds(raft: Raft, mut waiting: mpsc::Receiver<oneshot::Sender<Confirmed>>) {
    let mut round = Vec::new();
    while waiting.recv_many(&mut round, QUEUE_LIMIT).await > 0 {
        let proof = tokio::time::timeout(ROUND_LIMIT, raft.ensure_linearizable()).await;
        let confirmed = match proof {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(Refusal::not_now(format!("cannot confirm leadership: {error}"))),
            Err(_) => Err(Refusal::not_now("cannot confirm leadership: no answer in time")),
        };
        for read in round.drain(..) {
            // A reader that has given up meanwhile needs no answer.
            drop(read.send(confirmed.clone()));
        }
    }
}
