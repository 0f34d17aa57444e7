//! The state machine as OpenRaft sees it: applies the log to the state, and keeps one snapshot.

use crate::command::{Command, Outcome};
use crate::log::write_whole;
use crate::raft::{Entry, LogId, Membership, SnapshotMeta, StorageError, Types};
use crate::state::State;
use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{AnyError, EntryPayload, OptionalSend, RaftSnapshotBuilder, StorageIOError};
use serde::{Deserialize, Serialize};
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

/// The state machine of one node. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    applied: Arc<RwLock<Applied>>,
    /// The file that holds the snapshot, locked while it is replaced.
    file: Arc<Mutex<PathBuf>>,
}

/// The state, and how much of the log it has seen.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Applied {
    last: Option<LogId>,
    membership: Membership,
    state: State,
}

/// A snapshot as it is on disk.
#[derive(Serialize, Deserialize)]
struct Saved {
    checksum: u32,
    /// [`Applied`] as JSON.
    applied: String,
}

impl Machine {
    /// Starts from the snapshot at `path`, or empty when there is none.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let applied = load(path)?.unwrap_or_default();
        Ok(Self {
            applied: Arc::new(RwLock::new(applied)),
            file: Arc::new(Mutex::new(path.to_owned())),
        })
    }

    /// Reads the state as it is on this node at this moment, however old that is.
    pub(crate) fn read(&self, command: &Command) -> Outcome {
        self.with(|_, state| state.read(command))
    }

    /// Looks at the state together with the index of the last entry applied to it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(u64, &State) -> T) -> T {
        let applied = self.applied.read().unwrap_or_else(PoisonError::into_inner);
        look(applied.last.map_or(0, |last| last.index), &applied.state)
    }

    fn copy(&self) -> Applied {
        self.applied.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn replace(&self, applied: Applied) {
        *self.applied.write().unwrap_or_else(PoisonError::into_inner) = applied;
    }

    /// Writes a snapshot, unless there is a newer one already.
    fn save(&self, applied: &Applied) -> io::Result<()> {
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let newer = load(&file)?.is_some_and(|old| old.last > applied.last);
        if newer {
            return Ok(());
        }
        let text = serde_json::to_string(applied)?;
        let saved = Saved { checksum: crc32fast::hash(text.as_bytes()), applied: text };
        write_whole(&file, &serde_json::to_vec(&saved)?)
    }
}

/// The snapshot at `path`; it was written in one step, so a damaged one is an error.
fn load(path: &Path) -> io::Result<Option<Applied>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let damaged = |why: String| {
        let message = format!(
            "the snapshot {} is damaged ({why}): wipe this node's data and let it join again",
            path.display()
        );
        io::Error::new(io::ErrorKind::InvalidData, message)
    };
    let saved: Saved =
        serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
    if crc32fast::hash(saved.applied.as_bytes()) != saved.checksum {
        return Err(damaged("its checksum does not match".to_owned()));
    }
    serde_json::from_str(&saved.applied).map(Some).map_err(|error| damaged(error.to_string()))
}

/// What identifies a snapshot of this state; its content follows from the log alone.
fn meta(applied: &Applied) -> SnapshotMeta {
    let snapshot_id = applied.last.map_or_else(|| "empty".to_owned(), |last| last.to_string());
    SnapshotMeta {
        last_log_id: applied.last,
        last_membership: applied.membership.clone(),
        snapshot_id,
    }
}

fn snapshot(applied: &Applied) -> io::Result<Snapshot<Types>> {
    let bytes = serde_json::to_vec(applied)?;
    Ok(Snapshot { meta: meta(applied), snapshot: Box::new(Cursor::new(bytes)) })
}

fn read_error(error: &io::Error) -> StorageError {
    StorageIOError::read_snapshot(None, AnyError::new(error)).into()
}

fn write_error(error: &io::Error) -> StorageError {
    StorageIOError::write_snapshot(None, AnyError::new(error)).into()
}

/// Runs what waits for a disk where that holds up nobody else.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

impl RaftSnapshotBuilder<Types> for Machine {
    async fn build_snapshot(&mut self) -> Result<Snapshot<Types>, StorageError> {
        let machine = self.clone();
        let built = blocking(move || {
            let applied = machine.copy();
            machine.save(&applied)?;
            snapshot(&applied)
        });
        built.await.map_err(|error| write_error(&error))
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotBuilder = Self;

    async fn applied_state(&mut self) -> Result<(Option<LogId>, Membership), StorageError> {
        let applied = self.applied.read().unwrap_or_else(PoisonError::into_inner);
        Ok((applied.last, applied.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> Result<Vec<Outcome>, StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut applied = self.applied.write().unwrap_or_else(PoisonError::into_inner);
        let mut outcomes = Vec::new();
        for entry in entries {
            applied.last = Some(entry.log_id);
            outcomes.push(match entry.payload {
                EntryPayload::Blank => Outcome::Done,
                EntryPayload::Normal(proposal) => applied.state.apply(&proposal.command),
                EntryPayload::Membership(membership) => {
                    applied.membership = Membership::new(Some(entry.log_id), membership);
                    Outcome::Done
                }
            });
        }
        Ok(outcomes)
    }

    async fn get_snapshot_builder(&mut self) -> Self::SnapshotBuilder {
        self.clone()
    }

    async fn begin_receiving_snapshot(&mut self) -> Result<Box<Cursor<Vec<u8>>>, StorageError> {
        Ok(Box::new(Cursor::new(Vec::new())))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: Box<Cursor<Vec<u8>>>,
    ) -> Result<(), StorageError> {
        let machine = self.clone();
        let expected = meta.last_log_id;
        let installed = blocking(move || {
            let applied: Applied = serde_json::from_slice(snapshot.get_ref())?;
            if applied.last != expected {
                return Err(io::Error::other("the snapshot received is not the one announced"));
            }
            machine.save(&applied)?;
            machine.replace(applied);
            Ok(())
        });
        installed.await.map_err(|error| write_error(&error))
    }

    async fn get_current_snapshot(&mut self) -> Result<Option<Snapshot<Types>>, StorageError> {
        let machine = self.clone();
        let found = blocking(move || {
            let file = machine.file.lock().unwrap_or_else(PoisonError::into_inner);
            load(&file)?.map(|applied| snapshot(&applied)).transpose()
        });
        found.await.map_err(|error| read_error(&error))
    }
}

#[cfg(test)]
mod tests;
