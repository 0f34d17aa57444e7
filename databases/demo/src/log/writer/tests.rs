//! The writer on files that take what they are given, and on one that does not.

use super::{Durability, Writer};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

/// Appends, and waits for the answer.
fn append(writer: &Writer, bytes: &[u8]) -> Result<(), String> {
    let (sender, receiver) = mpsc::channel();
    let done = move |result: std::io::Result<()>| sender.send(result).unwrap();
    writer.append(bytes.to_vec(), Box::new(done));
    let answer = receiver.recv_timeout(Duration::from_secs(30)).unwrap();
    answer.map_err(|error| error.to_string())
}

#[test]
fn what_is_acknowledged_is_in_the_file_in_order() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    let writer = Writer::start(&path, 0, Durability::Synced).unwrap();
    writer.append_unsynced(b"a".to_vec());
    append(&writer, b"b").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"ab");
    let (sender, receiver) = mpsc::channel();
    let done = move |result: std::io::Result<()>| sender.send(result.is_ok()).unwrap();
    writer.append_unsynced(b"gone".to_vec());
    writer.replace(b"new".to_vec(), Box::new(done));
    assert!(receiver.recv().unwrap());
    append(&writer, b"er").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"newer");
}

#[test]
fn the_file_is_cut_to_what_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    std::fs::write(&path, b"good and torn").unwrap();
    let writer = Writer::start(&path, 4, Durability::Synced).unwrap();
    append(&writer, b"!").unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), b"good!");
}

#[test]
fn after_a_failed_write_nothing_is_ever_called_durable_again() {
    // Every write to this device fails for want of space.
    let writer = Writer::start(Path::new("/dev/full"), 0, Durability::Synced).unwrap();
    for _ in 0..3 {
        let error = append(&writer, b"x").unwrap_err();
        assert!(error.contains("space"), "{error}");
    }
}
