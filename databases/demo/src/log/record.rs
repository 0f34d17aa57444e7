//! Records: what the log file is made of, and how a file is read back after a crash.
//!
//! ```text
//! 4 bytes   magic
//! 4 bytes   length of the payload, little endian
//! 4 bytes   CRC-32 over the length and the payload, little endian
//! n bytes   the payload, JSON
//! ```

use crate::raft::{Entry, LogId, Vote};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io;

const MAGIC: [u8; 4] = *b"pLg1";
const HEADER: usize = 12;
/// Bytes that a payload may have: a transaction of the largest size, with room to spare.
const PAYLOAD_LIMIT: usize = 16 << 20;

/// One change to the log. Replayed in order they give the log as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Record {
    Vote(Vote),
    Append(Entry),
    /// Everything from this index on is gone.
    Truncate(u64),
    /// Everything up to and with this entry is in the snapshot.
    Purge(LogId),
    /// Committed up to here, as far as this node knew. A hint, never synced for its own sake.
    Committed(Option<LogId>),
}

impl Record {
    /// Appends the record, as it is in the file, to `bytes`.
    pub(super) fn write_to(&self, bytes: &mut Vec<u8>) -> io::Result<()> {
        frame(self, bytes)
    }
}

/// Appends anything as a record to `bytes`.
pub(crate) fn frame(record: &impl Serialize, bytes: &mut Vec<u8>) -> io::Result<()> {
    let start = bytes.len();
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&[0; HEADER - MAGIC.len()]);
    serde_json::to_writer(&mut *bytes, record)?;
    let length = bytes.len() - start - HEADER;
    if length > PAYLOAD_LIMIT {
        bytes.truncate(start);
        return Err(io::Error::other(format!("a log record of {length} bytes is too large")));
    }
    let length = u32::try_from(length).map_err(io::Error::other)?.to_le_bytes();
    let checksum = checksum(&length, &bytes[start + HEADER..]).to_le_bytes();
    bytes[start + 4..start + 8].copy_from_slice(&length);
    bytes[start + 8..start + 12].copy_from_slice(&checksum);
    Ok(())
}

fn checksum(length: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(length);
    hasher.update(payload);
    hasher.finalize()
}

/// What a log file holds.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) records: Vec<Record>,
    /// Bytes up to the end of the last good record.
    pub(super) good: usize,
}

/// Reads a file's records up to a torn tail: what a crash left half-written at the end, which was
/// never acknowledged.
///
/// A record that is damaged with a good one behind it is no torn tail. Going on without it would
/// forget what was promised, so that is an error.
pub(super) fn replay(bytes: &[u8]) -> io::Result<Replay> {
    unframe(bytes).map(|(records, good)| Replay { records, good })
}

/// The same for records of any kind, with the number of good bytes.
pub(crate) fn unframe<T: DeserializeOwned>(bytes: &[u8]) -> io::Result<(Vec<T>, usize)> {
    let mut records = Vec::new();
    let mut good = 0;
    while let Some(payload) = payload_at(bytes, good) {
        let record = serde_json::from_slice(payload).map_err(|error| {
            let message = format!("the log's record at byte {good} cannot be understood: {error}");
            io::Error::new(io::ErrorKind::InvalidData, message)
        })?;
        records.push(record);
        good += HEADER + payload.len();
    }
    // One byte further than `good`, where the bad record itself starts.
    let beyond = (good + 1..bytes.len()).find(|&at| payload_at(bytes, at).is_some());
    if let Some(beyond) = beyond {
        let message = format!(
            "the log is damaged at byte {good}, with good records from byte {beyond} on: wipe \
             this node's data and let it join again, or restore the file"
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    Ok((records, good))
}

/// The payload of the record at `at`, if there is a whole and undamaged one.
fn payload_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let header = bytes.get(at..at + HEADER)?;
    if header[..4] != MAGIC {
        return None;
    }
    let length_bytes: [u8; 4] = header[4..8].try_into().ok()?;
    let length = usize::try_from(u32::from_le_bytes(length_bytes)).ok()?;
    if length > PAYLOAD_LIMIT {
        return None;
    }
    let payload = bytes.get(at + HEADER..at + HEADER + length)?;
    let expected: [u8; 4] = header[8..12].try_into().ok()?;
    (checksum(&length_bytes, payload) == u32::from_le_bytes(expected)).then_some(payload)
}

#[cfg(test)]
mod tests;
