//! Cobra's logs: one binary file per client (Tan et al., OSDI 2020, artifact).
//!
//! From the description only, no sample was at hand. All numbers have 64 bits, the highest
//! byte first: `S` id begins a transaction, `C` id commits it, `A` id aborts it, each perhaps
//! with a timestamp; `W` write-id key value; `R` transaction-id write-id key value, of what was
//! read. Write ids are unique, so they stand for values. Two of them mean that a key held what
//! it held at first, or nothing; two more mark reads of Cobra's own collector of garbage.

use super::sessions::Sessions;
use crate::history::ReadError;
use crate::txn::transactions::{Atom, Status, Transactions};

const FORMAT: &str = "Cobra log";

/// The write ids of what keys hold at first, and of keys that hold nothing.
const INITIAL: [u64; 2] = [0xbebe_ebee, 0xdead_beef];
/// The write ids that the collector of garbage reads.
const COLLECTOR: [u64; 2] = [0x2333_2333, 0x6666_6666];

/// Reads the logs of all clients, one session each. Linear.
pub fn read_cobra(logs: &[&[u8]]) -> Result<Transactions, ReadError> {
    let mut sessions = Sessions::new(None);
    for (session, log) in logs.iter().enumerate() {
        let session = u32::try_from(session).unwrap_or(u32::MAX);
        let mut records = Records { log, at: 0, stamped: is_stamped(log) };
        let mut open = None;
        loop {
            let at = records.at;
            let fault = |why: &str| ReadError::Binary {
                format: FORMAT,
                offset: at as u64,
                why: why.to_owned(),
            };
            let record = match records.next() {
                Some(Ok(record)) => record,
                Some(Err(why)) => return Err(fault(why)),
                None => break,
            };
            match (record, open) {
                (Record::Start(id), None) => {
                    // Without an end nobody knows what became of it.
                    sessions.begin(session, Status::Unknown);
                    open = Some(id);
                }
                (Record::End(id, status), Some(begun)) if id == begun => {
                    sessions.end(status);
                    open = None;
                }
                (Record::Write(id, key), Some(_)) => {
                    let (key, id) = (sessions.number(key), sessions.number(id));
                    sessions.write(key, id);
                }
                (Record::Read(id, _), Some(_)) if COLLECTOR.contains(&id) => {}
                (Record::Read(id, key), Some(_)) => {
                    let key = sessions.number(key);
                    let initial = INITIAL.contains(&id);
                    let value = if initial { Atom::NIL } else { sessions.number(id) };
                    sessions.read(key, value);
                }
                _ => return Err(fault("transactions do not begin and end in turn")),
            }
        }
    }
    Ok(sessions.finish())
}

/// Whether a file begins with a whole transaction.
pub(super) fn is_log(bytes: &[u8]) -> bool {
    bytes.first() == Some(&b'S') && (begins(bytes, false) || begins(bytes, true))
}

/// Whether the first transaction makes sense only with timestamps.
fn is_stamped(log: &[u8]) -> bool {
    !begins(log, false) && begins(log, true)
}

fn begins(log: &[u8], stamped: bool) -> bool {
    let mut records = Records { log, at: 0, stamped };
    let Some(Ok(Record::Start(id))) = records.next() else { return false };
    loop {
        match records.next() {
            Some(Ok(Record::Read(..) | Record::Write(..))) => {}
            Some(Ok(Record::End(end, _))) => return id == end,
            _ => return false,
        }
    }
}

enum Record {
    Start(u64),
    End(u64, Status),
    /// The write id and the key.
    Write(u64, u64),
    Read(u64, u64),
}

struct Records<'a> {
    log: &'a [u8],
    at: usize,
    /// Whether begins and ends have a timestamp.
    stamped: bool,
}

impl Records<'_> {
    fn next(&mut self) -> Option<Result<Record, &'static str>> {
        let kind = *self.log.get(self.at)?;
        self.at += 1;
        Some(self.record(kind))
    }

    fn record(&mut self, kind: u8) -> Result<Record, &'static str> {
        let mut number = || {
            let rest = self.log.get(self.at..).unwrap_or_default();
            self.at += 8;
            rest.first_chunk().map(|bytes| u64::from_be_bytes(*bytes)).ok_or("the file is cut off")
        };
        let record = match kind {
            b'S' => Record::Start(number()?),
            b'C' => Record::End(number()?, Status::Committed),
            b'A' => Record::End(number()?, Status::Aborted),
            b'W' | b'R' => {
                if kind == b'R' {
                    number()?;
                }
                let (id, key) = (number()?, number()?);
                number()?;
                match kind {
                    b'W' => Record::Write(id, key),
                    _ => Record::Read(id, key),
                }
            }
            _ => return Err("a record begins with S, C, A, W or R"),
        };
        if self.stamped && matches!(record, Record::Start(_) | Record::End(..)) {
            self.at += 8;
        }
        Ok(record)
    }
}
