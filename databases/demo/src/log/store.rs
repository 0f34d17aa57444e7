//! The log store: what OpenRaft asks of a log, answered from memory and written through to disk.

use super::record::{Record, replay};
use super::writer::{Done, Durability, Writer};
use crate::command::Command;
use crate::raft::{Entry, LogId, StorageError, Types, Vote};
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{
    AnyError, EntryPayload, LogState, OptionalSend, RaftLogId, RaftLogReader, StorageIOError,
};
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io;
use std::ops::RangeBounds;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes that the file may have when it is opened. It is shortened at every snapshot, so that it
/// is never anywhere near.
const FILE_LIMIT: u64 = 1 << 30;

/// The log of one node. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct LogStore {
    memory: Arc<Mutex<Memory>>,
    writer: Writer,
}

/// The log as the records so far have made it.
#[derive(Debug, Default)]
struct Memory {
    vote: Option<Vote>,
    /// Without holes, from just after `purged`.
    entries: BTreeMap<u64, Entry>,
    purged: Option<LogId>,
    committed: Option<LogId>,
}

impl Memory {
    fn apply(&mut self, record: Record) {
        match record {
            Record::Vote(vote) => self.vote = Some(vote),
            Record::Append(entry) => {
                self.entries.insert(entry.log_id.index, entry);
            }
            Record::Truncate(since) => {
                self.entries.split_off(&since);
            }
            Record::Purge(upto) => {
                self.entries = self.entries.split_off(&(upto.index + 1));
                self.purged = Some(upto);
            }
            Record::Committed(committed) => self.committed = committed,
        }
    }

    /// The shortest file that gives this log again.
    fn rewrite(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let head = [
            self.vote.map(Record::Vote),
            self.purged.map(Record::Purge),
            Some(Record::Committed(self.committed)),
        ];
        for record in head.into_iter().flatten() {
            record.write_to(&mut bytes)?;
        }
        for entry in self.entries.values() {
            Record::Append(entry.clone()).write_to(&mut bytes)?;
        }
        Ok(bytes)
    }
}

impl LogStore {
    /// Opens the log at `path`, or begins one. A torn tail is cut off.
    pub(crate) fn open(path: &Path, durability: Durability) -> io::Result<Self> {
        let bytes = read(path)?;
        let replay = replay(&bytes)?;
        let torn = bytes.len() - replay.good;
        if torn > 0 {
            tracing::warn!(bytes = torn, "cut a torn tail off the log");
        }
        let mut memory = Memory::default();
        replay.records.into_iter().for_each(|record| memory.apply(record));
        let writer = Writer::start(path, replay.good as u64, durability)?;
        Ok(Self { memory: Arc::new(Mutex::new(memory)), writer })
    }

    /// Commands in the log after `index`, whether committed or not.
    pub(crate) fn commands_after(&self, index: u64) -> Vec<Command> {
        let memory = self.memory();
        let later = memory.entries.range(index + 1..).map(|(_, entry)| &entry.payload);
        later
            .filter_map(|payload| match payload {
                EntryPayload::Normal(proposal) => Some(proposal.command.clone()),
                EntryPayload::Blank | EntryPayload::Membership(_) => None,
            })
            .collect()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        // No code panics while it holds the lock half-way through a change.
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the log in memory and on disk, and waits until that is durable.
    async fn record(&self, record: Record) -> io::Result<()> {
        let mut bytes = Vec::new();
        record.write_to(&mut bytes)?;
        let (done, written) = waiter();
        {
            // Under the lock, so that the file has the order that memory has.
            let mut memory = self.memory();
            memory.apply(record);
            self.writer.append(bytes, done);
        }
        written.await.map_err(io::Error::other)?
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.len() > FILE_LIMIT => {
            let message = format!("{} has more than {FILE_LIMIT} bytes", path.display());
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
        Ok(metadata) if !metadata.is_file() => {
            Err(io::Error::other(format!("{} is not a file", path.display())))
        }
        Ok(_) => std::fs::read(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

fn waiter() -> (Done, tokio::sync::oneshot::Receiver<io::Result<()>>) {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // Nobody may be waiting any more; then there is nobody to tell.
    let done: Done = Box::new(|result| drop(sender.send(result)));
    (done, receiver)
}

fn write_error(error: &io::Error) -> StorageError {
    StorageIOError::write_logs(AnyError::new(error)).into()
}

impl RaftLogReader<Types> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> Result<Vec<Entry>, StorageError> {
        Ok(self.memory().entries.range(range).map(|(_, entry)| entry.clone()).collect())
    }
}

impl RaftLogStorage<Types> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> Result<LogState<Types>, StorageError> {
        let memory = self.memory();
        let last = memory.entries.last_key_value().map(|(_, entry)| *entry.get_log_id());
        Ok(LogState { last_purged_log_id: memory.purged, last_log_id: last.or(memory.purged) })
    }

    async fn get_log_reader(&mut self) -> Self::LogReader {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> Result<(), StorageError> {
        let saved = self.record(Record::Vote(*vote)).await;
        saved.map_err(|error| StorageIOError::write_vote(AnyError::new(&error)).into())
    }

    /// A node that led before it stopped comes back as one that only voted for itself.
    ///
    /// OpenRaft would otherwise resume its leadership at once, in the same term. Its reads would
    /// then be confirmed by a majority but wait only for the *first* entry of that term: entries
    /// acknowledged just before the stop, whose commitment this node has not learnt again, would
    /// be missing from them.
    async fn read_vote(&mut self) -> Result<Option<Vote>, StorageError> {
        Ok(self.memory().vote.map(|vote| Vote { committed: false, ..vote }))
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> Result<(), StorageError> {
        let mut bytes = Vec::new();
        let record = Record::Committed(committed);
        record.write_to(&mut bytes).map_err(|error| write_error(&error))?;
        let mut memory = self.memory();
        memory.apply(record);
        self.writer.append_unsynced(bytes);
        Ok(())
    }

    async fn read_committed(&mut self) -> Result<Option<LogId>, StorageError> {
        // The hint may be ahead of a log that was not synced as it should have been.
        let memory = self.memory();
        let last = memory.entries.last_key_value().map(|(_, entry)| *entry.get_log_id());
        Ok(memory.committed.min(last.or(memory.purged)))
    }

    async fn append<I>(
        &mut self,
        entries: I,
        callback: LogFlushed<Types>,
    ) -> Result<(), StorageError>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let mut bytes = Vec::new();
        let entries: Vec<Entry> = entries.into_iter().collect();
        for entry in &entries {
            let written = Record::Append(entry.clone()).write_to(&mut bytes);
            written.map_err(|error| write_error(&error))?;
        }
        let mut memory = self.memory();
        for entry in entries {
            if let EntryPayload::Normal(proposal) = &entry.payload {
                proposal.logged.set();
            }
            memory.apply(Record::Append(entry));
        }
        self.writer.append(bytes, Box::new(|result| callback.log_io_completed(result)));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let written = self.record(Record::Truncate(log_id.index)).await;
        written.map_err(|error| write_error(&error))
    }

    /// Forgets what the snapshot holds, and shortens the file accordingly.
    async fn purge(&mut self, log_id: LogId) -> Result<(), StorageError> {
        let (done, written) = waiter();
        {
            let mut memory = self.memory();
            memory.apply(Record::Purge(log_id));
            let bytes = memory.rewrite().map_err(|error| write_error(&error))?;
            self.writer.replace(bytes, done);
        }
        let written = written.await.map_err(io::Error::other).and_then(|result| result);
        written.map_err(|error| write_error(&error))
    }
}

#[cfg(test)]
mod tests;
