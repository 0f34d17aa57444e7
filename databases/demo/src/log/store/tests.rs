//! The log store against OpenRaft's rules, and across restarts.

use super::{Durability, LogStore};
use crate::command::{Command, Key};
use crate::machine::Machine;
use crate::raft::{Entry, LogId, Proposal, StorageError, Types, Vote};
use openraft::storage::{RaftLogStorage, RaftLogStorageExt};
use openraft::testing::{StoreBuilder, Suite};
use openraft::{CommittedLeaderId, EntryPayload, RaftLogReader};
use serde_json::json;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(term, 1), index)
}

fn proposal(element: i64) -> Proposal {
    Proposal::new(Command::SetAdd { key: Key::from(&json!("s")), element })
}

fn entry(term: u64, index: u64) -> Entry {
    let payload = EntryPayload::Normal(proposal(index as i64));
    Entry { log_id: log_id(term, index), payload }
}

fn open(directory: &Path) -> LogStore {
    LogStore::open(&directory.join("log"), Durability::Synced).unwrap()
}

async fn indices(store: &mut LogStore) -> Vec<u64> {
    let entries = store.try_get_log_entries(..).await.unwrap();
    entries.iter().map(|entry| entry.log_id.index).collect()
}

#[tokio::test]
async fn everything_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.save_vote(&Vote::new(2, 3)).await.unwrap();
    store.blocking_append((1..=6).map(|index| entry(1, index))).await.unwrap();
    store.truncate(log_id(1, 5)).await.unwrap();
    store.blocking_append([entry(2, 5)]).await.unwrap();
    store.purge(log_id(1, 2)).await.unwrap();
    store.save_committed(Some(log_id(1, 4))).await.unwrap();
    // Its own sync writes the committed mark before it, too.
    store.blocking_append([entry(2, 6)]).await.unwrap();
    drop(store);

    let mut store = open(directory.path());
    assert_eq!(indices(&mut store).await, [3, 4, 5, 6]);
    assert_eq!(store.read_vote().await.unwrap(), Some(Vote::new(2, 3)));
    assert_eq!(store.read_committed().await.unwrap(), Some(log_id(1, 4)));
    let state = store.get_log_state().await.unwrap();
    assert_eq!(state.last_purged_log_id, Some(log_id(1, 2)));
    assert_eq!(state.last_log_id, Some(log_id(2, 6)));
    let entries = store.try_get_log_entries(5..6).await.unwrap();
    assert_eq!(entries[0].log_id, log_id(2, 5), "the entry that replaced the truncated one");
}

#[tokio::test]
async fn a_purged_log_without_entries_still_knows_where_it_ended() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.blocking_append((1..=3).map(|index| entry(1, index))).await.unwrap();
    store.purge(log_id(1, 3)).await.unwrap();
    drop(store);
    let state = open(directory.path()).get_log_state().await.unwrap();
    assert_eq!(state.last_log_id, Some(log_id(1, 3)));
}

#[tokio::test]
async fn a_leader_comes_back_as_a_follower() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    store.save_vote(&Vote::new_committed(4, 1)).await.unwrap();
    drop(store);
    let vote = open(directory.path()).read_vote().await.unwrap().unwrap();
    assert_eq!(vote, Vote::new(4, 1));
}

#[tokio::test]
async fn a_proposal_learns_that_it_is_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let mut store = open(directory.path());
    let proposal = proposal(1);
    let logged = proposal.logged.clone();
    assert!(!logged.get());
    let entry = Entry { log_id: log_id(1, 1), payload: EntryPayload::Normal(proposal) };
    store.blocking_append([entry]).await.unwrap();
    assert!(logged.get());
    logged.wait().await;
}

#[tokio::test]
async fn a_buffered_log_is_lost_with_its_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let lazy = Durability::Buffered(Duration::from_secs(3600));
    let mut store = LogStore::open(&path, lazy).unwrap();
    store.blocking_append([entry(1, 1)]).await.unwrap();
    drop(store);
    assert_eq!(indices(&mut open(directory.path())).await, [0; 0]);
}

/// A log and a state machine in a directory that goes when they do.
struct Fresh;

impl StoreBuilder<Types, LogStore, Machine, TempDir> for Fresh {
    async fn build(&self) -> Result<(TempDir, LogStore, Machine), StorageError> {
        let directory = tempfile::tempdir().unwrap();
        let machine = Machine::open(&directory.path().join("snapshot")).unwrap();
        let log = open(directory.path());
        Ok((directory, log, machine))
    }
}

#[test]
fn openraft_s_own_tests_of_storage_pass() {
    Suite::test_all(Fresh).unwrap();
}
