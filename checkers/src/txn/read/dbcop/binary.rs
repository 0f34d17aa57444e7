//! dbcop's binary format: numbers of 64 bits, the lowest byte first.
//!
//! Five numbers; three texts, each after its length; then sessions of transactions of events,
//! each list after its length. An event is: whether it writes, key, value, whether it succeeded.

use super::{Access, add, history};
use crate::history::ReadError;
use crate::txn::transactions::Transactions;

const FORMAT: &str = "dbcop history";

/// Whether a file is one, by its name.
pub(in crate::txn::read) fn is_binary(bytes: &[u8], name: &str) -> bool {
    name.ends_with(".bincode") && bytes.len() >= 9 * 8
}

/// Reads a history. Linear.
pub(in crate::txn::read) fn read_binary(bytes: &[u8]) -> Result<Transactions, ReadError> {
    let mut file = File { bytes, at: 0 };
    let mut sessions = history();
    for _ in 0..5 {
        file.number()?;
    }
    for _ in 0..3 {
        let length = file.number()?;
        file.skip(length)?;
    }
    let mut accesses = Vec::new();
    for session in 0..file.count(8)? {
        for _ in 0..file.count(9)? {
            accesses.clear();
            for _ in 0..file.count(18)? {
                let write = file.truth()?;
                let (key, value) = (file.number()?, file.number()?);
                let (key, value) = (sessions.number(key), sessions.number(value));
                accesses.push(Access { write, key, value, success: file.truth()? });
            }
            let committed = file.truth()?;
            add(&mut sessions, u32::try_from(session).unwrap_or(u32::MAX), committed, &accesses);
        }
    }
    match file.at == bytes.len() {
        true => Ok(sessions.finish()),
        false => Err(file.wrong("there are bytes behind the last session")),
    }
}

struct File<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl File<'_> {
    fn wrong(&self, why: &str) -> ReadError {
        ReadError::Binary { format: FORMAT, offset: self.at as u64, why: why.to_owned() }
    }

    fn rest(&self) -> &[u8] {
        &self.bytes[self.at..]
    }

    fn number(&mut self) -> Result<u64, ReadError> {
        let Some(bytes) = self.rest().first_chunk() else {
            return Err(self.wrong("the file is cut off"));
        };
        let number = u64::from_le_bytes(*bytes);
        self.at += 8;
        Ok(number)
    }

    /// The length of a list of which each takes so many bytes at least.
    fn count(&mut self, least: u64) -> Result<u64, ReadError> {
        let count = self.number()?;
        match count.checked_mul(least).is_some_and(|bytes| bytes <= self.rest().len() as u64) {
            true => Ok(count),
            false => Err(self.wrong("a list is longer than the file")),
        }
    }

    fn truth(&mut self) -> Result<bool, ReadError> {
        match self.rest().first() {
            Some(0 | 1) => {
                self.at += 1;
                Ok(self.bytes[self.at - 1] == 1)
            }
            _ => Err(self.wrong("neither 0 nor 1 where one of them has to be")),
        }
    }

    fn skip(&mut self, length: u64) -> Result<(), ReadError> {
        match usize::try_from(length) {
            Ok(length) if length <= self.rest().len() => {
                self.at += length;
                Ok(())
            }
            _ => Err(self.wrong("a text is longer than the file")),
        }
    }
}
