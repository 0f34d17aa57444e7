//! What is read back from files that are whole, torn and damaged.

use super::{Record, replay};
use crate::command::{Command, Key};
use crate::raft::{Entry, LogId, Proposal};
use openraft::{CommittedLeaderId, EntryPayload};
use serde_json::json;

fn log_id(index: u64) -> LogId {
    LogId::new(CommittedLeaderId::new(3, 1), index)
}

fn entry(index: u64) -> Entry {
    let command = Command::SetAdd { key: Key::from(&json!("s")), element: 7 };
    Entry { log_id: log_id(index), payload: EntryPayload::Normal(Proposal::new(command)) }
}

/// A file of several records, and where each of them ends.
fn file() -> (Vec<u8>, Vec<usize>) {
    let records = [
        Record::Vote(openraft::Vote::new(3, 1)),
        Record::Append(entry(1)),
        Record::Append(entry(2)),
        Record::Truncate(2),
        Record::Purge(log_id(1)),
        Record::Committed(Some(log_id(1))),
    ];
    let mut bytes = Vec::new();
    let mut ends = Vec::new();
    for record in &records {
        record.write_to(&mut bytes).unwrap();
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn describe(records: &[Record]) -> Vec<String> {
    records.iter().map(|record| format!("{record:?}")).collect()
}

#[test]
fn what_was_written_is_read_back() {
    let (bytes, ends) = file();
    let replay = replay(&bytes).unwrap();
    assert_eq!(replay.good, bytes.len());
    assert_eq!(replay.records.len(), ends.len());
    let mut again = Vec::new();
    replay.records.iter().for_each(|record| record.write_to(&mut again).unwrap());
    assert_eq!(again, bytes);
}

#[test]
fn a_file_torn_at_any_byte_gives_the_whole_records_before_it() {
    let (bytes, ends) = file();
    let all = describe(&replay(&bytes).unwrap().records);
    for length in 0..bytes.len() {
        let torn = replay(&bytes[..length]).unwrap();
        let whole = ends.iter().filter(|end| **end <= length).count();
        assert_eq!(describe(&torn.records), all[..whole], "torn at byte {length}");
        assert_eq!(torn.good, if whole == 0 { 0 } else { ends[whole - 1] });
    }
}

#[test]
fn damage_in_the_last_record_is_a_torn_tail_and_before_it_an_error() {
    let (bytes, ends) = file();
    let last = ends[ends.len() - 2];
    for position in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[position] ^= 0x10;
        match replay(&damaged) {
            Ok(replay) => {
                assert!(position >= last, "damage at byte {position} went unnoticed");
                assert_eq!(replay.good, last);
            }
            Err(error) => {
                assert!(position < last, "byte {position}: {error}");
                assert!(error.to_string().contains("wipe this node's data"), "{error}");
            }
        }
    }
}

#[test]
fn zeros_that_a_crash_left_behind_are_a_torn_tail() {
    let (mut bytes, ends) = file();
    bytes.extend_from_slice(&[0; 4096]);
    let replay = replay(&bytes).unwrap();
    assert_eq!((replay.good, replay.records.len()), (ends[ends.len() - 1], ends.len()));
}
