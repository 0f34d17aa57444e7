//! Snapshots: written, read back, sent, refused.

use super::Machine;
use crate::command::{Command, Key, Outcome};
use crate::raft::{Entry, LogId, Proposal};
use openraft::storage::RaftStateMachine;
use openraft::{CommittedLeaderId, EntryPayload, RaftSnapshotBuilder};
use serde_json::json;
use std::path::Path;

fn entry(index: u64) -> Entry {
    let key = Key::from(&json!("s"));
    let command = Command::SetAdd { key, element: index as i64 };
    let log_id = LogId::new(CommittedLeaderId::new(1, 1), index);
    Entry { log_id, payload: EntryPayload::Normal(Proposal::new(command)) }
}

fn elements(machine: &Machine) -> Vec<i64> {
    match machine.read(&Command::SetRead { key: Key::from(&json!("s")) }) {
        Outcome::Elements(elements) => elements,
        other => panic!("{other:?}"),
    }
}

fn open(directory: &Path, name: &str) -> Machine {
    Machine::open(&directory.join(name)).unwrap()
}

#[tokio::test]
async fn a_snapshot_holds_what_was_applied_when_it_was_made() {
    let directory = tempfile::tempdir().unwrap();
    let mut machine = open(directory.path(), "a");
    machine.apply((1..=3).map(entry)).await.unwrap();
    let snapshot = machine.build_snapshot().await.unwrap();
    machine.apply([entry(4)]).await.unwrap();
    assert_eq!(snapshot.meta.last_log_id, Some(entry(3).log_id));

    let mut again = open(directory.path(), "a");
    assert_eq!(elements(&again), [1, 2, 3]);
    assert_eq!(again.applied_state().await.unwrap().0, Some(entry(3).log_id));
    let current = again.get_current_snapshot().await.unwrap().unwrap();
    assert_eq!((current.meta, current.snapshot), (snapshot.meta, snapshot.snapshot));
}

#[tokio::test]
async fn an_installed_snapshot_replaces_the_state_and_survives_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let mut sender = open(directory.path(), "sender");
    sender.apply((1..=5).map(entry)).await.unwrap();
    let snapshot = sender.build_snapshot().await.unwrap();
    let mut receiver = open(directory.path(), "receiver");
    receiver.apply([entry(1)]).await.unwrap();
    receiver.install_snapshot(&snapshot.meta, snapshot.snapshot).await.unwrap();
    assert_eq!(elements(&receiver), [1, 2, 3, 4, 5]);
    assert_eq!(elements(&open(directory.path(), "receiver")), [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn an_older_snapshot_does_not_replace_a_newer_one() {
    let directory = tempfile::tempdir().unwrap();
    let mut machine = open(directory.path(), "a");
    machine.apply((1..=2).map(entry)).await.unwrap();
    let older = machine.copy();
    machine.apply([entry(3)]).await.unwrap();
    machine.build_snapshot().await.unwrap();
    machine.save(&older).unwrap();
    assert_eq!(elements(&open(directory.path(), "a")), [1, 2, 3]);
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let mut machine = open(directory.path(), "a");
    machine.apply((1..=2).map(entry)).await.unwrap();
    machine.build_snapshot().await.unwrap();
    let path = directory.path().join("a");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("[1,2]", "[1,3]")).unwrap();
    let error = Machine::open(&path).unwrap_err().to_string();
    assert!(error.contains("checksum") && error.contains("wipe"), "{error}");
}
