//! The types that OpenRaft works with.

use crate::command::{Command, Outcome};
use serde::{Deserialize, Serialize};
use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

openraft::declare_raft_types!(
    /// The database's choice of types.
    pub Types:
        D = Proposal,
        R = Outcome,
        NodeId = u64,
        Node = openraft::EmptyNode,
        Entry = openraft::Entry<Types>,
        SnapshotData = Cursor<Vec<u8>>,
);

/// The consensus module of a node.
pub(crate) type Raft = openraft::Raft<Types>;
pub(crate) type Entry = openraft::Entry<Types>;
pub(crate) type LogId = openraft::LogId<u64>;
pub(crate) type Vote = openraft::Vote<u64>;
pub(crate) type StorageError = openraft::StorageError<u64>;
pub(crate) type Membership = openraft::StoredMembership<u64, openraft::EmptyNode>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<u64, openraft::EmptyNode>;

/// A command on its way into the log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proposal {
    pub(crate) command: Command,
    #[serde(skip)]
    pub(crate) logged: Logged,
}

impl Proposal {
    pub(crate) fn new(command: Command) -> Self {
        Self { command, logged: Logged::default() }
    }
}

/// Whether a proposal made on this node has entered this node's log.
///
/// OpenRaft answers "forward to the leader" both when a proposal was refused and when its entry
/// was accepted and later cut from the log by a new leader. The first is definite. The second is
/// not: another node may still hold the entry, be elected, and commit it. Only the log knows
/// which of the two it was, and it leaves word here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Logged(Arc<Flag>);

#[derive(Debug, Default)]
struct Flag {
    set: AtomicBool,
    notify: tokio::sync::Notify,
}

impl Logged {
    pub(crate) fn set(&self) {
        self.0.set.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }

    pub(crate) fn get(&self) -> bool {
        self.0.set.load(Ordering::Acquire)
    }

    /// Waits until it is set.
    pub(crate) async fn wait(&self) {
        loop {
            let notified = self.0.notify.notified();
            if self.get() {
                return;
            }
            notified.await;
        }
    }
}
